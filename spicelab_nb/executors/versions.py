"""Do the workers have what the client has? Asked before the first chunk."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import TYPE_CHECKING, Any

from spicelab_nb.errors import ExecutorError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["PACKAGES", "RAY_PACKAGES", "check_versions", "installed"]

PACKAGES = ("spicelab-nb", "distributed", "numpy")
RAY_PACKAGES = ("spicelab-nb", "ray", "numpy")
# Pickled functions need the same minor Python, arrays the same minor numpy; what runs chunks and
# speaks the protocol has to be the very same.
_MINOR_SUFFICES = {"python", "numpy"}


def _significant(package: str, version: str | None) -> str | None:
    if version is None or package not in _MINOR_SUFFICES:
        return version
    return ".".join(version.split(".")[:2])


def installed(packages: Sequence[str]) -> dict[str, str | None]:
    """Versions of Python and of `packages` in this process; None for what is missing."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


def check_versions(versions: Mapping[str, Any], packages: Sequence[str] = PACKAGES) -> None:
    """Refuse workers whose Python or packages differ from the client's.

    Parameters
    ----------
    versions
        What ``Client.get_versions(packages=PACKAGES)`` gives: ``client`` and ``workers``.
    packages
        Which to compare, beside Python.

    Raises
    ------
    ExecutorError
        Names each difference, and both versions.
    """
    ours = versions["client"]["packages"]
    found: dict[str, list[str]] = {}
    for worker, report in versions["workers"].items():
        theirs = report.get("packages", {}) if isinstance(report, dict) else {}
        for package in ("python", *packages):
            mine, its = ours.get(package), theirs.get(package)
            if _significant(package, mine) != _significant(package, its):
                difference = f"{package} is {mine or 'not installed'} here and {its or 'missing'}"
                found.setdefault(difference, []).append(worker)
    if found:
        listed = "; ".join(
            f"{difference} on {len(workers)} of {len(versions['workers'])} workers ({workers[0]})"
            for difference, workers in found.items()
        )
        raise ExecutorError(
            f"The workers do not have what this notebook has: {listed}. "
            f"Install the same versions on both sides: pip install {_wanted(packages, ours)}"
        )


def _wanted(packages: Sequence[str], ours: Mapping[str, str | None]) -> str:
    versions = ((package, ours.get(package)) for package in packages)
    return " ".join(package if v is None else f"{package}=={v}" for package, v in versions)
