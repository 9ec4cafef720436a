"""The linked explorer: views over one selection of samples."""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = {"Explorer": "explorer", "Selection": "selection"}

__all__ = [*_MODULES]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
