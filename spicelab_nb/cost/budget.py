"""A budget: refused before the start where it cannot be kept, and kept while a run goes on."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from spicelab_nb.cost.money import CONTEXT, USD, Money, as_money
from spicelab_nb.errors import BudgetError, CurrencyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["THRESHOLDS", "Budget", "budget_of"]

THRESHOLDS = (50, 80, 100)
"""Percent of a budget at which the person is told."""

_HOUR = Decimal(3600)


def budget_of(budget: Any, currency: str = USD) -> Money:
    """Take what a person gives for ``budget=``.

    Raises
    ------
    BudgetError
        It is negative, or no amount.
    CurrencyError
        It is money of another currency than `currency`, in which all prices are.
    """
    try:
        amount = as_money(budget, currency)
    except ValueError as error:
        raise BudgetError(
            f"budget= is an amount of money like 5.00, or None, not {budget!r}."
        ) from error
    if amount.currency != currency:
        raise CurrencyError(
            f"Prices are in {currency}, and the budget is {amount}: nothing here knows a rate of "
            f"exchange, so give it in {currency}."
        )
    if amount.amount < 0:
        raise BudgetError(
            f"A budget cannot be negative: {amount}. 0 means that nothing may be spent; without "
            "a limit leave budget= out."
        )
    return amount


def reserve(
    budget: Money,
    *,
    upper: Money,
    before: Money,
    samples: int,
    where: str,
    alternatives: Mapping[str, Money] | None = None,
) -> None:
    """Refuse what may cost more than the budget has left, and say what would fit.

    Parameters
    ----------
    budget
        For the campaign as a whole.
    upper
        Upper end of the predicted interval for what is still to be computed.
    before
        Spent on the campaign already.
    samples
        Points still to be computed.
    where
        Name of the cluster.
    alternatives
        Other places: name to the upper end of what it would cost there.

    Raises
    ------
    BudgetError
        It does not fit.
    """
    left = budget - before
    if upper <= left:
        return
    ways = []
    # Fixed parts (boot, head node) do not shrink with the samples: stay on the safe side.
    fewer = math.floor(samples * max(0.0, left / upper) * 0.95) if upper else 0
    if fewer >= 1:
        ways.append(f"about {fewer:,} of the {samples:,} samples")
    fitting = {name: cost for name, cost in (alternatives or {}).items() if cost <= left}
    if fitting:
        name = min(fitting, key=lambda each: fitting[each])
        most = fitting[name]
        ways.append(f"{name}, at {f'up to {most}' if most else 'no cost'}")
    ways.append(f"a budget of {(before + upper).rounded(up=True)}")
    spent = f", {before} of it spent already" if before else ""
    raise BudgetError(
        f"{samples:,} samples on {where} may cost up to {upper} (upper end of the 90 % interval), "
        f"and the budget is {budget}{spent}. What would fit: {'; or '.join(ways)}. "
        "reserve=False starts all the same, and stops when the budget is spent."
    )


class _Timed(Protocol):
    """A finished chunk: seconds it took in its worker."""

    @property
    def wall(self) -> float: ...


class Budget:
    """Holds a run to an amount: the gate of its driver.

    A chunk is handed out only if what is under way and this chunk can end within the amount, as far
    as the longest of the latest chunks tells; until the first one has ended, only where a slot is
    free. So it is overstepped by no more than what the chunks cost that run when it is reached.

    Parameters
    ----------
    amount
        For the campaign as a whole.
    spent
        Gives what is spent so far, earlier runs of the campaign included.
    price_per_hour
        Gives the price charged now.
    free
        Says whether the place costs nothing however many workers it has: there everything is
        admitted, whatever was spent elsewhere. One whose price is 0 for lack of workers does not.
    warn
        Called with a threshold (percent) and a sentence, once for each that is crossed.
    """

    state = "stopped: budget"

    def __init__(
        self,
        amount: Money,
        *,
        spent: Callable[[], Money],
        price_per_hour: Callable[[], Decimal],
        free: Callable[[], bool] = lambda: False,
        warn: Callable[[int, str], None] = lambda percent, text: None,
    ) -> None:
        self.amount = amount
        self._spent = spent
        self._price = price_per_hour
        self._free = free
        self._warn = warn
        self._crossed = 0
        self._longest = 0.0

    @property
    def percent(self) -> int:
        """The highest threshold that is crossed; 0 before the first."""
        return self._crossed

    def admits(self, under_way: int, slots: int) -> bool:
        """Whether one more chunk fits, beside those under way."""
        spent, price = self._spent(), self._price()
        self._tell(spent)
        if not price and (not spent or self._free()):
            return True
        if not self._longest and under_way >= max(slots, 1):
            # Nobody knows yet how long a chunk takes: none waits behind those that run.
            return False
        rounds = math.ceil((under_way + 1) / max(slots, 1))
        seconds = Decimal(repr(self._longest * rounds))
        ahead = Money(CONTEXT.divide(CONTEXT.multiply(price, seconds), _HOUR), spent.currency)
        fits = spent + ahead <= self.amount
        # What nobody has measured yet may begin as long as anything is left.
        return fits and (not price or spent < self.amount)

    def over(self) -> bool:
        """Whether all of it is spent."""
        return bool(self._price()) and self._spent() >= self.amount

    def note(self, receipt: _Timed) -> None:
        """Learn how long a chunk takes; the longest of the latest ones counts."""
        self._longest = max(receipt.wall, 0.8 * self._longest)
        self._tell(self._spent())

    def why(self) -> str:
        """What stopped the run, and how to go on."""
        self._tell(self._spent(), ended=True)
        more = (self.amount + self.amount).rounded(up=True)
        return (
            f"The budget of {self.amount} is used up: {self._spent()} spent, and another chunk "
            "would not have fitted. Everything finished is kept; go on with "
            f"run.resume(cluster, budget={more.amount})."
        )

    def _tell(self, spent: Money, *, ended: bool = False) -> None:
        share = 100 * (spent / self.amount) if self.amount else (100.0 if ended else 0.0)
        for percent in THRESHOLDS:
            if percent > self._crossed and (share >= percent or (ended and percent == 100)):
                self._crossed = percent
                self._warn(
                    percent,
                    f"No other chunk fits the budget of {self.amount}: {spent} is spent."
                    if ended and share < percent
                    else f"{percent} % of the budget of {self.amount} is spent: {spent}.",
                )
