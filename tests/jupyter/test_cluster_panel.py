import threading

import pytest

from spicelab_nb import clusters
from spicelab_nb.clusters import registry
from spicelab_nb.clusters.record import Record
from spicelab_nb.errors import ClusterError
from spicelab_nb.jupyter import cluster_actions, cluster_panel
from spicelab_nb.jupyter.cluster_table import ClusterTable, describe_cluster
from spicelab_nb.jupyter.ticker import ticker


@pytest.fixture
def panel(serial):
    panel = cluster_panel.panel()
    yield panel
    panel.close()


def press(panel, **asked):
    panel._handle_custom_msg({"id": "1", **asked}, [])


def record(**changes):
    given = {
        "id": "0123456789ab",
        "name": "elsewhere",
        "kind": "slurm",
        "owner": 1,
        "owner_started": 0.0,
        "host": "login",
        "state": "running",
        "started": 0.0,
        "heartbeat": 0.0,
    }
    return Record(**{**given, **changes})


def test_there_is_one_panel_and_it_follows_the_clusters(panel, serial, wait_until):
    assert cluster_panel.panel() is panel
    wait_until(lambda: [c["name"] for c in panel.clusters] == ["serial"])
    assert panel.clusters[0]["current"]
    assert panel.clusters[0]["mine"]
    other = clusters.cluster("serial", name="other")
    wait_until(lambda: [c["current"] for c in panel.clusters] == [False, True])
    other.close()
    wait_until(lambda: [c["name"] for c in panel.clusters] == ["serial"])


def test_what_the_buttons_ask_for_is_done(panel, serial, wait_until):
    clusters.cluster("serial", name="other")
    press(panel, ask="use", cluster=serial.id)
    wait_until(lambda: clusters.current() is serial)
    press(panel, ask="stop", cluster="other")
    wait_until(lambda: [r.name for r in clusters.list_clusters()] == ["serial"])
    wait_until(lambda: panel.busy == [])
    assert panel.problem == ""


def test_what_is_done_names_the_cluster(panel, serial, monkeypatch, wait_until):
    said, go = [], threading.Event()
    monkeypatch.setattr(cluster_actions, "stop", lambda name: go.wait(10))
    panel.observe(lambda change: said.append(list(change["new"])), "busy")
    wait_until(lambda: panel.clusters)
    press(panel, ask="stop", cluster=serial.id)
    wait_until(lambda: panel.busy)
    go.set()
    wait_until(lambda: panel.busy == [])
    assert said == [["Stopping serial"], []]


def test_one_that_cannot_be_stopped_keeps_no_other_from_it(serial, monkeypatch):
    names = ["one", "two", "three"]
    for name in names:
        clusters.cluster("serial", name=name)
    stop = cluster_actions.stop

    def stopped(id):
        name = cluster_actions.find(id).name
        if name == "one":
            raise ClusterError("its disk is full")
        if name == "two":
            clusters.get(id).close()
        return stop(id)

    monkeypatch.setattr(cluster_actions, "stop", stopped)
    said = cluster_actions.stop_all()
    assert "'one' is not stopped: its disk is full" in said
    assert "'two' ended meanwhile" in said
    assert "'three' is stopped" in said
    assert [record.name for record in clusters.list_clusters()] == ["one"]
    clusters.get("one").close()


def test_what_went_wrong_is_shown(panel, serial, wait_until):
    press(panel, ask="scale", cluster=serial.id, workers=3)
    wait_until(lambda: "cannot have other workers" in panel.problem)
    press(panel, ask="start", workers=-2, name="x")
    wait_until(lambda: "at least 1" in panel.problem)
    press(panel, ask="stop", cluster="nobody")
    wait_until(lambda: "no live cluster called 'nobody'" in panel.problem)
    wait_until(lambda: panel.busy == [])


@pytest.mark.parametrize(
    "asked", [{}, {"ask": "explode"}, {"ask": "scale", "cluster": "a", "workers": "two"}, "stop"]
)
def test_requests_of_no_sense_are_left_alone(panel, asked):
    panel._handle_custom_msg(asked, [])
    assert panel.busy == []


def test_a_closed_panel_is_not_followed(serial):
    panel = cluster_panel.panel()
    panel.close()
    assert panel not in ticker.sources
    again = cluster_panel.panel()
    assert again is not panel
    again.close()


def test_another_process_is_asked_and_its_cluster_not_touched(
    panel, serial, monkeypatch, wait_until
):
    monkeypatch.setattr(cluster_actions, "owned", lambda record: False)
    # What is asked for is left beside the record, where its owner (here this process) finds it.
    assert "asked to stop" in cluster_actions.stop(serial.id)
    wait_until(lambda: serial.state == "closed")


def test_only_web_addresses_become_links():
    assert (
        describe_cluster(record(dashboard="javascript:alert(1)"), current=False)["dashboard"] == ""
    )
    link = "http://127.0.0.1:8787/status"
    assert describe_cluster(record(dashboard=link), current=False)["dashboard"] == link


def test_the_static_table_escapes_every_text():
    evil = "<img src=x onerror=alert(1)>"
    described = describe_cluster(
        record(name=evil, campaigns={evil: {"done": 1, "total": 2, "state": evil}}), current=True
    )
    html = ClusterTable((described,))._repr_html_()
    assert "<img" not in html
    assert "&lt;img" in html
    assert registry.folder().exists()
