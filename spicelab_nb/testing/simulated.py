"""An executor of any number of slots in a time of its own: to see how a campaign is handed out."""

from __future__ import annotations

import heapq
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import ExecutorError
from spicelab_nb.executors.executor import Chunk, Loss, Receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from spicelab_nb.executors.executor import Task

__all__ = ["SimulatedExecutor", "VirtualClock"]


class VirtualClock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time now."""
        return self.now


class SimulatedExecutor:
    """Runs nothing: says after the time that a chunk would take that it is done.

    Parameters
    ----------
    slots
        How many chunks run at once.
    seconds
        From the number of a point to the seconds that it takes; or the same for all.
    clock
        Moved on by `poll`.
    delay
        Seconds that each chunk takes besides its points.
    done
        Told of each finished chunk, as a store would be.
    """

    def __init__(
        self,
        slots: int,
        seconds: float | Callable[[Chunk], float],
        *,
        clock: VirtualClock,
        delay: float = 5e-3,
        done: Callable[[Chunk], None] = lambda chunk: None,
    ) -> None:
        self.slots = slots
        self.handed_out: list[tuple[float, Chunk]] = []
        """Each chunk with the time at which it was asked for."""
        self.busy_until = [0.0] * slots
        """When each slot ended its last chunk."""
        self.worked = 0.0
        self._seconds = seconds
        self._clock = clock
        self._delay = delay
        self._done = done
        self._waiting: deque[Chunk] = deque()
        self._free = list(range(slots))
        self._running: list[tuple[float, int, Chunk, float]] = []

    def start(self, task: Task) -> None:
        """Do nothing."""

    def submit(self, chunks: Sequence[Chunk]) -> None:
        """Queue chunks; free slots take them at once."""
        self.handed_out += [(self._clock.now, chunk) for chunk in chunks]
        self._waiting.extend(chunks)
        while self._free and self._waiting:
            self._begin(self._free.pop(), self._clock.now)

    def _begin(self, slot: int, now: float) -> None:
        chunk = self._waiting.popleft()
        each = self._seconds
        wall = self._delay + (each(chunk) if callable(each) else each * len(chunk))
        self.worked += wall
        heapq.heappush(self._running, (now + wall, slot, chunk, wall))

    def poll(self, timeout: float) -> list[Receipt | Loss]:
        """Let time pass until a chunk ends, or until `timeout`."""
        clock = self._clock
        limit = clock.now + timeout
        if not self._running or self._running[0][0] > limit:
            clock.now = limit
            return []
        clock.now = max(clock.now, self._running[0][0])
        ended: list[Receipt | Loss] = []
        while self._running and self._running[0][0] <= clock.now:
            at, slot, chunk, wall = heapq.heappop(self._running)
            self.busy_until[slot] = at
            self._done(chunk)
            ended.append(
                Receipt(
                    chunk=chunk,
                    status=np.zeros(len(chunk), np.int8),
                    measures={},
                    cpu=wall,
                    wall=wall,
                    worker=f"slot {slot}",
                )
            )
            if self._waiting:
                self._begin(slot, at)
            else:
                self._free.append(slot)
        return ended

    def capacity(self) -> int:
        """The slots."""
        return self.slots

    def cancel(self) -> None:
        """Forget what waits."""
        self._waiting.clear()

    def token(self) -> Mapping[str, Any] | None:
        """None."""
        return None

    def close(self) -> None:
        """Refuse to end with chunks under way."""
        if self._running:
            raise ExecutorError(f"{len(self._running)} simulated chunks are still under way.")
