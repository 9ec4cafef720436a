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
    "Price": "cost",
    "spending": "campaigns",
}
_SUBMODULES = {"errors", "config"}

__all__ = ["__version__", "errors", "config", *_ROOMS]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        value = getattr(importlib.import_module(f"{__name__}.{_ROOMS[name]}"), name)
    elif name in _SUBMODULES:
        value = importlib.import_module(f"{__name__}.{name}")
    else:
        near = ""
        if not name.startswith("_"):
            from spicelab_nb.errors import nearest

            near = nearest(name, __all__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}.{near}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(ipython: Any) -> None:
    """Register the magics and display formatters: ``%load_ext spicelab_nb``."""
    from spicelab_nb.jupyter import load

    load(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """Take the displays back: ``%unload_ext spicelab_nb``."""
    from spicelab_nb.jupyter import unload

    unload(ipython)


if TYPE_CHECKING:
    from spicelab_nb import config as config
    from spicelab_nb import errors as errors
    from spicelab_nb.campaigns import Campaign as Campaign
    from spicelab_nb.campaigns import Run as Run
    from spicelab_nb.campaigns import open_run as open_run
    from spicelab_nb.campaigns import spending as spending
    from spicelab_nb.circuits import Circuit as Circuit
    from spicelab_nb.circuits import measure as measure
    from spicelab_nb.clusters import cluster as cluster
    from spicelab_nb.clusters import list_clusters as list_clusters
    from spicelab_nb.cost import Price as Price
    from spicelab_nb.results import Spec as Spec
    from spicelab_nb.sampling import Corners as Corners
    from spicelab_nb.sampling import Discrete as Discrete
    from spicelab_nb.sampling import Empirical as Empirical
    from spicelab_nb.sampling import LogNormal as LogNormal
    from spicelab_nb.sampling import MonteCarlo as MonteCarlo
    from spicelab_nb.sampling import Normal as Normal
    from spicelab_nb.sampling import Sweep as Sweep
    from spicelab_nb.sampling import Triangular as Triangular
    from spicelab_nb.sampling import Truncated as Truncated
    from spicelab_nb.sampling import Uniform as Uniform
    from spicelab_nb.simulators import Resources as Resources
    from spicelab_nb.simulators import Simulator as Simulator
