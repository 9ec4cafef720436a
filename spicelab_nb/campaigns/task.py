"""What a worker does with a chunk: draw, simulate, publish, report."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import socket
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from spicelab_nb.errors import StoreMissingError, StoreUnreachableError
from spicelab_nb.executors.executor import Receipt
from spicelab_nb.results.platform import fingerprint
from spicelab_nb.results.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spicelab_nb.executors.executor import Chunk
    from spicelab_nb.sampling.design import BoundDesign
    from spicelab_nb.simulators.simulator import Session, Simulator

__all__ = ["ChunkTask", "patiently"]

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

PATIENCE = 30.0
"""Seconds for which a store that is out of reach may come back before a run fails."""

WARM_SESSIONS = 2
"""How many campaigns a worker thread keeps warm (an engine process each)."""


@dataclass(frozen=True, kw_only=True)
class ChunkTask:
    """Computes one chunk of one campaign and publishes it before saying so.

    Parameters
    ----------
    simulator, design
        Who computes, and which points.
    store
        Path or URL of the store; it holds the plan already.
    plan_digest
        Of the plan: the key under which a worker keeps its session.
    """

    simulator: Simulator
    design: BoundDesign
    store: str
    plan_digest: str

    @property
    def key(self) -> str:
        """The plan's digest, the number of points and the store.

        The plan of an extensible design does not say how many points there are, and the design
        draws no others: a run and its extension may go on beside one another.
        """
        return f"{self.plan_digest}:{self.design.size}:{self.store}"

    @property
    def warm_key(self) -> str:
        """What a session and an opened store depend on."""
        return f"{self.plan_digest}:{self.store}"

    def __call__(self, chunk: Chunk) -> Receipt:
        """Compute and publish the points of `chunk`."""
        begun, wall = time.time(), time.perf_counter()
        values = self.design.draw(chunk.start, chunk.stop)
        seeds = self.design.seeds(chunk.start, chunk.stop)
        with _sessions.using(self.warm_key, self.simulator) as session:
            batch = session.run(chunk.start, values, seeds)
        cpu, elapsed = float(batch.cpu.sum()), time.perf_counter() - wall
        worker = f"{socket.gethostname()}:{os.getpid()}"
        receipt = {
            "worker": worker,
            "attempt": chunk.attempt,
            "started": begun,
            "wall": elapsed,
            "cpu": cpu,
            "platform": fingerprint(),
        }
        # What has been computed is not thrown away for a network that is out for a moment.
        patiently(
            lambda: _stores.get(self.warm_key, self.store).publish(
                batch, values=values, receipt=receipt
            )
        )
        return Receipt(
            chunk=chunk,
            status=batch.status,
            measures=dict(batch.measures),
            units=dict(batch.units),
            cpu=cpu,
            wall=time.perf_counter() - wall,
            worker=worker,
        )

    def release(self) -> None:
        """Close what this process keeps warm for this task; what is in use now, when it is not."""
        for warm in [w for w in _every_session if w.key == self.warm_key]:
            warm.give_up()


def patiently(ask: Callable[[], Answer]) -> Answer:
    """Ask something of a store, again and again for a while where it is out of reach.

    Raises
    ------
    StoreMissingError, StoreUnreachableError
        It is still out of reach after `PATIENCE` seconds.
    """
    end, pause = time.monotonic() + PATIENCE, 0.25
    while True:
        try:
            return ask()
        except (StoreMissingError, StoreUnreachableError) as error:
            if time.monotonic() + pause > end:
                raise
            logger.warning("Trying again for a while: %s", error)
        time.sleep(pause)
        pause = min(2 * pause, 4.0)


class _Warm:
    """A session that stays open between chunks; used by one thread, given up by any."""

    def __init__(self, key: str, session: Session) -> None:
        self.key = key
        self.given_up = False
        self._session = session
        self._lock = threading.Lock()
        _every_session.append(self)

    @property
    def session(self) -> Session:
        """What is warm."""
        return self._session

    def take(self) -> bool:
        """Begin to use it; False where it has been given up."""
        self._lock.acquire()
        if not self.given_up:
            return True
        # Whoever gave it up meanwhile found it in use, and left it to its user to close.
        self.put_down()
        return False

    def put_down(self) -> None:
        """Stop using it; it is closed if it was given up meanwhile."""
        self._lock.release()
        if self.given_up:
            self.give_up()

    def give_up(self) -> None:
        """Close it, from any thread: now, or at the end of the chunk that it is computing."""
        self.given_up = True
        if self._lock.acquire(blocking=False):
            try:
                if self in _every_session:
                    _every_session.remove(self)
                    self._session.close()
            finally:
                self._lock.release()


class _Sessions(threading.local):
    """Sessions that stay warm in this thread between chunks, the least recently used given up."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, _Warm] = OrderedDict()

    @contextlib.contextmanager
    def using(self, key: str, simulator: Simulator) -> Iterator[Session]:
        """Give the session of `key`, opened if need be."""
        warm = self._open.get(key)
        while warm is None or not warm.take():
            self._open.pop(key, None)
            while len(self._open) >= WARM_SESSIONS:
                self._open.popitem(last=False)[1].give_up()
            warm = self._open[key] = _Warm(key, simulator.open())
        self._open.move_to_end(key)
        try:
            yield warm.session
        finally:
            warm.put_down()


class _Stores(threading.local):
    """Stores opened in this thread, so that a chunk does not list the store again.

    By plan too: a store remembers its plan's digest, and a folder may be removed and used anew.
    """

    def __init__(self) -> None:
        self._open: dict[str, Store] = {}

    def get(self, key: str, url: str) -> Store:
        if key not in self._open:
            self._open[key] = Store.open(url, create=False, expected=True)
        return self._open[key]


_every_session: list[_Warm] = []
_sessions = _Sessions()
_stores = _Stores()


@atexit.register
def _close_all() -> None:
    for warm in _every_session[:]:
        warm.give_up()
