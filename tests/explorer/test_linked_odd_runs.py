"""Runs that are legitimate and odd: what their dimensions are called, and what is not there."""

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("panel")

from bokeh.events import SelectionGeometry

from spicelab_nb.explorer.linked import Explorer
from spicelab_nb.testing.datasets import rc_dataset, status_attrs

ROLE = {"role": "parameter"}


def view(page, title):
    page.open_tab(title)
    return page.tabs[page._tabs.active]


def drag(figure, **geometry):
    figure._trigger_event(
        SelectionGeometry(figure, geometry={"type": "rect", **geometry}, final=True)
    )


def swept(values, dims, coords):
    status = np.zeros(values.shape, np.int8)
    return xr.Dataset(
        {"f": (dims, values, {"units": "Hz"}), "status": (dims, status, status_attrs())}, coords
    )


def test_dimensions_that_are_called_x_and_y_are_no_places_of_dots():
    f = np.arange(12.0).reshape(3, 4) + 100
    x, y = [1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0]
    page = Explorer(swept(f, ("x", "y"), {"x": ("x", x, ROLE), "y": ("y", y, ROLE)})).page()
    page.scatter.x_select.value = "y"
    assert page.scatter.source.data["x"].tolist() == y * 3
    assert page.scatter.source.data["y"].tolist() == f.ravel().tolist()
    assert not page.complaint.visible
