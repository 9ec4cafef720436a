"""No engine of a run that has ended stays in a worker."""

import contextlib
import os

import psutil
import pytest

pytestmark = pytest.mark.ngspice


def engines(cluster):
    """The engine processes below a cluster's workers."""
    pids = cluster.client.run(os.getpid).values()
    alive = []
    for process in (p for pid in pids for p in psutil.Process(pid).children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended between two looks
            if process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process.pid)
    return alive


def test_engines_end_with_their_run_and_start_with_the_next(
    make_rc, tmp_path, local_pair, wait_until
):
    run = make_rc(tmp_path / "s", n=2000).run(local_pair, chunk_length=4)
    seen = wait_until(lambda: engines(local_pair) or not run.active, what="engines")
    assert seen is not True, "it was over before anything could be seen"
    run.wait(120)
    wait_until(lambda: not engines(local_pair), what="the end of engines")
    larger = make_rc(tmp_path / "s", n=2050).run(local_pair).wait(120)
    assert int((larger.dataset["status"] == 0).sum()) == 2050


def test_an_engine_that_is_computing_is_closed_afterwards():
    from spicelab_nb.campaigns import task

    closed = []

    class Session:
        def close(self):
            closed.append(self)

    warm = task._Warm("key", Session())
    assert warm.take()
    warm.give_up()
    assert closed == []
    warm.put_down()
    assert closed == [warm.session]
    warm.give_up()
    assert len(closed) == 1
    assert not warm.take(), "a closed one is opened anew"


def test_one_that_is_given_up_just_before_its_next_chunk_is_closed():
    from spicelab_nb.campaigns import task

    closed = []

    class Session:
        def close(self):
            closed.append(self)

    warm = task._Warm("key", Session())
    with warm._lock:  # its thread has it already, and has not looked yet
        warm.give_up()
    assert closed == []
    assert not warm.take()
    assert closed == [warm.session]
    assert warm not in task._every_session
