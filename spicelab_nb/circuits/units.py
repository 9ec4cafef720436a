"""Units of a circuit's parameters, for the axes of figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spicelab_nb.circuits.targets import Target

__all__ = ["parameter_unit"]

_VALUES = {"r": "Ohm", "c": "F", "l": "H", "v": "V", "i": "A"}
_SOURCES = ("dc", "ac", "acmag")
_INSTANCES = {
    "w": "m", "l": "m", "ad": "m^2", "as": "m^2", "pd": "m", "ps": "m", "delvto": "V",
    "delvt0": "V", "temp": "degC", "dtemp": "K", "td": "s", "acphase": "deg", "resistance": "Ohm",
    "capacitance": "F", "inductance": "H", "z0": "Ohm",
}  # fmt: skip
# Only names that mean the same in every model that has them.
_MODELS = {
    "vto": "V", "vt0": "V", "vth0": "V", "tox": "m", "toxe": "m", "toxm": "m", "phi": "V",
    "is": "A", "bv": "V", "ibv": "A", "vj": "V", "cjo": "F", "cj0": "F", "tt": "s", "eg": "eV",
    "cje": "F", "cjc": "F", "tf": "s", "tr": "s", "vaf": "V", "var": "V", "tnom": "degC",
}  # fmt: skip


def parameter_unit(target: Target) -> str:
    """Give the unit of something that can be set; "" where it is a plain number or unknown.

    Parameters
    ----------
    target
        What a name was resolved to. A ``.param`` has no unit that SPICE would know.
    """
    if target.kind == "temp":
        return "degC"
    if target.kind in ("param", "formal", "lib"):
        return ""
    *path, last = target.name.lower().rsplit(":", 1)[-1].split(".")
    if target.kind == "value":
        return _VALUES.get(last[0], "")
    if target.kind == "model":
        return _MODELS.get(last, "")
    letter = path[-1][0] if path else ""
    if last in _SOURCES and letter in "vi":
        return _VALUES[letter]
    return _INSTANCES.get(last, "")
