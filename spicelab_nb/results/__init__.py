"""What came out: plan, chunk store, dataset conventions, statistics."""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = {
    "ChunkData": "chunk",
    "ChunkRef": "chunk",
    "Plan": "plan",
    "Spec": "spec",
    "Store": "store",
    "assemble": "dataset",
    "consolidate": "consolidation",
    "fingerprint": "platform",
}

__all__ = [*_MODULES]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
