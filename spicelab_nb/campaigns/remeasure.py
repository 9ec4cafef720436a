"""Further measures from kept waveforms, without simulating."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.circuits import Circuit
from spicelab_nb.circuits.measures import Measure, SignalMeasure, as_measures
from spicelab_nb.circuits.measures.python import Function
from spicelab_nb.errors import CampaignError, MeasureError, nearest
from spicelab_nb.simulators.simulator import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from spicelab_nb.campaigns.run import Run

__all__ = ["remeasure"]

BLOCK = 1024
"""Points whose waveforms are in memory at once."""


def remeasure(run: Run, measures: Mapping[str, Any]) -> xr.Dataset:
    """Compute measures from a run's kept waveforms; see ``Run.measure``."""
    import xarray as xr

    if run.plan.simulator.get("kind") != "circuit":
        raise CampaignError("Only the waveforms of a circuit can be measured again.")
    circuit = Circuit.restore(run.plan.simulator["circuit"], run.plan.inputs)
    kept = run.waveforms
    dimensions = run.design.dimensions
    dims = [d.name for d in dimensions]
    shape = [len(d) for d in dimensions]
    flat = {
        analysis: dataset.stack(_point=dims, create_index=False).transpose("_point", ...)
        for analysis, dataset in kept.items()
    }
    dataset = run.dataset
    ok = dataset["status"].transpose(*dims).values.reshape(-1) == Status.OK
    variables = {}
    for name, given in as_measures(measures).items():
        measure = given.resolve(circuit.analyses)
        values = np.full(run.design.size, np.nan)
        values[ok] = _evaluate(name, measure, flat, np.flatnonzero(ok))
        attrs = {"units": measure.unit, "long_name": measure.long_name}
        variables[name] = (dims, values.reshape(shape), attrs)
    return xr.Dataset(variables, coords=dataset.coords)


def _evaluate(
    name: str, measure: Measure, flat: Mapping[str, xr.Dataset], points: Any
) -> np.ndarray[Any, np.dtype[np.float64]]:
    if isinstance(measure, Function):
        return np.array(
            [
                measure.of_mapping({a: d.isel(_point=int(i)).load() for a, d in flat.items()})
                for i in points
            ]
        )
    if not isinstance(measure, SignalMeasure):
        raise MeasureError(f"The measure {name!r} is computed by the engine: simulate again.")
    there = flat.get(str(measure.analysis))
    for signal in measure.signals:
        if there is None or signal not in there:
            known = [] if there is None else [str(v) for v in there.data_vars]
            raise MeasureError(
                f"The measure {name!r} needs the waveform {signal!r} of {measure.analysis!r}, "
                f"which was not kept.{nearest(signal, known)}"
            )
    assert there is not None  # noqa: S101 - every SignalMeasure names a signal
    axes = [d for d in there[measure.signals[0]].dims if d != "_point"]
    if len(axes) > 1:
        raise MeasureError(f"The measure {name!r} is taken along one axis, not {axes}.")
    axis = there[axes[0]].values if axes else np.empty(0)
    found = np.empty(len(points))
    for first in range(0, len(points), BLOCK):
        block = points[first : first + BLOCK]
        rows = [there[s].isel(_point=block).values.reshape(len(block), -1) for s in measure.signals]
        found[first : first + BLOCK] = measure.evaluate(axis, *rows)
    return found
