"""Where rows of points cross a level, and what lies between two points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "between",
    "first",
    "last",
    "phase_degrees",
    "rising",
    "row_sum",
    "squared",
    "value_at",
    "window",
]


def row_sum(rows: NDArray[Any]) -> NDArray[Any]:
    """Sum each row of ``(n, p)``: pairwise along the contiguous axis, whatever n is."""
    return np.asarray(np.add.reduce(np.ascontiguousarray(rows), axis=1))


def rising(y: NDArray[np.float64], level: NDArray[np.float64] | float) -> NDArray[np.bool_]:
    """Say between which points rows go from below a level to it or above.

    Parameters
    ----------
    y
        ``(n, p)``.
    level
        ``(n,)`` or one number.

    Returns
    -------
    ndarray
        ``(n, p - 1)``; k stands for the step from point k to k + 1. NaN crosses nothing.
    """
    at = np.broadcast_to(np.asarray(level, dtype=np.float64), (len(y),))[:, None]
    result: NDArray[np.bool_] = (y[:, :-1] < at) & (y[:, 1:] >= at)
    return result


def first(steps: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Index of the first true step in each row, -1 where there is none."""
    if steps.shape[1] == 0:
        return np.full(len(steps), -1, dtype=np.intp)
    k = np.argmax(steps, axis=1)
    return np.where(steps[np.arange(len(steps)), k], k, -1)


def last(steps: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Index of the last true step in each row, -1 where there is none."""
    k = first(steps[:, ::-1])
    return np.where(k < 0, -1, steps.shape[1] - 1 - k)


def between(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    step: NDArray[np.intp],
    level: NDArray[np.float64] | float,
    *,
    log: bool = False,
    decibels: bool = False,
) -> NDArray[np.float64]:
    """Interpolate where a step reaches a level.

    Parameters
    ----------
    x, y
        ``(p,)`` and ``(n, p)``.
    step
        ``(n,)``; -1 gives NaN.
    level
        ``(n,)`` or one number, in the unit of `y`.
    log
        A straight line over log x (frequency) instead of x; steps from x <= 0 stay linear.
    decibels
        A straight line in log y (decibels) instead of y; steps from or to y = 0 stay linear.

    Returns
    -------
    ndarray
        ``(n,)``.
    """
    if y.shape[1] < 2:
        return np.full(len(y), np.nan)
    k = np.maximum(step, 0)
    row = np.arange(len(y))
    x0, x1, y0, y1 = x[k], x[k + 1], y[row, k], y[row, k + 1]
    part = (level - y0) / (y1 - y0)
    if decibels:
        part = np.where((y0 > 0) & (y1 > 0), np.log(level / y0) / np.log(y1 / y0), part)
    where = x0 + part * (x1 - x0)
    if log:
        where = np.where(x0 > 0, x0 * np.exp(part * np.log(x1 / x0)), where)
    return np.where(step >= 0, where, np.nan)


def value_at(
    x: NDArray[np.float64],
    y: NDArray[Any],
    at: NDArray[np.float64] | float,
    *,
    log: bool = False,
) -> NDArray[Any]:
    """Interpolate rows at one place, or at one for each row.

    Parameters
    ----------
    x, y
        ``(p,)`` monotonic, and ``(n, p)``.
    at
        ``(n,)`` or one number; outside `x` (by more than 1e-9 of its span) or NaN gives NaN.
    log
        A straight line over log x instead of x.

    Returns
    -------
    ndarray
        ``(n,)``.
    """
    n, p = y.shape
    if p == 0:
        return np.full(n, np.nan)
    if x[-1] < x[0]:
        x, y = np.ascontiguousarray(x[::-1]), np.ascontiguousarray(y[:, ::-1])
    if not log and p > 1 and isinstance(at, int | float):
        return _at_one_place(x, y, float(at))
    place = np.broadcast_to(np.asarray(at, dtype=np.float64), (n,))
    slack = 1e-9 * (x[-1] - x[0])
    inside = (place >= x[0] - slack) & (place <= x[-1] + slack)
    # The parts of np.clip, which takes several times as long over a few numbers.
    place = np.minimum(np.maximum(np.where(inside, place, x[0]), x[0]), x[-1])
    if p == 1:
        return np.where(inside, y[:, 0], np.nan)
    k = np.minimum(np.maximum(np.searchsorted(x, place, side="right") - 1, 0), p - 2)
    x0, x1 = x[k], x[k + 1]
    part = (place - x0) / (x1 - x0)
    if log:
        part = np.where(x0 > 0, np.log(place / x0) / np.log(x1 / x0), part)
    row = np.arange(n)
    y0, y1 = y[row, k], y[row, k + 1]
    # Between two zeros decibels are -inf on either side, whose difference is no number.
    level = np.isinf(y0) & (y0 == y1)
    value = np.where((part == 0) | level, y0, np.where(part == 1, y1, y0 + part * (y1 - y0)))
    return np.where(inside, value, np.nan)


def _at_one_place(x: NDArray[np.float64], y: NDArray[Any], at: float) -> NDArray[Any]:
    """Interpolate all rows at one place: a transient's samples come one by one."""
    low, high = float(x[0]), float(x[-1])
    slack = 1e-9 * (high - low)
    if not low - slack <= at <= high + slack:
        return np.full(len(y), np.nan, dtype=y.dtype)
    place = min(max(at, low), high)
    k = min(max(int(x.searchsorted(place, side="right")) - 1, 0), len(x) - 2)
    x0, x1 = float(x[k]), float(x[k + 1])
    part = float(np.divide(place - x0, x1 - x0))
    y0, y1 = y[:, k], y[:, k + 1]
    if part == 0:
        return np.array(y0)
    if part == 1:
        return np.array(y1)
    return np.asarray(y0 + part * (y1 - y0))


def window(
    x: NDArray[np.float64], y: NDArray[Any], start: float | None, stop: float | None
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Cut rows to ``start <= x <= stop``, with interpolated points at both ends.

    Parameters
    ----------
    x, y
        ``(p,)`` increasing, and ``(n, p)``.
    start, stop
        In the unit of `x`; None: from the first, to the last point.

    Returns
    -------
    tuple of ndarray
        ``(q,)`` and ``(n, q)``; NaN throughout where the window leaves the axis.
    """
    if (start is None and stop is None) or not len(x):
        return x, y
    a = x[0] if start is None else start
    b = x[-1] if stop is None else stop
    inside = (x > a) & (x < b)
    ends = value_at(x, y, a)[:, None], value_at(x, y, b)[:, None]
    rows = np.concatenate([ends[0], y[:, inside], ends[1]], axis=1)
    lost = np.isnan(ends[0]) | np.isnan(ends[1])
    return (
        np.concatenate([[a], x[inside], [b]]),
        np.ascontiguousarray(np.where(lost, np.nan, rows)),
    )


def squared(h: NDArray[Any]) -> NDArray[np.float64]:
    """Squared magnitude of rows: cheaper than the magnitude, and free of hypot's paths."""
    if not np.iscomplexobj(h):
        return np.ascontiguousarray(h * h)
    return np.ascontiguousarray(h.real * h.real + h.imag * h.imag)


def phase_degrees(h: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Phase of rows, unwrapped from the first point on, in degrees.

    The first point's phase is taken in (-180, 180]; from there it changes by less than half a
    turn a point. Turns are counted as integers, so that rounding does not add up.
    """
    # np.arctan2 may take another path for strided input, whose last bit differs.
    imag, real = np.ascontiguousarray(h.imag), np.ascontiguousarray(h.real)
    wrapped = np.arctan2(imag, real) * (180.0 / np.pi)
    turns = np.zeros_like(wrapped)
    np.cumsum(-np.rint(np.diff(wrapped, axis=1) / 360.0), axis=1, out=turns[:, 1:])
    result: NDArray[np.float64] = wrapped + 360.0 * turns
    return result
