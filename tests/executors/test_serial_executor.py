"""The serial executor."""

import pytest

from spicelab_nb.executors import Chunk, Loss, Serial
from spicelab_nb.testing.executors import ExecutorTests
from spicelab_nb.testing.tasks import CountingTask


class TestSerial(ExecutorTests):
    @pytest.fixture
    def executor(self):
        made = Serial()
        yield made
        made.close()


class LeavingTask(CountingTask):
    def __call__(self, chunk):
        raise SystemExit(3)


class InterruptedTask(CountingTask):
    def __call__(self, chunk):
        raise KeyboardInterrupt


def test_sys_exit_in_a_simulator_does_not_end_the_notebook(tmp_path):
    executor = Serial()
    executor.start(LeavingTask(folder=str(tmp_path)))
    executor.submit([Chunk(0, 1)])
    (loss,) = executor.poll(1.0)
    assert isinstance(loss, Loss)
    assert "SystemExit" in loss.reason


def test_an_interrupt_reaches_the_person(tmp_path):
    executor = Serial()
    executor.start(InterruptedTask(folder=str(tmp_path)))
    executor.submit([Chunk(0, 1)])
    with pytest.raises(KeyboardInterrupt):
        executor.poll(1.0)


def test_one_chunk_runs_at_each_poll(tmp_path):
    task = CountingTask(folder=str(tmp_path))
    executor = Serial()
    executor.start(task)
    executor.submit([Chunk(0, 1), Chunk(1, 2)])
    assert len(executor.poll(0.0)) == 1
    assert task.ran() == [(0, 1, 0)]
