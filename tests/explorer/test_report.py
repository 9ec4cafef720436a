import html.parser
import re
import shutil
import stat
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from spicelab_nb.explorer import write_report
from spicelab_nb.results.statistics import summarize
from spicelab_nb.testing.datasets import rc_dataset, rc_waveforms

TAG = '<img src="http://evil.example/x.png" onerror="alert(1)">'


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = []
        self.open = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def tags(path):
    parser = Tags()
    parser.feed(path.read_text())
    parser.close()
    assert not parser.open
    return parser.seen


def failures(**columns):
    table = {"sample": [3], "R1": [1e3], "status": ["failed"], "reason": ["no convergence"]}
    return pd.DataFrame(
        {**table, "log": ["last line"], "attempts": [1], **columns},
        index=pd.Index([3], name="point"),
    )


@pytest.fixture
def hostile(tmp_path):
    """A report in which every name and line is an HTML tag."""
    ds = rc_dataset(300, failed=[3])
    ds["f3db"].attrs["long_name"] = TAG
    ds = ds.rename({"f3db": f"f{TAG}", "R1": f"r{TAG}"}).assign_attrs(circuit=TAG)
    waves = rc_waveforms(rc_dataset(300, failed=[3]))
    waves = {TAG: waves["ac"].rename({"v(out)": f"v({TAG})"})}
    waves[TAG][f"v({TAG})"].attrs["long_name"] = TAG
    table = failures(reason=[TAG], log=[f"{TAG}\n</pre><script>x</script>"], R1=[TAG])
    return write_report(
        tmp_path / "report.html",
        ds,
        summarize(ds),
        title=TAG,
        notes=[TAG],
        failures=table,
        waveforms=waves,
    )


def test_names_and_lines_are_escaped(hostile):
    seen = tags(hostile)
    assert not {tag for tag, _ in seen} & {"img", "script", "link", "iframe", "object", "image"}
    for _, attributes in seen:
        assert not [a for a in attributes if a.startswith("on") or a in {"src", "href"}]
    assert "&lt;img" in hostile.read_text()


def test_nothing_is_loaded(tmp_path):
    ds = rc_dataset(100)
    path = write_report(tmp_path / "r.html", ds, summarize(ds), title="rc")
    assert not re.search(r"https?://|@import|url\(", path.read_text())


def test_what_is_in_it(tmp_path):
    ds = rc_dataset(1000, failed=[3])
    path = write_report(
        tmp_path / "new" / "report.html",
        ds,
        summarize(ds),
        title="my amp",
        notes=["ngspice 39"],
        failures=failures(),
        waveforms=rc_waveforms(ds),
    )
    text = path.read_text()
    parts = [
        "my amp",
        "ngspice 39",
        "999 of 1000 ok, 1 failed",
        "all specs",
        "bandwidth of v(out) (kHz)",
        "no convergence",
        "last line",
        "follows",
        "rank correlation",
        "ac: v(out), phase",
        "frequency (Hz)",
        "time (ms)",
        "seed",
    ]
    assert [p for p in parts if p not in text] == []
    assert text.count("<svg") == 2 + 1 + 3
    assert path.stat().st_size < 300_000
    assert not list(path.parent.glob(".*"))
    assert stat.S_IMODE(path.stat().st_mode) & 0o400


def test_size_does_not_grow_with_the_samples(tmp_path):
    small, large = (rc_dataset(n) for n in (2000, 20_000))
    sizes = [
        write_report(tmp_path / f"{len(ds.sample)}.html", ds, summarize(ds), title="t")
        .stat()
        .st_size
        for ds in (small, large)
    ]
    assert sizes[1] < 1.5 * sizes[0]


@pytest.mark.parametrize(
    "ds",
    [
        rc_dataset(20, not_run=range(20)),
        rc_dataset(20, failed=range(20)),
        rc_dataset(1),
        rc_dataset(40, corners=["a", "b"], low=None, high=None),
        rc_dataset(30, sd=0.0),
        rc_dataset(12).rename({"sample": "R9"}),
    ],
    ids=["not run", "all failed", "one", "corners without specs", "no spread", "sweep"],
)
def test_little_or_odd_data(tmp_path, ds):
    tags(write_report(tmp_path / "r.html", ds, summarize(ds), title="t"))


def test_infinite_values_do_not_break_a_figure(tmp_path):
    ds = rc_dataset(50)
    ds["gain"][3] = -np.inf
    path = write_report(tmp_path / "r.html", ds, summarize(ds), title="t")
    assert not re.search(r"[MLHV ](nan|inf)", path.read_text())


def test_many_failures_are_cut_and_said(tmp_path):
    ds = rc_dataset(500, failed=range(300))
    table = pd.concat([failures()] * 300)
    text = write_report(
        tmp_path / "r.html", ds, summarize(ds), title="t", failures=table
    ).read_text()
    assert "Failed samples (300)" in text
    assert "100 more are in run.failures" in text


@pytest.mark.browser
def test_a_browser_shows_it_without_a_network(hostile):
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("chromium is not installed: apt-get install chromium")
    asked, said = [], []

    def show():
        with playwright.sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=chromium,
                args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
            )
            page = browser.new_page()
            page.on("request", lambda request: asked.append(request.url))
            page.on("console", lambda message: said.append(message.text))
            page.on("dialog", lambda dialog: (said.append("dialog"), dialog.dismiss()))
            page.goto(hostile.as_uri())
            boxes = [svg.bounding_box() for svg in page.query_selector_all("svg")]
            browser.close()
        return boxes

    # Other tests of this session may hold a browser in this thread, and a thread takes only one.
    with ThreadPoolExecutor(1) as pool:
        boxes = pool.submit(show).result()
    assert asked == [hostile.as_uri()]
    assert said == []
    assert len(boxes) >= 4
    assert all(box["width"] > 300 and box["height"] > 150 for box in boxes)


def test_a_glitch_between_the_drawn_points_is_drawn(tmp_path):
    ds = rc_dataset(40)
    waves = rc_waveforms(ds, points=5000)
    plain = waves["tran"].copy(deep=True)
    waves["tran"]["v(out)"][7, 2503] = 9.0
    texts = [
        write_report(
            tmp_path / f"{k}.html", ds, summarize(ds), title="t", waveforms={"tran": w}
        ).read_text()
        for k, w in enumerate((plain, waves["tran"]))
    ]
    assert "sample 7<" not in texts[0]
    assert "sample 7<" in texts[1]
    # The curve of the worst sample and the exact maximum both reach the top of the axes.
    tops = [
        min(map(float, re.findall(r"[ML][\d.]+ ([\d.]+)", d)))
        for d in re.findall(r'<path d="(M[^"]*L[^"]*)" fill="none"', texts[1])
    ]
    assert sorted(tops)[1] == sorted(tops)[0] < sorted(tops)[2]


@pytest.mark.parametrize(
    ("dead", "where"),
    [(slice(0, 1), slice(None)), (slice(None), slice(4, 5)), (slice(0, 9), slice(None))],
)
def test_samples_without_any_response_are_in_a_report_with_the_others(tmp_path, dead, where):
    ds = rc_dataset(30)
    waves = rc_waveforms(ds)
    waves["ac"]["v(out)"][dead, where] = 0.0
    text = write_report(
        tmp_path / "r.html", ds, summarize(ds), title="t", waveforms={"ac": waves["ac"]}
    ).read_text()
    assert "ac: v(out)" in text
    assert "sample 0" in text
    assert re.findall(r"[ ML]-?(?:nan|inf)", text) == []


def test_a_signal_without_any_response_is_said_to_have_none(tmp_path):
    ds = rc_dataset(5)
    waves = rc_waveforms(ds)
    waves["ac"]["v(out)"][:] = 0.0
    text = write_report(
        tmp_path / "r.html", ds, summarize(ds), title="t", waveforms={"ac": waves["ac"]}
    ).read_text()
    assert "ac: v(out): no sample has any response." in text
