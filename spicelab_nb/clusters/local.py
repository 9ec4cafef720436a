"""A Dask cluster on this machine: a scheduler and workers as commands of their own.

They are started as commands, not by spawning the caller's module, so a script needs no ``__main__``
guard. Connections are encrypted and authenticated (`certificates`), every process ends with its
owner (`leash`), and a worker that dies is replaced.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from spicelab_nb import config
from spicelab_nb.clusters.certificates import make_certificate
from spicelab_nb.clusters.children import Child, end_all
from spicelab_nb.clusters.clients import close_client, connect, workers_of
from spicelab_nb.clusters.kind import Condition
from spicelab_nb.clusters.memory import leave_note, overdrawn, read_note, resident
from spicelab_nb.clusters.registry import scratch_folder, write_file
from spicelab_nb.errors import ClusterError, ClusterStartError, ExecutorError

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Client

    from spicelab_nb.executors import Executor

__all__ = ["Local", "LocalOptions"]

logger = logging.getLogger(__name__)

LARGEST_WAIT = 30.0
"""Seconds between two attempts to start a worker that keeps dying."""
RETIREMENT = 10.0
"""Seconds that a worker which is not needed any more may take to leave by itself."""


@dataclass(frozen=True, kw_only=True)
class LocalOptions:
    """What can be said about a local cluster.

    Parameters
    ----------
    workers
        Processes, at least 1; None: the setting ``workers``, or one for each processor.
    threads_per_worker
        Chunks that a worker runs at once.
    memory_limit
        What each worker may hold with all that it started (its engines): bytes, ``"2 GB"``,
        ``"auto"`` (the memory of the machine, or of the control group that this process is in,
        divided by `workers`) or None for no limit. One that holds more is ended and replaced, and
        a sample that does it each time is recorded as crashed, with that reason.
    timeout
        Seconds within which all workers have joined, or starting fails.
    dashboard
        Serve Dask's dashboard (where bokeh is installed) on this machine's loopback. It shows what
        runs, and asks nobody who they are.
    environment
        Variables for the workers, added to this process's own.
    """

    workers: int | None = None
    threads_per_worker: int = 1
    memory_limit: int | float | str | None = "auto"
    timeout: float = 60.0
    dashboard: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.workers is None:
            from dask.system import CPU_COUNT

            wanted = config.load().workers or max(1, CPU_COUNT // max(1, self.threads_per_worker))
            object.__setattr__(self, "workers", wanted)
        for name in ("workers", "threads_per_worker"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ClusterError(f"A local cluster needs {name} of at least 1, not {value!r}.")
        if not isinstance(self.timeout, (int, float)) or not self.timeout > 0:
            raise ClusterError(f"timeout is a number of seconds above 0, not {self.timeout!r}.")
        if not isinstance(self.environment, Mapping):
            raise ClusterError("environment is a mapping of variable to value.")
        if self.memory_limit not in ("auto", None):
            self.memory_bytes()

    @property
    def count(self) -> int:
        """How many workers to start with."""
        return self.workers or 1

    def memory_bytes(self) -> int:
        """Bytes for each worker; 0 for no limit."""
        from dask.utils import parse_bytes

        if self.memory_limit is None:
            return 0
        if self.memory_limit == "auto":
            from distributed.system import MEMORY_LIMIT

            return int(MEMORY_LIMIT / self.count)
        try:
            size = int(parse_bytes(self.memory_limit))
        except (ValueError, TypeError) as error:
            raise ClusterError(
                f'memory_limit is bytes, "2 GB", "auto" or None, not {self.memory_limit!r}.'
            ) from error
        if size < 50_000_000:
            raise ClusterError(
                f"memory_limit of {self.memory_limit!r} is less than a worker needs to start; "
                'give at least "500 MB".'
            )
        return size


@dataclass
class _Slot:
    """One worker's place: its process now, and when to try again if it keeps dying."""

    child: Child
    failures: int = 0
    retry_at: float = 0.0
    retiring: float | None = None


class Local:
    """Starts a local cluster and looks after it."""

    kind: ClassVar[str] = "local"
    Options: ClassVar[type[Any]] = LocalOptions

    def __init__(self, options: LocalOptions, *, name: str, id: str, folder: Path) -> None:
        self._options = options
        self._name = name
        self._id = id
        self._folder = folder
        self._lock = threading.RLock()
        self._scheduler: Child | None = None
        self._slots: dict[int, _Slot] = {}
        self._target = options.count
        # Half of its methods have no types.
        self._client: Any = None
        self._address: str | None = None
        self._dashboard: str | None = None
        self._failed = ""
        self._closed = False

    # -- start ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Start scheduler and workers side by side, and wait for all of them."""
        end = time.monotonic() + self._options.timeout
        try:
            self._prepare()
            self._scheduler = self._spawn("scheduler")
            for number in range(self._target):
                self._slots[number] = _Slot(self._spawn("worker", number))
            self._connect(end)
            self._wait_for_workers(end)
        except ClusterStartError:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise ClusterStartError(
                f"Cluster {self._name!r} could not be started: {error}. Its files are in "
                f"{self._folder.parent} and {scratch_folder(self._id).parent}."
            ) from error
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = scratch_folder(self._id)
        scratch.mkdir(mode=0o700)
        self._credentials = make_certificate(self._folder)
        start = {
            "owner": os.getpid(),
            "name": self._name,
            "threads": self._options.threads_per_worker,
            "memory_limit": self._options.memory_bytes(),
            "scratch": str(scratch),
            "dashboard": self._has_dashboard,
            "timeout": self._options.timeout,
            "pythonpath": os.environ.get("PYTHONPATH"),
        }
        write_file(self._folder / "start.json", json.dumps(start))

    @property
    def _has_dashboard(self) -> bool:
        return self._options.dashboard and find_spec("bokeh") is not None

    def _spawn(self, role: str, number: int | None = None) -> Child:
        last = [] if number is None else [str(number)]
        environment = {
            # One thread of arithmetic for each thread of work; whoever set these knows better.
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "MALLOC_TRIM_THRESHOLD_": "65536",
            **os.environ,
            **self._options.environment,
            # Functions are unpickled where the modules that they name can be found.
            "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),  # noqa: PTH109 - a string
            "PYTHONUNBUFFERED": "1",
        }
        command = [sys.executable, "-P", "-m", "spicelab_nb.clusters.process", str(self._folder)]
        log = self._folder / f"{'-'.join([role, *last])}.log"
        return Child([*command, role, *last], log=log, environment=environment)

    def _connect(self, end: float) -> None:
        path = self._folder / "scheduler.json"
        while not path.exists():
            self._check_start(end, joined=0)
            time.sleep(0.02)
        address = json.loads(path.read_text(encoding="utf-8"))["address"]
        try:
            self._client = connect(
                address,
                security=self._credentials.security(),
                timeout=max(1.0, end - time.monotonic()),
                name=self._name,
            )
        except OSError as error:
            raise self._start_error(0, f"its scheduler does not answer: {error}") from error
        self._address = str(address)
        if self._has_dashboard:
            self._dashboard = str(self._client.dashboard_link)

    def _wait_for_workers(self, end: float) -> None:
        while (joined := len(self._workers())) < self._target:
            self._check_start(end, joined)
            time.sleep(0.02)

    def _check_start(self, end: float, joined: int) -> None:
        """Give up when time is over, or as soon as a process has ended."""
        for child in self._children():
            if not child.running:
                what = child.log.stem.replace("-", " ")
                how = f"its {what} {child.ended_how()}"
                raise self._start_error(joined, f"{how}. Its last lines:\n{child.last_lines()}")
        if time.monotonic() > end:
            lines = [f"{c.log.name}: {c.last_lines() or '(empty)'}" for c in self._children()[:3]]
            raise self._start_error(
                joined,
                "no process has failed, so the machine may be too busy; try again with a larger "
                "timeout=. Last lines of the logs:\n" + "\n".join(lines),
            )

    def _start_error(self, joined: int, why: str) -> ClusterStartError:
        who = "No worker" if joined == 0 else f"Not every worker ({joined})"
        return ClusterStartError(
            f"{who} of {self._name!r} joined in {self._options.timeout:g} s "
            f"({joined} of {self._target}): {why}"
        )

    # -- while it runs -------------------------------------------------------------------------

    @property
    def client(self) -> Client | None:
        """The client, which is Dask's default one as well."""
        client: Client | None = self._client
        return client

    @property
    def address(self) -> str | None:
        """Of the scheduler."""
        return self._address

    @property
    def dashboard_link(self) -> str | None:
        """Dask's dashboard, on loopback."""
        return self._dashboard

    @property
    def price_per_hour(self) -> float:
        """0."""
        return 0.0

    def executor(self) -> Executor:
        """One more executor on these workers."""
        from spicelab_nb.executors import Dask

        if self._client is None or self._closed or self._failed:
            raise ExecutorError(
                f"Cluster {self._name!r} is not running. {self._failed}".rstrip()
                + ' Start another: sl.cluster("local").'
            )
        return Dask(self._client, how_ended=self.how_ended)

    def _workers(self) -> Mapping[str, Mapping[str, Any]]:
        return workers_of(self._client, self._name) or {}

    def condition(self) -> Condition:
        """What the scheduler says, and what is wrong."""
        if self._closed:
            return Condition(state="closed")
        if self._failed:
            return Condition(state="failed", problem=self._failed)
        workers = self._workers().values()
        return Condition(
            state="running" if len(workers) == self._target else "scaling",
            workers=len(workers),
            cores=sum(int(worker["nthreads"]) for worker in workers),
            memory=sum(int(worker["memory_limit"] or 0) for worker in workers),
            problem=self._trouble(),
        )

    def _trouble(self) -> str:
        with self._lock:
            dying = [slot for slot in self._slots.values() if slot.failures]
        if not dying:
            return ""
        child = dying[0].child
        last = child.last_lines().splitlines()[-1:] or ["(its log is empty)"]
        return (
            f"{len(dying)} of {self._target} workers died before they joined; "
            f"the last words: {last[0]}"
        )

    def tend(self) -> None:
        """Replace workers that ended, end those that leave no memory; notice a lost scheduler."""
        with self._lock:
            if self._closed or self._failed or self._scheduler is None:
                return
            if not self._scheduler.running:
                self._give_up()
                return
            limit, now = self._options.memory_bytes(), time.monotonic()
            for number, slot in list(self._slots.items()):
                if slot.child.running:
                    self._watch(slot, limit, now)
                else:
                    self._replace(number, slot, now)

    def _watch(self, slot: _Slot, limit: int, now: float) -> None:
        if slot.retiring is not None and now - slot.retiring > RETIREMENT:
            slot.child.kill()
        elif limit and (used := resident(slot.child.pid)) > limit:
            # It looks after itself, unless a C function holds Python's lock.
            address = self._address_of(slot.child)
            leave_note(self._folder, slot.child.pid, address, overdrawn(used, limit))
            slot.child.kill()

    def _replace(self, number: int, slot: _Slot, now: float) -> None:
        if slot.retiring is not None:
            slot.child.release()
            del self._slots[number]
        elif not slot.retry_at:
            slot.child.release()
            joined = self._folder / f"joined-{slot.child.pid}"
            # What kills a worker that works is for the campaign to find: replace it at once. One
            # that dies again and again before it joins is tried more and more seldom.
            slot.failures = 0 if joined.exists() else slot.failures + 1
            how = self._how(slot.child)
            if not slot.failures and not self._noted(slot.child):
                leave_note(self._folder, slot.child.pid, self._address_of(slot.child), how)
            joined.unlink(missing_ok=True)
            slot.retry_at = now + (min(2**slot.failures, LARGEST_WAIT) if slot.failures else 0)
            logger.warning("Worker %d of %r %s; it is replaced.", number, self._name, how)
        if slot.retry_at and now >= slot.retry_at and number in self._slots:
            slot.child, slot.retry_at = self._spawn("worker", number), 0.0

    def _address_of(self, child: Child) -> str:
        """Where a worker listens; "" before it has joined."""
        joined = self._folder / f"joined-{child.pid}"
        return joined.read_text(encoding="utf-8") if joined.exists() else ""

    def _noted(self, child: Child) -> bool:
        return (self._folder / f"ended-{child.pid}").exists()

    def _how(self, child: Child) -> str:
        """How a worker ended: what it wrote down itself, else what the system says."""
        return read_note(self._folder, self._address_of(child)) or child.ended_how()

    def how_ended(self, address: str) -> str:
        """How the worker at `address` ended; "" where that is not known."""
        with self._lock:
            for slot in self._slots.values():
                if not slot.child.running and self._address_of(slot.child) == address:
                    return self._how(slot.child)
        return read_note(self._folder, address)

    def _give_up(self) -> None:
        """Without a scheduler there is no cluster; nothing is left running."""
        scheduler = self._scheduler
        assert scheduler is not None  # noqa: S101 - for the type checker
        self._failed = (
            f"The scheduler of {self._name!r} {scheduler.ended_how()}, "
            "and its workers ended with it."
        )
        self._dashboard = None
        logger.error("%s", self._failed)
        logger.info("Last lines of the scheduler: %s", scheduler.last_lines())
        close_client(self._client, self._name)
        end_all([slot.child for slot in self._slots.values()])

    def scale(self, workers: int) -> None:
        """Start more workers, or retire the youngest; a retired one's chunks move to others."""
        with self._lock:
            if self._closed or self._failed:
                raise ClusterError(f"Cluster {self._name!r} is not running. {self._failed}".strip())
            self._target = workers
            kept = [n for n, slot in sorted(self._slots.items()) if slot.retiring is None]
            leaving = kept[workers:]
            number = 0
            while len(kept) < workers:
                if number not in self._slots:
                    self._slots[number] = _Slot(self._spawn("worker", number))
                    kept.append(number)
                number += 1
            for number in leaving:
                self._slots[number].retiring = time.monotonic()
        if leaving and self._client is not None:
            self._retire([f"{self._name}-{number}" for number in leaving])

    def _retire(self, names: list[str]) -> None:
        """Let workers leave by themselves; one that does not is ended later, by `tend`."""
        end = time.monotonic() + RETIREMENT
        left = names
        try:
            while left and time.monotonic() < end:
                self._client.sync(
                    self._client.scheduler.retire_workers,
                    names=left,
                    close_workers=True,
                    callback_timeout=RETIREMENT,
                )
                # Dask lets one stay, without a word, that holds a result which nobody else can
                # take: for a moment the receipts of the last chunks.
                known = self._client.sync(
                    self._client.scheduler.identity, n_workers=-1, callback_timeout=RETIREMENT
                )
                left = [w["name"] for w in known["workers"].values() if w["name"] in left]
                if left:
                    time.sleep(0.05)
        except (OSError, TimeoutError) as error:
            logger.warning("Workers %s did not leave by themselves: %s", left, error)

    # -- end -----------------------------------------------------------------------------------

    def _children(self) -> list[Child]:
        scheduler = [] if self._scheduler is None else [self._scheduler]
        return [*scheduler, *(slot.child for slot in self._slots.values())]

    def close(self) -> None:
        """End every process, for certain."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        close_client(self._client, self._name)
        end_all(self._children())
