"""Kinds of clusters: the contract of a launcher, and where launchers are found.

A plug-in names its class under the entry point group ``spicelab_nb.clusters``:
``mykind = "my_package:MyKind"``. ``spicelab_nb.testing.clusters.ClusterTests`` is the conformance
suite.
"""

from __future__ import annotations

import importlib
from dataclasses import MISSING, dataclass, fields
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

from spicelab_nb.errors import ClusterError, nearest

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Client

    from spicelab_nb.executors import Executor

__all__ = ["ClusterKind", "Condition", "find_kind", "known_kinds", "make_options"]

GROUP = "spicelab_nb.clusters"

BUILT_IN = {
    "address": "spicelab_nb.clusters.address:Address",
    "local": "spicelab_nb.clusters.local:Local",
    "ray": "spicelab_nb.clusters.ray:RayCluster",
    "serial": "spicelab_nb.clusters.serial:SerialCluster",
}


@dataclass(frozen=True, kw_only=True)
class Condition:
    """How a cluster is: the fields of the same names in :class:`~spicelab_nb.clusters.Record`."""

    state: str
    workers: int = 0
    cores: int = 0
    memory: int = 0
    problem: str = ""


class ClusterKind(Protocol):
    """Starts one cluster of its kind and looks after it. Called from several threads.

    Made as ``Kind(options, name=..., id=..., folder=...)``: `options` is an instance of `Options`,
    and `folder` a path where it may keep keys and logs, to be made by it (mode 0700) if needed, and
    removed for it after `close`.
    """

    kind: ClassVar[str]
    """Its name in ``sl.cluster(kind)``."""
    Options: ClassVar[type[Any]]
    """A frozen dataclass with keyword-only fields; checks itself, raising `ClusterError`."""

    def __init__(self, options: Any, *, name: str, id: str, folder: Path) -> None: ...

    def start(self) -> None:
        """Return when every worker that was asked for is there.

        Raises
        ------
        ClusterStartError
            They did not come up in time; nothing that was started is left.
        """

    @property
    def client(self) -> Client | None:
        """The Dask client, where there is one."""

    @property
    def address(self) -> str | None:
        """Of the scheduler."""

    @property
    def dashboard_link(self) -> str | None:
        """Where the scheduler's dashboard is seen."""

    @property
    def price_per_hour(self) -> float | None:
        """What it costs now, USD; 0 for nothing, None where it is not known."""

    def executor(self) -> Executor:
        """Something new to run one campaign's chunks."""

    def condition(self) -> Condition:
        """How it is now, within seconds even where it does not answer; never raises."""

    def tend(self) -> None:
        """Replace what died, and the like; called about once a second, from one thread."""

    def scale(self, workers: int) -> None:
        """Ask for so many workers; they come and go later.

        Raises
        ------
        ClusterError
            It cannot be scaled from here.
        """

    def close(self) -> None:
        """End everything that `start` started; may be called twice, and after a failed `start`."""


def known_kinds() -> list[str]:
    """Every kind that can be asked for: built in, and from plug-ins."""
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group=GROUP))})


def find_kind(kind: str) -> type[ClusterKind]:
    """The launcher of a kind.

    Raises
    ------
    ClusterError
        There is none of that name, or its plug-in cannot be imported.
    """
    if kind in BUILT_IN:
        module, _, name = BUILT_IN[kind].partition(":")
        return cast("type[ClusterKind]", getattr(importlib.import_module(module), name))
    for point in entry_points(group=GROUP, name=kind):
        try:
            return cast("type[ClusterKind]", point.load())
        except Exception as error:
            raise ClusterError(
                f"The plug-in for clusters of kind {kind!r} ({point.value}) cannot be imported: "
                f"{type(error).__name__}: {error}"
            ) from error
    raise ClusterError(
        f"There is no kind of cluster called {kind!r}.{nearest(kind, known_kinds())}"
    )


def make_options(launcher: type[ClusterKind], given: dict[str, Any]) -> Any:
    """Check the options given for a kind.

    Raises
    ------
    ClusterError
        One is unknown, missing, or of no use.
    """
    names = [f.name for f in fields(launcher.Options)]
    for name in given:
        if name not in names:
            raise ClusterError(
                f"A {launcher.kind!r} cluster has no option {name!r}.{nearest(name, names)}"
            )
    for f in fields(launcher.Options):
        needed = f.default is MISSING and f.default_factory is MISSING
        if needed and f.name not in given:
            raise ClusterError(
                f"A {launcher.kind!r} cluster needs {f.name}=: "
                f'sl.cluster("{launcher.kind}", {f.name}=...). '
                f"{launcher.Options.__module__}.{launcher.Options.__name__} says what it takes."
            )
    try:
        return launcher.Options(**given)
    except TypeError as error:
        raise ClusterError(f"A {launcher.kind!r} cluster cannot be made so: {error}") from error
