import re
from html import unescape

import numpy as np
import pandas as pd
import pytest
import xarray as xr

pytest.importorskip("panel")

from bokeh.events import SelectionGeometry

from spicelab_nb.errors import MeasureError, MissingExtraError
from spicelab_nb.explorer.linked import Explorer
from spicelab_nb.explorer.linked.bundle_plot import CURVES
from spicelab_nb.explorer.linked.tornado import shifts
from spicelab_nb.testing.datasets import rc_dataset, rc_waveforms

FAILED = [3, 4]


def explorer_of(ds, **options):
    return Explorer(ds, waveforms=rc_waveforms(ds), name="amp", **options)


@pytest.fixture
def explorer():
    return explorer_of(rc_dataset(400, failed=FAILED, missing=[9]))


@pytest.fixture
def page(explorer):
    page = explorer.page()
    page.panel.get_root()
    yield page
    assert not page.complaint.visible, page.complaint.object


def view(page, title):
    page.open_tab(title)
    return page.tabs[page._tabs.active]


def drag(figure, **geometry):
    figure._trigger_event(
        SelectionGeometry(figure, geometry={"type": "rect", **geometry}, final=True)
    )


def test_the_first_view_has_histogram_scatter_and_waveforms_and_no_more(page):
    assert [v.title for v in page.views if v.opened] == ["Histogram", "Scatter", "Waveforms"]


def test_every_title_says_how_many_failed(page):
    for each in page.tabs:
        page.open_tab(each.title)
    figures = [
        pane.object
        for pane in page.panel.select(lambda o: type(o).__name__ == "Bokeh")
        if hasattr(pane.object, "title")
    ]
    for each in page.tabs:
        panel = each.open()
        figures += [
            pane.object
            for pane in panel.select(lambda o: type(o).__name__ == "Bokeh")
            if hasattr(pane.object, "title")
        ]
    assert len(figures) >= 8
    for figure in figures:
        assert "2 of 400 failed" in figure.title.text
    assert "2 of 400 failed" in view(page, "Samples").heading.object


def test_titles_say_so_where_none_failed(explorer):
    page = explorer_of(rc_dataset(50)).page()
    assert "none of 50 failed" in page.histogram.open().object.title.text
    assert "none of 50 failed" in page.scatter.open().object.title.text
    assert "none of 50 failed" in view(page, "Tornado")._tornado[0].object.title.text


def test_dragging_along_the_histogram_selects_and_all_views_answer(explorer, page):
    figure = page.histogram.open().object
    drag(figure, x0=1.7, x1=2.5, y0=0, y1=1)
    f3db = explorer.columns.values("f3db")
    expected = np.flatnonzero(f3db >= 1700)
    assert explorer.selection.points.tolist() == expected.tolist()
    assert sum(page.histogram.selected.data["top"]) == len(expected)
    assert len(page.scatter.source.selected.indices) == len(expected)
    assert len(page.waveforms.plots[0].labels.data["label"]) == min(CURVES, len(expected))
    assert f"<b>{len(expected)}</b> of 400 selected" in unescape(page.state.text)
    parallel = view(page, "Parallel coordinates")
    assert np.isnan(parallel.selected.data["y"]).sum() == len(expected)
    assert len(view(page, "Samples").source.data["point"]) == len(expected)


def test_values_far_out_have_a_bar_of_their_own_that_can_be_selected():
    ds = rc_dataset(300)
    ds["f3db"][17], ds["f3db"][200] = 9e3, 12e3
    ds["f3db"][5] = 1.0
    explorer = explorer_of(ds)
    page = explorer.page()
    figure = page.histogram.open().object
    bars = figure.renderers[0].data_source.data
    assert sum(bars["top"]) == 300
    assert (bars["top"][0], bars["top"][-1]) == (1, 2)
    assert "3 beyond, in the grey bars" in figure.title.text
    drag(figure, x0=bars["left"][-1], x1=bars["right"][-1], y0=0, y1=1)
    assert explorer.selection.points.tolist() == [17, 200]
    assert page.histogram.selected.data["top"][-1] == sum(page.histogram.selected.data["top"]) == 2
    drag(figure, x0=bars["left"][0], x1=bars["right"][0], y0=0, y1=1)
    assert explorer.selection.points.tolist() == [5]


def test_dots_that_are_selected_are_points_of_the_design(explorer, page):
    page.scatter.source.selected.indices = [0, 5]
    # Samples 3 and 4 failed and have no dot: the sixth dot is sample 7.
    assert explorer.selection.points.tolist() == [0, 7]


def test_failed_samples_are_never_drawn_as_values(explorer, page):
    count = 400 - len(FAILED) - 1  # and one without f3db
    assert len(page.scatter.source.data["x"]) == count
    assert np.isfinite(page.scatter.source.data["y"]).all()
    explorer.selection.replace([*FAILED, 9, 10])
    assert sum(page.histogram.selected.data["top"]) == 1
    assert len(page.scatter.source.selected.indices) == 1
    assert page.waveforms.plots[0].labels.data["label"] == ["sample 9", "sample 10"]
    assert np.isnan(view(page, "Parallel coordinates").selected.data["y"]).sum() == 1
    assert "2 of them not ok" in unescape(page.state.text)
    explorer.selection.replace(FAILED)
    assert "2 selected, without a waveform" in page.waveforms.plots[0].figure.title.text


def test_an_outlier_draws_its_waveform(explorer, page):
    page.worst.clicks += 1
    (point,) = explorer.selection.points
    f3db = explorer.columns.values("f3db")
    assert point == np.nanargmax(np.abs(f3db - np.nanmedian(f3db)))
    plot = page.waveforms.plots[0]
    assert plot.labels.data["label"] == [f"sample {point}"]
    response = rc_waveforms(explorer.dataset)["ac"]["v(out)"].values[point]
    assert np.allclose(plot.curves.data["y"][:-1], 20 * np.log10(abs(response)), atol=1e-4)


def test_of_many_waveforms_the_furthest_are_drawn_and_the_range_of_all(explorer, page):
    explorer.selection.replace(np.arange(100, 200))
    plot = page.waveforms.plots[0]
    assert len(plot.labels.data["label"]) == CURVES
    assert len(plot.spread.data["x"]) * CURVES == np.isfinite(plot.curves.data["x"]).sum()
    assert (
        f"100 selected, {CURVES} of them drawn one by one" == plot.figure.title.text.splitlines()[1]
    )
    explorer.selection.clear()
    assert len(plot.spread.data["x"]) == 0
    assert "no sample selected" in plot.figure.title.text


def test_a_brush_on_each_of_two_axes_selects_what_lies_in_both(explorer, page):
    parallel = view(page, "Parallel coordinates")
    assert set(parallel.names) == {"R1", "C1", "f3db", "gain"}
    first, second = parallel.names.index("R1"), parallel.names.index("C1")
    drag(parallel.figure, x0=first - 0.2, x1=first + 0.2, y0=0.5, y1=1.2)
    once = set(explorer.selection.points.tolist())
    drag(parallel.figure, x0=second - 0.2, x1=second + 0.2, y0=0.5, y1=1.2)
    both = set(explorer.selection.points.tolist())
    assert both < once
    assert len(parallel.ranges.data["left"]) == 2
    explorer.selection.replace([1])
    assert len(parallel.ranges.data["left"]) == 0


def test_the_measure_changes_all_that_draw_it(explorer, page):
    explorer.selection.replace([10, 11])
    page.measure.value = "gain"
    assert page.histogram.open().object.title.text.startswith("gain")
    assert page.scatter.y == "gain"
    assert sum(page.histogram.selected.data["top"]) == 2
    assert len(page.scatter.source.selected.indices) == 2
    assert view(page, "Tornado")._tornado[0].object.title.text.startswith("gain")


def test_bode_draws_magnitude_and_phase_over_one_axis(explorer, page):
    bode = view(page, "Bode")
    magnitude, phase = bode.plots
    assert magnitude.figure.x_range is phase.figure.x_range
    assert (magnitude.figure.yaxis[0].axis_label, phase.figure.yaxis[0].axis_label) == (
        "magnitude (dB)",
        "phase (deg)",
    )
    explorer.selection.replace([7])
    assert [p.labels.data["label"] for p in bode.plots] == [["sample 7"]] * 2


def test_magnitude_and_phase_draw_the_same_worst_samples(page):
    magnitude, phase = view(page, "Bode").plots

    def worst(plot):
        labels = [item.label.value for item in plot.figure.legend[0].items]
        return [label for label in labels if label.startswith("worst")]

    assert len(worst(magnitude)) == 3
    assert worst(phase) == worst(magnitude)


def test_what_sets_the_selection_apart(explorer, page):
    r1 = explorer.columns.values("R1")
    large = np.flatnonzero(r1 > np.nanmean(r1) + 1.5 * np.nanstd(r1))
    found = shifts(explorer.columns, large)
    assert next(iter(found)) == "R1"
    assert found["R1"] > 1.5
    tornado = view(page, "Tornado")
    explorer.selection.replace(large)
    assert tornado.shifts.data["name"][-1] == "R1"
    explorer.selection.clear()
    assert len(tornado.shifts.data["name"]) == 0


def test_a_row_of_the_table_selects_it(explorer, page):
    samples = view(page, "Samples")
    samples.which.value = "failed"
    assert samples.source.data["point"].tolist() == FAILED
    assert samples.source.data["status"].tolist() == ["failed"] * 2
    samples.source.selected.indices = [1]
    assert explorer.selection.points.tolist() == [4]
    assert page.sample.value == 4


def test_the_table_has_units_with_prefixes_and_as_many_digits(explorer, page):
    explorer.selection.replace([7])
    samples = view(page, "Samples")
    by_name = {column.field: column for column in samples.table.columns}
    assert by_name["R1"].title == "R1 (kOhm)"
    assert by_name["R1"].formatter.format == "0.0000"
    assert by_name["C1"].title == "C1 (nF)"
    assert by_name["C1"].formatter.format == "0.00"
    ds = explorer.columns.dataset
    assert samples.source.data["R1"][0] == pytest.approx(float(ds.R1[7]) / 1e3)
    assert samples.source.data["C1"][0] == pytest.approx(float(ds.C1[7]) * 1e9)


def test_reasons_of_failures_are_listed():
    reasons = pd.DataFrame({"reason": ["no convergence"] * 2}, index=FAILED)
    asked = []
    explorer = explorer_of(
        rc_dataset(30, failed=FAILED), failures=lambda: asked.append(1) or reasons
    )
    page = explorer.page()
    assert asked == []
    samples = view(page, "Samples")
    samples.which.value = "failed"
    assert samples.source.data["reason"].tolist() == ["no convergence"] * 2
    assert asked == [1]


def test_corners_are_points_of_their_own():
    ds = rc_dataset(60, corners=["tt", "ss"], failed=[2])
    explorer = Explorer(ds)
    page = explorer.page()
    corners = view(page, "Corners")
    assert "2 of 120 failed" in corners.table.object
    explorer.selection.replace([10, 11, 13])
    cells = corners.table.object.split("</tr>")
    assert ">1</td>" in cells[1]
    assert ">2</td>" in cells[2]
    tips = page.scatter.open().object.hover[0].tooltips
    assert [name for name, _ in tips[:2]] == ["sample", "corner"]
    assert page.scatter.source.data[tips[1][1].strip("@{}")][:2].tolist() == ["tt", "ss"]
    assert not page.complaint.visible


def sweep_dataset(**options):
    ds = rc_dataset(1)
    r, c = np.geomspace(1e3, 1e4, 4), np.geomspace(1e-9, 1e-8, 5)
    f3db = 1 / (2 * np.pi * r[:, None] * c)
    status = np.zeros(f3db.shape, np.int8)
    status[1, 2] = 1
    f3db[1, 2] = np.nan
    dims, role = ("R1", "C1"), {"role": "parameter"}
    return xr.Dataset(
        {
            "f3db": (dims, f3db, ds["f3db"].attrs),
            "status": (dims, status, ds["status"].attrs),
        },
        {"R1": ("R1", r, {**role, "units": "Ohm"}), "C1": ("C1", c, {**role, "units": "F"})},
        options,
    )


def test_a_sweep_has_its_surface_on_which_a_box_selects():
    explorer = Explorer(sweep_dataset())
    page = explorer.page()
    surface = view(page, "Response surface")
    figure = surface._shown[0].object
    assert "1 of 20 failed" in figure.title.text
    drag(figure, x0=0.5, x1=2.5, y0=0.5, y1=11)
    assert explorer.selection.points.tolist() == list(range(10))
    assert len(surface.selected.data["x"]) == 10
    surface.y.value = ""
    assert len(surface.selected.data["x"]) <= 10
    explorer.selection.replace([7])
    assert "1 of them not ok" in unescape(page.state.text)
    assert not page.complaint.visible


def test_a_run_that_kept_nothing_says_how_to_keep():
    explorer = Explorer(rc_dataset(30), nothing_kept='Campaign(..., keep=["v(out)"])')
    page = explorer.page()
    assert "Bode" not in [v.title for v in page.tabs]
    assert "keep=[&quot;v(out)&quot;]" in page.waveforms.open().object
    explorer.selection.replace([2])
    assert not page.complaint.visible


def test_a_run_without_one_value_is_shown_all_the_same():
    ds = rc_dataset(6, failed=range(6))
    explorer = Explorer(ds)
    page = explorer.page()
    for each in page.tabs:
        page.open_tab(each.title)
    explorer.selection.replace([1, 2])
    assert "6 of 6 failed" in page.histogram.open().object.title.text
    assert "2 of them not ok" in unescape(page.state.text)
    assert not page.complaint.visible, page.complaint.object


def test_a_run_without_measures_is_shown_all_the_same():
    ds = rc_dataset(6, failed=range(6)).drop_vars(["f3db", "gain"])
    explorer = Explorer(ds)
    page = explorer.page()
    for each in page.tabs:
        page.open_tab(each.title)
    explorer.selection.replace([1])
    assert page.worst.visible is False
    assert not page.complaint.visible, page.complaint.object


def test_a_sample_is_simulated_again_with_all_its_signals():
    ds = rc_dataset(40, failed=[3])
    simulated = []

    def simulate(point):
        simulated.append(point)
        waves = {k: v.isel(sample=point, drop=True) for k, v in rc_waveforms(ds).items()}
        waves["tran"]["v(in)"] = waves["tran"]["v(out)"] * 0 + 1
        op = xr.Dataset({"v(out)": ((), 0.5, {"units": "V"})})
        return {**waves, "op": op}

    explorer = explorer_of(ds, resimulate=simulate)
    page = explorer.page()
    assert page.simulate.disabled
    explorer.selection.replace([7])
    page.simulate.clicks += 1
    assert simulated == [7]
    assert set(explorer.resimulated[7]) == {"ac", "tran", "op"}
    again = page.resimulation
    assert page.tabs[page._tabs.active] is again
    again.analysis.value = "tran"
    assert again.signals.value == ["v(out)", "v(in)"]
    (pane,) = again._shown
    assert {item.label.value for item in pane.object.legend[0].items} == {"v(out)", "v(in)"}
    again.analysis.value = "op"
    assert "500 mV" in again._shown[0].object
    assert not page.complaint.visible


def test_an_error_of_simulating_again_is_shown_and_goes_with_the_next_action():
    def simulate(point):
        raise RuntimeError("<b>singular matrix</b>")

    explorer = explorer_of(rc_dataset(20), resimulate=simulate)
    page = explorer.page()
    explorer.selection.replace([1])
    page.simulate.clicks += 1
    assert page.complaint.visible
    assert "&lt;b&gt;singular matrix" in page.complaint.object
    assert page.simulate.label == "Re-simulate"
    assert not page.simulate.disabled
    page.clear.clicks += 1
    assert not page.complaint.visible


def test_without_a_simulator_nothing_is_simulated(explorer, page):
    explorer.selection.replace([1])
    assert page.simulate.disabled
    with pytest.raises(MeasureError, match="cannot be simulated again"):
        explorer.resimulate(1)


def test_an_error_of_one_view_is_shown_and_the_others_answer(explorer, monkeypatch):
    page = explorer.page()

    def broken(points):
        raise ZeroDivisionError("broken view")

    monkeypatch.setattr(page.scatter, "show", broken)
    explorer.selection.replace([10])
    assert "broken view" in page.complaint.object
    assert page.complaint.visible
    assert page.waveforms.plots[0].labels.data["label"] == ["sample 10"]


def test_displays_share_the_selection(explorer):
    first, second = explorer.page(), explorer.page()
    first.scatter.source.selected.indices = [0]
    assert second.scatter.source.selected.indices == [0]


def test_it_says_what_it_holds_and_refuses_a_measure_that_is_not_there(explorer):
    assert "400 points, 2 of 400 failed" in repr(explorer)
    data, _ = explorer._repr_mimebundle_()
    assert data == {"text/plain": repr(explorer)}
    with pytest.raises(MeasureError, match="Did you mean f3db"):
        explorer_of(rc_dataset(4), measure="f3bd")


def test_without_the_extra_its_name_is_said(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "panel", None)
    with pytest.raises(MissingExtraError, match=r"spicelab-nb\[explore\]"):
        Explorer(rc_dataset(4))


def test_it_is_saved_as_one_file(explorer, tmp_path):
    explorer.selection.replace([7])
    path = explorer.save(tmp_path / "sub" / "amp.html")
    text = path.read_text()
    assert "sample 7" in text
    outside = re.sub(r"(?s)(<script[^>]*>).*?</script>", r"\1", text)
    assert "<script" in outside
    assert re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="', outside) == []
