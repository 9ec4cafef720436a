"""Which engines are installed, and the one to use."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spicelab_nb.engines.ngspice.library import INSTALL, find_library, library_version
from spicelab_nb.errors import EngineNotFoundError, nearest

if TYPE_CHECKING:
    from spicelab_nb.engines.engine import Engine

__all__ = ["EngineInfo", "available", "find"]

NAMES = ("ngspice", "neospice")
"""Every engine, in the order of preference."""


@dataclass(frozen=True, kw_only=True)
class EngineInfo:
    """One engine that this package can use.

    Parameters
    ----------
    name
        As :func:`find` takes it.
    version
        What is installed; ``""`` when nothing is.
    path
        The shared library or package directory; ``""`` when there is none.
    problem
        Why it cannot be used; ``""`` when it can.
    install_hint
        The command that installs it.
    """

    name: str
    version: str = ""
    path: str = ""
    problem: str = ""
    install_hint: str = ""


def available() -> list[EngineInfo]:
    """Say of every engine whether it can be used; the preferred one first. Loads none of them."""
    return [_ngspice(), _neospice()]


def _ngspice() -> EngineInfo:
    path = find_library()
    if path is None:
        told = os.environ.get("NGSPICE_LIBRARY_PATH")
        problem = (
            f"NGSPICE_LIBRARY_PATH says {told!r}, and there is no such file"
            if told
            else "libngspice was not found"
        )
        return EngineInfo(name="ngspice", problem=problem, install_hint=INSTALL)
    version = library_version(path)
    problem = f"{path} cannot be loaded" if version == "unknown" else ""
    return EngineInfo(
        name="ngspice", version=version, path=path, problem=problem, install_hint=INSTALL
    )


def _neospice() -> EngineInfo:
    hint = "pip install neospice"
    try:
        spec = importlib.util.find_spec("neospice")
        version = importlib.metadata.version("neospice")
    except (ImportError, ValueError):
        spec, version = None, ""
    if spec is None or not spec.origin:
        return EngineInfo(
            name="neospice",
            problem="the package neospice is not installed (wheels: Linux, x86-64 and ARM)",
            install_hint=hint,
        )
    return EngineInfo(name="neospice", version=version, path=spec.origin, install_hint=hint)


def find(name: str | None = None) -> Engine:
    """Make an engine ready for use; its process starts with the first run.

    Parameters
    ----------
    name
        ``"ngspice"`` or ``"neospice"``; by default the first of them that is installed.

    Raises
    ------
    EngineNotFoundError
        There is no such engine, or it is not installed; the message has the command to type.
    """
    if name is not None and name not in NAMES:
        raise EngineNotFoundError(f"There is no engine {name!r}.{nearest(name, NAMES)}")
    checks = {"ngspice": _ngspice, "neospice": _neospice}
    problems = []
    for candidate in NAMES if name is None else (name,):
        info = checks[candidate]()
        if not info.problem:
            return _make(info)
        problems.append(f"{candidate}: {info.problem}; install it with: {info.install_hint}")
    raise EngineNotFoundError("No SPICE engine can be used. " + ". ".join(problems))


def _make(info: EngineInfo) -> Engine:
    if info.name == "ngspice":
        from spicelab_nb.engines.ngspice.client import Ngspice

        return Ngspice(info.path)
    from spicelab_nb.engines.neospice import Neospice

    return Neospice()
