"""What a person says that an hour of a cluster costs: per core, in all, or by its energy."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from spicelab_nb.cost.money import CONTEXT, decimal_of
from spicelab_nb.errors import PriceError

__all__ = ["Price", "price_of"]


@dataclass(frozen=True, kw_only=True)
class Price:
    """A price of one's own: of a partition, a lab machine, a desk that draws power.

    What is given is added up: a machine may have a price for its cores and one for its energy.
    Numbers may be texts, too (``"0.04"``).

    Parameters
    ----------
    usd_per_core_hour
        For each core that is there, an hour.
    usd_per_hour
        For the whole cluster, an hour.
    watts, usd_per_kwh
        What the cluster draws while it is up, and the price of energy.

    Raises
    ------
    PriceError
        One is negative or no number, or there are watts without a price of energy.

    Examples
    --------
    >>> str(Price(watts=250, usd_per_kwh=0.40).hourly(cores=8))
    '0.1000'
    >>> str(Price(usd_per_core_hour=0.03).hourly(cores=8))
    '0.24'
    """

    usd_per_core_hour: float = 0.0
    usd_per_hour: float = 0.0
    watts: float = 0.0
    usd_per_kwh: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            try:
                good = decimal_of(value) >= 0
            except ValueError as error:
                raise PriceError(f"A price's {field.name} is a number, not {value!r}.") from error
            if not good:
                raise PriceError(f"A price's {field.name} is 0 or more, not {value!r}.")
            if isinstance(value, str):
                object.__setattr__(self, field.name, decimal_of(value))
        if bool(self.watts) != bool(self.usd_per_kwh):
            raise PriceError("The price of energy needs both watts and usd_per_kwh.")

    def hourly(self, cores: int) -> Decimal:
        """USD an hour with `cores` cores."""
        energy = CONTEXT.multiply(decimal_of(self.watts), decimal_of(self.usd_per_kwh))
        per_core = CONTEXT.multiply(decimal_of(self.usd_per_core_hour), Decimal(cores))
        return per_core + decimal_of(self.usd_per_hour) + CONTEXT.divide(energy, Decimal(1000))

    def __str__(self) -> str:
        parts = []
        if self.usd_per_core_hour:
            parts.append(f"{self.usd_per_core_hour:g} USD a core and hour")
        if self.usd_per_hour:
            parts.append(f"{self.usd_per_hour:g} USD an hour")
        if self.watts:
            parts.append(f"{self.watts:g} W at {self.usd_per_kwh:g} USD a kWh")
        return " and ".join(parts) or "nothing"


def price_of(given: Any) -> Price | None:
    """Take what is given for ``price=``: a `Price`, USD a core and hour, or None.

    Raises
    ------
    PriceError
        It is none of these, or negative.
    """
    if given is None or isinstance(given, Price):
        return given
    return Price(usd_per_core_hour=given)
