"""One parameter at a time: what a sweep says of each, the others staying where they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.engines.engine import Status
from spicelab_nb.errors import MeasureError
from spicelab_nb.explorer.selection import (
    column_of,
    dimension_of,
    place,
    point_text,
    swept_dimensions,
)
from spicelab_nb.results.quantities import quantity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["Swing", "swings"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Swing:
    """A measure along each dimension of a sweep through one base point.

    Parameters
    ----------
    names, ranges
        ``p`` dimensions, and the text of their lowest and highest value.
    base, where
        The measure at the base point, and where that lies.
    low, high
        ``(p,)``: the measure at the lowest and highest value; NaN where that point is not ok.
    least, most
        ``(p,)``: its extremes over all values that are ok.
    finite
        Points of the whole design that are ok and have a value.
    """

    names: tuple[str, ...]
    ranges: tuple[str, ...]
    base: float
    where: str
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    least: NDArray[np.float64]
    most: NDArray[np.float64]
    finite: int

    @property
    def order(self) -> NDArray[np.intp]:
        """Places in `names`, the widest swing first."""
        return np.argsort(-(self.most - self.least), kind="stable")


def swings(
    dataset: xr.Dataset,
    measure: str,
    *,
    base: Mapping[str, Any] | None = None,
    names: Sequence[str] | None = None,
) -> Swing:
    """Follow a measure along each swept dimension.

    Parameters
    ----------
    dataset
        A sweep.
    measure
        Its name.
    base
        Where the others stay: by dimension a value of it, the nearest of the grid; by default the
        middle one.
    names
        Dimensions to follow; None: all that are swept over numbers.

    Raises
    ------
    MeasureError
        There is no such dimension or value, nothing is swept over numbers, or the base point is
        not ok.
    """
    dims = swept_dimensions(dataset)
    numeric = [
        d for d in dims if column_of(dataset, d).dtype.kind in "iuf" and dataset.sizes[d] > 1
    ]
    followed = numeric if names is None else [dimension_of(dataset, n) for n in names]
    followed = [d for d in dict.fromkeys(followed) if d in numeric]
    if not followed:
        raise MeasureError(
            "A tornado is made of a Monte Carlo or of a sweep over numbers; here are "
            f"{', '.join(dims)}. corners() compares corners."
        )
    index = {d: dataset.sizes[d] // 2 for d in dims}
    index |= {dimension_of(dataset, n): place(dataset, n, v) for n, v in (base or {}).items()}
    values = dataset[measure].where(dataset["status"] == int(Status.OK)).transpose(*dims)
    values = values.where(np.isfinite(values))
    middle = dataset.isel(index)
    columns = {d: column_of(dataset, d) for d in dims}
    where = point_text(middle, [str(c.name) for c in columns.values()])
    at_base = float(values.isel(index))
    if np.isnan(at_base):
        raise MeasureError(
            f"There is no {measure} at the base point ({where}): choose another with at=."
        )
    ends, extremes, ranges = [], [], []
    for d in followed:
        line = values.isel({k: i for k, i in index.items() if k != d}).values
        order = np.argsort(columns[d].values, kind="stable")
        ends.append((line[order[0]], line[order[-1]]))
        extremes.append((np.nanmin(line), np.nanmax(line)))
        unit = str(columns[d].attrs.get("units", ""))
        low, high = (quantity(float(columns[d].values[k]), unit) for k in (order[0], order[-1]))
        ranges.append(f"{low} to {high}")
    low, high = np.array(ends, dtype=np.float64).T
    least, most = np.array(extremes, dtype=np.float64).T
    return Swing(
        names=tuple(followed),
        ranges=tuple(ranges),
        base=at_base,
        where=where,
        low=low,
        high=high,
        least=least,
        most=most,
        finite=int(np.isfinite(values.values).sum()),
    )
