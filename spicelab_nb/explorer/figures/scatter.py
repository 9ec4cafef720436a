"""One quantity against another, a point for each sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spicelab_nb.explorer.figures.axes import (
    BLUE,
    SIZE,
    check,
    dataset_of,
    holoviews,
    limit_lines,
    scaled,
)
from spicelab_nb.explorer.points import point_values
from spicelab_nb.explorer.titles import joined, lost_samples, plain
from spicelab_nb.results.spec import specs_of

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["scatter"]

_DOTS = 5000


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
        Samples that failed, or where one of the two has no value, are not drawn but counted in
        the title.

    Raises
    ------
    MissingExtraError
        holoviews is not installed.
    MeasureError
        There is no such measure or numeric parameter.
    """
    dataset = dataset_of(dataset)
    hv = holoviews()
    for name in (x, y):
        check(dataset, name, and_parameters=True)
    xs, ys = point_values(dataset, x, y)
    total = len(xs)
    step = -(-total // _DOTS) if total else 1
    lost = lost_samples(dataset, total)
    xs, ys = xs[::step], ys[::step]
    (scale_x, kdim), (scale_y, vdim) = (
        scaled(hv, dataset[name], values) for name, values in ((x, xs), (y, ys))
    )
    dots = hv.Scatter((xs * scale_x, ys * scale_y), kdims=[kdim], vdims=[vdim])
    specs = specs_of(dataset)
    parts: list[Any] = [dots.opts(color=BLUE, size=4, alpha=0.6)]
    parts += limit_lines(hv.VLine, specs.get(x), scale_x)
    parts += limit_lines(hv.HLine, specs.get(y), scale_y)
    drawn = f" ({len(xs)} of {total} drawn)" if step > 1 else ""
    title = joined(f"{y} against {x}{drawn}", lost)
    return hv.Overlay(parts).opts(title=plain(title), show_grid=True, **SIZE)
