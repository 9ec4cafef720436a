"""A run's points as flat columns: what the linked views draw and select from."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.engines.engine import Status
from spicelab_nb.explorer.points import parameters_of, passing
from spicelab_nb.explorer.titles import lost_samples
from spicelab_nb.results.spec import Spec, specs_of
from spicelab_nb.results.statistics import measures_of

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["Columns", "telling_digits"]


def telling_digits(values: NDArray[Any]) -> int:
    """The fewest digits, at least 6, that write different numbers differently."""
    if values.dtype.kind != "f":
        return 6
    known = np.unique(values).tolist()
    for digits in range(6, 17):
        if len({f"{v:.{digits}g}" for v in known}) == len(known):
            return digits
    return 17


class Columns:
    """Points of a dataset in the C order of its design.

    Parameters
    ----------
    dataset
        ``run.dataset``.
    """

    def __init__(self, dataset: xr.Dataset) -> None:
        self.dataset = dataset
        status = dataset["status"]
        self.dims = tuple(str(d) for d in status.dims)
        self.shape = status.shape
        self.size = int(status.size)
        self.status: NDArray[np.int8] = status.values.ravel()
        self.ok: NDArray[np.bool_] = np.asarray(self.status == int(Status.OK))
        self.measures = measures_of(dataset)
        self.parameters = parameters_of(dataset)
        self.specs: dict[str, Spec] = specs_of(dataset)
        self._values: dict[str, NDArray[np.float64]] = {}

    @property
    def names(self) -> list[str]:
        """Measures, then numeric parameters."""
        return [*self.measures, *self.parameters]

    def values(self, name: str) -> NDArray[np.float64]:
        """``(size,)`` float64 of a measure or parameter; NaN where the point is not ok."""
        if name not in self._values:
            status = self.dataset["status"]
            found = self.dataset[name].broadcast_like(status).transpose(*status.dims)
            flat = np.array(found.values, dtype=np.float64).ravel()
            flat[~self.ok] = np.nan
            self._values[name] = flat
        return self._values[name]

    def coordinate(self, dim: str, points: NDArray[np.intp]) -> NDArray[Any]:
        """``(k,)``: where points lie along a dimension."""
        place = np.unravel_index(points, self.shape)[self.dims.index(dim)]
        return np.asarray(self.dataset[dim].values[place])

    def label(self, point: int) -> str:
        """Name a point for people: ``"sample 12, corner ss"``."""
        one = np.array([point])
        parts = []
        for dim in self.dims:
            value = self.coordinate(dim, one)[0]
            number = isinstance(value, float | np.floating)
            text = f"{value:.{self._digits[dim]}g}" if number else str(value)
            parts.append(f"{dim} {text}")
        return ", ".join(parts)

    @cached_property
    def _digits(self) -> dict[str, int]:
        return {dim: telling_digits(self.dataset[dim].values) for dim in self.dims}

    @cached_property
    def good(self) -> NDArray[np.bool_]:
        """``(size,)``: ok, and keeps every spec."""
        return passing(self.dataset)

    @cached_property
    def failed(self) -> NDArray[np.bool_]:
        """``(size,)``: failed, timed out or crashed."""
        return np.asarray(~self.ok & (self.status != int(Status.NOT_RUN)))

    @cached_property
    def lost(self) -> str:
        """Say how many failed, also where none did: ``"12 of 10000 failed"``."""
        return lost_samples(self.dataset)

    def strays(self, name: str, points: NDArray[np.intp]) -> NDArray[np.intp]:
        """Order points by how far they are from the median of a measure; without a value last."""
        column = self.values(name)
        known = column[np.isfinite(column)]
        middle = float(np.median(known)) if len(known) else 0.0
        far = np.abs(column[points] - middle)
        return points[np.argsort(-np.nan_to_num(far, nan=-1.0), kind="stable")]
