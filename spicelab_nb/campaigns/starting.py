"""Setting a run going: where, with which budget, and what is done as it goes on and ends."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from spicelab_nb import clusters
from spicelab_nb.campaigns.chunking import checked_length
from spicelab_nb.campaigns.driver import Driver
from spicelab_nb.campaigns.expense import Expense, open_expense
from spicelab_nb.campaigns.progress import Tally, tally_of
from spicelab_nb.campaigns.task import ChunkTask
from spicelab_nb.errors import CampaignError, ClusterError, StoreLockedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spicelab_nb.clusters import Cluster
    from spicelab_nb.executors.executor import Executor
    from spicelab_nb.results.plan import Plan
    from spicelab_nb.results.spec import Spec
    from spicelab_nb.results.store import Store
    from spicelab_nb.sampling.design import BoundDesign
    from spicelab_nb.simulators.simulator import Simulator

__all__ = ["finish", "start"]

logger = logging.getLogger(__name__)

CONSOLIDATION_SECONDS = 30.0
"""How long a run that ends waits for another that is consolidating the same store."""


def start(
    *,
    name: str,
    store: Store,
    plan: Plan,
    design: BoundDesign,
    specs: Mapping[str, Spec],
    simulator: Simulator,
    cluster: Cluster | None,
    chunk_length: int | None,
    budget: Any,
    reserve: bool,
    finish: Callable[[], None],
) -> tuple[Expense, Tally, Driver]:
    """Start a driver for what a store is missing.

    Parameters
    ----------
    name, store, plan, design, specs, simulator
        Of the run.
    cluster, chunk_length, budget, reserve
        As in ``run.resume``.
    finish
        Called when every point is there.

    Returns
    -------
    Expense, Tally, Driver
        What it costs, what it has counted, and what keeps it going; started.

    Raises
    ------
    CampaignError, ClusterError
        The cluster cannot be used, or cannot write to the store.
    BudgetError
        What is missing may cost more than the budget has left.
    """
    chunk_length = checked_length(chunk_length)
    chosen = _live(cluster) if cluster is not None else clusters.current()
    if store.url.startswith("memory://") and (chosen is None or chosen.kind != "serial"):
        raise CampaignError(
            f"The store {store.url} is in this process's memory, where the workers of a "
            'cluster cannot write: use a folder, or run on sl.cluster("serial").'
        )
    expense = open_expense(
        name=name,
        store=store,
        plan=plan,
        design=design,
        simulator=simulator,
        specs=specs,
        cluster=chosen,
        chunk_length=chunk_length,
        budget=budget,
        hold=reserve,
    )
    tally = tally_of(store, design, specs, spent=lambda: float(expense.spent))
    expense.warn = tally.notice
    before = tally.snapshot().done
    used: list[Cluster] = []

    def open_executor() -> Executor:
        where = chosen if chosen is not None else clusters.cluster("local")
        used.append(where)
        note()
        expense.started_on(where)
        return where.executor()

    def note() -> None:
        for where in used:
            where.note_campaign(name, **tally.counts(), run=expense.id)
        expense.note(tally.snapshot().done - before)

    def complete() -> None:
        expense.computed()
        finish()

    def on_end(state: str) -> None:
        note()
        expense.end(state, tally.snapshot().done - before)

    task = ChunkTask(simulator=simulator, design=design, store=store.url, plan_digest=plan.digest)
    expense.begin()
    driver = Driver(
        name=name,
        task=task,
        store=store,
        size=design.size,
        tally=tally,
        open_executor=open_executor,
        chunk_length=chunk_length,
        gate=expense.gate,
        on_complete=complete,
        on_progress=note,
        on_end=on_end,
    )
    driver.start()
    return expense, tally, driver


def finish(
    store: Store,
    *,
    design: BoundDesign,
    specs: Mapping[str, Spec],
    patience: float | None = None,
) -> None:
    """Consolidate a store in which every point is.

    Parameters
    ----------
    store, design, specs
        Of the run.
    patience
        Seconds to wait for another that is consolidating it; None: half a minute.
    """
    from spicelab_nb.results.consolidation import consolidate

    end = time.monotonic() + (CONSOLIDATION_SECONDS if patience is None else patience)
    while True:
        try:
            consolidate(store, design=design, specs=specs)
        except StoreLockedError as error:
            # Another run of this store has just ended too. The chunks are all there, and
            # they are read where dataset.zarr is behind.
            if time.monotonic() > end:
                logger.info("Not consolidated: %s", error)
                return
            time.sleep(0.1)
        else:
            return


def _live(cluster: Any) -> Cluster:
    """Take a cluster, or the name of a live one, as where to run; refuse what has ended."""
    chosen = clusters.get(cluster) if isinstance(cluster, str) else cluster
    if not hasattr(chosen, "executor"):
        raise CampaignError(
            f"run() takes a cluster, or the name of a live one, not {cluster!r}: "
            'sl.cluster("local", workers=2) starts one.'
        )
    if getattr(chosen, "state", "running") in ("closed", "failed"):
        raise ClusterError(f"The cluster {chosen.name!r} is {chosen.state}: start another.")
    return chosen
