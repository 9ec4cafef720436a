"""Checking values before they are written into a netlist."""

from __future__ import annotations

import math
from typing import Any

from spicelab_nb.circuits.numbers import parse_number
from spicelab_nb.errors import CircuitError

__all__ = ["checked_value", "is_lib"]


def is_lib(name: str) -> bool:
    """Whether a name stands for the section of a library."""
    return name.strip().lower() == "lib" or name.strip().lower().startswith("lib:")


def checked_value(name: str, value: Any, *, section: bool) -> float | str:
    """Give a finite number, or a section's name.

    Raises
    ------
    CircuitError
        It is neither.
    """
    if section:
        if not isinstance(value, str) or not value.strip():
            raise CircuitError(f"{name} takes the name of a section, not {value!r}.")
        return str(value).strip()
    if isinstance(value, str):
        number = parse_number(value)
        if number is None:
            raise CircuitError(f"{name} cannot be set to {value!r}: give a number.")
        value = number
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise CircuitError(f"{name} cannot be set to {value!r}: give one number.") from None
    if not math.isfinite(number):
        raise CircuitError(f"{name} cannot be set to {number!r}: it must be finite.")
    return number
