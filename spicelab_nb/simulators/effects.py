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

if TYPE_CHECKING:
    from spicelab_nb.circuits import Circuit
    from spicelab_nb.engines.engine import Engine, Outcome
    from spicelab_nb.sampling.design import BoundDesign, Value

__all__ = ["IdleParameterWarning", "check_effects", "idle_parameters"]

TRIED = 16
"""Points of a design among which a value other than the nominal is looked for."""

MOST_LOADS = 8
"""How many parameters that only a fresh load can set are tried at most: a load may take seconds."""


class IdleParameterWarning(UserWarning):
    """A parameter that is varied changes nothing, not one bit of one signal."""


def check_effects(
    circuit: Circuit, design: BoundDesign, engine: Engine, *, cpu_limit: float
) -> None:
    """Set each varied parameter alone, and see that some signal changes.

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
    others = _other_values(circuit, design)
    points = [Point(), *(Point(deck=circuit.with_values({n: v}).deck()) for n, v in others.items())]
    first, *changed = engine.run(circuit.deck(), points, cpu_limit=cpu_limit)
    if first.status != Status.OK:
        return
    for name, outcome in zip(others, changed, strict=True):
        if outcome.status == Status.OK and divergence(first, outcome) is None:
            raise CircuitError(
                f"{engine.name} gives the same results whatever {name} is: either nothing depends "
                f"on it, or {engine.name} does not know it and leaves it out. Do not vary it, or "
                "use ngspice (apt-get install libngspice0)."
            )


def idle_parameters(
    circuit: Circuit, design: BoundDesign, engine: Engine, *, cpu_limit: float
) -> tuple[str, ...]:
    """Set each varied parameter alone, low and high, and see what changes.

    In the loaded circuit where that can be, which takes a few milliseconds each.

    Parameters
    ----------
    circuit, design
        What will be simulated, and where.
    engine
        On which; it can alter.
    cpu_limit
        Processor seconds for each simulation: two for each parameter, and two more.

    Returns
    -------
    tuple of str
        Those that change nothing. Parameters without a nominal value, and of those that need a
        fresh load all but the first few, are not tried.
    """
    if circuit.random:
        return ()
    others = _extremes(circuit, design)
    nominal = {
        n: _rounded(value)
        for n in others
        if (value := circuit.parameters.nominal(n)) is not None and circuit.alterable(n)
    }
    trials = [(n, v) for n in nominal for v in others[n]]
    idle: list[str] = []
    if trials:
        feeder = Feeder(circuit, list(nominal), save=(), path="alter")
        rows = [nominal, *({**nominal, n: v} for n, v in trials)]
        points = [feeder.point((), row, 0) for row in rows]
        outcomes = engine.run(feeder.deck(()), points, cpu_limit=cpu_limit)
        idle += _unmoved([n for n, _ in trials], outcomes)
    loaded = [n for n in others if n not in nominal][:MOST_LOADS]
    trials = [(n, v) for n in loaded for v in others[n]]
    if trials:
        decks = [circuit.with_values({n: v}).deck() for n, v in trials]
        points = [Point(), *(Point(deck=d) for d in decks)]
        outcomes = engine.run(circuit.deck(), points, cpu_limit=cpu_limit)
        idle += _unmoved([n for n, _ in trials], outcomes)
    return tuple(n for n in design.parameters if n in idle)


def _unmoved(names: list[str], outcomes: list[Outcome]) -> list[str]:
    """Names whose every outcome is the first one's, bit for bit."""
    first, *changed = outcomes
    if first.status != Status.OK:
        return []
    moved = {n for n, o in zip(names, changed, strict=True) if divergence(first, o) is not None}
    return [n for n in dict.fromkeys(names) if n not in moved]


def _rounded(value: Value) -> Value:
    return float(quantise([value])[0]) if isinstance(value, float | int) else value


def _extremes(circuit: Circuit, design: BoundDesign) -> dict[str, list[Value]]:
    """The least and the largest value among the first points, the nominal left out."""
    found: dict[str, list[Value]] = {}
    for name, values in design.draw(0, min(TRIED, design.size)).items():
        nominal = circuit.parameters.nominal(name)
        given = [v for v in values.tolist() if v != nominal]
        if given:
            found[name] = list(dict.fromkeys([min(given), max(given)]))
    return found


def _other_values(circuit: Circuit, design: BoundDesign) -> dict[str, Value]:
    drawn = design.draw(0, min(TRIED, design.size))
    others: dict[str, Value] = {}
    for name, values in drawn.items():
        nominal = circuit.parameters.nominal(name)
        different = [v for v in values.tolist() if v != nominal]
        if different:
            others[name] = different[0]
    return others
