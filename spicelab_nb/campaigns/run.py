"""A run: what a campaign has computed so far, and what keeps it going."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from spicelab_nb.campaigns.kept import Kept
from spicelab_nb.campaigns.points import point_circuit, point_index
from spicelab_nb.campaigns.progress import Progress, Tally, tally_of
from spicelab_nb.campaigns.starting import finish, start
from spicelab_nb.errors import (
    CampaignError,
    LedgerError,
)
from spicelab_nb.simulators import (
    method,
    restore_simulator,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd
    import xarray as xr

    from spicelab_nb.campaigns.driver import Driver
    from spicelab_nb.campaigns.expense import Expense
    from spicelab_nb.campaigns.verification import Verification
    from spicelab_nb.circuits import Circuit
    from spicelab_nb.clusters import Cluster
    from spicelab_nb.cost.history import RunCost
    from spicelab_nb.explorer.linked import Explorer
    from spicelab_nb.results.plan import Plan
    from spicelab_nb.results.spec import Spec
    from spicelab_nb.results.statistics import Summary
    from spicelab_nb.results.store import Store
    from spicelab_nb.sampling.design import BoundDesign, Value
    from spicelab_nb.simulators.simulator import Simulator

__all__ = ["Run"]

logger = logging.getLogger(__name__)


class Run:
    """The results of a campaign: those that are there, and those that still come.

    Made by ``campaign.run()`` and by :func:`open_run`, not directly. Everything is read from the
    store, so a run may be looked at while it goes on, from any kernel, at any time.

    Parameters
    ----------
    name, store, plan, design, specs
        As in the campaign.
    simulator
        Who computes; None where it cannot be rebuilt from the store (a Python function).
    """

    def __init__(
        self,
        *,
        name: str,
        store: Store,
        plan: Plan,
        design: BoundDesign,
        specs: Mapping[str, Spec],
        simulator: Simulator | None,
    ) -> None:
        self.name = name
        self.plan = plan
        self.design = design
        self.specs = dict(specs)
        self._store = store
        self._simulator = simulator
        self._driver: Driver | None = None
        self._expense: Expense | None = None
        self._tally: Tally | None = None
        self._counted_chunks: tuple[Any, ...] = ()
        self._dataset: tuple[tuple[Any, ...], xr.Dataset] | None = None

    # ---- going on -------------------------------------------------------------------------

    @property
    def store(self) -> str:
        """Path or URL of the results."""
        return self._store.url

    @property
    def method(self) -> str:
        """Which engine computes, and whether its samples are altered or loaded, and why.

        As decided by proof when the plan was made; "" for a function.
        """
        return method(self.plan.simulator, self.plan.proof)

    @property
    def active(self) -> bool:
        """Whether it is being computed by this kernel now."""
        return self._driver is not None and not self._driver.wait(0)

    @property
    def progress(self) -> Progress:
        """A snapshot of what is done.

        Cheap enough to ask ten times a second where this kernel computes it; that of another
        kernel's run is read from the store, whose listing takes seconds with 100,000 chunks.
        """
        return self._counted().snapshot()

    @property
    def live(self) -> Tally:
        """The counts behind `progress`, with the measures so far, for views that follow a run."""
        return self._counted()

    def let_cancelled_end(self) -> bool:
        """Wait for a run that was cancelled; False at once where it was not."""
        if self._driver is None or not self._driver.cancelled:
            return False
        self._driver.wait()
        return True

    def _counted(self) -> Tally:
        if self._driver is not None and self._tally is not None:
            return self._tally
        # Nothing runs here, but another kernel may be adding to the store.
        chunks = tuple(self._store.chunks())
        if self._tally is None or self._counted_chunks != chunks:
            tally = tally_of(self._store, self.design, self.specs)
            tally.end("done" if not self._store.gaps(self.design.size) else "partial")
            self._tally, self._counted_chunks = tally, chunks
        return self._tally

    def wait(self, timeout: float | None = None) -> Run:
        """Wait until it has ended.

        Parameters
        ----------
        timeout
            Seconds; None: as long as it takes.

        Returns
        -------
        Run
            Itself, done or cancelled.

        Raises
        ------
        TimeoutError
            It still goes on.
        SpicelabError
            It failed; what is finished is kept, and running the campaign again goes on from there.
        """
        if self._driver is None:
            return self
        if not self._driver.wait(timeout):
            p = self.progress
            raise TimeoutError(
                f"{self.name} is not finished after {timeout:g} s: {p.done} of {p.total} samples. "
                "It goes on; wait again, or cancel it."
            )
        if self._driver.error is not None:
            raise self._driver.error
        return self

    def cancel(self) -> None:
        """Hand out nothing more. What is finished, and what is running now, is kept."""
        if self._driver is not None:
            self._driver.cancel()

    def resume(
        self,
        cluster: Cluster | None = None,
        *,
        measures: Mapping[str, Any] | None = None,
        simulator: Any = None,
        chunk_length: int | None = None,
        budget: Any = None,
        reserve: bool = True,
    ) -> Run:
        """Compute what is still missing; returns at once.

        Parameters
        ----------
        cluster
            Where; None: the current cluster, or a local one.
        measures
            The measures that are Python functions: their code is not in the store.
        simulator
            The simulator, where it is a Python function or an object of your own.
        chunk_length, budget, reserve
            As in ``campaign.run``. The budget is for the campaign as a whole: one that has stopped
            a run needs a larger one to go on.

        Raises
        ------
        MeasureError, CampaignError
            A Python measure or simulator is missing, or is not the one the run was planned with.
        BudgetError
            What is missing may cost more than the budget has left.
        """
        if self.active and not self.let_cancelled_end():
            return self
        given = simulator is not None or measures is not None
        if self._simulator is None and not given and not self._store.gaps(self.design.size):
            self._finish(patience=0)
            return self
        if simulator is not None or measures is not None or self._simulator is None:
            self._simulator = restore_simulator(
                self.plan.simulator, self.plan.inputs, measures=measures, simulator=simulator
            )
        self.go_on(cluster, chunk_length, budget=budget, reserve=reserve)
        return self

    def go_on(
        self,
        cluster: Cluster | None,
        chunk_length: int | None,
        *,
        budget: Any = None,
        reserve: bool = True,
    ) -> None:
        """Start a driver for what is missing, with the simulator that is there."""
        if not self._store.gaps(self.design.size):
            self._finish(patience=0)
            self._tally = None
            return
        assert self._simulator is not None  # noqa: S101 - both callers have made sure
        started = start(
            name=self.name,
            store=self._store,
            plan=self.plan,
            design=self.design,
            specs=self.specs,
            simulator=self._simulator,
            cluster=cluster,
            chunk_length=chunk_length,
            budget=budget,
            reserve=reserve,
            finish=self._finish,
        )
        self._expense, self._tally, self._driver = started

    @property
    def foreseen(self) -> str | None:
        """What was predicted for what is computed now, as a text; None where nothing was."""
        return None if self._expense is None else self._expense.foreseen

    def write_account(self) -> None:
        """Bring the ledger up to date, where this process computes it now."""
        if self._expense is not None and self.active:
            self._expense.write("run-alive", 0)

    @property
    def cost(self) -> RunCost:
        """What its runs took and cost, against what was predicted for them; from the ledger."""
        from spicelab_nb.cost.history import RunCost, past_runs
        from spicelab_nb.cost.ledger import default_ledger

        self.write_account()
        entries, _ = default_ledger().read()
        return RunCost(runs=tuple(past_runs(entries, plan=self.plan.digest, store=self.store)))

    def _finish(self, patience: float | None = None) -> None:
        finish(self._store, design=self.design, specs=self.specs, patience=patience)

    # ---- looking at it --------------------------------------------------------------------

    @property
    def dataset(self) -> xr.Dataset:
        """Parameters, measures and status of every point, labelled.

        Points that are not computed yet have the status ``not_run``. Two runs of one plan on one
        platform have the same bits, however they were cut, ordered, killed and resumed.
        """
        from spicelab_nb.explorer import register
        from spicelab_nb.results.dataset import assemble

        register()
        key = self._contents()
        if self._dataset is None or self._dataset[0] != key:
            found = assemble(self._store, design=self.design, specs=self.specs)
            self._dataset = (key, found)
        return self._dataset[1].copy(deep=False)

    def _contents(self) -> tuple[Any, ...]:
        """What a dataset depends on that may change."""
        return tuple(self._store.chunks()), self.design.size, tuple(self.specs.items())

    @property
    def waveforms(self) -> Kept:
        """Kept signals by analysis, lazily from the store.

        ``["ac"]["v(out)"]`` has the run's dimensions and ``frequency``.

        Raises
        ------
        NotKeptError
            By what is looked up: nothing was kept of that analysis.
        """
        from spicelab_nb.explorer import register
        from spicelab_nb.results.waveforms import waveforms

        register()
        kept = self.plan.simulator.get("keep", ())
        return Kept(waveforms(self._store, design=self.design), signals=kept)

    @property
    def failures(self) -> pd.DataFrame:
        """Points that are not ok: where, parameter values, status, reason, last log lines."""
        from spicelab_nb.results.failures import failures

        return failures(self._store, design=self.design)

    def summary(self) -> Summary:
        """Per measure mean, sd, quantiles, Cpk and yield with its interval; all specs together."""
        from spicelab_nb.results.dataset import assemble
        from spicelab_nb.results.statistics import summarize

        if self._dataset is not None and self._dataset[0] == self._contents():
            found = self._dataset[1]
        else:
            found = assemble(self._store, design=self.design, specs=self.specs, parameters=False)
        summary = summarize(found, specs=self.specs)
        notes = list(summary.notes)
        if summary.failed:
            notes.append(self._why_failed())
        if self.method:
            notes.append(f"Computed by {self.method}")
        idle = self.plan.proof.get("idle", ())
        if idle:
            notes.append(f"Nothing depends on {', '.join(idle)}, which is varied.")
        try:
            notes += self.cost.notes()
        except LedgerError as error:
            notes.append(str(error))
        return replace(summary, notes=tuple(notes))

    def _why_failed(self) -> str:
        from spicelab_nb.results.failures import grouped

        kinds = grouped(self.failures)
        shown = "; ".join(f"{n} x {text} [{code}]" for n, text, code in kinds[:3])
        more = f"; and {len(kinds) - 3} other reasons" if len(kinds) > 3 else ""
        return f"Why they failed: {shown}{more} (run.failures lists each)."

    def explore(self, measure: str | None = None) -> Explorer:
        """Look at what is there now: linked views over one selection of samples.

        Parameters
        ----------
        measure
            The one shown first; None: the first with a spec, else the first.

        Returns
        -------
        Explorer
            As the last line of a notebook's cell it shows itself; ``save("run.html")`` writes a
            page that needs no kernel. Waveforms are read when they are looked at. Samples that a
            running campaign adds are in the next one.

        Raises
        ------
        MissingExtraError
            The extra ``explore`` is not installed.
        MeasureError
            There is no such measure.
        """
        from spicelab_nb.campaigns.exploring import explore

        return explore(self, measure)

    def to_pandas(self) -> pd.DataFrame:
        """The dataset as a flat table, one row a point."""
        frame = self.dataset.to_dataframe().reset_index()
        dims = [d.name for d in self.design.dimensions]
        return frame[dims + [c for c in frame.columns if c not in dims]]

    def measure(self, measures: Mapping[str, Any]) -> xr.Dataset:
        """Compute further measures from the kept waveforms, without simulating.

        Parameters
        ----------
        measures
            As in a campaign.

        Returns
        -------
        xarray.Dataset
            One variable a measure on the run's dimensions; NaN where a point is not ok.

        Raises
        ------
        MeasureError
            A measure needs a signal that was not kept.
        """
        from spicelab_nb.campaigns.remeasure import remeasure

        return remeasure(self, measures)

    def report(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Write one static HTML file with the summary, the failures and the histograms.

        Parameters
        ----------
        path
            Of the file; default ``report.html`` in the store's folder, or, for a store that is no
            folder, ``<name>-report.html`` here.
        """
        from spicelab_nb.campaigns.report import report

        return report(self, path)

    def circuit(
        self, sample: int | None = None, /, *, point: int | None = None, **labels: Any
    ) -> Circuit:
        """The circuit of one point, to simulate it again with every signal.

        Parameters
        ----------
        sample
            Position along the run's only dimension: ``run.circuit(12)``.
        point
            Or the index in the flattened design, as the table of failures has it.
        **labels
            Or the coordinates: ``run.circuit(corner="ss", sample=12)``, ``run.circuit(R1=2e3)``.

        Raises
        ------
        CampaignError
            There is no such point, or it is no circuit that is simulated.
        """
        index = point_index(self.design, sample, point, labels)
        return point_circuit(self.name, self._simulator, self.plan, self.design, index)

    def values(
        self, sample: int | None = None, /, *, point: int | None = None, **labels: Any
    ) -> dict[str, Value]:
        """The parameter values of one point; arguments as in :meth:`circuit`."""
        index = point_index(self.design, sample, point, labels)
        return {name: v[0].item() for name, v in self.design.draw(index, index + 1).items()}

    @cached_property
    def nominal(self) -> xr.Dataset:
        """The measures at the nominal values, as scalars, simulated here when first asked for."""
        from spicelab_nb.campaigns.nominal import nominal_measures

        return nominal_measures(self.name, self._computing())

    def verify(
        self, n: int = 5, *, rtol: float = 1e-3, atol: float | Mapping[str, float] = 0.0
    ) -> Verification:
        """Run a few samples again in other ways and compare with the results: `Campaign.verify`."""
        from spicelab_nb.campaigns.crosscheck import verify

        return verify(
            name=self.name,
            simulator=self._computing(),
            design=self.design,
            plan=self.plan,
            store=self.store,
            n=n,
            rtol=rtol,
            atol=atol,
        )

    def _computing(self) -> Simulator:
        """Who computes; refused where that needs Python code which is not in the store."""
        if self._simulator is None:
            what, how = (
                ("measures with", "measures={...}")
                if self.plan.simulator.get("kind") == "circuit"
                else ("simulates", "simulator=...")
            )
            raise CampaignError(
                f"{self.name} {what} a Python function, whose code is not in the store: "
                f"run.resume({how}) hands it over."
            )
        return self._simulator

    # ---- showing it -----------------------------------------------------------------------

    def __repr__(self) -> str:
        how = f"; {self.method}" if self.method else ""
        return f"Run({self.name!r}: {self.progress}; {self.store}{how})"

    def _repr_html_(self) -> str:
        from html import escape

        if self.progress.done == 0:
            return f"<pre>{escape(repr(self))}</pre>"
        return f"<p>{escape(repr(self))}</p>{self.summary()._repr_html_()}"
