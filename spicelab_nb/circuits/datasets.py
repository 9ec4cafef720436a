"""What an engine returned, as labelled datasets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from spicelab_nb.engines.engine import Plot

__all__ = ["axis_label", "signal_unit", "to_datasets"]

_AXES = {
    "frequency": ("Hz", "Frequency"),
    "time": ("s", "Time"),
    "temp": ("degC", "Temperature"),
    "temp-sweep": ("degC", "Temperature"),
}
_PARAMETERS = {
    "gm": "S", "gds": "S", "gmbs": "S", "gd": "S", "gpi": "S", "gmu": "S", "go": "S",
    "id": "A", "is": "A", "ig": "A", "ib": "A", "ic": "A", "ie": "A", "i": "A", "ibd": "A",
    "ibs": "A", "cd": "A",
    "vgs": "V", "vds": "V", "vbs": "V", "vth": "V", "von": "V", "vdsat": "V", "vd": "V",
    "vbe": "V", "vbc": "V", "dc": "V",
    "cgs": "F", "cgd": "F", "cgb": "F", "cbs": "F", "cbd": "F", "capbd": "F", "capbs": "F",
    "capacitance": "F", "c": "F", "resistance": "Ohm", "r": "Ohm", "inductance": "H",
    "p": "W", "power": "W", "w": "m", "l": "m", "temp": "degC",
}  # fmt: skip


def signal_unit(name: str) -> str:
    """Give the unit of a signal by its name.

    Parameters
    ----------
    name
        ``"v(out)"``, ``"i(v1)"``, ``"@m1[gm]"``, ``"onoise_spectrum"``; any case.

    Returns
    -------
    str
        "" where it cannot be told.
    """
    low = name.lower()
    if low.startswith("v("):
        return "V"
    if low.startswith("i(") or low.endswith("#branch"):
        return "A"
    if low in ("onoise_spectrum", "inoise_spectrum"):
        # Of the input, volt for a voltage source; a current source would make it ampere.
        return "V/sqrt(Hz)"
    if low.startswith(("onoise_total", "inoise_total")):
        return "V"
    if low.startswith("onoise"):
        return "V/sqrt(Hz)"
    inner = re.fullmatch(r"@[^\[]*\[([^\]]+)\]", low)
    return _PARAMETERS.get(inner[1], "") if inner else ""


def axis_label(name: str) -> tuple[str, str]:
    """Give the unit of an axis, and what stands beside it."""
    if name in _AXES:
        return _AXES[name]
    if name.startswith("v"):
        return "V", f"Voltage of {name}"
    if name.startswith("i"):
        return "A", f"Current of {name}"
    if name.startswith("r"):
        return "Ohm", f"Resistance of {name}"
    return "", name


def to_datasets(plots: Mapping[str, Plot]) -> dict[str, xr.Dataset]:
    """Turn the plots of one outcome into datasets.

    Parameters
    ----------
    plots
        As :class:`~spicelab_nb.engines.engine.Outcome` holds them.

    Returns
    -------
    dict of str to xarray.Dataset
        By analysis. Dimensions are the swept quantities, none for ``op``; variables are the
        signals, complex128 for ``ac`` and float64 elsewhere, each with ``units`` and
        ``long_name``.
    """
    import xarray as xr

    datasets = {}
    for name, plot in plots.items():
        variables = {
            signal: xr.Variable(
                plot.scale, data, {"units": signal_unit(signal), "long_name": signal}
            )
            for signal, data in plot.vectors.items()
            if signal not in plot.scale
        }
        coordinates = {}
        for axis in plot.scale:
            unit, long_name = axis_label(axis)
            coordinates[axis] = xr.Variable(
                (axis,), plot.axes[axis], {"units": unit, "long_name": long_name}
            )
        datasets[name] = xr.Dataset(variables, coordinates, {"analysis": name, "kind": plot.kind})
    return datasets
