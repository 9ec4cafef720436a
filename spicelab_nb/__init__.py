"""Monte Carlo, sweeps and yield of SPICE circuits on a cluster, from a notebook.

``import spicelab_nb as sl`` is lazy: a name is imported from its room when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_ROOMS = {
    "Circuit": "circuits",
    "measure": "circuits",
    "Discrete": "sampling",
    "Empirical": "sampling",
    "LogNormal": "sampling",
    "Normal": "sampling",
    "Triangular": "sampling",
    "Truncated": "sampling",
    "Uniform": "sampling",
    "Corners": "sampling",
    "MonteCarlo": "sampling",
    "Sweep": "sampling",
    "Resources": "simulators",
    "Simulator": "simulators",
    "Spec": "results",
    "cluster": "clusters",
    "list_clusters": "clusters",
    "Campaign": "campaigns",
    "Run": "campaigns",
    "open_run": "campaigns",
}
_SUBMODULES = {"errors", "config"}

__all__ = ["__version__", "errors", "config", *_ROOMS]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        value = getattr(importlib.import_module(f"{__name__}.{_ROOMS[name]}"), name)
    elif name in _SUBMODULES:
        value = importlib.import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(ipython: Any) -> None:
    """Register the magics and display formatters: ``%load_ext spicelab_nb``."""
    from spicelab_nb.jupyter import load

    load(ipython)


if TYPE_CHECKING:
    from spicelab_nb import config as config
    from spicelab_nb import errors as errors
