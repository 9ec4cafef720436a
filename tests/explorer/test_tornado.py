import numpy as np
import pytest

from spicelab_nb import explorer
from spicelab_nb.errors import MeasureError
from spicelab_nb.explorer.swing import swings
from spicelab_nb.results.quantities import quantity
from spicelab_nb.testing.datasets import rc_dataset, rc_sweep

pytest.importorskip("holoviews")


def elements(figure, name):
    return [e for e in figure if type(e).__name__ == name]


def options(figure):
    return figure.opts.get("plot").kwargs


def title(figure):
    return options(figure)["title"]


def test_of_a_monte_carlo_the_title_says_how_much_is_explained():
    ds = rc_dataset(500, failed=[1, 2])
    ds["exact"] = 3 * ds["R1"] - 1e10 * ds["C1"]
    text = title(explorer.tornado(ds, "exact"))
    assert "a linear model explains 100.0 % of the variance" in text
    assert "498 samples, 2 of 500 failed" in text
    rng = np.random.default_rng(99)
    ds["noise"] = "sample", rng.standard_normal(500)
    share = float(title(explorer.tornado(ds, "noise")).split("explains ")[1].split(" %")[0])
    assert share < 3


def test_bars_are_ordered_signed_and_named_with_their_share():
    ds = rc_dataset(500)
    ds["y"] = -3 * (ds["R1"] / 1e3) + 1e7 * ds["C1"]
    figure = explorer.tornado(ds, "y")
    (bars,) = elements(figure, "Rectangles")
    frame = bars.dframe()
    assert list(frame["name"]) == ["R1", "C1"]
    assert frame["effect"].tolist() == pytest.approx([-3 * 0.05, 0.05], rel=0.1)
    assert [t.split()[0] for _, t in options(figure)["yticks"]] == ["R1", "C1"]
    assert options(figure)["yticks"][0][0] > options(figure)["yticks"][1][0]
    # Of squares 9 and 1, as far as 500 draws have the same spread.
    assert frame["share"].tolist() == pytest.approx([0.9, 0.1], abs=0.04)
    assert options(figure)["yticks"][0][1].endswith(f" {100 * frame['share'][0]:.0f} %")


def test_only_the_largest_bars_are_drawn_and_the_title_says_so():
    ds = rc_dataset(200)
    rng = np.random.default_rng(2)
    for k in range(20):
        ds = ds.assign_coords({f"P{k}": ("sample", rng.normal(size=200), {"role": "parameter"})})
    figure = explorer.tornado(ds, "f3db", most=5)
    assert len(elements(figure, "Rectangles")[0]) == 5
    assert "5 of 22 parameters" in title(figure)


def test_shared_and_correlated_and_constant_parameters_are_said():
    ds = rc_dataset(300)
    x = ds["R1"].values / 1e3
    role = {"role": "parameter"}
    rng = np.random.default_rng(3)
    ds = ds.assign_coords(
        twin=("sample", 2 * x, role),
        near=("sample", x + 0.02 * rng.standard_normal(300), role),
        still=("sample", np.ones(300), role),
        lib=("sample", np.array(["tt"] * 300), role),
    )
    figure = explorer.tornado(ds, "f3db")
    names = [t for _, t in options(figure)["yticks"]]
    assert any(n.startswith("R1, twin") for n in names)
    assert "correlated: R1 and near" in title(figure)
    assert "1 constant left out" in title(figure)


def test_one_corner_or_within_all():
    ds = rc_dataset(300, corners=["tt", "ss"])
    assert "600 samples, none of 600 failed, within each corner" in title(
        explorer.tornado(ds, "f3db")
    )
    text = title(explorer.tornado(ds, "f3db", at={"corner": "ss"}))
    assert "300 samples, none of 300 failed, corner = ss" in text
    with pytest.raises(MeasureError, match=r"corner is tt, ss; there is no 'ff'"):
        explorer.tornado(ds, "f3db", at={"corner": "ff"})


def test_swings_are_the_measure_at_both_ends():
    ds = rc_sweep()
    found = swings(ds, "f3db")
    f = ds["f3db"]
    assert found.names == ("R1", "C1")
    assert found.base == f.values[1, 1]
    assert found.low.tolist() == [f.values[0, 1], f.values[1, 0]]
    assert found.high.tolist() == [f.values[2, 1], f.values[1, 2]]
    assert list(found.order) == [1, 0]
    assert found.ranges[1] == "10 nF to 1 uF"
    at = swings(ds, "f3db", base={"R1": 500, "C1": 1e-6})
    assert at.base == f.values[0, 2]


def test_one_sample_of_a_crossed_sweep_is_a_sweep():
    ds = rc_sweep(samples=9)
    figure = explorer.tornado(ds, "f3db", at={"sample": 4, "R1": 500})
    base = quantity(float(ds["f3db"][0, 1, 4]), "Hz")
    assert title(figure).startswith(f"f3db: one parameter at a time, {base} at the base")


def test_a_failed_end_has_no_bar():
    ds = rc_sweep(failed=[(0, 1)])
    found = swings(ds, "f3db")
    assert np.isnan(found.low[0])
    assert found.most[0] == found.base
    figure = explorer.tornado(ds, "f3db")
    low, high = elements(figure, "Rectangles")
    assert (low.label, len(low)) == ("lowest value", 1)
    assert (high.label, len(high)) == ("highest value", 2)
    assert "1 of 9 failed" in title(figure)


def test_an_extreme_within_the_range_is_kept():
    ds = rc_sweep(c=[1e-8, 1e-7, 1e-6])
    ds["bump"] = ds["f3db"].copy(data=[[0.0, 0, 0], [0, 5, 0], [0, 0, 0]])
    found = swings(ds, "bump", base={"R1": 500, "C1": 1e-7})
    assert found.low.tolist() == [0, 0]
    assert found.most.tolist() == [5, 0]
    (line,) = elements(explorer.tornado(ds, "bump", at={"R1": 500, "C1": 1e-7}), "Segments")
    assert [line.dimension_values(k).tolist() for k in (0, 2)] == [[0], [5]]


def test_the_base_has_to_be_ok():
    with pytest.raises(MeasureError, match=r"no f3db at the base point .*R1 = 1 kOhm"):
        explorer.tornado(rc_sweep(failed=[(1, 1)]), "f3db")
    figure = explorer.tornado(rc_sweep(failed=[(1, 1)]), "f3db", at={"C1": 1e-6})
    base = quantity(float(rc_sweep()["f3db"][1, 2]), "Hz")
    assert base in title(figure)


def test_swept_corners_have_no_tornado():
    ds = rc_dataset(1, corners=["tt", "ss"]).isel(sample=0, drop=True)
    with pytest.raises(MeasureError, match=r"here are corner\. corners\(\) compares"):
        explorer.tornado(ds, "f3db")


def test_unknown_names():
    with pytest.raises(MeasureError, match="Did you mean f3db"):
        explorer.tornado(rc_sweep(), "f3bd")
    with pytest.raises(MeasureError, match=r"no measure or numeric parameter 'R7'"):
        explorer.tornado(rc_dataset(50), "f3db", names=["R7"])
    with pytest.raises(MeasureError, match=r"no dimension 'L1' here, but R1, C1"):
        explorer.tornado(rc_sweep(), "f3db", at={"L1": 1})


def test_a_complex_measure_is_refused():
    ds = rc_dataset(20)
    ds["h"] = ds["f3db"] * 1j
    with pytest.raises(MeasureError, match="'h' is complex"):
        explorer.tornado(ds, "h")
