"""Running some samples of a campaign again, in other ways, and comparing.

Loaded afresh, each in an engine process of its own; by the other engine, where it is installed;
and, for a Python function, called once more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.campaigns.reference import (
    Sample,
    StoredResults,
    nominal_values,
    read_results,
    run_sample,
)
from spicelab_nb.campaigns.selection import NOMINAL, choose, label
from spicelab_nb.campaigns.verification import Check, Comparison, StatusChange, Verification
from spicelab_nb.engines import available
from spicelab_nb.errors import CampaignError, SpicelabError, nearest
from spicelab_nb.results.platform import fingerprint, fingerprint_digest
from spicelab_nb.simulators import CircuitSimulator
from spicelab_nb.simulators.simulator import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from spicelab_nb.engines import EngineInfo
    from spicelab_nb.results.plan import Plan
    from spicelab_nb.sampling.design import BoundDesign
    from spicelab_nb.simulators.simulator import Simulator

__all__ = ["verify"]

OTHER = {"ngspice": "neospice", "neospice": "ngspice"}

SAME_BITS = 0.0


def verify(
    *,
    name: str,
    simulator: Simulator,
    design: BoundDesign,
    plan: Plan,
    store: str,
    n: int,
    rtol: float,
    atol: float | Mapping[str, float],
) -> Verification:
    """Run some samples again and compare; see ``Campaign.verify``.

    Parameters
    ----------
    name, simulator, design, plan
        Of the campaign.
    store
        Where its results are, if there are any.
    n, rtol, atol
        As in ``Campaign.verify``.
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise CampaignError(f"verify(n) runs n samples again: n must be at least 1, not {n!r}.")
    if not _is_number(rtol) or not 0 <= rtol < 1:
        raise CampaignError(f"verify: rtol is a relative difference, 0 to 1, not {rtol!r}.")
    _check_absolute(atol, simulator.outputs)
    stored = read_results(store, plan, design)
    points = choose(
        design,
        n,
        key=plan.digest,
        nominal=(stored is None or _as_planned(simulator))
        and nominal_values(simulator, design) is not None,
        status=None if stored is None else stored.columns.status,
        measures={} if stored is None else stored.columns.measures,
    )
    reference = _reference(simulator, design, stored, points)
    judge = _Judge(
        design=design,
        reference=reference,
        units={k: o.unit for k, o in (simulator.outputs or {}).items()},
        atol=atol,
    )
    here = fingerprint_digest(fingerprint())
    asked = {
        p: SAME_BITS if stored is None or p == NOMINAL or stored.platform_of(p) == here else rtol
        for p in points
    }
    checks: tuple[Check, ...]
    if isinstance(simulator, CircuitSimulator):
        checks = (_fresh(simulator, judge, asked, rtol), _other(simulator, judge, rtol))
    else:
        checks = (_again(simulator, judge, asked),)
    return Verification(
        name=name,
        samples=tuple(label(design, p) for p in points),
        stored=stored is not None,
        checks=checks,
        damage=() if stored is None else stored.damage,
        notes=() if stored is None else tuple(stored.notes(points, rtol)),
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_absolute(atol: Any, outputs: Mapping[str, Any] | None) -> None:
    by_measure = atol if isinstance(atol, Mapping) else {"": atol}
    for name, value in by_measure.items():
        if not _is_number(value) or not value >= 0:
            where = f" of {name!r}" if name else ""
            raise CampaignError(f"verify: atol{where} is a difference of 0 or more, not {value!r}.")
        if name and outputs is not None and name not in outputs:
            raise CampaignError(f"verify: atol names no measure {name!r}.{nearest(name, outputs)}")


def _as_planned(simulator: Simulator) -> bool:
    """Whether this machine can compute what the plan says."""
    if not isinstance(simulator, CircuitSimulator):
        return True
    info = _engine(simulator.engine)
    return not info.problem and info.version == simulator.engine_version


def _reference(
    simulator: Simulator,
    design: BoundDesign,
    stored: StoredResults | None,
    points: Sequence[int],
) -> dict[int, Sample]:
    """What the repetitions are compared with: as stored where it is, else computed as planned."""
    planned = [p for p in points if stored is None or p == NOMINAL]
    found: dict[int, Sample] = {}
    if planned:
        session = simulator.open()
        try:
            found = {p: run_sample(session, simulator, design, p) for p in planned}
        finally:
            session.close()
    return {p: found[p] if p in found or stored is None else stored.sample(p) for p in points}


# The ways


def _fresh(
    simulator: CircuitSimulator, judge: _Judge, asked: Mapping[int, float], rtol: float
) -> Check:
    """Load each sample afresh, in an engine process of its own."""
    info = _engine(simulator.engine)
    by = f"{info.name} {info.version}".rstrip()
    if info.problem:
        return Check(kind="fresh load", by=by, rtol=SAME_BITS, problem=_missing(info))
    if info.version != simulator.engine_version:
        by = f"{by}, planned with {simulator.engine_version}"
        asked = dict.fromkeys(asked, rtol)
    afresh = replace(simulator, path="load", engine_version=info.version)
    found = {}
    for point in judge.reference:
        session = afresh.open()
        try:
            found[point] = run_sample(session, afresh, judge.design, point)
        finally:
            session.close()
    return judge.check("fresh load", by, found, asked)


def _other(simulator: CircuitSimulator, judge: _Judge, rtol: float) -> Check:
    """Run the samples with the other engine."""
    info = _engine(OTHER[simulator.engine])
    by = f"{info.name} {info.version}".rstrip()
    asked = dict.fromkeys(judge.reference, rtol)
    if info.problem:
        return Check(kind="other engine", by=by, rtol=rtol, problem=_missing(info))
    other = replace(
        simulator,
        engine=info.name,
        engine_version=info.version,
        path="load",
        # Steep edges of a kept transient lie apart by a time step: its measures tell more.
        keep=() if simulator.measures else simulator.keep,
    )
    try:
        session = other.open()
        try:
            found = {p: run_sample(session, other, judge.design, p) for p in judge.reference}
        finally:
            session.close()
    except SpicelabError as error:
        return Check(kind="other engine", by=by, rtol=rtol, problem=str(error))
    comparable = [p for p, s in judge.reference.items() if s.status == Status.OK]
    if comparable and all(found[p].status != Status.OK for p in comparable):
        reason = Counter(found[p].reason for p in comparable).most_common(1)[0][0]
        return Check(
            kind="other engine", by=by, rtol=rtol, problem=f"it cannot run this circuit: {reason}"
        )
    return judge.check("other engine", by, found, asked)


def _again(simulator: Simulator, judge: _Judge, asked: Mapping[int, float]) -> Check:
    """Call a function once more, in the reverse order: what it keeps between calls shows."""
    session = simulator.open()
    try:
        found = {
            p: run_sample(session, simulator, judge.design, p)
            for p in reversed(list(judge.reference))
        }
    finally:
        session.close()
    function = getattr(simulator, "function", simulator)
    by = getattr(function, "__name__", type(function).__name__)
    return judge.check("called again", by, found, asked)


def _engine(name: str) -> EngineInfo:
    return next(e for e in available() if e.name == name)


def _missing(info: EngineInfo) -> str:
    return f"{info.problem}; install it with: {info.install_hint}"


# Comparing


@dataclass(frozen=True, kw_only=True)
class _Judge:
    """Compares repetitions with the reference."""

    design: BoundDesign
    reference: Mapping[int, Sample]
    units: Mapping[str, str]
    atol: float | Mapping[str, float]

    def check(
        self, kind: str, by: str, found: Mapping[int, Sample], asked: Mapping[int, float]
    ) -> Check:
        """Compare all samples of one way."""
        changes = [
            StatusChange(
                where=label(self.design, p),
                reference=held.status.name.lower(),
                found=found[p].status.name.lower(),
                reason=found[p].reason or held.reason,
            )
            for p, held in self.reference.items()
            if held.status != found[p].status
        ]
        both = [
            p for p, held in self.reference.items() if held.status == found[p].status == Status.OK
        ]
        comparisons = [
            self._measure(name, both, found, asked)
            for name in dict.fromkeys(n for p in both for n in self.reference[p].measures)
        ]
        comparisons += [
            self._signal(name, both, found, asked)
            for name in dict.fromkeys(n for p in both for n in self.reference[p].waves)
            if any(name in found[p].waves for p in both)
        ]
        return Check(
            kind=kind,
            by=by,
            rtol=max(asked.values(), default=SAME_BITS),
            comparisons=tuple(comparisons),
            statuses=tuple(changes),
        )

    def _measure(
        self, name: str, both: list[int], found: Mapping[int, Sample], asked: Mapping[int, float]
    ) -> Comparison:
        atol = self.atol.get(name, 0.0) if isinstance(self.atol, Mapping) else self.atol
        pairs = {
            p: (
                np.float64(self.reference[p].measures.get(name, np.nan)),
                np.float64(found[p].measures.get(name, np.nan)),
            )
            for p in both
        }
        unit = self.units.get(name, "") or next(
            (s.units[name] for p in both for s in (self.reference[p], found[p]) if name in s.units),
            "",
        )
        return self._compare(name, unit, pairs, asked, atol)

    def _signal(
        self, name: str, both: list[int], found: Mapping[int, Sample], asked: Mapping[int, float]
    ) -> Comparison:
        empty = (np.empty(0), "")
        pairs = {
            p: (self.reference[p].waves.get(name, empty)[0], found[p].waves.get(name, empty)[0])
            for p in both
        }
        unit = next(s.waves[name][1] for s in (found[p] for p in both) if name in s.waves)
        return self._compare(name, unit, pairs, asked, 0.0)

    def _compare(
        self,
        name: str,
        unit: str,
        pairs: Mapping[int, tuple[Any, Any]],
        asked: Mapping[int, float],
        atol: float,
    ) -> Comparison:
        worst, where = (0.0, 0.0), NOMINAL
        differing, ok, most = 0, True, (False, -1.0)
        for point, (a, b) in pairs.items():
            if _same_bits(a, b):
                continue
            differing += 1
            absolute, relative = _difference(a, b)
            kept = asked[point] > 0 and (relative <= asked[point] or absolute <= atol)
            ok = ok and kept
            worst = (max(worst[0], absolute), max(worst[1], relative))
            # One that breaks what was asked goes before one that keeps it.
            rank = (not kept, relative)
            if rank > most:
                most, where = rank, point
        scalar = differing and np.ndim(pairs[where][0]) == 0
        return Comparison(
            measure=name,
            unit=unit,
            compared=len(pairs),
            differing=differing,
            absolute=worst[0],
            relative=worst[1],
            where=label(self.design, where) if differing else "",
            reference=float(pairs[where][0]) if scalar else float("nan"),
            found=float(pairs[where][1]) if scalar else float("nan"),
            rtol=max((asked[p] for p in pairs), default=SAME_BITS),
            ok=ok,
        )


def _same_bits(a: NDArray[Any] | np.generic, b: NDArray[Any] | np.generic) -> bool:
    """Whether two values have the same bits; any NaN is the same as another."""
    if np.ndim(a) == 0 and np.isnan(a) and np.isnan(b):
        return True
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def _difference(a: Any, b: Any) -> tuple[float, float]:
    """Largest difference, by itself and relative to the larger magnitude."""
    if np.shape(a) != np.shape(b):
        return float("inf"), float("inf")
    gap = float(np.max(np.abs(a - b), initial=0.0))
    if not np.isfinite(gap):
        return float("inf"), float("inf")
    scale = float(max(np.max(np.abs(a), initial=0.0), np.max(np.abs(b), initial=0.0)))
    return gap, gap / scale if scale else 0.0
