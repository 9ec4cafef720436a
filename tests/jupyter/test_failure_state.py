import json
from html.parser import HTMLParser

import pandas as pd

from spicelab_nb.jupyter.campaign_view import view_of
from spicelab_nb.jupyter.failure_state import MOST_REASONS, describe_failures, failures_html

EVIL = "<script>alert(1)</script>'\"><img src=x onerror=y>"


def table(reasons, log="no convergence"):
    n = len(reasons)
    return pd.DataFrame(
        {
            "sample": range(n),
            "r": [1000.0 + i for i in range(n)],
            "status": ["failed"] * n,
            "code": ["other"] * n,
            "reason": reasons,
            "log": [log] * n,
            "attempts": [2] * n,
        }
    )


def test_no_failure_is_nothing_to_show():
    assert describe_failures(table([]), dims=["sample"]) == []
    assert failures_html([]) == ""


def test_reasons_come_by_number_and_open_to_their_samples():
    described = describe_failures(
        table(["singular matrix"] + ["no operating point"] * 7), dims=["sample"]
    )
    assert [group["text"] for group in described] == [
        "7 x no operating point",
        "1 x singular matrix",
    ]
    first = described[0]["samples"][0]
    assert first == {
        "title": "sample 1: failed, after 2 attempts",
        "values": "r = 1001",
        "reason": "no operating point",
        "log": "no convergence",
    }
    assert described[0]["more"] == "and 2 more: run.failures lists each"
    assert described[1]["more"] == ""
    json.dumps(described, allow_nan=False)


def test_what_is_left_out_is_said():
    words = [f"reason {chr(65 + i)}{chr(75 + i)}" for i in range(MOST_REASONS + 3)]
    described = describe_failures(table(words), dims=["sample"])
    assert len(described) == MOST_REASONS
    assert "3 other reasons" in described[-1]["more"]


def test_a_circuit_s_words_are_escaped():
    seen = set()

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            seen.add(tag)

    Tags().feed(failures_html(describe_failures(table([EVIL], log=EVIL), dims=["sample"])))
    assert seen <= {"div", "details", "summary", "ul", "li", "br", "small", "pre"}


def test_a_view_reads_them_when_asked_and_keeps_them_in_its_fallback(
    serial, campaign_of, wait_until
):
    run = campaign_of(n=300).run().wait(60)
    view = view_of(run)
    assert view.state["failed"] > 0
    wait_until(lambda: view.failures["reasons"])
    assert view.failures["of"] == view.state["failed"]
    (group,) = view.failures["reasons"]
    assert "no operating point" in group["text"]
    page = view.bundle()[0]["text/html"]
    assert "&lt;b&gt;no operating point" in page
    assert "bias = 42" in page
    view.failures = {"of": 0, "reasons": []}
    view._handle_custom_msg({"ask": "failures", "id": "1"}, [])
    wait_until(lambda: view.failures["of"] == view.state["failed"])
    view.close()
