import numpy as np
import pytest

from spicelab_nb import explorer
from spicelab_nb.errors import MeasureError
from spicelab_nb.explorer.grid import is_logarithmic
from spicelab_nb.testing.datasets import rc_dataset, rc_sweep

hv = pytest.importorskip("holoviews")


def elements(figure, name):
    return [e for e in figure if type(e).__name__ == name]


def title(figure):
    return figure.opts.get("plot").kwargs["title"]


def render(figure):
    return hv.render(figure, backend="bokeh")


def test_two_dimensions_are_a_mesh_in_the_axes_units():
    ds = rc_sweep()
    figure = explorer.surface(ds, "f3db")
    (mesh,) = elements(figure, "QuadMesh")
    z = mesh.dimension_values(2, flat=False)
    assert z == pytest.approx(ds["f3db"].values.T / 1e3)
    plot = render(figure)
    assert (plot.xaxis[0].axis_label, plot.yaxis[0].axis_label) == ("R1 (kOhm)", "C1 (uF)")
    assert type(plot.y_scale).__name__ == "LogScale"
    assert type(plot.x_scale).__name__ == "LinearScale"
    assert title(figure).startswith(
        "f3db in kHz over R1 and C1\nspec >= 1 kHz (red) kept at 5 of 9"
    )


def test_cells_of_a_logarithmic_axis_meet_halfway_by_ratio():
    figure = explorer.surface(rc_sweep(), "f3db")
    (mesh,) = elements(figure, "QuadMesh")
    edges = np.unique(mesh.interface.coords(mesh, 1, edges=True))
    assert edges == pytest.approx(np.sqrt(10) * np.array([1e-3, 1e-2, 1e-1, 1]), rel=1e-9)
    edges = np.unique(mesh.interface.coords(mesh, 0, edges=True))
    assert edges == pytest.approx([0.25, 0.75, 1.5, 2.5])


def test_axes_may_be_named_and_turned():
    for names in (("C1", "R1"), ("C1", None), (None, "R1")):
        (mesh,) = elements(explorer.surface(rc_sweep(), "f3db", *names), "QuadMesh")
        assert [d.name for d in mesh.kdims] == ["C1", "R1"]


def test_the_contour_lies_on_the_limit():
    """f3db = 1 / (2 pi R C) is a straight line on logarithmic axes, where interpolation is."""
    ds = rc_sweep(np.geomspace(100, 1e4, 41), np.geomspace(1e-8, 1e-6, 41))
    (contour,) = elements(explorer.surface(ds, "f3db"), "Path")
    (line,) = contour.split(datatype="array")
    limit = 1 / (2 * np.pi * line[:, 0] * 1e3 * line[:, 1] * 1e-6)
    assert limit == pytest.approx(1000, rel=0.01)


def test_failed_points_are_crosses_and_no_values():
    ds = rc_sweep(failed=[(0, 2), (1, 1)])
    ds["f3db"][1, 1] = 1e12  # a value where the point failed is none
    figure = explorer.surface(ds, "f3db")
    (mesh,), (crosses,) = elements(figure, "QuadMesh"), elements(figure, "Points")
    z = mesh.dimension_values(2, flat=False)
    assert np.isnan(z[2, 0])
    assert np.nanmax(z) < 1e3
    assert sorted(map(tuple, crosses.array().round(9))) == [(0.5, 1.0), (1.0, 0.1)]
    assert "2 of 9 failed" in title(figure)
    render(figure)


def test_one_dimension_is_a_line_with_the_limits():
    ds = rc_sweep(failed=[(1, 0)])
    figure = explorer.surface(ds, "f3db", C1=1.0001e-8)
    (curve,), (dots,) = elements(figure, "Curve"), elements(figure, "Scatter")
    assert np.isnan(curve.dimension_values(1)).tolist() == [False, True, False]
    assert len(dots) == 2
    assert [line.data for line in elements(figure, "HLine")] == [1.0]
    assert title(figure).startswith("f3db over R1, C1 = 10 nF")
    plot = render(figure)
    assert plot.yaxis[0].axis_label == "bandwidth of v(out) (kHz)"


def test_values_are_drawn_in_ascending_order():
    (curve,) = elements(explorer.surface(rc_sweep([2e3, 500, 1e3]), "f3db", C1=1e-8), "Curve")
    assert curve.dimension_values(0).tolist() == [0.5, 1, 2]
    assert (np.diff(curve.dimension_values(1)) < 0).all()


def test_what_is_swept_together_is_drawn_over_any_of_them():
    ds = rc_sweep().rename({"R1": "R1_R2"})
    role = {"role": "parameter", "units": "Ohm"}
    ds = ds.assign_coords(
        R1_R2=("R1_R2", np.arange(3)),
        R1=("R1_R2", [500.0, 1e3, 2e3], role),
        R2=("R1_R2", [1e5, 2e5, 4e5], role),
    )
    for given, name in ((None, "R1"), ("R2", "R2"), ("R1_R2", "R1")):
        (mesh,) = elements(explorer.surface(ds, "f3db", given), "QuadMesh")
        assert mesh.kdims[0].name == name
    assert elements(explorer.surface(ds, "f3db", "C1", R2=2e5), "Curve")
    with pytest.raises(MeasureError, match="R1 and R2 are one dimension"):
        explorer.surface(ds, "f3db", "R1", "R2")


def test_what_is_left_open_is_listed():
    ds = rc_sweep(corners=["tt", "ss"], samples=20)
    with pytest.raises(MeasureError, match=r"corner \(one of tt, ss\); sample .*at=\{'corner'"):
        explorer.surface(ds, "f3db")
    with pytest.raises(MeasureError, match=r"still depends on sample .*statistic='median'"):
        explorer.surface(ds, "f3db", corner="ss")
    one = explorer.surface(ds, "f3db", corner="ss", sample=3)
    assert "corner = ss, sample = 3" in title(one)


@pytest.mark.parametrize("statistic", ["median", "mean", "sd", "min", "max"])
def test_statistics_over_samples(statistic):
    ds = rc_sweep(samples=20, failed=[(0, 0, 5)])
    figure = explorer.surface(ds, "f3db", statistic=statistic)
    (mesh,) = elements(figure, "QuadMesh")
    values = ds["f3db"].values[2, 1]
    expected = np.std(values, ddof=1) if statistic == "sd" else getattr(np, statistic)(values)
    unit = 1e3 if "kHz" in title(figure) else 1
    assert mesh.dimension_values(2, flat=False)[1, 2] == pytest.approx(expected / unit)
    assert title(figure).startswith(f"{statistic} of f3db")
    assert "1 of 180 failed" in title(figure)
    assert np.isfinite(mesh.dimension_values(2)).all()


def test_yield_over_a_sweep():
    ds = rc_sweep(samples=50, low=1500.0, failed=[(1, 1, 0)])
    figure = explorer.surface(ds, "f3db", statistic="yield")
    z = elements(figure, "QuadMesh")[0].dimension_values(2, flat=False)
    ok = ds["f3db"].values[1, 1][1:]
    assert z[1, 1] == pytest.approx(100 * np.mean(ok >= 1500))
    assert 0 < z[1, 1] < 100
    assert title(figure).startswith("yield of f3db in % over R1 and C1\n1 of 450 failed")
    with pytest.raises(MeasureError, match="no spec for f3db"):
        explorer.surface(rc_sweep(samples=5, low=None), "f3db", statistic="yield")


def test_nothing_that_is_ok_is_said():
    everywhere = [(i, j) for i in range(3) for j in range(3)]
    with pytest.raises(MeasureError, match=r"no point is ok \(9 of 9 failed\)"):
        explorer.surface(rc_sweep(failed=everywhere), "f3db")


def test_mistakes():
    with pytest.raises(MeasureError, match=r"Nothing is swept .*scatter\(\) or tornado\(\)"):
        explorer.surface(rc_dataset(20), "f3db", statistic="median")
    with pytest.raises(MeasureError, match=r"A statistic is one of .*Did you mean median"):
        explorer.surface(rc_sweep(samples=5), "f3db", statistic="medain")
    with pytest.raises(MeasureError, match="no samples here to take a median of"):
        explorer.surface(rc_sweep(), "f3db", statistic="median")
    with pytest.raises(MeasureError, match="corner is not swept over numbers"):
        explorer.surface(rc_sweep(corners=["a", "b"]), "f3db", x="corner")
    with pytest.raises(MeasureError, match=r"C1 is 1e-08, 1e-07, 1e-06; there is no 1"):
        explorer.surface(rc_sweep(), "f3db", C1=1)
    with pytest.raises(MeasureError, match="no dimension 'L1' here, but R1, C1"):
        explorer.surface(rc_sweep(), "f3db", L1=1)


@pytest.mark.parametrize(
    ("values", "log"),
    [
        (np.geomspace(1, 100, 7), True),
        ([1, 2, 5, 10, 20, 50], True),
        (np.linspace(1, 100, 7), False),
        (np.geomspace(1, 5, 7), False),
        ([0, 1, 10, 100], False),
        ([-40, 27, 125], False),
        ([1, 100], False),
    ],
)
def test_which_axes_are_logarithmic(values, log):
    assert is_logarithmic(values) is log
