"""Distributions given by their values: discrete ones, and measured data."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import suggests_arguments
from spicelab_nb.sampling.distribution import Distribution, as_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Discrete", "Empirical"]


@suggests_arguments
@dataclass(frozen=True, repr=False)
class Discrete(Distribution):
    """One of a few values, or of a few sections of a ``.lib``.

    Parameters
    ----------
    values
        Numbers in the parameter's unit, or text.
    weights
        How likely each is; they need not sum to 1. None: all the same.
    relative
        The values are fractions of the nominal: -0.05 means the nominal less 5 %.
    """

    values: Sequence[float] | Sequence[str]
    weights: Sequence[float] | None = None
    relative: bool = False

    _shown = ("values",)

    def __post_init__(self) -> None:
        values = self._listed("values", self.values)
        if not values:
            raise self._refuse("needs at least one value")
        if all(isinstance(v, str) for v in values):
            if self.relative:
                raise self._refuse("text cannot be relative to the nominal value")
            values = tuple(str(v) for v in values)
        else:
            values = tuple(as_number(v, "Discrete: each value") for v in values)
        self._set("values", values)
        if self.weights is not None:
            given = self._listed("weights", self.weights)
            weights = tuple(as_number(w, "Discrete: each weight") for w in given)
            if len(weights) != len(values):
                raise self._refuse(f"has {len(values)} values and {len(weights)} weights")
            if min(weights) < 0 or sum(weights) <= 0:
                raise self._refuse("weights must be 0 or more, and one of them more than 0")
            self._set("weights", weights)

    def _listed(self, what: str, given: Any) -> tuple[Any, ...]:
        if isinstance(given, (str, bytes, dict)) or not hasattr(given, "__iter__"):
            raise self._refuse(f"{what} must be a list, not {given!r}")
        return tuple(np.asarray(given).tolist() if hasattr(given, "__array__") else given)

    @property
    def uses_nominal(self) -> bool:
        """Whether the values are relative."""
        return self.relative

    @property
    def scales(self) -> bool:
        """Whether the values are relative."""
        return self.relative

    @property
    def text(self) -> bool:
        """Whether the values are text."""
        return isinstance(self.values[0], str)

    @cached_property
    def _table(self) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Values that can occur, numbers ascending, and the cumulative weight of each."""
        weights = self.weights or (1.0,) * len(self.values)
        pairs: list[tuple[Any, float]] = [
            (v, w) for v, w in zip(self.values, weights, strict=True) if w > 0
        ]
        if not self.text:
            pairs.sort(key=lambda pair: pair[0])
        # summed one by one: NumPy's pairwise sum depends on the length of its blocks
        total = list(itertools.accumulate(w for _, w in pairs))
        return np.array([v for v, _ in pairs]), np.array(total) / total[-1]

    def _ppf(self, u: NDArray[np.float64], anchor: NDArray[np.float64]) -> NDArray[Any]:
        values, cumulative = self._table
        drawn = values[np.searchsorted(cumulative, u, side="right").clip(max=len(values) - 1)]
        return np.asarray(anchor + np.abs(anchor) * drawn if self.relative else drawn)

    def _cdf(self, x: NDArray[np.float64], anchor: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.text:
            raise self._refuse("text has no order, so no cumulative distribution")
        values, cumulative = self._table
        if self.relative:
            x = (x - anchor) / np.abs(anchor)
        below = np.searchsorted(values, x, side="right")
        return np.concatenate(([0.0], cumulative))[below]


@suggests_arguments
@dataclass(frozen=True, repr=False)
class Empirical(Distribution):
    """Draws from measured data, each as likely as it was there (resampling).

    Parameters
    ----------
    data
        Measured values, one-dimensional, in the parameter's unit.
    relative
        The data are deviations as fractions of the nominal: 0.01 means 1 % above it.
    """

    data: Sequence[float]
    relative: bool = False

    def __post_init__(self) -> None:
        try:
            data = np.asarray(self.data)
        except (TypeError, ValueError):
            raise self._refuse(f"data must be a list of numbers, not {self.data!r}") from None
        if data.ndim != 1 or data.dtype.kind not in "iuf" or not data.size:
            raise self._refuse("data must be a list of numbers, one dimension, not empty")
        data = data.astype(np.float64)
        if not np.isfinite(data).all():
            raise self._refuse(
                f"{np.count_nonzero(~np.isfinite(data))} of {data.size} data are not finite: "
                "take them out first"
            )
        self._set("data", tuple(np.sort(data).tolist()))

    @property
    def uses_nominal(self) -> bool:
        """Whether the data are relative."""
        return self.relative

    @property
    def scales(self) -> bool:
        """Whether the data are relative."""
        return self.relative

    def __repr__(self) -> str:
        relative = ", relative=True" if self.relative else ""
        span = f"{self.data[0]:.6g} to {self.data[-1]:.6g}"
        return f"Empirical({len(self.data)} values, {span}{relative})"

    @cached_property
    def _sorted(self) -> NDArray[np.float64]:
        return np.array(self.data)

    def _ppf(self, u: NDArray[np.float64], anchor: NDArray[np.float64]) -> NDArray[Any]:
        drawn = self._sorted[(u * len(self.data)).astype(np.intp).clip(max=len(self.data) - 1)]
        return np.asarray(anchor + np.abs(anchor) * drawn if self.relative else drawn)

    def _cdf(self, x: NDArray[np.float64], anchor: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.relative:
            x = (x - anchor) / np.abs(anchor)
        return np.searchsorted(self._sorted, x, side="right") / float(len(self.data))
