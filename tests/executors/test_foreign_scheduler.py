"""A Dask scheduler with Dask's own settings, and workers of the plain command."""

import json
import subprocess
import sys

import pytest

import spicelab_nb as sl
from spicelab_nb.executors import Loss, Receipt
from spicelab_nb.testing.executors import chunks_of, drain
from spicelab_nb.testing.tasks import PoisonTask

PLAIN = ("--no-dashboard", "--scheduler-file")


@pytest.fixture
def theirs(tmp_path, wait_until):
    """The address of a scheduler with three workers that nobody replaces."""
    file = tmp_path / "scheduler.json"
    listen = ("--host", "127.0.0.1", "--port", "0")
    commands = [
        ["scheduler", *listen, *PLAIN, str(file)],
        *(["worker", "--nthreads", "1", "--no-nanny", *PLAIN, str(file)] for _ in range(3)),
    ]
    running = []
    for command in commands:
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "dask", *command],
                cwd=tmp_path,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        wait_until(file.exists, what="the scheduler")
    yield json.loads(file.read_text())["address"]
    for process in reversed(running):
        process.kill()
        process.wait()


def test_a_poison_chunk_costs_one_worker_there_too(theirs, tmp_path, wait_until):
    """Dask itself gives it to the next worker, and the next: it cost four."""
    with sl.cluster("address", address=theirs, name="theirs") as cluster:
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
