"""Proof that setting values in a loaded circuit gives what a fresh load gives, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spicelab_nb.engines.engine import Outcome, Status
from spicelab_nb.simulators.attribution import MOST_TRIALS, causes
from spicelab_nb.simulators.divergence import Divergence, divergence, measure_differences
from spicelab_nb.simulators.session import Feeder
from spicelab_nb.simulators.trial import spread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spicelab_nb.circuits import Circuit
    from spicelab_nb.circuits.measures import Measure
    from spicelab_nb.engines.engine import Engine
    from spicelab_nb.sampling.design import BoundDesign, Value

__all__ = ["Proof", "method", "prove"]

SAMPLES = 4
"""How many points are simulated both ways."""

CAUSE_SECONDS = 20.0
"""Processor time that looking for the parameters that cause a difference may take, about."""


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
        Largest difference relative to the signal's largest magnitude; 0 where all agreed, infinite
        where they could not be compared.
    where
        In which signal and at which point; "" where all agreed.
    causes
        Parameters of which each by itself makes a difference; none where only several do, or where
        looking for them would take too long.
    measures
        Measure to its largest relative difference, for those that differed.
    """

    path: str
    points: tuple[int, ...]
    reason: str = ""
    difference: float = 0.0
    where: str = ""
    causes: tuple[str, ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """The same as JSON: recorded beside the plan, and no part of what identifies it."""
        return {
            "path": self.path,
            "points": list(self.points),
            "reason": self.reason,
            "difference": self.difference,
            "where": self.where,
            "causes": list(self.causes),
            "measures": dict(self.measures),
        }


def prove(
    circuit: Circuit,
    design: BoundDesign,
    engine: Engine,
    *,
    save: tuple[str, ...],
    cpu_limit: float,
    measures: Mapping[str, Measure] | None = None,
    unread: frozenset[str] = frozenset(),
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
    measures
        What will be measured: where signals differ, it is told how far these do.
    unread
        Names of analyses that are not run.

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
    trial = _Trial(circuit=circuit, engine=engine, save=save, cpu_limit=cpu_limit, unread=unread)
    altered_names = Feeder(circuit, names, save=save, path="alter").altered
    if not altered_names:
        return Proof(path="load", points=(), reason="No varied parameter can be altered.")
    chosen = spread(design, SAMPLES)
    indices, rows = tuple(chosen), list(chosen.values())
    # Backwards, so that a point which depends on the one before it shows.
    altered = trial.altered(rows[::-1])[::-1]
    loaded = trial.loaded(rows)
    if all(o.status != Status.OK for o in loaded):
        return Proof(path="load", points=indices, reason="None of the compared points converged.")
    apart = {
        i: d
        for i, a, b in zip(range(len(rows)), altered, loaded, strict=True)
        if (d := divergence(a, b)) is not None
    }
    if not apart:
        return Proof(path="alter", points=indices)
    worst = max(apart, key=lambda i: apart[i].size)
    # Two simulations each time; nobody waits minutes to know.
    most = int(CAUSE_SECONDS / max(altered[worst].cpu + loaded[worst].cpu, 1e-3))
    culprits = trial.causes(rows[worst], altered_names, most)
    changed = measure_differences(measures or {}, altered, loaded)
    where = f"{apart[worst].where} at point {indices[worst]}"
    return Proof(
        path="load",
        points=indices,
        reason=_reason(apart[worst], where, culprits, changed),
        difference=apart[worst].size,
        where=where,
        causes=culprits or (),
        measures=changed,
    )


def _reason(
    apart: Divergence, where: str, culprits: Sequence[str] | None, changed: Mapping[str, float]
) -> str:
    size = "" if apart.size == float("inf") else f" by {apart.size:.1e} of the largest value"
    by = ""
    if culprits is not None:
        by = f", because of {', '.join(culprits)}" if culprits else ", by no one parameter alone"
    effect = "no measure changes"
    if changed:
        name = max(changed, key=lambda n: changed[n])
        effect = f"{name} changes by {changed[name]:.1e} of its value"
        if len(changed) > 1:
            effect += f", other measures by less ({len(changed) - 1})"
    return f"Altered and loaded differ{size} in {where}{by}; {effect}."


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """Simulates points both ways."""

    circuit: Circuit
    engine: Engine
    save: tuple[str, ...]
    cpu_limit: float
    unread: frozenset[str]

    def altered(self, rows: Sequence[Mapping[str, Value]]) -> list[Outcome]:
        """Set the values of each row in the loaded circuit, one row after the other."""
        feeder = self._feeder(tuple(rows[0]), "alter")
        found = []
        for row in rows:
            key = feeder.key(row)
            point = feeder.point(key, row, 0)
            found += self.engine.run(feeder.deck(key), [point], cpu_limit=self.cpu_limit)
        return found

    def loaded(self, rows: Sequence[Mapping[str, Value]]) -> list[Outcome]:
        """Load each row afresh."""
        feeder = self._feeder(tuple(rows[0]), "load")
        points = [feeder.point((), row, 0) for row in rows]
        return self.engine.run(feeder.deck(()), points, cpu_limit=self.cpu_limit)

    def _feeder(self, names: tuple[str, ...], path: str) -> Feeder:
        return Feeder(self.circuit, names, save=self.save, path=path, unread=self.unread)

    def causes(
        self, row: Mapping[str, Value], altered: Sequence[str], most: int
    ) -> tuple[str, ...] | None:
        """Which of the altered parameters alone, all others nominal, make a difference.

        None where that would take more than `most` trials of which nothing came out.
        """

        def differs(names: Sequence[str]) -> bool:
            # What only a load can set is set both times.
            own = {n: v for n, v in row.items() if n in names or n not in altered}
            return divergence(self.altered([own])[0], self.loaded([own])[0]) is not None

        found = causes(altered, differs, most=min(most, MOST_TRIALS))
        # All names alone are tried within about twice as many trials as there are names.
        return found if found or most >= 2 * len(altered) else None


def method(simulator: Mapping[str, Any], proof: Mapping[str, Any]) -> str:
    """Say in a sentence who computes the samples and which way; "" for what is no circuit.

    Parameters
    ----------
    simulator
        ``Simulator.describe()``, as a plan holds it.
    proof
        What is recorded beside the plan; may be empty.
    """
    if simulator.get("kind") != "circuit":
        return ""
    engine = simulator["engine"]
    by = f"{engine['name']} {engine['version']}"
    reason = str(proof.get("reason", ""))
    if simulator["path"] != "alter":
        return f"{by}, each sample loaded afresh" + (f": {reason}" if reason else ".")
    count = len(proof.get("points", ()))
    proved = f": {count} of them gave the bits of a fresh load" if count else ""
    return f"{by}, each sample set in the loaded circuit{proved}."
