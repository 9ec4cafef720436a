"""No cluster at all: chunks run one after the other in this process, where a debugger sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from spicelab_nb.clusters.kind import Condition
from spicelab_nb.errors import ClusterError, ExecutorError
from spicelab_nb.executors import Serial

if TYPE_CHECKING:
    from pathlib import Path

    from spicelab_nb.executors import Executor

__all__ = ["SerialCluster", "SerialOptions"]


@dataclass(frozen=True, kw_only=True)
class SerialOptions:
    """There is nothing to say about one."""


class SerialCluster:
    """The process that asks."""

    kind: ClassVar[str] = "serial"
    Options: ClassVar[type[Any]] = SerialOptions

    def __init__(self, options: SerialOptions, *, name: str, id: str, folder: Path) -> None:
        del options, id, folder
        self._name = name
        self._closed = False

    def start(self) -> None:
        """Nothing to start."""

    @property
    def client(self) -> None:
        """None: there is no Dask."""
        return

    @property
    def address(self) -> None:
        """None: nobody can connect."""
        return

    @property
    def dashboard_link(self) -> None:
        """None."""
        return

    @property
    def price_per_hour(self) -> float:
        """0."""
        return 0.0

    def executor(self) -> Executor:
        """A serial executor."""
        if self._closed:
            raise ExecutorError(f"Cluster {self._name!r} is closed.")
        return Serial()

    def condition(self) -> Condition:
        """One worker with one core."""
        if self._closed:
            return Condition(state="closed")
        return Condition(state="running", workers=1, cores=1)

    def tend(self) -> None:
        """Nothing to do."""

    def scale(self, workers: int) -> None:
        """Refused, unless it asks for 1."""
        if workers != 1:
            raise ClusterError(
                "A serial cluster is this process; it cannot have other workers. "
                'Use sl.cluster("local").'
            )

    def close(self) -> None:
        """Nothing to end."""
        self._closed = True
