import numpy as np
import pytest

from spicelab_nb import explorer
from spicelab_nb.errors import MeasureError
from spicelab_nb.explorer.points import passing
from spicelab_nb.testing.datasets import rc_dataset, rc_sweep

hv = pytest.importorskip("holoviews")


def elements(figure, name):
    return [e for e in figure if type(e).__name__ == name]


def options(figure):
    return figure.opts.get("plot").kwargs


def lines(path, axes):
    """The lines of a path: rows of places, without the gaps between."""
    strands = path.split(datatype="array")
    assert len(strands) <= 60
    y = np.vstack([np.empty((0, axes + 1)), *(s[:, 1].reshape(-1, axes + 1) for s in strands)])
    assert np.isnan(y[:, -1]).all()
    return y[:, :-1]


def test_passing_and_failing_are_one_path_each():
    ds = rc_dataset(300, failed=[1, 2], missing=[7])
    figure = explorer.parallel(ds, ["R1", "C1", "f3db"])
    good, bad = elements(figure, "Path")
    ok = int(passing(ds).sum())
    assert len(lines(good, 3)) == ok
    assert len(lines(bad, 3)) == 297 - ok  # 300 without 2 that failed and 1 without a value
    text = options(figure)["title"]
    assert text.startswith(f"{ok} keep every spec (blue); {297 - ok} do not (red)")
    assert "2 of 300 failed, 1 without a value" in text
    assert np.nanmin(lines(good, 3)) >= 0
    hv.render(figure, backend="bokeh")


def test_places_are_of_the_least_and_the_most():
    ds = rc_dataset(50, low=None, high=None)
    figure = explorer.parallel(ds, ["R1", "f3db"])
    (path,) = elements(figure, "Path")
    places = lines(path, 2)
    r = ds["R1"].values
    assert np.sort(places[:, 0]) == pytest.approx(np.sort((r - r.min()) / np.ptp(r)))
    assert options(figure)["title"] == "50 samples\nnone of 50 failed"
    (labels,) = elements(figure, "Labels")
    assert [t for t in labels.dimension_values(2) if "kOhm" in t]


def test_limits_are_marked_where_they_lie():
    ds = rc_dataset(300)
    marks = elements(explorer.parallel(ds, ["R1", "f3db"]), "Segments")[-1]
    f = ds["f3db"].values
    expected = [(limit - f.min()) / np.ptp(f) for limit in (1400, 1800)]
    assert marks.dimension_values(1).tolist() == pytest.approx(expected)


@pytest.mark.parametrize(("low", "high"), [(1400, 1800), (1000, 3000), (1590, 1600), (9e9, None)])
def test_the_number_of_lines_is_bounded_and_said(low, high):
    ds = rc_dataset(12_000, low=low, high=high)
    figure = explorer.parallel(ds)
    good, bad = (lines(p, 4) for p in elements(figure, "Path"))
    assert len(good) + len(bad) == 1000
    assert len(figure) <= 6
    passed = int(passing(ds).sum())
    assert len(good) == min(passed, max(500, 1000 - (12_000 - passed)))
    text = options(figure)["title"]
    assert text.startswith(f"{passed} keep every spec (blue)")
    assert (f", {len(good)} of them drawn;" in text) is (len(good) < passed)
    assert (f"not (red), {len(bad)} of them drawn" in text) is (len(bad) < 12_000 - passed)


def test_one_failing_sample_of_many_is_drawn():
    ds = rc_dataset(20_000, low=None, high=None)
    top = float(ds["f3db"].max())
    ds["f3db"].attrs["spec_max"] = top * (1 - 1e-9)
    figure = explorer.parallel(ds)
    _, bad = elements(figure, "Path")
    assert len(lines(bad, 4)) == 1
    assert "1 do not (red)" in options(figure)["title"]


def test_axes_are_chosen_by_what_the_measures_follow():
    ds = rc_dataset(200)
    rng = np.random.default_rng(4)
    noise = {
        f"N{k}": ("sample", rng.standard_normal(200), {"role": "parameter"}) for k in range(20)
    }
    ds = ds.assign_coords(noise)
    names = [name for _, name in options(explorer.parallel(ds))["xticks"]]
    assert len(names) == 10
    assert {"R1", "C1"} <= set(names)
    assert names[-2:] == ["f3db", "gain"]


def test_a_swept_axis_is_logarithmic():
    (good, bad) = elements(explorer.parallel(rc_sweep()), "Path")
    places = np.vstack([lines(good, 3), lines(bad, 3)])
    assert sorted(set(places[:, 1].round(6))) == [0, 0.5, 1]


def test_nothing_that_is_ok_is_an_empty_figure():
    figure = explorer.parallel(rc_dataset(10, failed=range(10)), ["R1", "f3db"])
    assert all(len(lines(p, 2)) == 0 for p in elements(figure, "Path"))
    assert "10 of 10 failed" in options(figure)["title"]
    hv.render(figure, backend="bokeh")


def test_mistakes():
    with pytest.raises(MeasureError, match="two axes or more, not 1"):
        explorer.parallel(rc_dataset(10), ["R1"])
    with pytest.raises(MeasureError, match="'f3bd'"):
        explorer.parallel(rc_dataset(10), ["R1", "f3bd"])
