"""How chunks are run: the contract between a campaign and whatever runs its chunks.

Above it, once for all executors: sampling, chunk lengths, retries, bisecting, the store, progress.
Below it: getting ``task(chunk)`` called somewhere, and saying what became of it.
``spicelab_nb.testing.executors.ExecutorTests`` is the conformance suite.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["Chunk", "Executor", "Loss", "Receipt", "Task"]


@dataclass(frozen=True, order=True, slots=True)
class Chunk:
    """Points ``start`` to ``stop - 1`` of a campaign; ``attempt`` counts its tries from 0."""

    start: int
    stop: int
    attempt: int = 0

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """A chunk that has been published to the store. A hint: the store's listing is the truth.

    Parameters
    ----------
    chunk
        Which.
    status
        ``(n,)`` int8.
    measures
        Name to ``(n,)`` float64, for the live yield and histograms.
    units
        Measure name to unit, where only simulating tells.
    cpu, wall
        Seconds that the whole chunk took: processor time of the engine and wall time in the worker.
    worker
        Where it ran, for people: a name or an address.
    """

    chunk: Chunk
    status: NDArray[Any]
    measures: Mapping[str, NDArray[Any]]
    units: Mapping[str, str] = field(default_factory=dict)
    cpu: float
    wall: float
    worker: str


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A chunk that did not come back.

    Parameters
    ----------
    chunk
        Which.
    reason
        One sentence: what was lost and how.
    worker_died
        True: the process that ran it ended (or was lost). False: the task raised.
    error
        What the task raised, where it did.
    """

    chunk: Chunk
    reason: str
    worker_died: bool
    error: BaseException | None = None


class Task(Protocol):
    """What an executor calls for each chunk, in a worker; picklable by cloudpickle.

    It publishes the chunk to the store before it returns.
    """

    @property
    def key(self) -> str:
        """Names this task's content: workers keep what they prepared for it under this key."""

    def __call__(self, chunk: Chunk) -> Receipt:
        """Compute and publish a chunk."""


class Executor(Protocol):
    """Runs chunks of one task somewhere. Used from one thread (the campaign's driver)."""

    def start(self, task: Task) -> None:
        """Make the task known to every present and future worker; called once, before `submit`."""

    def submit(self, chunks: Sequence[Chunk]) -> None:
        """Queue chunks. A chunk equal to one already under way is not queued twice."""

    def poll(self, timeout: float) -> list[Receipt | Loss]:
        """Wait up to `timeout` seconds for at least one chunk to end; give all that have.

        Each submitted chunk is reported exactly once, unless cancelled.

        Raises
        ------
        ExecutorError
            Everything under way is lost (scheduler or cluster gone); says what to do next.
        """

    def capacity(self) -> int:
        """How many chunks run at once now; 0 while no worker is there."""

    def cancel(self) -> None:
        """Forget every chunk that is queued; those running may still publish."""

    def token(self) -> Mapping[str, Any] | None:
        """What another process needs to `attach` to the chunks under way; None: cannot."""

    def close(self) -> None:
        """Give back what was taken; ends no worker that it did not start; may be called twice."""
