"""Bokeh plots with the axes, tools and colours that the linked views share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spicelab_nb.explorer.figures.axes import (
    BLUE,
    GREY,
    ORANGE,
    RED,
    holoviews,
    in_place,
    label_of,
    largest,
    limits_of,
)
from spicelab_nb.results.quantities import axis_scale

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import xarray as xr
    from numpy.typing import ArrayLike

    from spicelab_nb.results.spec import Spec

__all__ = ["BLUE", "GREY", "ORANGE", "RED", "axis", "limit_spans", "plot", "rendered"]


def plot(title: str, x_label: str, y_label: str, *, tools: str, height: int, **options: Any) -> Any:
    """Make an empty Bokeh plot that is as wide as its place."""
    from bokeh.plotting import figure

    made = figure(
        x_axis_label=x_label,
        y_axis_label=y_label,
        tools=tools,
        height=height,
        min_width=300,
        sizing_mode="stretch_width",
        toolbar_location="right",
        **options,
    )
    made.toolbar.logo = None
    made.toolbar.autohide = False
    made.title.text_font_size = "10pt"
    made.title.text_font_style = "normal"
    made.title.text_line_height = 1.25
    made.xaxis.axis_label_text_font_style = made.yaxis.axis_label_text_font_style = "normal"
    made.grid.grid_line_color = "#e6e6e6"
    made.outline_line_color = "#bbbbbb"
    made.title.text = title
    return made


def axis(
    variable: xr.DataArray, values: ArrayLike, limits: Sequence[float | None] = ()
) -> tuple[float, str]:
    """Give what to multiply values with, and the axis label with the prefixed unit."""
    name, unit = label_of(variable)
    scale, shown = axis_scale(largest(values, limits), unit)
    return scale, f"{name} ({shown})" if shown else name


def limit_spans(made: Any, spec: Spec | None, scale: float, dimension: str) -> None:
    """Draw a spec's limits across a plot."""
    from bokeh.models import Span

    for limit in limits_of(spec):
        made.add_layout(
            Span(
                location=limit * scale,
                dimension=dimension,
                line_color=RED,
                line_dash="dashed",
                line_width=1.5,
            )
        )


def rendered(figure: Callable[[], Any]) -> Any:
    """Make a Bokeh plot of a HoloViews figure, as wide as its place.

    Parameters
    ----------
    figure
        Gives it; called here, so that nothing is published on the way.
    """
    with in_place():
        made = holoviews().render(figure(), backend="bokeh")
    made.sizing_mode, made.min_width = "stretch_width", 300
    made.toolbar.logo = None
    return made
