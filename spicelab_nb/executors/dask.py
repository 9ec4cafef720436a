"""Chunks on the workers of a Dask cluster."""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import logging
import queue
import time
import uuid
from typing import TYPE_CHECKING, Any

import cloudpickle

from spicelab_nb.errors import ExecutorError
from spicelab_nb.executors.executor import Loss, Receipt
from spicelab_nb.executors.versions import PACKAGES, check_versions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from distributed import Client, Future

    from spicelab_nb.executors.executor import Chunk, Task

__all__ = ["Dask"]

logger = logging.getLogger(__name__)

CANCELLED = (asyncio.CancelledError, concurrent.futures.CancelledError)

GLANCE = 0.25
"""Seconds between two looks at whether the scheduler is still there."""
ANSWER_LIMIT = 10.0
"""Seconds within which a live scheduler answers a question."""


class Dask:
    """Runs chunks on the workers of `client`.

    A chunk is one Dask task that is never repeated here: when its worker dies, the scheduler says
    so at once (`foreign` ones are asked to), and that is a `Loss`. A chunk that ended, but whose
    receipt died with its worker, is run once more by Dask; publishing it again changes nothing.

    Parameters
    ----------
    client
        A connected, synchronous ``distributed.Client``; it is not closed by this executor.
    how_ended
        Tells how the worker at an address ended, to follow its name in a sentence; "" for unknown.
    foreign
        The scheduler is not one that we started: it is asked to try no chunk again by itself.
    """

    def __init__(
        self,
        client: Client,
        *,
        how_ended: Callable[[str], str] = lambda address: "",
        foreign: bool = False,
    ) -> None:
        # Half of its methods have no types.
        self._client: Any = client
        self._how_ended = how_ended
        self._foreign = foreign
        self._id = uuid.uuid4().hex[:12]
        self._numbers = itertools.count()
        self._key: str | None = None
        self._plugin: str | None = None
        self._futures: dict[Chunk, Future[Any]] = {}
        # Filled by the client's own loop, emptied by `poll`.
        self._ended: queue.SimpleQueue[tuple[Chunk, Future[Any], Any]] = queue.SimpleQueue()
        self._threads = (0.0, 0)
        self._closed = False

    def __repr__(self) -> str:
        return f"Dask({len(self._futures)} chunks under way)"

    def start(self, task: Task) -> None:
        """Compare versions, and send the task to every present and future worker.

        Raises
        ------
        ExecutorError
            The workers' Python or packages differ, the task cannot be pickled, or the scheduler
            does not answer.
        """
        from spicelab_nb.executors.payload import TaskPlugin

        if self._key is not None:
            raise ExecutorError("This executor has a task already; make another for another task.")
        try:
            payload = cloudpickle.dumps(task)
        except Exception as error:
            raise ExecutorError(
                f"The campaign cannot be sent to workers: it does not pickle "
                f"({type(error).__name__}: {error}). Open files, connections and locks must be "
                "made inside the function."
            ) from error
        self._check_scheduler()
        plugin = TaskPlugin(key=task.key, owner=self._id, payload=payload)
        try:
            check_versions(self._client.get_versions(packages=list(PACKAGES)))
            if self._foreign:
                from spicelab_nb.executors.suspicion import count_one_death

                count_one_death(self._client)
            self._client.register_plugin(plugin)
        except ExecutorError:
            raise
        except Exception as error:
            self._check_scheduler()
            raise ExecutorError(
                f"The workers did not take the campaign: {type(error).__name__}: {error}"
            ) from error
        self._key, self._plugin = task.key, plugin.name

    def submit(self, chunks: Sequence[Chunk]) -> None:
        """Hand chunks to the scheduler; it holds exactly those, and a worker one for each thread.

        Raises
        ------
        ExecutorError
            The scheduler is gone.
        """
        from spicelab_nb.executors.payload import run_chunk

        if self._key is None:
            raise ExecutorError("Call start(task) before submit(chunks).")
        self._check_scheduler()
        fresh = [chunk for chunk in dict.fromkeys(chunks) if chunk not in self._futures]
        if not fresh:
            return
        try:
            futures = self._client.map(
                run_chunk,
                [self._key] * len(fresh),
                [chunk.start for chunk in fresh],
                [chunk.stop for chunk in fresh],
                [chunk.attempt for chunk in fresh],
                # One group of tasks for each executor, whatever their number: Dask keeps
                # statistics by group.
                key=[(f"spicelab_nb-{self._id}", next(self._numbers)) for _ in fresh],
                pure=False,
                retries=0,
            )
        except Exception as error:
            self._check_scheduler()
            raise ExecutorError(
                f"The scheduler did not take the chunks: {type(error).__name__}: {error}"
            ) from error
        for chunk, future in zip(fresh, futures, strict=True):
            self._futures[chunk] = future
            self._client.loop.add_callback(self._watch, chunk, future)

    async def _watch(self, chunk: Chunk, future: Future[Any]) -> None:
        """Wait in the client's loop for one chunk and queue what became of it."""
        outcome: Any
        try:
            # In the loop's own thread this is a coroutine; it fetches the receipt as well.
            outcome = await future.result()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - queued, and reported by poll
            outcome = error
        self._ended.put((chunk, future, outcome))

    def poll(self, timeout: float) -> list[Receipt | Loss]:
        """Wait up to `timeout` seconds for chunks to end.

        Raises
        ------
        ExecutorError
            The scheduler is gone.
        """
        end = time.monotonic() + timeout
        while True:
            self._check_scheduler()
            remaining = end - time.monotonic()
            try:
                first = self._ended.get(timeout=min(GLANCE, max(0.0, remaining)))
            except queue.Empty:
                if remaining <= 0:
                    return []
                continue
            ended = [first]
            while not self._ended.empty():
                ended.append(self._ended.get())
            outcomes = [outcome for item in ended for outcome in self._reported(*item)]
            if outcomes:
                return outcomes

    def _reported(self, chunk: Chunk, future: Future[Any], outcome: Any) -> list[Receipt | Loss]:
        """What became of a chunk; nothing of one that was cancelled and is not ours any more."""
        if self._futures.get(chunk) is not future:
            return []
        if isinstance(outcome, CANCELLED):
            # The connection broke, or somebody else cancelled it on the scheduler.
            self._check_scheduler()
            reason = f"The chunk was cancelled on the scheduler: {outcome}"
            result: Receipt | Loss = Loss(chunk=chunk, reason=reason, worker_died=True)
        else:
            result = _result(chunk, outcome, self._how_ended)
        held: Any = self._futures.pop(chunk)
        held.release()
        return [result]

    def _check_scheduler(self) -> None:
        if self._closed:
            raise ExecutorError("This executor is closed; run the campaign again for a new one.")
        if self._client.status != "running":
            raise ExecutorError(
                f"The connection to the cluster's scheduler is lost (client {self._client.status}; "
                f"{len(self._futures)} chunks were under way). What was published is safe in the "
                "store: start a cluster and call run(...) again, and only the rest is computed."
            )

    def capacity(self) -> int:
        """Threads of the workers that take tasks now, at most a second old."""
        asked, threads = self._threads
        if self._closed or self._client.status != "running":
            return 0
        if time.monotonic() - asked < 1.0:
            return threads
        try:
            workers = self._client.sync(
                self._client.scheduler.ncores_running, callback_timeout=ANSWER_LIMIT
            )
        except (OSError, TimeoutError) as error:
            logger.warning("The scheduler did not say how many workers it has: %s", error)
            workers = {}
        self._threads = (time.monotonic(), sum(workers.values()))
        return self._threads[1]

    def cancel(self) -> None:
        """Take back every chunk; a running one goes on to its end and may still publish."""
        futures, self._futures = list(self._futures.values()), {}
        if futures and self._client.status == "running":
            try:
                self._client.cancel(futures, reason="campaign cancelled")
            except (OSError, TimeoutError, *CANCELLED) as error:
                logger.debug("The scheduler was gone before chunks were cancelled: %s", error)

    def token(self) -> Mapping[str, Any] | None:
        """None: Dask forgets a client's chunks with the client."""
        return None

    def close(self) -> None:
        """Take back what is under way, and let the workers forget the task."""
        if self._closed:
            return
        self.cancel()
        self._closed = True
        if self._plugin is not None and self._client.status == "running":
            try:
                self._client.unregister_worker_plugin(self._plugin)
            except Exception as error:  # noqa: BLE001 - the cluster may end at the same moment
                logger.debug("The workers were gone before they forgot the task: %s", error)


def _result(chunk: Chunk, outcome: Any, how_ended: Callable[[str], str]) -> Receipt | Loss:
    from distributed.scheduler import KilledWorker

    if isinstance(outcome, Receipt):
        return outcome
    if isinstance(outcome, KilledWorker):
        where = outcome.last_worker.address
        how = how_ended(where) or "died: killed, out of memory, or crashed by what it computed"
        reason = f"The worker {where} that ran it {how}."
        return Loss(chunk=chunk, reason=reason, worker_died=True, error=outcome)
    if isinstance(outcome, Exception):
        reason = f"{type(outcome).__name__}: {outcome}"
        return Loss(chunk=chunk, reason=reason, worker_died=False, error=outcome)
    reason = f"The task returned {type(outcome).__name__} instead of a Receipt."
    return Loss(chunk=chunk, reason=reason, worker_died=False)
