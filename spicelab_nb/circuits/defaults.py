"""What parameters the engine knows, and their values where a deck does not set them."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

__all__ = ["ALIASES", "instance_default", "instance_parameters", "model_parameters"]

# Names that ngspice understands as the value of an element.
ALIASES = {
    "r": ("r", "resistance"),
    "c": ("c", "capacitance", "cap"),
    "l": ("l", "inductance"),
}

# Only what means the same whatever the model's level: the rest is asked of the engine.
_ANY = {"m": 1.0, "dtemp": 0.0}
_INSTANCE: dict[str, dict[str, float]] = {
    "r": {**_ANY, "scale": 1.0},
    "c": {**_ANY, "scale": 1.0},
    "l": {**_ANY, "scale": 1.0, "nt": 0.0},
    "d": {**_ANY, "area": 1.0},
    "q": {**_ANY, "area": 1.0, "areab": 1.0, "areac": 1.0},
    "j": {**_ANY, "area": 1.0},
    "z": {"area": 1.0, "m": 1.0},
    "m": {**_ANY, "delvto": 0.0, "delvt0": 0.0, "mulu0": 1.0},
    "v": {"ac": 0.0},
    "i": {"ac": 0.0, "m": 1.0},
    "x": {"m": 1.0},
}


@cache
def _known() -> dict[str, dict[str, frozenset[str]]]:
    # Made from the lists that ngspice 39.3 prints with "devhelp -csv" for each of its devices.
    text = resources.files(__package__).joinpath("known_parameters.json").read_text()
    tables: dict[str, dict[str, str]] = json.loads(text)
    return {
        table: {
            key: frozenset((names[value[1:]] if value.startswith("=") else value).split())
            for key, value in names.items()
        }
        for table, names in tables.items()
    }


def instance_parameters(letter: str) -> frozenset[str]:
    """Names of the instance parameters of an element letter; empty where none are known."""
    return _known()["instance"].get(letter, frozenset())


def model_parameters(kind: str) -> frozenset[str] | None:
    """Names of the parameters of a model type (``"nmos"``); None for a type not known."""
    return _known()["model"].get(kind.lower())


def instance_default(letter: str, parameter: str) -> float | None:
    """The engine's default, where it is the same for every model of an element."""
    return _INSTANCE.get(letter, {}).get(parameter)
