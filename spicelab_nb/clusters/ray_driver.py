"""The process between a notebook and Ray: Ray's driver, which owns an actor for each slot.

A driver of Ray shares its fate with Ray: when the head or the machine's raylet is gone, Ray's
library ends the process that it is loaded in; it also installs signal handlers and an exit hook,
and a process can be the driver of one Ray only. None of this should happen to a notebook, so
the driver is a process of its own, and the notebook never imports Ray. (Ray's own client,
``ray://``, needs a server beside the head and more packages, and waits without a limit.)
"""

from __future__ import annotations

import logging
import queue
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ray

from spicelab_nb.clusters.memory import overdrawn
from spicelab_nb.clusters.ray_worker import WATCH, Slot
from spicelab_nb.errors import ExecutorError
from spicelab_nb.executors.versions import RAY_PACKAGES, check_versions, installed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Slots"]

logger = logging.getLogger(__name__)

LARGEST_WAIT = 30.0
"""Seconds between two attempts to start an actor that keeps dying."""
RETIREMENT = 10.0
"""Seconds that an actor which is not needed any more may take for its last chunk."""
BEAT = 1.0
"""Seconds between two words to the notebook, at most."""


@dataclass
class _Job:
    """A chunk that was handed in, and by which executor."""

    executor: str
    ticket: int
    chunk: tuple[int, int, int]


@dataclass
class _Place:
    """One slot: its actor now, and when to try again if it keeps dying."""

    number: int
    serial: int = 0
    actor: Any = None
    worker: dict[str, Any] | None = None
    job: _Job | None = None
    used: int = 0
    failures: int = 0
    retry_at: float = 0.0
    retiring: float | None = None


@dataclass
class _Task:
    key: str
    payload: Any
    executors: set[str] = field(default_factory=set)


class Slots:
    """Keeps `workers` actors alive, and hands each one chunk at a time.

    Nothing is tried again here: a chunk whose actor died is reported, and a new actor takes the
    place. Used from one thread (`serve`).

    Parameters
    ----------
    send
        Tells the notebook something: ``("opened", executor, problem)``, ``("receipt", executor,
        ticket, bytes)``, ``("loss", executor, ticket, reason, worker_died, error bytes)``,
        ``("state", dict)``.
    workers
        How many actors.
    cpus
        What Ray sets aside for each.
    memory_limit
        Of each, bytes; 0 for none.
    path
        Folders that the notebook finds modules in, for actors on the same machine.
    environment
        Variables for the actors.
    """

    def __init__(
        self,
        send: Callable[[tuple[Any, ...]], None],
        *,
        workers: int,
        cpus: float,
        memory_limit: int = 0,
        path: Sequence[str] = (),
        environment: dict[str, str] | None = None,
    ) -> None:
        self._send = send
        self._target = workers
        self._cpus = cpus
        self._limit = memory_limit
        self._path = list(path)
        self._options: dict[str, Any] = {"num_cpus": cpus}
        if environment:
            self._options["runtime_env"] = {"env_vars": dict(environment)}
        # Ray starts nothing again: a chunk whose actor died is the campaign's to judge.
        self._class = ray.remote(max_restarts=0, max_task_retries=0, concurrency_groups={WATCH: 1})(
            Slot
        )
        self._mine = {"client": {"packages": installed(RAY_PACKAGES)}}
        self.events: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self._places: dict[int, _Place] = {}
        self._serial = 0
        self._queue: deque[_Job] = deque()
        self._tasks: dict[str, _Task] = {}
        self._executors: dict[str, str] = {}
        self._refused = ""
        self._words = ""
        self._told: tuple[float, Any] = (0.0, None)
        self._ended = False

    # -- the loop ------------------------------------------------------------------------------

    def serve(self) -> None:
        """Do what the notebook asks, until it says ``("end",)`` or is gone."""
        self._tend()
        while not self._ended:
            self._tell()
            try:
                self._handle(self.events.get(timeout=BEAT / 2))
                while not self.events.empty():
                    self._handle(self.events.get())
            except queue.Empty:
                pass
            self._tend()
            self._hand_out()
        for place in self._places.values():
            self._kill(place)

    def _handle(self, event: tuple[Any, ...]) -> None:
        kind, *rest = event
        getattr(self, f"_on_{kind}")(*rest)

    def _tell(self) -> None:
        """Say how it is, when that changed, and now and then to say that we are there."""
        state = self.state()
        now = time.monotonic()
        if state != self._told[1] or now - self._told[0] > BEAT:
            self._told = (now, state)
            self._send(("state", state))

    def state(self) -> dict[str, Any]:
        """How it is: ``workers`` (pid, host), ``target``, ``refused``, ``problem``."""
        return {
            "workers": [
                {"pid": place.worker["pid"], "host": place.worker["host"]}
                for place in self._places.values()
                if place.worker is not None
            ],
            "target": self._target,
            "refused": self._refused,
            "problem": self._problem(),
        }

    def _problem(self) -> str:
        if self._refused:
            return self._refused
        places = [p for p in self._places.values() if p.retiring is None and p.worker is None]
        dying = sum(place.failures > 0 for place in places)
        if dying:
            return (
                f"{dying} of {self._target} workers died before they joined; "
                f"the last words: {self._words}"
            )
        return ""

    # -- what the notebook asks ----------------------------------------------------------------

    def _on_end(self) -> None:
        self._ended = True

    def _on_open(self, executor: str, key: str, payload: bytes) -> None:
        problem = self._refused
        try:
            if key not in self._tasks:
                self._tasks[key] = _Task(key, ray.put(payload))
            self._tasks[key].executors.add(executor)
            self._executors[executor] = key
        except Exception as error:  # noqa: BLE001 - said to the person who asked
            problem = f"Ray did not take the campaign: {type(error).__name__}: {error}"
        self._send(("opened", executor, problem))

    def _on_submit(self, executor: str, jobs: list[tuple[int, tuple[int, int, int]]]) -> None:
        if executor in self._executors:
            self._queue.extend(_Job(executor, ticket, chunk) for ticket, chunk in jobs)

    def _on_cancel(self, executor: str) -> None:
        self._queue = deque(job for job in self._queue if job.executor != executor)

    def _on_close(self, executor: str) -> None:
        self._on_cancel(executor)
        key = self._executors.pop(executor, None)
        if key is None:
            return
        task = self._tasks[key]
        task.executors.discard(executor)
        if not task.executors:
            del self._tasks[key]
            for place in self._places.values():
                if place.worker is not None:
                    place.actor.forget.remote(key)

    def _on_scale(self, workers: int) -> None:
        self._target = workers
        kept = [n for n, place in sorted(self._places.items()) if place.retiring is None]
        # Those that rest go before those that work, the youngest first.
        kept.sort(key=lambda n: (self._places[n].job is None, n))
        for number in kept[workers:]:
            self._places[number].retiring = time.monotonic()

    # -- what Ray says -------------------------------------------------------------------------

    def _expect(self, kind: str, place: _Place, reference: Any) -> None:
        """Have ``_on_KIND`` called with what `reference` becomes."""
        number, serial = place.number, place.serial

        def put(future: Any) -> None:
            error = future.exception()
            self.events.put((kind, number, serial, None if error else future.result(), error))

        reference.future().add_done_callback(put)

    def _place(self, number: int, serial: int) -> _Place | None:
        """The place, unless another actor has taken it meanwhile."""
        place = self._places.get(number)
        return place if place is not None and place.serial == serial else None

    def _on_described(self, number: int, serial: int, worker: Any, error: Any) -> None:
        place = self._place(number, serial)
        if place is None:
            return
        if error is not None:
            self._lost(place, error)
            return
        try:
            check_versions({**self._mine, "workers": {worker["host"]: worker}}, RAY_PACKAGES)
        except ExecutorError as refusal:
            self._refused = str(refusal)
            self._lost(place, refusal)
            return
        self._refused = ""
        place.worker, place.failures = worker, 0

    def _on_watched(self, number: int, serial: int, used: Any, error: Any) -> None:
        place = self._place(number, serial)
        if place is None:
            return
        if error is None:
            place.used = int(used)
            how = overdrawn(place.used, self._limit)
            logger.warning("Worker %d %s; a new one takes its place.", number, how)
        self._lost(place, error)

    def _on_ran(self, number: int, serial: int, outcome: Any, error: Any) -> None:
        place = self._place(number, serial)
        if place is None or place.job is None:
            return
        if isinstance(error, ray.exceptions.RayTaskError):
            job, place.job = place.job, None
            self._send(("loss", job.executor, job.ticket, _first_line(error), False, b""))
        elif error is not None:
            self._lost(place, error)
        else:
            job, place.job = place.job, None
            fine, content, reason = outcome
            if fine:
                self._send(("receipt", job.executor, job.ticket, content))
            else:
                self._send(("loss", job.executor, job.ticket, reason, False, content))

    def _lost(self, place: _Place, error: Any) -> None:
        """An actor has ended, or is ended now: report its chunk, and plan for a new one."""
        self._kill(place)
        if place.job is not None:
            job, place.job = place.job, None
            reason = self._why(place, error)
            self._send(("loss", job.executor, job.ticket, reason, True, b""))
        place.failures = 0 if place.worker is not None else place.failures + 1
        if place.failures:
            self._words = _first_line(error)
            logger.warning("A worker died before it joined: %s", error)
        place.actor, place.worker, place.used = None, None, 0
        wait = min(2**place.failures, LARGEST_WAIT) if place.failures else 0.0
        place.retry_at = time.monotonic() + wait

    def _why(self, place: _Place, error: Any) -> str:
        worker = place.worker or {}
        who = f"The worker {worker.get('host')}:{worker.get('pid')} that ran it"
        if place.used:
            return f"{who} {overdrawn(place.used, self._limit)}."
        said = str(error)
        if isinstance(error, ray.exceptions.OutOfMemoryError) or "memory" in said.lower():
            return f"{who} was ended by Ray because memory ran out: {_first_line(error)}"
        return f"{who} died: killed, out of memory, or crashed by what it computed."

    # -- actors --------------------------------------------------------------------------------

    def _tend(self) -> None:
        now = time.monotonic()
        for place in list(self._places.values()):
            if place.retiring is not None:
                self._retire(place, now)
            elif place.actor is None and now >= place.retry_at:
                self._start(place)
        number = 0
        while sum(place.retiring is None for place in self._places.values()) < self._target:
            if number not in self._places:
                self._places[number] = _Place(number)
                self._start(self._places[number])
            number += 1

    def _retire(self, place: _Place, now: float) -> None:
        if place.job is not None and now - (place.retiring or now) < RETIREMENT:
            return
        if place.job is not None and place.job.executor in self._executors:
            # We end this actor, not the chunk: another one computes it.
            self._queue.appendleft(place.job)
        self._kill(place)
        del self._places[place.number]

    def _start(self, place: _Place) -> None:
        self._serial += 1
        place.serial = self._serial
        try:
            place.actor = self._class.options(**self._options).remote(self._path)
            self._expect("described", place, place.actor.describe.remote())
            watch = place.actor.watch.options(concurrency_group=WATCH)
            self._expect("watched", place, watch.remote(self._limit))
        except ray.exceptions.RayError as error:
            self._lost(place, error)

    def _kill(self, place: _Place) -> None:
        if place.actor is None:
            return
        # What it still says is of no interest.
        place.serial = 0
        try:
            ray.kill(place.actor, no_restart=True)
        except (ray.exceptions.RayError, ValueError) as error:
            logger.debug("Worker %d was gone already: %s", place.number, error)

    def _hand_out(self) -> None:
        for place in self._places.values():
            if not self._queue:
                return
            if place.worker is None or place.job is not None or place.retiring is not None:
                continue
            job = self._queue.popleft()
            task = self._tasks[self._executors[job.executor]]
            place.job = job
            reference = place.actor.run.remote(task.key, [task.payload], *job.chunk)
            self._expect("ran", place, reference)


def _first_line(error: Any) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
