"""Which parameter matters most, and in which the selected samples differ from the rest."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import MeasureError
from spicelab_nb.explorer.figures.tornado import tornado
from spicelab_nb.explorer.linked.plots import ORANGE, plot, rendered
from spicelab_nb.explorer.linked.view import View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spicelab_nb.explorer.linked.columns import Columns

__all__ = ["TornadoView", "shifts"]

_BARS = 12


def shifts(columns: Columns, points: NDArray[np.intp]) -> dict[str, float]:
    """How far the mean of some points is from that of all that are ok, in standard deviations.

    Returns
    -------
    dict
        Parameter to shift, the largest first; parameters that do not vary are not in it.
    """
    found = {}
    for name in columns.parameters:
        column = columns.values(name)
        known, chosen = column[np.isfinite(column)], column[points]
        chosen = chosen[np.isfinite(chosen)]
        sd = float(np.std(known)) if len(known) else 0.0
        if sd > 0 and len(chosen):
            found[name] = float((np.mean(chosen) - np.mean(known)) / sd)
    return dict(sorted(found.items(), key=lambda kv: -abs(kv[1])))


class TornadoView(View):
    """The tornado of the measure; below, what sets the selected samples apart."""

    title = "Tornado"

    def build(self) -> Any:
        """Make the Panel object."""
        import panel as pn

        self._tornado = pn.Column(sizing_mode="stretch_width")
        self._draw_shifts()
        self.redraw()
        below = pn.pane.Bokeh(self.figure, sizing_mode="stretch_width")
        return pn.Column(self._tornado, below, sizing_mode="stretch_width")

    def redraw(self) -> None:
        """Draw the measure anew."""
        import panel as pn

        try:
            made = rendered(lambda: tornado(self.scene.columns.dataset, self.scene.measure))
        except MeasureError as error:
            self._tornado[:] = [pn.pane.HTML(f"<p>{escape(str(error))}</p>")]
        else:
            self._tornado[:] = [pn.pane.Bokeh(made, sizing_mode="stretch_width")]

    def show(self, points: NDArray[np.intp]) -> None:
        """Show which points are selected."""
        columns = self.scene.columns
        found = dict(list(shifts(columns, points).items())[:_BARS])
        names = list(found)[::-1]
        self.figure.y_range.factors = names
        self.shifts.data = {"name": names, "shift": [found[n] for n in names]}
        what = "no sample selected" if not len(points) else f"{len(points)} selected"
        if len(points) and not found:
            what += ", with no parameter that varies"
        self.figure.title.text = (
            f"What sets the selected samples apart: {what}, {columns.lost}\n"
            "mean of each parameter against that of all samples"
        )

    def _draw_shifts(self) -> None:
        from bokeh.models import ColumnDataSource, FactorRange

        self.shifts = ColumnDataSource({"name": [], "shift": []})
        self.figure = plot(
            " ", "shift of the mean (standard deviations)", "parameter",
            tools="hover,save", height=280, name="shifts", y_range=FactorRange(),
        )  # fmt: skip
        self.figure.hover.tooltips = [("parameter", "@name"), ("shift", "@shift{0.00} sd")]
        self.figure.hbar(y="name", right="shift", height=0.6, source=self.shifts, color=ORANGE)
