"""What a campaign will take, at each place where it could run: pure, recomputed in a moment."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from spicelab_nb.cost.estimation import Estimate, Interval, estimate
from spicelab_nb.cost.frontier import cheapest as _cheapest
from spicelab_nb.cost.frontier import fastest as _fastest
from spicelab_nb.cost.frontier import pareto, worker_counts
from spicelab_nb.cost.money import USD, Money
from spicelab_nb.cost.pilot import EXACT, Ratio
from spicelab_nb.cost.wording import as_seconds, time_text
from spicelab_nb.cost.workload import FREE, Tariff, Workload
from spicelab_nb.errors import CostError, suggests_arguments

if TYPE_CHECKING:
    import pandas as pd

    from spicelab_nb.cost.machine import Machine

__all__ = ["Place", "Preview", "Row"]

Where = Literal["here", "cluster", "cloud"]

MOST_WORKERS = 256
"""Of a cloud, unless more are asked for."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Somewhere a campaign could run.

    Parameters
    ----------
    name
        For people.
    where
        ``"here"``: this machine; ``"cluster"``: a live one; ``"cloud"``: a machine type.
    machine
        What it is made of.
    workers
        That there are; None: as many as are asked for.
    tariff
        What is paid beside the machines, and how long they take to come up.
    speed
        Against where the pilot ran.
    priced
        False where nobody has said what it costs.
    start_s
        Of the tariff's time to boot: what is known beforehand, and not learnt from past runs.
    """

    name: str
    where: Where
    machine: Machine
    workers: int | None = None
    tariff: Tariff = FREE
    speed: Ratio = EXACT
    priced: bool = True
    start_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """One place with a number of workers, and what the campaign takes there.

    Parameters
    ----------
    place
        Where.
    estimate
        Everything that the model says.
    pareto
        No other row is both faster and cheaper.
    fits
        Within the deadline and the budget that were given.
    """

    place: Place
    estimate: Estimate
    pareto: bool = False
    fits: bool = True

    @property
    def workers(self) -> int:
        """How many."""
        return self.estimate.workers

    @property
    def spot(self) -> bool:
        """At the price for interruptible machines."""
        return self.estimate.spot

    @property
    def time_s(self) -> Interval:
        """Seconds, with bounds that are meant to hold nine times in ten."""
        return self.estimate.time_s

    @property
    def cost(self) -> tuple[Money, Money, Money] | None:
        """Mean, lower and upper bound; None where nobody has said what the place costs."""
        if not self.place.priced:
            return None
        usd = self.estimate.cost_usd
        if not math.isfinite(usd.upper):
            return None
        return Money(usd.mean, USD), Money(usd.lower, USD), Money(usd.upper, USD)

    @property
    def label(self) -> str:
        """The place, and whether spot."""
        return f"{self.place.name}{' spot' if self.spot else ''}"

    def __repr__(self) -> str:
        from spicelab_nb.cost.preview_table import row_texts

        name, workers, time, cost, *_ = row_texts(self)
        many = "1 worker" if workers == "1" else f"{workers} workers"
        return f"<{name}, {many}: {time}, {cost}>"


@dataclass(frozen=True, kw_only=True, repr=False)
class Preview:
    """Time and money of a campaign at each place, before anything starts.

    Made by ``campaign.preview()``. It starts nothing and asks nobody: :meth:`at` and the choices
    below are arithmetic on what the pilot measured.

    Parameters
    ----------
    name
        Of the campaign.
    total, left
        Points of the campaign, and those still to be computed.
    workload
        What is left, as the model takes it; None where nothing can be said.
    places
        Where it could run.
    basis
        What it rests on, one sentence.
    problem
        Why there are no numbers; "" where there are.
    spent
        What the campaign has cost so far; None where the ledger cannot be read.
    notes
        What a person should know: the age of prices, what is assumed, past errors.
    workers, spot, deadline_s, budget
        As given to :meth:`at`.
    """

    name: str
    total: int
    left: int
    workload: Workload | None
    places: tuple[Place, ...]
    basis: str
    problem: str = ""
    spent: Money | None = None
    notes: tuple[str, ...] = ()
    workers: int | None = None
    spot: bool = False
    deadline_s: float | None = None
    budget: Money | None = None

    @property
    def guessed(self) -> bool:
        """Whether no sample was measured."""
        return self.workload is not None and self.workload.guessed

    @suggests_arguments
    def at(
        self,
        *,
        workers: int | None = None,
        spot: bool = False,
        deadline: Any = None,
        budget: Any = None,
    ) -> Preview:
        """The same preview under other wishes.

        Parameters
        ----------
        workers
            Of each cloud machine type, in all; None: a balanced number for each. A live cluster has
            those that it has, and no place gets more than there are chunks.
        spot
            At the price for interruptible machines, where there is one.
        deadline
            Seconds, or ``"10 min"``: each machine type gets the number of workers that is cheapest
            in time.
        budget
            Each machine type gets the number of workers that is fastest for this amount.

        Raises
        ------
        CostError
            One of them cannot be: no workers, a deadline or budget that is none.
        """
        from spicelab_nb.cost.budget import budget_of

        if workers is not None and (
            isinstance(workers, bool) or not isinstance(workers, int) or workers < 1
        ):
            raise CostError(f"workers= is a number of workers, at least 1, not {workers!r}.")
        return replace(
            self,
            workers=workers,
            spot=bool(spot),
            deadline_s=None if deadline is None else as_seconds(deadline),
            budget=None if budget is None else budget_of(budget),
        )

    @cached_property
    def candidates(self) -> tuple[Row, ...]:
        """Every place with every number of workers that is worth a look; spot where asked for."""
        if self.workload is None or self.left == 0:
            return ()
        found = []
        for place in self.places:
            for workers in self._counts(place):
                for spot in (False, True) if self.spot and place.machine.sells_spot() else (False,):
                    one = self._estimate(place, workers, spot)
                    if place.workers is not None and one.workers > max(one.chunks, 1):
                        # Workers that are there are paid for, whether or not they find a chunk.
                        one = self._estimate(place, max(one.chunks, 1), spot)
                    if one.workers <= max(one.chunks, 1):
                        found.append(Row(place=place, estimate=one))
        return tuple(found)

    def _estimate(self, place: Place, workers: int, spot: bool) -> Estimate:
        assert self.workload is not None  # noqa: S101 - the caller has made sure
        return estimate(
            self.workload,
            place.machine,
            workers,
            spot=spot,
            tariff=place.tariff,
            speed=place.speed,
        )

    def _counts(self, place: Place) -> tuple[int, ...]:
        assert self.workload is not None  # noqa: S101 - both callers have made sure
        most = max(MOST_WORKERS, self.workers or 0)
        allowed = worker_counts(self.workload, place.machine, most)
        if place.workers is not None:
            return (max(1, min(place.workers, self.workload.most_workers)),)
        if not allowed:
            return ()
        # Less than one machine's worth, too: a short campaign has fewer chunks than that.
        counts = {*allowed, *(2**k for k in range(10) if 2**k < allowed[0])}
        if self.workers is not None:
            counts.add(min(self.workers, allowed[-1]))
        return tuple(sorted(counts))

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """One row for each place: the table."""
        chosen = []
        for place in self.places:
            options = [
                row
                for row in self.candidates
                if row.place is place and row.spot == (self.spot and place.machine.sells_spot())
            ]
            if options:
                chosen.append(self._choose(options))
        front = {id(one) for one in pareto([row.estimate for row in chosen if row.place.priced])}
        return tuple(
            replace(row, pareto=id(row.estimate) in front, fits=self._fits(row)) for row in chosen
        )

    def _choose(self, options: list[Row]) -> Row:
        """The number of workers for one place."""
        if self.workers is not None:
            return min(
                options, key=lambda row: (abs(row.workers - (self.workers or 0)), row.workers)
            )
        by = {id(row.estimate): row for row in options}
        estimates = [row.estimate for row in options]
        best = None
        if self.deadline_s is not None:
            best = _cheapest(estimates, self.deadline_s)
        elif self.budget is not None:
            best = _fastest(estimates, float(self.budget))
        if best is None:
            # Where both fall as workers are added, their product does; then one pays for the other.
            best = min(
                estimates,
                key=lambda one: (
                    one.time_s.mean * (one.cost_usd.mean or 1.0),
                    one.workers,
                ),
            )
        return by[id(best)]

    def _fits(self, row: Row) -> bool:
        in_time = self.deadline_s is None or row.time_s.upper <= self.deadline_s
        if self.budget is None:
            return in_time
        return in_time and row.cost is not None and row.cost[2] <= self.budget

    @property
    def front(self) -> tuple[Row, ...]:
        """The Pareto front: candidates that no other beats in time and in cost, fastest first."""
        by = {id(row.estimate): row for row in self.candidates if row.place.priced}
        best = pareto([row.estimate for row in by.values()])
        return tuple(replace(by[id(one)], pareto=True) for one in best)

    @suggests_arguments
    def cheapest(
        self, deadline: Any = None, *, by: Literal["mean", "upper"] = "upper"
    ) -> Row | None:
        """The cheapest candidate that is done in time; None when none is.

        Parameters
        ----------
        deadline
            Seconds or ``"10 min"``; None: the one of this preview, or no deadline.
        by
            ``"upper"``: nine times in ten and more it is kept; ``"mean"``: on average.
        """
        self._check()
        limit = self.deadline_s if deadline is None else as_seconds(deadline)
        known = {id(row.estimate): row for row in self.candidates if row.place.priced}
        ones = [row.estimate for row in known.values()]
        best = _cheapest(ones, math.inf if limit is None else limit, by=by)
        return None if best is None else known[id(best)]

    def fastest(self, budget: Any = None, *, by: Literal["mean", "upper"] = "upper") -> Row | None:
        """The fastest candidate that fits the budget; None when none does.

        Parameters
        ----------
        budget
            An amount of money; None: the one of this preview, or no limit. 0: only what is free.
        by
            As of :meth:`cheapest`.
        """
        from spicelab_nb.cost.budget import budget_of

        self._check()
        limit = self.budget if budget is None else budget_of(budget)
        known = {id(row.estimate): row for row in self.candidates if row.place.priced}
        ones = [row.estimate for row in known.values()]
        best = _fastest(ones, math.inf if limit is None else float(limit), by=by)
        return None if best is None else known[id(best)]

    def _check(self) -> None:
        if self.problem:
            raise CostError(self.problem)

    def to_pandas(self) -> pd.DataFrame:
        """The table: times in seconds, money in `currency`."""
        import pandas as pd

        return pd.DataFrame([_record(row) for row in self.rows], columns=list(_COLUMNS))

    def __repr__(self) -> str:
        from spicelab_nb.cost.preview_table import as_text

        return as_text(self)

    def _repr_html_(self) -> str:
        from spicelab_nb.cost.preview_table import as_html

        return as_html(self)


_COLUMNS = (
    "place", "where", "workers", "machines", "spot", "time_s", "time_low_s", "time_high_s",
    "cost", "cost_low", "cost_high", "currency", "efficiency", "limited_by", "pareto", "fits",
)  # fmt: skip


def _record(row: Row) -> dict[str, Any]:
    cost = row.cost
    mean, low, high = (math.nan,) * 3 if cost is None else (float(m) for m in cost)
    return {
        "place": row.place.name,
        "where": row.place.where,
        "workers": row.workers,
        "machines": row.estimate.machines,
        "spot": row.spot,
        "time_s": row.time_s.mean,
        "time_low_s": row.time_s.lower,
        "time_high_s": row.time_s.upper,
        "cost": mean,
        "cost_low": low,
        "cost_high": high,
        "currency": USD,
        "efficiency": row.estimate.efficiency,
        "limited_by": row.estimate.limited_by,
        "pareto": row.pareto,
        "fits": row.fits,
    }


def describe_pilot(workload: Workload, measured: int) -> str:
    """Say what a preview rests on."""
    if workload.guessed:
        return (
            f"This is a guess: nothing was measured, and a sample is taken to need "
            f"{time_text(workload.sample_s)}, up to ten times more or less. "
            "campaign.preview() measures a few."
        )
    return f"A sample takes {time_text(workload.sample_s)} here (a pilot of {measured} samples)."
