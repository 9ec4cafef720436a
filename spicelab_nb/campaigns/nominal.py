"""The measures at the nominal values, computed here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import CampaignError, SimulationError
from spicelab_nb.simulators import FunctionSimulator
from spicelab_nb.simulators.simulator import Status

if TYPE_CHECKING:
    import xarray as xr

    from spicelab_nb.simulators.simulator import Simulator

__all__ = ["nominal_measures"]


def nominal_measures(name: str, simulator: Simulator) -> xr.Dataset:
    """Simulate the nominal point.

    Parameters
    ----------
    name
        Of the run, for errors.
    simulator
        Who computes.

    Returns
    -------
    xarray.Dataset
        The measures, as scalars.

    Raises
    ------
    SimulationError
        It failed.
    CampaignError
        A parameter of a function has no nominal value.
    """
    import xarray as xr

    session = simulator.open()
    try:
        batch = session.run(0, *_nominal_point(simulator))
    finally:
        session.close()
    if batch.status[0] != Status.OK:
        failure = batch.failures[0]
        raise SimulationError(f"The nominal point of {name} failed: {failure.reason}", failure.log)
    outputs = simulator.outputs or {}
    variables = {}
    for measure, values in batch.measures.items():
        output = outputs.get(measure)
        unit = output.unit if output is not None and output.unit else batch.units.get(measure, "")
        attrs = {"units": unit, "long_name": (output.long_name if output else "") or measure}
        variables[measure] = xr.Variable((), values[0], attrs)
    return xr.Dataset(variables)


def _nominal_point(simulator: Simulator) -> tuple[dict[str, Any], Any]:
    """Values and seeds for a batch of the nominal point alone."""
    values: dict[str, Any] = {}
    if isinstance(simulator, FunctionSimulator):
        space = simulator.space
        for name in space.names:
            value = space.nominal(name)
            if value is None:
                raise CampaignError(
                    f"The parameter {name!r} has no nominal value: give it a default in the "
                    "function's signature."
                )
            values[name] = np.array([value])
    return values, np.zeros(1, np.uint64)
