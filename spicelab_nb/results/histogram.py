"""One binning of histograms, for the report, the live view and the figures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["FillingHistogram", "Histogram", "bin_edges", "histogram"]

_LEAST, _MOST = 8, 60
# Beyond this differences overflow; such values are counted as below or above.
_HUGE = 1e300
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Histogram:
    """How many values lie in each bin.

    Parameters
    ----------
    edges
        ``(b + 1,)`` float64, equally far apart; a bin holds its lower edge, the last one both.
    counts
        ``(b,)`` int64.
    below, above
        Values outside the edges.
    n_nan
        Values that are NaN: the measure does not exist there.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    below: int = 0
    above: int = 0
    n_nan: int = 0

    @property
    def total(self) -> int:
        """All values, NaN included."""
        return int(self.counts.sum()) + self.below + self.above + self.n_nan

    def add(self, values: ArrayLike) -> Self:
        """Give the same bins with further values counted."""
        v = np.asarray(values, dtype=np.float64).ravel()
        nan = np.isnan(v)
        v = v[~nan]
        counts, _ = np.histogram(v, self.edges)
        return type(self)(
            edges=self.edges,
            counts=self.counts + counts,
            below=self.below + int(np.count_nonzero(v < self.edges[0])),
            above=self.above + int(np.count_nonzero(v > self.edges[-1])),
            n_nan=self.n_nan + int(np.count_nonzero(nan)),
        )


def histogram(
    values: ArrayLike, *, low: float | None = None, high: float | None = None
) -> Histogram:
    """Count values in bins chosen for them; see :func:`bin_edges`."""
    edges = bin_edges(values, low=low, high=high)
    empty = Histogram(edges=edges, counts=np.zeros(len(edges) - 1, dtype=np.int64))
    return empty.add(values)


def bin_edges(
    values: ArrayLike, *, low: float | None = None, high: float | None = None
) -> NDArray[np.float64]:
    """Choose equal bins: a round width, the same for the same values in any order.

    Parameters
    ----------
    values
        Any shape; what is not finite is left out.
    low, high
        Spec limits. An edge falls on a limit, so that no bin holds both good and bad values: with
        two limits their distance is a whole number of widths, else the width is round. A limit
        that is not further from the values than they spread is within the range shown.

    Returns
    -------
    ndarray
        ``(b + 1,)``, 8 to 60 bins for the values. Values further than three interquartile ranges
        from the quartiles do not stretch the range; they are counted as below or above.

    References
    ----------
    D. Freedman and P. Diaconis, On the histogram as a density estimator: L2 theory (1981), for
    the width.
    """
    v = np.asarray(values, dtype=np.float64).ravel()
    v = np.sort(v[np.abs(v) < _HUGE])
    limits = sorted(x for x in (low, high) if x is not None and abs(x) < _HUGE)
    if not len(v):
        v = np.array(limits or [0.0])
    first, last = float(v[0]), float(v[-1])
    q1, q3 = (float(q) for q in np.quantile(v, (0.25, 0.75)))
    if q3 > q1:
        first, last = max(first, q1 - 3 * (q3 - q1)), min(last, q3 + 3 * (q3 - q1))
    spread = last - first
    tiny = max(1e-9 * max(abs(first), abs(last)), 1 / _HUGE)
    if spread <= tiny:
        half = 0.05 * abs(first) if abs(first) > 1 / _HUGE else 0.5
        first, last = first - half, last + half
        spread = last - first
    width = 2 * (q3 - q1) / len(v) ** (1 / 3)
    width = min(max(width, spread / (0.6 * _MOST)), spread / _LEAST)
    for limit in limits:
        if first - spread <= limit <= last + spread:
            first, last = min(first, limit), max(last, limit)
    step, anchor = _nice(width), 0.0
    if len(limits) == 2 and limits[1] > limits[0]:
        step = (limits[1] - limits[0]) / max(1, round((limits[1] - limits[0]) / width))
        # Limits closer together than a bin, or too far apart to count bins between them.
        if not 0.4 * width < step < 2.5 * width:
            step = _nice(width)
        anchor = limits[0]
    elif limits:
        anchor = limits[0]
    if abs(anchor - first) > 1e6 * step:
        anchor = math.floor(first / step) * step
    # A value on the last edge by rounding belongs to the bin below it.
    begin = math.floor((first - anchor) / step + 1e-9)
    end = max(math.ceil((last - anchor) / step - 1e-9), begin + 1)
    edges = anchor + step * np.arange(begin, end + 1)
    for limit in limits:
        edges[np.abs(edges - limit) < 1e-6 * step] = limit
    edges[0], edges[-1] = min(edges[0], first), max(edges[-1], last)
    return np.asarray(edges, dtype=np.float64)


def _nice(width: float) -> float:
    """Round a width to 1, 2, 2.5 or 5 times a power of ten, the nearest by ratio."""
    scale = 10.0 ** math.floor(math.log10(width))
    return min((n * scale for n in _NICE), key=lambda w: abs(math.log(w / width)))


class FillingHistogram:
    """A histogram of values that arrive bit by bit.

    Bins are chosen anew each time that the number of values has doubled, so that they settle, and
    between two choices new values are only counted. Not for use from several threads at once.

    Parameters
    ----------
    low, high
        Spec limits, as for :func:`bin_edges`.
    """

    def __init__(self, *, low: float | None = None, high: float | None = None) -> None:
        self._low, self._high = low, high
        self._values: list[NDArray[np.float64]] = []
        self._size = 0
        self._chosen_at = 0
        self._histogram: Histogram | None = None

    def add(self, values: ArrayLike) -> None:
        """Count further values."""
        v = np.asarray(values, dtype=np.float64).ravel()
        if not len(v):
            return
        self._values.append(v.copy())
        self._size += len(v)
        if self._histogram is None or self._size >= 2 * self._chosen_at:
            self.settle()
        else:
            self._histogram = self._histogram.add(v)

    def settle(self) -> None:
        """Choose the bins for all values so far: what :func:`histogram` gives for them."""
        if self._values:
            self._values = [np.concatenate(self._values)]
            self._histogram = histogram(self._values[0], low=self._low, high=self._high)
            self._chosen_at = self._size

    @property
    def histogram(self) -> Histogram | None:
        """The counts so far; None before the first value."""
        return self._histogram
