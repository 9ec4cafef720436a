"""How a campaign is cut into chunks: long enough to be cheap, short enough to keep all busy.

On `c` slots with work of `W` seconds left, a chunk takes ``max(0.5 s, c / 250 s)`` or, in a long
campaign, up to 2 s; at most 60 s, and at most ``W / (8 c)``, so that the last ones end together. A
scheduler that takes 250 chunks a second feeds ``250 L`` slots with chunks of `L` seconds: where `W`
is too little for all slots, ``L = sqrt(W / 250)`` is soonest done, since handing out takes
``W / (250 L)`` and the last chunk `L`.
"""

from __future__ import annotations

import math
import operator
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from spicelab_nb.errors import CampaignError
from spicelab_nb.executors.executor import Chunk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Chunker", "Pace", "checked_length", "window"]

TASKS_PER_SECOND = 250
"""What a Dask scheduler is asked for at most, with a margin of two under what it can do."""

SHORTEST, LONGEST = 0.5, 60.0
"""Seconds that a chunk should take at least and at most."""

COMFORTABLE = 2.0
"""Seconds of a chunk in a long campaign: a quarter of the messages, and news often enough."""

STEPS = 32
"""How many chunks each slot should still get for them to become so long."""

ROUNDS = 8
"""How many chunks each slot should still get, so that the last ones end together."""

TRIAL = 1
"""Points of the first chunks: one point may take minutes, nothing is known yet."""

FIRST = 16
"""Chunks that go out before anything is known of the time that a point takes."""

TOGETHER = 8
"""Chunks that are handed out in one message, where there are as many slots."""

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
        self._remaining = sum(stop - start for start, stop in self._gaps)
        self._fixed = length
        self._seconds: float | None = None

    @property
    def remaining(self) -> int:
        """Points not handed out yet."""
        return self._remaining

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
        work = self.remaining * self._seconds
        affordable = slots / TASKS_PER_SECOND
        unhurried = min(COMFORTABLE, work / (STEPS * slots))
        seconds = min(max(SHORTEST, affordable, unhurried), LONGEST)
        # Near the end chunks shrink, so that no slot waits long for the last one, as far as the
        # scheduler and the cost of handing out a chunk allow.
        shrunk = max(work / (ROUNDS * slots), min(affordable, math.sqrt(work / TASKS_PER_SECOND)))
        seconds = min(seconds, max(shrunk, SHORTEST / 10))
        return min(max(1, round(seconds / self._seconds)), LARGEST)

    def most(self, under_way: int) -> int:
        """How many chunks should go out now, beside `under_way` others.

        Few while nothing is known: a second's worth for the scheduler would be gone on points that
        take microseconds. Twice as many each time while none comes back, since they may be slow.
        """
        if self._fixed is not None or self._seconds is not None:
            return LARGEST
        return max(FIRST, under_way)

    def next(self, slots: int) -> Chunk | None:
        """Give the next chunk, or None when all is handed out."""
        if not self._gaps:
            return None
        length = self.length(slots)
        start, stop = self._gaps.popleft()
        cut = min(stop, start + length)
        if cut < stop:
            self._gaps.appendleft((cut, stop))
        self._remaining -= cut - start
        return Chunk(start, cut)


class Pace:
    """Keeps what is handed out in any one second under a limit, whatever was estimated.

    Parameters
    ----------
    limit
        Chunks in any one second.
    clock
        Monotonic seconds.
    """

    def __init__(
        self, limit: int = TASKS_PER_SECOND, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._limit = limit
        self._handed_out: deque[tuple[float, int]] = deque()
        self._recent = 0

    def room(self) -> int:
        """How many chunks may be handed out now."""
        now = self._clock()
        while self._handed_out and self._handed_out[0][0] <= now - 1.0:
            self._recent -= self._handed_out.popleft()[1]
        return self._limit - self._recent

    def note(self, chunks: int) -> None:
        """Count chunks that are handed out now."""
        if chunks:
            self._handed_out.append((self._clock(), chunks))
            self._recent += chunks


def checked_length(length: Any) -> int | None:
    """Take a chunk length that a person gave; None: it adapts.

    Raises
    ------
    CampaignError
        It is no whole number, or below 1.
    """
    if length is None:
        return None
    try:
        whole = 0 if isinstance(length, bool) else operator.index(length)
    except TypeError:
        raise CampaignError(f"chunk_length is a whole number of samples, not {length!r}.") from None
    if whole < 1:
        raise CampaignError(f"chunk_length must be at least 1, not {length}.")
    return whole


def window(slots: int) -> tuple[int, int]:
    """How many chunks should be under way on a cluster of `slots`, and how many go out at once.

    One chunk waits behind each running one, so that a slot is never idle for a round trip; those
    that go out together cost one message.
    """
    slots = max(slots, 1)
    together = min(slots, TOGETHER)
    return 2 * slots + together - 1, together
