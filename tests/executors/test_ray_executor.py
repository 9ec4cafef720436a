"""The Ray executor on a real Ray of our own."""

import os
import signal
import subprocess
import sys

import pytest

import spicelab_nb as sl
from spicelab_nb.errors import ExecutorError
from spicelab_nb.executors import Chunk, Loss, Receipt
from spicelab_nb.testing.executors import ExecutorTests, chunks_of, drain
from spicelab_nb.testing.tasks import CountingTask, GateTask

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def cluster():
    with sl.cluster("ray", workers=2, name="ray-executors") as made:
        yield made


@pytest.fixture
def executor(cluster):
    cluster.wait(2)  # a test before this one may have killed a worker
    made = cluster.executor()
    yield made
    made.close()


class TestRay(ExecutorTests):
    own_processes = True

    @pytest.fixture
    def executor(self, cluster):
        cluster.wait(2)
        made = cluster.executor()
        yield made
        made.close()


def pids(cluster):
    return set(cluster._launcher.worker_pids)


def test_the_notebook_never_imports_ray(cluster):
    cluster.wait(2)
    assert "ray" not in sys.modules


def test_a_replaced_worker_gets_the_task_too(cluster, executor, tmp_path, wait_until):
    task = GateTask(folder=str(tmp_path), ballast=os.urandom(4_000_000))
    executor.start(task)
    before = pids(cluster)
    os.kill(min(before), signal.SIGKILL)
    wait_until(lambda: pids(cluster) - before)
    cluster.wait(2)
    executor.submit(chunks_of(4, 1))
    wait_until(lambda: len(set(task.pids().values())) == 2)
    assert set(task.pids().values()) - before
    task.open()
    assert all(isinstance(r, Receipt) for r in drain(executor, 4))


class ThreadTask(CountingTask):
    """Says in which thread of which process a chunk ran."""

    def __call__(self, chunk):
        import threading

        receipt = super().__call__(chunk)
        where = float(threading.get_ident())
        return type(receipt)(
            chunk=chunk,
            status=receipt.status,
            measures={"thread": receipt.measures["index"] * 0 + where},
            cpu=0.0,
            wall=0.0,
            worker=str(os.getpid()),
        )


def test_a_slot_computes_in_one_thread_so_that_its_engine_stays_warm(executor, tmp_path):
    executor.start(ThreadTask(folder=str(tmp_path)))
    executor.submit(chunks_of(40, 1))
    seen = {(r.worker, float(r.measures["thread"][0])) for r in drain(executor, 40)}
    assert len(seen) == len({worker for worker, _ in seen})


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


class LeavingTask(CountingTask):
    def __call__(self, chunk):
        sys.exit(3)


def test_sys_exit_in_a_simulator_does_not_end_its_worker(cluster, executor, tmp_path):
    before = pids(cluster)
    executor.start(LeavingTask(folder=str(tmp_path)))
    executor.submit([Chunk(0, 1)])
    (loss,) = drain(executor, 1)
    assert isinstance(loss, Loss)
    assert not loss.worker_died
    assert "SystemExit" in loss.reason
    assert pids(cluster) == before


def test_an_idle_worker_that_dies_is_replaced(cluster, executor, wait_until):
    before = pids(cluster)
    os.kill(min(before), signal.SIGKILL)
    wait_until(lambda: len(pids(cluster)) == 2 and pids(cluster) != before)


def test_no_workers_is_no_capacity_and_chunks_wait_for_one(cluster, executor, tmp_path, wait_until):
    executor.start(CountingTask(folder=str(tmp_path)))
    cluster.scale(0)
    cluster.wait(0)
    assert executor.capacity() == 0
    executor.submit([Chunk(0, 1)])
    assert executor.poll(0.5) == []
    cluster.scale(2)
    assert isinstance(drain(executor, 1)[0], Receipt)
    cluster.wait(2)


class HungryTask(CountingTask):
    """Takes memory that it does not give back, until its process is ended."""

    def __call__(self, chunk):
        import time

        self.note(chunk)
        taken = []
        while True:
            taken.append(b"x" * 20_000_000)
            time.sleep(0.01)


def test_a_worker_out_of_memory_is_a_loss_that_names_memory(tmp_path, wait_until):
    with sl.cluster("ray", workers=1, memory_limit="500 MB", name="ray-small") as small:
        (before,) = pids(small)
        executor = small.executor()
        executor.start(HungryTask(folder=str(tmp_path)))
        executor.submit([Chunk(0, 1)])
        (loss,) = drain(executor, 1)
        assert loss.worker_died
        assert "memory" in loss.reason
        assert "of the 477 MiB of memory" in loss.reason
        assert f":{before} " in loss.reason
        wait_until(lambda: pids(small) not in (set(), {before}))
        assert small.memory == 500_000_000
        executor.close()


def test_a_lost_head_says_what_to_do_next(tmp_path, wait_until):
    with sl.cluster("ray", workers=1, name="ray-doomed") as doomed:
        executor = doomed.executor()
        task = GateTask(folder=str(tmp_path))
        executor.start(task)
        executor.submit(chunks_of(3, 1))
        wait_until(task.pids)
        os.kill(doomed._launcher.head_pid, signal.SIGKILL)
        with pytest.raises(ExecutorError, match=r"safe in the store.*run\(\.\.\.\)"):
            drain(executor, 3)
        assert executor.capacity() == 0
        executor.cancel()
        executor.close()
        wait_until(lambda: doomed.state == "failed")
        wait_until(lambda: "SIGKILL" in doomed.problem)
        with pytest.raises(ExecutorError, match="not running"):
            doomed.executor()


def test_importing_the_package_does_not_import_ray():
    code = "import sys, spicelab_nb as sl; sl.cluster; import spicelab_nb.executors as e; e.Ray; "
    code += "import spicelab_nb.clusters.ray; assert 'ray' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
