"""Amounts of money: decimal, each with its currency; two currencies are never added."""

from __future__ import annotations

import contextlib
import numbers
from dataclasses import dataclass
from decimal import (
    MAX_EMAX,
    MAX_PREC,
    MIN_EMIN,
    ROUND_CEILING,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    InvalidOperation,
)
from functools import total_ordering
from typing import Any

from spicelab_nb.errors import CostError, CurrencyError

__all__ = ["CONTEXT", "USD", "Money"]

USD = "USD"

CONTEXT = Context(prec=34, rounding=ROUND_HALF_EVEN)
"""How sums and products are rounded: to 34 digits, half to even. Nothing is rounded to cents."""

_CENT = Decimal("0.01")

_WIDE = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""Rounds to cents whatever is before the point: an absurd amount is shown, too."""


@total_ordering
@dataclass(frozen=True)
class Money:
    """So much of one currency.

    Sums and products are exact to 34 digits. Only what is shown is rounded: to cents, half to
    even, and an amount below ten cents to two digits, so that little is never shown as nothing.

    Parameters
    ----------
    amount
        A decimal, a whole number, a text (``"5.00"``), or a float, which is taken as it is
        written (0.1 is one tenth).
    currency
        Three capitals: ``"USD"``, ``"EUR"``.

    Raises
    ------
    CostError
        It is no finite amount, or no currency.
    """

    amount: Decimal
    currency: str = USD

    def __init__(self, amount: Any, currency: str = USD) -> None:
        object.__setattr__(self, "amount", decimal_of(amount))
        if not (isinstance(currency, str) and len(currency) == 3 and currency.isascii()):
            raise CostError(f'A currency is three capitals like "USD", not {currency!r}.')
        if not (currency.isalpha() and currency.isupper()):
            raise CostError(f'A currency is three capitals like "USD", not {currency!r}.')
        object.__setattr__(self, "currency", currency)

    def __add__(self, other: Any) -> Money:
        return Money(CONTEXT.add(self.amount, self._same(other, "added")), self.currency)

    def __sub__(self, other: Any) -> Money:
        return Money(CONTEXT.subtract(self.amount, self._same(other, "subtracted")), self.currency)

    def __mul__(self, factor: Any) -> Money:
        if isinstance(factor, Money):
            raise CurrencyError(f"{self} cannot be multiplied by {factor}.")
        return Money(CONTEXT.multiply(self.amount, decimal_of(factor)), self.currency)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        """Divide by a number; by money of the same currency it gives the ratio, a float."""
        if isinstance(other, Money):
            return float(CONTEXT.divide(self.amount, self._same(other, "divided")))
        return Money(CONTEXT.divide(self.amount, decimal_of(other)), self.currency)

    def __lt__(self, other: Any) -> bool:
        return self.amount < self._same(other, "compared")

    def __bool__(self) -> bool:
        return bool(self.amount)

    def __float__(self) -> float:
        return float(self.amount)

    def rounded(self, *, up: bool = False) -> Money:
        """To whole cents: half to even, or up where a bound must hold."""
        rounding = ROUND_CEILING if up else ROUND_HALF_EVEN
        return Money(self.amount.quantize(_CENT, rounding, _WIDE), self.currency)

    def __str__(self) -> str:
        size = abs(self.amount)
        if not size:
            text = "0.00"
        elif size >= Decimal("0.095"):
            text = f"{self.amount.quantize(_CENT, ROUND_HALF_EVEN, _WIDE):,f}"
        else:
            text = f"{Context(prec=2, rounding=ROUND_HALF_EVEN).plus(self.amount):f}"
        return f"{text} {self.currency}"

    def _same(self, other: Any, verb: str) -> Decimal:
        if not isinstance(other, Money):
            raise CurrencyError(f"{self} cannot be {verb} with {other!r}: give a Money, too.")
        if other.currency != self.currency:
            raise CurrencyError(
                f"{self} and {other} cannot be {verb}: they are different currencies, and nothing "
                "here knows a rate of exchange."
            )
        return other.amount


def decimal_of(value: Any) -> Decimal:
    """Take a number as it is written.

    Raises
    ------
    CostError
        It is none, or not finite.
    """
    made = None
    if isinstance(value, bool):
        pass
    elif isinstance(value, Decimal | int | str):
        with contextlib.suppress(InvalidOperation):
            made = Decimal(value)
    elif isinstance(value, numbers.Real):
        made = Decimal(repr(float(value)))
    if made is None:
        raise CostError(f"{value!r} is no amount: give a number.")
    if not made.is_finite():
        raise CostError(f"{value!r} is no amount: give a finite number.")
    return made


def as_money(value: Any, currency: str = USD) -> Money:
    """Take money as it is, and a number as an amount of `currency`."""
    return value if isinstance(value, Money) else Money(value, currency)
