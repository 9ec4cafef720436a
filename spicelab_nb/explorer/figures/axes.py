"""What every figure shares: its axes with units, spec limits, size and colours."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import MeasureError, missing_extra, nearest
from spicelab_nb.explorer.points import parameters_of
from spicelab_nb.results.quantities import axis_scale
from spicelab_nb.results.statistics import measures_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    import xarray as xr

    from spicelab_nb.results.spec import Spec

__all__ = ["BLUE", "GREY", "ORANGE", "RED", "SIZE", "check", "dataset_of", "holoviews", "in_place"]

BLUE, RED, GREY, ORANGE = "#3b6ea5", "#c0392b", "#7f8c8d", "#e67e22"
SIZE = {"width": 640, "height": 360, "fontsize": {"title": "10pt"}}


_state = {"in place": False, "bare": False}
"""Whether figures are made for a page that has all scripts; whether HoloViews has its backend
alone, without what shows its objects in a notebook."""


def holoviews() -> ModuleType:
    """Give HoloViews with its Bokeh backend.

    Raises
    ------
    MissingExtraError
        It is not installed.
    """
    try:
        import holoviews as hv
    except ImportError as error:
        raise missing_extra("The explorer", "explore") from error
    loaded = "bokeh" in hv.Store.loaded_backends()
    if _state["in place"]:
        if not loaded:
            import holoviews.plotting.bokeh

            hv.Store.set_current_backend("bokeh")
            _state["bare"] = True
    elif not loaded or _state["bare"]:
        import panel as pn

        # Inline, and before hvplot is imported: else the browser asks a CDN and shows nothing.
        # The style sheets of what is shown later go by Panel's own setting.
        pn.config.inline = True
        if _inline_styles not in pn.viewable.Viewable._preprocessing_hooks:
            pn.viewable.Viewable._preprocessing_hooks.append(_inline_styles)
        with _without_archives():
            hv.extension("bokeh", inline=True, logo=False)
        _state["bare"] = False
    return hv  # type: ignore[no-any-return]


def _inline_styles(view: Any, root: Any) -> None:
    """Put style sheets into what is about to be shown; Panel leaves a HoloViews object's out."""
    del view
    from bokeh.models import UIElement
    from panel.io.notebook import patch_inline_stylesheets

    for model in root.select({"type": UIElement}):
        patch_inline_stylesheets(model)


@contextlib.contextmanager
def in_place() -> Iterator[None]:
    """Let figures be made meanwhile for a page that has all scripts: nothing is published."""
    before, _state["in place"] = _state["in place"], True
    try:
        yield
    finally:
        _state["in place"] = before


@contextlib.contextmanager
def _without_archives() -> Iterator[None]:
    """Keep HoloViews from loading what it needs for archives of notebooks, which takes a second."""
    absent = "nbformat" not in sys.modules
    if absent:
        sys.modules["nbformat"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if absent:
            del sys.modules["nbformat"]


def dataset_of(given: Any) -> xr.Dataset:
    """Take a run for its dataset.

    Raises
    ------
    MeasureError
        It is neither.
    """
    import xarray as xr

    found = given if isinstance(given, xr.Dataset) else getattr(given, "dataset", None)
    if not isinstance(found, xr.Dataset):
        raise MeasureError(f"Figures are made of run.dataset, not of {type(given).__name__}.")
    return found


def check(dataset: xr.Dataset, name: str, *, and_parameters: bool = False) -> None:
    """Refuse what is no measure (or, with `and_parameters`, no numeric parameter either).

    Raises
    ------
    MeasureError
        There is none of that name, or its values are complex.
    """
    known = measures_of(dataset)
    if and_parameters:
        known += parameters_of(dataset)
    if name in known:
        return
    if name in dataset.variables and dataset[name].dtype.kind == "c":
        raise MeasureError(
            f"{name!r} is complex, and a figure of measures draws real numbers: measure its "
            "magnitude, part or phase."
        )
    what = "measure or numeric parameter" if and_parameters else "measure"
    raise MeasureError(f"There is no {what} {name!r} in this dataset.{nearest(name, known)}")


def label_of(variable: xr.DataArray) -> tuple[str, str]:
    """Give what a variable is called on an axis, and its unit."""
    name = str(variable.name)
    return str(variable.attrs.get("long_name") or name), str(variable.attrs.get("units", ""))


def dimension(hv: ModuleType, label: str, unit: str) -> Any:
    """Give an axis its name and unit."""
    return hv.Dimension(label, unit=unit or None)


def scaled(
    hv: ModuleType, variable: xr.DataArray, values: Any, limits: Sequence[float | None] = ()
) -> tuple[float, Any]:
    """Give what to multiply values with, and the axis with the prefixed unit."""
    label, unit = label_of(variable)
    scale, shown = axis_scale(largest(values, limits), unit)
    return scale, dimension(hv, label, shown)


def limits_of(spec: Spec | None) -> tuple[float, ...]:
    """Give the limits that there are."""
    return tuple(x for x in (spec.min, spec.max) if x is not None) if spec else ()


def limit_lines(mark: Any, spec: Spec | None, scale: float) -> list[Any]:
    """Draw a spec's limits with ``hv.VLine`` or ``hv.HLine``."""
    return [
        mark(limit * scale).opts(color=RED, line_dash="dashed")
        for limit in limits_of(spec)
        if np.isfinite(limit)
    ]


def largest(values: Any, limits: Sequence[float | None] = ()) -> float:
    """Give the largest finite magnitude; 0 where there is none."""
    numbers = np.abs(np.asarray(values, dtype=np.float64))
    numbers = numbers[np.isfinite(numbers)]
    top = float(numbers.max()) if len(numbers) else 0.0
    return max([top, *(abs(x) for x in limits if x is not None and np.isfinite(x))])
