"""Runs that are legitimate and odd: what their dimensions are called, and what is not there."""

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("panel")

from bokeh.events import SelectionGeometry

from spicelab_nb.explorer.figures import waveforms
from spicelab_nb.explorer.linked import Explorer
from spicelab_nb.explorer.linked.histogram import HistogramView
from spicelab_nb.testing.datasets import rc_dataset, rc_sweep, rc_waveforms, status_attrs

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


def test_swept_values_that_differ_late_are_told_apart():
    near = [1e6, 1e6 + 1, 1e6 + 2]
    coords = {"a": ("a", near, ROLE | {"units": "Hz"}), "b": ("b", [1.0, 2.0], ROLE)}
    explorer = Explorer(swept(np.arange(6.0).reshape(3, 2), ("a", "b"), coords))
    page = explorer.page()
    explorer.selection.replace(range(6))
    assert sorted(page.sample.options.values()) == list(range(6))
    assert explorer.columns.label(3) == "a 1000001, b 2"
    surface = view(page, "Response surface")
    offered = surface.at["a"].options
    assert list(offered) == ["1 MHz", "1.000001 MHz", "1.000002 MHz"]
    assert list(offered.values()) == near


def test_kept_values_that_are_no_curve_are_said_to_be_there():
    ds = rc_dataset(3)
    kept = {"op": xr.Dataset({"v(out)": ("sample", [1.0, 2.0, 3.0])}, {"sample": ds.sample})}
    page = Explorer(ds, waveforms=kept, nothing_kept="no sample is ok so far").page()
    assert "v(out) of op" in page.waveforms.open().object
    assert "so far" not in page.waveforms.open().object


def test_a_sample_that_is_swept_over_two_sources_says_how_many_values_it_has():
    swept_twice = xr.Dataset(
        {"v(out)": (("v2", "v1"), np.zeros((3, 11)), {"units": "V"}), "n": (("v2",), np.ones(3))}
    )
    plain = xr.Dataset({"n": ("v1", np.arange(5.0))}, {"v1": np.arange(5.0)})
    explorer = Explorer(rc_dataset(3), resimulate=lambda point: {"dc": plain, "dc2": swept_twice})
    page = explorer.page()
    explorer.selection.replace([1])
    page.simulate.clicks += 1
    assert page.resimulation._shown[0].object.yaxis.axis_label == "value"
    page.resimulation.analysis.value = "dc2"
    assert "33 values: 3 of v2, 11 of v1" in page.resimulation._shown[0].object
    assert not page.complaint.visible


def test_a_box_selects_in_the_slice_that_is_drawn():
    explorer = Explorer(rc_sweep(corners=["a", "b"]))
    page = explorer.page()
    surface = view(page, "Response surface")
    columns = explorer.columns
    for corner in ("a", "b"):
        surface.at["corner"].value = corner
        drag(surface._shown[0].object, x0=-1e9, x1=1e9, y0=-1e9, y1=1e9)
        points = explorer.selection.points
        assert len(points) == columns.size // 2
        assert set(columns.coordinate("corner", points)) == {corner}
        assert len(surface.selected.data["x"]) == len(points)
    surface.at["corner"].value = "a"
    assert len(surface.selected.data["x"]) == 0  # those of b are elsewhere


def test_ranges_in_which_nothing_lies_are_cleared_too():
    explorer = Explorer(rc_dataset(50))
    page = explorer.page()
    parallel = view(page, "Parallel coordinates")
    for low, high in ((0.0, 0.01), (0.99, 1.0)):
        for axis in (0, 1):
            drag(parallel.figure, x0=axis - 0.2, x1=axis + 0.2, y0=low, y1=high)
    drag(parallel.figure, x0=0.8, x1=1.2, y0=0.3, y1=0.3001)
    assert not len(explorer.selection)
    assert len(parallel.ranges.data["left"]) == 2
    page.clear.clicks += 1
    assert len(parallel.ranges.data["left"]) == 0
    drag(parallel.figure, x0=-0.2, x1=0.2, y0=0.0, y1=1.0)
    assert len(explorer.selection) == 50


@pytest.mark.parametrize("statistic", ["median", "sd"])
def test_selected_points_lie_on_the_curve_that_is_drawn_of_their_samples(statistic):
    k = np.linspace(0.2, 1.8, 9)
    r = [1.0, 2.0, 3.0]
    f = np.array([700.0, 800.0, 900.0])[:, None] * k
    coords = {"R": ("R", r, ROLE), "sample": np.arange(9), "k": ("sample", k, ROLE)}
    explorer = Explorer(swept(f, ("R", "sample"), coords))
    page = explorer.page()
    surface = view(page, "Response surface")
    surface.statistic.value = statistic
    explorer.selection.replace(np.arange(9, 27))
    found = np.median(f, axis=1) if statistic == "median" else np.std(f, axis=1, ddof=1)
    # Each sample is more than 1 kHz somewhere, and what is drawn of them less: still in Hz.
    assert surface._shown[0].object.yaxis.axis_label == f"{statistic} of f (Hz)"
    assert surface.selected.data["x"].tolist() == r[1:]
    assert surface.selected.data["y"] == pytest.approx(found[1:])
    assert not page.complaint.visible


def test_a_measure_that_is_called_point_is_no_row_of_the_table():
    ds = rc_dataset(20).rename(gain="point")
    explorer = Explorer(ds)
    page = explorer.page()
    samples = view(page, "Samples")
    assert samples.source.data["point"] == pytest.approx(ds.point.values)
    samples.source.selected.indices = [5]
    assert explorer.selection.points.tolist() == [5]
    assert not page.complaint.visible


def test_what_is_saved_is_not_drawn_with_the_selections_to_come(monkeypatch, tmp_path):
    explorer = Explorer(rc_dataset(20))
    drawn = []
    monkeypatch.setattr(HistogramView, "show", lambda self, points: drawn.append(len(points)))
    explorer.selection.replace([1])
    explorer.save(tmp_path / "saved.html")
    assert drawn == [1]
    explorer.selection.replace([1, 2])
    assert drawn == [1]


def test_a_sample_without_any_response_draws_nothing_and_the_others_are_drawn():
    ds = rc_dataset(30)
    waves = rc_waveforms(ds)
    waves["ac"]["v(out)"][0] = 0.0
    explorer = Explorer(ds, waveforms=waves)
    page = explorer.page()
    (plot,) = page.waveforms.plots
    assert np.isfinite(plot._bundle.envelope.median).all()
    explorer.selection.replace([0, 4])
    y = np.split(np.asarray(plot.curves.data["y"]), 2)
    assert np.isnan(y[0]).all()
    assert np.isfinite(y[1][:-1]).all()
    for line in plot.figure.renderers:
        for values in line.data_source.data.values():
            values = np.asarray(values)
            assert values.dtype.kind != "f" or not np.isinf(values).any()


def test_names_are_no_markup_in_the_head_of_the_table():
    page = Explorer(rc_dataset(5).rename(gain="<img src=x>")).page()
    titles = [column.title for column in view(page, "Samples").table.columns]
    assert "&lt;img src=x&gt; (dB)" in titles


def test_values_far_out_at_corners_are_in_no_grey_bars():
    ds = rc_dataset(60, corners=["tt", "ss"])
    ds["f3db"][7] = 1e6
    title = Explorer(ds).page().histogram.open().object.title.text
    assert "2 beyond, in the outermost bins" in title


def test_bands_whose_lower_edge_is_no_response_are_not_drawn():
    ds = rc_dataset(8)
    wave = rc_waveforms(ds)["ac"]["v(out)"]
    wave[:3, 20:] = 0.0
    areas = [e.array() for e in waveforms(wave).traverse(lambda e: e, ["Area"])]
    (plot,) = Explorer(ds, waveforms={"ac": wave.to_dataset()}).page().waveforms.plots
    varea = [r for r in plot.figure.renderers if type(r.glyph).__name__ == "VArea"][:2]
    areas += [np.column_stack(list(r.data_source.data.values())) for r in varea]
    assert len(areas) == 4
    for area in areas:
        assert np.isfinite(area[:20]).all()
        assert np.isnan(area[20:, 1:]).all(), area


def test_a_response_at_one_frequency_is_drawn_as_dots():
    ds = rc_dataset(20)
    waves = {"ac": rc_waveforms(ds)["ac"].isel(frequency=[5])}
    explorer = Explorer(ds, waveforms=waves, name="amp")
    page = explorer.page()
    explorer.selection.replace([3])
    for plot in (*page.waveforms.plots, *view(page, "Bode").plots):
        dots = [r for r in plot.figure.renderers if type(r.glyph).__name__ == "Scatter"]
        lines = [r for r in plot.figure.renderers if type(r.glyph).__name__ == "Line"]
        assert len(dots) == len(lines) > 3
        assert any(r.data_source is plot.curves for r in dots)
    assert not page.complaint.visible
