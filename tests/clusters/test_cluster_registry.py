"""Records of live clusters on disk."""

import json
import os
import stat
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import spicelab_nb as sl
from spicelab_nb import clusters
from spicelab_nb.clusters import registry
from spicelab_nb.clusters.record import SCHEMA, Record, hostname, process_start
from spicelab_nb.errors import ClusterError, ClusterNotFoundError


def a_record(**changes):
    base = Record(
        id="0123456789ab",
        name="lab",
        kind="local",
        owner=os.getpid(),
        owner_started=process_start(os.getpid()),
        host=hostname(),
        state="running",
        started=1.0,
        heartbeat=time.time(),
        workers=2,
        campaigns={"amp": {"done": 1, "total": 2, "state": "running"}},
    )
    return replace(base, **changes)


def put(record):
    registry.save(record, registry.folder())
    return registry.folder() / f"{record.id}.json"


def age(path, seconds=3600):
    os.utime(path, (time.time() - seconds,) * 2)


@pytest.fixture
def dead():
    """Process id and start of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = process_start(process.pid)
    process.communicate(b"\n")
    return process.pid, started


def test_a_record_comes_back_as_it_was(runtime_dir):
    path = put(a_record())
    assert clusters.list_clusters() == [a_record(heartbeat=clusters.list_clusters()[0].heartbeat)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_dead_owner_is_recognised_and_pruned(runtime_dir, dead):
    pid, started = dead
    put(a_record(owner=pid, owner_started=started))
    (registry.folder() / "0123456789ab").mkdir()
    scratch = registry.scratch_folder("0123456789ab")
    scratch.mkdir()
    assert clusters.list_clusters() == []
    assert clusters.prune() == ["lab"]
    assert list(registry.folder().iterdir()) == []
    assert not scratch.exists()


def test_a_zombie_owner_is_dead(runtime_dir, wait_until):
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = process_start(process.pid)
    assert started is not None
    process.kill()
    wait_until(lambda: process_start(process.pid) is None)
    process.communicate()


def test_a_process_id_that_is_used_again_is_not_the_owner(runtime_dir):
    put(a_record(owner_started=process_start(os.getpid()) - 1))
    assert clusters.list_clusters() == []


def test_a_cluster_of_another_host_lives_as_long_as_it_is_heard_of(runtime_dir):
    put(a_record(host="elsewhere", owner=2**22 + 1))
    assert len(clusters.list_clusters()) == 1
    put(a_record(host="elsewhere", owner=2**22 + 1, heartbeat=time.time() - 3600))
    assert clusters.list_clusters() == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ('{"schema": 1', "not JSON"),
        ("[]", "not a cluster record"),
        ("{}", "not a cluster record"),
        (json.dumps({"schema": SCHEMA + 1, "id": "x"}), "later version"),
        (json.dumps({"schema": 1, "id": "0123456789ab"}), "incomplete"),
        (a_record().to_json().replace('"workers": 2', '"workers": "many"'), "'workers' is not"),
        (a_record(id="../../etc/x").to_json(), "its id is not one"),
        (a_record(id="ba9876543210").to_json(), "describes another cluster"),
    ],
)
def test_what_is_no_record_is_left_out_named_and_pruned_in_time(runtime_dir, text, says):
    good = put(a_record(id="aaaaaaaaaaaa"))
    bad = registry.folder() / "0123456789ab.json"
    bad.write_text(text)
    assert [record.id for record in clusters.list_clusters()] == ["aaaaaaaaaaaa"]
    assert clusters.prune() == []
    ((path, reason),) = clusters.unreadable().items()
    assert path == bad
    assert says in reason or says == "."
    age(bad)
    assert clusters.prune() == [bad.name]
    assert list(registry.folder().iterdir()) == [good]


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_harm(content):
    path = registry.folder() / "ffffffffffff.json"
    path.write_bytes(content)
    try:
        clusters.list_clusters()
        clusters.unreadable()
    finally:
        path.unlink()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(json.loads(a_record().to_json()))), json_values))
def test_a_record_of_wrong_values_is_an_error_or_a_record(changes):
    text = json.dumps({**json.loads(a_record().to_json()), **changes})
    try:
        record = Record.from_json(text)
    except ClusterError:
        return
    assert record.alive(time.time()) in (True, False)
    repr(record)


def test_fields_of_a_later_release_are_left_out(runtime_dir):
    data = {**json.loads(a_record().to_json()), "colour": "green"}
    assert Record.from_json(json.dumps(data)).name == "lab"


def test_leftovers_of_a_write_that_was_killed_are_pruned(runtime_dir):
    leftover = registry.folder() / ".0123456789ab.json.x1y2z3"
    leftover.write_text("{")
    orphan = registry.folder() / "0123456789ab.stop"
    orphan.write_text("{}")
    assert clusters.list_clusters() == []
    assert clusters.prune() == []
    for path in (leftover, orphan):
        age(path)
    assert sorted(clusters.prune()) == sorted([leftover.name, orphan.name])
    assert list(registry.folder().iterdir()) == []


def test_nothing_outside_the_folder_is_ever_removed(runtime_dir):
    with pytest.raises(ClusterError, match="no cluster's id"):
        registry.remove("../..", registry.folder())


def test_a_folder_that_cannot_be_used_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPICELAB_NB_RUNTIME_DIR", str(tmp_path / "file"))
    with pytest.raises(ClusterError, match="SPICELAB_NB_RUNTIME_DIR"):
        sl.list_clusters()


def test_a_folder_of_somebody_else_is_refused(runtime_dir, monkeypatch):
    registry.folder()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(ClusterError, match="belongs to another user"):
        registry.folder()


def test_the_folder_is_jupyters_unless_set(tmp_path, monkeypatch):
    monkeypatch.delenv("SPICELAB_NB_RUNTIME_DIR")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "jupyter"))
    assert registry.folder() == tmp_path / "jupyter" / "spicelab_nb" / "clusters"


def test_requests_are_taken_once(runtime_dir):
    put(a_record())
    base = registry.folder()
    clusters.request_scale("lab", 4)
    clusters.request_stop("0123456789ab")
    assert registry.take_requests("0123456789ab", base) == {"stop": None, "scale": 4}
    assert registry.take_requests("0123456789ab", base) == {}


@pytest.mark.parametrize("text", ["", "[]", '{"workers": -1}', '{"workers": "x"}', "null"])
def test_requests_that_make_no_sense_are_dropped(runtime_dir, text):
    (registry.folder() / "0123456789ab.scale").write_text(text)
    assert registry.take_requests("0123456789ab", registry.folder()) == {}
    assert list(registry.folder().iterdir()) == []


def test_requests_for_nobody_are_refused_with_the_nearest(runtime_dir):
    put(a_record())
    with pytest.raises(ClusterNotFoundError, match="Did you mean lab"):
        clusters.request_stop("lap")
    with pytest.raises(ClusterError, match="0 or more workers"):
        clusters.request_scale("lab", -1)


def test_a_notebook_that_changes_folders_keeps_its_record(tmp_path, monkeypatch, wait_until):
    monkeypatch.delenv("SPICELAB_NB_RUNTIME_DIR")
    (tmp_path / "spicelab_nb.toml").write_text(f'runtime_dir = "{tmp_path / "here"}"\n')
    monkeypatch.chdir(tmp_path)
    with sl.cluster("serial") as cluster:
        (path,) = (tmp_path / "here").rglob("*.json")
        written = path.read_text()
        (tmp_path / "sub").mkdir()
        monkeypatch.chdir(tmp_path / "sub")
        monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "jupyter"))
        cluster.note_campaign("amp", 1, 2, "running")
        wait_until(lambda: path.read_text() != written)
    assert not path.exists()


def test_campaigns_of_one_name_are_counted_apart(runtime_dir):
    with sl.cluster("serial") as cluster:
        cluster.note_campaign("amp", 1, 2, "running", run="a")
        cluster.note_campaign("amp", 3, 9, "waiting", run="b")
        assert cluster.campaigns_under_way == 2
        assert {name: e["done"] for name, e in cluster.record().campaigns.items()} == {
            "amp": 1,
            "amp (2)": 3,
        }
        cluster.note_campaign("amp", 2, 2, "done", run="a")
        assert cluster.campaigns_under_way == 1
        cluster.note_campaign("amp", 0, 2, "running", run="c")  # the ended one gives way
        assert [e["done"] for e in cluster.record().campaigns.values()] == [3, 0]


def test_one_that_is_closed_has_no_record(runtime_dir, monkeypatch):
    """It called itself closed for a moment in which others still read of it."""
    states = []

    def remove(*arguments):
        states.append(cluster.state)
        real(*arguments)

    real = registry.remove
    monkeypatch.setattr(registry, "remove", remove)
    cluster = sl.cluster("serial")
    cluster.close()
    assert states == ["closing"]
    assert cluster.state == "closed"


def test_a_full_disk_does_not_end_the_care(runtime_dir, monkeypatch, wait_until, caplog):
    with sl.cluster("serial") as cluster:

        def full(*_):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(registry, "save", full)
            cluster.note_campaign("amp", 1, 2, "running")
            wait_until(lambda: "No space left" in caplog.text)
        cluster.note_campaign("amp", 2, 2, "done")
        wait_until(
            lambda: clusters.list_clusters()[0].campaigns.get("amp", {}).get("state") == "done"
        )
