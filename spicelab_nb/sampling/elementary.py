"""Exponential and logarithm whose bits do not depend on where an array is cut.

NumPy picks other code for ``exp`` and ``log`` on processors with AVX-512, and other code for the
elements left over at the end of a vector. The C library's scalar functions do neither.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

__all__ = ["exp", "log"]


def exp(x: ArrayLike) -> NDArray[np.float64]:
    """Give ``e**x``, infinite where it overflows."""
    return _each(_exp, x)


def log(x: ArrayLike) -> NDArray[np.float64]:
    """Give the natural logarithm, minus infinity for 0 and less."""
    return _each(_log, x)


def _each(function: Callable[[float], float], x: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(x, dtype=np.float64)
    flat = np.fromiter(map(function, values.ravel().tolist()), np.float64, values.size)
    return flat.reshape(values.shape)


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf
