"""The conformance suite of executors.

A plug-in's tests say ``class TestMine(ExecutorTests)`` and give the fixture ``executor``; where
its chunks run in processes of their own, also ``own_processes = True``.
"""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from spicelab_nb.errors import ExecutorError
from spicelab_nb.executors.executor import Chunk, Loss, Receipt
from spicelab_nb.testing.tasks import (
    CountingTask,
    GateTask,
    PoisonTask,
    RaisingTask,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from spicelab_nb.executors.executor import Executor

__all__ = ["ExecutorTests", "drain"]


def drain(executor: Executor, count: int, limit: float = 60.0) -> list[Receipt | Loss]:
    """Poll until `count` chunks were reported, or fail after `limit` seconds."""
    reports: list[Receipt | Loss] = []
    end = time.monotonic() + limit
    while len(reports) < count:
        assert time.monotonic() < end, f"{len(reports)} of {count} chunks in {limit:g} s"
        reports += executor.poll(1.0)
    return reports


def until(condition: Callable[[], Any], limit: float = 60.0) -> None:
    """Wait for a condition, or fail after `limit` seconds."""
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, f"waited {limit:g} s in vain"
        time.sleep(0.02)


def chunks_of(total: int, length: int) -> list[Chunk]:
    """Cut ``[0, total)``."""
    return [Chunk(a, min(a + length, total)) for a in range(0, total, length)]


class ExecutorTests:
    """What every executor does."""

    own_processes: ClassVar[bool] = False
    """Chunks run in processes that may be killed."""

    @pytest.fixture
    def executor(self) -> Executor:
        """Overridden: a new executor, closed afterwards."""
        raise NotImplementedError

    def test_every_chunk_is_run_and_reported_once(self, executor: Executor, tmp_path: Path) -> None:
        task = CountingTask(folder=str(tmp_path))
        executor.start(task)
        chunks = chunks_of(23, 4)
        executor.submit(chunks)
        reports = drain(executor, len(chunks))
        assert sorted(r.chunk for r in reports) == chunks
        assert all(isinstance(r, Receipt) for r in reports)
        assert [ran[:2] for ran in task.ran()] == sorted((c.start, c.stop) for c in chunks)
        assert executor.poll(0.0) == []

    def test_a_receipt_says_what_the_task_said(self, executor: Executor, tmp_path: Path) -> None:
        executor.start(CountingTask(folder=str(tmp_path)))
        executor.submit([Chunk(3, 7, attempt=2)])
        (receipt,) = drain(executor, 1)
        assert isinstance(receipt, Receipt)
        assert receipt.chunk == Chunk(3, 7, attempt=2)
        assert receipt.measures["index"].tolist() == [3.0, 4.0, 5.0, 6.0]

    def test_a_chunk_under_way_is_not_queued_twice(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        task = GateTask(folder=str(tmp_path))
        executor.start(task)
        executor.submit([Chunk(0, 1), Chunk(0, 1), Chunk(1, 2)])
        executor.submit([Chunk(1, 2)])
        task.open()
        drain(executor, 2)
        assert executor.poll(0.3) == []
        assert [ran[:2] for ran in task.ran()] == [(0, 1), (1, 2)]

    def test_a_chunk_that_ended_may_come_again(self, executor: Executor, tmp_path: Path) -> None:
        task = CountingTask(folder=str(tmp_path))
        executor.start(task)
        for _ in range(2):
            executor.submit([Chunk(0, 5)])
            drain(executor, 1)
        assert task.ran() == [(0, 5, 0), (0, 5, 0)]

    def test_what_a_task_raises_is_a_loss(self, executor: Executor, tmp_path: Path) -> None:
        task = RaisingTask(folder=str(tmp_path), bad=(2,))
        executor.start(task)
        executor.submit(chunks_of(6, 2))
        reports = {r.chunk.start: r for r in drain(executor, 3)}
        loss = reports[2]
        assert isinstance(loss, Loss)
        assert not loss.worker_died
        assert isinstance(loss.error, ValueError)
        assert "chunk 2 is bad" in loss.reason
        assert isinstance(reports[0], Receipt)
        assert isinstance(reports[4], Receipt)
        assert len(task.ran()) == 3, "nobody below the campaign tries again"

    def test_many_small_chunks(self, executor: Executor, tmp_path: Path) -> None:
        task = CountingTask(folder=str(tmp_path))
        executor.start(task)
        waiting = chunks_of(300, 1)
        reports: list[Receipt | Loss] = []
        under_way = 0
        while len(reports) < 300:
            window, waiting = waiting[: 16 - under_way], waiting[16 - under_way :]
            executor.submit(window)
            got = drain(executor, 1)
            under_way += len(window) - len(got)
            reports += got
        assert sorted(r.chunk.start for r in reports) == list(range(300))
        assert len(task.ran()) == 300

    def test_poll_gives_up_in_time(self, executor: Executor, tmp_path: Path) -> None:
        executor.start(CountingTask(folder=str(tmp_path)))
        begun = time.monotonic()
        assert executor.poll(0.2) == []
        assert time.monotonic() - begun < 30

    def test_capacity_is_at_least_one(self, executor: Executor, tmp_path: Path) -> None:
        executor.start(CountingTask(folder=str(tmp_path)))
        assert executor.capacity() >= 1

    def test_cancel_forgets_what_is_queued(self, executor: Executor, tmp_path: Path) -> None:
        task = GateTask(folder=str(tmp_path))
        executor.start(task)
        executor.submit(chunks_of(40, 1))
        executor.cancel()
        task.open()
        assert executor.poll(0.3) == []
        executor.submit([Chunk(100, 101)])
        (report,) = drain(executor, 1)
        assert report.chunk == Chunk(100, 101)
        assert len(task.ran()) < 40

    def test_close_twice_and_use_afterwards(self, executor: Executor, tmp_path: Path) -> None:
        executor.start(CountingTask(folder=str(tmp_path)))
        executor.submit([Chunk(0, 1)])
        executor.close()
        executor.close()
        with pytest.raises(ExecutorError):
            executor.submit([Chunk(1, 2)])

    def test_a_task_comes_first(self, executor: Executor) -> None:
        with pytest.raises(ExecutorError, match="start"):
            executor.submit([Chunk(0, 1)])

    def test_one_task_each(self, executor: Executor, tmp_path: Path) -> None:
        executor.start(CountingTask(folder=str(tmp_path)))
        with pytest.raises(ExecutorError, match="another"):
            executor.start(CountingTask(folder=str(tmp_path)))

    def test_a_killed_worker_loses_only_what_it_ran(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        if not self.own_processes:
            # Not a skip: there is no other process that could be killed.
            assert executor.capacity() == 1
            return
        task = GateTask(folder=str(tmp_path))
        executor.start(task)
        chunks = chunks_of(12, 1)
        executor.submit(chunks)
        until(lambda: len(task.pids()) >= executor.capacity())
        victim = task.pids()[0]
        assert victim != os.getpid()
        running = {start for start, pid in task.pids().items() if pid == victim}
        os.kill(victim, signal.SIGKILL)
        (loss,) = drain(executor, 1)
        assert isinstance(loss, Loss)
        assert loss.worker_died
        assert {loss.chunk.start} == running
        task.open()
        rest = drain(executor, len(chunks) - 1)
        assert all(isinstance(r, Receipt) for r in rest)
        assert sorted(r.chunk for r in [*rest, loss]) == chunks

    def test_poison_is_reported_and_the_rest_goes_on(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        if not self.own_processes:
            assert executor.capacity() == 1
            return
        task = PoisonTask(folder=str(tmp_path), bad=(5,))
        executor.start(task)
        chunks = chunks_of(12, 2)
        executor.submit(chunks)
        reports = drain(executor, len(chunks))
        lost = [r for r in reports if isinstance(r, Loss)]
        assert [loss.chunk for loss in lost] == [Chunk(4, 6)]
        assert lost[0].worker_died
