"""One display of an explorer: what stands above, the two plots that select, tabs with the rest."""

from __future__ import annotations

import contextlib
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import MeasureError
from spicelab_nb.explorer.linked.corners import CornersView
from spicelab_nb.explorer.linked.histogram import HistogramView
from spicelab_nb.explorer.linked.parallel import ParallelView
from spicelab_nb.explorer.linked.resimulation import ResimulationView
from spicelab_nb.explorer.linked.samples import SamplesView
from spicelab_nb.explorer.linked.scatter import ScatterView
from spicelab_nb.explorer.linked.surface import SurfaceView
from spicelab_nb.explorer.linked.tornado import TornadoView
from spicelab_nb.explorer.linked.waveforms import BodeView, WaveformView
from spicelab_nb.results.statistics import summarize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    import xarray as xr
    from numpy.typing import NDArray

    from spicelab_nb.explorer.linked.scene import Scene
    from spicelab_nb.explorer.linked.view import View

__all__ = ["Page"]

_OFFERED = 50
_STYLE = "font-size:13px;line-height:1.45"
_PAPER = """
:host {
  --design-background-color: #ffffff;
  --design-background-text-color: #1f1f1f;
  --design-surface-color: #f1f1f1;
  --design-surface-text-color: #1f1f1f;
  --design-primary-color: #0067ad;
  --design-primary-text-color: #ffffff;
  background-color: #ffffff;
  color: #1f1f1f;
  color-scheme: light;
}
"""
"""Around all views, in every theme: the plots are white, as are the rows of Bokeh's tables."""
_SAID = {"font-size": "13px", "color": "#1f1f1f"}
"""Of the line that is Bokeh's own: it has no design of Panel's that takes its colour from there."""
_UNSEEN = "label { position: absolute; width: 1px; height: 1px; overflow: hidden; }"
"""A label for those who hear the page; others read the button beside it."""


class Page:
    """The Panel object of one display, and the views in it.

    Parameters
    ----------
    scene
        What the views share.
    name
        Of the run.
    resimulate
        Simulates a point again, with every signal; None: nothing can.
    """

    def __init__(
        self,
        scene: Scene,
        *,
        name: str,
        resimulate: Callable[[int], Mapping[str, xr.Dataset]] | None,
    ) -> None:
        self.scene = scene
        self._name = name
        self._resimulate = resimulate
        columns = scene.columns
        self.histogram = HistogramView(scene)
        self.scatter = ScatterView(scene)
        self.waveforms = WaveformView(scene)
        self.resimulation = ResimulationView(scene)
        self.tabs: list[View] = [self.waveforms]
        if scene.waves.complex_names:
            self.tabs.append(BodeView(scene))
        self.tabs += [ParallelView(scene), TornadoView(scene)]
        if "corner" in columns.dims:
            self.tabs.append(CornersView(scene))
        if SurfaceView.fits(columns):
            self.tabs.append(SurfaceView(scene))
        self.tabs += [SamplesView(scene), self.resimulation]
        self._make_widgets()
        self.panel = self._arrange()
        scene.on_complaint = self._complain
        scene.batch = self._batch
        self.unwatch = scene.selection.watch(scene.guarded(self._answer))
        self._describe(scene.selection.points)

    @property
    def views(self) -> list[View]:
        """All views, opened or not."""
        return [self.histogram, self.scatter, *self.tabs]

    def open_tab(self, title: str) -> None:
        """Go to a tab."""
        self._tabs.active = [view.title for view in self.tabs].index(title)

    # ---- what stands above ----------------------------------------------------------------

    def _make_widgets(self) -> None:
        import panel as pn
        from panel.models import HTML

        scene, guarded = self.scene, self.scene.guarded
        self.measure = pn.widgets.Select(
            label="Measure", options=scene.columns.measures, value=scene.measure, width=180
        )
        self.measure.param.watch(guarded(self._measure_chosen), "value")
        self.clear = pn.widgets.Button(label="Clear selection", width=120)
        self.clear.on_click(guarded(self._clear))
        self.failing = pn.widgets.Button(label="Select out of spec", width=140)
        self.failing.on_click(guarded(self._select_failing))
        self.failing.visible = bool(scene.columns.specs)
        self.worst = pn.widgets.Button(label="Select furthest", width=125)
        self.worst.visible = bool(scene.measure)
        self.worst.on_click(guarded(self._select_furthest))
        self.sample = pn.widgets.Select(
            label="Sample to simulate", options={"no sample": -1}, width=180, stylesheets=[_UNSEEN]
        )
        self.simulate = pn.widgets.Button(
            label="Re-simulate", color="primary", width=120, disabled=True
        )
        self.simulate.on_click(guarded(self._simulate))
        # Bokeh's model: with each text Panel's pane sends its style sheets anew, for which Bokeh
        # lays out and paints every plot.
        self.state = HTML(sizing_mode="stretch_width", styles=_SAID)
        self.complaint = pn.pane.HTML("", sizing_mode="stretch_width", visible=False)

    def _arrange(self) -> Any:
        import panel as pn

        parts = [
            self.headline(),
            pn.Row(
                self.clear, self.failing, self.worst, pn.Spacer(width=20), self.sample,
                self.simulate, sizing_mode="stretch_width",
            ),
            pn.pane.Bokeh(self.state, sizing_mode="stretch_width"),
            self.complaint,
        ]  # fmt: skip
        self._slots = [pn.Column(sizing_mode="stretch_width") for _ in self.tabs]
        self._tabs = pn.Tabs(
            *[(view.title, slot) for view, slot in zip(self.tabs, self._slots, strict=True)],
            dynamic=True,
            sizing_mode="stretch_width",
        )
        self._tabs.param.watch(self.scene.guarded(self._tab_opened), "active")
        if self.scene.measure:
            scatter = self.scatter.open()
            widgets = pn.Row(self.measure, self.scatter.x_select, self.scatter.y_select)
            parts += [
                widgets,
                pn.Row(self.histogram.open(), scatter, sizing_mode="stretch_width"),
            ]
        else:
            parts.append(
                pn.pane.HTML("<p>No sample has a measure yet: there is nothing to draw.</p>")
            )
        self.scene.guarded(self._fill)(0)
        return _layout_class(self.scene.lock)(
            *parts,
            self._tabs,
            sizing_mode="stretch_width",
            min_width=640,
            # The root's alone, once: what is in it inherits the colours.
            stylesheets=[_PAPER],
        )

    def headline(self) -> Any:
        """Say what the run came to."""
        import panel as pn

        said = escape(summarize(self.scene.columns.dataset).headline)
        return pn.pane.HTML(
            f"<div style='{_STYLE}'><b>{escape(self._name)}</b>: {said}</div>",
            sizing_mode="stretch_width",
        )

    def opened(self, view: View) -> Any:
        """Open a view; where this run has not what it draws, give the sentence that says so."""
        import panel as pn

        try:
            return view.open()
        except MeasureError as error:
            return pn.pane.HTML(f"<p>{escape(str(error))}</p>")

    def _tab_opened(self, event: Any) -> None:
        self._fill(event.new)

    def _fill(self, index: int) -> None:
        slot = self._slots[index]
        if not len(slot):
            slot[:] = [self.opened(self.tabs[index])]

    # ---- what people do -------------------------------------------------------------------

    def _answer(self, points: NDArray[np.intp]) -> None:
        for view in self.views:
            self.scene.guarded(view.answer)(points)
        self.scene.guarded(self._describe)(points)

    def _describe(self, points: NDArray[np.intp]) -> None:
        columns = self.scene.columns
        if not len(points):
            text = "No sample selected. Drag over the histogram, the scatter or an axis, or click."
        else:
            parts = [f"<b>{len(points):,}</b> of {columns.size:,} selected"]
            lost = int(np.count_nonzero(~columns.ok[points]))
            if lost:
                parts.append(f"{lost} of them not ok")
            if columns.specs:
                good = int(np.count_nonzero(columns.good[points]))
                parts.append(f"{good:,} keep every spec")
            text = ", ".join(parts)
        self.state.text = escape(text)  # its view undoes this
        offered = self.scene.furthest(points)[:_OFFERED]
        options = {columns.label(int(p)): int(p) for p in offered} or {"no sample": -1}
        self.sample.param.update(options=options, value=next(iter(options.values())))
        self.simulate.disabled = self._resimulate is None or not len(points)

    def _measure_chosen(self, event: Any) -> None:
        self.scene.measure = event.new
        for view in self.views:
            self.scene.guarded(view.measure_changed)()
        self._describe(self.scene.selection.points)

    def _clear(self, event: Any) -> None:
        del event
        if len(self.scene.selection):
            self.scene.selection.clear()
        else:  # nobody is told, and ranges in which nothing lies would stay
            self._answer(self.scene.selection.points)

    def _select_failing(self, event: Any) -> None:
        del event
        columns = self.scene.columns
        self.scene.selection.replace(columns.ok & ~columns.good)

    def _select_furthest(self, event: Any) -> None:
        del event
        columns = self.scene.columns
        known = np.flatnonzero(np.isfinite(columns.values(self.scene.measure)))
        self.scene.selection.replace(columns.strays(self.scene.measure, known)[:1])

    def _simulate(self, event: Any) -> None:
        del event
        if self._resimulate is None or self.sample.value < 0:
            return
        self.simulate.param.update(label="Simulating ...", disabled=True)
        self._send_now()
        try:
            outputs = self._resimulate(self.sample.value)
        finally:
            self.simulate.param.update(label="Re-simulate", disabled=False)
        self.open_tab(self.resimulation.title)
        self.resimulation.put(self.sample.value, outputs)

    def _complain(self, error: Exception | None) -> None:
        if error is None:
            self.complaint.visible = False
            return
        self.complaint.object = (
            "<div role='alert' style='padding:6px 10px;border-left:4px solid #c0392b;"
            f"background:#fdf1ef;color:#7b241c'><b>{escape(type(error).__name__)}</b>: "
            f"{escape(str(error))}</div>"
        )
        self.complaint.visible = True

    @contextlib.contextmanager
    def _batch(self) -> Iterator[None]:
        """Send what changes meanwhile as one message, at the end."""
        import panel as pn

        with contextlib.ExitStack() as stack:
            for document in self._documents():
                # Bokeh goes through all models after each change, unless it is told to wait.
                stack.enter_context(document.models.freeze())
            with pn.io.notebook.block_comm():
                yield
            self._inline_styles()
        self._send()

    def _documents(self) -> list[Any]:
        models = [model for model, _ in self.panel._models.values()]
        return [model.document for model in models if model.document is not None]

    def _inline_styles(self) -> None:
        """Replace style sheets that Panel would have the page ask a CDN for."""
        import panel as pn

        # Panel's own objects, and not the hundreds of models in the plots, which have none.
        for shown in self.panel.select(pn.viewable.Viewable):
            for model, _ in shown._models.values():
                pn.io.notebook.patch_inline_stylesheets(model)

    def _send_now(self) -> None:
        """Send what changed so far, within a batch."""
        import panel as pn

        pn.state._hold = False
        try:
            self._inline_styles()
            self._send()
        finally:
            pn.state._hold = True

    def _send(self) -> None:
        """Send what changed; Panel does so by itself for its own objects only."""
        import panel as pn

        pn.io.push_notebook(self.panel)


def _inline(root: Any) -> None:
    import panel as pn
    from bokeh.models.ui import UIElement

    for element in root.select({"type": UIElement}):
        pn.io.notebook.patch_inline_stylesheets(element)


def _layout_class(lock: AbstractContextManager[Any]) -> Any:
    """Make the class of a display's layout on first use, since its base would import Panel."""
    import panel as pn

    class Display(pn.Column):  # type: ignore[misc] # Panel has no types
        """A column that takes a page's messages when no cell is changing what it shows.

        JupyterLab sends them to a thread of their own; Panel ends the hold on the document's
        changes when it has taken one, and what a cell changed meanwhile would never be sent.
        """

        def _render_model(self, doc: Any = None, comm: Any = None) -> Any:
            if doc is None or comm is None:
                return super()._render_model(doc, comm)
            with doc.models.freeze():
                model = super()._render_model(doc, comm)
                _inline(model)
            return model

        def _on_msg(self, *message: Any) -> None:
            with lock:
                super()._on_msg(*message)

    return Display
