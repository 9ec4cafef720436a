"""Times and money as people read them."""

from __future__ import annotations

import datetime
import math
import re
from typing import Any

from spicelab_nb.errors import CostError

__all__ = ["as_seconds", "between", "round_text", "span_text", "time_text"]

_UNITS = {
    "ms": 1e-3, "s": 1.0, "sec": 1.0, "second": 1.0, "min": 60.0, "minute": 60.0,
    "h": 3600.0, "hr": 3600.0, "hour": 3600.0, "d": 86400.0, "day": 86400.0,
}  # fmt: skip


def time_text(seconds: float) -> str:
    """Write a time: ``"3.1 ms"``, ``"12 s"``, ``"3 min 20 s"``, ``"2 h 05 min"``."""
    if not math.isfinite(seconds):
        return "never" if seconds > 0 else "?"
    if seconds <= 0:
        return "0 s"
    if seconds < 1e-3:
        return f"{seconds * 1e6:.3g} us"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 2 * 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole / 86400:.1f} days"


_SCALES = (
    (86400.0, "days", 1.995), (3600.0, "h", 1.995), (60.0, "min", 1.995), (1.0, "s", 0.995),
    (1e-3, "ms", 0.0),
)  # fmt: skip
"""Seconds of a unit, and how many of it a time has at least that is written in it."""


def span_text(mean: float, low: float, high: float) -> str:
    """Write a time with its bounds, all in the unit of the mean: ``"3.2 min (2.2 to 4.5)"``."""
    if not math.isfinite(mean):
        return "never ends"
    scale, unit = next((s, name) for s, name, least in _SCALES if mean >= least * s)
    texts = [_digits(value / scale) for value in (mean, low, high)]
    return f"{texts[0]} {unit} ({texts[1]} to {texts[2]})"


def _digits(value: float) -> str:
    """Two digits at least, and no more than it takes."""
    if not math.isfinite(value):
        return "never"
    return (
        f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.095 else f"{value:.2g}"
    )


def round_text(seconds: float) -> str:
    """Write a round time: ``"5 min"`` where `time_text` has ``"5 min 00 s"``."""
    return time_text(seconds).removesuffix(" 00 s").removesuffix(" 00 min")


def between(low: str, high: str) -> str:
    """Write an interval: ``"10 to 15 s"``; a unit or currency that both have is said once."""
    if low == high:
        return high
    number, _, unit = low.rpartition(" ")
    if number and " " not in number and high.endswith(f" {unit}") and high.count(" ") == 1:
        low = number
    return f"{low} to {high}"


def as_seconds(time: Any) -> float:
    """Take seconds, a ``timedelta`` or a text such as ``"90 s"``, ``"10 min"``, ``"2 h"``.

    Raises
    ------
    CostError
        It is none of these, or not above 0.
    """
    seconds = math.nan
    if isinstance(time, datetime.timedelta):
        seconds = time.total_seconds()
    elif isinstance(time, int | float) and not isinstance(time, bool):
        seconds = float(time)
    elif isinstance(time, str):
        found = re.fullmatch(r"\s*([0-9.]+(?:e[+-]?\d+)?)\s*([a-z]*)\s*", time.lower())
        unit = found[2].removesuffix("s") or found[2] if found else ""
        if found and (unit in _UNITS or not unit) and found[1].count(".") <= 1:
            seconds = float(found[1].strip(".") or "nan") * _UNITS.get(unit, 1.0)
    if not (math.isfinite(seconds) and seconds > 0):
        raise CostError(f'{time!r} is no time: give seconds, or a text like "10 min" or "2 h".')
    return seconds
