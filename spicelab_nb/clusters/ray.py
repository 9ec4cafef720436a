"""A Ray of our own on this machine, or a Ray that runs already: never both.

A Ray of our own is Ray's own command for a head, on loopback, with a token of its own. Of a Ray
that runs already nothing is ended but our actors. In both cases a process of ours drives it
(`spicelab_nb.clusters.ray_driver` says why), and both end with their owner (`leash`).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import psutil

from spicelab_nb import config
from spicelab_nb.clusters.children import Child, end_all
from spicelab_nb.clusters.kind import Condition
from spicelab_nb.clusters.local import LocalOptions
from spicelab_nb.clusters.registry import scratch_folder, write_file
from spicelab_nb.errors import ClusterError, ClusterStartError, ExecutorError, missing_extra
from spicelab_nb.executors.ray_link import RayLink

if TYPE_CHECKING:
    from distributed import Client

    from spicelab_nb.executors import Executor

__all__ = ["RayCluster", "RayOptions"]

logger = logging.getLogger(__name__)

TEMPORARY = "r"
"""Ray opens its folder of sockets to everybody: it is within one that only this user may enter."""
LONGEST_PATH = 41
"""Characters of a folder in which Ray can make its sockets, whose paths are limited to 107."""
GONE_LIMIT = 5.0
"""Seconds for Ray's processes to end by themselves after their head."""
NOTE = 15.0
"""Seconds between two looks at which processes a Ray of our own consists of."""
PATIENCE = 0.55
"""Share of the time for starting after which a head that is not up is started once more."""
SLOW = ("timed out during startup", "ended while Ray was starting", "took too long")
"""What Ray, its head's command, and we say of a start that may work the second time."""
SESSION_LOGS = ("gcs_server.out", "raylet.out", "raylet.err", "dashboard_agent.log")
"""Where Ray says why it does not start."""


@dataclass(frozen=True, kw_only=True)
class RayOptions:
    """What can be said about a Ray cluster.

    Parameters
    ----------
    address
        Of a Ray that runs already: ``"host:6379"``, ``"auto"`` for the one that this notebook or
        this machine has, or ``"ray://host:10001"``. None: a Ray of our own, on this machine.
    workers
        Actors, at least 1. None: the setting ``workers``, or one for each processor (of that Ray).
    memory_limit
        Of each worker: bytes, ``"2 GB"``, ``"auto"`` (its share of the machine; of a Ray that runs
        already: no limit) or None for no limit.
    timeout
        Seconds within which all workers have joined, or starting fails.
    environment
        Variables for the workers.
    """

    address: str | None = None
    workers: int | None = None
    memory_limit: int | float | str | None = "auto"
    timeout: float = 180.0
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.address is not None and (
            not isinstance(self.address, str) or not self.address.strip()
        ):
            raise ClusterError(
                'address is like "host:6379" or "auto"; leave it away for a Ray of our own.'
            )
        if self.workers is not None and (
            isinstance(self.workers, bool) or not isinstance(self.workers, int) or self.workers < 1
        ):
            raise ClusterError(f"A Ray cluster needs workers of at least 1, not {self.workers!r}.")
        if not isinstance(self.timeout, (int, float)) or not self.timeout > 0:
            raise ClusterError(f"timeout is a number of seconds above 0, not {self.timeout!r}.")
        if not isinstance(self.environment, Mapping):
            raise ClusterError("environment is a mapping of variable to value.")
        self.memory_bytes(1)

    def memory_bytes(self, workers: int) -> int:
        """Bytes for each of `workers`; 0 for no limit."""
        if self.memory_limit == "auto" and self.address is not None:
            return 0
        return LocalOptions(workers=workers, memory_limit=self.memory_limit).memory_bytes()


class RayCluster:
    """Starts or joins a Ray and looks after our part of it."""

    kind: ClassVar[str] = "ray"
    Options: ClassVar[type[Any]] = RayOptions

    def __init__(self, options: RayOptions, *, name: str, id: str, folder: Path) -> None:
        self._options = options
        self._name = name
        self._id = id
        self._folder = folder
        self._own = options.address is None
        self._target = 0
        self._memory_limit = 0
        self._head: Child | None = None
        self._driver: Child | None = None
        self._link: RayLink | None = None
        self._processes: dict[int, float] = {}
        self._noted: tuple[float, list[int]] = (0.0, [])
        self._failed = ""
        self._closed = False

    # -- start ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Start or find Ray, and wait for all workers.

        Raises
        ------
        MissingExtraError
            Ray is not installed.
        ClusterError
            Nobody answers at the address, its versions differ, or this notebook has a Ray already.
        ClusterStartError
            Not every worker came up in time; nothing that was started is left.
        """
        if find_spec("ray") is None:
            raise missing_extra("A Ray cluster", "ray")
        address = self._users_own()
        end = time.monotonic() + self._options.timeout
        for first in (True, False):
            try:
                self._start(address, end, first=first)
            except OSError as error:
                self._end()
                if isinstance(error, ClusterStartError):
                    if first and any(words in str(error) for words in SLOW):
                        logger.warning("Ray did not start, and is started once more: %s", error)
                        continue
                    raise
                raise ClusterStartError(
                    f"Cluster {self._name!r} could not be started: {error}. Its files are in "
                    f"{self._folder.parent} and {scratch_folder(self._id).parent}."
                ) from error
            except BaseException:
                self._end()
                raise
            return

    def _users_own(self) -> str | None:
        """Where to go: the Ray that this process is connected to comes first.

        Raises
        ------
        ClusterError
            It is connected to one, and asks for another of our own beside it.
        """
        address = self._options.address
        theirs = sys.modules.get("ray")
        if theirs is None or not getattr(theirs, "is_initialized", bool)():
            return address
        if address is None:
            raise ClusterError(
                "This notebook is connected to a Ray already (ray.init). Use that one: "
                'sl.cluster("ray", address="auto"). Or call ray.shutdown() first, for a Ray of '
                "our own: two on one machine would each take all of it."
            )
        if address == "auto":
            return str(theirs.get_runtime_context().gcs_address)
        return address

    def _start(self, address: str | None, end: float, *, first: bool) -> None:
        wanted = self._options.workers or (config.load().workers if self._own else None)
        if self._own and not wanted:
            from dask.system import CPU_COUNT

            wanted = int(CPU_COUNT)
        environment = self._prepare(address, wanted)
        if self._own:
            self._head = self._spawn("head", environment)
        ours, theirs = socket.socketpair()
        with theirs:
            self._driver = self._spawn("driver", environment, theirs.fileno())
        self._link = RayLink(Connection(ours.detach()))
        self._target = wanted or 0
        self._memory_limit = self._options.memory_bytes(wanted or 1)
        self._link.send("begin", self._slot_options())
        slow = end - (1.0 - PATIENCE) * self._options.timeout
        while self._link.ready is None:
            self._check_start(end)
            if first and self._own and time.monotonic() > slow and not self._has_head():
                raise self._start_error(0, f"its head took too long.{self._session_lines()}")
            time.sleep(0.02)
        if not self._target:
            self._target = max(1, int(self._link.ready["cpus"]))
            self._link.send("scale", self._target)
        while len(self._workers()) < self._target:
            self._check_start(end)
            time.sleep(0.02)
        self._note_processes()

    def _slot_options(self) -> dict[str, Any]:
        return {
            "workers": self._target,
            # On a Ray of our own nobody else asks for processors, and `scale` may go beyond them.
            "cpus": 0 if self._own else 1,
            "memory_limit": self._memory_limit,
            "path": [path or str(Path.cwd()) for path in sys.path] if self._own else [],
            "environment": {} if self._own else dict(self._options.environment),
        }

    def _prepare(self, address: str | None, workers: int | None) -> dict[str, str]:
        """Write what the processes read; give their environment."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = scratch_folder(self._id)
        start = {
            "owner": os.getpid(),
            "own": self._own,
            "address": address,
            "workers": workers,
            "timeout": self._options.timeout,
            "patience": self._options.timeout * PATIENCE,
            "scratch": str(scratch / TEMPORARY),
        }
        write_file(self._folder / "start.json", json.dumps(start))
        others = ("RAY_AUTH_TOKEN", "RAY_ADDRESS") if self._own else ()
        environment = {
            **{name: value for name, value in os.environ.items() if name not in others},
            # The package itself; what the notebook finds besides it is added in the workers.
            "PYTHONPATH": os.pathsep.join(
                path
                for path in (
                    os.environ.get("PYTHONPATH"),
                    str(Path(__file__).parents[2]),
                )
                if path
            ),
            "PYTHONUNBUFFERED": "1",
            "RAY_USAGE_STATS_ENABLED": "0",
            # A minor version is what pickled functions need; Ray asks for the very same patch.
            "RAY_DEFAULT_PYTHON_VERSION_MATCH_LEVEL": "minor",
            # Questions to a head that is gone: Ray's own limits are a minute and more.
            "RAY_gcs_rpc_server_reconnect_timeout_s": "15",
            "RAY_gcs_server_request_timeout_seconds": "10",
        }
        if self._own:
            environment |= self._own_environment(scratch)
        return environment

    def _own_environment(self, scratch: Path) -> dict[str, str]:
        if len(str(scratch)) > LONGEST_PATH:
            raise ClusterStartError(
                f"Ray cannot make its sockets in {scratch}: their paths would be longer than the "
                "107 characters that the system allows. Set TMPDIR to a shorter folder, like /tmp."
            )
        scratch.mkdir(mode=0o700, exist_ok=True)
        (scratch / TEMPORARY / "ray_current_cluster").unlink(missing_ok=True)
        token = self._folder / "token"
        write_file(token, secrets.token_hex(32))
        patience = str(int(self._options.timeout))
        return {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            # Ray turns a node's address of 127.0.0.1 into that of a network card, so that other
            # machines may join, and then listens on all of them. This tells it that there are no
            # other machines.
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            # A busy machine takes longer to start half a dozen processes of Python.
            "RAY_gcs_server_port_wait_time_s": patience,
            "RAY_agent_register_timeout_ms": patience + "000",
            "RAY_worker_register_timeout_seconds": patience,
            "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
            # One thread of arithmetic for each worker; whoever set these knows better.
            **{
                name: os.environ.get(name, "1")
                for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
            },
            **self._options.environment,
        }

    def _spawn(self, role: str, environment: Mapping[str, str], file: int | None = None) -> Child:
        command = [sys.executable, "-P", "-m", "spicelab_nb.clusters.ray_process"]
        last = [] if file is None else [str(file)]
        return Child(
            [*command, str(self._folder), role, *last],
            log=self._folder / f"{role}.log",
            environment=environment,
            pass_fds=[] if file is None else [file],
        )

    def _check_start(self, end: float) -> None:
        """Give up when time is over, or as soon as something has gone wrong for good."""
        link, joined = self._link, len(self._workers())
        assert link is not None and self._driver is not None  # noqa: S101, PT018 - for the type checker
        ended = not self._driver.running
        while ended and not link.lost:
            time.sleep(0.01)  # its last words are on their way
        if link.failed or link.state["refused"]:
            raise ClusterError(link.failed or link.state["refused"])
        for child in self._children():
            if not child.running:
                role = child.log.stem
                how = f"its {role} {child.ended_how()}"
                lines = f"{child.last_lines()}{self._session_lines()}"
                raise self._start_error(joined, f"{how}. Its last lines:\n{lines}")
        if time.monotonic() > end:
            raise self._start_error(joined, self._delay())

    def _delay(self) -> str:
        link = self._link
        if link is not None and link.ready is not None:
            if problem := link.state["problem"]:
                return str(problem)
            if not self._own:
                return (
                    f"Ray has not given them a place. It has {link.ready['cpus']:g} processors on "
                    f"{link.ready['machines']} machines, and others may hold them (ray status "
                    "says); ask for fewer workers=, or wait with a larger timeout=."
                )
        lines = [f"{c.log.name}: {c.last_lines() or '(empty)'}" for c in self._children()]
        return (
            "no process has failed, so the machine may be too busy; try again with a larger "
            "timeout=. Last lines of the logs:\n" + "\n".join(lines) + self._session_lines()
        )

    def _has_head(self) -> bool:
        return (scratch_folder(self._id) / TEMPORARY / "ray_current_cluster").exists()

    def _session_lines(self) -> str:
        """The last line of each of Ray's own logs."""
        found = []
        logs = scratch_folder(self._id) / TEMPORARY / "session_latest" / "logs"
        for name in SESSION_LOGS:
            with contextlib.suppress(OSError):
                path = logs / name
                lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
                found += [f"{name}: {line[:300]}" for line in lines if line.strip()][-1:]
        return "".join(f"\n{line}" for line in found)

    def _start_error(self, joined: int, why: str) -> ClusterStartError:
        who = "No worker" if joined == 0 else f"Not every worker ({joined})"
        return ClusterStartError(
            f"{who} of {self._name!r} joined in {self._options.timeout:g} s "
            f"({joined} of {self._target or 'as many as there are processors'}): {why}"
        )

    # -- while it runs -------------------------------------------------------------------------

    @property
    def client(self) -> Client | None:
        """None: there is no Dask."""
        return None

    @property
    def address(self) -> str | None:
        """Of Ray's head."""
        if self._link is None or self._link.ready is None:
            return self._options.address
        return str(self._link.ready["address"])

    @property
    def dashboard_link(self) -> str | None:
        """None: Ray's dashboard asks nobody who they are, and needs more packages."""
        return None

    @property
    def price_per_hour(self) -> float | None:
        """0 for a Ray of our own; None for another: whoever started it knows."""
        return 0.0 if self._own else None

    @property
    def worker_pids(self) -> list[int]:
        """Processes of the workers that are there now, each on its own machine."""
        return [int(worker["pid"]) for worker in self._workers()]

    @property
    def head_pid(self) -> int | None:
        """The process of the head, where we started it."""
        return None if self._head is None else self._head.pid

    @property
    def driver_pid(self) -> int | None:
        """The process of ours that drives Ray."""
        return None if self._driver is None else self._driver.pid

    def _workers(self) -> list[dict[str, Any]]:
        return [] if self._link is None else list(self._link.state["workers"])

    def executor(self) -> Executor:
        """One more executor on these workers."""
        from spicelab_nb.executors import Ray

        if self._link is None or self._closed or self._failed:
            raise ExecutorError(
                f"Cluster {self._name!r} is not running. {self._failed}".rstrip()
                + ' Start another: sl.cluster("ray").'
            )
        return Ray(self._link)

    def condition(self) -> Condition:
        """What the driver last said, and what is wrong."""
        if self._closed:
            return Condition(state="closed")
        if self._failed:
            return Condition(state="failed", problem=self._failed)
        if self._link is None:
            return Condition(state="starting")
        if lost := self._link.lost:
            return Condition(state="failed", problem=self._loss(lost))
        count = len(self._workers())
        return Condition(
            state="running" if count == self._target else "scaling",
            workers=count,
            cores=count,
            memory=count * self._memory_limit,
            problem=str(self._link.state["problem"]),
        )

    def _loss(self, lost: str) -> str:
        where = "" if self._own else f" at {self.address}"
        return f"The Ray of {self._name!r}{where} is lost: {lost}."

    def tend(self) -> None:
        """Notice a lost head or driver; dead workers are replaced by the driver."""
        if self._closed or self._failed or self._link is None:
            return
        if self._head is not None and not self._head.running:
            how = self._head.ended_how()
            ended = f"The head of {self._name!r} {how}, and its workers ended with it."
        elif self._link.lost:
            ended = self._loss(self._link.lost)
        else:
            # It reads all of /proc: when something may have changed, not each second.
            noted, pids = self._noted
            if pids != self.worker_pids or time.monotonic() > noted + NOTE:
                self._note_processes()
            return
        self._failed = ended
        logger.error("%s", ended)
        self._end(ended)

    def scale(self, workers: int) -> None:
        """Start more actors, or end some: those that rest at once, others after their chunk."""
        if self._closed or self._failed or self._link is None:
            raise ClusterError(f"Cluster {self._name!r} is not running. {self._failed}".strip())
        self._target = workers
        self._link.send("scale", workers)

    # -- end -----------------------------------------------------------------------------------

    def _children(self) -> list[Child]:
        return [child for child in (self._driver, self._head) if child is not None]

    def _note_processes(self) -> None:
        """Remember what a Ray of our own consists of: its orphans could not be found later."""
        if self._head is None:
            return
        self._noted = (time.monotonic(), self.worker_pids)
        with contextlib.suppress(psutil.Error):
            for process in psutil.Process(self._head.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    self._processes[process.pid] = process.create_time()

    def _end(self, why: str = "the cluster is closed") -> None:
        """End our actors and processes, for certain."""
        self._note_processes()
        if self._link is not None:
            self._link.send("end")
            self._link.end(why)
        if self._driver is not None:
            end = time.monotonic() + 2.0
            while self._driver.running and time.monotonic() < end:
                time.sleep(0.01)
        end_all(self._children())
        self._end_orphans()
        self._head = self._driver = None

    def _end_orphans(self) -> None:
        """Ray's processes end with their head; be sure of it."""
        left = []
        for pid, created in self._processes.items():
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                if process.create_time() == created:
                    left.append(process)
        for process in psutil.wait_procs(left, timeout=GONE_LIMIT)[1]:
            with contextlib.suppress(psutil.Error):
                process.kill()
        self._processes.clear()

    def close(self) -> None:
        """End every process that was started here; of a Ray that ran already, our actors alone."""
        if self._closed:
            return
        self._closed = True
        self._end()
