"""The worker's side of the Dask executor: one copy of a task in each worker, and chunks of it.

A task may weigh megabytes (models), a chunk weighs three integers. The task travels once to each
worker, present or future, as a worker plugin; chunks name it by its key.
"""

from __future__ import annotations

import importlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cloudpickle
from distributed import WorkerPlugin

from spicelab_nb.errors import ExecutorError
from spicelab_nb.executors.executor import Chunk
from spicelab_nb.executors.versions import PACKAGES, check_versions, installed

if TYPE_CHECKING:
    from distributed import Worker

    from spicelab_nb.executors.executor import Receipt, Task

__all__ = ["TaskPlugin", "run_chunk", "warm_up"]

ARRIVAL_LIMIT = 60.0
"""Seconds that a chunk waits for its task; Dask installs plugins before it hands out work."""


@dataclass
class _Held:
    """A task of this worker process, unpickled when its first chunk comes."""

    payload: bytes
    owners: set[str] = field(default_factory=set)
    task: Task | None = None
    refusal: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self) -> Task:
        with self.lock:
            if self.task is None:
                self.task = cloudpickle.loads(self.payload)
                self.payload = b""
            return self.task

    def release(self) -> None:
        """Let the task close what it keeps warm, in a thread of its own: engines take a moment."""
        release = getattr(self.task, "release", None)
        if release is not None:
            threading.Thread(target=release, name="release", daemon=True).start()


_held: dict[str, _Held] = {}
_gone: set[str] = set()
"""Keys of tasks that were let go: chunks that were cancelled too late do not wait for them."""
_arrived = threading.Condition()


class TaskPlugin(WorkerPlugin):
    """Brings a task to a worker.

    Parameters
    ----------
    key
        Of the task.
    owner
        Of the executor that registers it: two that run the same task may come and go on their own.
    payload
        The task, pickled by cloudpickle.
    """

    def __init__(self, *, key: str, owner: str, payload: bytes) -> None:
        # Those of the client, where it is made: workers that join later are not asked by it.
        self.versions = installed(PACKAGES)
        self.name = f"spicelab_nb-{owner}"
        self.key = key
        self.owner = owner
        self.payload = payload

    def setup(self, worker: Worker) -> None:
        """Keep the task, unless this process has it; note where versions differ."""
        refusal = self._compare(getattr(worker, "address", "here"))
        with _arrived:
            held = _held.setdefault(self.key, _Held(self.payload))
            held.refusal = refusal
            held.owners.add(self.owner)
            _gone.discard(self.key)
            _arrived.notify_all()
        self.payload = b""

    def _compare(self, address: str) -> str:
        here = {address: {"packages": installed(PACKAGES)}}
        try:
            check_versions({"client": {"packages": self.versions}, "workers": here})
        except ExecutorError as error:
            return str(error)
        return ""

    def teardown(self, worker: Worker) -> None:
        """Let the task go when nobody needs it any more."""
        del worker
        with _arrived:
            held = _held.get(self.key)
            if held is not None:
                held.owners.discard(self.owner)
                if not held.owners:
                    del _held[self.key]
                    _gone.add(self.key)
                    _arrived.notify_all()
                    held.release()


def run_chunk(key: str, start: int, stop: int, attempt: int) -> Receipt:
    """Run one chunk of the task `key` in this worker.

    Raises
    ------
    ExecutorError
        The task never came to this worker, comes from another version of this package, cannot be
        unpickled here, or called ``sys.exit``.
    """
    with _arrived:
        there = _arrived.wait_for(lambda: key in _held or key in _gone, timeout=ARRIVAL_LIMIT)
        if key in _gone:
            raise ExecutorError(f"Task {key!r} was let go before this chunk of it began.")
        if not there:
            raise ExecutorError(
                f"Task {key!r} did not reach this worker in {ARRIVAL_LIMIT:g} s. "
                "Run the campaign again; if this repeats, start a new cluster."
            )
        held = _held[key]
    if held.refusal:
        raise ExecutorError(held.refusal)
    try:
        task = held.get()
    except Exception as error:
        raise ExecutorError(
            f"The worker cannot unpickle the task ({type(error).__name__}: {error}). Modules that "
            "it uses must be installed, in the same versions, where the workers run."
        ) from error
    try:
        return task(Chunk(start, stop, attempt))
    except (SystemExit, KeyboardInterrupt) as error:
        # Dask would take either as an order to its worker.
        raise ExecutorError(f"The task raised {type(error).__name__}({error}).") from error


def warm_up() -> None:
    """Import what chunks of any campaign use, so that the first one need not wait for it."""
    for name in (
        "scipy.special",
        "spicelab_nb.results.store",
        "spicelab_nb.sampling.montecarlo",
        "spicelab_nb.sampling.corners",
        "spicelab_nb.simulators.circuit",
        "spicelab_nb.simulators.function",
        "spicelab_nb.simulators.session",
    ):
        importlib.import_module(name)


def held_tasks() -> dict[str, Any]:
    """What this process holds, for tests: key to whether it has been unpickled."""
    return {key: held.task is not None for key, held in _held.items()}
