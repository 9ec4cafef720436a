"""A live cluster, as a person holds it."""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

from spicelab_nb.clusters import registry
from spicelab_nb.clusters.account import Account
from spicelab_nb.clusters.display import as_html, as_text
from spicelab_nb.clusters.record import Record, hostname, process_start
from spicelab_nb.errors import ClusterError, ClusterStartError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from distributed import Client

    from spicelab_nb.clusters.kind import ClusterKind, Condition
    from spicelab_nb.cost.money import Money
    from spicelab_nb.cost.price import Price
    from spicelab_nb.executors import Executor

__all__ = ["Cluster"]

logger = logging.getLogger(__name__)

ROUND = 1.0
"""Seconds between two looks at requests and at what died."""
UNDER_WAY = ("waiting", "running")
"""States of a campaign that is computed."""
HEARTBEAT = 5.0
"""Seconds between two records where nothing changes."""


class Cluster:
    """Workers that run campaigns; made by ``sl.cluster(kind, ...)``. Also a context manager.

    A thread of this process looks after it once a second: it replaces workers that died, keeps
    the record on disk true, and does what other processes ask for there.

    Parameters
    ----------
    launcher
        Its kind and options.
    options
        Of that kind.
    name
        What people call it.
    price
        What it costs, where its kind cannot know.
    record_of
        Id of a cluster that another process owns and records; None: this one is ours.
    on_close
        Called once, when it has closed.
    """

    def __init__(
        self,
        launcher: type[ClusterKind],
        options: Any,
        *,
        name: str,
        price: Price | None = None,
        record_of: str | None = None,
        on_close: Callable[[Cluster], None] | None = None,
    ) -> None:
        self._recorded = record_of is None
        self.id = record_of or uuid.uuid4().hex[:12]
        self.name = name
        self.kind = launcher.kind
        self._started = time.time()
        self._owner = os.getpid()
        self._owner_started = process_start(self._owner) or 0.0
        self._campaigns: dict[tuple[str, str], dict[str, Any]] = {}
        self._on_close = on_close
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = True
        self._cores = 0
        self.account = Account(
            id=self.id, name=name, kind=self.kind, price=price, recorded=self._recorded
        )
        # Found once: the setting may be relative to a folder that the notebook leaves.
        self._base = registry.folder()
        self._launcher = launcher(options, name=name, id=self.id, folder=self._base / self.id)

    def start(self) -> Cluster:
        """Start it, and look after it from now on.

        Raises
        ------
        ClusterStartError
            Not every worker came up; nothing is left of it.
        """
        try:
            # The name is taken, and the folder can be pruned, from here on.
            self._save(self.record())
            # Nothing that costs money is started without a line that says so.
            self.account.intend(self._launcher.price_per_hour)
            self._launcher.start()
            self._starting = False
            record = self.record()
            self._save(record)
            self.account.started(record.price_per_hour)
        except BaseException:
            self._launcher.close()
            self._closing.set()
            self._closed.set()
            self.account.ended("failed")
            self._forget()
            raise
        self._thread = threading.Thread(
            target=self._look_after, name=f"cluster-{self.name}", daemon=True
        )
        self._thread.start()
        return self

    # -- what it is ----------------------------------------------------------------------------

    def _condition(self) -> Condition:
        condition = self._launcher.condition()
        self._cores = condition.cores
        return condition

    @property
    def state(self) -> str:
        """``starting``, ``running``, ``scaling``, ``failed``, ``closing`` or ``closed``."""
        return self._state_of(self._condition())

    def _state_of(self, condition: Condition) -> str:
        if self._closed.is_set():
            return "closed"
        if self._closing.is_set():
            return "closing"
        return "starting" if self._starting else condition.state

    @property
    def workers(self) -> int:
        """How many workers are there now."""
        return self._condition().workers

    @property
    def cores(self) -> int:
        """How many chunks run at once now."""
        return self._condition().cores

    @property
    def memory(self) -> int:
        """Of all workers, bytes; 0 where there is no limit."""
        return self._condition().memory

    @property
    def problem(self) -> str:
        """What is wrong, as a sentence; "" for nothing."""
        return self._condition().problem

    @property
    def client(self) -> Client | None:
        """The Dask client; None where there is no Dask."""
        return self._launcher.client

    @property
    def address(self) -> str | None:
        """Of the scheduler; None where there is none."""
        return self._launcher.address

    @property
    def dashboard_link(self) -> str | None:
        """Dask's dashboard; None where there is none."""
        return None if self._closing.is_set() else self._launcher.dashboard_link

    @property
    def price_per_hour(self) -> float | None:
        """USD, now; 0 for nothing, None where that is not known."""
        return self.price_of_cores(self._cores)

    def price_of_cores(self, cores: int) -> float | None:
        """USD an hour with so many cores; 0 for nothing, None where that is not known."""
        price: float | None = self.account.price(self._launcher.price_per_hour, cores)
        return price

    @property
    def spent(self) -> Money:
        """What it has cost since it was started, as far as its price is known."""
        return self.account.spent

    @property
    def campaigns_under_way(self) -> int:
        """How many campaigns of this process it computes now; they share what it costs."""
        entries = list(self._campaigns.copy().values())
        return sum(entry.get("state") in UNDER_WAY for entry in entries)

    def record(self) -> Record:
        """What is written down about it now."""
        condition = self._condition()
        return Record(
            id=self.id,
            name=self.name,
            kind=self.kind,
            owner=self._owner,
            owner_started=self._owner_started,
            host=hostname(),
            state=self._state_of(condition),
            started=self._started,
            heartbeat=time.time(),
            workers=condition.workers,
            cores=condition.cores,
            memory=condition.memory,
            price_per_hour=self.price_per_hour,
            spent=float(self.spent),
            address=self.address,
            dashboard=self.dashboard_link,
            problem=condition.problem,
            campaigns=self._noted(),
        )

    def __repr__(self) -> str:
        return as_text(self.record())

    def _repr_html_(self) -> str:
        return as_html(self.record())

    # -- what it does --------------------------------------------------------------------------

    def executor(self) -> Executor:
        """Make an executor for one campaign.

        Raises
        ------
        ExecutorError
            The cluster is not running.
        """
        return self._launcher.executor()

    def scale(self, workers: int) -> None:
        """Ask for another number of workers; returns before they are there (see `wait`).

        Raises
        ------
        ClusterError
            Not a number of workers, or a cluster that cannot be scaled from here.
        """
        if isinstance(workers, bool) or not isinstance(workers, int) or workers < 0:
            raise ClusterError(f"A cluster has 0 or more workers, not {workers!r}.")
        if self._closing.is_set():
            raise ClusterError(f"Cluster {self.name!r} is closed; start another.")
        self._launcher.scale(workers)

    def wait(self, workers: int, timeout: float = 60.0) -> None:
        """Wait until there are `workers` workers, no more and no fewer.

        Raises
        ------
        ClusterStartError
            They are not there after `timeout` seconds, or the cluster failed or was closed.
        """
        end = time.monotonic() + timeout
        while (condition := self._condition()).workers != workers:
            if self._closing.is_set() or condition.state == "failed" or time.monotonic() > end:
                raise ClusterStartError(
                    f"{condition.workers} of {workers} workers of {self.name!r} are there after "
                    f"{timeout:g} s; it is {self._state_of(condition)}. "
                    f"{condition.problem}"
                )
            time.sleep(0.05)

    def note_campaign(self, name: str, done: int, total: int, state: str, *, run: str = "") -> None:
        """Say how far a campaign is, for those who read the record; cheap, may be called often.

        `run` tells apart campaigns of one name; one that has ended gives way to the next.
        """
        if (name, run) not in self._campaigns:
            for key, entry in self._campaigns.copy().items():
                if key[0] == name and entry["state"] not in UNDER_WAY:
                    self._campaigns.pop(key, None)
        entry = {"done": int(done), "total": int(total), "state": str(state)}
        self._campaigns[name, run] = entry

    def _noted(self) -> dict[str, dict[str, Any]]:
        """Campaigns by name, numbered where several have the same."""
        noted: dict[str, dict[str, Any]] = {}
        for (name, _), entry in self._campaigns.copy().items():
            label, number = name, 1
            while label in noted:
                number += 1
                label = f"{name} ({number})"
            noted[label] = dict(entry)
        return noted

    def close(self) -> None:
        """End every worker that it started; may be called twice.

        Campaigns that run on it stop, with everything published kept; ``run`` goes on elsewhere.
        """
        # A forked child must not end its parent's workers.
        if self._owner != os.getpid():
            return
        with self._lock:
            first = not self._closing.is_set()
            self._closing.set()
        if not first:
            self._closed.wait(30)
            return
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(30)
        try:
            self._launcher.close()
        finally:
            try:
                self.account.ended("closed")
                self._forget()
            finally:
                # Last: whoever sees it closed finds nothing of it any more.
                self._closed.set()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # -- the record on disk --------------------------------------------------------------------

    def _save(self, record: Record) -> None:
        if self._recorded:
            registry.save(record, self._base)

    def _forget(self) -> None:
        if self._recorded:
            registry.remove(self.id, self._base)
        if self._on_close is not None:
            self._on_close(self)

    def _look_after(self) -> None:
        written: tuple[float, Any] = (0.0, None)
        trouble = ""
        while not self._closing.wait(ROUND):
            try:
                self._launcher.tend()
                if self._recorded:
                    self._do_requests()
                    written = self._renew(written)
                self.account.look(self.price_per_hour)
                trouble = ""
            except Exception as error:
                # A full disk must not end the care of the workers; say it once, not each second.
                if trouble != str(error):
                    logger.exception("Looking after cluster %r failed", self.name)
                trouble = str(error)

    def _renew(self, written: tuple[float, Any]) -> tuple[float, Any]:
        if self._closing.is_set():
            return written
        record = self.record()
        content = record.to_json().replace(repr(record.heartbeat), "")
        if content != written[1] or time.monotonic() - written[0] > HEARTBEAT:
            self._save(record)
            return time.monotonic(), content
        return written

    def _do_requests(self) -> None:
        asked = registry.take_requests(self.id, self._base)
        if "stop" in asked:
            logger.info("Cluster %r is closed on request of another process", self.name)
            self.close()
        elif (workers := asked.get("scale")) is not None:
            self.scale(workers)
