"""Figures for a notebook: functions from a dataset to a HoloViews object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import MeasureError, missing_extra, nearest
from spicelab_nb.explorer.envelope import envelope
from spicelab_nb.explorer.points import corner_values, parameters_of, point_values
from spicelab_nb.explorer.titles import figure_title
from spicelab_nb.results.histogram import bin_edges
from spicelab_nb.results.quantities import axis_scale
from spicelab_nb.results.spec import Spec, specs_of
from spicelab_nb.results.statistics import measures_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    import xarray as xr

__all__ = ["corners", "histogram", "scatter", "waveforms"]

_BLUE, _RED, _GREY = "#3b6ea5", "#c0392b", "#7f8c8d"
_SIZE = {"width": 640, "height": 360}
_DOTS = 5000


def _holoviews() -> ModuleType:
    try:
        import holoviews as hv
    except ImportError as error:
        raise missing_extra("The explorer", "explore") from error
    if "bokeh" not in hv.Store.loaded_backends():
        # Inline, and before hvplot is imported: else the browser asks a CDN and shows nothing.
        hv.extension("bokeh", inline=True, logo=False)
    return hv  # type: ignore[no-any-return]


def histogram(dataset: xr.Dataset, measure: str, *, spec: Spec | None = None) -> Any:
    """Histogram of a measure with its spec limits.

    Parameters
    ----------
    dataset
        ``run.dataset``, or the run itself.
    measure
        ``"f3db"``.
    spec
        Limits; None: those in the dataset's attributes.

    Returns
    -------
    holoviews.Overlay
        Bars (for several corners one outline each) and limits. The title says yield, Cpk and how
        many samples failed.

    Raises
    ------
    MissingExtraError
        holoviews is not installed.
    MeasureError
        There is no such measure.
    """
    dataset = _dataset(dataset)
    hv = _holoviews()
    _check(dataset, measure)
    spec = spec or specs_of(dataset).get(measure)
    label = _label(dataset[measure])
    limits = (None, None) if spec is None else (spec.min, spec.max)
    groups = corner_values(dataset, measure)
    pooled = np.concatenate(list(groups.values()))
    finite = pooled[np.isfinite(pooled)]
    scale, shown = axis_scale(_largest(finite, limits), label[1])
    edges = bin_edges(finite, low=limits[0], high=limits[1])
    parts: list[Any] = []
    for name, values in groups.items():
        counts, _ = np.histogram(values[np.isfinite(values)], edges)
        if len(groups) == 1:
            bars = hv.Histogram((edges * scale, counts), kdims=[_dim(hv, label[0], shown)])
            parts.append(bars.opts(color=_BLUE, line_color="white"))
        else:
            line = hv.Curve(
                (np.repeat(edges, 2)[1:-1] * scale, np.repeat(counts, 2)),
                kdims=[_dim(hv, label[0], shown)],
                vdims=["samples"],
                label=name,
            )
            parts.append(line)
    parts += [
        hv.VLine(limit * scale).opts(color=_RED, line_dash="dashed")
        for limit in limits
        if limit is not None
    ]
    title = figure_title(dataset, measure, spec)
    return hv.Overlay(parts).opts(title=title, ylabel="samples", show_grid=True, **_SIZE)


def scatter(dataset: xr.Dataset, x: str, y: str) -> Any:
    """Scatter of a measure against a parameter (or another measure), with the limits of both.

    Parameters
    ----------
    dataset
        ``run.dataset``, or the run itself.
    x, y
        Names of parameters or measures: ``x="R1", y="f3db"``. With more than 5000 samples, 5000
        evenly chosen ones are drawn, and the title says so.

    Returns
    -------
    holoviews.Overlay
    """
    dataset = _dataset(dataset)
    hv = _holoviews()
    for name in (x, y):
        _check(dataset, name, and_parameters=True)
    xs, ys = point_values(dataset, x, y)
    total = len(xs)
    step = -(-total // _DOTS) if total else 1
    xs, ys = xs[::step], ys[::step]
    specs = specs_of(dataset)
    dims, scales = [], []
    for name, values in ((x, xs), (y, ys)):
        label, unit = _label(dataset[name])
        scale, shown = axis_scale(_largest(values, ()), unit)
        dims.append(_dim(hv, label, shown))
        scales.append(scale)
    dots = hv.Scatter((xs * scales[0], ys * scales[1]), kdims=dims[:1], vdims=dims[1:])
    parts: list[Any] = [dots.opts(color=_BLUE, size=4, alpha=0.6)]
    for name, mark, scale in ((x, hv.VLine, scales[0]), (y, hv.HLine, scales[1])):
        spec = specs.get(name)
        parts += [
            mark(limit * scale).opts(color=_RED, line_dash="dashed")
            for limit in ((spec.min, spec.max) if spec else ())
            if limit is not None
        ]
    drawn = f" ({len(xs)} of {total} drawn)" if step > 1 else ""
    return hv.Overlay(parts).opts(title=f"{y} against {x}{drawn}", show_grid=True, **_SIZE)


def waveforms(
    wave: xr.DataArray,
    *,
    part: str | None = None,
    quantiles: Sequence[tuple[float, float]] = ((0.05, 0.95), (0.25, 0.75)),
    worst: int | Sequence[Any] = 3,
) -> Any:
    """Waveforms of a campaign: exact minimum and maximum, quantile bands, the worst samples.

    Parameters
    ----------
    wave
        ``run.waveforms["ac"]["v(out)"]``: ``(sample, frequency)`` or ``(sample, time)``.
    part
        Of an AC response: ``"db"`` (default), ``"magnitude"``, ``"phase"``, ``"real"``, ``"imag"``.
    quantiles
        Bands, outermost first.
    worst
        How many of the samples furthest from the median to draw, or which.

    Returns
    -------
    holoviews.Overlay
        A handful of objects, however many samples there are.
    """
    hv = _holoviews()
    e = envelope(wave, part=part, quantiles=quantiles, worst=worst)
    scale_x, unit_x = (1.0, e.x_unit) if e.log_x else axis_scale(_largest(e.x, ()), e.x_unit)
    scale_y, unit_y = axis_scale(max(_largest(e.least, ()), _largest(e.most, ())), e.unit)
    x, kdim, vdim = e.x * scale_x, _dim(hv, e.x_name, unit_x), _dim(hv, e.name, unit_y)
    parts: list[Any] = []
    for (low, high), (a, b) in zip(e.bands, e.quantiles, strict=True):
        area = hv.Area(
            (x, low * scale_y, high * scale_y),
            kdims=[kdim],
            vdims=[vdim, "upper"],
            label=f"{100 * a:g} to {100 * b:g} %",
        )
        parts.append(area.opts(color=_BLUE, alpha=0.25, line_alpha=0))

    def curve(values: Any, label: str, **style: Any) -> Any:
        line = hv.Curve((x, values * scale_y), kdims=[kdim], vdims=[vdim], label=label)
        return line.opts(**style)

    parts.append(curve(e.median, "median", color=_BLUE, line_width=2))
    parts.append(curve(e.least, "minimum", color=_GREY, line_width=1))
    parts.append(curve(e.most, "maximum", color=_GREY, line_width=1))
    reds = ("#c0392b", "#e67e22", "#8e44ad", "#16a085", "#2c3e50")
    for k, (label, values) in enumerate(e.worst):
        parts.append(curve(values, label, color=reds[k % 5], line_width=1, line_dash="dashed"))
    left_out = f", {e.left_out} not ok" if e.left_out else ""
    what = {"phase": "phase of "}.get(part or "", "")
    return hv.Overlay(parts).opts(
        title=f"{what}{e.name}: {e.n} samples{left_out}",
        logx=e.log_x,
        show_grid=True,
        legend_position="right",
        **(_SIZE | {"width": 760}),
    )


def corners(dataset: xr.Dataset, measure: str) -> Any:
    """Spread of a measure at each corner: 5 to 95 %, median, and the spec limits.

    Parameters
    ----------
    dataset
        ``run.dataset`` with a dimension beside ``sample``, or a design of corners alone.
    measure
        ``"f3db"``.

    Returns
    -------
    holoviews.Overlay
    """
    dataset = _dataset(dataset)
    hv = _holoviews()
    _check(dataset, measure)
    label, unit = _label(dataset[measure])
    spec = specs_of(dataset).get(measure)
    groups = {k: v[np.isfinite(v)] for k, v in corner_values(dataset, measure).items()}
    groups = {k: v for k, v in groups.items() if len(v)}
    limits = (spec.min, spec.max) if spec else ()
    everything = np.concatenate([*groups.values(), np.empty(0)])
    scale, shown = axis_scale(_largest(everything, limits), unit)
    rows = []
    for name, values in groups.items():
        low, median, high = np.quantile(values, (0.05, 0.5, 0.95)) * scale
        rows.append((name, median, median - low, high - median))
    kdim, vdim = hv.Dimension("corner"), _dim(hv, label, shown)
    bars = hv.ErrorBars(rows, kdims=[kdim], vdims=[vdim, "down", "up"])
    dots = hv.Scatter([r[:2] for r in rows], kdims=[kdim], vdims=[vdim])
    parts: list[Any] = [bars.opts(line_color=_BLUE), dots.opts(color=_BLUE, size=8)]
    parts += [
        hv.HLine(limit * scale).opts(color=_RED, line_dash="dashed")
        for limit in limits
        if limit is not None
    ]
    return hv.Overlay(parts).opts(
        title=f"{measure} at each corner: median, 5 to 95 %", show_grid=True, **_SIZE
    )


def _dataset(given: Any) -> xr.Dataset:
    """Take a run for its dataset."""
    import xarray as xr

    found = given if isinstance(given, xr.Dataset) else getattr(given, "dataset", None)
    if not isinstance(found, xr.Dataset):
        raise MeasureError(f"Figures are made of run.dataset, not of {type(given).__name__}.")
    return found


def _check(dataset: xr.Dataset, name: str, *, and_parameters: bool = False) -> None:
    known = measures_of(dataset)
    if and_parameters:
        known += parameters_of(dataset)
    if name not in known:
        what = "measure or numeric parameter" if and_parameters else "measure"
        raise MeasureError(f"There is no {what} {name!r} in this dataset.{nearest(name, known)}")


def _label(variable: xr.DataArray) -> tuple[str, str]:
    name = str(variable.name)
    return str(variable.attrs.get("long_name") or name), str(variable.attrs.get("units", ""))


def _dim(hv: ModuleType, label: str, unit: str) -> Any:
    return hv.Dimension(label, unit=unit or None)


def _largest(values: Any, limits: Sequence[float | None]) -> float:
    numbers = np.abs(np.asarray(values, dtype=np.float64))
    numbers = numbers[np.isfinite(numbers)]
    largest = float(numbers.max()) if len(numbers) else 0.0
    return max([largest, *(abs(x) for x in limits if x is not None and np.isfinite(x))])
