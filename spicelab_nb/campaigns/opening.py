"""Beginning a run, and opening one again."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from spicelab_nb.campaigns.chunking import checked_length
from spicelab_nb.campaigns.run import Run
from spicelab_nb.cost.budget import budget_of
from spicelab_nb.errors import BudgetError, CampaignError
from spicelab_nb.results.spec import Spec
from spicelab_nb.results.store import Store
from spicelab_nb.sampling import restore as restore_design
from spicelab_nb.simulators import restore_simulator

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from spicelab_nb.clusters import Cluster
    from spicelab_nb.results.plan import Plan
    from spicelab_nb.sampling.design import BoundDesign
    from spicelab_nb.simulators.simulator import Simulator

__all__ = ["begin", "open_run"]

_begun: WeakValueDictionary[str, Run] = WeakValueDictionary()
"""The latest run of each store in this process."""

_beginning = threading.Lock()
"""Held while a run is begun, so that two threads do not begin the same one."""


def begin(
    *,
    name: str,
    store: str,
    plan: Plan,
    design: BoundDesign,
    simulator: Simulator,
    specs: Mapping[str, Spec],
    cluster: Cluster | None,
    chunk_length: int | None,
    budget: Any = None,
    reserve: bool = True,
) -> Run:
    """Start a run of a campaign, or give the one that is under way in this kernel."""
    chunk_length = checked_length(chunk_length)
    if budget is not None:
        budget = budget_of(budget)
    opened = Store.open(store, create=True)
    opened.create(plan, design.size)
    with _beginning:
        return _begin(
            opened, name, plan, design, simulator, specs, cluster, chunk_length, budget, reserve
        )


def _begin(
    opened: Store,
    name: str,
    plan: Plan,
    design: BoundDesign,
    simulator: Simulator,
    specs: Mapping[str, Spec],
    cluster: Cluster | None,
    chunk_length: int | None,
    budget: Any,
    reserve: bool,
) -> Run:
    running = _begun.get(opened.url)
    if (
        running is not None
        and running.active
        and running.design.size == design.size
        and not running.let_cancelled_end()
    ):
        if budget is not None:
            raise BudgetError(
                f"{running.name} is under way already and gets no other budget now: cancel it "
                "first, then run it with one."
            )
        return running
    label(opened, name, design, specs)
    run = Run(name=name, store=opened, plan=plan, design=design, specs=specs, simulator=simulator)
    _begun[opened.url] = run
    run.go_on(cluster, chunk_length, budget=budget, reserve=reserve)
    return run


def runs_under_way() -> list[Run]:
    """Runs that this process computes now."""
    return [run for run in list(_begun.values()) if run.active]


def label(store: Store, name: str, design: BoundDesign, specs: Mapping[str, Spec]) -> None:
    """Write what changes no result, so that :func:`open_run` shows it."""
    store.write_labels(
        {
            "name": name,
            "specs": {k: s.describe() for k, s in specs.items()},
            "units": {n: design.units[n] for n in design.parameters if design.units.get(n)},
            "written": time.time(),
        }
    )


def open_run(store: str | os.PathLike[str]) -> Run:
    """Open the results of a campaign, in another kernel or on another day.

    Parameters
    ----------
    store
        Folder or fsspec URL.

    Returns
    -------
    Run
        With ``resume(cluster)`` where samples are missing. A circuit is rebuilt from the store;
        Python functions have to be handed to ``resume``.

    Raises
    ------
    StoreError
        There is no store at that place.
    CorruptObjectError
        Its manifest is damaged.
    """
    opened = Store.open(str(store), create=False)
    plan = opened.plan()
    labels = opened.read_labels()
    each = restore_design(plan.design, size=1).size
    design = restore_design(plan.design, size=max(1, opened.size() // each))
    design = design.labelled(labels.get("units", {}))
    try:
        simulator = restore_simulator(plan.simulator, plan.inputs)
    except (CampaignError, ValueError):
        # It needs Python code that is not in the store; resume() says which.
        simulator = None
    return Run(
        name=str(labels.get("name", plan.digest[:8])),
        store=opened,
        plan=plan,
        design=design,
        specs={k: Spec.restore(v) for k, v in labels.get("specs", {}).items()},
        simulator=simulator,
    )
