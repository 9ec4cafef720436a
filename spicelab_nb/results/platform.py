"""On what a chunk was computed: the parts of a machine that can change the last bits."""

from __future__ import annotations

import functools
import hashlib
import importlib
import platform
from typing import Any

import numpy as np

from spicelab_nb.results.plan import canonical_json

__all__ = ["fingerprint", "fingerprint_digest"]


def fingerprint(engine: str = "") -> dict[str, Any]:
    """Describe this machine as far as results can depend on it.

    Parameters
    ----------
    engine
        Build of the engine (``"ngspice 39.3"``), where the caller knows more than the plan.

    Returns
    -------
    dict
        JSON: ``machine``, ``system``, ``libc`` (libm comes with it), ``python``, ``numpy``,
        ``cpu_features`` (those that NumPy dispatches on and that are there), ``engine``.
    """
    return {**_machine(), "engine": engine}


@functools.cache
def _machine() -> dict[str, Any]:
    try:  # a private place, which may move
        features = importlib.import_module("numpy._core._multiarray_umath").__cpu_features__
    except (ImportError, AttributeError):
        features = {}
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "libc": " ".join(platform.libc_ver()).strip(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "cpu_features": sorted(name for name, there in features.items() if there),
    }


def fingerprint_digest(description: Any) -> str:
    """Give eight hexadecimal digits that name a fingerprint in tables and messages."""
    return hashlib.sha256(canonical_json(description)).hexdigest()[:8]
