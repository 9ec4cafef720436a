"""What a sweep says: a measure over two swept dimensions, or over one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.explorer.figures.axes import (
    BLUE,
    RED,
    SIZE,
    check,
    dataset_of,
    dimension,
    holoviews,
    largest,
    limit_lines,
    limits_of,
    scaled,
)
from spicelab_nb.explorer.grid import Grid, grid, is_logarithmic
from spicelab_nb.explorer.titles import joined, plain
from spicelab_nb.results.quantities import axis_scale
from spicelab_nb.results.spec import specs_of
from spicelab_nb.results.summary import limits_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    import xarray as xr
    from numpy.typing import NDArray

    from spicelab_nb.results.spec import Spec

__all__ = ["surface"]


def surface(
    dataset: xr.Dataset,
    measure: str,
    x: str | None = None,
    y: str | None = None,
    *,
    statistic: str | None = None,
    at: Mapping[str, Any] | None = None,
    **chosen: Any,
) -> Any:
    """Response surface of a sweep: a measure over two swept dimensions; a line over one.

    Parameters
    ----------
    dataset
        ``run.dataset``, or the run itself.
    measure
        ``"phase_margin"``.
    x, y
        Swept parameters; None: the first ones that have more than one value. An axis is
        logarithmic where its values are evenly spaced that way.
    statistic
        Of a sweep crossed with a Monte Carlo, what to draw of the samples at each point:
        ``"median"``, ``"mean"``, ``"sd"``, ``"min"``, ``"max"`` or ``"yield"`` (the share of the ok
        samples that keep the spec).
    at, **chosen
        Where the other dimensions stay: ``corner="ss"``, or ``at={"nch.vth0": 0.5}`` for names
        that are no keywords. The nearest value of the grid is taken.

    Returns
    -------
    holoviews.Overlay
        Over two dimensions a mesh, crosses where nothing is ok, and the contour of the spec's
        limits; over one a curve, broken where nothing is ok, and lines at the limits.

    Raises
    ------
    MissingExtraError
        holoviews is not installed.
    MeasureError
        There is no such measure, dimension, value or statistic, nothing is swept over numbers, or
        a dimension is neither drawn nor chosen: the error lists those.
    """
    dataset = dataset_of(dataset)
    hv = holoviews()
    check(dataset, measure)
    spec = specs_of(dataset).get(measure)
    fixed = {**(at or {}), **chosen}
    g = grid(dataset, measure, x, y, at=fixed, statistic=statistic, spec=spec)
    # Limits of a measure are none of its spread, nor of its yield.
    limiting = spec if statistic not in {"sd", "yield"} else None
    kept = ""
    if limiting is not None:
        good = int(np.count_nonzero(limiting.passes(g.values)))
        kept = (
            f"spec {limits_text(limiting, g.unit)} (red) kept at {good} of {g.values.size} points"
        )
    what = f"{statistic} of {measure}" if statistic else measure
    what += (
        f" in {axis_scale(largest(g.values), g.unit)[1]}" if len(g.columns) == 2 and g.unit else ""
    )
    over = " and ".join(str(c.name) for c in g.columns)
    title = joined(
        f"{what} over {over}{f', {g.where}' if g.where else ''}",
        ", ".join(t for t in (kept, g.lost) if t),
    )
    draw = _line if len(g.columns) == 1 else _mesh
    return hv.Overlay(draw(hv, g, limiting)).opts(title=plain(title), **SIZE)


def _line(hv: ModuleType, g: Grid, spec: Spec | None) -> list[Any]:
    column = g.columns[0]
    scale_x, kdim = scaled(hv, column, column.values)
    scale, unit = axis_scale(largest(g.values, limits_of(spec)), g.unit)
    points = np.asarray(column.values) * scale_x, g.values * scale
    dims = {"kdims": [kdim], "vdims": [dimension(hv, g.label, unit)]}
    there = np.isfinite(g.values)
    log = is_logarithmic(column.values)
    return [
        hv.Curve(points, **dims).opts(color=BLUE, logx=log, show_grid=True),
        hv.Scatter(tuple(p[there] for p in points), **dims).opts(color=BLUE, size=5),
        *limit_lines(hv.HLine, spec, scale),
    ]


def _mesh(hv: ModuleType, g: Grid, spec: Spec | None) -> list[Any]:
    (scale_x, xdim), (scale_y, ydim) = (scaled(hv, c, c.values) for c in g.columns)
    at_x, at_y = (
        np.asarray(c.values) * s for c, s in zip(g.columns, (scale_x, scale_y), strict=True)
    )
    scale, unit = axis_scale(largest(g.values), g.unit)
    z = g.values.T * scale
    log_x, log_y = is_logarithmic(at_x), is_logarithmic(at_y)
    mesh = hv.QuadMesh(
        (_edges(at_x, log_x), _edges(at_y, log_y), z),
        kdims=[xdim, ydim],
        vdims=[dimension(hv, g.label, unit)],
    ).opts(
        cmap="Viridis",
        colorbar=True,
        clabel=unit,
        clipping_colors={"NaN": "transparent"},
        line_alpha=0,
        logx=log_x,
        logy=log_y,
        xticks=_ticks(at_x, log_x),
        yticks=_ticks(at_y, log_y),
        tools=["hover"],
    )
    lost = np.argwhere(~np.isfinite(z))
    crosses = hv.Points((at_x[lost[:, 1]], at_y[lost[:, 0]]), kdims=[xdim, ydim])
    lines = [
        line
        for limit in limits_of(spec)
        if np.isfinite(limit)
        for line in _contour(at_x, at_y, z, limit * scale, (log_x, log_y))
    ]
    contour = hv.Path(lines, kdims=[xdim, ydim]).opts(color=RED, line_width=2.5)
    return [mesh, crosses.opts(marker="x", color="#555555", size=8), contour]


def _ticks(centres: NDArray[np.float64], log: bool) -> Any:
    """Mark the swept values: within a decade or two a logarithmic axis marks too few."""
    if not log or centres[-1] > 1000 * centres[0]:
        return None
    step = -(-len(centres) // 10)
    return [(float(c), f"{c:.3g}") for c in centres[::step]]


def _edges(centres: NDArray[np.float64], log: bool) -> NDArray[np.float64]:
    """Put edges halfway between centres, on a logarithmic axis by ratio."""
    t = np.log(centres) if log else centres
    middle = (t[1:] + t[:-1]) / 2
    edges = np.concatenate([[2 * t[0] - middle[0]], middle, [2 * t[-1] - middle[-1]]])
    return np.asarray(np.exp(edges) if log else edges)


def _contour(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    z: NDArray[np.float64],
    level: float,
    logs: tuple[bool, bool],
) -> list[NDArray[np.float64]]:
    """Follow a level through the centres, interpolated as the axes are drawn."""
    from contourpy import contour_generator  # Bokeh needs it, too

    tx, ty = (np.log(c) if log else c for c, log in zip((x, y), logs, strict=True))
    lines: Any = contour_generator(tx, ty, np.ma.masked_invalid(z)).lines(level)
    return [
        np.column_stack([np.exp(line[:, k]) if log else line[:, k] for k, log in enumerate(logs)])
        for line in lines
    ]
