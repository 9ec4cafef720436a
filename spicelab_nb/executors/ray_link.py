"""The notebook's end of the line to the process that drives Ray."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

__all__ = ["RayLink"]

logger = logging.getLogger(__name__)

FAREWELL = 1.0
"""Seconds for the last words to a driver."""
SILENCE = 30.0
"""Seconds without a word after which the driver, which speaks every second, counts as lost."""


class RayLink:
    """Says what a cluster and its executors ask for, and keeps what comes back.

    Two threads of its own read and write, so that nobody who calls it ever waits for a driver that
    hangs.

    Parameters
    ----------
    connection
        To the driver.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._out: queue.SimpleQueue[tuple[Any, ...] | None] = queue.SimpleQueue()
        self._inboxes: dict[str, queue.SimpleQueue[tuple[Any, ...]]] = {}
        self._lock = threading.Lock()
        self._heard = time.monotonic()
        self._lost = ""
        self.ready: dict[str, Any] | None = None
        """What the driver says of Ray once it is connected."""
        self.failed = ""
        """Why it could not connect, as a sentence."""
        self.state: dict[str, Any] = {"workers": [], "target": 0, "refused": "", "problem": ""}
        """Of the workers, as last heard."""
        self._reader = threading.Thread(target=self._read, name="ray-reader", daemon=True)
        self._writer = threading.Thread(target=self._write, name="ray-writer", daemon=True)
        self._reader.start()
        self._writer.start()

    @property
    def lost(self) -> str:
        """Why the driver cannot be spoken to any more, as a clause; "" while it can."""
        if not self._lost and time.monotonic() - self._heard > SILENCE:
            return f"its driver has said nothing for {SILENCE:g} s"
        return self._lost

    def send(self, *message: Any) -> None:
        """Say something; returns at once, whether it can be heard or not."""
        self._out.put(message)

    def open(self, executor: str) -> queue.SimpleQueue[tuple[Any, ...]]:
        """Where what concerns an executor arrives."""
        inbox: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        with self._lock:
            self._inboxes[executor] = inbox
        return inbox

    def forget(self, executor: str) -> None:
        """Nobody listens for that executor any more."""
        with self._lock:
            self._inboxes.pop(executor, None)

    def end(self, why: str) -> None:
        """Say what is still to be said, and hang up; waits a second for a driver that listens."""
        self._lost = self._lost or why
        self._out.put(None)
        self._writer.join(FAREWELL)
        self._hang_up()
        self._reader.join(FAREWELL)
        self._writer.join(FAREWELL)
        if not (self._reader.is_alive() or self._writer.is_alive()):
            self._connection.close()

    def _hang_up(self) -> None:
        """Wake both threads, and the driver: a file that is being read is not closed by `close`."""
        with contextlib.suppress(OSError):
            line = socket.socket(fileno=os.dup(self._connection.fileno()))
            with line:
                line.shutdown(socket.SHUT_RDWR)

    def _read(self) -> None:
        try:
            while True:
                self._take(self._connection.recv())
        except (EOFError, OSError) as error:
            logger.debug("The line to Ray's driver ended: %r", error)
            self._lost = self._lost or "its driver has ended"
            self._out.put(None)

    def _take(self, message: tuple[Any, ...]) -> None:
        self._heard = time.monotonic()
        kind, *rest = message
        if kind == "state":
            self.state = rest[0]
        elif kind == "ready":
            self.ready = rest[0]
        elif kind == "failed":
            self.failed = str(rest[0])
        elif kind == "lost":
            self._lost = self._lost or str(rest[0])
        elif kind == "alive":
            pass
        else:
            with self._lock:
                inbox = self._inboxes.get(rest[0])
            if inbox is not None:
                inbox.put((kind, *rest[1:]))

    def _write(self) -> None:
        try:
            while (message := self._out.get()) is not None:
                self._connection.send(message)
        except OSError as error:
            logger.debug("Ray's driver does not listen any more: %r", error)
