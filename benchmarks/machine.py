"""What a measurement was made on: machine, load, versions, date."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import psutil

from spicelab_nb.engines import available

__all__ = ["conditions", "describe", "load"]

PACKAGES = (
    "spicelab-nb", "cloudpickle", "cryptography", "dask", "distributed", "msgpack", "numpy",
    "psutil", "ray", "scipy", "tornado", "xarray", "zarr",
)  # fmt: skip
"""Whose versions a figure of ours depends on."""


def describe() -> dict[str, Any]:
    """Machine, versions and commit: what stays the same while a benchmark runs."""
    return {
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "system": _system(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": _versions(),
        "engines": {info.name: info.version for info in available() if not info.problem},
        "ngspice": _program(),
        "commit": _commit(),
        "environment": {k: v for k, v in sorted(os.environ.items()) if k.startswith("OMP_")},
    }


def conditions() -> dict[str, Any]:
    """Date and load at this moment."""
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    return {"time": now.isoformat(), "load": load()}


def load() -> list[float]:
    """Mean number of runnable processes over 1, 5 and 15 minutes."""
    return [round(value, 2) for value in os.getloadavg()]


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", info.read_text(encoding="utf-8"), re.M)
        if found:
            return found[1]
    return platform.processor() or platform.machine()


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _program() -> str:
    program = shutil.which("ngspice")
    if program is None:
        return ""
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"ngspice-(\S+)", told.stdout)
    return found[1] if found else ""


def _commit() -> str:
    """The commit, with a plus where the package differs from it; empty outside a checkout."""
    here = Path(__file__).resolve().parent.parent
    try:
        head = subprocess.run(
            ["git", "-C", str(here), "rev-parse", "--short=10", "HEAD"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
        changed = subprocess.run(
            ["git", "-C", str(here), "status", "--porcelain", "--", "spicelab_nb"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head + ("+" if changed else "")
