"""What work can run on and what an hour of it costs: cloud machine types and one's own machines."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from spicelab_nb.errors import PriceError

if TYPE_CHECKING:
    import datetime

__all__ = ["Machine", "MachineType", "OwnMachine", "Partition"]


class Machine(Protocol):
    """What the cost model needs to know of a machine, whoever owns it."""

    @property
    def name(self) -> str:
        """As its owner calls it."""

    @property
    def provider(self) -> str:
        """``"aws"``, ``"gcp"``, ``"azure"`` or ``"own"``."""

    @property
    def vcpu(self) -> int:
        """Processors of one machine."""

    @property
    def memory_gib(self) -> float:
        """Memory of one machine, GiB."""

    @property
    def count_limit(self) -> int | None:
        """How many of them there are; None: as many as one pays for."""

    def usd_per_hour(self, *, spot: bool = False) -> float:
        """Price of one machine for an hour, USD."""

    def sells_spot(self) -> bool:
        """Whether there is a price for interruptible use."""


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _positive(where: str, **values: float) -> None:
    for field, value in values.items():
        if not (_is_number(value) and math.isfinite(value) and value > 0):
            raise PriceError(f"{where}: {field} must be more than 0 and finite, not {value!r}.")


def _price(where: str, **values: float | None) -> None:
    for field, value in values.items():
        if value is None:
            continue
        if not (_is_number(value) and math.isfinite(value) and value >= 0):
            raise PriceError(f"{where}: {field} must be 0 or more and finite, not {value!r}.")


@dataclass(frozen=True, kw_only=True)
class MachineType:
    """A machine type of a cloud in one region, with its prices and where these come from.

    Parameters
    ----------
    provider, name, region
        ``"aws"``, ``"c6i.2xlarge"``, ``"us-east-1"``.
    vcpu
        Virtual processors.
    memory_gib
        GiB.
    architecture
        ``"x86_64"`` or ``"arm64"``.
    on_demand_usd_h
        USD an hour.
    spot_usd_h
        USD an hour for interruptible use; None: not known.
    gpus, gpu
        How many graphics processors, and which.
    source, dated
        Where the prices were read and as of when; None: the source does not say when.
    note
        What else the source says.
    """

    provider: str
    name: str
    region: str
    vcpu: int
    memory_gib: float
    architecture: str
    on_demand_usd_h: float
    spot_usd_h: float | None = None
    gpus: int = 0
    gpu: str = ""
    source: str = ""
    dated: datetime.date | None = None
    note: str = ""

    def __post_init__(self) -> None:
        _positive(f"Machine type {self.name}", vcpu=self.vcpu, memory_gib=self.memory_gib)
        _price(
            f"Machine type {self.name}",
            on_demand_usd_h=self.on_demand_usd_h,
            spot_usd_h=self.spot_usd_h,
        )

    @property
    def count_limit(self) -> int | None:
        """None: as many as one pays for."""
        return None

    def sells_spot(self) -> bool:
        """Whether a price for interruptible use is known."""
        return self.spot_usd_h is not None

    def usd_per_hour(self, *, spot: bool = False) -> float:
        """Price of one machine for an hour, USD.

        Raises
        ------
        PriceError
            No spot price of this type is known.
        """
        if not spot:
            return self.on_demand_usd_h
        if self.spot_usd_h is None:
            raise PriceError(
                f"No spot price of {self.name} in {self.region} is known. "
                "Ask for the on-demand price, or refresh the catalogue."
            )
        return self.spot_usd_h


def _own_price(
    where: str,
    cores: int,
    usd_per_core_hour: float | None,
    watts: float | None,
    usd_per_kwh: float | None,
) -> float:
    """USD an hour of one machine, from exactly one way of stating it."""
    _price(where, usd_per_core_hour=usd_per_core_hour, watts=watts, usd_per_kwh=usd_per_kwh)
    by_energy = watts is not None or usd_per_kwh is not None
    if usd_per_core_hour is not None and by_energy:
        raise PriceError(
            f"{where}: give usd_per_core_hour, or watts and usd_per_kwh, but not both."
        )
    if usd_per_core_hour is not None:
        return usd_per_core_hour * cores
    if not by_energy:
        return 0.0
    if watts is None or usd_per_kwh is None:
        raise PriceError(f"{where}: the price of energy needs both watts and usd_per_kwh.")
    return watts / 1000.0 * usd_per_kwh


@dataclass(frozen=True, kw_only=True)
class OwnMachine:
    """A machine of one's own, priced per core hour, by its energy, or not at all.

    Parameters
    ----------
    name
        What it is called in tables.
    cores
        Processors that work may use.
    memory_gib
        Memory that work may use, GiB.
    usd_per_core_hour
        Price of one core for an hour; every core of the machine is paid for while it works.
    watts, usd_per_kwh
        Instead: what the machine draws under load, and the price of energy.
    count
        How many such machines there are.

    Raises
    ------
    PriceError
        A price is negative or stated twice, or one of watts and usd_per_kwh is missing.
    """

    name: str = "this machine"
    cores: int
    memory_gib: float
    usd_per_core_hour: float | None = None
    watts: float | None = None
    usd_per_kwh: float | None = None
    count: int = 1

    def __post_init__(self) -> None:
        where = f"Own machine {self.name!r}"
        _positive(where, cores=self.cores, memory_gib=self.memory_gib, count=self.count)
        self.usd_per_hour()

    @property
    def provider(self) -> str:
        """Always ``"own"``."""
        return "own"

    @property
    def vcpu(self) -> int:
        """Processors of one machine."""
        return self.cores

    @property
    def count_limit(self) -> int | None:
        """How many there are."""
        return self.count

    def sells_spot(self) -> bool:
        """Never."""
        return False

    def usd_per_hour(self, *, spot: bool = False) -> float:
        """Price of one machine for an hour, USD; 0 when none was stated."""
        where = f"Own machine {self.name!r}"
        if spot:
            raise PriceError(f"{where} has no spot price.")
        return _own_price(where, self.cores, self.usd_per_core_hour, self.watts, self.usd_per_kwh)


@dataclass(frozen=True, kw_only=True)
class Partition:
    """Nodes of a batch system, all alike, priced as an `OwnMachine` is.

    Parameters
    ----------
    name
        Of the partition.
    nodes
        How many it has, or how many one may use.
    cores, memory_gib
        Of one node that a job may use.
    usd_per_core_hour
        Price of one core for an hour.
    watts, usd_per_kwh
        Instead: what a node draws under load, and the price of energy.

    Raises
    ------
    PriceError
        As of `OwnMachine`.
    """

    name: str
    nodes: int
    cores: int
    memory_gib: float
    usd_per_core_hour: float | None = None
    watts: float | None = None
    usd_per_kwh: float | None = None

    def __post_init__(self) -> None:
        where = f"Partition {self.name!r}"
        _positive(where, nodes=self.nodes, cores=self.cores, memory_gib=self.memory_gib)
        self.usd_per_hour()

    @property
    def provider(self) -> str:
        """Always ``"own"``."""
        return "own"

    @property
    def vcpu(self) -> int:
        """Cores of one node."""
        return self.cores

    @property
    def count_limit(self) -> int | None:
        """The number of nodes."""
        return self.nodes

    def sells_spot(self) -> bool:
        """Never."""
        return False

    def usd_per_hour(self, *, spot: bool = False) -> float:
        """Price of one node for an hour, USD; 0 when none was stated."""
        where = f"Partition {self.name!r}"
        if spot:
            raise PriceError(f"{where} has no spot price.")
        return _own_price(where, self.cores, self.usd_per_core_hour, self.watts, self.usd_per_kwh)
