"""What was spent: by campaign, cluster, day and user, whatever the clock did."""

import datetime
import re
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicelab_nb.cost.history import model_error, observed, past_runs, spent_on
from spicelab_nb.cost.learning import learn
from spicelab_nb.cost.ledger import Ledger
from spicelab_nb.cost.meter import Meter
from spicelab_nb.cost.money import Money
from spicelab_nb.cost.price import Price, price_of
from spicelab_nb.cost.spending import IDLE, spending_of
from spicelab_nb.errors import CostError, CurrencyError, PriceError

DAY = 86400.0


class Clock:
    def __init__(self, now=0.0):
        self.now = now

    def __call__(self):
        return self.now


def test_a_meter_integrates_a_price_that_changes():
    clock = Clock()
    meter = Meter(0.34, clock=clock)
    clock.now = 3600.0
    assert meter.reprice(0.68)
    assert not meter.reprice(0.68)
    clock.now = 5400.0
    assert meter.spent == Money("0.68")
    meter.stop()
    clock.now = 9000.0
    assert meter.spent == Money("0.68")
    assert meter.elapsed == 5400.0


def test_a_clock_that_jumps_back_takes_nothing_and_charges_nothing_twice():
    clock = Clock(100.0)
    meter = Meter(3600, clock=clock)
    seen = []
    for now in (110.0, 50.0, 105.0, 112.0, -1e9, 113.0):
        clock.now = now
        seen.append(float(meter.spent))
    assert seen == sorted(seen)
    assert meter.spent == Money(13)
    assert meter.elapsed == 13.0


@given(st.lists(st.floats(-1e6, 1e6), max_size=30))
def test_what_is_spent_never_becomes_less(jumps):
    clock = Clock()
    meter = Meter(2, clock=clock)
    last = meter.spent
    for now in jumps:
        clock.now = now
        assert meter.spent >= last
        last = meter.spent
    assert float(last) == pytest.approx(2 * max([0.0, *jumps]) / 3600, abs=1e-9)


@pytest.mark.parametrize("price", [-0.01, "x", None, float("inf")])
def test_a_price_that_is_none_is_refused(price):
    with pytest.raises(CostError):
        Meter(price)


@pytest.mark.parametrize(
    ("given", "cores", "hourly"),
    [
        (0.03, 8, "0.24"),
        (Price(usd_per_hour=1.5), 8, "1.5"),
        (Price(watts=250, usd_per_kwh=0.4), 8, "0.1"),
        (Price(usd_per_core_hour=0.01, watts=1000, usd_per_kwh=0.3), 10, "0.4"),
        (0, 4, "0"),
    ],
)
def test_a_price_of_ones_own(given, cores, hourly):
    assert price_of(given).hourly(cores) == Decimal(hourly)


def test_a_price_may_be_a_text():
    price = price_of("0.04")
    assert price.hourly(8) == Decimal("0.32")
    assert str(price) == "0.04 USD a core and hour"
    energy = Price(watts="250", usd_per_kwh="0.40")
    assert str(energy) == "250 W at 0.40 USD a kWh"
    assert str(Price(watts="0")) == "nothing"


@pytest.mark.parametrize(
    ("terms", "complaint"),
    [
        ({"watts": 100}, "both watts and usd_per_kwh"),
        ({"usd_per_core_hour": -1}, "usd_per_core_hour is 0 or more"),
        ({"usd_per_hour": "dear"}, "usd_per_hour is a number"),
    ],
)
def test_a_price_that_makes_no_sense_is_refused(terms, complaint):
    with pytest.raises(PriceError, match=complaint):
        Price(**terms)


@pytest.fixture
def book(tmp_path):
    """A ledger of two days: one cluster, two campaigns and an hour of idling."""
    clock = Clock(10 * DAY + 22 * 3600)
    ledger = Ledger(tmp_path / "ledger.jsonl", clock=clock)
    cluster = {"name": "lab", "cluster_kind": "slurm", "currency": "USD"}
    run = {"cluster": "lab", "cluster_id": "c1", "currency": "USD", "points": 10}
    ledger.append("intent", "c1", **cluster, price_per_hour="1")
    ledger.append("started", "c1", **cluster, price_per_hour="1", elapsed=0, spent="0")
    ledger.append("run", "r1", campaign="amp", plan="p1", store="s1",
                  predicted_s=[3000, 2000, 4000], predicted_usd=[0.8, 0.5, 1.2], **run)  # fmt: skip
    clock.now += 3600
    ledger.append("run-ended", "r1", spent="1", elapsed=3600, done=10, state="done")
    ledger.append("alive", "c1", price_per_hour="1", elapsed=3600, spent="1")
    ledger.append("run", "r2", campaign="pll", plan="p2", store="s2", **run)
    clock.now += 2 * 3600
    ledger.append("run-alive", "r2", spent="2", elapsed=7200, done=4)
    clock.now += 3600
    ledger.append("ended", "c1", price_per_hour="1", elapsed=14400, spent="4", state="closed")
    return ledger, clock


def test_a_run_whose_first_line_is_lost_is_counted_once(book):
    """What it cost is in its cluster's account; of which campaign it was, nobody knows."""
    ledger, _ = book
    total = spending_of(ledger.read()[0]).total()
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    kept = [b"torn\n" if b'"kind":"run",' in line else line for line in lines]
    ledger.path.write_bytes(b"".join(kept))
    entries, problems = Ledger(ledger.path).read()
    assert problems
    assert spending_of(entries).total() == total
    assert set(spending_of(entries).by("campaign")) == {IDLE}


def test_sums_by_campaign_cluster_day_and_user(book):
    ledger, _ = book
    entries, _ = ledger.read()
    spending = spending_of(entries, zone=datetime.UTC)
    assert spending.total() == Money(4)
    assert spending.by("campaign") == {"pll": Money(2), "amp": Money(1), IDLE: Money(1)}
    assert spending.by("cluster") == {"lab": Money(4)}
    assert list(spending.by("day").values()) == [Money(1), Money(3)]
    assert list(spending.by("user").values()) == [Money(4)]
    assert spending.to_pandas()["amount"].sum() == pytest.approx(4.0)
    assert spent_on(entries, plan="p1", store="s1") == Money(1)
    assert "by user" in spending._repr_html_()
    text = repr(spending)
    assert "  by user\n" in text
    assert "Spent: 4.00 USD" in text
    assert "amp on lab: took 1 h 00 min, predicted 50 min (33 to 67)" in text
    html = spending._repr_html_()
    assert "<svg" in html
    assert "4.00 USD" in html
    assert "<script" not in html


@pytest.mark.parametrize(
    ("spent", "label", "part"),
    [
        ("0.000004", "millionths of a USD", 1e-6),
        ("0.000091", "thousandths of a USD", 1e-3),
        ("0.0123", "thousandths of a USD", 1e-3),
        ("4", "USD", 1),
        ("123456", "USD", 1),
    ],
)
def test_the_axes_of_the_plot_have_dates_and_short_numbers(tmp_path, spent, label, part):
    ledger = Ledger(tmp_path / "ledger.jsonl", clock=Clock(DAY))
    ledger.append("run", "r", campaign="amp", cluster="lab", spent="0")
    ledger.append("run-ended", "r", spent=spent, elapsed=1.0, done=1, state="done")
    html = spending_of(ledger.read()[0], zone=datetime.UTC)._repr_html_()
    texts = re.findall(r'<text x="[^"]*" y="[^"]*" text-anchor="(middle|end)">([^<]*)</text>', html)
    heights = [text for anchor, text in texts if anchor == "end"]
    assert len(heights) >= 3
    assert all(re.fullmatch(r"\d{1,6}(\.\d{1,3})?", text) for text in heights), heights
    assert f">{label}</text>" in html
    assert sorted(heights, key=float) == heights
    assert 0.5 * float(spent) < part * float(heights[-1]) <= float(spent)
    days = [text for anchor, text in texts if re.fullmatch(r"\d\d-\d\d", text)]
    last = datetime.datetime.fromtimestamp(DAY, datetime.UTC)
    week = [last - datetime.timedelta(days=k) for k in range(6, -1, -1)]
    assert days == [f"{day:%m-%d}" for day in week]


def test_names_are_escaped(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl", clock=Clock(DAY))
    ledger.append("run", "r", campaign="<script>x</script>", cluster="<b>", spent="0")
    ledger.append("run-ended", "r", spent="3", elapsed=1.0, done=1, state="done")
    html = spending_of(ledger.read()[0])._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_two_currencies_are_never_added(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl", clock=Clock(DAY))
    for number, currency in enumerate(("USD", "EUR")):
        ledger.append("run", f"r{number}", campaign="a", cluster="c", currency=currency)
        ledger.append("run-ended", f"r{number}", spent="2", elapsed=1, done=1, state="done")
    spending = spending_of(ledger.read()[0])
    with pytest.raises(CurrencyError, match="name one"):
        spending.total()
    assert spending.total("EUR") == Money(2, "EUR")
    assert "2.00 EUR" in repr(spending)
    assert "2.00 USD" in repr(spending)
    with pytest.raises(CostError, match="campaign, cluster, day, user"):
        spending.by("week")


def test_a_cluster_that_was_never_seen_to_end_is_asked_about(book):
    ledger, clock = book
    ledger.append("intent", "c2", name="cloud", price_per_hour="9", currency="USD")
    now = clock.now + 600
    asked = spending_of(ledger.read()[0], now=now).unended
    assert len(asked) == 1
    assert "cloud (9 USD an hour) was about to be started" in asked[0]
    assert not spending_of(ledger.read()[0], now=clock.now + 1).unended
    ledger.append("ended", "c2", name="cloud", price_per_hour="9", spent="0.1", state="failed")
    assert not spending_of(ledger.read()[0], now=now).unended


def test_the_clock_of_the_day_may_jump_without_changing_any_sum(tmp_path):
    clock = Clock(5 * DAY)
    ledger = Ledger(tmp_path / "ledger.jsonl", clock=clock)
    ledger.append("started", "c", name="lab", price_per_hour="1", elapsed=0, spent="0")
    for at, spent in ((5 * DAY + 60, "1"), (2 * DAY, "2"), (9 * DAY, "3"), (-5.0, "4")):
        clock.now = at
        ledger.append("alive", "c", name="lab", price_per_hour="1", spent=spent, elapsed=1)
    spending = spending_of(ledger.read()[0], zone=datetime.UTC)
    assert spending.total() == Money(4)
    assert len(spending.by("day")) == 4


@given(st.lists(st.integers(0, 3), min_size=8, max_size=8))
def test_a_run_and_its_cluster_may_write_on_different_days_without_changing_any_sum(days):
    """A cluster of 4 USD whose run cost 3: whichever line falls on which side of midnight."""
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock()
        ledger = Ledger(Path(folder) / "ledger.jsonl", clock=clock)
        ledger.append("started", "c", name="lab", price_per_hour="1", elapsed=0, spent="0")
        ledger.append("run", "r", campaign="amp", plan="p", cluster="lab", cluster_id="c")
        for number, day in enumerate(days):
            clock.now = day * DAY
            spent = number // 2 + 1
            if number % 2:
                ledger.append("alive", "c", name="lab", price_per_hour="1", spent=str(spent))
            else:
                ledger.append("run-alive", "r", spent=str(min(spent, 3)))
        spending = spending_of(ledger.read()[0], zone=datetime.UTC)
    assert spending.by("campaign") == {"amp": Money(3), IDLE: Money(1)}
    assert spending.total() == Money(4)


def test_an_empty_ledger_has_spent_nothing():
    spending = spending_of([])
    assert spending.total() == Money(0)
    assert spending.by("day") == {}
    assert "0.00 USD" in repr(spending)
    assert "0.00 USD" in spending._repr_html_()


def test_the_models_error_is_that_of_finished_predicted_runs(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl", clock=Clock(DAY))
    for number, (taken, state) in enumerate(
        [(100, "done"), (200, "done"), (50, "done"), (1000, "cancelled")]
    ):
        ledger.append("run", f"r{number}", campaign="a", cluster="c", points=10,
                      predicted_s=[100, 80, 150])  # fmt: skip
        ledger.append("run-ended", f"r{number}", elapsed=taken, spent="0", done=10, state=state)
    ledger.append("run", "r9", campaign="a", cluster="c", points=10)
    ledger.append("run-ended", "r9", elapsed=7, spent="0", done=10, state="done")
    runs = past_runs(ledger.read()[0])
    assert len(runs) == 5
    error = model_error(runs)
    assert error.runs == 3
    assert error.inside == 1
    assert error.ratio == pytest.approx(1.0)
    assert (error.lowest, error.highest) == (0.5, 2.0)
    assert model_error(runs[:2]) is None


def test_runs_of_an_earlier_version_tell_how_fast_a_place_is(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl", clock=Clock(DAY))
    # Taken to be twice as fast as here, it was as fast as here: each run took twice the time.
    for number, taken in enumerate([190, 200, 210, 200, 200, 2]):
        ledger.append("run", f"r{number}", campaign="a", cluster="c", points=10, speed=2.0,
                      predicted_s=[100, 80, 150])  # fmt: skip
        ledger.append("run-ended", f"r{number}", elapsed=taken, spent="0", done=10, state="done")
    told = learn(observed(past_runs(ledger.read()[0])))
    assert told.runs == 6
    # The one of two seconds is far off, and says little against five that agree.
    assert told.speed.value == pytest.approx(1.0, rel=0.05)
    assert told.speed.measured
