"""Parallel coordinates, where a range along an axis selects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import MeasureError
from spicelab_nb.explorer.grid import is_logarithmic
from spicelab_nb.explorer.linked.plots import BLUE, ORANGE, RED, plot
from spicelab_nb.explorer.linked.view import View
from spicelab_nb.explorer.points import correlations
from spicelab_nb.results.quantities import quantity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spicelab_nb.explorer.linked.columns import Columns

__all__ = ["ParallelView", "axes_of"]

LINES = 1000
"""Samples drawn; of more, evenly chosen ones."""
SELECTED = 300
"""Selected samples drawn; of more, those furthest out in the measure."""
AXES = 10


def axes_of(columns: Columns) -> list[str]:
    """The parameters that measures follow most, then the measures: ten in all."""
    measures = columns.measures[: AXES - 2]
    followed: dict[str, float] = {}
    for measure in measures:
        for name, rho in correlations(columns.dataset, measure).items():
            followed[name] = max(followed.get(name, 0.0), abs(rho))
    ranked = sorted(columns.parameters, key=lambda n: -followed.get(n, 0.0))
    kept = set(ranked[: AXES - len(measures)])
    return [n for n in columns.parameters if n in kept] + measures


class ParallelView(View):
    """Each sample a line across parameters and measures."""

    title = "Parallel coordinates"

    def build(self) -> Any:
        """Make the Panel object."""
        import panel as pn

        self.names = axes_of(self.scene.columns)
        if len(self.names) < 2:
            raise MeasureError(f"Parallel coordinates take two axes, not {len(self.names)}.")
        self.brushes: dict[int, tuple[float, float]] = {}
        self._brushing = False
        self._place()
        self._draw()
        return pn.pane.Bokeh(self.figure, sizing_mode="stretch_width")

    def show(self, points: NDArray[np.intp]) -> None:
        """Show which points are selected."""
        if not self._brushing:
            self.brushes.clear()
        drawn = self.scene.drawn(points[self._whole[points]], SELECTED)
        self.selected.data = self._lines(drawn)
        self._show_brushes()
        count = int(np.count_nonzero(self._whole))
        every = f", {LINES} of them drawn" if count > LINES else ""
        chosen = f"{len(points)} selected" if len(points) else "drag along an axis to select"
        if len(drawn) < len(points):
            chosen += f", {len(drawn)} of them drawn"
        self.figure.title.text = f"{count} samples{every}, {self.scene.columns.lost}\n{chosen}"

    def _place(self) -> None:
        """Put values between 0 and 1 on each axis."""
        columns = self.scene.columns
        table = np.column_stack([columns.values(n) for n in self.names])
        self._whole = np.asarray(np.isfinite(table).all(axis=1))
        self._at = np.full_like(table, np.nan)
        self._ends: list[tuple[float, float]] = []
        self._marks: list[tuple[int, float]] = []
        for k, name in enumerate(self.names):
            known = table[self._whole, k]
            low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
            distinct = np.unique(known)
            turn = np.log if len(distinct) < 100 and is_logarithmic(distinct) else np.asarray
            span = float(turn(high) - turn(low)) if high > low else 0.0
            self._ends.append((low, high))
            if span > 0:
                self._at[self._whole, k] = (turn(known) - turn(low)) / span
            else:
                self._at[self._whole, k] = 0.5
            spec = columns.specs.get(name)
            for limit in (spec.min, spec.max) if spec else ():
                if limit is not None and low < limit < high and span > 0:
                    self._marks.append((k, float((turn(limit) - turn(low)) / span)))

    def _lines(self, points: NDArray[np.intp]) -> dict[str, Any]:
        """Lines as one broken line, so that a thousand are one object."""
        count = len(self.names)
        x = np.tile(np.append(np.arange(count, dtype=float), np.nan), len(points))
        y = np.column_stack([self._at[points], np.full(len(points), np.nan)]).ravel()
        return {"x": x, "y": y}

    def _draw(self) -> None:
        from bokeh.events import SelectionGeometry
        from bokeh.models import ColumnDataSource

        count = len(self.names)
        made = self.figure = plot(
            " ", "", "", tools="box_select,reset,save", height=380,
            name="parallel", x_range=(-0.5, count - 0.5), y_range=(-0.12, 1.12),
        )  # fmt: skip
        every = np.flatnonzero(self._whole)
        step = -(-len(every) // LINES) or 1
        some = every[::step]
        alpha = float(np.clip(60 / max(len(some), 1), 0.07, 0.6))
        made.line("x", "y", source=ColumnDataSource(self._lines(some)), color=BLUE, alpha=alpha)
        made.segment(np.arange(count), 0, np.arange(count), 1, color="#777777", line_width=1.5)
        if self._marks:
            at, place = np.array(self._marks).T
            made.segment(at - 0.09, place, at + 0.09, place, color=RED, line_width=3)
        self.selected = ColumnDataSource({"x": [], "y": []})
        made.line("x", "y", source=self.selected, color=ORANGE, alpha=0.75, line_width=1.5)
        self.ranges = ColumnDataSource({"left": [], "right": [], "bottom": [], "top": []})
        made.quad(
            left="left", right="right", bottom="bottom", top="top", source=self.ranges,
            color=ORANGE, alpha=0.35, line_color=ORANGE,
        )  # fmt: skip
        for k, (name, (low, high)) in enumerate(zip(self.names, self._ends, strict=True)):
            unit = str(self.scene.columns.dataset[name].attrs.get("units", ""))
            for place, value, base in ((1.02, high, "bottom"), (-0.02, low, "top")):
                made.text(
                    [k], [place], [quantity(value, unit)], text_align="center",
                    text_baseline=base, text_font_size="8pt", text_color="#333333",
                )  # fmt: skip
        made.xaxis.ticker = list(range(count))
        made.xaxis.major_label_overrides = dict(enumerate(self.names))
        made.xaxis.major_label_text_font_size = "9pt"
        made.yaxis.visible = False
        made.grid.visible = False
        made.on_event(SelectionGeometry, self.scene.guarded(self._brushed))

    def _brushed(self, event: Any) -> None:
        if not event.final:
            return
        g = event.geometry
        left, right = sorted((g["x0"], g["x1"]))
        low, high = sorted((g["y0"], g["y1"]))
        axes = [k for k in range(len(self.names)) if left - 0.15 <= k <= right + 0.15]
        if not axes:
            return
        self.brushes |= dict.fromkeys(axes, (low, high))
        inside = self._whole.copy()
        for k, (a, b) in self.brushes.items():
            with np.errstate(invalid="ignore"):
                inside &= (self._at[:, k] >= a) & (self._at[:, k] <= b)
        self._brushing = True
        try:
            self.scene.selection.replace(inside)
            self._show_brushes()
        finally:
            self._brushing = False

    def _show_brushes(self) -> None:
        self.ranges.data = {
            "left": [k - 0.06 for k in self.brushes],
            "right": [k + 0.06 for k in self.brushes],
            "bottom": [max(a, 0.0) for a, _ in self.brushes.values()],
            "top": [min(b, 1.0) for _, b in self.brushes.values()],
        }
