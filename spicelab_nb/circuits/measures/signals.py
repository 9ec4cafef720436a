"""Names and units of the signals that an engine gives."""

from __future__ import annotations

import re

from spicelab_nb.errors import MeasureError

__all__ = ["canonical_signal", "difference", "ratio_unit", "signal_unit"]

_DEVICE = re.compile(r"@[^\[\]]+\[(\w+)\]$")
_DERIVED = re.compile(r"v(db|m|p|r|i|g)\((.*)\)$|i(db|m|p|r|g)\((.*)\)$")

_DEVICE_UNITS = {
    "S": ["gm", "gds", "gmbs", "gpi", "gmu", "go", "gd", "g", "gx"],
    "A": ["id", "ig", "is", "ib", "ic", "ie", "i", "idb", "isub", "cd", "c"],
    "V": ["vgs", "vds", "vbs", "vbe", "vbc", "vce", "vth", "von", "vdsat", "vd", "v"],
    "F": [
        "cgs",
        "cgd",
        "cgb",
        "cbd",
        "cbs",
        "cgg",
        "cdd",
        "css",
        "cbb",
        "cpi",
        "cmu",
        "cap",
        "capacitance",
    ],
    "W": ["p", "power"],
    "Ohm": ["resistance", "r"],
}
_UNIT_OF_PARAMETER = {p: unit for unit, names in _DEVICE_UNITS.items() for p in names}


def canonical_signal(name: str) -> str:
    """Give the one spelling of a signal's name: lower case, without blanks.

    Parameters
    ----------
    name
        ``"V(out)"``, ``"i(V1)"``, ``"@M1[gm]"``, ``"onoise_spectrum"``.

    Raises
    ------
    MeasureError
        It is empty, or a derived one (``vdb(out)``) for which there is a measure.
    """
    if not isinstance(name, str) or not name.strip():
        raise MeasureError(
            f"A signal is a name such as 'v(out)', 'i(v1)' or '@m1[gm]', not {name!r}."
        )
    canonical = re.sub(r"\s+", "", name).lower()
    derived = _DERIVED.match(canonical)
    if derived:
        plain = f"{canonical[0]}({derived.group(2) or derived.group(4)})"
        raise MeasureError(
            f"{name!r} is derived from {plain!r}: name that signal, and take its decibels or phase "
            f"with measure.gain_db({plain!r}) or measure.value_at({plain!r}, f, part='phase')."
        )
    return canonical


def difference(name: str) -> tuple[str, ...]:
    """Give the signals that a canonical name stands for: two for a difference ``v(a,b)``.

    Examples
    --------
    >>> difference("v(outp,outn)"), difference("v(out)")
    (('v(outp)', 'v(outn)'), ('v(out)',))
    """
    found = re.fullmatch(r"v\(([^,]+),([^,]+)\)", name)
    return tuple(f"v({node})" for node in found.groups()) if found else (name,)


def signal_unit(name: str) -> str:
    """Give the unit of a signal, "" where its name does not tell.

    Examples
    --------
    >>> signal_unit("v(out)"), signal_unit("@m1[gm]"), signal_unit("onoise_spectrum")
    ('V', 'S', 'V/sqrt(Hz)')
    """
    name = name.lower()
    device = _DEVICE.match(name)
    if device:
        return _UNIT_OF_PARAMETER.get(device.group(1), "")
    if name.startswith("v("):
        return "V"
    if name.startswith("i(") or name.endswith("#branch"):
        return "A"
    if name.startswith(("onoise", "inoise")):
        return "V" if "_total" in name else "V/sqrt(Hz)"
    return {"time": "s", "frequency": "Hz"}.get(name, "")


def ratio_unit(unit: str, per: str) -> str:
    """Give the unit of a ratio: ``"V/V"``, ``"V/A"``, ``"V/s"``; "" where one is unknown."""
    return f"{unit}/{per}" if unit and per else ""
