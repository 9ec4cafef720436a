"""Distributions with their tails cut off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import SamplingError, suggests_arguments
from spicelab_nb.sampling.continuous import LogNormal, Normal, Triangular, Uniform
from spicelab_nb.sampling.distribution import Distribution
from spicelab_nb.sampling.elementary import ndtr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spicelab_nb.sampling.design import Value

__all__ = ["Truncated"]

_EDGE = 2.0**-53  # the uniform nearest to 0
_LEAST_MASS = 1e-9  # below it too few distinct uniforms are left between the limits


@suggests_arguments
@dataclass(frozen=True, repr=False)
class Truncated(Distribution):
    """A distribution with its tails cut off and what remains scaled up.

    Parameters
    ----------
    dist
        Normal, LogNormal, Uniform or Triangular.
    low, high
        Limits in the parameter's unit; either or both.
    sigma
        Instead: keep what a Gaussian has within this many standard deviations; for a Normal that
        is mean ± sigma * sd, for a LogNormal the same of its logarithm.
    rel
        Instead: nominal ± this fraction of its magnitude, as parts are sorted into tolerances.
    """

    dist: Distribution
    low: float | None = None
    high: float | None = None
    sigma: float | None = None
    rel: float | None = None

    _shown = ("dist",)

    def __post_init__(self) -> None:
        if not isinstance(self.dist, (Normal, LogNormal, Uniform, Triangular)):
            raise self._refuse(
                f"takes a Normal, LogNormal, Uniform or Triangular, not {self.dist!r}"
            )
        for field in ("low", "high"):
            self._number(field)
        for field in ("sigma", "rel"):
            self._number(field, least=0)
        absolute = self.low is not None or self.high is not None
        if absolute + (self.sigma is not None) + (self.rel is not None) != 1:
            raise self._refuse("give one kind of limit: low= and/or high=, or sigma=, or rel=")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise self._refuse(f"low must be less than high, not {self.low:g} and {self.high:g}")
        if 0 in (self.sigma, self.rel):
            raise self._refuse("sigma and rel must be more than 0")
        if not self.uses_nominal:
            self.check()

    @property
    def uses_nominal(self) -> bool:
        """Whether the distribution inside, or `rel`, does."""
        return self.dist.uses_nominal or self.rel is not None

    @property
    def scales(self) -> bool:
        """Whether the distribution inside, or `rel`, does."""
        return (self.dist.scales and self.dist.uses_nominal) or self.rel is not None

    def _limits(self, anchor: NDArray[np.float64]) -> tuple[Any, Any]:
        if self.rel is None:
            return self.low, self.high
        half = np.abs(anchor) * self.rel
        return anchor - half, anchor + half

    def _mass(self, anchor: NDArray[np.float64]) -> tuple[Any, Any]:
        """Cumulative probability of the distribution inside at the two limits."""
        if self.sigma is not None:
            return ndtr(-self.sigma), ndtr(self.sigma)
        low, high = self._limits(anchor)
        below = 0.0 if low is None else self.dist._cdf(np.asarray(low), anchor)
        upto = 1.0 if high is None else self.dist._cdf(np.asarray(high), anchor)
        return below, upto

    def _anchor(self, nominal: Value | NDArray[Any] | None) -> NDArray[np.float64]:
        anchor = super()._anchor(nominal)
        if self.dist.uses_nominal:
            self.dist._anchor(nominal)
        below, upto = self._mass(anchor)
        if np.any(np.subtract(upto, below) < _LEAST_MASS):
            where = f" around {nominal!r}" if self.uses_nominal else ""
            raise SamplingError(
                f"{self!r} leaves less than {_LEAST_MASS:g} of the distribution{where}: "
                "move the limits"
            )
        return anchor

    def _ppf(self, u: NDArray[np.float64], anchor: NDArray[np.float64]) -> NDArray[Any]:
        below, upto = self._mass(anchor)
        inner = np.clip(below + (upto - below) * u, _EDGE, 1.0 - _EDGE)
        low, high = self._limits(anchor)
        values = self.dist._ppf(inner, anchor)
        return values if low is None and high is None else np.clip(values, low, high)

    def _cdf(self, x: NDArray[np.float64], anchor: NDArray[np.float64]) -> NDArray[np.float64]:
        below, upto = self._mass(anchor)
        inside = (self.dist._cdf(x, anchor) - below) / (upto - below)
        return np.asarray(np.clip(inside, 0.0, 1.0))
