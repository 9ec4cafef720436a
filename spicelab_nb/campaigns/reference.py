"""What a campaign's results are, sample by sample: as stored, or computed now as planned."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.campaigns.selection import NOMINAL
from spicelab_nb.errors import CorruptObjectError, StoreMismatchError, StoreMissingError
from spicelab_nb.results.overlap import Columns
from spicelab_nb.results.platform import fingerprint, fingerprint_digest
from spicelab_nb.results.store import Store
from spicelab_nb.sampling.rounding import quantise
from spicelab_nb.simulators.simulator import Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from spicelab_nb.results.chunk import ChunkData, ChunkRef
    from spicelab_nb.results.plan import Plan
    from spicelab_nb.sampling.design import BoundDesign
    from spicelab_nb.simulators.simulator import Session, Simulator

logger = logging.getLogger(__name__)

__all__ = ["Sample", "StoredResults", "nominal_values", "read_results", "run_sample"]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """How one sample came out.

    Parameters
    ----------
    status, reason
        How it ended, and why if it is not ok.
    measures, units
        By name.
    waves
        Kept signals: ``"v(out) of ac"`` to its values and unit.
    """

    status: Status
    reason: str = ""
    measures: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    waves: Mapping[str, tuple[NDArray[Any], str]] = field(default_factory=dict)


def nominal_values(simulator: Simulator, design: BoundDesign) -> dict[str, NDArray[Any]] | None:
    """Values of the nominal point, rounded as a design's are; None where a parameter has none."""
    values: dict[str, NDArray[Any]] = {}
    for name in design.parameters:
        value = simulator.space.nominal(name)
        if value is None:
            return None
        values[name] = quantise([value]) if isinstance(value, float) else np.array([value])
    return values


def run_sample(session: Session, simulator: Simulator, design: BoundDesign, point: int) -> Sample:
    """Compute one point of a design, or the nominal one, in a session of `simulator`."""
    if point == NOMINAL:
        values = nominal_values(simulator, design) or {}
        batch = session.run(0, values, np.zeros(1, np.uint64))
    else:
        seeds = design.seeds(point, point + 1)
        batch = session.run(point, design.draw(point, point + 1), seeds)
    return Sample(
        status=Status(int(batch.status[0])),
        reason=batch.failures[0].reason if batch.failures else "",
        measures={k: float(v[0]) for k, v in batch.measures.items()},
        units=batch.units,
        waves={f"{w.signal} of {w.analysis}": (w.data[0], w.unit) for w in batch.waves},
    )


@dataclass(frozen=True, kw_only=True)
class StoredResults:
    """What a store holds.

    Parameters
    ----------
    store
        Where.
    columns
        Status and measures of all points.
    chunks
        Each chunk that could be read, with the digest of the platform that computed it.
    damage
        Sentences about those that could not, or that hold other values than the design draws.
    """

    store: Store
    columns: Columns
    chunks: tuple[tuple[ChunkRef, str], ...]
    damage: tuple[str, ...]

    def platform_of(self, point: int) -> str:
        """Digest of the platform that computed a point."""
        return self._chunk_of(point)[1]

    def sample(self, point: int) -> Sample:
        """One sample, its kept signals included."""
        chunk = self.store.read(self._chunk_of(point)[0], waves=True)
        i = point - chunk.ref.start
        return Sample(
            status=Status(int(chunk.status[i])),
            reason=next((f.reason for f in chunk.failures if f.index == point), ""),
            measures={k: float(v[i]) for k, v in chunk.measures.items()},
            units=chunk.units,
            waves={f"{w.signal} of {w.analysis}": (w.data[i], w.unit) for w in chunk.waves},
        )

    def _chunk_of(self, point: int) -> tuple[ChunkRef, str]:
        """The chunk whose result for a point counts, where chunks overlap: the best."""
        covering = [c for c in self.chunks if c[0].start <= point < c[0].stop]
        if len(covering) == 1:
            return covering[0]
        return min(covering, key=lambda c: self.store.read(c[0]).status[point - c[0].start])

    def notes(self, points: Sequence[int], rtol: float) -> list[str]:
        """Say on how many platforms the results, and the chosen points, were computed."""
        here = fingerprint_digest(fingerprint())
        counts: Counter[str] = Counter()
        for ref, digest in self.chunks:
            counts[digest] += len(ref)
        notes = []
        if len(counts) > 1:
            listed = ", ".join(f"{n} samples on {d}" for d, n in counts.most_common())
            notes.append(f"The results were computed on {len(counts)} platforms: {listed}.")
        foreign = [p for p in points if p != NOMINAL and self.platform_of(p) != here]
        if foreign:
            notes.append(
                f"{len(foreign)} of these samples were computed on another platform than this one "
                f"({here}), where last bits may differ: they are held to {rtol:g}."
            )
        return notes


def read_results(where: str, plan: Plan, design: BoundDesign) -> StoredResults | None:
    """Read what a store holds, going on past what is damaged; None where it holds nothing.

    Raises
    ------
    StoreMismatchError
        It holds the results of another plan.
    StoreError
        It cannot be read: whether it holds anything is not known.
    """
    try:
        store = Store.open(where, create=False)
    except StoreMissingError as error:
        logger.debug("Nothing to compare with: %s", error)
        return None
    there = store.peek()
    if there.digest != plan.digest:
        raise StoreMismatchError(
            f"The store {store.url} holds another campaign, not this one's results: "
            f"{there.difference(plan)}"
        )
    columns = Columns(design.size, store.url)
    chunks: list[tuple[ChunkRef, str]] = []
    damage: list[str] = []
    for ref in store.chunks():
        if ref.start >= design.size:
            continue
        try:
            chunk = store.read(ref)
        except CorruptObjectError as error:
            damage.append(str(error))
            continue
        other = _other_values(chunk, design)
        if other:
            damage.append(f"{store.url}/chunks/{ref.name} was computed with {other}")
        columns.add(chunk)
        chunks.append((ref, str(chunk.receipt.get("platform_digest", ""))))
    if not chunks and not damage:
        return None
    return StoredResults(store=store, columns=columns, chunks=tuple(chunks), damage=tuple(damage))


def _other_values(chunk: ChunkData, design: BoundDesign) -> str:
    """Say which values a chunk was computed with that the design does not draw; "" if none."""
    start, stop = chunk.ref.start, min(chunk.ref.stop, design.size)
    drawn = design.draw(start, stop)
    if set(drawn) != set(chunk.values):
        return f"values of {sorted(chunk.values)}, and the design sets {sorted(drawn)}."
    for name, expected in drawn.items():
        held = chunk.values[name][: stop - start]
        if expected.dtype.kind in "biuf":
            same = np.isclose(held, expected, rtol=1e-12, atol=0.0, equal_nan=True)
        else:
            same = held == expected.astype(np.str_)
        if not np.all(same):
            i = int(np.flatnonzero(~np.asarray(same))[0])
            return f"{name} = {held[i]} at point {start + i}; the design draws {expected[i]}."
    return ""
