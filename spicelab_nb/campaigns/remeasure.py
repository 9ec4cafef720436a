"""Further measures from kept waveforms, without simulating."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.circuits import Circuit
from spicelab_nb.circuits.measures import Measure, SignalMeasure, as_measures
from spicelab_nb.circuits.measures.python import Function
from spicelab_nb.errors import CampaignError, MeasureError, nearest
from spicelab_nb.simulators.simulator import Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from numpy.typing import NDArray

    from spicelab_nb.campaigns.run import Run

__all__ = ["remeasure"]

BLOCK_POINTS = 1024
BLOCK_BYTES = 32 * 2**20
"""Points, and bytes of their waveforms, that are in memory at once."""


def remeasure(run: Run, measures: Mapping[str, Any]) -> xr.Dataset:
    """Compute measures from a run's kept waveforms, block by block; see ``Run.measure``."""
    import xarray as xr

    if run.plan.simulator.get("kind") != "circuit":
        raise CampaignError("Only the waveforms of a circuit can be measured again.")
    circuit = Circuit.restore(run.plan.simulator["circuit"], run.plan.inputs)
    kept = run.waveforms
    dims = [d.name for d in run.design.dimensions]
    shape = [len(d) for d in run.design.dimensions]
    resolved = {k: m.resolve(circuit.analyses) for k, m in as_measures(measures).items()}
    needed = _needed(resolved, kept, dims)
    dataset = run.dataset
    ok = dataset["status"].transpose(*dims).values.reshape(-1) == Status.OK
    values = {name: np.full(run.design.size, np.nan) for name in resolved}
    block = _block(needed, dims)
    for first in range(0, run.design.size, block):
        points = first + np.flatnonzero(ok[first : first + block])
        if not len(points):
            continue
        places = np.unravel_index(points, shape)
        where = {d: xr.DataArray(p, dims="_point") for d, p in zip(dims, places, strict=True)}
        rows = {
            analysis: signals.isel(where).transpose("_point", ...).load()
            for analysis, signals in needed.items()
        }
        for name, measure in resolved.items():
            values[name][points] = _evaluate(measure, rows, len(points))
    return xr.Dataset(
        {
            name: (
                dims,
                values[name].reshape(shape),
                {"units": measure.unit, "long_name": measure.long_name},
            )
            for name, measure in resolved.items()
        },
        coords=dataset.coords,
    )


def _needed(
    measures: Mapping[str, Measure], kept: Mapping[str, xr.Dataset], dims: Sequence[str]
) -> dict[str, xr.Dataset]:
    """The signals that the measures look at, still unread; refuse what was not kept."""
    if any(isinstance(measure, Function) for measure in measures.values()):
        wanted = {analysis: set(dataset.data_vars) for analysis, dataset in kept.items()}
    else:
        wanted = {}
    for name, measure in measures.items():
        if isinstance(measure, Function):
            continue
        if not isinstance(measure, SignalMeasure):
            raise MeasureError(f"The measure {name!r} is computed by the engine: simulate again.")
        analysis = str(measure.analysis)
        there = kept.get(analysis)
        for signal in measure.signals:
            if there is None or signal not in there:
                known = [] if there is None else [str(v) for v in there.data_vars]
                raise MeasureError(
                    f"The measure {name!r} needs the waveform {signal!r} of {measure.analysis!r}, "
                    f"which was not kept.{nearest(signal, known)}"
                )
        assert there is not None  # noqa: S101 - every SignalMeasure names a signal
        axes = [d for d in there[measure.signals[0]].dims if d not in dims]
        if len(axes) > 1:
            raise MeasureError(f"The measure {name!r} is taken along one axis, not {axes}.")
        wanted.setdefault(analysis, set()).update(measure.signals)
    return {
        analysis: kept[analysis][[v for v in kept[analysis].data_vars if v in signals]]
        for analysis, signals in wanted.items()
    }


def _block(needed: Mapping[str, xr.Dataset], dims: Sequence[str]) -> int:
    """How many points are read at once."""
    each = sum(
        variable.dtype.itemsize
        * math.prod(n for d, n in zip(variable.dims, variable.shape, strict=True) if d not in dims)
        for dataset in needed.values()
        for variable in dataset.data_vars.values()
    )
    return max(1, min(BLOCK_POINTS, BLOCK_BYTES // max(1, each)))


def _evaluate(measure: Measure, rows: Mapping[str, xr.Dataset], n: int) -> NDArray[np.float64]:
    if isinstance(measure, Function):
        return np.array(
            [measure.of_mapping({a: d.isel(_point=i) for a, d in rows.items()}) for i in range(n)]
        )
    assert isinstance(measure, SignalMeasure)  # noqa: S101 - others were refused
    there = rows[str(measure.analysis)]
    axes = [d for d in there[measure.signals[0]].dims if d != "_point"]
    axis = there[axes[0]].values if axes else np.empty(0)
    found: NDArray[np.float64] = measure.evaluate(
        axis, *(there[s].values.reshape(n, -1) for s in measure.signals)
    )
    return found
