"""Every sample that is ok as a dot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.explorer.figures.axes import limits_of
from spicelab_nb.explorer.linked.plots import BLUE, ORANGE, axis, limit_spans, plot
from spicelab_nb.explorer.linked.view import View
from spicelab_nb.explorer.points import most_correlated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spicelab_nb.explorer.linked.scene import Scene

__all__ = ["ScatterView"]


class ScatterView(View):
    """One measure or parameter against another; boxes, lassos and clicks select."""

    title = "Scatter"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.y = scene.measure
        self.x = self._fitting_x()
        self._answering = False

    def _fitting_x(self) -> str:
        best = most_correlated(self.scene.columns.dataset, self.y) if self.y else None
        others = [*self.scene.columns.parameters, *self.scene.columns.measures]
        return best[0] if best else next((n for n in others if n != self.y), self.y)

    def build(self) -> Any:
        """Make the Panel object."""
        import panel as pn

        names = self.scene.columns.names
        self.x_select = pn.widgets.Select(label="Across", options=names, value=self.x, width=180)
        self.y_select = pn.widgets.Select(label="Up", options=names, value=self.y, width=180)
        for select in (self.x_select, self.y_select):
            select.param.watch(self.scene.guarded(self._chosen), "value")
        self._pane = pn.pane.Bokeh(None, sizing_mode="stretch_width")
        self._draw()
        return self._pane

    def redraw(self) -> None:
        """Draw the measure anew."""
        # Its widgets draw it.
        self.y_select.value = self.scene.measure

    def _chosen(self, event: Any) -> None:
        del event
        self.x, self.y = self.x_select.value, self.y_select.value
        self._draw()
        self.show(self.scene.selection.points)

    def _draw(self) -> None:
        from bokeh.models import ColumnDataSource, HoverTool

        columns, dataset = self.scene.columns, self.scene.columns.dataset
        xs, ys = columns.values(self.x), columns.values(self.y)
        self._points = np.flatnonzero(np.isfinite(xs) & np.isfinite(ys))
        specs = columns.specs.get(self.x), columns.specs.get(self.y)
        (scale_x, label_x), (scale_y, label_y) = (
            axis(dataset[name], values, limits_of(spec))
            for name, values, spec in zip((self.x, self.y), (xs, ys), specs, strict=True)
        )
        made = plot(
            f"{self.y} against {self.x}\n{columns.lost}",
            label_x,
            label_y,
            tools="box_select,lasso_select,tap,pan,wheel_zoom,reset,save",
            height=300,
            name="scatter",
        )
        made.toolbar.active_drag = made.tools[0]
        data: dict[str, NDArray[Any]] = {
            "x": xs[self._points] * scale_x,
            "y": ys[self._points] * scale_y,
        }
        # By number: a dimension may be called x.
        fields = {d: f"dimension {k}" for k, d in enumerate(columns.dims)}
        data |= {fields[d]: columns.coordinate(d, self._points) for d in columns.dims}
        self.source = ColumnDataSource(data)
        made.scatter(
            "x", "y", source=self.source, size=4.5, color=BLUE, alpha=0.55, line_alpha=0,
            selection_color=ORANGE, selection_alpha=0.95, nonselection_color=BLUE,
            nonselection_alpha=0.12,
        )  # fmt: skip
        tips = [(d, f"@{{{field}}}") for d, field in fields.items()]
        made.add_tools(HoverTool(tooltips=[*tips, (self.x, "@x"), (self.y, "@y")]))
        limit_spans(made, specs[0], scale_x, "height")
        limit_spans(made, specs[1], scale_y, "width")
        self.source.selected.on_change("indices", self._brushed)
        self._pane.object = made

    def show(self, points: NDArray[np.intp]) -> None:
        """Show which points are selected."""
        rows = np.searchsorted(self._points, points[np.isin(points, self._points)])
        self._answering = True
        try:
            self.source.selected.indices = rows.tolist()
        finally:
            self._answering = False

    def _brushed(self, attr: str, old: list[int], new: list[int]) -> None:
        del attr, old
        if not self._answering:
            rows = np.asarray(new, dtype=np.intp)
            self.scene.guarded(lambda: self.scene.selection.replace(self._points[rows]))()
