"""Which parameter matters most: a bar for each, the longest on top."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.explorer.figures.axes import (
    BLUE,
    ORANGE,
    SIZE,
    check,
    dataset_of,
    dimension,
    holoviews,
    label_of,
    largest,
    limit_lines,
    limits_of,
)
from spicelab_nb.explorer.regression import Sensitivity, sensitivity
from spicelab_nb.explorer.selection import point_text, select, swept_dimensions
from spicelab_nb.explorer.swing import Swing, swings
from spicelab_nb.explorer.titles import joined, lost_samples, plain
from spicelab_nb.results.quantities import axis_scale, quantity
from spicelab_nb.results.spec import specs_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["tornado"]

_MOST, _HALF, _NAME = 12, 0.36, 26


def tornado(
    dataset: xr.Dataset,
    measure: str,
    *,
    names: Sequence[str] | None = None,
    at: Mapping[str, Any] | None = None,
    most: int = _MOST,
) -> Any:
    """Tornado diagram: how much each parameter moves a measure, the most influential on top.

    Of a Monte Carlo: a linear model of all ok samples. A bar is the change of the measure when one
    parameter grows by its standard deviation and the others stay, with the interval that covers
    the true one in 95 % of campaigns; beside the name stands its share of the variance. The title
    says how much of the variance the model explains at all: what is missing is curvature or
    interaction, of which the bars know nothing. See
    :func:`spicelab_nb.explorer.regression.regress`.

    Of a sweep: one parameter at a time. A bar goes from the measure at the parameter's lowest
    value to that at its highest, the others staying at the base point; where the measure goes
    further between, a thin line says how far.

    Parameters
    ----------
    dataset
        ``run.dataset``, or the run itself.
    measure
        ``"f3db"``.
    names
        Parameters to model; None: all numeric ones. Of a sweep: the dimensions to draw.
    at
        Dimensions to fix: ``{"corner": "ss"}`` for one corner of a crossed design, without which
        the model is that within corners; of a sweep the base point, by default in the middle of
        each dimension.
    most
        Bars at most; the title says how many there would be.

    Returns
    -------
    holoviews.Overlay

    Raises
    ------
    MissingExtraError
        holoviews is not installed.
    MeasureError
        There is no such measure or parameter; there are too few samples for a model; nothing
        varies; or the design has neither samples nor swept numbers (corners alone).
    """
    dataset = dataset_of(dataset)
    hv = holoviews()
    check(dataset, measure)
    for name in names or ():
        check(dataset, name, and_parameters=True)
    at = dict(at or {})
    if "sample" in at:  # one sample of a sweep: no model of it is left
        dataset = select(dataset, {"sample": at.pop("sample")})
    if "sample" in dataset["status"].dims:
        chosen = select(dataset, at)
        found = sensitivity(chosen, measure, names=names)
        return _effects(hv, chosen, measure, found, list(at), most)
    return _swings(hv, dataset, measure, swings(dataset, measure, base=at, names=names), most)


def _effects(
    hv: ModuleType,
    dataset: xr.Dataset,
    measure: str,
    found: Sensitivity,
    fixed: list[str],
    most: int,
) -> Any:
    order = found.order[:most]
    label, unit = label_of(dataset[measure])
    reach = np.abs(found.effect) + 1.96 * found.error
    scale, shown = axis_scale(largest(reach[order]), unit)
    effect, error = found.effect[order] * scale, 1.96 * found.error[order] * scale
    rows = np.arange(len(order))[::-1].astype(float)
    names = [_shared(found.names[i]) for i in order]
    ticks = [
        (row, f"{name}  {100 * found.share[i]:.0f} %")
        for row, name, i in zip(rows.tolist(), names, order, strict=True)
    ]
    x, y = dimension(hv, f"change of {label} for +1 sd", shown), hv.Dimension("parameter")
    bars = hv.Rectangles(
        (np.minimum(effect, 0), rows - _HALF, np.maximum(effect, 0), rows + _HALF,
         np.array([", ".join(found.names[i]) for i in order]), effect, found.share[order]),
        kdims=[x, y, "right", "top"],
        vdims=["name", "effect", "share"],
    )  # fmt: skip
    whiskers = hv.Segments((effect - error, rows, effect + error, rows), kdims=[x, y, "x1", "y1"])
    model = f"{measure}: a linear model explains {_share(found.r2)} of the variance (R²)"
    if found.adjusted_r2 < found.r2 - 0.01:
        model += f", {_share(max(found.adjusted_r2, 0.0))} adjusted for its size"
    remarks = [f"{found.n} samples", lost_samples(dataset, found.n)]
    if len(order) < len(found.names):
        remarks.append(f"{len(order)} of {len(found.names)} parameters")
    if swept_dimensions(dataset):
        remarks.append(f"within each {' and '.join(swept_dimensions(dataset))}")
    if fixed:
        remarks.append(point_text(dataset, fixed))
    if found.constant:
        remarks.append(f"{len(found.constant)} constant left out")
    correlated = _pairs(found)
    return hv.Overlay(
        [
            bars.opts(
                color=BLUE,
                line_alpha=0,
                tools=["hover"],
                hover_tooltips=["name", "effect", "share"],
            ),
            whiskers.opts(color="#2c3e50", line_width=1.5),
            hv.VLine(0).opts(color="#2c3e50", line_width=1),
        ]
    ).opts(
        title=plain(joined(model, ", ".join(r for r in remarks if r), correlated)),
        yticks=ticks,
        ylim=(-0.6, len(order) - 0.4),
        ylabel="parameter, share of variance",
        show_grid=True,
        **_height(len(order)),
    )


def _share(part: float) -> str:
    """Write a share: never 100 % for what is less."""
    text = f"{100 * part:.1f} %"
    return "more than 99.9 %" if text == "100.0 %" and part < 1 - 1e-9 else text


def _pairs(found: Sensitivity) -> str:
    if not found.correlated:
        return ""
    pairs = [f"{a[0]} and {b[0]}" for a, b in found.correlated]
    more = f" and {len(pairs) - 2} other pairs" if len(pairs) > 2 else ""
    return f"correlated: {', '.join(pairs[:2])}{more}"


def _swings(hv: ModuleType, dataset: xr.Dataset, measure: str, found: Swing, most: int) -> Any:
    order = found.order[:most]
    label, unit = label_of(dataset[measure])
    spec = specs_of(dataset).get(measure)
    values = np.array([found.low, found.high, found.least, found.most])[:, order]
    limits = [x for x in limits_of(spec) if _near(x, values, found.base)]
    scale, shown = axis_scale(largest(values, limits), unit)
    rows = np.arange(len(order))[::-1].astype(float)
    x, y = dimension(hv, label, shown), hv.Dimension("parameter")
    base = found.base * scale

    def bars(ends: NDArray[np.float64], name: str, color: str) -> Any:
        # A failed end has no bar.
        there = np.isfinite(ends)
        boxes = hv.Rectangles(
            (np.minimum(ends, base)[there], rows[there] - _HALF,
             np.maximum(ends, base)[there], rows[there] + _HALF),
            kdims=[x, y, "right", "top"],
            label=name,
        )  # fmt: skip
        return boxes.opts(color=color, line_alpha=0, alpha=0.9)

    low, high, least, highest = values * scale
    # Only where what lies between goes beyond the ends: else the bars have said it.
    ends = np.array([low, high, np.full(len(rows), base)])
    beyond = (least < np.nanmin(ends, axis=0)) | (highest > np.nanmax(ends, axis=0))
    lines = hv.Segments(
        (least[beyond], rows[beyond], highest[beyond], rows[beyond]), kdims=[x, y, "x1", "y1"]
    )
    ticks = [
        (row, f"{_short(found.names[i])}  {found.ranges[i]}")
        for row, i in zip(rows.tolist(), order, strict=True)
    ]
    parts = [
        bars(low, "lowest value", BLUE),
        bars(high, "highest value", ORANGE),
        lines.opts(color="#2c3e50", line_width=1.5),
        hv.VLine(base).opts(color="#2c3e50", line_width=1),
    ]
    if limits:
        parts += limit_lines(hv.VLine, spec, scale)
    remarks = [lost_samples(dataset, int(found.finite))]
    if len(order) < len(found.names):
        remarks.append(f"{len(order)} of {len(found.names)} parameters")
    return hv.Overlay(parts).opts(
        title=plain(
            joined(
                f"{measure}: one parameter at a time, {quantity(found.base, unit)} at the base",
                f"base: {found.where}",
                ", ".join(r for r in remarks if r),
            )
        ),
        yticks=ticks,
        ylim=(-0.6, len(order) - 0.4),
        ylabel="parameter",
        show_grid=True,
        legend_position="right",
        **(_height(len(order)) | {"width": 760}),
    )


def _near(limit: float, values: NDArray[np.float64], base: float) -> bool:
    """Say whether a limit is no further from the bars than they are long."""
    finite = np.append(values[np.isfinite(values)], base)
    low, high = float(finite.min()), float(finite.max())
    return low - (high - low) <= limit <= high + (high - low)


def _shared(names: tuple[str, ...]) -> str:
    others = len(names) - 1
    return _short(", ".join(names) if others < 2 else f"{names[0]} and {others} more")


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}\N{HORIZONTAL ELLIPSIS}"


def _height(bars: int) -> dict[str, Any]:
    return SIZE | {"height": max(240, 150 + 24 * bars)}
