"""A process that ends when its owner does, however the owner ended.

Its standard input is a pipe that only the owner holds the other end of, and never writes to: it
is closed when the owner ends, by a signal, ``os._exit`` or a crash as well.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import threading

__all__ = ["follow"]


def follow(owner: int) -> None:
    """End this process, and its process group if it leads one, when process `owner` is gone.

    Parameters
    ----------
    owner
        Process id of the parent.
    """
    leads = os.getpgrp() == os.getpid()
    if hasattr(fcntl, "F_SETOWN"):
        # The kernel itself ends the group (SIGIO's default), though a C function may hold
        # Python's lock for minutes.
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(0, fcntl.F_SETOWN, -os.getpgrp() if leads else os.getpid())
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    threading.Thread(target=_watch, args=(owner, leads), name="leash", daemon=True).start()


def _watch(owner: int, leads: bool) -> None:
    # A child of the owner that was forked holds the pipe as well: ask for the parent, too.
    while os.getppid() == owner:
        readable, _, _ = select.select([0], [], [], 1.0)
        if readable and not os.read(0, 1):
            break
    if leads:
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)
