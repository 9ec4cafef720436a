import numpy as np
import pytest

from spicelab_nb.explorer.linked import Selection
from spicelab_nb.explorer.linked.columns import Columns
from spicelab_nb.testing.datasets import rc_dataset


def test_points_are_ascending_each_once_and_nobody_writes_to_them():
    selection = Selection(10)
    selection.replace([7, 2, 7])
    assert selection.points.tolist() == [2, 7]
    assert (len(selection), 7 in selection, 3 in selection) == (2, True, False)
    with pytest.raises(ValueError, match="read-only"):
        selection.points[0] = 1
    assert repr(selection) == "Selection(2 of 10)"


def test_a_mask_selects_and_a_wrong_one_is_refused():
    selection = Selection(4)
    selection.replace(np.array([True, False, False, True]))
    assert selection.points.tolist() == [0, 3]
    with pytest.raises(IndexError, match="4 points"):
        selection.replace(np.array([True]))
    for wrong in ([4], [-1]):
        with pytest.raises(IndexError, match="0 to 3"):
            selection.replace(wrong)
    assert selection.points.tolist() == [0, 3]


def test_watchers_are_told_once_for_each_change():
    selection, told = Selection(5), []
    unwatch = selection.watch(lambda points: told.append(points.tolist()))
    selection.replace([3])
    selection.replace([3])
    selection.clear()
    selection.clear()
    unwatch()
    unwatch()
    selection.replace([1])
    assert told == [[3], []]


def test_every_watcher_is_told_also_after_one_that_raised():
    selection, told = Selection(5), []

    def broken(points):
        raise ZeroDivisionError("broken")

    selection.watch(broken)
    selection.watch(lambda points: told.append(points.tolist()))
    with pytest.raises(ZeroDivisionError):
        selection.replace([1])
    assert told == [[1]]
    assert selection.points.tolist() == [1]


def test_columns_of_a_crossed_design_are_in_the_order_of_its_points():
    ds = rc_dataset(20, corners=["tt", "ss"], failed=[3])
    columns = Columns(ds)
    assert columns.size == 40
    assert columns.label(7) == "sample 3, corner ss"
    assert columns.values("f3db")[5] == ds["f3db"].values[2, 1]
    assert columns.values("R1")[4] == columns.values("R1")[5] == ds["R1"].values[2]
    assert np.isnan(columns.values("R1")[[6, 7]]).all()
    assert columns.coordinate("corner", np.array([0, 1])).tolist() == ["tt", "ss"]
    assert columns.lost == "2 of 40 failed"
    assert Columns(rc_dataset(5)).lost == "none of 5 failed"


def test_strays_come_furthest_first_and_without_a_value_last():
    ds = rc_dataset(9, missing=[4])
    ds["f3db"][:] = [5, 5, 5, 9, np.nan, 0, 5, 5, 5]
    assert Columns(ds).strays("f3db", np.array([0, 3, 4, 5])).tolist() == [5, 3, 0, 4]
