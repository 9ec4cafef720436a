"""A plot of a bundle of waveforms: what all of them do, and the selected ones on top."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.explorer.figures.axes import largest
from spicelab_nb.explorer.linked.plots import BLUE, GREY, ORANGE, plot
from spicelab_nb.results.quantities import axis_scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from spicelab_nb.explorer.linked.bundle import Bundle
    from spicelab_nb.explorer.linked.scene import Scene

__all__ = ["CURVES", "BundlePlot"]

CURVES = 20
"""Selected waveforms that are drawn one by one; of more, those furthest out in the measure."""

_WORST = ("#c0392b", "#8e44ad", "#16a085")


class BundlePlot:
    """One bundle, drawn.

    Parameters
    ----------
    scene, bundle
        What is drawn.
    name
        Of the vertical axis; "" for the signal's own.
    height
        In pixels.
    x_range
        Another plot's, to move with it.
    worst
        Points to draw on top; None: those that stray furthest in this bundle.
    """

    def __init__(
        self,
        scene: Scene,
        bundle: Bundle,
        *,
        name: str = "",
        height: int = 360,
        x_range: Any = None,
        worst: Sequence[int] | None = None,
    ) -> None:
        self._scene, self._bundle = scene, bundle
        self._worst = bundle.worst if worst is None else worst
        e = bundle.envelope
        self._name = name
        scale_x, unit_x = (1.0, e.x_unit) if e.log_x else axis_scale(largest(e.x), e.x_unit)
        self._scale, unit = axis_scale(max(largest(e.least), largest(e.most)), e.unit)
        self._x = e.x * scale_x
        label = name or e.name
        options = {"x_range": x_range} if x_range is not None else {}
        self.figure = plot(
            self._title(0, 0),
            f"{e.x_name} ({unit_x})" if unit_x else e.x_name,
            f"{label} ({unit})" if unit else label,
            tools="pan,box_zoom,wheel_zoom,reset,save",
            height=height,
            name="waveforms",
            x_axis_type="log" if e.log_x else "linear",
            **options,
        )
        self._draw_all()
        self._draw_selected()
        if len(self._x) == 1:
            self._dot_lines()
        self._arrange_legend()

    def show(self, points: NDArray[np.intp]) -> None:
        """Draw the waveforms of some points on top."""
        drawn, curves = self._bundle.curves(self._scene.drawn(points, CURVES))
        count, length = curves.shape
        gap = np.full((count, 1), np.nan)
        # One broken line: curves of their own are an object and several messages each.
        self.curves.data = {
            "x": np.tile(np.append(self._x, np.nan), count),
            "y": np.hstack([self._shown(curves), gap]).ravel(),
            "which": np.repeat(np.arange(count), length + 1),
        }
        self.labels.data = {"label": [self._scene.columns.label(int(p)) for p in drawn]}
        spread = self._bundle.spread(points) if len(points) > len(drawn) else None
        none = np.empty(0)
        low, high = (none, none) if spread is None else self._band(*spread)
        self.spread.data = {
            "x": none if spread is None else self._x,
            "low": low,
            "high": high,
        }
        self.figure.title.text = self._title(len(points), len(drawn))

    def _shown(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        # A response of 0 has no decibels, and an axis that reaches there shows nothing else.
        return np.where(np.isfinite(values), values * self._scale, np.nan)

    def _band(
        self, low: NDArray[np.float64], high: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        # With one edge only, the area would be closed across the plot.
        low, high = self._shown(low), self._shown(high)
        return low + 0 * high, high + 0 * low

    def _title(self, selected: int, drawn: int) -> str:
        e = self._bundle.envelope
        first = f"{e.name}{f', {self._name}' if self._name else ''}: {e.n} samples, "
        first += self._scene.columns.lost
        if not self._bundle.whole:
            first += f"; bands of {len(self._bundle.points)} of them"
        if not selected:
            return first + "\nno sample selected"
        if not drawn:
            return first + f"\n{selected} selected, without a waveform"
        some = f", {drawn} of them drawn one by one" if drawn < selected else ""
        return first + f"\n{selected} selected{some}"

    def _draw_all(self) -> None:
        e, shown, made = self._bundle.envelope, self._shown, self.figure
        for k, ((low, high), (a, b)) in enumerate(zip(e.bands, e.quantiles, strict=True)):
            made.varea(
                self._x, *self._band(low, high), fill_color=BLUE, fill_alpha=0.2 + 0.2 * k,
                legend_label=f"{100 * a:g} to {100 * b:g} %",
            )  # fmt: skip
        made.line(self._x, shown(e.median), color=BLUE, line_width=2, legend_label="median")
        for values in (e.least, e.most):
            made.line(self._x, shown(values), color=GREY, legend_label="min, max")
        points, curves = self._bundle.curves(np.sort(np.array(self._worst, np.intp)))
        by_point = dict(zip(points.tolist(), curves, strict=True))
        for k, point in enumerate(point for point in self._worst if point in by_point):
            made.line(
                self._x, shown(by_point[point]), color=_WORST[k % len(_WORST)], line_dash=[5, 3],
                legend_label=f"worst: {self._scene.columns.label(point)}",
            )  # fmt: skip

    def _draw_selected(self) -> None:
        from bokeh.models import ColumnDataSource, CustomJSHover, HoverTool

        self.spread = ColumnDataSource({"x": [], "low": [], "high": []})
        self.figure.varea(
            "x", "low", "high", source=self.spread, fill_color=ORANGE, fill_alpha=0.25,
            legend_label="selected: min to max",
        )  # fmt: skip
        self.curves = ColumnDataSource({"x": [], "y": [], "which": []}, name="selected waveforms")
        self.labels = ColumnDataSource({"label": []}, name="labels of selected waveforms")
        lines = self.figure.line(
            "x", "y", source=self.curves, color=ORANGE, alpha=0.7, line_width=1.3,
            legend_label="selected",
        )  # fmt: skip
        label = CustomJSHover(args={"names": self.labels}, code="return names.data.label[value]")
        self.figure.add_tools(
            HoverTool(
                renderers=[lines],
                tooltips="@which{custom}",
                formatters={"@which": label},
                line_policy="nearest",
            )
        )

    def _dot_lines(self) -> None:
        """Draw a dot with each line: through one point alone there is none."""
        from bokeh.models import Line

        for drawn in [r for r in self.figure.renderers if isinstance(r.glyph, Line)]:
            line = drawn.glyph
            self.figure.scatter(
                line.x, line.y, source=drawn.data_source, color=line.line_color, size=7
            )

    def _arrange_legend(self) -> None:
        legend = self.figure.legend[0]
        self.figure.add_layout(legend, "right")
        legend.label_text_font_size = "8pt"
        legend.border_line_color = None
        legend.spacing, legend.padding, legend.glyph_width = 1, 4, 16
        legend.click_policy = "hide"
