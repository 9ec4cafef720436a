"""Tasks that cost nothing, for the tests of executors and clusters."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spicelab_nb.executors.executor import Receipt

if TYPE_CHECKING:
    from spicelab_nb.executors.executor import Chunk

__all__ = ["CountingTask", "GateTask", "PoisonTask", "RaisingTask", "SleepTask"]


def _receipt(chunk: Chunk, wall: float = 0.0) -> Receipt:
    points = np.arange(chunk.start, chunk.stop)
    return Receipt(
        chunk=chunk,
        status=np.zeros(len(points), dtype=np.int8),
        measures={"index": points.astype(np.float64)},
        units={"index": ""},
        cpu=wall,
        wall=wall,
        worker=str(os.getpid()),
    )


@dataclass(frozen=True, kw_only=True)
class CountingTask:
    """Writes a file for each chunk that it runs, so that a test can count them.

    Parameters
    ----------
    folder
        Where; the files are called ``START-STOP-ATTEMPT-PID-TIME``.
    key
        The task's.
    ballast
        Anything, to make it heavy.
    """

    folder: str
    key: str = "counting"
    ballast: bytes = field(default=b"", repr=False)

    def __call__(self, chunk: Chunk) -> Receipt:
        """Note the chunk and return."""
        self.note(chunk)
        return _receipt(chunk)

    def note(self, chunk: Chunk) -> None:
        """Write the chunk's file."""
        name = f"{chunk.start}-{chunk.stop}-{chunk.attempt}-{os.getpid()}-{time.time_ns()}"
        (Path(self.folder) / name).touch()

    def ran(self) -> list[tuple[int, int, int]]:
        """Every chunk that ran, as often as it did: start, stop, attempt."""
        return sorted(
            (int(start), int(stop), int(attempt))
            for start, stop, attempt, *_ in (p.name.split("-") for p in self._files())
        )

    def pids(self) -> dict[int, int]:
        """Chunk start to the process that ran it last."""
        names = sorted((p.name.split("-") for p in self._files()), key=lambda parts: parts[-1])
        return {int(parts[0]): int(parts[3]) for parts in names}

    def _files(self) -> list[Path]:
        return [path for path in Path(self.folder).iterdir() if path.name.count("-") == 4]


@dataclass(frozen=True, kw_only=True)
class SleepTask(CountingTask):
    """Takes `seconds` for each chunk."""

    seconds: float
    key: str = "sleep"

    def __call__(self, chunk: Chunk) -> Receipt:
        """Note the chunk, sleep, return."""
        self.note(chunk)
        time.sleep(self.seconds)
        return _receipt(chunk, self.seconds)


@dataclass(frozen=True, kw_only=True)
class GateTask(CountingTask):
    """Notes that a chunk has begun, and ends it when the file ``open`` is in the folder."""

    key: str = "gate"
    limit: float = 120.0

    def __call__(self, chunk: Chunk) -> Receipt:
        """Note the chunk, wait at the gate, return."""
        self.note(chunk)
        end = time.monotonic() + self.limit
        while not (Path(self.folder) / "open").exists() and time.monotonic() < end:
            time.sleep(0.01)
        return _receipt(chunk)

    def open(self) -> None:
        """Let all chunks end."""
        (Path(self.folder) / "open").touch()


@dataclass(frozen=True, kw_only=True)
class RaisingTask(CountingTask):
    """Raises on the chunks that begin at one of `bad`."""

    bad: tuple[int, ...]
    key: str = "raising"

    def __call__(self, chunk: Chunk) -> Receipt:
        """Note the chunk; raise or return."""
        self.note(chunk)
        if chunk.start in self.bad:
            raise ValueError(f"chunk {chunk.start} is bad")
        return _receipt(chunk)


@dataclass(frozen=True, kw_only=True)
class PoisonTask(CountingTask):
    """Ends its process, at once and without a word, on the chunks that hold a point of `bad`."""

    bad: tuple[int, ...]
    key: str = "poison"

    def __call__(self, chunk: Chunk) -> Receipt:
        """Note the chunk; die or return."""
        self.note(chunk)
        if any(chunk.start <= point < chunk.stop for point in self.bad):
            os._exit(17)
        return _receipt(chunk)
