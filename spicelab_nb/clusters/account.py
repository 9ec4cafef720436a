"""What one cluster costs: metered while it is up, written into the ledger from before its start."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from spicelab_nb.cost import ledger
from spicelab_nb.cost.meter import Meter, billing_clock
from spicelab_nb.cost.money import USD, Money

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from spicelab_nb.cost.price import Price

__all__ = ["Account"]

NOTE_SECONDS = 60.0
"""Between two lines that say that a cluster is there: what is lost when its owner is killed."""

HERE = ("local", "serial", "ray")
"""Kinds that sleep when this machine sleeps."""


class Account:
    """Keeps a cluster's accounts. Used from the threads of its cluster.

    Parameters
    ----------
    id, name, kind
        Of the cluster.
    price
        What its owner says that it costs; None: what its kind says.
    recorded
        False for a cluster that another process owns, which accounts for it: nothing is written.
    """

    def __init__(
        self, *, id: str, name: str, kind: str, price: Price | None, recorded: bool = True
    ) -> None:
        self._id = id
        self._facts = {"name": name, "cluster_kind": kind, "currency": USD}
        self._price = price
        self._recorded = recorded
        self._clock: Callable[[], float] = billing_clock(goes_on_asleep=kind not in HERE)
        self._meter = Meter(0, clock=self._clock)
        self._known = True
        self._noted = time.monotonic()
        self._ended = False

    def price(self, said: Any, cores: int) -> Any:
        """USD an hour: the owner's price for so many cores, else what the kind says."""
        if self._price is None:
            return said
        return float(self._price.hourly(cores))

    @property
    def spent(self) -> Money:
        """Since it was started, as far as its price is known."""
        return self._meter.spent

    def intend(self, said: Any) -> None:
        """Write down that it is about to be started.

        Raises
        ------
        LedgerError
            It costs money, and that cannot be written down: then it must not be started.
        """
        if not self._recorded:
            return
        terms = str(self._price) if self._price is not None else None
        facts = {**self._facts, "price": terms, "price_per_hour": _text(self.price(said, 1))}
        if (self._price is not None and terms != "nothing") or said:
            ledger.default_ledger().append("intent", self._id, **facts)
        else:
            ledger.note("intent", self._id, **facts)

    def started(self, price: Any) -> None:
        """Charge from now on."""
        self._meter = Meter(price or 0, clock=self._clock)
        self._note("started", price)

    def look(self, price: Any) -> None:
        """Follow the price; called about once a second."""
        known = price is not None
        if self._meter.reprice(price or 0) or known != self._known:
            self._known = known
            self._note("rate", price)
        elif self._meter.price_per_hour and time.monotonic() > self._noted + NOTE_SECONDS:
            self._note("alive", price)

    def write_now(self) -> None:
        """Write down what is spent, where it costs anything."""
        if self._meter.price_per_hour and not self._ended:
            self._note("alive", self._meter.price_per_hour)

    def ended(self, state: str) -> None:
        """Charge nothing any more."""
        if not self._ended:
            self._ended = True
            self._meter.stop()
            self._note("ended", self._meter.price_per_hour, state=state)

    def _note(self, kind: str, price: Any, **more: Any) -> None:
        if not self._recorded:
            return
        self._noted = time.monotonic()
        ledger.note(
            kind,
            self._id,
            **self._facts,
            price_per_hour=_text(price),
            elapsed=round(self._meter.elapsed, 3),
            spent=str(self._meter.spent.amount),
            **more,
        )


def _text(price: float | Decimal | None) -> str | None:
    return None if price is None else str(price)
