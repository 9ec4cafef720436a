"""Values of a dataset as flat columns: what figures and reports draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spicelab_nb.engines.engine import Status
from spicelab_nb.results.spec import specs_of

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

__all__ = [
    "corner_values",
    "correlations",
    "most_correlated",
    "parameters_of",
    "passing",
    "point_values",
]


def parameters_of(dataset: xr.Dataset) -> list[str]:
    """Names of the numeric parameters, in the dataset's order."""
    return [
        str(name)
        for name, c in dataset.coords.items()
        if c.attrs.get("role") == "parameter" and c.dtype.kind in "fiu" and c.ndim > 0
    ]


def point_values(dataset: xr.Dataset, *names: str) -> list[NDArray[np.float64]]:
    """Give variables over all points that are ok and where all of them are finite.

    Returns
    -------
    list of ndarray
        ``(m,)`` float64 for each name, in the same order of points.
    """
    status = dataset["status"]
    columns = [
        np.asarray(dataset[n].broadcast_like(status).transpose(*status.dims).values, dtype=float)
        for n in names
    ]
    good = status.values.ravel() == int(Status.OK)
    flat = [c.ravel() for c in columns]
    for column in flat:
        good &= np.isfinite(column)
    return [column[good] for column in flat]


def corner_values(dataset: xr.Dataset, measure: str) -> dict[str, NDArray[np.float64]]:
    """Give a measure's values where they are ok, by corner; one entry ``""`` without corners."""
    variable, status = dataset[measure], dataset["status"]
    if "corner" not in status.dims:
        groups = {"": (variable, status)}
    else:
        groups = {
            str(c): (variable.isel(corner=k), status.isel(corner=k))
            for k, c in enumerate(dataset["corner"].values)
        }
    return {
        name: v.transpose(*s.dims).values[s.values == int(Status.OK)].ravel().astype(np.float64)
        for name, (v, s) in groups.items()
    }


def passing(dataset: xr.Dataset) -> NDArray[np.bool_]:
    """Say of each point, in C order of ``status``, whether it is ok and keeps every spec."""
    status = dataset["status"]
    good = np.asarray(status.values.ravel() == int(Status.OK))
    for name, spec in specs_of(dataset).items():
        values = dataset[name].broadcast_like(status).transpose(*status.dims).values
        good &= spec.passes(values.ravel())
    return good


def correlations(dataset: xr.Dataset, measure: str) -> dict[str, float]:
    """Spearman's rank correlation of a measure with each numeric parameter.

    Returns
    -------
    dict
        Parameters with fewer than 8 points, or that do not vary, are not in it.
    """
    found = {}
    for name in parameters_of(dataset):
        x, y = point_values(dataset, name, measure)
        if len(x) >= 8 and np.ptp(x) > 0 and np.ptp(y) > 0:
            found[name] = float(np.corrcoef(_ranks(x), _ranks(y))[0, 1])
    return found


def most_correlated(dataset: xr.Dataset, measure: str) -> tuple[str, float] | None:
    """Find the parameter that a measure follows most, by Spearman's rank correlation.

    Returns
    -------
    tuple or None
        Its name and the correlation; None where there is none to speak of (fewer than 8 points,
        nothing varies).
    """
    return max(correlations(dataset, measure).items(), key=lambda kv: abs(kv[1]), default=None)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 0, equal values sharing their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - 0.5 * (counts + 1))[inverse])
