"""Values as they are written in a netlist: sixteen significant digits.

A value is rounded once, when it is drawn, to the nearest number of sixteen significant decimal
digits. Both of a SPICE engine's number readers (for decks and for commands) then see the same bits
as the dataset holds.

Formatting and reading back each number takes a microsecond, which is more than drawing it. So whole
arrays are scaled to integers of sixteen digits and back in twice the working precision, which is
exact wherever the result is not too near a tie to tell; those few are formatted.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats: TypeAlias = NDArray[np.float64]

__all__ = ["quantise"]

_DIGITS = 16
_FEW = 64  # below it the arrays cost more than formatting
_LEAST, _MOST = 1e-250, 1e250  # within it no intermediate result over- or underflows
_REACH = 280  # powers of ten in the table, either way
_SPLIT = 134217729.0  # 2**27 + 1: cuts a float into two halves of 26 bits
_LOG10_2 = 0.3010299956639812
_TIE = 1e-6  # of a digit, or of a float's spacing: some 1e9 times the error made


def quantise(values: ArrayLike) -> Floats:
    """Round to sixteen significant digits: ``float(f"{v:.15e}")`` of each value.

    Parameters
    ----------
    values
        Finite numbers, any shape.

    Returns
    -------
    ndarray
        float64 of the same shape. An element's bits do not depend on the others.
    """
    given = np.asarray(values, dtype=np.float64)
    flat = given.ravel()
    if flat.size < _FEW:
        return _formatted(flat).reshape(given.shape)
    size = np.abs(flat)
    within = (size >= _LEAST) & (size <= _MOST)
    rounded, sure = _scaled(np.where(within, size, 1.5))
    rounded = np.copysign(rounded, flat)
    rest = np.flatnonzero(~(sure & within))
    rounded[rest] = _formatted(flat[rest])
    return rounded.reshape(given.shape)


def _formatted(flat: Floats) -> Floats:
    return np.array([float(f"{v:.15e}") for v in flat.tolist()], dtype=np.float64)


def _scaled(size: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Round positive numbers by scaling them, and say for which that is surely right."""
    high, low = _powers()
    exponent = np.floor((np.frexp(size)[1] - 1) * _LOG10_2).astype(np.intp)
    exponent += size >= high[exponent + 1 + _REACH]
    power = _DIGITS - 1 - exponent

    # size * 10**power, an integer of sixteen digits and a fraction
    ten, less = high[power + _REACH], low[power + _REACH]
    product = size * ten
    whole = np.rint(product)
    rest = (product - whole) + (_error(size, ten, product) + size * less)
    carried = np.rint(rest)
    digits = whole.astype(np.int64) + carried.astype(np.int64)
    sure = (np.abs(np.abs(rest - carried) - 0.5) > _TIE) & (product > 1e15 + 8)

    # digits * 10**-power, rounded once
    ten, less = high[_REACH - power], low[_REACH - power]
    first = digits.astype(np.float64)
    second = (digits - first.astype(np.int64)).astype(np.float64)
    product = first * ten
    tail = _error(first, ten, product) + (first * less + second * ten)
    rounded = product + tail
    left = np.abs(tail - (rounded - product))
    spacing = np.spacing(rounded)
    sure &= np.abs(left - 0.5 * spacing) > _TIE * spacing
    sure &= np.frexp(rounded)[0] != 0.5  # the spacing changes there
    return rounded, sure


def _error(a: Floats, b: Floats, product: Floats) -> Floats:
    """Give the exact ``a * b - product`` (Dekker)."""
    a_high = _upper(a)
    b_high = _upper(b)
    a_low, b_low = a - a_high, b - b_high
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _upper(a: Floats) -> Floats:
    scaled = _SPLIT * a
    return scaled - (scaled - a)


@cache
def _powers() -> tuple[Floats, Floats]:
    """Powers of ten from ``10**-_REACH`` to ``10**_REACH``, each the sum of two floats."""
    exact = [Fraction(10) ** k for k in range(-_REACH, _REACH + 1)]
    high = [float(x) for x in exact]
    low = [float(x - Fraction(h)) for x, h in zip(exact, high, strict=True)]
    return np.array(high), np.array(low)
