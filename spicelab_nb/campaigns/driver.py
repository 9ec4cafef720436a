"""What keeps a run going: hands chunks to an executor until the store has no gaps.

The one place, for all executors, that decides chunk lengths, retries, and what becomes of a chunk
that kills its worker. It trusts the store's listing alone; what executors say are hints.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Protocol

import numpy as np

from spicelab_nb.campaigns.chunking import Chunker, Pace, window
from spicelab_nb.campaigns.task import patiently
from spicelab_nb.campaigns.turns import quick_turns
from spicelab_nb.errors import (
    CampaignError,
    CorruptObjectError,
    ExecutorError,
    SpicelabError,
    StoreError,
    StoreMissingError,
    StoreUnreachableError,
)
from spicelab_nb.executors.executor import Chunk, Loss, Receipt
from spicelab_nb.simulators.simulator import Batch, Failure, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from spicelab_nb.campaigns.progress import Tally
    from spicelab_nb.campaigns.task import ChunkTask
    from spicelab_nb.executors.executor import Executor
    from spicelab_nb.results.store import Store

__all__ = ["Driver", "Gate"]

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.25
"""How long to wait for news before looking at cancellation and capacity again."""

NOTE_SECONDS = 2.0
"""How often the cluster's record is told of the progress."""

RAISES = 2
"""How often a chunk whose task raised is handed out again before the run fails."""

DEATHS = 2
"""How often one sample alone may kill its worker before it is recorded as crashed."""

LISTINGS = 3
"""How often a store may list no more than before, after all that was missing was published."""

BARREN_DEATHS = 24
"""Workers lost in a row without one finished chunk: then it is the cluster, not a sample."""


class Gate(Protocol):
    """Says whether more may be handed out: a budget. Used from the driver's thread."""

    state: str
    """How a run ends that it has stopped."""

    def admits(self, under_way: int, slots: int) -> bool:
        """Whether one more chunk may be handed out, beside `under_way` others."""

    def over(self) -> bool:
        """Whether nothing more may even be waited for where no worker is there."""

    def note(self, receipt: Receipt) -> None:
        """Told of each finished chunk."""

    def why(self) -> str:
        """What stopped the run and how to go on, as a sentence."""


class Driver:
    """Runs one campaign's gaps on one executor, in a thread of its own.

    Parameters
    ----------
    name
        Of the campaign, for messages.
    task, store, size
        What to compute, where it goes, how many points there are.
    tally
        Told of every chunk.
    open_executor
        Gives the executor; called in the driver's thread, since a cluster may take a while.
    chunk_length
        Points of a chunk; None: adapt.
    gate
        Asked before each chunk; once it refuses, what is under way is finished and the run stops.
    on_complete
        Called with the store when it has no gaps, before the run counts as done.
    on_progress
        Called every few seconds while it goes on.
    on_end
        Called with the final state, whatever it is.
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        *,
        name: str,
        task: ChunkTask,
        store: Store,
        size: int,
        tally: Tally,
        open_executor: Callable[[], Executor],
        chunk_length: int | None = None,
        gate: Gate | None = None,
        on_complete: Callable[[], None] = lambda: None,
        on_progress: Callable[[], None] = lambda: None,
        on_end: Callable[[str], None] = lambda state: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._task = task
        self._store = store
        self._size = size
        self._tally = tally
        self._open_executor = open_executor
        self._length = chunk_length
        self._gate = gate
        self._held = False
        self._on_complete = on_complete
        self._on_progress = on_progress
        self._on_end = on_end
        self._cancelled = threading.Event()
        self._finished = threading.Event()
        self.error: BaseException | None = None
        self._clock = clock
        self._pace = Pace(clock=clock)
        self._under_way: set[Chunk] = set()
        self._again: deque[Chunk] = deque()
        self._suspects: deque[Chunk] = deque()
        self._alone: Chunk | None = None
        self._deaths: Counter[int] = Counter()
        self._barren = 0
        self._thread = threading.Thread(target=self._run, name=f"campaign-{name}", daemon=True)

    def start(self) -> None:
        """Start; returns at once."""
        self._thread.start()

    def cancel(self) -> None:
        """Hand out nothing more; chunks that are running may still be published."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether it was asked to end."""
        return self._cancelled.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end; False if it did not come within `timeout` seconds."""
        return self._finished.wait(timeout)

    def _run(self) -> None:
        try:
            with quick_turns():
                state = self._drive()
            message = self._gate.why() if self._gate and state == self._gate.state else ""
        except BaseException as error:  # noqa: BLE001 - a thread's error is shown by the run, not lost
            self.error = error
            state = "failed"
            message = str(error) if isinstance(error, SpicelabError) else repr(error)
            logger.warning("Campaign %s failed: %s", self._name, message)
        self._tally.end(state, message)
        try:
            self._on_end(state)
        finally:
            self._finished.set()

    def _drive(self) -> str:
        executor = self._open_executor()
        try:
            executor.start(self._task)
            self._tally.begin()
            before: list[tuple[int, int]] = []
            unchanged = 0
            while True:
                gaps = patiently(lambda: self._store.gaps(self._size))
                if not gaps and self._completed():
                    return "done"
                unchanged = unchanged + 1 if gaps and gaps == before else 0
                if unchanged >= LISTINGS:
                    raise StoreError(
                        f"Samples {gaps[0][0]} to {gaps[0][1] - 1} were published {LISTINGS} "
                        f"times, and {self._store.url} does not list them. Do the workers write to "
                        "the same place? Was it replaced meanwhile? Look, then run again."
                    )
                before = gaps
                if not self._fill(executor, Chunker(gaps, length=self._length)):
                    return "cancelled" if self._gate is None or not self._held else self._gate.state
        finally:
            executor.close()
            # An executor that runs chunks in this very thread has left an engine warm in it.
            self._task.release()

    def _completed(self) -> bool:
        """Finish the store; False where a damaged chunk was put aside, so that there is a gap."""
        try:
            if self._tally.snapshot().done < self._size:
                # Chunks without a receipt: they were under way when an earlier run of this store
                # was cancelled, or another kernel computed them.
                self._tally.add_stored(self._store)
            self._on_complete()
        except CorruptObjectError:
            aside = self._store.verify()
            if not aside:
                raise
            logger.warning("Computed again, since damaged: %s", "; ".join(aside))
            return False
        return True

    def _fill(self, executor: Executor, chunker: Chunker) -> bool:
        """Run what the chunker has; False when cancelled, or stopped by the gate."""
        noted = self._clock()
        while chunker.remaining or self._under_way or self._again or self._suspects:
            if self._cancelled.is_set():
                executor.cancel()
                self._held = False
                return False
            self._submit(executor, chunker)
            if self._held and (not self._under_way or self._stranded(executor)):
                executor.cancel()
                return False
            if self._clock() > noted + NOTE_SECONDS:
                noted = self._clock()
                self._on_progress()
            for event in executor.poll(POLL_SECONDS):
                self._under_way.discard(event.chunk)
                if isinstance(event, Receipt):
                    self._count(event)
                    if self._gate is not None:
                        self._gate.note(event)
                    chunker.observe(len(event.chunk), event.wall)
                else:
                    self._handle(event)
        return True

    def _count(self, receipt: Receipt) -> None:
        self._barren = 0
        self._tally.add(receipt.chunk.start, receipt.status, receipt.measures, receipt.units)

    def _stranded(self, executor: Executor) -> bool:
        return self._gate is not None and self._gate.over() and not executor.capacity()

    def _admitted(self, under_way: int, slots: int) -> bool:
        self._held = self._gate is not None and not self._gate.admits(under_way, slots)
        return not self._held

    def _submit(self, executor: Executor, chunker: Chunker) -> None:
        if self._suspects and not self._again:
            # What has ended workers before runs with nothing beside it, so that its next death
            # can be blamed on nobody else.
            if not self._under_way and self._admitted(0, 1):
                self._alone = self._suspects.popleft()
                self._hand_out(executor, [self._alone])
            return
        slots = executor.capacity()
        most, together = window(slots)
        room = most - len(self._under_way)
        if room < together and not self._again:
            return
        room = min(room, self._pace.room(), chunker.most(len(self._under_way)))
        chunks: list[Chunk] = []
        while len(chunks) < room and self._admitted(len(self._under_way) + len(chunks), slots):
            chunk = self._again.popleft() if self._again else chunker.next(slots)
            if chunk is None:
                break
            chunks.append(chunk)
        self._hand_out(executor, chunks)

    def _hand_out(self, executor: Executor, chunks: list[Chunk]) -> None:
        if chunks:
            self._under_way.update(chunks)
            self._pace.note(len(chunks))
            executor.submit(chunks)

    def _handle(self, loss: Loss) -> None:
        chunk = loss.chunk
        self._tally.retry()
        if not loss.worker_died:
            if chunk.attempt >= RAISES or _is_final(loss.error):
                if isinstance(loss.error, SpicelabError):
                    raise loss.error
                raise CampaignError(
                    f"Samples {chunk.start} to {chunk.stop - 1} could not be computed, "
                    f"{chunk.attempt + 1} times: {loss.reason}"
                ) from loss.error
            self._again.append(Chunk(chunk.start, chunk.stop, chunk.attempt + 1))
            return
        self._barren += 1
        if self._barren >= BARREN_DEATHS:
            raise ExecutorError(
                f"{self._barren} workers were lost in a row and no chunk came back: {loss.reason} "
                "Look at the workers' logs and memory, then run again: what is finished is kept."
            )
        alone, self._alone = self._alone == chunk, None
        if len(chunk) > 1:
            middle = (chunk.start + chunk.stop) // 2
            halves = [
                Chunk(chunk.start, middle, chunk.attempt + 1),
                Chunk(middle, chunk.stop, chunk.attempt + 1),
            ]
            # The first time it may have been the machine, or a neighbour.
            (self._suspects if chunk.attempt else self._again).extend(halves)
            return
        self._deaths[chunk.start] += alone
        if self._deaths[chunk.start] < DEATHS:
            self._suspects.append(Chunk(chunk.start, chunk.stop, chunk.attempt + 1))
            return
        self._record_crash(chunk, loss.reason)

    def _record_crash(self, chunk: Chunk, reason: str) -> None:
        """Publish a sample that ends every worker as crashed, in the worker's stead."""
        status = np.array([Status.CRASHED], np.int8)
        batch = Batch(
            start=chunk.start,
            status=status,
            measures={},
            failures=(
                Failure(
                    index=chunk.start,
                    status=Status.CRASHED,
                    reason=f"It ended its worker process each time: {reason}",
                    attempts=chunk.attempt + 1,
                ),
            ),
            cpu=np.zeros(1),
        )
        patiently(
            lambda: self._store.publish(
                batch,
                values=self._task.design.draw(chunk.start, chunk.stop),
                receipt={"worker": "", "attempt": chunk.attempt},
            )
        )
        self._barren = 0
        self._tally.add(chunk.start, status, {}, {})


def _is_final(error: BaseException | None) -> bool:
    """Whether trying again cannot help: a wrong circuit or measure, a store of other bits."""
    if isinstance(error, (StoreMissingError, StoreUnreachableError)):
        return True  # a worker has tried for a while before it gave up
    return isinstance(error, SpicelabError) and isinstance(error, ValueError)
