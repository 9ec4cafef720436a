"""What has been spent: by campaign, cluster, day and user, from the ledger."""

from __future__ import annotations

import datetime
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from spicelab_nb.cost.history import ModelError, PastRun, model_error, past_runs
from spicelab_nb.cost.money import CONTEXT, USD, Money, decimal_of
from spicelab_nb.errors import CostError, CurrencyError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from spicelab_nb.cost.ledger import Entry

__all__ = ["Charge", "Spending", "spending_of"]

BY = ("campaign", "cluster", "day", "user")

IDLE = "(no campaign)"
"""What a cluster cost while it computed nothing."""

STALE = 300.0
"""Seconds after which a cluster that costs and says nothing is asked about."""

SHOWN = 10
"""Rows of a table."""


@dataclass(frozen=True, kw_only=True)
class Charge:
    """An amount spent on one day, by one user, on one cluster, for one campaign.

    Parameters
    ----------
    day
        ISO date, in the time zone that was asked for.
    user, cluster, campaign
        Names; `campaign` is ``"(no campaign)"`` for a cluster that was idle.
    money
        The amount.
    """

    day: str
    user: str
    cluster: str
    campaign: str
    money: Money


@dataclass(frozen=True, kw_only=True, repr=False)
class Spending:
    """Everything that a ledger knows of what was spent. Made by ``sl.spending()``.

    Parameters
    ----------
    charges
        The amounts.
    runs
        Past runs and those under way, the oldest first.
    unended
        Clusters that cost money and of which nothing has been heard for minutes: they may still
        cost; one sentence each.
    unknown
        Clusters of which nobody has said what they cost.
    problems
        Lines of the ledger that could not be counted.
    """

    charges: tuple[Charge, ...]
    runs: tuple[PastRun, ...]
    unended: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    problems: tuple[str, ...] = field(default=())

    @property
    def currencies(self) -> tuple[str, ...]:
        """Those in which anything was spent."""
        return tuple(sorted({charge.money.currency for charge in self.charges}))

    def total(self, currency: str | None = None) -> Money:
        """Everything in one currency.

        Raises
        ------
        CurrencyError
            There are several, and none was named.
        """
        chosen = self._currency(currency)
        return _sum((c.money for c in self.charges if c.money.currency == chosen), chosen)

    def by(
        self,
        what: Literal["campaign", "cluster", "day", "user"],
        currency: str | None = None,
    ) -> dict[str, Money]:
        """Sums by campaign, cluster, day or user: days in their order, others the dearest first.

        Raises
        ------
        CostError
            It is none of these.
        CurrencyError
            There are several currencies, and none was named.
        """
        if what not in BY:
            raise CostError(f"Spending is summed by {', '.join(BY)}, not {what!r}."
                            f"{nearest(str(what), BY)}")  # fmt: skip
        chosen = self._currency(currency)
        sums: dict[str, Money] = {}
        for charge in self.charges:
            if charge.money.currency == chosen:
                key = getattr(charge, what)
                sums[key] = sums.get(key, Money(0, chosen)) + charge.money
        if what == "day":
            return dict(sorted(sums.items()))
        return dict(sorted(sums.items(), key=lambda item: (-item[1].amount, item[0])))

    @property
    def error(self) -> ModelError | None:
        """How far predictions were off; None with fewer than three predicted runs."""
        return model_error(self.runs)

    def to_pandas(self) -> pd.DataFrame:
        """The charges as a table: amounts as float, for plots; `by` has them exactly."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "day": c.day,
                    "user": c.user,
                    "cluster": c.cluster,
                    "campaign": c.campaign,
                    "amount": float(c.money),
                    "currency": c.money.currency,
                }
                for c in self.charges
            ],
            columns=["day", "user", "cluster", "campaign", "amount", "currency"],
        )

    def _currency(self, asked: str | None) -> str:
        there = self.currencies
        if asked is None and len(there) > 1:
            raise CurrencyError(
                f"Money was spent in {' and '.join(there)}, which cannot be added: name one."
            )
        return asked or (there[0] if there else USD)

    def notes(self) -> list[str]:
        """What a person should know beside the sums."""
        found = [*self.unended]
        if self.unknown:
            found.append(
                f"What these cost is not known and not counted: {', '.join(self.unknown)}. "
                "Give price= when you start them."
            )
        if self.error is not None:
            found.append(str(self.error))
        return [*found, *self.problems]

    def __repr__(self) -> str:
        lines = []
        for currency in self.currencies or (USD,):
            lines.append(f"Spent: {self.total(currency)}")
            for what in ("campaign", "cluster", "user", "day"):
                rows = _shown(self.by(what, currency), what)
                if rows:
                    wide = max(len(name) for name, _ in rows)
                    lines.append(f"  by {what}")
                    lines += [f"    {name.ljust(wide)}  {amount}" for name, amount in rows]
        predicted = [run for run in self.runs if run.predicted_s is not None][-5:]
        if predicted:
            lines += ["Predicted against actual:", *(f"    {run}" for run in predicted)]
        return "\n".join([*lines, *self.notes()])

    def _repr_html_(self) -> str:
        parts = []
        for currency in self.currencies or (USD,):
            parts.append(f"<div>Spent: <b>{escape(str(self.total(currency)))}</b></div>")
            if self.charges:
                parts.append(_figure(self, currency))
            tables = "".join(
                _table(self, what, currency) for what in ("campaign", "cluster", "user")
            )
            parts.append(
                f"<div style='display:flex;flex-wrap:wrap;gap:2em'>{tables}"
                f"{_table(self, 'day', currency)}</div>"
            )
        predicted = [run for run in self.runs if run.predicted_s is not None][-5:]
        if predicted:
            rows = "".join(f"<li>{escape(str(run))}</li>" for run in reversed(predicted))
            parts.append(f"<div>Predicted against actual:<ul>{rows}</ul></div>")
        parts += [f"<div><small>{escape(text)}</small></div>" for text in self.notes()]
        return "".join(parts)


def _shown(sums: dict[str, Money], what: str) -> list[tuple[str, str]]:
    """The rows of a table: the dearest, or the latest days; what is left out as one."""
    items = list(sums.items())
    kept = items[-SHOWN:] if what == "day" else items[:SHOWN]
    rest = [amount for name, amount in items if (name, amount) not in kept]
    rows = [(name, str(amount)) for name, amount in kept]
    if rest:
        other = "earlier" if what == "day" else f"{len(rest)} others"
        rows.append((other, str(_sum(rest, rest[0].currency))))
    return rows


def _table(spending: Spending, what: Any, currency: str) -> str:
    rows = "".join(
        f"<tr><td style='text-align:left'>{escape(name)}</td>"
        f"<td style='text-align:right'>{escape(amount)}</td></tr>"
        for name, amount in _shown(spending.by(what, currency), what)
    )
    caption = f"<caption style='text-align:left'>by {what}</caption>"
    return f"<table>{caption}<tbody>{rows}</tbody></table>" if rows else ""


def _figure(spending: Spending, currency: str) -> str:
    """Spent each day as bars, and the sum of all days as a line."""
    import numpy as np

    from spicelab_nb.explorer.drawing import Drawing

    days = spending.by("day", currency)
    dates = [datetime.date.fromisoformat(day) for day in days]
    # A week at least, so that one day does not fill the figure, and two months at most.
    first = max(dates[0], dates[-1] - datetime.timedelta(days=59))
    first = min(first, dates[-1] - datetime.timedelta(days=6))
    wide = (dates[-1] - first).days + 1
    each = np.zeros(wide)
    before = 0.0
    for date, amount in zip(dates, days.values(), strict=True):
        if date >= first:
            each[(date - first).days] += float(amount)
        else:
            before += float(amount)
    sums = before + np.cumsum(each)
    edges = np.arange(wide + 1) - wide + 0.5
    part, part_name = _part_of(float(sums[-1]), currency)
    each, sums = each / part, sums / part
    drawing = Drawing(
        (float(edges[0]), float(edges[-1])),
        (0.0, float(sums[-1]) or 0.01),
        x_label="day",
        x_ticks=_date_ticks(dates[-1], wide),
        y_label=part_name,
        title=f"Spent until {dates[-1]}: {spending.total(currency)}\nbars: each day; line: the sum",
        height=240,
    )
    drawing.bars(edges, each, "#3b6ea5")
    drawing.line(np.repeat(edges, 2)[1:-1], np.repeat(sums, 2), "#c0392b")
    return (
        "<div style='display:inline-block;background:#fff;color:#222;font:12px sans-serif'>"
        f"{drawing.svg()}</div>"
    )


def _part_of(amount: float, currency: str) -> tuple[float, str]:
    """Give what an axis up to `amount` counts, so that its numbers are short, and its name."""
    if not 0 < amount < 0.05:
        return 1.0, currency
    if amount >= 5e-5:
        return 1e-3, f"thousandths of a {currency}"
    return 1e-6, f"millionths of a {currency}"


def _date_ticks(last: datetime.date, days: int) -> list[tuple[float, str]]:
    """Month and day below about seven of the last `days` bars, the last one among them."""
    back = range(0, days, max(1, round(days / 7)))
    return [(-float(k), f"{last - datetime.timedelta(days=k):%m-%d}") for k in reversed(back)]


# ---- counting ---------------------------------------------------------------------------------


def spending_of(
    entries: Sequence[Entry],
    *,
    problems: Iterable[str] = (),
    now: float | None = None,
    zone: datetime.tzinfo | None = None,
) -> Spending:
    """Count what a ledger's entries say was spent.

    What a run cost is its campaign's; what a cluster cost beyond its runs is nobody's.

    Parameters
    ----------
    entries, problems
        As ``Ledger.read`` gives them.
    now
        Seconds since 1970, to say which clusters have not been heard of; None: do not.
    zone
        In which a day begins at midnight; None: this machine's.
    """
    clusters = _Increments(entries, ("intent", "started", "rate", "alive", "ended"), zone)
    runs = _Increments(entries, ("run", "run-alive", "run-ended"), zone)
    used: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    charges: dict[tuple[str, str, str, str, str], Decimal] = defaultdict(Decimal)
    for id, day, amount in runs:
        first = runs.first[id]
        if first.kind != "run":
            continue  # its first line is lost, and what it cost is among its cluster's
        used[str(first.get("cluster_id", ""))][day] += amount
        charges[
            day,
            str(first.get("user", "")),
            str(first.get("cluster", "")),
            str(first.get("campaign", "")),
            runs.currency(id),
        ] += amount
    costs: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for id, day, amount in clusters:
        costs[id][day] = amount
    for id, days in costs.items():
        first, computing = clusters.first[id], used[id]
        # A cluster and its runs write their lines at different moments, on this side of midnight or
        # that: idle is what is left of all days together, not of each.
        left = sum(days.values()) - sum(computing.values())
        for day, amount in sorted(days.items()):
            idle = min(amount - computing[day], left)
            if idle > 0:
                left -= idle
                charges[
                    day,
                    str(first.get("user", "")),
                    str(first.get("name", "")),
                    IDLE,
                    clusters.currency(id),
                ] += idle
    return Spending(
        charges=tuple(
            Charge(day=day, user=user, cluster=cluster, campaign=campaign,
                   money=Money(amount, currency))
            for (day, user, cluster, campaign, currency), amount in sorted(charges.items())
            if amount
        ),
        runs=tuple(past_runs(entries)),
        unended=tuple(_unended(clusters, now)),
        unknown=tuple(clusters.unpriced()),
        problems=tuple(problems),
    )  # fmt: skip


class _Increments:
    """What each entry of a cluster or run adds to what it had spent before, by day."""

    def __init__(
        self, entries: Sequence[Entry], kinds: tuple[str, ...], zone: datetime.tzinfo | None
    ) -> None:
        self.first: dict[str, Entry] = {}
        self.last: dict[str, Entry] = {}
        self._sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        spent: dict[str, Decimal] = defaultdict(Decimal)
        for entry in entries:
            if entry.kind not in kinds:
                continue
            self.first.setdefault(entry.id, entry)
            self.last[entry.id] = entry
            try:
                so_far = decimal_of(entry.get("spent", 0))
            except CostError:
                continue
            # What is spent never becomes less, whatever order lines were written in.
            more = CONTEXT.subtract(so_far, spent[entry.id])
            if more > 0:
                day = datetime.datetime.fromtimestamp(entry.at, zone).date().isoformat()
                self._sums[entry.id, day] += more
                spent[entry.id] = so_far

    def __iter__(self) -> Any:
        return iter([(id, day, amount) for (id, day), amount in self._sums.items()])

    def currency(self, id: str) -> str:
        return str(self.first[id].get("currency", USD))

    def unpriced(self) -> list[str]:
        return sorted(
            {
                str(entry.get("name", id))
                for id, entry in self.last.items()
                if entry.get("price_per_hour", 0) is None
            }
        )


def _unended(clusters: _Increments, now: float | None) -> list[str]:
    if now is None:
        return []
    found = []
    for id, last in clusters.last.items():
        price = last.get("price_per_hour") or clusters.first[id].get("price_per_hour") or "0"
        if last.kind == "ended" or now - last.at < STALE or not decimal_of(price):
            continue
        name = clusters.first[id].get("name", id)
        when = datetime.datetime.fromtimestamp(last.at).strftime("%Y-%m-%d %H:%M")
        what = "was about to be started" if last.kind == "intent" else "was last heard of"
        found.append(
            f"{name} ({price} {clusters.currency(id)} an hour) {what} on {when} and was never seen "
            "to end: look whether it still runs."
        )
    return found


def _sum(amounts: Iterable[Money], currency: str) -> Money:
    total = Money(0, currency)
    for amount in amounts:
        total += amount
    return total
