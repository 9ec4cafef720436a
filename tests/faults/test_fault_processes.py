"""Processes that are killed, or that end themselves: workers, schedulers, kernels."""

import os
import re

import numpy as np
import psutil
import pytest
import scenes
from scenes import BAD

import spicelab_nb as sl
from spicelab_nb.errors import ExecutorError


def kill(pid):
    psutil.Process(pid).kill()


def under_way(campaign, place, cluster, wait_until, *, length=2, chunks=3, workers=1):
    """A run of which a few chunks are published, and its store."""
    made = scenes.CAMPAIGNS[campaign](place)
    run = made.run(cluster, chunk_length=length)
    store = scenes.opened(place)
    wait_until(lambda: len(store.chunks()) >= chunks or not run.active, what="the first chunks")
    wait_until(
        lambda: len(scenes.publishers(store)) >= workers or not run.active, what="every worker"
    )
    return run, store


@pytest.mark.ngspice
@pytest.mark.fault("worker")
def test_a_worker(kind, start, tmp_path, wait_until, cell, same_bits):
    cluster = start(kind)
    run, store = under_way("circuit", tmp_path / "s", cluster, wait_until)
    if kind == "serial":
        (host,) = scenes.below(os.getpid(), "spicelab_nb.engines")
        cell.strike(host.kill, store)
    else:
        cell.strike(lambda: kill(min(scenes.publishers(store))), store)
    run.wait(300)
    shared = same_bits(run, "circuit")
    assert run.progress.failed == 0
    if kind == "serial":
        assert shared == 0
        cell.is_("no loss, 1 engine process replaced, same bits")
        return
    cluster.wait(2)
    cell.is_("no loss, 1 worker replaced, same bits")


@pytest.mark.ngspice
@pytest.mark.fault("workers")
def test_all_workers(kind, start, tmp_path, wait_until, cell, same_bits):
    cluster = start(kind)
    run, store = under_way("circuit", tmp_path / "s", cluster, wait_until, workers=2)
    before = scenes.publishers(store)
    assert len(before) == 2
    cell.strike(lambda: [kill(pid) for pid in before], store)
    run.wait(300)
    same_bits(run, "circuit")
    assert scenes.publishers(store) - before, "nobody took their place"
    cell.is_("no loss, 2 workers replaced, same bits")


def head(kind, cluster):
    """The process that all others of a cluster depend on."""
    if kind == "local":
        return cluster.client.run_on_scheduler(os.getpid)
    (server,) = scenes.below(os.getpid(), "/gcs_server ")
    return server.pid


LOST = {
    "local": "The connection to the cluster's scheduler is lost",
    "ray": "is lost",
}


@pytest.mark.ngspice
@pytest.mark.fault("head")
def test_the_scheduler_or_head(kind, start, tmp_path, wait_until, cell, same_bits):
    cluster = start(kind)
    run, store = under_way("circuit", tmp_path / "s", cluster, wait_until, workers=2)
    pid = head(kind, cluster)
    # Until the loss is noticed the workers would go on, and be done where they are quick.
    with scenes.stopped_engines(os.getpid()):
        cell.strike(lambda: kill(pid), store)
        with pytest.raises(ExecutorError) as caught:
            run.wait(300)
    text = str(caught.value)
    assert LOST[kind] in text
    assert "safe in the store" in text
    assert "only the rest is computed" in text
    wait_until(lambda: cluster.state == "failed")
    kept = run.progress.done
    assert 0 < kept < run.progress.total
    cluster.close()
    run.resume(start(kind)).wait(300)
    same_bits(run, "circuit")
    cell.is_(
        f'ExecutorError: "{LOST[kind]} ... What was published is safe in the store: start a '
        'cluster and call run(...) again"; resume completes, same bits'
    )


@pytest.mark.ngspice
@pytest.mark.fault("kernel")
def test_the_kernel(kind, start, tmp_path, wait_until, cell, same_bits):
    options = {} if kind == "serial" else {"workers": 2}
    kernel = scenes.start_kernel(kind, "circuit", tmp_path / "s", **options)
    try:
        assert kernel.stdout.readline().startswith("running")
        store = wait_until(lambda: scenes.opened(tmp_path / "s"), what="the store")
        wait_until(lambda: len(store.chunks()) >= 3, what="the first chunks")
        processes = scenes.family(kernel.pid)
        assert processes, "its engines and workers should be there"
        cell.strike(kernel.kill, store)
        _, alive = psutil.wait_procs(processes, timeout=60)
        assert not alive, f"left behind: {alive}"
    finally:
        scenes.end_kernel(kernel)
    assert store.gaps(), "the kill came too late"
    run = sl.open_run(tmp_path / "s")
    assert run.progress.state == "partial"
    run.resume(start(kind)).wait(300)
    same_bits(run, "circuit")
    cell.is_("all its processes end; open_run(...).resume() in another kernel completes, same bits")


@pytest.mark.fault("poison", kinds=("local", "ray"))
def test_poison(kind, start, tmp_path, wait_until, cell):
    cluster = start(kind)
    run, store = under_way("poison", tmp_path / "s", cluster, wait_until, length=4, chunks=1)
    # It happens by itself, in the second chunk.
    cell.strike(lambda: None, store)
    run.wait(300)
    crashed(run, store, r"ended its worker process each time: .*(exit code 17|died)")
    cell.is_(
        "that sample is recorded as crashed after 2 deaths alone, the others have the same bits"
    )


@pytest.mark.ngspice
@pytest.mark.fault("poison", kinds=("serial",))
def test_a_circuit_that_ends_its_engine(kind, start, tmp_path, wait_until, cell, same_bits):
    run, store = under_way("quitting", tmp_path / "s", start(kind), wait_until, length=3, chunks=1)
    cell.strike(lambda: None, store)
    run.wait(300)
    same_bits(run, "quitting")
    status = run.dataset["status"]
    assert (status.sel(corner="fine") == 0).all()
    assert status.sel(corner="quitting").isin([1, 3]).all()
    assert run.failures["reason"].str.contains("nosuchfunction").all()
    cell.is_(
        "those samples are recorded as failed, with ngspice's words; the others have the same bits"
    )


def crashed(run, store, reason):
    """Only the bad sample is crashed, for that reason; the others are as computed here."""
    assert run.progress.state == "done"
    assert store.gaps() == []
    scenes.shared_samples(store)
    ds = run.dataset
    status = ds["status"].values
    assert status[BAD] == 3
    assert (np.delete(status, BAD) == 0).all()
    assert np.delete(ds["y"].values, BAD).tobytes() == np.delete(2 * ds["x"].values, BAD).tobytes()
    (row,) = run.failures.to_dict("records")
    assert row["sample"] == BAD
    assert re.search(reason, row["reason"]), row["reason"]


@pytest.mark.fault("memory", kinds=("local", "ray"))
def test_a_worker_out_of_memory(kind, start, tmp_path, wait_until, cell):
    cluster = start(kind, memory_limit="400 MB" if kind == "local" else "600 MB")
    run, store = under_way("hungry", tmp_path / "s", cluster, wait_until, length=4, chunks=1)
    cell.strike(lambda: None, store)
    run.wait(300)
    crashed(run, store, r"used \d+ MiB of the \d+ MiB of memory")
    cell.is_(
        'that sample is recorded as crashed, "used ... MiB of the ... MiB of memory"; '
        "the others have the same bits"
    )


@pytest.mark.fault("memory", kinds=("serial",))
def test_a_kernel_out_of_memory(kind, tmp_path, wait_until, cell):
    limit = ("bash", "-c", 'ulimit -v 4000000 && exec "$@"', "limited")
    kernel = scenes.start_kernel(kind, "hungry", tmp_path / "s", length=1, prefix=limit)
    try:
        assert kernel.stdout.readline().startswith("running")
        store = wait_until(lambda: scenes.opened(tmp_path / "s"), what="the store")
        wait_until(store.chunks, what="the first chunk")
        cell.strike(lambda: None, store)
        assert kernel.stdout.readline() == "done\n"
    finally:
        scenes.end_kernel(kernel)
    run = sl.open_run(tmp_path / "s")
    status = run.dataset["status"].values
    assert status[BAD] == 1
    assert (np.delete(status, BAD) == 0).all()
    assert run.failures["reason"].str.startswith("MemoryError").all()
    cell.is_("that sample is recorded as failed, MemoryError; the others have the same bits")
