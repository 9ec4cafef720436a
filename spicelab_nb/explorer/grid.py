"""A measure of a sweep over one or two of its dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.engines.engine import Status
from spicelab_nb.errors import MeasureError, nearest
from spicelab_nb.explorer.selection import (
    column_of,
    dimension_of,
    point_text,
    select,
    swept_dimensions,
)
from spicelab_nb.explorer.titles import lost_samples

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import xarray as xr
    from numpy.typing import ArrayLike, NDArray

    from spicelab_nb.results.spec import Spec

__all__ = ["Grid", "grid", "is_logarithmic"]

_STATISTICS: dict[str, Callable[[NDArray[np.float64]], float]] = {
    "median": lambda v: float(np.median(v)),
    "mean": lambda v: float(np.mean(v)),
    "sd": lambda v: float(np.std(v, ddof=1)) if len(v) > 1 else float("nan"),
    "min": lambda v: float(np.min(v)),
    "max": lambda v: float(np.max(v)),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """A measure over one or two dimensions, in ascending order of them.

    Parameters
    ----------
    columns
        What is swept along each: ``(a,)``, ``(b,)``.
    values
        ``(a,)`` or ``(a, b)`` float64; NaN where nothing is ok.
    label, unit
        Of `values`.
    where
        Where the other dimensions stay.
    lost
        How many points failed.
    """

    columns: tuple[xr.DataArray, ...]
    values: NDArray[np.float64]
    label: str
    unit: str
    where: str
    lost: str


def grid(
    dataset: xr.Dataset,
    measure: str,
    x: str | None = None,
    y: str | None = None,
    *,
    at: Mapping[str, Any] | None = None,
    statistic: str | None = None,
    spec: Spec | None = None,
) -> Grid:
    """Take a measure over the dimensions `x` and `y`; see :func:`spicelab_nb.explorer.surface`.

    Raises
    ------
    MeasureError
        As there.
    """
    fixed = dict(at or {})
    part = select(dataset, fixed)
    sampled = "sample" in part["status"].dims
    known = (*_STATISTICS, "yield")
    if statistic is not None and statistic not in known:
        raise MeasureError(
            f"A statistic is one of {', '.join(known)}, not {statistic!r}."
            f"{nearest(statistic, known)}"
        )
    if statistic is not None and not sampled:
        raise MeasureError(f"There are no samples here to take a {statistic} of: leave it out.")
    if statistic == "yield" and spec is None:
        raise MeasureError(f"There is no spec for {measure}, so it has no yield.")
    columns = _columns(part, x, y)
    dims = [str(c.dims[0]) for c in columns]
    left = [d for d in swept_dimensions(part) if d not in dims and part.sizes[d] > 1]
    if left or (sampled and statistic is None):
        raise MeasureError(_undecided(part, dims, left, sampled and statistic is None))
    part = part.isel({d: 0 for d in swept_dimensions(part) if d not in dims})
    order = [np.argsort(c.values, kind="stable") for c in columns]
    part = part.isel(dict(zip(dims, order, strict=True)))
    values = part[measure].where(part["status"] == int(Status.OK)).transpose(*dims, ...)
    data = np.asarray(values.values, dtype=np.float64)
    data = np.where(np.isfinite(data), data, np.nan)
    attrs = dataset[measure].attrs
    label, unit = str(attrs.get("long_name") or measure), str(attrs.get("units", ""))
    drawn = int(np.isfinite(data).sum())
    lost = lost_samples(part, drawn)
    if not drawn:
        raise MeasureError(f"There is no {measure} to draw yet: no point is ok ({lost}).")
    if statistic is not None:
        ok = (part["status"] == int(Status.OK)).transpose(*dims, ...).values
        data = _reduced(data, ok, statistic, spec)
        label, unit = f"{statistic} of {label}", "%" if statistic == "yield" else unit
    return Grid(
        columns=tuple(c[i] for c, i in zip(columns, order, strict=True)),
        values=data,
        label=label,
        unit=unit,
        where=point_text(part, list(fixed)),
        lost=lost,
    )


def is_logarithmic(values: ArrayLike) -> bool:
    """Say whether ascending values are spaced evenly by ratio over a decade, or more nearly so."""
    v = np.asarray(values, dtype=np.float64)
    if len(v) < 3 or v[0] <= 0 or v[-1] < 10 * v[0]:
        return False
    by_ratio, by_difference = np.diff(np.log(v)), np.diff(v)
    return bool(np.ptp(by_ratio) / by_ratio.mean() < np.ptp(by_difference) / by_difference.mean())


def _columns(part: xr.Dataset, x: str | None, y: str | None) -> list[xr.DataArray]:
    """Choose what to draw over: what is named, then the first numbers swept."""
    columns: list[xr.DataArray] = []
    for name in (x, y):
        if name is None:
            continue
        dim = dimension_of(part, name)
        column = column_of(part, dim) if name == dim else part[name]
        if column.dtype.kind not in "iuf" or dim == "sample":
            raise MeasureError(
                f"{name} is not swept over numbers: choose one of it, {name}={_some(part, dim)!r}."
            )
        columns.append(column)
    taken = {str(c.dims[0]) for c in columns}
    if len(taken) < len(columns):
        raise MeasureError(f"{x} and {y} are one dimension, along which both change together.")
    free = [
        column_of(part, d) for d in swept_dimensions(part) if part.sizes[d] > 1 and d not in taken
    ]
    columns += [c for c in free if c.dtype.kind in "iuf"][: 2 - len(columns)]
    if y is not None and x is None and len(columns) == 2:
        columns.reverse()
    if not columns:
        raise MeasureError(
            "Nothing is swept over numbers here: a surface is of a Sweep. Draw a Monte Carlo with "
            "scatter() or tornado(), corners with corners()."
        )
    return columns


def _some(part: xr.Dataset, dim: str) -> Any:
    return part[dim].values.tolist()[0]


def _undecided(part: xr.Dataset, dims: list[str], left: list[str], sampled: bool) -> str:
    asked = []
    for d in left:
        values = part[d].values.tolist()
        shown = ", ".join(str(v) for v in values[:4]) + (", ..." if len(values) > 4 else "")
        asked.append(f"{d} (one of {shown})")
    hint = f"at={{{left[0]!r}: {_some(part, left[0])!r}}}" if left else ""
    if sampled:
        asked.append("sample (one, or all with statistic=)")
        hint += f"{', ' if hint else ''}statistic='median' or 'yield'"
    return (
        f"Drawn over {' and '.join(dims)}, the surface still depends on {'; '.join(asked)}: "
        f"choose, with {hint}."
    )


def _reduced(
    data: NDArray[np.float64], ok: NDArray[np.bool_], statistic: str, spec: Spec | None
) -> NDArray[np.float64]:
    """Take a statistic over the last axis, the samples."""
    result = np.full(data.shape[:-1], np.nan)
    for index in np.ndindex(result.shape):
        values, known = data[index], ok[index]
        if statistic == "yield":
            if spec is not None and known.any():
                result[index] = 100 * float(np.mean(spec.passes(values[known])))
        elif np.isfinite(values).any():
            result[index] = _STATISTICS[statistic](values[np.isfinite(values)])
    return result
