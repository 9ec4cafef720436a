"""The response surface of a sweep, and where on it the selected points lie."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import MeasureError
from spicelab_nb.explorer.figures.axes import label_of, largest
from spicelab_nb.explorer.figures.surface import surface
from spicelab_nb.explorer.linked.columns import telling_digits
from spicelab_nb.explorer.linked.plots import ORANGE, rendered
from spicelab_nb.explorer.linked.view import View
from spicelab_nb.explorer.selection import column_of, swept_dimensions
from spicelab_nb.results.quantities import axis_scale, quantity

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from numpy.typing import NDArray

    from spicelab_nb.explorer.linked.columns import Columns

__all__ = ["SurfaceView"]

_STATISTICS = ["median", "mean", "sd", "min", "max", "yield"]


class SurfaceView(View):
    """A measure over one or two swept parameters; a box selects."""

    title = "Response surface"

    @staticmethod
    def fits(columns: Columns) -> bool:
        """Whether anything is swept over numbers."""
        return bool(_swept(columns.dataset))

    def build(self) -> Any:
        """Make the Panel object."""
        import panel as pn

        dataset = self.scene.columns.dataset
        swept = _swept(dataset)
        self.x = pn.widgets.Select(label="Across", options=swept, value=swept[0], width=150)
        self.y = pn.widgets.Select(
            label="Up", options=["", *swept], value=swept[1] if len(swept) > 1 else "", width=150
        )
        self.at = {
            d: pn.widgets.Select(label=d, options=_choices(column_of(dataset, d)), width=130)
            for d in swept_dimensions(dataset)
        }
        self.statistic = pn.widgets.Select(
            label="Of the samples", options=_STATISTICS, width=130,
            visible="sample" in self.scene.columns.dims,
        )  # fmt: skip
        self._shown = pn.Column(sizing_mode="stretch_width")
        widgets = [self.x, self.y, *self.at.values(), self.statistic]
        for widget in widgets:
            widget.param.watch(self.scene.guarded(self._chosen), "value")
        self.redraw()
        return pn.Column(pn.Row(*widgets), self._shown, sizing_mode="stretch_width")

    def redraw(self) -> None:
        """Draw the measure anew."""
        import panel as pn
        from bokeh.events import SelectionGeometry
        from bokeh.models import BoxSelectTool, ColumnDataSource, Line

        dataset, measure = self.scene.columns.dataset, self.scene.measure
        axes = [self.x.value] + ([self.y.value] if self.y.value not in ("", self.x.value) else [])
        for dim, widget in self.at.items():
            widget.visible = dim not in axes
        fixed = {d: w.value for d, w in self.at.items() if d not in axes}
        statistic = self.statistic.value if self.statistic.visible else None
        self.selected = ColumnDataSource({"x": [], "y": []})
        try:
            made = rendered(
                lambda: surface(
                    dataset, measure, *axes, *([None] if len(axes) < 2 else []),
                    statistic=statistic, at=fixed,
                )
            )  # fmt: skip
        except MeasureError as error:
            self._shown[:] = [pn.pane.HTML(f"<p>{escape(str(error))}</p>")]
            return
        self._columns = [column_of(dataset, d) for d in axes]
        self._drawn = self._at(fixed)
        if len(axes) == 1:
            curve = next(r for r in made.renderers if isinstance(r.glyph, Line))
            data = curve.data_source.data
            self._curve = np.asarray(data[curve.glyph.x]), np.asarray(data[curve.glyph.y])
        self._scales = [axis_scale(largest(c.values), label_of(c)[1])[0] for c in self._columns]
        made.scatter(
            "x", "y", source=self.selected, size=13, line_color=ORANGE, line_width=2.5,
            fill_alpha=0.0,
        )  # fmt: skip
        made.add_tools(BoxSelectTool(dimensions="both" if len(axes) == 2 else "width"))
        made.on_event(SelectionGeometry, self.scene.guarded(self._brushed))
        self._shown[:] = [pn.pane.Bokeh(made, sizing_mode="stretch_width")]

    def show(self, points: NDArray[np.intp]) -> None:
        """Show which points are selected."""
        if not getattr(self, "_columns", None):
            return
        points = points[self._drawn[points]]
        places = [
            np.asarray(self._where(c)[points] * s)
            for c, s in zip(self._columns, self._scales, strict=True)
        ]
        if len(places) == 1:
            # On the curve as it is drawn: of samples that is a statistic of them.
            x, y = self._curve
            places.append(y[np.abs(x - places[0][:, np.newaxis]).argmin(axis=1)])
        spots = np.unique(np.column_stack(places), axis=0) if len(points) else np.empty((0, 2))
        self.selected.data = {"x": spots[:, 0], "y": spots[:, 1]}

    def _where(self, column: xr.DataArray) -> NDArray[np.float64]:
        """``(size,)``: where every point lies, also those that are not ok."""
        status = self.scene.columns.dataset["status"]
        spread = column.broadcast_like(status).transpose(*status.dims)
        return np.asarray(spread.values, dtype=np.float64).ravel()

    def _at(self, fixed: Mapping[str, Any]) -> NDArray[np.bool_]:
        """``(size,)``: whether a point has these values of the dimensions that are not drawn."""
        columns = self.scene.columns
        there = np.ones(columns.shape, dtype=np.bool_)
        for dim, value in fixed.items():
            axis = columns.dims.index(dim)
            here = column_of(columns.dataset, dim).values == value
            there &= here.reshape([-1 if k == axis else 1 for k in range(len(columns.dims))])
        return there.ravel()

    def _chosen(self, event: Any) -> None:
        del event
        self.redraw()
        self.show(self.scene.selection.points)

    def _brushed(self, event: Any) -> None:
        if not event.final:
            return
        inside = self._drawn.copy()
        for column, scale, keys in zip(
            self._columns, self._scales, (("x0", "x1"), ("y0", "y1")), strict=False
        ):
            low, high = sorted(event.geometry[k] / scale for k in keys)
            at = self._where(column)
            inside &= (at >= low) & (at <= high)
        self.scene.selection.replace(inside)


def _swept(dataset: xr.Dataset) -> list[str]:
    return [
        d
        for d in swept_dimensions(dataset)
        if dataset.sizes[d] > 1 and column_of(dataset, d).dtype.kind in "iuf"
    ]


def _choices(column: xr.DataArray) -> dict[str, Any]:
    unit = str(column.attrs.get("units", ""))
    if column.dtype.kind not in "iuf":
        return {str(v): v for v in column.values.tolist()}
    digits = telling_digits(column.values)
    return {quantity(float(v), unit, digits): v for v in column.values.tolist()}
