"""Sweeps and corners: their dimensions, their values, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from spicelab_nb import Corners, Sweep
from spicelab_nb.errors import SamplingError, UnknownNameError
from spicelab_nb.testing.spaces import FakeSpace

SPACE = FakeSpace(
    {"R1": 1e3, "R2": 2e3, "C1": 1e-9, "lib": "tt", "temp": 27.0, "vdd": 1.8, "loose": None},
    derived={"bias": lambda values: values["vdd"] / 2},
)


def points(design, space=SPACE):
    bound = design.bind(space)
    return bound, bound.draw(0, bound.size)


def test_each_swept_parameter_is_a_dimension():
    capacitors = np.geomspace(1e-9, 1e-6, 31)
    bound, drawn = points(Sweep({"r1": [1e3, 2e3], "C1": capacitors}))
    assert [d.name for d in bound.dimensions] == ["R1", "C1"]
    assert bound.size == 62
    assert drawn["R1"].tolist() == [1e3] * 31 + [2e3] * 31
    quantised = [float(f"{c:.15e}") for c in capacitors]
    assert drawn["C1"].tolist() == quantised * 2
    assert bound.dimensions[1].values.tolist() == quantised
    assert {c.name: c.dims for c in bound.columns()} == {"R1": ("R1",), "C1": ("C1",)}
    assert not bound.extensible


@pytest.mark.parametrize("size", [1, 2, 5, 61])
def test_a_grid_can_be_entered_anywhere(size):
    bound, whole = points(Sweep({"R1": [1, 2, 3], "C1": [5, 6], "lib": ["tt", "ss"]}))
    parts = [bound.draw(a, min(a + size, 12)) for a in range(0, 12, size)]
    for name, values in whole.items():
        assert np.concatenate([p[name] for p in parts]).tolist() == values.tolist()
    assert len(set(bound.seeds(0, 12).tolist())) == 12
    assert bound.seeds(3, 7).tolist() == bound.seeds(0, 12)[3:7].tolist()


@pytest.mark.parametrize(
    "values",
    [
        ([1e3, 2e3, 3e3], [1e-9, 2e-9, 3e-9]),
        (np.array([1e3, 2e3, 3e3]), [1e-9, 2e-9, 3e-9]),
        list(zip([1e3, 2e3, 3e3], [1e-9, 2e-9, 3e-9], strict=True)),
        zip([1e3, 2e3, 3e3], [1e-9, 2e-9, 3e-9], strict=True),
        np.array([[1e3, 1e-9], [2e3, 2e-9], [3e3, 3e-9]]),
        pd.DataFrame({"a": [1e3, 2e3, 3e3], "b": [1e-9, 2e-9, 3e-9]}),
        [[1e3, 2e3, 3e3], [1e-9, 2e-9, 3e-9]],
    ],
    ids=["lists", "arrays", "rows", "zip", "rows-array", "frame", "list-of-lists"],
)
def test_a_tuple_is_zipped_into_one_dimension(values):
    bound, drawn = points(Sweep({("R1", "C1"): values}))
    (dimension,) = bound.dimensions
    assert dimension.name == "R1_C1"
    assert dimension.values.tolist() == [0, 1, 2]
    assert drawn["R1"].tolist() == [1e3, 2e3, 3e3]
    assert drawn["C1"].tolist() == [1e-9, 2e-9, 3e-9]
    assert {c.name: c.dims for c in bound.columns()} == {"R1": ("R1_C1",), "C1": ("R1_C1",)}


def test_a_tuple_of_two_by_two_follows_the_key_or_the_rows():
    by_name = Sweep({("R1", "C1"): ([1, 2], [3, 4])})
    by_row = Sweep({("R1", "C1"): [(1, 3), (2, 4)]})
    assert by_name == by_row
    with pytest.raises(SamplingError, match="by name or by row"):
        Sweep({("R1", "C1"): [[1, 2], [3, 4]]})


def test_a_tuple_with_one_list_takes_it_for_all():
    _, drawn = points(Sweep({("R1", "R2"): [1e3, 2e3, 5e3]}))
    assert drawn["R1"].tolist() == drawn["R2"].tolist() == [1e3, 2e3, 5e3]


@pytest.mark.parametrize(
    "values", [range(1, 4), pd.Series([1, 2, 3]), xr.DataArray([1, 2, 3], dims="x"), (1, 2, 3)]
)
def test_values_come_in_any_list(values):
    assert points(Sweep({"R1": values}))[1]["R1"].tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Sweep({}), "The sweep is empty"),
        (lambda: Sweep({"R1": []}), "R1 has no values"),
        (lambda: Sweep({"R1": np.array([])}), "R1 has no values"),
        (lambda: Sweep({"R1": 1e3}), "needs a list of values, not 1000"),
        (lambda: Sweep({"R1": np.float64(1e3)}), "needs a list of values"),
        (lambda: Sweep({"R1": np.array(1e3)}), "needs a list of values"),
        (lambda: Sweep({"lib": "tt"}), "needs a list of values, not 'tt'"),
        (lambda: Sweep({"R1": {1e3, 2e3}}), "needs a list of values"),
        (lambda: Sweep({"R1": [1e3, 1e3]}), r"has 1000\.0 twice"),
        (lambda: Sweep({"R1": [1e3, 1e3 * (1 + 2e-16)]}), "twice"),
        (lambda: Sweep({"R1": [1e3, np.nan]}), "must be finite"),
        (lambda: Sweep({"R1": [1e3, None]}), "must be a number, not None"),
        (lambda: Sweep({"R1": [1e3, "2k"]}), "mixes numbers and text"),
        (lambda: Sweep({"R1": [True, False]}), "must be a number"),
        (lambda: Sweep({"lib": ["tt", " "]}), "is empty text"),
        (lambda: Sweep({"R*": [1, 2]}), "is a pattern"),
        (lambda: Sweep(["R1"]), "takes a mapping"),
        (lambda: Sweep({("R1", "C1"): ([1, 2, 3], [1, 2])}), "equally long"),
        (lambda: Sweep({("R1", "C1"): [(1, 2, 3)]}), "rows of 2; these are 1 of 3"),
        (lambda: Sweep({("R1", "C1"): [(1, 2), 3]}), "equally long"),
        (lambda: Sweep({("R1", "C1"): 3}), "needs a list of values"),
        (lambda: Sweep({("R1", "C1"): [(1, 2), (1, 2)]}), "twice"),
        (lambda: Corners({}), "There are no corners"),
        (lambda: Corners({"hot": 125}), "'hot' needs a mapping"),
        (lambda: Corners({"hot": {"temp": np.inf}}), "must be finite"),
        (lambda: Corners({"hot": {"temp": [1]}}), "must be a number"),
        (lambda: Corners({"": {"temp": 1}}), "no name for a corner"),
        (lambda: Corners(["hot"]), "takes a mapping"),
        (lambda: Corners.full({}), "takes a mapping"),
        (lambda: Corners.full({"temp": []}), "no values"),
        (lambda: Corners.full({"temp": [1, 1]}), "same value twice"),
        (lambda: Corners.full({"a": ["x", "x_y"], "b": ["y_z", "z"]}), "same name"),
    ],
)
def test_bad_input_is_refused_when_it_is_written(make, says):
    with pytest.raises(SamplingError, match=says):
        make()


@pytest.mark.parametrize(
    ("design", "says"),
    [
        (Sweep({"R1": ["1k", "2k"]}), "R1 takes numbers, not the text '1k'"),
        (Sweep({"lib": [1, 2]}), "lib takes text such as 'tt'"),
        (Sweep({"R1": [1], "r1": [2]}), "R1 is set along two dimensions"),
        (Sweep({"R1": [1], ("r1", "C1"): ([1], [2])}), "R1 is set along two dimensions"),
        (Sweep({("R1", "r1"): [1, 2]}), "names a parameter twice"),
        (Corners({"a": {"loose": 1}, "b": {}}), "'b' does not set loose"),
        (Corners({"a": {"R1": 1, "r1": 2}}), "sets R1 twice"),
        (Corners({"a": {"lib": 3}}), "mixes|takes text"),
        (Corners({"a": {"temp": "hot"}, "b": {}}), "mixes|takes numbers"),
    ],
)
def test_what_the_parameters_do_not_allow_is_refused_when_bound(design, says):
    with pytest.raises(SamplingError, match=says):
        design.bind(SPACE)


def test_unknown_names_are_refused():
    for design in (Sweep({"R9": [1, 2]}), Corners({"hot": {"tmp": 125}})):
        with pytest.raises(UnknownNameError, match="There is no parameter"):
            design.bind(SPACE)


def test_corners_are_one_dimension_and_leave_the_rest_nominal():
    bound, drawn = points(
        Corners(
            {
                "ss_hot": {"lib": "ss", "temp": 125, "vdd": 1.62},
                "ff_cold": {"lib": "ff", "temp": -40},
                "nominal": {},
            }
        )
    )
    (corner,) = bound.dimensions
    assert corner.name == "corner"
    assert corner.values.tolist() == ["ss_hot", "ff_cold", "nominal"]
    assert drawn["lib"].tolist() == ["ss", "ff", "tt"]
    assert drawn["temp"].tolist() == [125, -40, 27]
    assert drawn["vdd"].tolist() == [1.62, 1.8, 1.8]


def test_a_corner_that_leaves_a_parameter_out_has_the_nominal_that_follows_from_it():
    _, drawn = points(Corners({"low": {"vdd": 1.0}, "set": {"bias": 0.3}}))
    assert drawn["bias"].tolist() == [0.5, 0.3]


def test_a_glob_and_a_tuple_set_each():
    _, drawn = points(Corners({"a": {"R*": 5}, "b": {("R1", "R2"): 6}}))
    assert drawn["R1"].tolist() == drawn["R2"].tolist() == [5, 6]


def test_full_corners_are_all_combinations_named_by_their_values():
    corners = Corners.full({"lib": ["tt", "ss"], "temp": [-40, 27.5]})
    assert list(corners.corners) == ["tt_-40", "tt_27.5", "ss_-40", "ss_27.5"]
    assert corners.corners["ss_27.5"] == {"lib": "ss", "temp": 27.5}
    close = Corners.full({"vdd": [1.2345678, 1.2345679]})
    assert list(close.corners) == ["1.2345678", "1.2345679"]


def test_they_read_well():
    assert repr(Sweep({"R1": [1e3, 2e3], "C1": np.geomspace(1e-9, 1e-6, 31)})) == (
        "Sweep(R1: [1000, 2000], C1: 31 values 1e-09..1e-06)"
    )
    assert repr(Sweep({("R1", "C1"): ([1, 2, 3], [4, 5, 6])})) == "Sweep(R1=C1: 3 values)"
    assert repr(Corners({"a": {}, "b": {}})) == "Corners(a, b)"
    assert repr(Corners.full({"temp": range(9)})) == "Corners(0, 1, 2, 3, 4, 5, ... 9 in all)"
