"""How a measure spreads at each corner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.explorer.figures.axes import (
    BLUE,
    SIZE,
    check,
    dataset_of,
    holoviews,
    limit_lines,
    limits_of,
    scaled,
)
from spicelab_nb.explorer.points import corner_values
from spicelab_nb.explorer.titles import joined, lost_samples, plain
from spicelab_nb.results.spec import specs_of

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["corners"]


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
        A corner where nothing is ok keeps its place, and has no mark.

    Raises
    ------
    MissingExtraError
        holoviews is not installed.
    MeasureError
        There is no such measure.
    """
    dataset = dataset_of(dataset)
    hv = holoviews()
    check(dataset, measure)
    spec = specs_of(dataset).get(measure)
    groups = {k: v[np.isfinite(v)] for k, v in corner_values(dataset, measure).items()}
    everything = np.concatenate(list(groups.values()))
    scale, vdim = scaled(hv, dataset[measure], everything, limits_of(spec))
    ticks = list(enumerate(name or "all" for name in groups))
    rows = []
    for at, values in enumerate(groups.values()):
        if len(values):
            low, median, high = np.quantile(values, (0.05, 0.5, 0.95)) * scale
            rows.append((at, median, median - low, high - median))
    kdim = hv.Dimension("corner")
    bars = hv.ErrorBars(rows, kdims=[kdim], vdims=[vdim, "down", "up"])
    dots = hv.Scatter([r[:2] for r in rows], kdims=[kdim], vdims=[vdim])
    parts: list[Any] = [bars.opts(line_color=BLUE), dots.opts(color=BLUE, size=8)]
    parts += limit_lines(hv.HLine, spec, scale)
    many = max((len(v) for v in groups.values()), default=0) > 1
    what = f"{measure} at each corner{': median, 5 to 95 %' if many else ''}"
    return hv.Overlay(parts).opts(
        title=plain(joined(what, lost_samples(dataset, len(everything)))),
        xticks=ticks,
        xlim=(-0.5, len(ticks) - 0.5),
        show_grid=True,
        **SIZE,
    )
