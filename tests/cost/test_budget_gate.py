"""The gate of a budget, by itself: what it admits, when it warns, what it says."""

from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicelab_nb.cost.budget import Budget, budget_of, reserve
from spicelab_nb.cost.money import Money
from spicelab_nb.errors import BudgetError, CurrencyError


@dataclass
class Done:
    wall: float


class Till:
    def __init__(self, price=3600.0):
        self.spent = Money(0)
        self.price = Decimal(str(price))
        self.free = False
        self.said = []

    def budget(self, amount):
        return Budget(
            Money(amount),
            spent=lambda: self.spent,
            price_per_hour=lambda: self.price,
            free=lambda: self.free,
            warn=lambda percent, text: self.said.append((percent, text)),
        )


def test_it_warns_once_at_each_threshold():
    till = Till()
    budget = till.budget(10)
    for spent in (1, 4.9, 5, 5.1, 7.9, 8.5, 8.6, 10, 11):
        till.spent = Money(spent)
        budget.note(Done(0.0))
    assert [percent for percent, _ in till.said] == [50, 80, 100]
    assert till.said[0][1] == "50 % of the budget of 10.00 USD is spent: 5.00 USD."
    assert budget.percent == 100


def test_a_jump_over_all_thresholds_tells_each():
    till = Till()
    budget = till.budget(10)
    till.spent = Money(12)
    budget.note(Done(0.0))
    assert [percent for percent, _ in till.said] == [50, 80, 100]


@given(
    st.floats(0.1, 20),  # seconds of a chunk
    st.integers(1, 8),  # slots
    st.integers(10, 200),  # budget
)
def test_known_chunks_never_overstep(seconds, slots, amount):
    """With 1 USD a second: chunks in lockstep, as list scheduling hands them out."""
    till = Till()
    budget = till.budget(amount)
    budget.note(Done(seconds))
    for _ in range(10_000):
        under_way = 0
        while under_way < slots and budget.admits(under_way, slots):
            under_way += 1
        if not under_way:
            break
        till.spent += Money(seconds)
        for _ in range(under_way):
            budget.note(Done(seconds))
    assert float(till.spent) <= amount + 1e-9
    assert float(till.spent) + seconds > amount - 1e-9
    assert "used up" in budget.why()


def test_what_waits_behind_running_chunks_counts_too():
    till = Till()
    budget = till.budget(10)
    budget.note(Done(4.0))
    assert budget.admits(0, 2)
    assert budget.admits(3, 2)  # two rounds of 4 s are 8 USD
    assert not budget.admits(4, 2)  # three would be 12


def test_where_nothing_is_charged_everything_is_admitted():
    till = Till(price=0)
    budget = till.budget(0)
    assert budget.admits(100, 1)
    assert not budget.over()
    assert not till.said


def test_what_is_free_goes_on_after_more_was_spent_elsewhere():
    till = Till(price=0)
    till.spent = Money(3)
    assert not till.budget(2).admits(0, 1)  # nothing is charged for lack of workers
    till.free = True
    assert till.budget(2).admits(0, 1)
    assert till.budget(0).admits(5, 1)


def test_the_first_chunk_begins_as_long_as_anything_is_left():
    till = Till()
    budget = till.budget(1)
    assert budget.admits(0, 1)
    till.spent = Money(1)
    assert not budget.admits(0, 1)
    assert budget.over()


def test_an_end_below_the_budget_is_not_called_spent():
    till = Till()
    budget = till.budget(10)
    till.spent = Money("9.3")
    assert "9.30 USD spent, and another chunk" in budget.why()
    assert till.said[-1] == (
        100,
        "No other chunk fits the budget of 10.00 USD: 9.30 USD is spent.",
    )


def test_nothing_waits_behind_chunks_that_nobody_has_timed():
    till = Till()
    budget = till.budget(1000)
    assert budget.admits(3, 4)
    assert not budget.admits(4, 4)
    assert budget.admits(0, 0)  # workers that are still coming
    budget.note(Done(1.0))
    assert budget.admits(4, 4)


def test_what_fits_is_reserved_in_silence():
    reserve(Money(5), upper=Money(5), before=Money(0), samples=10, where="lab")
    reserve(Money(5), upper=Money(1), before=Money(4), samples=10, where="lab")


def test_what_does_not_fit_is_refused_with_what_would():
    with pytest.raises(BudgetError) as refused:
        reserve(
            Money(5),
            upper=Money("8.001"),
            before=Money(1),
            samples=1000,
            where="lab",
            alternatives={"cheap": Money(3), "cheaper": Money(2), "dear": Money(9)},
        )
    text = str(refused.value)
    assert "1,000 samples on lab may cost up to 8.00 USD" in text
    assert "1.00 USD of it spent already" in text
    assert "about 474 of the 1,000 samples" in text
    assert "cheaper, at up to 2.00 USD" in text
    assert "dear" not in text
    assert "a budget of 9.01 USD" in text  # rounded up: the bound must hold


def test_a_budget_in_another_currency_is_refused():
    with pytest.raises(CurrencyError, match=r"Prices are in USD.*5\.00 EUR"):
        budget_of(Money(5, "EUR"))
    with pytest.raises(CurrencyError):
        reserve(Money(5, "EUR"), upper=Money(1), before=Money(0), samples=1, where="lab")
