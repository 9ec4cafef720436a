"""The table of samples and failures."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.explorer.figures.axes import largest
from spicelab_nb.explorer.linked.view import View
from spicelab_nb.explorer.tables import table
from spicelab_nb.results.quantities import axis_scale

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["SamplesView"]

ROWS = 500
"""Rows that are shown at most."""

_WHICH = {
    "selected samples": "selected",
    "all samples": "all",
    "that keep every spec": "passing",
    "that break a spec": "failing",
    "that failed": "failed",
    "that have not run": "not_run",
}


class SamplesView(View):
    """Samples with their values, status and reasons; a click selects."""

    title = "Samples"

    def build(self) -> Any:
        """Make the Panel object."""
        import panel as pn
        from bokeh.models import ColumnDataSource, DataTable, TableColumn

        columns = self.scene.columns
        self._frame: pd.DataFrame = table(columns.dataset, self.scene.failures)
        self.which = pn.widgets.Select(label="Show", options=_WHICH, value="selected", width=200)
        self.which.param.watch(self.scene.guarded(self._chosen), "value")
        self.heading = pn.pane.HTML("", sizing_mode="stretch_width")
        self.source = ColumnDataSource({name: [] for name in ("point", *self._frame.columns)})
        listed = []
        for name in self._frame.columns:
            unit = ""
            if name in columns.dataset.variables:
                unit = str(columns.dataset[name].attrs.get("units", ""))
            values = self._frame[name].to_numpy()
            options: dict[str, Any] = {}
            if values.dtype.kind == "f":
                scale, unit = axis_scale(largest(values), unit)
                self._frame[name] = values * scale
                options["formatter"] = _formatter(values * scale)
            elif values.dtype.kind in "iu":
                options["formatter"] = _formatter(values)
            title = f"{name} ({unit})" if unit else str(name)
            width = 360 if name == "reason" else max(100, 8 * len(title) + 20)
            listed.append(TableColumn(field=str(name), title=escape(title), width=width, **options))
        self.table = DataTable(
            source=self.source, columns=listed, height=360, sizing_mode="stretch_width",
            index_position=None, autosize_mode="none", selectable="checkbox", row_height=24,
        )  # fmt: skip
        self.source.selected.on_change("indices", self._picked)
        self._answering = False
        pane = pn.pane.Bokeh(self.table, sizing_mode="stretch_width")
        top = pn.Row(self.which, self.heading, sizing_mode="stretch_width")
        return pn.Column(top, pane, sizing_mode="stretch_width")

    def show(self, points: NDArray[np.intp]) -> None:
        """Show which points are selected."""
        rows = self._rows(points)
        shown = rows[:ROWS]
        part = self._frame.iloc[shown]
        self._listed = shown
        self._answering = True
        try:
            self.source.selected.indices = []
            self.source.data = {"point": shown} | {
                str(name): part[name].to_numpy() for name in part.columns
            }
        finally:
            self._answering = False
        some = f", the first {len(shown)} of them listed" if len(shown) < len(rows) else ""
        what = "samples" if self.which.value != "selected" or not len(points) else "selected"
        self.heading.object = (
            f"<p style='margin-top:18px'>{len(rows):,} {what}{some}, {self.scene.columns.lost}</p>"
        )

    def _rows(self, points: NDArray[np.intp]) -> NDArray[np.intp]:
        columns, which = self.scene.columns, self.which.value
        every = np.arange(columns.size)
        if which == "selected":
            return points if len(points) else every
        chosen = {
            "all": np.ones(columns.size, dtype=np.bool_),
            "passing": columns.good,
            "failing": columns.ok & ~columns.good,
            "failed": columns.failed,
            "not_run": ~columns.ok & ~columns.failed,
        }
        return np.asarray(every[chosen[which]])

    def _chosen(self, event: Any) -> None:
        del event
        self.show(self.scene.selection.points)

    def _picked(self, attr: str, old: list[int], new: list[int]) -> None:
        del attr, old
        if self._answering or not new:
            return
        points = self._listed[np.asarray(new, np.intp)]
        self.scene.guarded(lambda: self.scene.selection.replace(points))()


def _formatter(values: NDArray[Any]) -> Any:
    """Five digits; with an exponent where values lie so far apart that some would have none."""
    from bokeh.models import NumberFormatter, ScientificFormatter

    if values.dtype.kind != "f":
        return NumberFormatter(format="0", text_align="right")
    size = np.abs(values[np.isfinite(values) & (values != 0)])
    if len(size) and not 1e-3 <= size.max() < 1e6:
        return ScientificFormatter(precision=5, text_align="right")
    if len(size) and np.quantile(size, 0.02) < 1e-3 * size.max():
        return ScientificFormatter(
            precision=5, power_limit_high=5, power_limit_low=-3, text_align="right"
        )
    before = int(np.floor(np.log10(size.max()))) if len(size) else 0
    decimals = min(max(4 - before, 0), 7)
    return NumberFormatter(format=f"0.{'0' * decimals}" if decimals else "0", text_align="right")
