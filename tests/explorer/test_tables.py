import numpy as np
import pandas as pd
import pytest

from spicelab_nb import explorer
from spicelab_nb.engines.engine import Status
from spicelab_nb.errors import MeasureError
from spicelab_nb.testing.datasets import rc_dataset, rc_sweep


def test_each_sample_has_its_status_and_what_it_breaks():
    ds = rc_dataset(100, failed=[3], not_run=[4], missing=[5])
    ds["status"][6] = int(Status.TIMEOUT)
    ds["gain"].attrs["spec_min"] = -16.5
    table = explorer.table(ds)
    assert list(table.columns) == ["sample", "R1", "C1", "f3db", "gain", "status", "breaks"]
    assert table.status[[3, 4, 6, 7]].tolist() == ["failed", "not_run", "timeout", "ok"]
    assert table.breaks[[3, 4, 6]].tolist() == ["", "", ""]
    assert table.breaks[5].split(", ")[0] == "f3db"  # what has no value keeps no limit
    f, g = ds["f3db"].values, ds["gain"].values
    for i in range(7, 100):
        broken = [n for n, bad in (("f3db", not 1400 <= f[i] <= 1800), ("gain", g[i] < -16.5))
                  if bad]  # fmt: skip
        assert table.breaks[i] == ", ".join(broken)


@pytest.mark.parametrize("which", ["passing", "failing", "failed", "not_run"])
def test_some_of_them_and_pages_of_these(which):
    ds = rc_dataset(200, failed=[3, 8], not_run=[4, 9, 11])
    whole, some = explorer.table(ds), explorer.table(ds, which=which)
    ok = whole.status == "ok"
    expected = {
        "passing": ok & (whole.breaks == ""),
        "failing": whole.breaks != "",
        "failed": whole.status == "failed",
        "not_run": whole.status == "not_run",
    }[which]
    pd.testing.assert_frame_equal(some, whole[expected])
    pd.testing.assert_frame_equal(
        explorer.table(ds, which=which, start=1, stop=2), whole[expected].iloc[1:2]
    )


def test_reasons_are_joined_by_point():
    ds = rc_dataset(10, failed=[3, 8])
    failures = pd.DataFrame({"reason": ["no convergence"]}, index=pd.Index([8], name="point"))
    table = explorer.table(ds, failures, names=["f3db"])
    assert list(table.columns) == ["sample", "f3db", "status", "breaks", "reason"]
    assert table.reason[[3, 7, 8]].tolist() == ["", "", "no convergence"]


def test_points_of_a_crossed_design_have_all_their_places():
    ds = rc_sweep(corners=["tt", "ss"], samples=3)
    table = explorer.table(ds)
    assert len(table) == 3 * 3 * 2 * 3
    row = table.loc[np.ravel_multi_index((2, 0, 1, 2), (3, 3, 2, 3))]
    assert (row.R1, row.C1, row.corner, row["sample"]) == (2e3, 1e-8, "ss", 2)
    assert row.f3db == float(ds["f3db"].isel(R1=2, C1=0, corner=1, sample=2))


def test_corners_are_compared_and_the_worst_is_marked():
    ds = rc_dataset(200, corners=["tt", "ss", "ff"], failed=[1])
    table = explorer.corner_table(ds)
    f3db = table.loc["f3db"]
    assert f3db.index.tolist() == ["tt", "ss", "ff"]
    for k, corner in enumerate(f3db.index):
        values = np.delete(ds["f3db"].values[:, k], 1)
        row = f3db.loc[corner]
        assert (row.n, row.failed) == (199, 1)
        assert row[["min", "median", "max"]].tolist() == pytest.approx(
            [values.min(), np.median(values), values.max()]
        )
        assert row["yield"] == pytest.approx(np.mean((values >= 1400) & (values <= 1800)))
    assert f3db.worst.tolist() == [False, False, True]
    assert not table.loc["gain"].worst.any()
    assert table.loc["gain"]["yield"].isna().all()


def test_of_corners_that_all_pass_the_one_nearest_to_a_limit_is_the_worst():
    ds = rc_dataset(1, corners=["tt", "ss", "ff"], low=None, high=9e3).isel(sample=0, drop=True)
    table = explorer.corner_table(ds, ["f3db"])
    assert table["yield"].tolist() == [1, 1, 1]
    assert table.worst.tolist() == [True, False, False]
    assert (table["min"] == table["median"]).all()


def test_a_corner_where_nothing_is_ok_has_no_numbers():
    ds = rc_dataset(20, corners=["tt", "ss"])
    ds["status"][:, 1] = int(Status.FAILED)
    row = explorer.corner_table(ds, ["f3db"]).loc[("f3db", "ss")]
    assert (row.n, row.failed) == (0, 20)
    assert np.isnan(row["median"])
    assert np.isnan(row["yield"])
    assert not row.worst


def test_mistakes():
    with pytest.raises(MeasureError, match="There are no corners here, but sample"):
        explorer.corner_table(rc_dataset(5))
    with pytest.raises(MeasureError, match="which is one of all, passing"):
        explorer.table(rc_dataset(5), which="bad")
    with pytest.raises(MeasureError, match=r"no parameter or measure 'R11'.*Did you mean R1"):
        explorer.table(rc_dataset(5), names=["R11"])


def test_of_a_dataset_they_are_methods():
    ds = rc_dataset(20, corners=["tt", "ss"])
    explorer.register()
    assert len(ds.spicelab.table(which="all", stop=5)) == 5
    assert ds.spicelab.corner_table().index.names == ["measure", "corner"]


def test_a_measure_called_as_a_column_of_texts_keeps_its_values():
    ds = rc_dataset(20).rename(gain="breaks", f3db="reason")
    failures = pd.DataFrame({"reason": ["no"]}, index=pd.Index([3], name="point"))
    frame = explorer.table(ds, failures)
    assert frame["breaks"].tolist() == ds["breaks"].values.tolist()
    assert frame["reason"].tolist() == ds["reason"].values.tolist()
    assert set(frame["reason_"]) == {"", "no"}
    assert (frame["breaks_"] == "").all()
