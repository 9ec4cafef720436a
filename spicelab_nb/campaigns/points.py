"""One point of a design, by its number or its coordinates, and its circuit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.circuits import Circuit
from spicelab_nb.circuits.simulation import seeded
from spicelab_nb.errors import CampaignError
from spicelab_nb.simulators import CircuitSimulator
from spicelab_nb.simulators.session import engine_seed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from spicelab_nb.results.plan import Plan
    from spicelab_nb.sampling.design import BoundDesign
    from spicelab_nb.simulators.simulator import Simulator

__all__ = ["point_circuit", "point_index"]


def point_index(
    design: BoundDesign, only: int | None, point: int | None, labels: Mapping[str, Any]
) -> int:
    """Give the index of a point in the flattened design.

    Parameters
    ----------
    design
        Where the points lie.
    only
        Position along the only dimension; refused where there are several.
    point
        Or the index in the flattened design, as the table of failures has it.
    labels
        Or the coordinate along each dimension, by name.

    Raises
    ------
    CampaignError
        It names no point, or not one; the message lists what there is.
    """
    dimensions = design.dimensions
    names = [d.name for d in dimensions]
    if sum((only is not None, point is not None, bool(labels))) != 1:
        raise CampaignError(f"Name one point: by {', '.join(names)}, or by its number, point=...")
    if only is not None and len(dimensions) > 1:
        example = ", ".join(f"{d.name}={d.values[0].item()!r}" for d in dimensions)
        raise CampaignError(
            f"A number alone names no point of a design over {', '.join(names)}: name it by its "
            f"coordinates ({example}), or by its place in the table of failures (point={only!r})."
        )
    number = only if only is not None else point
    if number is not None:
        if isinstance(number, bool) or not isinstance(number, int | np.integer):
            raise CampaignError(f"A point is named by a whole number, not {number!r}.")
        if not 0 <= number < design.size:
            raise CampaignError(f"There is no point {number}: they are 0 to {design.size - 1}.")
        return int(number)
    unknown = sorted(set(labels) - set(names))
    if unknown:
        raise CampaignError(f"{unknown[0]!r} is no dimension here: those are {', '.join(names)}.")
    position = []
    for d in dimensions:
        if d.name not in labels:
            raise CampaignError(f"Say which {d.name}: a point is named by {', '.join(names)}.")
        found = _positions(d.values, labels[d.name])
        if not found.size:
            shown = ", ".join(str(v) for v in d.values[:6].tolist())
            more = ", ..." if len(d) > 6 else ""
            raise CampaignError(
                f"{d.name} has no value {labels[d.name]!r}. There are: {shown}{more}."
            )
        position.append(int(found[0]))
    return int(np.ravel_multi_index(position, [len(d) for d in dimensions]))


def _positions(coordinate: NDArray[Any], value: Any) -> NDArray[np.intp]:
    """Where a coordinate has a value; numbers agree to 12 digits."""
    if coordinate.dtype.kind == "f" and isinstance(value, int | float | np.number):
        return np.flatnonzero(np.isclose(coordinate, float(value), rtol=1e-12, atol=0))
    return np.flatnonzero([each == value for each in coordinate.tolist()])


def point_circuit(
    name: str, simulator: Simulator | None, plan: Plan, design: BoundDesign, index: int
) -> Circuit:
    """Give the circuit of a point, with its values and what its deck draws itself.

    Raises
    ------
    CampaignError
        The run `name` simulates no circuit.
    """
    if isinstance(simulator, CircuitSimulator):
        circuit = simulator.circuit
    elif plan.simulator.get("kind") == "circuit":
        # Opened from a store, with measures that are Python functions still to be handed over.
        circuit = Circuit.restore(plan.simulator["circuit"], plan.inputs)
    else:
        raise CampaignError(f"{name} does not simulate a circuit.")
    values = {key: v[0].item() for key, v in design.draw(index, index + 1).items()}
    circuit = circuit.with_values(values)
    if circuit.random:
        # The numbers that the deck draws itself belong to the point too.
        circuit = seeded(circuit, engine_seed(design.seeds(index, index + 1)[0]))
    return circuit
