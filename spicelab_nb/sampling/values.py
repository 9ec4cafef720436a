"""Values that a person gives for a parameter: numbers, or section names."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import SamplingError
from spicelab_nb.sampling.distribution import as_number
from spicelab_nb.sampling.rounding import quantise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spicelab_nb.sampling.design import Value

__all__ = ["as_value", "as_values", "check_kind"]


def as_value(given: Any, where: str) -> Value:
    """Give one value: a number as it is written in a netlist, or text.

    Raises
    ------
    SamplingError
        It is neither; the message starts with `where`.
    """
    if isinstance(given, str):
        if not given.strip():
            raise SamplingError(f"{where} is empty text")
        return str(given)
    return float(quantise(as_number(given, where)))


def as_values(given: Any, where: str) -> NDArray[Any]:
    """Give a list of values as an array: float64, or str.

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
    return quantise([as_number(v, f"{where}: each value") for v in listed])


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
