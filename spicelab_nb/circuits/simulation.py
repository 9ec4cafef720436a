"""Simulating a circuit once, here and now."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from spicelab_nb.engines.engine import Analysis, Point, Status
from spicelab_nb.errors import CircuitError, EngineError, SimulationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

    from spicelab_nb.circuits.circuit import Circuit
    from spicelab_nb.engines.engine import Engine

__all__ = ["ask", "seeded", "simulate"]


def simulate(
    circuit: Circuit, label: str, *, engine: Engine | str | None, time_limit: float
) -> dict[str, xr.Dataset]:
    """Simulate a circuit; see :meth:`.Circuit.simulate`."""
    from spicelab_nb.circuits.datasets import to_datasets
    from spicelab_nb.engines import find

    deck = circuit.deck()
    if not deck.analyses:
        raise CircuitError(
            f"{label} has no analysis. Write one into the netlist, or give it: "
            'simulate([".op"]), Circuit(..., analyses=[".ac dec 20 1 1meg"]).'
        )
    if engine is None or isinstance(engine, str):
        used = find(engine)
        try:
            return simulate(circuit, label, engine=used, time_limit=time_limit)
        finally:
            used.close()
    outcome = engine.run(deck, [_point(circuit)], cpu_limit=time_limit)[0]
    if outcome.status is not Status.OK:
        tail = "".join(f"\n{line}" for line in outcome.log[-8:])
        raise SimulationError(f"{label} was not simulated: {outcome.reason}{tail}", outcome.log)
    return to_datasets(outcome.plots)


def _point(circuit: Circuit) -> Point:
    # A netlist that draws numbers draws the same ones each time.
    return Point(seed=circuit.__dict__.get("_seed", 1)) if circuit.random else Point()


def seeded(circuit: Circuit, seed: int) -> Circuit:
    """Give the circuit with the numbers that its netlist draws from `seed`, 1 to 2**31 - 1.

    Here and now only: the seed is no part of what identifies the circuit, and does not travel.
    """
    other = circuit.with_values({})
    other.__dict__["_seed"] = seed
    return other


def ask(circuit: Circuit, vectors: Sequence[str]) -> dict[str, float]:
    """Ask ngspice for values that stand nowhere in the netlist.

    Parameters
    ----------
    circuit
        Loaded once, unless one of the values is unknown.
    vectors
        ``["@m1[w]", ...]``.

    Returns
    -------
    dict of str to float
        Those that ngspice knows and that are finite; empty where there is no ngspice.
    """
    from spicelab_nb.engines import find

    try:
        used = find("ngspice")
    except EngineError:
        return {}
    try:
        found = _read(used, circuit, vectors)
        if not found and len(vectors) > 1:
            # One that the engine does not know costs all of them.
            for vector in vectors:
                found.update(_read(used, circuit, [vector]))
        return found
    except EngineError:
        return {}
    finally:
        used.close()


def _read(engine: Engine, circuit: Circuit, vectors: Sequence[str]) -> dict[str, float]:
    operating_point = Analysis(name="op", kind="op", command="op")
    deck = replace(circuit.deck(), analyses=(operating_point,), save=tuple(vectors), meas=())
    outcome = engine.run(deck, [_point(circuit)], cpu_limit=60.0)[0]
    if outcome.status is not Status.OK:
        return {}
    held = outcome.plots["op"].vectors
    values = {vector: float(held[vector]) for vector in vectors if vector in held}
    return {vector: value for vector, value in values.items() if math.isfinite(value)}
