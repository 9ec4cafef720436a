"""Values that a person gives for a parameter: numbers, or section names."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Set
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import SamplingError
from spicelab_nb.sampling.distribution import as_number
from spicelab_nb.sampling.rounding import quantise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spicelab_nb.sampling.design import ParameterSpace, Value

__all__ = ["as_value", "as_values", "check_kind", "for_space"]

_MOST_WHOLE = 2**53
"""Whole numbers below it are the same as floats."""


def as_value(given: Any, where: str) -> Value:
    """Give one value: a number as it is written in a netlist, or text. An int stays one.

    Raises
    ------
    SamplingError
        It is neither; the message starts with `where`.
    """
    if isinstance(given, str):
        if not given.strip():
            raise SamplingError(f"{where} is empty text")
        return str(given)
    number = as_number(given, where)
    return int(given) if _is_whole(given) else float(quantise(number))


def _is_whole(given: Any) -> bool:
    return isinstance(given, numbers.Integral) and abs(int(given)) < _MOST_WHOLE


def as_values(given: Any, where: str) -> NDArray[Any]:
    """Give a list of values as an array: float64, int64 where all are ints, or str.

    Parameters
    ----------
    given
        Anything one-dimensional: a list, an array, a range, a pandas or xarray object.
    where
        How a message starts.

    Raises
    ------
    SamplingError
        It is empty, not one-dimensional, not finite, or numbers and text are mixed.
    """
    if isinstance(given, (str, bytes, Mapping, Set)) or not hasattr(given, "__iter__"):
        raise SamplingError(f"{where} needs a list of values, not {given!r}")
    listed = np.asarray(given).tolist() if hasattr(given, "__array__") else list(given)
    if not isinstance(listed, list):
        raise SamplingError(f"{where} needs a list of values, not {given!r}")
    if not listed:
        raise SamplingError(f"{where} has no values")
    text = [isinstance(v, str) for v in listed]
    if all(text):
        return np.array([as_value(v, f"{where}: each value") for v in listed])
    if any(text):
        raise SamplingError(f"{where} mixes numbers and text: {listed!r}")
    given_numbers = [as_number(v, f"{where}: each value") for v in listed]
    if all(map(_is_whole, listed)):
        return np.array([int(v) for v in listed], np.int64)
    return quantise(given_numbers)


def for_space(values: NDArray[Any], space: ParameterSpace) -> NDArray[Any]:
    """Give values as the parameters of a space take them: ints only where it says ``integers``.

    A Python function is called with the ints that were given for it; a netlist knows only numbers.
    """
    if values.dtype.kind != "i" or getattr(space, "integers", False):
        return values
    return values.astype(np.float64)


def check_kind(name: str, values: NDArray[Any], nominal: Value | None) -> None:
    """See that text goes to a parameter that takes text, and numbers to one that takes numbers.

    Raises
    ------
    SamplingError
        They do not; names the parameter.
    """
    text = values.dtype.kind == "U"
    if nominal is None or isinstance(nominal, str) == text:
        return
    first = values[0].item()
    if text:
        raise SamplingError(f"{name} takes numbers, not the text {first!r}: write 10e3, not '10k'")
    raise SamplingError(f"{name} takes text such as {nominal!r}, not the number {first!r}")
