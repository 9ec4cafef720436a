"""Numbers as SPICE reads and writes them."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from spicelab_nb.errors import CircuitError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["parse_number", "quantise", "write_number", "write_numbers"]

_NUMBER = re.compile(
    r"(?P<mantissa>[+-]?(?:\d+\.?\d*|\.\d+))(?:[eEdD](?P<exponent>[+-]?\d+))?(?P<letters>[^\W\d_]*)"
)
# The longer ones first: "meg" and "mil" both begin with the "m" of milli.
_SUFFIXES = (
    ("meg", 6),
    ("mil", None),  # a thousandth of an inch, in metres
    ("t", 12),
    ("g", 9),
    ("k", 3),
    ("m", -3),
    ("u", -6),
    ("n", -9),
    ("p", -12),
    ("f", -15),
    ("a", -18),
)


def parse_number(text: str) -> float | None:
    """Read a number with an optional SPICE suffix.

    Parameters
    ----------
    text
        ``"1k"``, ``"2.2meg"``, ``"10uF"`` (letters behind the suffix are a unit, ignored as the
        engine ignores them), ``"1e-9"``. As in SPICE, ``"1M"`` is a thousandth and ``"1F"`` is
        1e-15.

    Returns
    -------
    float or None
        None where `text` is not one number.
    """
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        return None
    letters = found["letters"].lower()
    if not letters.isascii():
        return None  # a micro sign: the engine would ignore it and read a million times too much
    exponent = int(found["exponent"] or 0)
    for suffix, power in _SUFFIXES:
        if letters.startswith(suffix):
            if power is None:
                return float(f"{found['mantissa']}e{exponent}") * 25.4e-6
            exponent += power
            break
    # One decimal number, so that "100n" is the float nearest to 1e-7.
    return float(f"{found['mantissa']}e{exponent}")


def quantise(value: float) -> float:
    """Give the nearest value that `write_number` writes exactly.

    The engine's parsers agree on numbers of 16 digits only, so a sample is brought to that form
    once, when it is planned.
    """
    return float(f"{value:.15e}")


def write_number(value: float) -> str:
    """Write a value as an integer mantissa of 16 digits and an exponent.

    ngspice reads a number in a loaded deck and in a command by two parsers; only in this form do
    both give the same bits.

    Returns
    -------
    str
        ``"1017350000000000e-12"`` for 1017.35, ``"0"`` for zero.

    Raises
    ------
    CircuitError
        The value is not finite.
    """
    if not math.isfinite(value):
        raise CircuitError(f"A circuit cannot be given the value {value!r}: it must be finite.")
    mantissa, _, exponent = f"{value:.15e}".partition("e")
    digits = mantissa.replace(".", "")
    if digits.strip("-0") == "":
        return "0"
    return f"{digits}e{int(exponent) - 15}"


# By the last three characters of a number written with one digit before the point and 15 behind it.
_EXPONENTS = {f"{e:+03d}": f"e{e - 15}" for e in range(-99, 100)}


def write_numbers(values: Sequence[float]) -> list[str]:
    """Write many values as `write_number` does, in a fraction of the time.

    Raises
    ------
    CircuitError
        One of them is not finite.
    """
    text = ("%.15e\n" * len(values) % tuple(values)).replace(".", "")
    try:
        written = [number[:-4] + _EXPONENTS[number[-3:]] for number in text.splitlines()]
    except KeyError:  # beyond 1e-99 or 1e99, or no number at all
        return [write_number(value) for value in values]
    if 0.0 in values:
        return [write_number(v) if v == 0 else w for v, w in zip(values, written, strict=True)]
    return written
