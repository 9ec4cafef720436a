"""What one run costs: metered, held to its budget, and written into the ledger."""

from __future__ import annotations

import logging
import time
import uuid
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from spicelab_nb.cost import ledger
from spicelab_nb.cost.budget import Budget, budget_of, reserve
from spicelab_nb.cost.history import spent_on
from spicelab_nb.cost.meter import Meter, billing_clock
from spicelab_nb.cost.money import USD, Money
from spicelab_nb.errors import BudgetError, ClusterError, LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spicelab_nb.clusters import Cluster, Record
    from spicelab_nb.cost.preview import Preview, Row
    from spicelab_nb.results.plan import Plan
    from spicelab_nb.results.spec import Spec
    from spicelab_nb.results.store import Store
    from spicelab_nb.sampling.design import BoundDesign
    from spicelab_nb.simulators.simulator import Simulator

__all__ = ["Expense", "check_reservation", "open_expense"]

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""Between two looks at a cluster's price: it changes when workers come and go."""

NOTE_SECONDS = 60.0
"""Between two lines in the ledger: what is lost of a run's account when its kernel is killed."""

_rested: WeakKeyDictionary[Any, Record] = WeakKeyDictionary()
"""Clusters that a budget has scaled down, as they were before."""


def check_reservation(
    budget: Any,
    *,
    cluster: Cluster | None,
    before: Money,
    look: Callable[[], tuple[Preview, Row | None]],
    hold: bool,
) -> Money:
    """Refuse a run that may cost more than its budget; gives the budget.

    Parameters
    ----------
    budget
        As given.
    cluster
        Where; None: a local one, which costs nothing.
    before
        Spent on the campaign already.
    look
        Gives the preview, and its row for the cluster.
    hold
        False: do not ask whether it fits; it is stopped when the budget is spent.

    Raises
    ------
    BudgetError
        It does not fit, or nobody knows what the cluster costs.
    """
    amount = budget_of(budget)
    price = 0.0 if cluster is None else cluster.price_per_hour
    if cluster is not None and price is None:
        raise BudgetError(
            f"What {cluster.name!r} costs is not known, so no budget can be kept there. Start it "
            'with its price: sl.cluster("address", address=..., price=0.04), in USD a core and '
            "hour, or price=0 where it is free."
        )
    if cluster is None or (not price and not _rested.get(cluster)):
        return amount
    if amount <= before:
        spent = f"{before} of it is spent already" if before else "nothing may be spent"
        raise BudgetError(
            f"The budget is {amount}, and {spent}: nothing can run on "
            f"{getattr(cluster, 'name', 'this machine')!r}, which costs money. Give a larger "
            'one, or run where it costs nothing: sl.cluster("local").'
        )
    if not hold:
        return amount
    preview, row = look()
    if preview.problem:
        raise BudgetError(f"{preview.problem} So no budget can be reserved.")
    upper = row.cost[2] if row is not None and row.cost is not None else None
    if upper is None:
        raise BudgetError(
            f"Nothing can be said about the cost on {getattr(cluster, 'name', '?')!r}, so no "
            "budget can be reserved. reserve=False starts all the same, and stops when it is spent."
        )
    others = {
        each.label: each.cost[2]
        for each in preview.rows
        if each.cost is not None and row is not None and each.place is not row.place
    }
    reserve(
        amount,
        upper=upper,
        before=before,
        samples=preview.left,
        where=getattr(cluster, "name", "this machine"),
        alternatives=others,
    )
    return amount


class Expense:
    """Follows what one run spends. Used from its driver's thread; `spent` from any.

    Where several campaigns of this process share a cluster, each pays an equal part of what it
    costs meanwhile.

    Parameters
    ----------
    campaign, plan, store, points
        Name, digest, URL, and how many points are still to be computed.
    cluster
        Where; None: a local one, started when the run begins.
    before
        Spent on the campaign by earlier runs.
    budget
        For the campaign as a whole; None: without.
    predicted
        The preview's row for this cluster; None where nothing was measured.
    warn
        Told of crossed thresholds, as a sentence.
    """

    def __init__(
        self,
        *,
        campaign: str,
        plan: str,
        store: str,
        points: int,
        cluster: Cluster | None,
        before: Money,
        budget: Money | None,
        predicted: Row | None,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.id = uuid.uuid4().hex[:12]
        self.budget = budget
        self._campaign, self._plan, self._store, self._points = campaign, plan, store, points
        self._cluster = cluster
        self._before = before
        self._predicted = predicted
        self.warn = warn
        kind = getattr(cluster, "kind", "local")
        self._clock = billing_clock(goes_on_asleep=kind not in ("local", "serial", "ray"))
        self._meter = Meter(0, clock=self._clock)
        self._looked = -1e9
        self._noted = time.monotonic()
        self._began = time.monotonic()
        self._computed: float | None = None
        self.gate = None
        if budget is not None:
            self.gate = Budget(
                budget,
                spent=self._spent_now,
                price_per_hour=self._price_now,
                free=self._free,
                warn=self._say,
            )

    @property
    def spent(self) -> Money:
        """On the campaign so far, earlier runs included."""
        return self._before + self._meter.spent

    @property
    def here(self) -> Money:
        """By this run alone."""
        return self._meter.spent

    @property
    def foreseen(self) -> str | None:
        """What the preview said, as a text: time, and cost where there is any."""
        if self._predicted is None:
            return None
        from spicelab_nb.cost.preview_table import row_texts

        _, _, took, cost, *_ = row_texts(self._predicted)
        return took if cost == "nothing" else f"{took}, {cost}"

    def begin(self) -> None:
        """Write down that it begins; wake a cluster that a budget had scaled down.

        Raises
        ------
        LedgerError
            It costs money, and that cannot be written down.
        """
        cluster = self._cluster
        rested = _rested.pop(cluster, None) if cluster is not None else None
        workers = rested.workers if rested is not None else 0
        self.look(force=True)
        predicted = self._predicted
        facts = {
            "campaign": self._campaign,
            "plan": self._plan,
            "store": self._store,
            "points": self._points,
            "cluster": getattr(cluster, "name", "local"),
            "cluster_id": getattr(cluster, "id", ""),
            "cluster_kind": getattr(cluster, "kind", "local"),
            "currency": USD,
            "budget": None if self.budget is None else str(self.budget.amount),
            "speed": None if predicted is None else predicted.place.speed.value,
            **_parts(predicted),
            "predicted_s": None if predicted is None else _bounds(predicted.time_s),
            "predicted_usd": None
            if predicted is None or predicted.cost is None
            else _bounds(predicted.estimate.cost_usd),
        }
        if self._meter.price_per_hour or workers:
            ledger.default_ledger().append("run", self.id, **facts)
        else:
            ledger.note("run", self.id, **facts)
        # Those that are there may be on their way out.
        if cluster is not None and workers and (not cluster.workers or cluster.state == "scaling"):
            cluster.scale(workers)

    def started_on(self, cluster: Cluster) -> None:
        """Charge this cluster, which was started for the run."""
        self._cluster = cluster
        self.look(force=True)

    def look(self, *, force: bool = False) -> None:
        """Follow the cluster's price."""
        now = time.monotonic()
        if self._cluster is None or (not force and now < self._looked + LOOK_SECONDS):
            return
        self._looked = now
        price = getattr(self._cluster, "price_per_hour", 0.0) or 0.0
        sharing = max(1, getattr(self._cluster, "campaigns_under_way", 1))
        self._meter.reprice(price / sharing)

    def note(self, done: int) -> None:
        """Follow the price, and write a line now and then."""
        self.look()
        if time.monotonic() > self._noted + NOTE_SECONDS:
            self.write("run-alive", done)

    def write(self, kind: str, done: int, **more: Any) -> None:
        """Write a line now."""
        self._noted = time.monotonic()
        elapsed = self._computed if self._computed is not None else self._noted - self._began
        ledger.note(
            kind,
            self.id,
            elapsed=round(elapsed, 3),
            spent=str(self._meter.spent.amount),
            currency=USD,
            done=done,
            **more,
        )

    def computed(self) -> None:
        """Note that every sample is there: what was predicted has happened.

        Gathering the results is this kernel's work; the cluster is free for others, or idle.
        """
        if self._computed is None:
            self.look(force=True)
            self._meter.stop()
            self._computed = time.monotonic() - self._began

    def end(self, state: str, done: int) -> None:
        """Charge nothing more, write it down, and let a cluster rest whose budget is spent."""
        self.look(force=True)
        self._meter.stop()
        self.write("run-ended", done, state=state)
        if self.gate is not None and state == self.gate.state:
            self._rest()

    def _rest(self) -> None:
        cluster = self._cluster
        if cluster is None or not cluster.price_per_hour or cluster.campaigns_under_way:
            return
        before = cluster.record()
        try:
            cluster.scale(0)
        except ClusterError as error:
            self.warn(f"{cluster.name!r} goes on costing: {error}")
        else:
            _rested[cluster] = before
            logger.warning("%r is scaled down to 0 workers: its budget is spent.", cluster.name)

    def _spent_now(self) -> Money:
        self.look()
        return self.spent

    def _price_now(self) -> Any:
        return self._meter.price_per_hour

    def _free(self) -> bool:
        """Whether even a core of it would cost nothing."""
        price_of = getattr(self._cluster, "price_of_cores", None)
        return price_of is None or price_of(1) == 0

    def _say(self, percent: int, text: str) -> None:
        del percent
        logger.warning("%s: %s", self._campaign, text)
        self.warn(text)


def spent_before(plan: str, store: str, *, must_know: bool) -> Money:
    """What earlier runs of a campaign cost, as the ledger has it.

    Raises
    ------
    LedgerError
        It cannot be read, and a budget depends on it (`must_know`); else it counts as nothing.
    """
    try:
        entries, problems = ledger.default_ledger().read()
    except LedgerError as error:
        if must_know:
            raise
        entries, problems = [], [str(error)]
    for problem in problems:
        logger.warning("%s", problem)
    return spent_on(entries, plan=plan, store=store)


def open_expense(
    *,
    name: str,
    store: Store,
    plan: Plan,
    design: BoundDesign,
    simulator: Simulator,
    specs: Mapping[str, Spec],
    cluster: Cluster | None,
    chunk_length: int | None,
    budget: Any,
    hold: bool,
) -> Expense:
    """Open the account of what is to be computed now; refuse what does not fit the budget.

    Raises
    ------
    BudgetError
        As of :func:`check_reservation`.
    LedgerError
        There is a budget, and what was spent before cannot be read.
    """
    before = spent_before(plan.digest, store.url, must_know=budget is not None)
    looked: list[tuple[Preview, Row | None]] = []

    def look() -> tuple[Preview, Row | None]:
        from spicelab_nb.campaigns.preview import make_preview, row_of

        if not looked:
            preview = make_preview(
                name=name,
                store=store.url,
                plan=plan,
                design=design,
                simulator=simulator,
                specs=specs,
                pilot=budget is not None,
                # Other places matter only where this one may be refused.
                machines=None if budget is not None else [],
                chunk_length=chunk_length,
                also=_described(cluster),
            )
            looked.append((preview, row_of(preview, cluster)))
        return looked[0]

    amount = None
    if budget is not None:
        amount = check_reservation(budget, cluster=cluster, before=before, look=look, hold=hold)
    if not looked and store.read_pilot() is not None:
        look()
    return Expense(
        campaign=name,
        plan=plan.digest,
        store=store.url,
        points=sum(stop - start for start, stop in store.gaps(design.size)),
        cluster=cluster,
        before=before,
        budget=amount,
        predicted=looked[0][1] if looked else None,
    )


def _described(cluster: Cluster | None) -> Record | None:
    """A cluster as it will be when the run begins: with the workers that a budget took from it."""
    if cluster is None or not hasattr(cluster, "record"):
        return None
    now = cluster.record()
    return now if now.workers else _rested.get(cluster, now)


def _parts(predicted: Row | None) -> dict[str, float]:
    """What later predictions learn from: how much of this one was work, and how much start."""
    if predicted is None:
        return {}
    work_s = predicted.estimate.makespan_s.mean * predicted.place.speed.value
    if not work_s < 1e300:
        return {}
    return {
        "work_s": float(f"{work_s:.6g}"),
        "start_s": float(f"{predicted.place.start_s:.6g}"),
    }


def _bounds(interval: Any) -> list[float] | None:
    found = [interval.mean, interval.lower, interval.upper]
    return [float(f"{value:.6g}") for value in found] if found[2] < 1e300 else None
