"""Money is decimal, has a currency, and is rounded only where it is shown."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicelab_nb.cost.money import Money
from spicelab_nb.errors import CostError, CurrencyError

amounts = st.decimals(-(10**9), 10**9, allow_nan=False, allow_infinity=False, places=6)


def test_a_float_is_taken_as_it_is_written():
    assert Money(0.1) + Money(0.2) == Money("0.3")
    assert sum((Money(0.01) for _ in range(99)), Money("0.01")) == Money(1)


@given(amounts, amounts)
def test_sums_are_exact(a, b):
    assert (Money(a) + Money(b)).amount == a + b
    assert Money(a) - Money(a) == Money(0)
    assert (Money(a) < Money(b)) == (a < b)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0.00 USD"),
        (5, "5.00 USD"),
        ("1.005", "1.00 USD"),  # half to even
        ("1.015", "1.02 USD"),
        ("0.0034", "0.0034 USD"),
        ("0.0949", "0.095 USD"),
        (1234567.891, "1,234,567.89 USD"),
        (-2.5, "-2.50 USD"),
        ("1.2e-8", "0.000000012 USD"),
    ],
)
def test_little_is_never_shown_as_nothing(amount, text):
    assert str(Money(amount)) == text


def test_cents_are_rounded_half_to_even_or_up():
    assert Money("0.125").rounded() == Money("0.12")
    assert Money("0.1201").rounded(up=True) == Money("0.13")
    assert Money("0.12").rounded(up=True) == Money("0.12")


def test_an_absurd_amount_is_shown_and_rounded_too():
    # Once it is in the ledger, every look at what was spent shows it.
    assert str(Money("1e27")) == "1,000,000,000,000,000,000,000,000,000.00 USD"
    assert str(Money(1e300)).startswith("1,000,000,")
    assert Money("1e40").rounded(up=True) == Money("1e40")


@pytest.mark.parametrize("verb", ["__add__", "__sub__", "__truediv__", "__lt__"])
def test_two_currencies_are_never_mixed(verb):
    with pytest.raises(CurrencyError, match="different currencies"):
        getattr(Money(1, "USD"), verb)(Money(1, "EUR"))


def test_money_is_not_a_number():
    with pytest.raises(CurrencyError, match="give a Money, too"):
        Money(1) + 1
    with pytest.raises(CurrencyError):
        Money(2) * Money(3)
    assert Money(3) / Money(4) == 0.75
    assert Money(3) / 4 == Money("0.75")
    assert Money(1, "EUR") != Money(1, "USD")


@pytest.mark.parametrize("amount", ["x", None, True, float("nan"), "inf", Decimal("NaN"), [1]])
def test_what_is_no_amount_is_refused(amount):
    with pytest.raises(CostError, match="no amount"):
        Money(amount)


@pytest.mark.parametrize("currency", ["usd", "$", "EURO", "", 3, "É1U"])
def test_what_is_no_currency_is_refused(currency):
    with pytest.raises(CostError, match="three capitals"):
        Money(1, currency)
