"""One sample simulated again here, with every signal."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.explorer.figures.axes import largest
from spicelab_nb.explorer.linked.plots import plot
from spicelab_nb.explorer.linked.view import View
from spicelab_nb.results.quantities import axis_scale, quantity

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["ResimulationView"]

_SHOWN = 6
_COLORS = (
    "#3b6ea5", "#e67e22", "#16a085", "#c0392b", "#8e44ad", "#7f8c8d", "#b7950b", "#2c3e50",
    "#d35400", "#1abc9c",
)  # fmt: skip


class ResimulationView(View):
    """Every signal of a sample that was simulated again."""

    title = "Re-simulated"

    def build(self) -> Any:
        """Make the Panel object."""
        import panel as pn

        self._place = pn.Column(
            pn.pane.HTML(
                "<p>Select a sample, then press <b>Re-simulate</b>: it is simulated here once "
                "more, and every signal of it is shown, also those that were not kept.</p>"
            ),
            sizing_mode="stretch_width",
        )
        return self._place

    def show(self, points: NDArray[np.intp]) -> None:
        """Stay with the sample that was simulated."""

    def put(self, point: int, outputs: Mapping[str, xr.Dataset]) -> None:
        """Show what a sample gave."""
        import panel as pn

        self.open()
        self.point, self.outputs = point, outputs
        analyses = [a for a, d in outputs.items() if d.data_vars]
        count = sum(len(d.data_vars) for d in outputs.values())
        label = self.scene.columns.label(point)
        heading = f"<b>{escape(label)}</b> simulated again: {count} signals"
        if not analyses:
            self._place[:] = [pn.pane.HTML(f"<p>{heading}.</p>")]
            return
        drawable = [a for a in analyses if _axis(outputs[a]) is not None]
        first = (drawable or analyses)[0]
        self.analysis = pn.widgets.Select(
            label="Analysis", options=analyses, value=first, width=120
        )
        self.signals = pn.widgets.MultiChoice(
            label="Signals", options=_signals(outputs[first]), sizing_mode="stretch_width"
        )
        self.signals.value = self.signals.options[:_SHOWN]
        self._shown = pn.Column(sizing_mode="stretch_width")
        self.analysis.param.watch(self.scene.guarded(self._analysis_chosen), "value")
        self.signals.param.watch(self.scene.guarded(self._signals_chosen), "value")
        self._draw()
        self._place[:] = [
            pn.pane.HTML(f"<p>{heading}.</p>"),
            pn.Row(self.analysis, self.signals, sizing_mode="stretch_width"),
            self._shown,
        ]

    def _analysis_chosen(self, event: Any) -> None:
        del event
        names = _signals(self.outputs[self.analysis.value])
        self.signals.param.update(options=names, value=names[:_SHOWN])
        self._draw()

    def _signals_chosen(self, event: Any) -> None:
        del event
        self._draw()

    def _draw(self) -> None:
        import panel as pn

        dataset = self.outputs[self.analysis.value]
        names = list(self.signals.value)
        axis = _axis(dataset)
        if axis is None:
            self._shown[:] = [pn.pane.HTML(_values_html(dataset, names))]
            return
        self._shown[:] = [
            pn.pane.Bokeh(figure, sizing_mode="stretch_width")
            for figure in self.figures(dataset, names, axis)
        ]

    def figures(self, dataset: xr.Dataset, names: list[str], axis: str) -> list[Any]:
        """One plot for each unit among the signals; of complex ones magnitude and phase."""
        made: list[Any] = []
        label = self.scene.columns.label(self.point)
        units: dict[str, list[str]] = {}
        for name in names:
            units.setdefault(str(dataset[name].attrs.get("units", "")), []).append(name)
        for unit, group in units.items():
            curves = {name: np.asarray(dataset[name].values).ravel() for name in group}
            if any(np.iscomplexobj(y) for y in curves.values()):
                with np.errstate(divide="ignore"):
                    level = {n: 20 * np.log10(np.abs(y)) for n, y in curves.items()}
                phase = {n: np.degrees(np.unwrap(np.angle(y))) for n, y in curves.items()}
                made.append(_plot(label, dataset[axis], level, f"magnitude (dB{unit})", made))
                made.append(_plot(label, dataset[axis], phase, "phase (deg)", made))
            else:
                scale, shown = axis_scale(max(largest(y) for y in curves.values()), unit)
                scaled = {n: y * scale for n, y in curves.items()}
                made.append(
                    _plot(
                        label, dataset[axis], scaled, f"value ({shown})" if shown else "value", made
                    )
                )
        return made


def _plot(
    label: str,
    x: xr.DataArray,
    curves: Mapping[str, NDArray[np.float64]],
    y_label: str,
    before: Any,
) -> Any:
    values = np.asarray(x.values, dtype=np.float64)
    unit = str(x.attrs.get("units", ""))
    log = (
        x.name == "frequency" and len(values) > 1 and values[0] > 0 and values[-1] > 10 * values[0]
    )
    scale, shown = (1.0, unit) if log else axis_scale(largest(values), unit)
    options = {"x_range": before[0].x_range} if before else {}
    made = plot(
        f"{label}, simulated again",
        f"{x.name} ({shown})" if shown else str(x.name),
        y_label,
        tools="pan,box_zoom,wheel_zoom,reset,save",
        height=280,
        name="re-simulated",
        x_axis_type="log" if log else "linear",
        **options,
    )
    for k, (name, y) in enumerate(curves.items()):
        finite = np.where(np.isfinite(y), y, np.nan)
        made.line(
            values * scale, finite, color=_COLORS[k % len(_COLORS)], line_width=1.6,
            legend_label=name,
        )  # fmt: skip
    if curves:
        legend = made.legend[0]
        made.add_layout(legend, "right")
        legend.label_text_font_size, legend.border_line_color = "8pt", None
        legend.click_policy = "hide"
    return made


def _axis(dataset: xr.Dataset) -> str | None:
    """The dimension that signals run along; None for an operating point."""
    dims = [str(d) for d in dataset.dims]
    return dims[0] if len(dims) == 1 else None


def _signals(dataset: xr.Dataset) -> list[str]:
    """Voltages first, outputs first among them: what is looked at before branch currents."""
    names = [str(name) for name in dataset.data_vars]
    return sorted(names, key=lambda n: (not n.startswith("v("), "out" not in n))


def _values_html(dataset: xr.Dataset, names: list[str]) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td style='text-align:right;padding-left:2em'>"
        f"{escape(_value(dataset[name]))}</td></tr>"
        for name in names
    )
    return f"<table>{rows}</table>"


def _value(signal: xr.DataArray) -> str:
    if signal.size != 1:
        axes = ", ".join(f"{size} of {name}" for name, size in signal.sizes.items())
        return f"{signal.size} values: {axes}"
    value = signal.values.ravel()[0]
    if np.iscomplexobj(value):
        return f"{value:.4g}"
    return quantity(float(value), str(signal.attrs.get("units", "")))
