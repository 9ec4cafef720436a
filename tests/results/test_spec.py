import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicelab_nb.errors import CampaignError, SpecError
from spicelab_nb.results.spec import Spec, specs_of
from spicelab_nb.testing.datasets import rc_dataset


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({}, "needs a limit"),
        ({"min": 2, "max": 1}, "min is above max"),
        ({"min": float("nan")}, "min=nan"),
        ({"max": "high"}, "a limit is a number"),
    ],
)
def test_limits_that_make_no_sense(limits, says):
    with pytest.raises(SpecError, match=says) as raised:
        Spec(**limits)
    assert isinstance(raised.value, CampaignError)
    assert isinstance(raised.value, ValueError)


def test_limits_belong_to_the_good_and_nan_to_the_bad():
    values = np.array([[0.9, 1.0], [2.0, np.nan]])
    assert Spec(min=1, max=2).passes(values).tolist() == [[False, True], [True, False]]
    assert Spec(max=1).passes(values).tolist() == [[True, True], [False, False]]
    assert not Spec(max=np.inf).passes(np.nan)


@given(
    st.lists(st.floats(allow_nan=True), max_size=20),
    st.floats(-10, 10) | st.none(),
    st.floats(0, 10),
)
def test_passes_is_both_comparisons(values, low, width):
    spec = (
        Spec(min=low, max=None if low is None else low + width)
        if low is not None
        else Spec(max=width)
    )
    expected = [
        (spec.min is None or v >= spec.min) and (spec.max is None or v <= spec.max) for v in values
    ]
    assert spec.passes(values).tolist() == expected


def test_a_record_of_it_makes_it_again():
    for spec in (Spec(min=1e3, max=2e3, unit="Hz"), Spec(max=-3)):
        assert Spec.restore(spec.describe()) == spec
    assert Spec(min=1) == Spec(min=1.0)


def test_positions_are_refused():
    with pytest.raises(TypeError):
        Spec(1.0, 2.0)


def test_specs_of_a_dataset():
    assert specs_of(rc_dataset(3)) == {"f3db": Spec(min=1400, max=1800, unit="Hz")}
    assert specs_of(rc_dataset(3, low=None, high=None)) == {}
