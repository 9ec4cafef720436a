"""Numbers with units, as people read them."""

from __future__ import annotations

import math

__all__ = ["axis_scale", "quantity"]

_PREFIXES = {
    -18: "a", -15: "f", -12: "p", -9: "n", -6: "u", -3: "m",
    0: "", 3: "k", 6: "M", 9: "G", 12: "T",
}  # fmt: skip
_TAKES_PREFIX = ("Hz", "V", "A", "s", "F", "H", "Ohm", "W", "S", "C", "J")


def takes_prefix(unit: str) -> bool:
    """Say whether a unit is written with k, m, u, ...: ``"V/s"`` is, ``"dB"`` and ``""`` not."""
    return unit.split("/")[0] in _TAKES_PREFIX


def quantity(value: float, unit: str = "", digits: int = 4) -> str:
    """Write a value with its unit.

    Examples
    --------
    >>> quantity(1591.549, "Hz"), quantity(2.5e-9, "s"), quantity(-3.01, "dB")
    ('1.592 kHz', '2.5 ns', '-3.01 dB')
    """
    if math.isnan(value):
        return "-"
    if not takes_prefix(unit) or value == 0 or math.isinf(value):
        return f"{value:.{digits}g} {unit}".rstrip()
    exponent = _exponent(abs(value), digits)
    return f"{value / 10.0**exponent:.{digits}g} {_PREFIXES[exponent]}{unit}"


def axis_scale(largest: float, unit: str) -> tuple[float, str]:
    """Give what to multiply an axis with, and its unit: ``(1e-3, "kHz")``."""
    if not takes_prefix(unit) or largest == 0 or not math.isfinite(largest):
        return 1.0, unit
    exponent = _exponent(abs(largest), 4)
    return 10.0**-exponent, f"{_PREFIXES[exponent]}{unit}"


def _exponent(magnitude: float, digits: int) -> int:
    # Rounded first, so that 999.99 is written 1 k and not 1000.
    rounded = float(f"{magnitude:.{digits - 1}e}")
    exponent = 3 * math.floor(math.log10(rounded) / 3 + 1e-12)
    return min(max(exponent, min(_PREFIXES)), max(_PREFIXES))
