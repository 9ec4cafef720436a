"""The live view of a run: progress, yield, histograms, failures, and Cancel and Resume."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import traitlets

from spicelab_nb.errors import SpicelabError
from spicelab_nb.jupyter.campaign_state import (
    describe_histogram,
    describe_progress,
    measure_units,
    static_html,
)
from spicelab_nb.jupyter.failure_state import describe_failures, failures_html
from spicelab_nb.jupyter.live_widget import LiveWidget, assets
from spicelab_nb.jupyter.ticker import ticker

if TYPE_CHECKING:
    from spicelab_nb.campaigns import Run
    from spicelab_nb.results.histogram import Histogram

__all__ = ["CampaignView", "flush", "view_of"]

MOST_HISTOGRAMS = 24
"""Measures whose histograms follow; a run with more is looked at through ``run.summary()``."""

HISTOGRAM_SECONDS = 0.5
"""Between two looks at the histograms: they take more time than the counts."""


class CampaignView(LiveWidget):
    """Follows one store's run while it goes on; made by :func:`view_of`.

    A run that is shown several times has one of these, with one place in the ticker.

    Parameters
    ----------
    run
        What is followed.
    """

    _esm = assets("elements.js", "campaign_view.js")
    _css = assets("views.css")

    state: Any = traitlets.Dict().tag(sync=True)
    histograms: Any = traitlets.List().tag(sync=True)
    failures: Any = traitlets.Dict({"of": 0, "reasons": []}).tag(sync=True)
    """The reasons as last read from the store, and how many samples had failed by then."""

    interval = 0.1

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._bins: dict[str, tuple[Histogram, int]] = {}
        self._shown = ""
        self._reading = threading.Lock()
        self.follow(run)

    def follow(self, run: Run) -> None:
        """Show this run from now on."""
        with self._look_lock:
            self._run = run
            self._cancelling = False
            self._trouble = ""
            self._bins.clear()
            self._counted: tuple[int, bool] | None = None
            self._next_histogram = 0.0
            self.failures = {"of": 0, "reasons": []}
            self.look()
        if run.active:
            ticker.watch(self)

    @property
    def run(self) -> Run:
        """What is followed."""
        return self._run

    # -- looking -------------------------------------------------------------------------------

    def look(self) -> bool:
        """Bring what is shown up to date; False when the run has ended."""
        with self._look_lock:
            if self.comm is None:
                return False
            # Asked for first: what ends between the two is seen whole at the next look.
            active = self._run.active
            progress = self._run.progress
            if not active:
                self._cancelling = False
            state = describe_progress(
                self._run.name,
                progress,
                cancelling=self._cancelling,
                trouble=self._trouble,
                method=self._run.method,
                foreseen=self._run.foreseen,
            )
            if state != self.state:
                self.state = state
            self._look_at_measures(progress.done, ended=not active)
            if not active:
                if progress.failed != self.failures["of"]:
                    self._read_failures_aside()
                self._refresh_fallback()
            return active

    def _look_at_measures(self, done: int, *, ended: bool) -> None:
        now = time.monotonic()
        if self._counted == (done, ended) or (not ended and now < self._next_histogram):
            return
        self._counted = (done, ended)
        self._next_histogram = now + HISTOGRAM_SECONDS
        units = measure_units(self._run)
        drawings = []
        measures = list(self._run.live.measures.items())
        for name, values in measures[:MOST_HISTOGRAMS]:
            if not len(values):
                continue
            # Bins settle: chosen anew when twice as many values are there, and at the end.
            bins, chosen_at = self._bins.get(name, (None, 0))
            if ended or len(values) >= 2 * chosen_at:
                bins, chosen_at = None, len(values)
            drawing, bins = describe_histogram(
                name, values, spec=self._run.specs.get(name), unit=units.get(name, ""), bins=bins
            )
            self._bins[name] = (bins, chosen_at)
            if len(measures) > MOST_HISTOGRAMS:
                drawing["hint"] += f"; {MOST_HISTOGRAMS} of {len(measures)} measures are offered"
            drawings.append(drawing)
        if drawings != self.histograms:
            self.histograms = drawings

    def fail(self, error: BaseException) -> None:
        """Show that the view stopped, and why."""
        self._trouble = f"This view stopped: {error}. Display the run again to go on."
        self.state = {**self.state, "note": self._trouble}

    # -- what the buttons ask for --------------------------------------------------------------

    def asked(self, request: dict[str, Any]) -> None:
        """Cancel, resume, or say why samples failed."""
        if request.get("ask") == "cancel":
            self.cancel()
        elif request.get("ask") == "resume":
            self.resume()
        elif request.get("ask") == "failures":
            self._read_failures_aside()

    def cancel(self) -> None:
        """Ask the run to stop, and say so."""
        self._cancelling = self._run.active
        self._run.cancel()
        self.look()

    def resume(self) -> None:
        """Compute what is missing, on the current cluster."""
        try:
            self._trouble = ""
            self._run.resume()
        except SpicelabError as error:
            self._trouble = f"It cannot be resumed from here. {error}"
        self.look()
        if self._run.active:
            ticker.watch(self)

    def _read_failures_aside(self) -> None:
        """Read why samples failed, in a thread of its own: a large store takes seconds."""
        if self._reading.acquire(blocking=False):
            threading.Thread(target=self._read_failures, daemon=True).start()

    def _read_failures(self) -> None:
        run = self._run
        try:
            # Counted first: what fails meanwhile is asked for again.
            failed = run.progress.failed
            reasons = describe_failures(run.failures, dims=[d.name for d in run.design.dimensions])
        except Exception as error:  # noqa: BLE001 - shown in the view, never lost with the thread
            self.fail(error)
            return
        finally:
            self._reading.release()
        with self._look_lock:
            if self.comm is not None and run is self._run:
                self.failures = {"of": failed, "reasons": reasons}
                if not run.active:
                    self._refresh_fallback()

    # -- showing -------------------------------------------------------------------------------

    def fallback(self) -> dict[str, str]:
        """The state as it is now."""
        html = static_html(self.state, list(self.histograms))
        html += failures_html(self.failures["reasons"])
        return {"text/plain": repr(self._run), "text/html": html}

    def show(self) -> None:
        """Display it here, too."""
        from IPython.display import display

        data, metadata = self.bundle()
        self._shown = data["text/html"]
        display(data, metadata=metadata, raw=True, display_id=self._display_id)
        if self._run.active:
            ticker.watch(self)

    @property
    def _display_id(self) -> str:
        return f"spicelab-{self.model_id}"

    def _refresh_fallback(self) -> None:
        """Put the last state where the notebook is saved, for viewers without widgets."""
        from IPython.display import display

        if not self._shown:
            return
        data, metadata = self.bundle()
        if data["text/html"] != self._shown:
            self._shown = data["text/html"]
            display(data, metadata=metadata, raw=True, display_id=self._display_id, update=True)

    def close(self) -> None:
        """Stop following; the run goes on."""
        with _views_lock:
            for store, view in list(_views.items()):
                if view is self:
                    del _views[store]
        super().close()


_views: dict[str, CampaignView] = {}
_views_lock = threading.RLock()


def view_of(run: Run) -> CampaignView:
    """Give the one view of a run's store; it follows `run` unless it follows a live one."""
    with _views_lock:
        view = _views.get(run.store)
        if view is None:
            view = _views[run.store] = CampaignView(run)
        elif view.run is not run and (run.active or not view.run.active):
            view.follow(run)
        return view


def flush() -> None:
    """Bring every view up to date, at the end of a cell: what is saved is what the cell left."""
    with _views_lock:
        views = list(_views.values())
    for view in views:
        if view.run.active:
            ticker.watch(view)
        else:
            view.look()
