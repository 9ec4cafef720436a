"""One thread that keeps every live view of this kernel up to date, and rests when there is none."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Source", "Ticker", "ticker"]

logger = logging.getLogger(__name__)

SHARE = 0.006
"""Share of a core that looking may take: what looks for 1 ms is looked at every 167 ms or later.

Sending what was seen adds about half as much again.
"""

LONGEST = 5.0
"""Seconds between two looks at most, however much one costs."""


class Source(Protocol):
    """Something that changes and is shown."""

    interval: float
    """Seconds between two looks at least."""

    def look(self) -> bool:
        """Show what changed since the last look; False when nothing will change any more."""


class Ticker:
    """Looks at each watched source at its interval, in one daemon thread.

    The thread starts with the first source and ends when there is none left. A source that raises
    is told so by its ``fail(error)``, if it has one, and is not looked at again.

    Parameters
    ----------
    clock
        Monotonic seconds.
    cost_clock
        Processor seconds of the calling thread.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        cost_clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self._clock = clock
        self._cost_clock = cost_clock
        self._changed = threading.Condition()
        self._due: dict[Source, float] = {}
        self._thread: threading.Thread | None = None

    @property
    def sources(self) -> list[Source]:
        """What is watched now."""
        with self._changed:
            return list(self._due)

    @property
    def running(self) -> bool:
        """Whether there is a thread."""
        with self._changed:
            return self._thread is not None

    def watch(self, source: Source) -> None:
        """Look at `source` from now on, the first time at once; watching it twice is once."""
        with self._changed:
            self._due[source] = self._clock()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="spicelab-views", daemon=True
                )
                self._thread.start()
            self._changed.notify()

    def forget(self, source: Source) -> None:
        """Do not look at it any more."""
        with self._changed:
            self._due.pop(source, None)
            self._changed.notify()

    def _next(self) -> Source | None:
        """Wait for a source that is due; None when there is none left to wait for."""
        with self._changed:
            while self._due:
                source = min(self._due, key=self._due.__getitem__)
                wait = self._due[source] - self._clock()
                if wait <= 0:
                    return source
                self._changed.wait(wait)
            self._thread = None
            return None

    def _work(self) -> None:
        while (source := self._next()) is not None:
            begun, cost = self._clock(), self._cost_clock()
            more = _look(source)
            cost = self._cost_clock() - cost
            with self._changed:
                if not more:
                    # Unless it was watched again while it was looked at.
                    if self._due.get(source, begun) <= begun:
                        self._due.pop(source, None)
                elif source in self._due:
                    self._due[source] = begun + pause(source.interval, cost)


def pause(interval: float, cost: float) -> float:
    """Seconds from one look to the next, for one that took `cost` seconds of processor."""
    return max(interval, min(cost / SHARE, LONGEST))


def _look(source: Source) -> bool:
    try:
        return source.look()
    except Exception as error:
        # It must not end the other views' thread; what is shown says that it stopped, and why.
        logger.exception("A view stopped being updated")
        fail = getattr(source, "fail", None)
        if fail is not None:
            fail(error)
        return False


ticker = Ticker()
"""The one of this kernel."""
