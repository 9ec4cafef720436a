"""Normal, log-normal, uniform and triangular distributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import suggests_arguments
from spicelab_nb.sampling.distribution import Distribution
from spicelab_nb.sampling.elementary import exp, log, ndtr, ndtri

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spicelab_nb.sampling.design import Value

__all__ = ["LogNormal", "Normal", "Triangular", "Uniform"]


@suggests_arguments
@dataclass(frozen=True, repr=False)
class Normal(Distribution):
    """Gaussian around the nominal value, or around `mean`.

    Parameters
    ----------
    mean
        In the parameter's unit; None: the nominal.
    sd
        Standard deviation in the parameter's unit.
    rel
        Standard deviation as a fraction of the magnitude of the mean (0.01: 1 %). Give one of `sd`
        and `rel`.
    """

    mean: float | None = None
    sd: float | None = None
    rel: float | None = None

    def __post_init__(self) -> None:
        self._number("mean")
        self._number("sd", least=0)
        self._number("rel", least=0)
        if (self.sd is None) == (self.rel is None):
            raise self._refuse("give one of sd= (absolute) and rel= (relative)")
        if self.rel is not None and self.mean == 0:
            raise self._refuse("rel= is relative to the mean, which is 0: give sd= instead")

    @property
    def uses_nominal(self) -> bool:
        """Whether no mean is given."""
        return self.mean is None

    @property
    def scales(self) -> bool:
        """Whether `rel` is given."""
        return self.rel is not None

    def _moments(self, anchor: NDArray[np.float64]) -> tuple[NDArray[np.float64], Any]:
        mean = anchor if self.mean is None else np.float64(self.mean)
        return mean, np.abs(mean) * self.rel if self.rel is not None else self.sd  # type: ignore[return-value]

    def _ppf(self, u: NDArray[np.float64], anchor: NDArray[np.float64]) -> NDArray[Any]:
        mean, sd = self._moments(anchor)
        return np.asarray(mean + sd * ndtri(u))

    def _cdf(self, x: NDArray[np.float64], anchor: NDArray[np.float64]) -> NDArray[np.float64]:
        mean, sd = self._moments(anchor)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(sd == 0, x >= mean, ndtr((x - mean) / sd)))


@suggests_arguments
@dataclass(frozen=True, repr=False)
class LogNormal(Distribution):
    """Log-normal: the logarithm of value over median is Gaussian; the sign never changes.

    Parameters
    ----------
    median
        In the parameter's unit, not 0; None: the nominal.
    sigma
        Standard deviation of the natural logarithm.
    rel
        Standard deviation over mean (0.1: 10 %), ``sigma = sqrt(log(1 + rel**2))``. Give one of
        `sigma` and `rel`.
    """

    median: float | None = None
    sigma: float | None = None
    rel: float | None = None

    def __post_init__(self) -> None:
        self._number("median")
        self._number("sigma", least=0)
        self._number("rel", least=0)
        if (self.sigma is None) == (self.rel is None):
            raise self._refuse("give one of sigma= (of the logarithm) and rel= (sd over mean)")
        if self.median == 0:
            raise self._refuse("the median cannot be 0")

    @property
    def uses_nominal(self) -> bool:
        """Whether no median is given."""
        return self.median is None

    @property
    def scales(self) -> bool:
        """Always: a logarithm is relative by nature."""
        return True

    def _shape(self, anchor: NDArray[np.float64]) -> tuple[Any, Any, float]:
        median = anchor if self.median is None else np.float64(self.median)
        if self.sigma is not None:
            return median, np.sign(median), self.sigma
        assert self.rel is not None  # noqa: S101 - one of the two is given
        return median, np.sign(median), float(np.sqrt(log(1.0 + self.rel * self.rel)))

    def _ppf(self, u: NDArray[np.float64], anchor: NDArray[np.float64]) -> NDArray[Any]:
        median, sign, sigma = self._shape(anchor)
        return np.asarray(median * exp(sign * sigma * ndtri(u)))

    def _cdf(self, x: NDArray[np.float64], anchor: NDArray[np.float64]) -> NDArray[np.float64]:
        median, sign, sigma = self._shape(anchor)
        with np.errstate(divide="ignore", invalid="ignore"):
            score = sign * (log(x / median) / sigma)
            return np.asarray(np.where(sigma == 0, x >= median, ndtr(score)))


@suggests_arguments
@dataclass(frozen=True, repr=False)
class Uniform(Distribution):
    """Every value between two limits equally likely.

    Parameters
    ----------
    low, high
        Limits in the parameter's unit; both, or neither.
    rel
        Instead: half the width as a fraction of the nominal's magnitude (0.1: nominal ± 10 %).
    """

    low: float | None = None
    high: float | None = None
    rel: float | None = None

    def __post_init__(self) -> None:
        self._number("low")
        self._number("high")
        self._number("rel", least=0)
        absolute = self.low is not None or self.high is not None
        if absolute == (self.rel is not None) or (self.low is None) != (self.high is None):
            raise self._refuse("give either low= and high= (absolute) or rel= (relative)")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise self._refuse(f"low must be less than high, not {self.low:g} and {self.high:g}")

    @property
    def uses_nominal(self) -> bool:
        """Whether `rel` is given."""
        return self.rel is not None

    @property
    def scales(self) -> bool:
        """Whether `rel` is given."""
        return self.rel is not None

    def _limits(self, anchor: NDArray[np.float64]) -> tuple[Any, Any]:
        if self.rel is None:
            return self.low, self.high
        half = np.abs(anchor) * self.rel
        return anchor - half, anchor + half

    def _ppf(self, u: NDArray[np.float64], anchor: NDArray[np.float64]) -> NDArray[Any]:
        low, high = self._limits(anchor)
        return np.asarray(np.clip(low + (high - low) * u, low, high))

    def _cdf(self, x: NDArray[np.float64], anchor: NDArray[np.float64]) -> NDArray[np.float64]:
        low, high = self._limits(anchor)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside = (x - low) / (high - low)
        return np.where(x >= high, 1.0, np.where(x < low, 0.0, inside))


@suggests_arguments
@dataclass(frozen=True, repr=False)
class Triangular(Distribution):
    """Triangular: most likely at the mode, falling linearly to nothing at two limits.

    Parameters
    ----------
    low, high
        Limits in the parameter's unit; both, or neither.
    mode
        The most likely value, within the limits; None: the nominal.
    rel
        Instead of limits: half the width as a fraction of the mode's magnitude.
    """

    low: float | None = None
    mode: float | None = None
    high: float | None = None
    rel: float | None = None

    def __post_init__(self) -> None:
        self._number("low")
        self._number("mode")
        self._number("high")
        self._number("rel", least=0)
        absolute = self.low is not None or self.high is not None
        if absolute == (self.rel is not None) or (self.low is None) != (self.high is None):
            raise self._refuse("give either low= and high= (absolute) or rel= (relative)")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise self._refuse(f"low must be less than high, not {self.low:g} and {self.high:g}")
        if self.rel is not None and self.mode == 0:
            raise self._refuse("rel= is relative to the mode, which is 0: give low= and high=")
        if self.mode is not None:
            self._within(np.float64(self.mode), "mode")

    @property
    def uses_nominal(self) -> bool:
        """Whether no mode is given."""
        return self.mode is None

    @property
    def scales(self) -> bool:
        """Whether `rel` is given."""
        return self.rel is not None

    def _within(self, mode: Any, what: str) -> None:
        if self.low is None or self.high is None:
            return
        if (mode < self.low).any() or (mode > self.high).any():
            raise self._refuse(
                f"the {what} must lie between low={self.low:g} and high={self.high:g}, not {mode}"
            )

    def _anchor(self, nominal: Value | NDArray[Any] | None) -> NDArray[np.float64]:
        anchor = super()._anchor(nominal)
        if self.mode is None:
            self._within(anchor, "nominal value")
        return anchor

    def _corners(self, anchor: NDArray[np.float64]) -> tuple[Any, Any, Any]:
        mode = anchor if self.mode is None else np.float64(self.mode)
        if self.rel is None:
            return self.low, mode, self.high
        half = np.abs(mode) * self.rel
        return mode - half, mode, mode + half

    def _ppf(self, u: NDArray[np.float64], anchor: NDArray[np.float64]) -> NDArray[Any]:
        low, mode, high = self._corners(anchor)
        width = high - low
        rising = low + np.sqrt(u * width * (mode - low))
        falling = high - np.sqrt((1.0 - u) * width * (high - mode))
        return np.asarray(np.clip(np.where(u * width < mode - low, rising, falling), low, high))

    def _cdf(self, x: NDArray[np.float64], anchor: NDArray[np.float64]) -> NDArray[np.float64]:
        low, mode, high = self._corners(anchor)
        width = high - low
        with np.errstate(divide="ignore", invalid="ignore"):
            rising = (x - low) ** 2 / (width * (mode - low))
            falling = 1.0 - (high - x) ** 2 / (width * (high - mode))
        inside = np.where(x < mode, rising, falling)
        return np.where(x >= high, 1.0, np.where(x < low, 0.0, inside))
