"""Past runs, as the ledger has them: what was predicted, and what it was."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spicelab_nb.cost.estimation import Interval
from spicelab_nb.cost.learning import Observed
from spicelab_nb.cost.ledger import total_elapsed
from spicelab_nb.cost.money import USD, Money
from spicelab_nb.cost.wording import span_text, time_text
from spicelab_nb.errors import CostError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spicelab_nb.cost.ledger import Entry

__all__ = [
    "ModelError",
    "PastRun",
    "RunCost",
    "model_error",
    "observed",
    "past_runs",
    "spent_on",
]

FEWEST = 3
"""Runs from which an error of the model is spoken of."""

LATEST = 20
"""Runs that it is spoken of: the model learns, and what it said long ago says little."""


@dataclass(frozen=True, kw_only=True)
class PastRun:
    """One run of a campaign on one cluster.

    Parameters
    ----------
    id, campaign, plan, store, cluster, cluster_kind, user, host
        Which.
    at
        When it began, seconds since 1970.
    state
        How it ended; ``"running"`` as long as the ledger does not say.
    points
        To be computed when it began.
    done
        Computed by it.
    elapsed_s
        As long as it took, or as the ledger knows so far.
    spent
        So far.
    predicted_s, predicted_usd
        What was predicted for it; None where nothing had been measured.
    budget
        None: without.
    speed
        How fast the place was taken to be, against where the pilot ran.
    work_s, start_s
        Of the prediction: work as fast as the pilot's (None: not written down), and a known start.
    cluster_id
        Of the very cluster; "" where one was started for the run.
    """

    id: str
    campaign: str
    plan: str
    store: str
    cluster: str
    cluster_kind: str
    user: str
    host: str
    at: float
    state: str
    points: int
    done: int
    elapsed_s: float
    spent: Money
    predicted_s: Interval | None
    predicted_usd: Interval | None
    budget: Money | None
    speed: float = 1.0
    work_s: float | None = None
    start_s: float = 0.0
    cluster_id: str = ""

    @property
    def finished(self) -> bool:
        """Whether it computed all that it was predicted for."""
        return self.state == "done" and self.predicted_s is not None and self.points > 0

    @property
    def ratio(self) -> float:
        """Time taken to time predicted; NaN where either is missing."""
        if self.predicted_s is None or not self.predicted_s.mean > 0:
            return math.nan
        return self.elapsed_s / self.predicted_s.mean

    def __str__(self) -> str:
        took = "took" if self.state != "running" else "has taken"
        text = f"{self.campaign} on {self.cluster}: {took} {time_text(self.elapsed_s)}"
        if self.predicted_s is not None:
            text += f", predicted {interval_text(self.predicted_s)}"
        if self.spent or (self.predicted_usd is not None and self.predicted_usd.upper):
            text += f"; spent {self.spent}"
            if self.predicted_usd is not None:
                p = self.predicted_usd
                low, high = (str(Money(v)).split()[0] for v in (p.lower, p.upper))
                text += f", predicted {Money(p.mean)} ({low} to {high})"
        if self.state not in ("done", "running"):
            text += f"; {self.state} after {self.done:,} of {self.points:,} samples"
        return text + "."


@dataclass(frozen=True, kw_only=True, repr=False)
class RunCost:
    """What one campaign's runs took and cost, against what was predicted.

    Parameters
    ----------
    runs
        The oldest first.
    """

    runs: tuple[PastRun, ...]

    @property
    def spent(self) -> Money:
        """By all of them."""
        total = Money(0, self.runs[0].spent.currency if self.runs else USD)
        for run in self.runs:
            total += run.spent
        return total

    @property
    def elapsed_s(self) -> float:
        """Seconds that all of them took."""
        return sum(run.elapsed_s for run in self.runs)

    def notes(self) -> list[str]:
        """A sentence for each run that was predicted or cost anything."""
        return [str(run) for run in self.runs if run.predicted_s is not None or run.spent]

    def __repr__(self) -> str:
        if not self.runs:
            return "The ledger knows of no run of this campaign."
        lines = [str(run) for run in self.runs]
        if len(lines) > 1:
            lines.append(f"Together: {time_text(self.elapsed_s)}, {self.spent}.")
        return "\n".join(lines)


def interval_text(seconds: Interval) -> str:
    """A time with its bounds."""
    return span_text(seconds.mean, seconds.lower, seconds.upper)


def past_runs(
    entries: Iterable[Entry], *, plan: str | None = None, store: str | None = None
) -> list[PastRun]:
    """Runs of the ledger, the oldest first.

    Parameters
    ----------
    entries
        Of a ledger.
    plan, store
        Only those of this plan (its digest) and in this store.
    """
    by_id: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.kind.startswith("run"):
            by_id.setdefault(entry.id, []).append(entry)
    found = [run for group in by_id.values() if (run := _run(group)) is not None]
    return [
        run
        for run in found
        if (plan is None or run.plan == plan) and (store is None or run.store == store)
    ]


def _run(group: list[Entry]) -> PastRun | None:
    first, last = group[0], group[-1]
    if first.kind != "run":
        return None
    currency = str(first.get("currency", USD))
    try:
        return PastRun(
            id=first.id,
            campaign=str(first.get("campaign", "")),
            plan=str(first.get("plan", "")),
            store=str(first.get("store", "")),
            cluster=str(first.get("cluster", "")),
            cluster_kind=str(first.get("cluster_kind", "")),
            user=str(first.get("user", "")),
            host=str(first.get("host", "")),
            at=first.at,
            state=str(last.get("state")) if last.kind == "run-ended" else "running",
            points=int(first.get("points", 0)),
            done=max(int(entry.get("done", 0)) for entry in group),
            elapsed_s=total_elapsed(group),
            spent=max(Money(entry.get("spent", 0), currency) for entry in group),
            predicted_s=_interval(first.get("predicted_s")),
            predicted_usd=_interval(first.get("predicted_usd")),
            budget=_budget(first.get("budget"), currency),
            speed=float(first.get("speed") or 1.0),
            work_s=None if first.get("work_s") is None else float(first.get("work_s")),
            start_s=float(first.get("start_s") or 0.0),
            cluster_id=str(first.get("cluster_id", "")),
        )
    except (CostError, TypeError, ValueError):
        # Of a later version: what it says is not understood here, and is not guessed at.
        return None


def _interval(bounds: Any) -> Interval | None:
    if not isinstance(bounds, list) or len(bounds) != 3:
        return None
    mean, lower, upper = (float(b) for b in bounds)
    return Interval(mean=mean, lower=lower, upper=upper)


def _budget(amount: Any, currency: str) -> Money | None:
    return None if amount is None else Money(amount, currency)


def spent_on(entries: Iterable[Entry], *, plan: str, store: str, currency: str = USD) -> Money:
    """What all runs of one campaign have cost so far."""
    total = Money(0, currency)
    for run in past_runs(entries, plan=plan, store=store):
        if run.spent.currency == currency:
            total += run.spent
    return total


@dataclass(frozen=True, kw_only=True)
class ModelError:
    """How far predictions were off.

    Parameters
    ----------
    runs
        Finished ones that had been predicted.
    inside
        How many of them took a time inside the predicted 90 % interval.
    ratio
        Geometric mean of time taken to time predicted.
    log_sd
        Standard deviation of that ratio's logarithm.
    lowest, highest
        Of the ratios.
    """

    runs: int
    inside: int
    ratio: float
    log_sd: float
    lowest: float
    highest: float

    def __str__(self) -> str:
        return (
            f"Over the last {self.runs} runs the time taken was {self.lowest:.2g} to "
            f"{self.highest:.2g} times the predicted one, {self.ratio:.2g} times on average; "
            f"{self.inside} of {self.runs} lay inside the interval."
        )


def model_error(runs: Iterable[PastRun]) -> ModelError | None:
    """Compare the latest predictions with what it was; None with fewer than three such runs."""
    finished = [run for run in runs if run.finished and run.ratio > 0][-LATEST:]
    if len(finished) < FEWEST:
        return None
    logs = [math.log(run.ratio) for run in finished]
    mean = sum(logs) / len(logs)
    variance = sum((x - mean) ** 2 for x in logs) / (len(logs) - 1)
    inside = sum(
        run.predicted_s is not None
        and run.predicted_s.lower <= run.elapsed_s <= run.predicted_s.upper
        for run in finished
    )
    return ModelError(
        runs=len(finished),
        inside=inside,
        ratio=math.exp(mean),
        log_sd=math.sqrt(variance),
        lowest=min(run.ratio for run in finished),
        highest=max(run.ratio for run in finished),
    )


def observed(runs: Iterable[PastRun]) -> list[Observed]:
    """What finished runs tell about a place, short ones too.

    Parameters
    ----------
    runs
        On one kind of place, in the order in which they were written down.
    """
    found = []
    for run in runs:
        if not run.finished or run.predicted_s is None:
            continue
        # Lines of earlier versions do not say which part of the prediction was work.
        work_s = run.predicted_s.mean * run.speed if run.work_s is None else run.work_s
        found.append(Observed(work_s=work_s, start_s=run.start_s, taken_s=run.elapsed_s))
    return found
