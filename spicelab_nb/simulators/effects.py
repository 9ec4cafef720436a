"""Whether an engine reacts to what is varied.

neospice reads parameters that it does not know without a word and leaves them out. A Monte Carlo
over such a parameter would look fine and be wrong, so each is tried before anything starts.
ngspice refuses what it does not know; there, a parameter without effect is one that nothing in the
netlist depends on (a ``.param`` that another hides, a device beside the circuit), which is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spicelab_nb.engines.engine import Point, Status
from spicelab_nb.errors import CircuitError
from spicelab_nb.sampling.rounding import quantise
from spicelab_nb.simulators.divergence import divergence
from spicelab_nb.simulators.session import Feeder
from spicelab_nb.simulators.trial import spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spicelab_nb.circuits import Circuit
    from spicelab_nb.engines.engine import Deck, Engine, Outcome
    from spicelab_nb.sampling.design import BoundDesign, Value

__all__ = ["IdleParameterWarning", "check_effects", "idle_parameters"]

TRIED = 16
"""Points at the beginning of a design, and again from all over it, among which a value other than
the nominal is looked for."""

MOST_LOADS = 8
"""How many parameters that only a fresh load can set are tried at most: a load may take seconds."""

EFFECT_SECONDS = 5.0
"""Processor time that looking for parameters without effect may take, about."""


COMPANY = 5
"""Points of a design at which what has no effect alone is tried again, beside others' values."""


class IdleParameterWarning(UserWarning):
    """A parameter that is varied changes nothing, not one bit of one signal."""


def check_effects(
    circuit: Circuit, design: BoundDesign, engine: Engine, *, cpu_limit: float
) -> None:
    """Set each varied parameter alone, and see that some signal changes.

    What changes nothing alone (a temperature coefficient, at the nominal temperature) is tried
    again beside the values that others have in the design.

    Parameters
    ----------
    circuit, design
        What will be simulated, and where.
    engine
        On which.
    cpu_limit
        Processor seconds for each simulation: one for each parameter, and one more.

    Raises
    ------
    CircuitError
        A parameter changes nothing at all, not one bit of one signal.
    """
    others = {name: given[0] for name, given in _other_values(circuit, design).items()}
    points = [Point(), *(Point(deck=circuit.with_values({n: v}).deck()) for n, v in others.items())]
    first, *changed = engine.run(circuit.deck(), points, cpu_limit=cpu_limit)
    if first.status != Status.OK:
        return
    idle = [n for n, outcome in zip(others, changed, strict=True) if not _moves(first, outcome)]
    moved = _moved_in_company(
        circuit, design, engine, idle, cpu_limit=cpu_limit, seconds=EFFECT_SECONDS
    )
    for name in idle:
        if name not in moved:
            raise CircuitError(
                f"{engine.name} gives the same results whatever {name} is: either nothing depends "
                f"on it, or {engine.name} does not know it and leaves it out. Do not vary it, or "
                "use ngspice (apt-get install libngspice0)."
            )


def idle_parameters(
    circuit: Circuit, design: BoundDesign, engine: Engine, *, cpu_limit: float
) -> tuple[str, ...]:
    """Set each varied parameter alone, low and high, and see what changes.

    In the loaded circuit where that can be, which takes a few milliseconds each. What changes
    nothing is tried again beside the values that others have in the design.

    Parameters
    ----------
    circuit, design
        What will be simulated, and where.
    engine
        On which; it can alter.
    cpu_limit
        Processor seconds for each simulation: two for each parameter, and two more, as long as
        they take a few seconds altogether.

    Returns
    -------
    tuple of str
        Those that change nothing. Where a simulation takes long only the first few are tried; of
        parameters that need a fresh load never more.
    """
    if circuit.random:
        return ()
    others = _extremes(circuit, design)
    nominal = {
        n: _rounded(value)
        for n in others
        if (value := circuit.parameters.nominal(n)) is not None and circuit.alterable(n)
    }
    idle: list[str] = []
    seconds = EFFECT_SECONDS
    if nominal:
        feeder = Feeder(circuit, list(nominal), save=(), path="alter")
        deck = feeder.deck(())
        altered = [(n, feeder.point((), {**nominal, n: v}, 0)) for n in nominal for v in others[n]]
        found, seconds = _idle(
            engine, deck, feeder.point((), nominal, 0), altered, cpu_limit, seconds
        )
        idle += found
    rest = [n for n in others if n not in nominal][:MOST_LOADS]
    if rest:
        loaded = [
            (n, Point(deck=circuit.with_values({n: v}).deck())) for n in rest for v in others[n]
        ]
        found, seconds = _idle(engine, circuit.deck(), Point(), loaded, cpu_limit, seconds)
        idle += found
    moved = _moved_in_company(circuit, design, engine, idle, cpu_limit=cpu_limit, seconds=seconds)
    return tuple(n for n in design.parameters if n in idle and n not in moved)


def _moves(before: Outcome, after: Outcome) -> bool:
    return after.status != Status.OK or divergence(before, after) is not None


def _moved_in_company(
    circuit: Circuit,
    design: BoundDesign,
    engine: Engine,
    names: Sequence[str],
    *,
    cpu_limit: float,
    seconds: float,
) -> set[str]:
    """Of names that change nothing alone, those that do beside others' values in the design."""
    left = list(names)[:MOST_LOADS]
    moved: set[str] = set()
    if len(design.parameters) < 2 or not left:
        return moved
    others = _extremes(circuit, design)
    for values in spread(design, COMPANY).values():
        left = [n for n in left if n not in moved]
        if not left or seconds <= 0:
            break
        trials = [
            (n, {**values, n: v})
            for n in left
            for v in (circuit.parameters.nominal(n), *others[n])
            if v is not None and v != values[n]
        ]
        points = [
            Point(deck=circuit.with_values(v).deck()) for v in (values, *(v for _, v in trials))
        ]
        first, *changed = engine.run(circuit.deck(), points, cpu_limit=cpu_limit)
        seconds -= first.cpu + sum(outcome.cpu for outcome in changed)
        if first.status == Status.OK:
            pairs = zip(trials, changed, strict=True)
            moved.update(n for (n, _), outcome in pairs if _moves(first, outcome))
    return moved


def _idle(
    engine: Engine,
    deck: Deck,
    base: Point,
    trials: Sequence[tuple[str, Point]],
    cpu_limit: float,
    seconds: float,
) -> tuple[list[str], float]:
    """Names whose every trial comes out as the base does, bit for bit; and the time left."""
    (first,) = engine.run(deck, [base], cpu_limit=cpu_limit)
    if first.status != Status.OK:
        return [], seconds
    most = int(seconds / max(first.cpu, 1e-4))
    # A name is tried with all of its values or not at all.
    names = list(dict.fromkeys(n for n, _ in trials))[: most // 2]
    chosen = [(n, p) for n, p in trials if n in names]
    outcomes = engine.run(deck, [p for _, p in chosen], cpu_limit=cpu_limit) if chosen else []
    moved = {
        n for (n, _), o in zip(chosen, outcomes, strict=True) if divergence(first, o) is not None
    }
    left = seconds - first.cpu - sum(o.cpu for o in outcomes)
    return [n for n in names if n not in moved], max(left, 0.0)


def _rounded(value: Value) -> Value:
    return float(quantise([value])[0]) if isinstance(value, float | int) else value


def _extremes(circuit: Circuit, design: BoundDesign) -> dict[str, list[Value]]:
    """The least and the largest of the other values."""
    return {
        name: list(dict.fromkeys([min(given), max(given)]))
        for name, given in _other_values(circuit, design).items()
    }


def _other_values(circuit: Circuit, design: BoundDesign) -> dict[str, list[Value]]:
    """Values of each parameter at some points, the nominal left out; at least one for each name."""
    drawn = {n: v.tolist() for n, v in design.draw(0, min(TRIED, design.size)).items()}
    # The first points of a sweep may all have the same value of what varies slowly.
    for point in spread(design, TRIED).values():
        for name, value in point.items():
            drawn[name].append(value)
    nominal = {name: circuit.parameters.nominal(name) for name in drawn}
    others = {n: [v for v in values if v != nominal[n]] for n, values in drawn.items()}
    return {name: given for name, given in others.items() if given}
