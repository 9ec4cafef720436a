"""A Dask scheduler with Dask's own settings, and workers of the plain command."""

import json
import os
import subprocess
import sys

import pytest

import spicelab_nb as sl
from spicelab_nb.executors import Loss, Receipt
from spicelab_nb.testing.executors import chunks_of, drain
from spicelab_nb.testing.tasks import CountingTask, PoisonTask

PLAIN = ("--no-dashboard", "--scheduler-file")


@pytest.fixture
def theirs(tmp_path, wait_until):
    """``theirs.address`` is a scheduler; ``theirs.worker()`` starts a worker that none replaces."""
    made = Theirs(tmp_path)
    wait_until(made.file.exists, what="the scheduler")
    yield made
    for process in reversed(made.running):
        process.kill()
        process.wait()


class Theirs:
    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.running = []
        self.start("scheduler", "--host", "127.0.0.1", "--port", "0")

    @property
    def address(self):
        return json.loads(self.file.read_text())["address"]

    def start(self, *command, **environment):
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *command, *PLAIN, str(self.file)],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **environment},
        )
        self.running.append(process)
        return process

    def worker(self, **environment):
        return self.start("worker", "--nthreads", "1", "--no-nanny", **environment)


def test_a_poison_chunk_costs_one_worker_there_too(theirs, tmp_path, wait_until):
    """Dask itself gives it to the next worker, and the next: it cost four."""
    for _ in range(3):
        theirs.worker()
    with sl.cluster("address", address=theirs.address, name="theirs") as cluster:
        wait_until(lambda: cluster.workers == 3, what="three workers")
        executor = cluster.executor()
        (tmp_path / "ran").mkdir()
        task = PoisonTask(folder=str(tmp_path / "ran"), bad=(0,))
        executor.start(task)
        executor.submit(chunks_of(1, 1))
        (report,) = drain(executor, 1)
        assert isinstance(report, Loss)
        assert report.worker_died
        assert len(task.ran()) == 1
        assert cluster.workers == 2
        executor.submit(chunks_of(6, 2)[1:])
        assert all(isinstance(r, Receipt) for r in drain(executor, 2))
        executor.close()
        # What is not ours is left as it was.
        suspicion = cluster.client.run_on_scheduler(
            lambda dask_scheduler: dask_scheduler.allowed_failures
        )
        assert suspicion == 3


def test_a_worker_of_another_version_that_joins_later_computes_nothing(
    theirs, tmp_path, wait_until
):
    info = tmp_path / "another" / "spicelab_nb-9.9.9.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: spicelab-nb\nVersion: 9.9.9\n")
    right = theirs.worker()
    with sl.cluster("address", address=theirs.address, name="mixed") as cluster:
        wait_until(lambda: cluster.workers == 1, what="the first worker")
        executor = cluster.executor()
        (tmp_path / "ran").mkdir()
        task = CountingTask(folder=str(tmp_path / "ran"))
        executor.start(task)
        theirs.worker(PYTHONPATH=str(info.parent))
        wait_until(lambda: cluster.workers == 2, what="the second worker")
        right.kill()
        wait_until(lambda: cluster.workers == 1, what="the first worker's end")
        executor.submit(chunks_of(1, 1))
        (report,) = drain(executor, 1)
        assert isinstance(report, Loss)
        assert f"spicelab-nb is {sl.__version__} here and 9.9.9 on 1 of 1 workers" in report.reason
        assert f"pip install spicelab-nb=={sl.__version__}" in report.reason
        assert task.ran() == []
        executor.close()
