"""How a campaign is cut into chunks: long enough to be cheap, short enough to keep all busy."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from spicelab_nb.executors.executor import Chunk

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Chunker"]

TASKS_PER_SECOND = 250.0
"""What a Dask scheduler is asked for at most, with a margin of two under what it can do."""

SHORTEST, LONGEST = 0.5, 60.0
"""Seconds that a chunk should take at least and at most."""

ROUNDS = 8
"""How many chunks each slot should still get, so that the last ones end together."""

TRIAL = 4
"""Points of the first chunks, before anything is known of the time that one takes."""

LARGEST = 100_000
"""Points of a chunk at most: a worker holds all of a chunk's results in memory."""


class Chunker:
    """Hands out chunks of what is still to be done, their length following the measured time.

    Parameters
    ----------
    gaps
        Ranges ``(start, stop)`` still to be computed, ascending.
    length
        A fixed length instead of an adapting one; None: adapt.
    """

    def __init__(self, gaps: Iterable[tuple[int, int]], *, length: int | None = None) -> None:
        self._gaps: deque[tuple[int, int]] = deque(gaps)
        self._fixed = length
        self._seconds: float | None = None

    @property
    def remaining(self) -> int:
        """Points not handed out yet."""
        return sum(stop - start for start, stop in self._gaps)

    def observe(self, points: int, seconds: float) -> None:
        """Learn from a finished chunk: `points` took `seconds` of wall time in the worker."""
        if points <= 0:
            return
        each = max(seconds, 1e-9) / points
        if self._seconds is None or each < self._seconds:
            # A worker's first chunks also start its engine, and short chunks pay most of their
            # time for being chunks: a lower figure is the better one.
            self._seconds = each
        else:
            # Upwards an exponential mean over about four chunks: one hiccup changes little.
            self._seconds = 0.75 * self._seconds + 0.25 * each

    def length(self, slots: int) -> int:
        """Points of the next chunk for a cluster of `slots`."""
        if self._fixed is not None:
            return self._fixed
        slots = max(slots, 1)
        if self._seconds is None:
            return max(1, min(TRIAL, math.ceil(self.remaining / slots)))
        seconds = min(max(SHORTEST, slots / TASKS_PER_SECOND), LONGEST)
        fair = self.remaining * self._seconds / (ROUNDS * slots)
        # Near the end chunks shrink, so that no slot waits long for the last one, as far as the
        # scheduler and the cost of handing out a chunk allow.
        seconds = min(seconds, max(fair, slots / TASKS_PER_SECOND, SHORTEST / 10))
        return min(max(1, round(seconds / self._seconds)), LARGEST)

    def next(self, slots: int) -> Chunk | None:
        """Give the next chunk, or None when all is handed out."""
        if not self._gaps:
            return None
        length = self.length(slots)
        start, stop = self._gaps.popleft()
        cut = min(stop, start + length)
        if cut < stop:
            self._gaps.appendleft((cut, stop))
        return Chunk(start, cut)

    def put_back(self, gaps: Iterable[tuple[int, int]]) -> None:
        """Add ranges that turned out to be missing after all."""
        self._gaps.extend(gaps)
