"""Part of a dataset, chosen by the values of its dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import MeasureError, nearest
from spicelab_nb.results.quantities import quantity

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

__all__ = ["column_of", "dimension_of", "place", "point_text", "select", "swept_dimensions"]

_LISTED = 6


def swept_dimensions(dataset: xr.Dataset) -> list[str]:
    """Dimensions of the design other than ``sample``, in the dataset's order."""
    return [str(d) for d in dataset["status"].dims if d != "sample"]


def column_of(dataset: xr.Dataset, dim: str) -> xr.DataArray:
    """Give what a dimension stands for: its parameter's values, or its own coordinate.

    Where several parameters are swept together the dimension only counts; the first of them
    stands for it.
    """
    own: xr.DataArray = dataset[dim]
    if own.attrs.get("role") == "parameter":
        return own
    for c in dataset.coords.values():
        if c.dims == (dim,) and c.attrs.get("role") == "parameter" and dim.startswith(str(c.name)):
            return dataset[str(c.name)]
    return own


def dimension_of(dataset: xr.Dataset, name: str) -> str:
    """Find the dimension that a name stands for: itself, or that of a parameter swept along it.

    Raises
    ------
    MeasureError
        There is none.
    """
    dims = [str(d) for d in dataset["status"].dims]
    if name in dims:
        return name
    if name in dataset.coords and len(dataset[name].dims) == 1:
        return str(dataset[name].dims[0])
    raise MeasureError(
        f"There is no dimension {name!r} here, but {', '.join(dims)}.{nearest(name, dims)}"
    )


def place(dataset: xr.Dataset, name: str, value: Any) -> int:
    """Find where a value lies along a dimension: the nearest number, or that very text.

    Raises
    ------
    MeasureError
        There is no such dimension, or no value like it.
    """
    dim = dimension_of(dataset, name)
    values = np.asarray(dataset[name].values if name in dataset.coords else dataset[dim].values)
    if values.dtype.kind not in "iuf":
        found = np.flatnonzero(values.astype(str) == str(value))
        if len(found):
            return int(found[0])
    elif isinstance(value, int | float | np.number):
        low, high = float(values.min()), float(values.max())
        # Grids are made by geomspace and the like: nobody types 3.1622776601683795e-12.
        slack = 1e-6 * max(abs(low), abs(high))
        if low - slack <= value <= high + slack:
            return int(np.argmin(np.abs(values.astype(np.float64) - float(value))))
    shown = ", ".join(str(v) for v in values[:_LISTED].tolist())
    more = f" and {len(values) - _LISTED} more" if len(values) > _LISTED else ""
    raise MeasureError(f"{name} is {shown}{more}; there is no {value!r}.")


def select(dataset: xr.Dataset, at: Mapping[str, Any]) -> xr.Dataset:
    """Fix dimensions at values, ``{"corner": "ss", "CC": 2e-12}``; the nearest of a grid.

    Raises
    ------
    MeasureError
        There is no such dimension, or no value like it.
    """
    for name, value in at.items():
        dim = dimension_of(dataset, name)
        dataset = dataset.isel({dim: place(dataset, name, value)})
    return dataset


def point_text(dataset: xr.Dataset, names: list[str]) -> str:
    """Write where a selection lies: ``"CC = 2 pF, corner = ss"``.

    Parameters
    ----------
    dataset
        In which `names` are scalar coordinates.
    """
    parts = []
    for name in names:
        c = dataset[name]
        value = c.item()
        unit = str(c.attrs.get("units", ""))
        shown = quantity(float(value), unit) if c.dtype.kind in "iuf" else str(value)
        parts.append(f"{name} = {shown}")
    return ", ".join(parts)
