"""Whether an engine reacts to what is varied.

neospice reads parameters that it does not know without a word and leaves them out. A Monte Carlo
over such a parameter would look fine and be wrong, so each is tried before anything starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spicelab_nb.engines.engine import Point, Status
from spicelab_nb.errors import CircuitError

if TYPE_CHECKING:
    from spicelab_nb.circuits import Circuit
    from spicelab_nb.engines.engine import Engine, Outcome
    from spicelab_nb.sampling.design import BoundDesign, Value

__all__ = ["check_effects"]

TRIED = 16
"""Points of a design among which a value other than the nominal is looked for."""


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
        if outcome.status == Status.OK and _same(first, outcome):
            raise CircuitError(
                f"{engine.name} gives the same results whatever {name} is: either nothing depends "
                f"on it, or {engine.name} does not know it and leaves it out. Do not vary it, or "
                "use ngspice (apt-get install libngspice0)."
            )


def _other_values(circuit: Circuit, design: BoundDesign) -> dict[str, Value]:
    drawn = design.draw(0, min(TRIED, design.size))
    others: dict[str, Value] = {}
    for name, values in drawn.items():
        nominal = circuit.parameters.nominal(name)
        different = [v for v in values.tolist() if v != nominal]
        if different:
            others[name] = different[0]
    return others


def _same(a: Outcome, b: Outcome) -> bool:
    return all(
        np.array_equal(vector, b.plots[analysis].vectors.get(signal, np.empty(0)))
        for analysis, plot in a.plots.items()
        for signal, vector in plot.vectors.items()
    )
