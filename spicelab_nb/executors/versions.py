"""Do the workers have what the client has? Asked before the first chunk."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Any

from spicelab_nb.errors import ExecutorError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PACKAGES", "check_versions"]

PACKAGES = ("spicelab-nb", "distributed", "numpy")
# Pickled functions need the same minor Python, arrays the same minor numpy; what runs chunks and
# speaks the protocol has to be the very same.
_MINOR_SUFFICES = {"python", "numpy"}


def _significant(package: str, version: str | None) -> str | None:
    if version is None or package not in _MINOR_SUFFICES:
        return version
    return ".".join(version.split(".")[:2])


def check_versions(versions: Mapping[str, Any]) -> None:
    """Refuse workers whose Python or packages differ from the client's.

    Parameters
    ----------
    versions
        What ``Client.get_versions(packages=PACKAGES)`` gives: ``client`` and ``workers``.

    Raises
    ------
    ExecutorError
        Names each difference, and both versions.
    """
    ours = versions["client"]["packages"]
    found: dict[str, list[str]] = {}
    for worker, report in versions["workers"].items():
        theirs = report.get("packages", {}) if isinstance(report, dict) else {}
        for package in ("python", *PACKAGES):
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
            f"Install the same versions on both sides: pip install {_wanted()}"
        )


def _wanted() -> str:
    wanted = []
    for package in PACKAGES:
        try:
            wanted.append(f"{package}=={metadata.version(package)}")
        except metadata.PackageNotFoundError:
            wanted.append(package)
    return " ".join(wanted)
