import json
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicelab_nb.campaigns.progress import Progress, YieldSoFar
from spicelab_nb.jupyter.campaign_state import describe_histogram, describe_progress, static_html
from spicelab_nb.results.spec import Spec


def progress(**changes):
    given = {
        "state": "running",
        "total": 1000,
        "done": 640,
        "failed": 3,
        "retried": 0,
        "rate": 152.3,
        "eta": 2.4,
        "elapsed": 4.0,
        "spent": 0.0,
        "running_yield": YieldSoFar(value=0.932, low=0.914, high=0.947, samples=600, failed=3),
    }
    return Progress(**{**given, **changes})


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def test_facts_are_texts_for_people():
    state = describe_progress("amp", progress())
    assert dict(state["facts"]) == {
        "Done": "640 of 1,000",
        "Failed": "3",
        "Rate": "152/s",
        "Time left": "2 s",
        "Elapsed": "4 s",
    }
    assert state["yield"]["text"] == "93.2 %"
    assert state["yield"]["interval"] == "91.4 % to 94.7 %"
    assert "3 failed ones left out" in state["yield"]["basis"]
    assert state["going"]
    assert not state["resumable"]


def test_what_is_spent_stands_beside_what_was_foreseen():
    said = "80 % of the budget of 5.00 USD is spent: 4.10 USD."
    state = describe_progress(
        "amp", progress(spent=4.1, notice=said), foreseen="10 s (5 to 20), 4.00 USD (2.00 to 8.00)"
    )
    facts = dict(state["facts"])
    assert facts["Spent"] == "4.10 USD"
    assert facts["Preview"] == "10 s (5 to 20), 4.00 USD (2.00 to 8.00)"
    assert state["note"] == said


@given(total=st.integers(1, 10**7), data=st.data())
def test_all_is_said_of_all_only(total, data):
    done = data.draw(st.integers(0, total))
    state = describe_progress("amp", progress(total=total, done=done, failed=0))
    assert (state["percent"] == 100) == (done == total)


@given(good=st.integers(0, 10**6), bad=st.integers(0, 10**6))
def test_a_yield_of_all_is_said_of_all_only(good, bad):
    n = good + bad
    if not n:
        return
    y = YieldSoFar(value=good / n, low=0.0, high=1.0, samples=n, failed=0)
    text = describe_progress("amp", progress(running_yield=y))["yield"]["text"]
    assert (text == "100.0 %") == (bad == 0)
    assert (text == "0.0 %") == (good == 0)


@pytest.mark.parametrize(
    ("state", "done", "resumable"),
    [("done", 1000, False), ("cancelled", 640, True), ("failed", 1, True), ("partial", 2, True)],
)
def test_what_has_ended_can_be_resumed_if_samples_are_missing(state, done, resumable):
    described = describe_progress("amp", progress(state=state, done=done), cancelling=True)
    assert described["resumable"] is resumable
    assert not described["going"]
    assert not described["cancelling"]


def test_numbers_that_are_not_known_yet_are_no_nan_for_json():
    waiting = progress(
        state="waiting", done=0, rate=float("nan"), eta=float("nan"), running_yield=None
    )
    described = describe_progress("amp", waiting)
    assert "NaN" not in json.dumps(described)
    assert described["yield"] is None


def test_a_histogram_marks_what_is_beyond_the_spec():
    values = np.random.default_rng(1).normal(1600, 80, 2000)
    spec = Spec(min=1500, max=1700, unit="Hz")
    drawing, _ = describe_histogram("f3db", values, spec=spec, unit="Hz")
    bad = int((~spec.passes(values)).sum())
    assert f"{bad:,} beyond the spec" in drawing["hint"]
    assert drawing["axis"] == "f3db (kHz)"
    (low, low_text), (high, high_text) = drawing["limits"]
    assert (low_text, high_text) == ("min 1.5 kHz", "max 1.7 kHz")
    for left, right, height, beyond in drawing["bars"]:
        assert 0 <= left < right <= 1
        assert 0 < height <= 1
        # A limit is an edge, so a bar is wholly on one side of it.
        assert beyond == (right <= low + 1e-3 or left >= high - 1e-3)
    json.dumps(drawing, allow_nan=False)


@pytest.mark.parametrize("spec", [Spec(min=1, max=3), Spec(max=3), Spec(min=3)])
def test_values_on_a_limit_are_not_marked(spec):
    values = np.array([0.0, 1, 1, 2, 3, 3, 3, 4, 5])
    drawing, bins = describe_histogram("bits", values, spec=spec)
    width = bins.edges[-1] - bins.edges[0]
    marked = {
        float(v)
        for left, right, _, beyond in drawing["bars"]
        for v in values
        if beyond and left - 1e-3 <= (v - bins.edges[0]) / width < right - 1e-3
    }
    assert marked >= set(values[~spec.passes(values)].tolist()) - {5.0}
    assert not marked & set(values[spec.passes(values)].tolist())
    assert f"{(~spec.passes(values)).sum()} beyond the spec" in drawing["hint"]


def test_bins_stay_while_values_arrive():
    values = np.random.default_rng(1).normal(0, 1, 1000)
    _, bins = describe_histogram("m", values[:500], spec=None)
    drawing, again = describe_histogram("m", values, spec=None, bins=bins)
    assert np.array_equal(bins.edges, again.edges)
    assert again.total == 1000
    assert drawing["hint"].startswith("1,000 values") or "range" in drawing["hint"]


finite = st.floats(-1e30, 1e30, allow_nan=False) | st.just(float("nan"))


@given(values=st.lists(finite, min_size=1, max_size=60))
def test_any_values_can_be_drawn(values):
    drawing, _ = describe_histogram("m", np.array(values), spec=Spec(min=0.0), unit="V")
    json.dumps(drawing, allow_nan=False)
    assert all(-1e-6 <= x <= 1 + 1e-6 for x, _ in drawing["ticks"])


def test_static_html_escapes_every_text_and_runs_nothing():
    evil = "<script>alert(1)</script>'\"><img src=x onerror=y>"
    state = describe_progress(evil, progress(state="failed", error=evil))
    values = np.linspace(0, 1, 50)
    drawing, _ = describe_histogram(evil, values, spec=Spec(max=0.5, unit=evil), unit=evil)
    page = Tags(static_html(state, [drawing]))
    assert {tag for tag, _ in page.tags} <= {
        "div",
        "b",
        "small",
        "br",
        "svg",
        "rect",
        "path",
        "text",
    }
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert evil in "".join(page.text)
    bar = next(attrs for _, attrs in page.tags if attrs.get("role") == "progressbar")
    assert (bar["aria-valuenow"], bar["aria-valuemax"]) == ("640", "1000")
