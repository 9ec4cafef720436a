"""What is being spent now: a price integrated over a clock that only goes forward."""

from __future__ import annotations

import threading
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from spicelab_nb.cost.money import CONTEXT, USD, Money, decimal_of
from spicelab_nb.errors import CostError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Meter", "billing_clock"]

_HOUR = Decimal(3600)


class Meter:
    """Money spent since it was made, at a price an hour that may change. From any thread.

    A clock that jumps backwards adds nothing and takes nothing away; the time it repeats is not
    charged twice.

    Parameters
    ----------
    price_per_hour
        A number, 0 or more.
    currency
        Of the price.
    clock
        Seconds; monotonic, or at least meant to be.

    Raises
    ------
    CostError
        The price is negative or no number.

    Examples
    --------
    >>> now = [0.0]
    >>> meter = Meter(0.34, clock=lambda: now[0])
    >>> now[0] = 1800.0
    >>> str(meter.spent)
    '0.17 USD'
    """

    def __init__(
        self,
        price_per_hour: Any,
        *,
        currency: str = USD,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.currency = currency
        self._clock = clock
        self._lock = threading.Lock()
        self._price = checked_price(price_per_hour)
        self._last = clock()
        self._elapsed = 0.0
        self._spent = Decimal(0)
        self._stopped = False

    @property
    def price_per_hour(self) -> Decimal:
        """The price now."""
        return self._price

    @property
    def elapsed(self) -> float:
        """Seconds since it was made, backward jumps left out."""
        with self._lock:
            self._advance()
            return self._elapsed

    @property
    def spent(self) -> Money:
        """Everything since it was made."""
        with self._lock:
            self._advance()
            return Money(self._spent, self.currency)

    def reprice(self, price_per_hour: Any) -> bool:
        """Charge this price from now on; False where it is the one already charged."""
        price = checked_price(price_per_hour)
        with self._lock:
            self._advance()
            changed, self._price = price != self._price, price
            return changed

    def stop(self) -> None:
        """Charge nothing from now on."""
        with self._lock:
            self._advance()
            self._stopped = True

    def _advance(self) -> None:
        now = self._clock()
        if now > self._last and not self._stopped:
            self._elapsed += now - self._last
            charge = CONTEXT.multiply(self._price, decimal_of(now - self._last))
            self._spent = CONTEXT.add(self._spent, CONTEXT.divide(charge, _HOUR))
        self._last = max(now, self._last)


def checked_price(price: Any) -> Decimal:
    """A price as a decimal.

    Raises
    ------
    CostError
        It is negative or no number.
    """
    made = decimal_of(price)
    if made < 0:
        raise CostError(f"A price is 0 or more an hour, not {price!r}.")
    return made


def billing_clock(*, goes_on_asleep: bool) -> Callable[[], float]:
    """Give the clock that a bill follows: a cloud's goes on while this machine sleeps."""
    if goes_on_asleep and hasattr(time, "CLOCK_BOOTTIME"):
        return lambda: time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic
