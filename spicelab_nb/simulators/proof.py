"""Proof that setting values in a loaded circuit gives what a fresh load gives, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.engines.engine import Outcome, Status
from spicelab_nb.simulators.session import Feeder
from spicelab_nb.simulators.trial import spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spicelab_nb.circuits import Circuit
    from spicelab_nb.engines.engine import Engine
    from spicelab_nb.sampling.design import BoundDesign

__all__ = ["Proof", "prove"]

SAMPLES = 4
"""How many points are simulated both ways."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What the two paths gave.

    Parameters
    ----------
    path
        ``"alter"`` where every bit of every signal agreed, else ``"load"``.
    points
        Indices of the points that were compared.
    reason
        Why it is ``"load"``, as a sentence; "" for ``"alter"``.
    difference
        Largest difference relative to the signal's largest magnitude; 0 where all agreed.
    """

    path: str
    points: tuple[int, ...]
    reason: str = ""
    difference: float = 0.0

    def describe(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "path": self.path,
            "points": list(self.points),
            "reason": self.reason,
            "difference": self.difference,
        }


def prove(
    circuit: Circuit,
    design: BoundDesign,
    engine: Engine,
    *,
    save: tuple[str, ...],
    cpu_limit: float,
) -> Proof:
    """Simulate a few points both ways and compare every bit.

    Parameters
    ----------
    circuit, design
        What will be simulated, and where.
    engine
        On which.
    save
        Signals that will be read.
    cpu_limit
        Processor seconds for each of them.

    Returns
    -------
    Proof
        ``"load"`` too where nothing can be altered, or where no point could be simulated.
    """
    names = design.parameters
    if circuit.random:
        return Proof(path="load", points=(), reason="The deck draws numbers of its own.")
    if not engine.alters:
        return Proof(path="load", points=(), reason=f"{engine.name} cannot alter a loaded circuit.")
    alter = Feeder(circuit, names, save=save, path="alter")
    if not alter.altered:
        return Proof(path="load", points=(), reason="No varied parameter can be altered.")
    load = Feeder(circuit, names, save=save, path="load")
    chosen = spread(design, SAMPLES)
    indices, rows = tuple(chosen), list(chosen.values())
    # Backwards, so that a point which depends on the one before it shows.
    altered: dict[int, Outcome] = {}
    for index, row in reversed(list(zip(indices, rows, strict=True))):
        key = alter.key(row)
        altered[index] = engine.run(
            alter.deck(key), [alter.point(key, row, 0)], cpu_limit=cpu_limit
        )[0]
    loaded = engine.run(
        load.deck(()), [load.point((), row, 0) for row in rows], cpu_limit=cpu_limit
    )
    return _compare(indices, [altered[i] for i in indices], loaded)


def _compare(
    indices: tuple[int, ...], altered: Sequence[Outcome], loaded: Sequence[Outcome]
) -> Proof:
    if all(o.status != Status.OK for o in loaded):
        return Proof(path="load", points=indices, reason="None of the compared points converged.")
    worst, where = 0.0, ""
    for index, a, b in zip(indices, altered, loaded, strict=True):
        if a.status != b.status:
            return Proof(
                path="load",
                points=indices,
                reason=f"Point {index} is {a.status.name} altered and {b.status.name} loaded.",
                difference=float("inf"),
            )
        for analysis, plot in b.plots.items():
            other = a.plots[analysis]
            for signal, vector in plot.vectors.items():
                difference = _difference(np.asarray(other.vectors.get(signal)), np.asarray(vector))
                if difference > worst:
                    worst, where = difference, f"{signal} of {analysis} at point {index}"
    if worst:
        return Proof(
            path="load",
            points=indices,
            reason=f"Altered and loaded differ by {worst:.1e} in {where}.",
            difference=worst,
        )
    return Proof(path="alter", points=indices)


def _difference(a: Any, b: Any) -> float:
    """Largest difference relative to the largest magnitude; inf where they cannot be compared."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return float("inf")
    if a.tobytes() == b.tobytes():
        return 0.0
    scale = float(np.max(np.abs(b))) or 1.0
    # Bits that differ in value by nothing (signed zeros) still are a difference.
    return max(float(np.max(np.abs(a - b))) / scale, 1e-300)
