"""How a measure is distributed."""

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
from spicelab_nb.explorer.titles import figure_title, plain
from spicelab_nb.results.histogram import bin_edges
from spicelab_nb.results.spec import Spec, specs_of

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["histogram"]


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
    dataset = dataset_of(dataset)
    hv = holoviews()
    check(dataset, measure)
    spec = spec or specs_of(dataset).get(measure)
    limits = (None, None) if spec is None else (spec.min, spec.max)
    groups = corner_values(dataset, measure)
    pooled = np.concatenate(list(groups.values()))
    finite = pooled[np.isfinite(pooled)]
    scale, kdim = scaled(hv, dataset[measure], finite, limits_of(spec))
    edges = bin_edges(finite, low=limits[0], high=limits[1])
    parts: list[Any] = []
    for name, values in groups.items():
        counts, _ = np.histogram(values[np.isfinite(values)], edges)
        if len(groups) == 1:
            bars = hv.Histogram((edges * scale, counts), kdims=[kdim])
            parts.append(bars.opts(color=BLUE, line_color="white"))
        else:
            outline = np.repeat(edges, 2)[1:-1] * scale, np.repeat(counts, 2)
            parts.append(hv.Curve(outline, kdims=[kdim], vdims=["samples"], label=name))
    parts += limit_lines(hv.VLine, spec, scale)
    outside = int(np.count_nonzero((finite < edges[0]) | (finite > edges[-1])))
    title = figure_title(dataset, measure, spec)
    if outside:
        title += f"{', ' if chr(10) in title else chr(10)}{outside} outside the range shown"
    return hv.Overlay(parts).opts(title=plain(title), ylabel="samples", show_grid=True, **SIZE)
