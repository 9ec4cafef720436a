"""Corners side by side, and where among them the selected points lie."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.explorer.figures.corners import corners
from spicelab_nb.explorer.linked.plots import rendered
from spicelab_nb.explorer.linked.view import View
from spicelab_nb.explorer.tables import corner_table
from spicelab_nb.results.quantities import quantity

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["CornersView"]


class CornersView(View):
    """Spread and yield at each corner."""

    title = "Corners"

    def build(self) -> Any:
        """Make the Panel object."""
        import panel as pn

        self._pane = pn.pane.Bokeh(None, sizing_mode="stretch_width")
        self.table = pn.pane.HTML("", sizing_mode="stretch_width")
        self.redraw()
        return pn.Column(self._pane, self.table, sizing_mode="stretch_width")

    def redraw(self) -> None:
        """Draw the measure anew."""
        columns = self.scene.columns
        made = rendered(lambda: corners(columns.dataset, self.scene.measure))
        self._pane.object = made
        self._rows = corner_table(columns.dataset)

    def show(self, points: NDArray[np.intp]) -> None:
        """Show which points are selected."""
        at = self.scene.columns.coordinate("corner", points).astype(str)
        names, counts = np.unique(at, return_counts=True)
        chosen = dict(zip(names.tolist(), counts.tolist(), strict=True))
        lost = escape(self.scene.columns.lost)
        self.table.object = f"<p><b>Corners</b>, {lost}</p>{_html(self._rows, chosen)}"


def _html(rows: pd.DataFrame, chosen: dict[str, int]) -> str:
    head = "".join(
        f"<th style='text-align:left;padding:2px 10px'>{text}</th>"
        for text in ("measure", "corner", "ok", "failed", "least", "median", "greatest", "spec",
                     "yield", "selected")
    )  # fmt: skip
    body = []
    for (measure, corner), row in rows.iterrows():
        unit = row["unit"]
        limits = [
            f"{sign} {quantity(float(row[key]), unit)}"
            for sign, key in (("&ge;", "spec_min"), ("&le;", "spec_max"))
            if row[key] == row[key]
        ]
        share = "" if row["yield"] != row["yield"] else f"{100 * row['yield']:.1f} %"
        cells = [
            escape(str(measure)),
            escape(str(corner)) + (" (worst)" if row["worst"] else ""),
            f"{row['n']}",
            f"{row['failed']}",
            *(escape(quantity(float(row[key]), unit)) for key in ("min", "median", "max")),
            ", ".join(limits),
            share,
            str(chosen.get(str(corner), 0)),
        ]
        style = "background:#fdf1ef" if row["worst"] else ""
        body.append(
            f"<tr style='{style}'>"
            + "".join(f"<td style='padding:2px 10px'>{c}</td>" for c in cells)
            + "</tr>"
        )
    return (
        "<table style='border-collapse:collapse;font-size:12px'>"
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    )
