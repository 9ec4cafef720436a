import importlib
import pkgutil
import subprocess
import sys

import numpy as np
import pytest

from spicelab_nb import explorer
from spicelab_nb.errors import MeasureError, MissingExtraError
from spicelab_nb.explorer.points import most_correlated
from spicelab_nb.explorer.titles import figure_title
from spicelab_nb.results.spec import Spec
from spicelab_nb.results.statistics import summarize
from spicelab_nb.testing.datasets import rc_dataset, rc_sweep, rc_waveforms


@pytest.fixture(scope="module")
def render():
    hv = pytest.importorskip("holoviews")
    explorer.histogram(rc_dataset(9), "f3db")
    return lambda figure: hv.render(figure, backend="bokeh")


def of_type(figure, name):
    return [e for e in figure if type(e).__name__ == name]


def test_histogram_counts_the_ok_samples_and_marks_the_limits(render):
    ds = rc_dataset(500, failed=[1, 2])
    figure = explorer.histogram(ds, "f3db")
    (bars,) = of_type(figure, "Histogram")
    assert sum(bars.dimension_values(1)) == 498
    assert sorted(line.data for line in of_type(figure, "VLine")) == pytest.approx([1.4, 1.8])
    plot = render(figure)
    assert plot.xaxis[0].axis_label == "bandwidth of v(out) (kHz)"
    row = summarize(ds)["f3db"]
    assert row.yield_.text in plot.title.text
    assert f"Cpk {row.cpk:.2f}" in plot.title.text
    assert "2 of 500 failed" in plot.title.text


def test_histogram_has_an_outline_for_each_corner(render):
    figure = explorer.histogram(rc_dataset(100, corners=["tt", "ss"]), "f3db")
    assert {c.label for c in of_type(figure, "Curve")} == {"tt", "ss"}
    render(figure)


def test_scatter_has_units_on_both_axes(render):
    plot = render(explorer.scatter(rc_dataset(100), "C1", "f3db"))
    assert plot.xaxis[0].axis_label == "C1 (nF)"
    assert plot.yaxis[0].axis_label == "bandwidth of v(out) (kHz)"


def test_what_failed_is_not_drawn_but_said():
    ds = rc_dataset(100, failed=[1, 2], not_run=[3], missing=[4], corners=["tt", "ss"])
    ds["f3db"][1] = 1e9  # a value where the sample failed is none
    lost = "4 of 200 failed, 2 without a value, 2 not run"
    figure = explorer.scatter(ds, "R1", "f3db")
    (dots,) = of_type(figure, "Scatter")
    assert len(dots) == 192
    assert dots.dimension_values(1).max() < 3
    assert figure.opts.get("plot").kwargs["title"] == f"f3db against R1\n{lost}"
    figure = explorer.corners(ds, "f3db")
    assert figure.opts.get("plot").kwargs["title"].endswith(f"\n{lost}")


def test_values_beyond_the_range_of_a_histogram_are_said(render):
    ds = rc_dataset(500)
    ds["f3db"][7] = 1e6
    plot = render(explorer.histogram(ds, "f3db"))
    assert "1 outside the range shown" in plot.title.text


def test_scatter_says_how_many_it_draws():
    figure = explorer.scatter(rc_dataset(12_000), "R1", "f3db")
    (dots,) = of_type(figure, "Scatter")
    assert len(dots) <= 5000
    assert f"{len(dots)} of 12000 drawn" in figure.opts.get("plot").kwargs["title"]


@pytest.mark.parametrize(("part", "unit"), [(None, "dB"), ("phase", "deg")])
def test_waveforms_are_a_handful_of_objects(render, part, unit):
    wave = rc_waveforms(rc_dataset(2000))["ac"]["v(out)"]
    figure = explorer.waveforms(wave, part=part)
    assert len(figure) <= 10
    plot = render(figure)
    assert plot.yaxis[0].axis_label == f"v(out) ({unit})"
    assert plot.xaxis[0].axis_label == "frequency (Hz)"
    assert type(plot.x_scale).__name__ == "LogScale"


def test_waveforms_over_time(render):
    plot = render(explorer.waveforms(rc_waveforms(rc_dataset(50))["tran"]["v(out)"]))
    assert plot.xaxis[0].axis_label == "time (ms)"


def test_corners(render):
    figure = explorer.corners(rc_dataset(100, corners=["tt", "ss"]), "f3db")
    assert len(of_type(figure, "ErrorBars")[0]) == 2
    plot = render(figure)
    assert plot.xaxis[0].major_label_overrides == {0: "tt", 1: "ss"}


def test_a_corner_where_nothing_is_ok_keeps_its_place(render):
    ds = rc_dataset(20, corners=["tt", "ss", "ff"])
    ds["status"][:, 1] = 1
    figure = explorer.corners(ds, "f3db")
    assert of_type(figure, "Scatter")[0].dimension_values(0).tolist() == [0, 2]
    assert render(figure).xaxis[0].major_label_overrides[1] == "ss"


def test_the_accessor_keeps_nothing(render):
    ds = rc_dataset(50)
    explorer.register()
    explorer.register()
    assert type(ds.spicelab.histogram("f3db")).__name__ == "Overlay"
    ds["f3db"][0] = np.nan
    assert ds.spicelab.summary()["f3db"].missing == 1
    assert ds.isel(sample=slice(1, 9)).spicelab.summary().total == 8
    assert ds.spicelab.scatter("R1", "f3db")
    wave = rc_waveforms(ds)["tran"]
    assert wave.spicelab.waveforms("v(out)", worst=1)
    assert ds.spicelab.tornado("f3db", most=1)
    assert ds.spicelab.parallel(["R1", "f3db"])
    assert rc_waveforms(ds)["ac"].spicelab.bode("v(out)", worst=1)
    assert rc_sweep().spicelab.surface("f3db", "C1", at={"R1": 1e3})


def test_names_that_are_not_there():
    with pytest.raises(MeasureError, match=r"'f3bd'.*Did you mean f3db"):
        explorer.histogram(rc_dataset(5), "f3bd")
    with pytest.raises(MeasureError, match=r"'R11'.*Did you mean R1"):
        explorer.scatter(rc_dataset(5), "R11", "f3db")


def test_without_the_extra_its_name_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "holoviews", None)
    with pytest.raises(MissingExtraError, match=r"The explorer .*spicelab-nb\[explore\]"):
        explorer.histogram(rc_dataset(5), "f3db")


def test_titles():
    ds = rc_dataset(100, missing=[3], not_run=[4])
    title = figure_title(ds, "f3db", Spec(min=1400))
    assert "spec >= 1.4 kHz" in title
    assert "1 without a value" in title
    assert "1 not run" in title
    assert figure_title(rc_dataset(10), "gain", None) == "gain: 10 samples\nnone of 10 failed"


def test_the_parameter_that_matters_most():
    ds = rc_dataset(400)
    ds["only_r"] = -(ds["R1"] ** 3)
    name, rho = most_correlated(ds, "only_r")
    assert (name, rho) == ("R1", pytest.approx(-1.0))
    assert most_correlated(ds.isel(sample=slice(0, 3)), "f3db") is None


def test_every_public_name_is_a_function_whatever_was_imported_before():
    """A module of the same name would take its place in the package."""
    for module in pkgutil.walk_packages(explorer.__path__, "spicelab_nb.explorer."):
        importlib.import_module(module.name)
    assert [name for name in explorer.__all__ if not callable(getattr(explorer, name))] == []
    assert set(explorer.__all__) <= set(dir(explorer))


def test_importing_the_explorer_loads_no_plotting_library():
    code = (
        "import sys, spicelab_nb.explorer, spicelab_nb.explorer.report; "
        "print([m for m in ('holoviews', 'hvplot', 'bokeh', 'panel') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_run_is_taken_for_its_dataset_and_anything_else_is_refused():
    from types import SimpleNamespace

    ds = rc_dataset(50)
    assert type(explorer.histogram(SimpleNamespace(dataset=ds), "f3db")) is type(
        explorer.histogram(ds, "f3db")
    )
    with pytest.raises(MeasureError, match=r"run\.dataset, not of dict"):
        explorer.histogram({}, "f3db")


@pytest.mark.parametrize("name", ["a{b}", "{}", "}{"])
def test_braces_in_a_name_stand_in_the_title(render, name):
    ds = rc_dataset(30).rename(f3db=name)
    drawn = [
        explorer.histogram(ds, name), explorer.scatter(ds, "R1", name), explorer.tornado(ds, name)
    ]  # fmt: skip
    for figure in drawn:
        title = render(figure).title.text
        assert name in title, title
