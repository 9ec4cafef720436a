"""Chunks on the actors of a Ray cluster.

Ray itself is never imported here: a process of the cluster's drives it, and `ray_link` is the line
to that process.
"""

from __future__ import annotations

import itertools
import pickle
import queue
import time
import uuid
from typing import TYPE_CHECKING, Any

import cloudpickle

from spicelab_nb.errors import ExecutorError
from spicelab_nb.executors.executor import Loss, Receipt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spicelab_nb.executors.executor import Chunk, Task
    from spicelab_nb.executors.ray_link import RayLink

__all__ = ["Ray"]

GLANCE = 0.25
"""Seconds between two looks at whether the driver is still there."""
ANSWER_LIMIT = 60.0
"""Seconds within which the driver has taken a task."""


class Ray:
    """Runs chunks on the actors behind `link`, one at a time on each.

    A chunk runs once: when its actor dies, that is a `Loss`, and a new actor takes the place.

    Parameters
    ----------
    link
        To the process that drives Ray, as a cluster of kind ``"ray"`` has it; it is not closed by
        this executor.
    """

    def __init__(self, link: RayLink) -> None:
        self._link = link
        self._id = uuid.uuid4().hex[:12]
        self._tickets = itertools.count()
        self._key: str | None = None
        self._inbox: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self._under_way: dict[int, Chunk] = {}
        self._closed = False

    def __repr__(self) -> str:
        return f"Ray({len(self._under_way)} chunks under way)"

    def start(self, task: Task) -> None:
        """Send the task to Ray; each actor fetches it with its first chunk.

        Raises
        ------
        ExecutorError
            The task cannot be pickled, Ray does not take it, the workers' Python or packages
            differ, or the connection is lost.
        """
        if self._key is not None:
            raise ExecutorError("This executor has a task already; make another for another task.")
        try:
            payload = bytes(cloudpickle.dumps(task))
        except Exception as error:
            raise ExecutorError(
                f"The campaign cannot be sent to workers: it does not pickle "
                f"({type(error).__name__}: {error}). Open files, connections and locks must be "
                "made inside the function."
            ) from error
        self._check()
        self._inbox = self._link.open(self._id)
        self._link.send("open", self._id, task.key, payload)
        end = time.monotonic() + ANSWER_LIMIT
        while (answer := self._next(GLANCE)) is None:
            self._check()
            if time.monotonic() > end:
                raise ExecutorError(
                    f"Ray did not take the campaign in {ANSWER_LIMIT:g} s. Start a new cluster, "
                    "and run again."
                )
        if answer[1]:
            raise ExecutorError(str(answer[1]))
        self._key = task.key

    def _next(self, timeout: float) -> tuple[Any, ...] | None:
        try:
            return self._inbox.get(timeout=timeout) if timeout > 0 else self._inbox.get_nowait()
        except queue.Empty:
            return None

    def submit(self, chunks: Sequence[Chunk]) -> None:
        """Hand chunks to the driver, which gives one to each actor that has none.

        Raises
        ------
        ExecutorError
            The connection to Ray is lost.
        """
        if self._key is None:
            raise ExecutorError("Call start(task) before submit(chunks).")
        self._check()
        known = set(self._under_way.values())
        fresh = [chunk for chunk in dict.fromkeys(chunks) if chunk not in known]
        if not fresh:
            return
        tickets = {next(self._tickets): chunk for chunk in fresh}
        self._under_way.update(tickets)
        jobs = [(n, (chunk.start, chunk.stop, chunk.attempt)) for n, chunk in tickets.items()]
        self._link.send("submit", self._id, jobs)

    def poll(self, timeout: float) -> list[Receipt | Loss]:
        """Wait up to `timeout` seconds for chunks to end.

        Raises
        ------
        ExecutorError
            The connection to Ray is lost.
        """
        end = time.monotonic() + timeout
        while True:
            remaining = end - time.monotonic()
            message = self._next(min(GLANCE, remaining))
            if message is None:
                self._check()
                if remaining <= 0:
                    return []
                continue
            ended: list[Receipt | Loss] = []
            while message is not None:
                ended += self._reported(message)
                message = self._next(0.0)
            if ended:
                return ended

    def _reported(self, message: tuple[Any, ...]) -> list[Receipt | Loss]:
        """What became of a chunk; nothing of one that was cancelled and is not ours any more."""
        kind, ticket, *rest = message
        chunk = self._under_way.pop(ticket, None)
        if chunk is None:
            return []
        if kind == "receipt":
            receipt = pickle.loads(rest[0])  # noqa: S301 - from our own workers
            if isinstance(receipt, Receipt):
                return [receipt]
            reason = f"The task returned {type(receipt).__name__} instead of a Receipt."
            return [Loss(chunk=chunk, reason=reason, worker_died=False)]
        reason, died, error = rest
        return [Loss(chunk=chunk, reason=reason, worker_died=died, error=_unpickled(error))]

    def _check(self) -> None:
        if self._closed:
            raise ExecutorError("This executor is closed; run the campaign again for a new one.")
        if self._link.lost:
            lost = self._link.lost.rstrip(".")
            raise ExecutorError(
                f"The connection to Ray is lost: {lost} ({len(self._under_way)} chunks were under "
                "way). What was published is safe in the store: start a cluster and call run(...) "
                "again, and only the rest is computed."
            )
        state = self._link.state
        if state["refused"] and not state["workers"]:
            # Nothing would ever come back: workers that join later are refused as these are.
            raise ExecutorError(
                f"No worker may compute ({len(self._under_way)} chunks were under way): "
                f"{state['refused']}"
            )

    def capacity(self) -> int:
        """Actors that take chunks now."""
        if self._closed or self._link.lost:
            return 0
        return len(self._link.state["workers"])

    def cancel(self) -> None:
        """Take back every chunk; a running one goes on to its end and may still publish."""
        if self._under_way:
            self._under_way.clear()
            self._link.send("cancel", self._id)

    def token(self) -> Mapping[str, Any] | None:
        """None: Ray forgets a driver's chunks with the driver."""
        return None

    def close(self) -> None:
        """Take back what is under way, and let the actors forget the task."""
        if self._closed:
            return
        self.cancel()
        self._closed = True
        self._link.send("close", self._id)
        self._link.forget(self._id)


def _unpickled(error: bytes) -> BaseException | None:
    if not error:
        return None
    try:
        found = pickle.loads(error)  # noqa: S301 - from our own workers
    except Exception:  # noqa: BLE001 - its class is not here; the reason says what it was
        return None
    return found if isinstance(found, BaseException) else None
