"""The Dask executor on a real local cluster."""

import os
import signal

import pytest

import spicelab_nb as sl
from spicelab_nb.errors import ExecutorError
from spicelab_nb.executors import Chunk, Receipt
from spicelab_nb.executors.versions import check_versions
from spicelab_nb.testing.executors import ExecutorTests, chunks_of, drain
from spicelab_nb.testing.tasks import CountingTask, GateTask


@pytest.fixture(scope="module")
def cluster():
    with sl.cluster("local", workers=2, name="executors", dashboard=False) as made:
        yield made


@pytest.fixture
def executor(cluster):
    cluster.wait(2)  # a test before this one may have killed a worker
    made = cluster.executor()
    yield made
    made.close()


class TestDask(ExecutorTests):
    own_processes = True

    @pytest.fixture
    def executor(self, cluster):
        cluster.wait(2)
        made = cluster.executor()
        yield made
        made.close()


def held(cluster):
    def ask():
        from spicelab_nb.executors.payload import held_tasks

        return held_tasks()

    return cluster.client.run(ask)


def test_a_heavy_task_travels_once_to_each_worker_and_is_let_go(cluster, executor, tmp_path):
    task = CountingTask(folder=str(tmp_path), key="heavy", ballast=os.urandom(4_000_000))
    executor.start(task)
    executor.submit(chunks_of(200, 1))

    def heaviest(dask_scheduler):
        import cloudpickle

        tasks = dask_scheduler.tasks.values()
        return max((len(cloudpickle.dumps(task.run_spec)) for task in tasks), default=0)

    assert cluster.client.run_on_scheduler(heaviest) < 10_000
    drain(executor, 200)
    assert [tasks["heavy"] for tasks in held(cluster).values()] == [True, True]
    executor.close()
    assert all("heavy" not in tasks for tasks in held(cluster).values())


def test_a_replaced_worker_gets_the_task_too(cluster, executor, tmp_path, wait_until):
    task = GateTask(folder=str(tmp_path))
    executor.start(task)
    before = set(cluster.client.run(os.getpid).values())
    os.kill(min(before), signal.SIGKILL)
    wait_until(lambda: set(cluster.client.run(os.getpid, on_error="ignore").values()) - before)
    cluster.wait(2)
    executor.submit(chunks_of(4, 1))
    wait_until(lambda: len(set(task.pids().values())) == 2)
    assert set(task.pids().values()) - before
    task.open()
    assert all(isinstance(r, Receipt) for r in drain(executor, 4))


def test_the_scheduler_holds_no_more_than_is_under_way(cluster, executor, tmp_path, wait_until):
    executor.start(CountingTask(folder=str(tmp_path)))
    for round_ in range(5):
        executor.submit([Chunk(a, a + 1) for a in range(100 * round_, 100 * round_ + 40)])
        drain(executor, 40)

    def tasks():
        return cluster.client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))

    wait_until(lambda: tasks() == 0, what="the scheduler to forget what ended")


def test_two_executors_of_one_task_do_not_disturb_each_other(cluster, executor, tmp_path):
    other = cluster.executor()
    for each in (executor, other):
        each.start(CountingTask(folder=str(tmp_path)))
        each.submit([Chunk(0, 1)])
    drain(other, 1)
    other.close()
    drain(executor, 1)
    executor.submit([Chunk(1, 2)])
    assert isinstance(drain(executor, 1)[0], Receipt)


def test_what_does_not_pickle_is_refused_before_anything_starts(executor, tmp_path):
    class Open(CountingTask):
        def __reduce__(self):
            raise TypeError("cannot pickle a socket")

    with pytest.raises(ExecutorError, match=r"does not pickle.*socket"):
        executor.start(Open(folder=str(tmp_path)))


def report(**packages):
    base = {
        "python": "3.11.7.final.0",
        "spicelab-nb": "0.1.0",
        "distributed": "2",
        "numpy": "2.4.6",
    }
    return {"packages": {**base, **packages}}


def test_versions_that_differ_are_named():
    versions = {
        "client": report(),
        "workers": {"tcp://a:1": report(), "tcp://b:1": report(distributed="1", python="3.12.1")},
    }
    with pytest.raises(ExecutorError) as error:
        check_versions(versions)
    text = str(error.value)
    assert "distributed is 2 here and 1 on 1 of 2 workers (tcp://b:1)" in text
    assert "python is 3.11.7.final.0 here and 3.12.1" in text
    assert "pip install" in text


def test_a_patch_of_python_or_numpy_is_no_difference():
    workers = {"tcp://a:1": report(python="3.11.9.final.0", numpy="2.4.1")}
    check_versions({"client": report(), "workers": workers})


def test_a_lost_scheduler_says_what_to_do_next(tmp_path, wait_until):
    with sl.cluster("local", workers=1, name="doomed", dashboard=False) as doomed:
        executor = doomed.executor()
        task = GateTask(folder=str(tmp_path))
        executor.start(task)
        executor.submit(chunks_of(3, 1))
        wait_until(task.pids)
        pid = doomed.client.run_on_scheduler(os.getpid)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(ExecutorError, match=r"safe in the store.*run\(\.\.\.\)"):
            drain(executor, 3)
        assert executor.capacity() == 0
        executor.cancel()
        executor.close()
        wait_until(lambda: doomed.state == "failed")
        assert "SIGKILL" in doomed.problem
        with pytest.raises(ExecutorError, match="not running"):
            doomed.executor()


def test_no_workers_is_no_capacity_and_chunks_wait_for_one(tmp_path, wait_until):
    with sl.cluster("local", workers=1, name="empty", dashboard=False) as empty:
        executor = empty.executor()
        executor.start(CountingTask(folder=str(tmp_path)))
        empty.scale(0)
        empty.wait(0)
        wait_until(lambda: executor.capacity() == 0)
        executor.submit([Chunk(0, 1)])
        assert executor.poll(0.5) == []
        empty.scale(1)
        assert isinstance(drain(executor, 1)[0], Receipt)
        executor.close()
