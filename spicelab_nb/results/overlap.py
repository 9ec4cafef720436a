"""Where two chunks hold the same samples: their bits must agree.

What a sample computes when it is ok, and that it fails in the simulator, depend on the plan alone:
two chunks that differ in it are a conflict. A time limit or a crash also depends on the machine:
where one chunk has the result and the other does not, the result counts, whatever the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import ChunkConflictError
from spicelab_nb.simulators.simulator import Status

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spicelab_nb.results.chunk import ChunkData, ChunkRef

__all__ = ["Columns", "check_agreement", "status_clash"]


def status_clash(mine: NDArray[np.int8], theirs: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Mark samples that one chunk calls ok and the other failed in the simulator; ``(n,)``."""
    pair = {int(Status.OK), int(Status.FAILED)}
    low, high = np.minimum(mine, theirs), np.maximum(mine, theirs)
    clash: NDArray[np.bool_] = (low == min(pair)) & (high == max(pair))
    return clash


def _same_bits(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.bool_]:
    """Compare along the first axis, bit for bit."""
    if a.dtype.kind == "U" or b.dtype.kind == "U":
        return np.asarray(a == b, dtype=np.bool_)
    if a.shape != b.shape or a.dtype != b.dtype:
        return np.zeros(len(a), np.bool_)
    raw = [np.ascontiguousarray(x).view(np.uint8).reshape(len(x), -1) for x in (a, b)]
    same: NDArray[np.bool_] = (raw[0] == raw[1]).all(axis=1)
    return same


def check_agreement(mine: ChunkData, theirs: ChunkData, where: str) -> None:
    """Compare what two chunks have in common, kept signals included when both were read.

    Parameters
    ----------
    mine, theirs
        Two chunks of one plan.
    where
        The store, for the error.

    Raises
    ------
    ChunkConflictError
        They disagree; names the first sample, what it differs in, both writers and platforms.
    """
    start = max(mine.ref.start, theirs.ref.start)
    stop = min(mine.ref.stop, theirs.ref.stop)
    if start >= stop:
        return
    a = slice(start - mine.ref.start, stop - mine.ref.start)
    b = slice(start - theirs.ref.start, stop - theirs.ref.start)
    both = (mine.status[a] == Status.OK) & (theirs.status[b] == Status.OK)

    def refuse(bad: NDArray[np.bool_], what: str, left: Any, right: Any) -> None:
        if bad.any():
            i = int(np.flatnonzero(bad)[0])
            shown = f" ({left[i]} and {right[i]})" if np.ndim(left) == 1 else ""
            raise _conflict(
                _Origin.of(mine), _Origin.of(theirs), start + i, f"{what}{shown}", where
            )

    refuse(status_clash(mine.status[a], theirs.status[b]), "status", mine.status[a],
           theirs.status[b])  # fmt: skip
    missing = np.full(stop - start, np.nan)
    for name in {**mine.values, **theirs.values}:
        left = mine.values[name][a] if name in mine.values else missing
        right = theirs.values[name][b] if name in theirs.values else missing
        refuse(~_same_bits(left, right), f"parameter {name}", left, right)
    for name in {**mine.measures, **theirs.measures}:
        left = mine.measures[name][a] if name in mine.measures else missing
        right = theirs.measures[name][b] if name in theirs.measures else missing
        refuse(both & ~_same_bits(left, right), f"measure {name}", left, right)
    others = {(w.analysis, w.signal): w for w in theirs.waves}
    for wave in mine.waves:
        other = others.get((wave.analysis, wave.signal))
        if other is not None:
            bad = both & ~_same_bits(wave.data[a], other.data[b])
            refuse(bad, f"signal {wave.signal} of {wave.analysis}", wave.data[a], other.data[b])


@dataclass(frozen=True, slots=True)
class _Origin:
    """Which chunk samples came from, and who wrote it."""

    ref: ChunkRef
    worker: str
    platform: str

    @classmethod
    def of(cls, chunk: ChunkData) -> _Origin:
        worker = str(chunk.receipt.get("worker") or "an unnamed worker")
        return cls(chunk.ref, worker, str(chunk.receipt.get("platform_digest", "")))


def _conflict(mine: _Origin, theirs: _Origin, sample: int, what: str, where: str) -> Exception:
    if mine.platform != theirs.platform:
        advice = (
            f"They ran on different platforms ({mine.platform}, {theirs.platform}), whose last "
            "bits may differ: put one aside with store.put_aside(ref) to keep the other."
        )
    else:
        advice = (
            "On one platform that must not happen: the simulator depends on something besides its "
            "parameters and seed, or one of the machines is faulty."
        )
    return ChunkConflictError(
        f"Chunks {mine.ref.name} and {theirs.ref.name} of {where} disagree on sample {sample}: "
        f"{what}, from {mine.worker} and {theirs.worker}. {advice}"
    )


class Columns:
    """Status and measures of all points, filled chunk by chunk in any order.

    Parameters
    ----------
    size
        How many points there are; what chunks hold beyond is left out.
    where
        The store, for errors.
    """

    def __init__(self, size: int, where: str) -> None:
        self.status: NDArray[np.int8] = np.full(size, Status.NOT_RUN, np.int8)
        self.measures: dict[str, NDArray[np.float64]] = {}
        self.units: dict[str, str] = {}
        self._first: dict[str, tuple[int, int]] = {}
        self._units_from: dict[str, int] = {}
        self._where = where
        self._origins: list[_Origin] = []

    @property
    def names(self) -> list[str]:
        """Measures in the order in which the simulator gave them at the lowest point."""
        return sorted(self.measures, key=lambda name: (self._first[name], name))

    def add(self, chunk: ChunkData) -> None:
        """Take a chunk in.

        Raises
        ------
        ChunkConflictError
            It disagrees with one that was taken in before.
        """
        start, stop = chunk.ref.start, min(chunk.ref.stop, len(self.status))
        if start >= stop:
            return
        n = stop - start
        held, fresh = self.status[start:stop], chunk.status[:n]
        for position, name in enumerate(chunk.measures):
            if name not in self.measures:
                self.measures[name] = np.full(len(self.status), np.nan)
            first = (start, position)
            self._first[name] = min(first, self._first.get(name, first))
            unit = chunk.units.get(name, "")
            if unit and start < self._units_from.get(name, len(self.status)):
                self.units[name], self._units_from[name] = unit, start
        if (held != Status.NOT_RUN).any():
            self._compare(chunk, start, stop)
        better = fresh < held
        ok = better & (fresh == Status.OK)
        for name, column in chunk.measures.items():
            np.copyto(self.measures[name][start:stop], column[:n], where=ok)
        np.copyto(held, fresh, where=better)
        self._origins.append(_Origin.of(chunk))

    def _compare(self, chunk: ChunkData, start: int, stop: int) -> None:
        n = stop - start
        held, fresh = self.status[start:stop], chunk.status[:n]
        self._refuse(chunk, status_clash(held, fresh), "status", held, fresh)
        both = (held == Status.OK) & (fresh == Status.OK)
        for name, column in self.measures.items():
            mine, theirs = column[start:stop], chunk.measures.get(name, np.full(n, np.nan))[:n]
            bad = both & ~_same_bits(mine, theirs)
            self._refuse(chunk, bad, f"measure {name}", mine, theirs)

    def _refuse(
        self, chunk: ChunkData, bad: NDArray[np.bool_], what: str, mine: Any, theirs: Any
    ) -> None:
        if not bad.any():
            return
        i = int(np.flatnonzero(bad)[0])
        sample = chunk.ref.start + i
        before = next(o for o in self._origins if o.ref.start <= sample < o.ref.stop)
        shown = f"{what} ({mine[i]} and {theirs[i]})"
        raise _conflict(before, _Origin.of(chunk), sample, shown, self._where)
