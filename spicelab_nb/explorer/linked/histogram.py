"""The histogram with limits, yield and Cpk, and the selected samples in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.explorer.figures.axes import limits_of
from spicelab_nb.explorer.linked.plots import BLUE, GREY, ORANGE, axis, limit_spans, plot
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
        self._place(finite, bin_edges(finite, low=limits[0], high=limits[1]))
        self._scale, label = axis(dataset[measure], self._edges, limits_of(spec))
        title = figure_title(dataset, measure, spec)
        groups = corner_values(dataset, measure)
        if outside := int(np.count_nonzero(self._placed(finite) != finite)):
            where = "in the grey bars" if len(groups) == 1 else "in the outermost bins"
            title += f"{', ' if chr(10) in title else chr(10)}{outside} beyond, {where}"
        made = plot(
            title,
            label,
            "samples",
            tools="xbox_select,xpan,xwheel_zoom,reset,save",
            height=300,
            name="histogram",
        )
        edges = self._edges * self._scale
        if len(groups) == 1:
            colors = np.full(len(edges) - 1, BLUE)
            colors[[k for k, there in ((0, self._below), (-1, self._above)) if there]] = GREY
            made.quad(
                left=edges[:-1], right=edges[1:], bottom=0, top=self._counts(finite),
                fill_color=colors.tolist(), line_color="white", alpha=0.85, nonselection_alpha=0.85,
            )  # fmt: skip
        for k, (name, values) in enumerate(groups.items() if len(groups) > 1 else ()):
            counts = self._counts(values)
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
        self.selected.data = {**self.selected.data, "top": self._counts(values)}

    def _place(self, finite: NDArray[np.float64], edges: NDArray[np.float64]) -> None:
        """Set the bins, with one more at an end that values lie beyond: all of them are in it."""
        width = edges[1] - edges[0]
        self._below = bool((finite < edges[0]).any())
        self._above = bool((finite > edges[-1]).any())
        before = [edges[0] - width] if self._below else []
        after = [edges[-1] + width] if self._above else []
        self._edges = np.concatenate([before, edges, after])
        self._bounds = (
            edges[0] - width / 2 if self._below else -np.inf,
            edges[-1] + width / 2 if self._above else np.inf,
        )

    def _placed(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where values are drawn: those beyond in the middle of the bar at that end."""
        return np.clip(values, *self._bounds)

    def _counts(self, values: NDArray[np.float64]) -> NDArray[np.intp]:
        counts, _ = np.histogram(self._placed(values[np.isfinite(values)]), self._edges)
        return np.asarray(counts)

    def _brushed(self, event: Any) -> None:
        if not event.final:
            return
        low, high = sorted((event.geometry["x0"] / self._scale, event.geometry["x1"] / self._scale))
        column = self._placed(self.scene.columns.values(self.scene.measure))
        with np.errstate(invalid="ignore"):
            self.scene.selection.replace((column >= low) & (column <= high))
