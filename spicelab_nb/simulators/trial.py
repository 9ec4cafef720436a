"""A first look, before a campaign starts, at whether anything of it can be simulated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spicelab_nb.engines.engine import Point, Status
from spicelab_nb.errors import SimulationError

if TYPE_CHECKING:
    from spicelab_nb.circuits import Circuit
    from spicelab_nb.engines.engine import Engine
    from spicelab_nb.sampling.design import BoundDesign, Value

__all__ = ["check_start", "spread"]

TRIED = 3
"""Points of the design that are tried where the nominal circuit fails."""


def spread(design: BoundDesign, count: int) -> dict[int, dict[str, Value]]:
    """Take a few points from all over a design: index to the values of its parameters.

    They go along the diagonal, so that every dimension is seen from end to end.
    """
    shape = tuple(map(len, design.dimensions))
    shares = np.linspace(0.0, 1.0, count).tolist()
    diagonal = [
        int(np.ravel_multi_index([round(share * (n - 1)) for n in shape], shape))
        for share in shares
    ]
    along = [round(share * (design.size - 1)) for share in shares]
    indices = sorted(list(dict.fromkeys([*diagonal, *along]))[:count])
    return {i: {name: v[0].item() for name, v in design.draw(i, i + 1).items()} for i in indices}


def check_start(
    circuit: Circuit,
    design: BoundDesign,
    engine: Engine,
    *,
    save: tuple[str, ...],
    cpu_limit: float,
) -> None:
    """Refuse a campaign whose nominal circuit fails, and a few of its points as well.

    A missing model, or a signal that is not there, would otherwise fail every sample, one by one.

    Parameters
    ----------
    circuit, design
        What will be simulated, and where.
    engine
        On which.
    save
        Signals that will be read.
    cpu_limit
        Processor seconds for each simulation.

    Raises
    ------
    SimulationError
        With the engine's reason and last lines.
    """
    deck = circuit.deck(save=save)
    seed = 1 if circuit.random else None
    (nominal,) = engine.run(deck, [Point(seed=seed)], cpu_limit=cpu_limit)
    if nominal.status != Status.FAILED:
        return
    points = [
        Point(deck=circuit.with_values(values).deck(save=save), seed=seed)
        for values in spread(design, TRIED).values()
    ]
    if all(o.status == Status.FAILED for o in engine.run(deck, points, cpu_limit=cpu_limit)):
        raise SimulationError(
            f"Neither the nominal circuit {circuit.name!r} nor any of {len(points)} samples tried "
            f"can be simulated: {nominal.reason}",
            nominal.log,
        )
