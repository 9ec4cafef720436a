"""Threads of this process take quick turns while campaigns run in it.

A thread that waits for the interpreter's lock asks for it after ``sys.getswitchinterval()``, 5 ms
by default, each time it has read a file, heard from the network or left the lock to numpy. Beside
a cell that computes in Python, a campaign's thread then spends nearly all of its time waiting:
3000 op-amps took 15 s instead of 2.3 s, and take 4.3 s with turns of half a millisecond.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TURN_SECONDS", "quick_turns"]

TURN_SECONDS = 5e-4
"""Two threads that compute in Python lose nothing that can be measured by such turns."""

_lock = threading.Lock()
_running = 0
_usual = TURN_SECONDS


@contextlib.contextmanager
def quick_turns() -> Iterator[None]:
    """Shorten the interpreter's switch interval; the last one out puts it back.

    An interval that is shorter already stays, and one that somebody sets meanwhile is theirs.
    """
    global _running, _usual
    with _lock:
        _running += 1
        if _running == 1:
            _usual = sys.getswitchinterval()
            if _usual > TURN_SECONDS:
                sys.setswitchinterval(TURN_SECONDS)
    try:
        yield
    finally:
        with _lock:
            _running -= 1
            if _running == 0 and sys.getswitchinterval() == TURN_SECONDS:
                # It is cut down to whole microseconds.
                sys.setswitchinterval(_usual + 1e-7)
