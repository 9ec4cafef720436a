"""What people look at: figures, the report, the accessor ``dataset.spicelab``.

Datasets have the accessor once a run has given one, or when this is imported after xarray.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from spicelab_nb.explorer.accessor import register

_MODULES = {
    "bode": "figures",
    "corner_table": "tables",
    "corners": "figures",
    "histogram": "figures",
    "parallel": "figures",
    "scatter": "figures",
    "sensitivity": "regression",
    "surface": "figures",
    "table": "tables",
    "tornado": "figures",
    "waveforms": "figures",
    "write_figure": "export",
    "write_report": "report",
}

__all__ = ["register", *_MODULES]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)


if "xarray" in sys.modules:  # drawing alone does without: it is slow to import
    register()
