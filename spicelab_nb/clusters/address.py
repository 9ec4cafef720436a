"""A Dask scheduler that runs already: joined, never ended, by us."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from spicelab_nb.clusters import registry
from spicelab_nb.clusters.certificates import Credentials
from spicelab_nb.clusters.clients import close_client, connect, workers_of
from spicelab_nb.clusters.kind import Condition
from spicelab_nb.clusters.memory import read_note
from spicelab_nb.errors import ClusterError, ExecutorError

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Client

    from spicelab_nb.executors import Executor

__all__ = ["Address", "AddressOptions", "Attached"]


@dataclass(frozen=True, kw_only=True)
class AddressOptions:
    """Where the scheduler is.

    Parameters
    ----------
    address
        ``"tcp://host:8786"`` or ``"tls://host:8786"``.
    security
        A ``distributed.Security``, or None; a ``tls://`` scheduler asks for one.
    timeout
        Seconds within which it answers.
    """

    address: str
    security: Any = None
    timeout: float = 10.0

    def __post_init__(self) -> None:
        if not isinstance(self.address, str) or not self.address.strip():
            raise ClusterError('address is like "tcp://host:8786".')
        if not isinstance(self.timeout, (int, float)) or not self.timeout > 0:
            raise ClusterError(f"timeout is a number of seconds above 0, not {self.timeout!r}.")


class Address:
    """A client of somebody else's scheduler."""

    kind: ClassVar[str] = "address"
    foreign: ClassVar[bool] = True
    """The scheduler is not one of ours, with our settings."""
    Options: ClassVar[type[Any]] = AddressOptions

    def __init__(self, options: AddressOptions, *, name: str, id: str, folder: Path) -> None:
        del id, folder
        self._options = options
        self._name = name
        # Half of its methods have no types.
        self._client: Any = None
        self._closed = False

    def start(self) -> None:
        """Connect.

        Raises
        ------
        ClusterError
            Nobody answers there, or it does not accept this certificate.
        """
        options = self._options
        try:
            self._client = connect(
                options.address,
                security=options.security,
                timeout=options.timeout,
                name=self._name,
            )
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            hint = (
                "It takes a certificate: give security=distributed.Security(...) with the paths of "
                "the scheduler's files."
                if options.address.startswith("tls") and options.security is None
                else "Is the scheduler running, and can this machine reach it? "
                "(dask scheduler prints its address.)"
            )
            cause = error.__cause__ or error
            raise ClusterError(
                f"No scheduler answered at {options.address} within {options.timeout:g} s "
                f"({type(cause).__name__}: {_reason(cause)}). {hint}"
            ) from error

    @property
    def client(self) -> Client | None:
        """The client."""
        client: Client | None = self._client
        return client

    @property
    def address(self) -> str | None:
        """As given."""
        return self._options.address

    @property
    def dashboard_link(self) -> str | None:
        """Dask's dashboard, where the scheduler has one."""
        if self._client is None or self._client.status != "running":
            return None
        try:
            return str(self._client.dashboard_link)
        except (KeyError, ValueError):
            return None

    @property
    def price_per_hour(self) -> float | None:
        """None: whoever started it knows."""
        return None

    def executor(self) -> Executor:
        """One more executor on its workers."""
        from spicelab_nb.executors import Dask

        if self._client is None or self._closed:
            raise ExecutorError(f"Cluster {self._name!r} is closed.")
        return Dask(self._client, how_ended=self.how_ended, foreign=self.foreign)

    def how_ended(self, address: str) -> str:
        """How a worker ended: whoever started it knows."""
        del address
        return ""

    def condition(self) -> Condition:
        """What the scheduler says."""
        if self._closed:
            return Condition(state="closed")
        found = workers_of(self._client, self._name)
        if found is None:
            lost = f"The scheduler at {self._options.address} does not answer."
            return Condition(state="failed", problem=lost)
        workers = found.values()
        return Condition(
            state="running",
            workers=len(workers),
            cores=sum(int(worker["nthreads"]) for worker in workers),
            memory=sum(int(worker["memory_limit"] or 0) for worker in workers),
        )

    def tend(self) -> None:
        """Nothing to do: it is not ours."""

    def scale(self, workers: int) -> None:
        """Refused: whoever started it can."""
        del workers
        raise ClusterError(
            f"Cluster {self._name!r} was not started here and cannot be scaled from here; "
            "do it where it was started."
        )

    def close(self) -> None:
        """Disconnect; the scheduler and its workers go on."""
        if self._closed:
            return
        self._closed = True
        close_client(self._client, self._name)


class Attached(Address):
    """A cluster that another process of the same user started and looks after."""

    foreign = False

    def __init__(self, options: AddressOptions, *, name: str, id: str, folder: Path) -> None:
        credentials = Credentials.within(folder)
        if options.security is None and credentials.key.exists():
            options = AddressOptions(
                address=options.address,
                security=credentials.security(),
                timeout=options.timeout,
            )
        super().__init__(options, name=name, id=id, folder=folder)
        self._id = id
        self._folder = folder

    def how_ended(self, address: str) -> str:
        """What its owner, or the worker itself, wrote down."""
        return read_note(self._folder, address)

    def scale(self, workers: int) -> None:
        """Ask its owner."""
        registry.request_scale(self._id, workers)


def _reason(error: BaseException) -> str:
    """What an error says, without the addresses of Python's objects that Dask puts in."""
    return re.sub(r"(in )?<\S+ object at 0x[0-9a-f]+>(: )?", "", str(error)) or "no reason given"
