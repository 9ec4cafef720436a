import threading

import pytest

import spicelab_nb as sl
from spicelab_nb.errors import ClusterError
from spicelab_nb.jupyter import campaign_view
from spicelab_nb.jupyter.campaign_view import CampaignView, flush, view_of
from spicelab_nb.jupyter.ticker import ticker


@pytest.fixture
def view(serial, gate, campaign_of):
    run = campaign_of(gate).run(chunk_length=1)
    view = view_of(run)
    yield view
    gate.open()
    view.run.cancel()
    view.run.wait(60)
    view.close()


def press(view, ask, number="1"):
    """What the front end sends when a button is pressed."""
    view._handle_custom_msg({"ask": ask, "id": number}, [])


def test_a_view_follows_its_run_to_the_end_and_rests(view, gate, wait_until):
    assert view.state["going"]
    assert view in ticker.sources
    gate.open()
    wait_until(lambda: view.state["state"] == "done")
    wait_until(lambda: view not in ticker.sources)
    assert view.state["done"] == 40
    assert view.state["failed"] == int((view.run.dataset.status != 0).sum())
    (drawing,) = view.histograms
    assert drawing["measure"] == "gain"
    assert drawing["axis"] == "gain (dB)"
    assert [text for _, text in drawing["limits"]] == ["min 39 dB"]


def test_measures_beyond_those_offered_are_counted(serial, monkeypatch, wait_until):
    monkeypatch.setattr(campaign_view, "MOST_HISTOGRAMS", 2)

    def three(x, seed):
        return {"a": x, "b": -x, "c": x * x}

    draws = sl.MonteCarlo(5, {"x": sl.Normal(mean=1.0, sd=0.1)}, seed=1)
    view = view_of(sl.Campaign(three, draws, name="three").run(serial).wait(60))
    wait_until(lambda: len(view.histograms) == 2)
    assert "2 of 3 measures are offered" in view.histograms[0]["hint"]
    view.close()


def test_a_run_shown_twice_has_one_view_with_one_poller(view, wait_until):
    assert view_of(view.run) is view
    assert [s for s in ticker.sources if isinstance(s, CampaignView)].count(view) == 1
    # One that followed other views, and has nothing left to follow, may not have ended yet.
    wait_until(lambda: [t.name for t in threading.enumerate()].count("spicelab-views") == 1)


def test_cancel_is_answered_and_stops_the_run_and_resume_finishes_it(
    view, gate, monkeypatch, wait_until
):
    answers = []
    monkeypatch.setattr(view, "send", answers.append)
    # A run that is cancelled before its first chunk has nothing to keep.
    wait_until(lambda: view.run.progress.done)
    press(view, "cancel", "7")
    assert answers == [{"heard": "7"}]
    assert view.state["label"] == "Cancelling"
    gate.open()
    wait_until(lambda: view.state["state"] == "cancelled")
    assert view.state["resumable"]
    assert 0 < view.state["done"] < 40
    press(view, "resume")
    wait_until(lambda: view.state["state"] == "done")
    assert view.run.progress.done == 40


def test_requests_of_no_sense_are_left_alone(view):
    for content in ("cancel", None, {}, {"ask": "format the disk"}, {"ask": ["cancel"]}):
        view._handle_custom_msg(content, [])
    assert view.state["going"]


def test_a_campaign_that_is_run_again_is_followed_by_the_same_view(
    view, gate, campaign_of, wait_until
):
    press(view, "cancel")
    gate.open()
    wait_until(lambda: view.state["state"] == "cancelled")
    again = campaign_of(gate).run()
    assert again is not view.run
    assert view_of(again) is view
    wait_until(lambda: view.state["state"] == "done")


def test_a_run_resumed_in_code_is_followed_after_the_cell(view, gate, wait_until):
    view.run.cancel()
    gate.open()
    wait_until(lambda: view.state["state"] == "cancelled")
    wait_until(lambda: view not in ticker.sources)
    view.run.resume()
    flush()
    wait_until(lambda: view.state["state"] == "done")


def test_a_closed_view_is_not_looked_at_and_the_run_goes_on(view, gate, wait_until):
    run = view.run
    view.close()
    assert view not in ticker.sources
    assert run.active
    gate.open()
    assert run.wait(60).progress.state == "done"
    other = view_of(run)
    assert other is not view
    other.close()


def test_the_fallback_shows_the_state_with_everything_escaped(view, gate, wait_until):
    gate.open()
    wait_until(lambda: view.state["state"] == "done")
    data, _ = view.bundle()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "40 of 40" in data["text/plain"]
    assert "40 of 40" in data["text/html"]
    assert "<script" not in data["text/html"]


def test_an_error_ends_the_run_and_is_shown(serial, campaign_of, wait_until, monkeypatch):
    def refuse():
        raise ClusterError("The cluster went away.")

    monkeypatch.setattr(serial, "executor", refuse)
    run = campaign_of().run(serial)
    view = view_of(run)
    wait_until(lambda: view.state["state"] == "failed")
    assert "went away" in view.state["note"]
    assert view.state["resumable"]
    view.close()
