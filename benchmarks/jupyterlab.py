"""The real JupyterLab and the headless Chromium of the tests, for what a person waits for."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

__all__ = ["lab_module"]

ROOT = Path(__file__).resolve().parent.parent


def lab_module() -> Any:
    """Give ``tests/browser/lab.py``; None where it cannot be used."""
    spec = importlib.util.spec_from_file_location("lab", ROOT / "tests" / "browser" / "lab.py")
    if spec is None or spec.loader is None or importlib.util.find_spec("playwright") is None:
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
