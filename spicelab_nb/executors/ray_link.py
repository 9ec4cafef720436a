"""The notebook's end of the line to the process that drives Ray."""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

__all__ = ["RayLink"]

logger = logging.getLogger(__name__)

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
        for work in (self._read, self._write):
            threading.Thread(target=work, name="ray-link", daemon=True).start()

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
        """Nothing is said or heard from here on."""
        self._lost = self._lost or why
        self._out.put(None)

    def _read(self) -> None:
        try:
            while True:
                self._take(self._connection.recv())
        except (EOFError, OSError) as error:
            logger.debug("The line to Ray's driver ended: %r", error)
            self._lost = self._lost or "its driver has ended"

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
        except (BrokenPipeError, ConnectionError, OSError) as error:
            logger.debug("Ray's driver does not listen any more: %r", error)
        finally:
            # Wakes the other thread, and tells the driver.
            self._connection.close()
