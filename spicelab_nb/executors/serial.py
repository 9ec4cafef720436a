"""One chunk after the other, in the process that asks: for debugging, and for small things."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spicelab_nb.errors import ExecutorError
from spicelab_nb.executors.executor import Loss

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spicelab_nb.executors.executor import Chunk, Receipt, Task

__all__ = ["Serial"]


class Serial:
    """Runs one chunk at each `poll`, in the caller's own thread, so that a debugger sees it.

    A chunk that has begun is finished, whatever `timeout` says; one that kills its process kills
    the caller.
    """

    def __init__(self) -> None:
        self._task: Task | None = None
        self._queue: dict[Chunk, None] = {}

    def __repr__(self) -> str:
        return f"Serial({len(self._queue)} chunks queued)"

    def start(self, task: Task) -> None:
        """Keep `task`; it is called as it is, not a copy."""
        if self._task is not None:
            raise ExecutorError("This executor has a task already; make another for another task.")
        self._task = task

    def submit(self, chunks: Sequence[Chunk]) -> None:
        """Queue chunks."""
        if self._task is None:
            raise ExecutorError("Call start(task) before submit(chunks).")
        self._queue.update(dict.fromkeys(chunks))

    def poll(self, timeout: float) -> list[Receipt | Loss]:
        """Run the next chunk; with none queued, return at once.

        `timeout` is part of the contract and not used: nothing can end while nobody runs it.
        """
        del timeout
        if not self._queue or self._task is None:
            return []
        chunk = next(iter(self._queue))
        del self._queue[chunk]
        try:
            return [self._task(chunk)]
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it was is reported
            reason = f"{type(error).__name__}: {error}"
            return [Loss(chunk=chunk, reason=reason, worker_died=False, error=error)]

    def capacity(self) -> int:
        """1."""
        return 1

    def cancel(self) -> None:
        """Forget what is queued."""
        self._queue.clear()

    def token(self) -> Mapping[str, Any] | None:
        """None: what is queued ends with this process."""
        return None

    def close(self) -> None:
        """Forget the task and what is queued."""
        self._queue.clear()
        self._task = None
