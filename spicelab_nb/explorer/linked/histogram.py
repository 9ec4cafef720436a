"""The histogram with limits, yield and Cpk, and the selected samples in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.explorer.figures.axes import limits_of
from spicelab_nb.explorer.linked.plots import BLUE, ORANGE, axis, limit_spans, plot
from spicelab_nb.explorer.linked.view import View
from spicelab_nb.explorer.points import corner_values
from spicelab_nb.explorer.titles import figure_title
from spicelab_nb.results.histogram import bin_edges

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["HistogramView"]

_OUTLINES = ("#3b6ea5", "#8e44ad", "#16a085", "#2c3e50", "#b7950b", "#a04000", "#1b4f72")


class HistogramView(View):
    """A measure's histogram; dragging along it selects."""

    title = "Histogram"

    def build(self) -> Any:
        """Make the Panel object."""
        import panel as pn

        self._pane = pn.pane.Bokeh(None, sizing_mode="stretch_width")
        self.redraw()
        return self._pane

    def redraw(self) -> None:
        """Draw the measure anew."""
        from bokeh.events import SelectionGeometry
        from bokeh.models import ColumnDataSource

        scene, measure = self.scene, self.scene.measure
        dataset, spec = scene.columns.dataset, scene.columns.specs.get(self.scene.measure)
        column = scene.columns.values(measure)
        finite = column[np.isfinite(column)]
        limits = (None, None) if spec is None else (spec.min, spec.max)
        self._edges = bin_edges(finite, low=limits[0], high=limits[1])
        self._scale, label = axis(dataset[measure], finite, limits_of(spec))
        made = plot(
            figure_title(dataset, measure, spec),
            label,
            "samples",
            tools="xbox_select,xpan,xwheel_zoom,reset,save",
            height=300,
            name="histogram",
        )
        edges = self._edges * self._scale
        groups = corner_values(dataset, measure)
        if len(groups) == 1:
            counts, _ = np.histogram(finite, self._edges)
            made.quad(
                left=edges[:-1], right=edges[1:], bottom=0, top=counts, color=BLUE,
                line_color="white", alpha=0.85, nonselection_alpha=0.85,
            )  # fmt: skip
        for k, (name, values) in enumerate(groups.items() if len(groups) > 1 else ()):
            counts, _ = np.histogram(values[np.isfinite(values)], self._edges)
            made.line(
                np.repeat(edges, 2)[1:-1], np.repeat(counts, 2), legend_label=name, line_width=1.5,
                color=_OUTLINES[k % len(_OUTLINES)],
            )  # fmt: skip
        self.selected = ColumnDataSource(
            name="selected in histogram",
            data={"left": edges[:-1], "right": edges[1:], "top": edges[1:] * 0},
        )
        made.quad(
            left="left", right="right", bottom=0, top="top", source=self.selected, color=ORANGE,
            line_color="white", nonselection_alpha=1.0,
        )  # fmt: skip
        limit_spans(made, spec, self._scale, "height")
        made.y_range.start = 0
        made.toolbar.active_drag = made.tools[0]
        made.on_event(SelectionGeometry, self.scene.guarded(self._brushed))
        self._pane.object = made

    def show(self, points: NDArray[np.intp]) -> None:
        """Show which points are selected."""
        values = self.scene.columns.values(self.scene.measure)[points]
        counts, _ = np.histogram(values[np.isfinite(values)], self._edges)
        self.selected.data = {**self.selected.data, "top": counts}

    def _brushed(self, event: Any) -> None:
        if not event.final:
            return
        low, high = sorted((event.geometry["x0"] / self._scale, event.geometry["x1"] / self._scale))
        column = self.scene.columns.values(self.scene.measure)
        with np.errstate(invalid="ignore"):
            self.scene.selection.replace((column >= low) & (column <= high))
