"""From measured seconds to a mean and an interval that holds what it says."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import stdtrit

from spicelab_nb.cost import Ratio, measured_ratio, pilot_statistics, ratio_from_past
from spicelab_nb.errors import CostError

seconds = st.lists(st.floats(1e-6, 1e4), min_size=1, max_size=32)


@given(seconds, st.integers(1, 10_000), st.booleans())
def test_the_interval_holds_the_mean(times, samples, kept):
    found = pilot_statistics(times)
    total = found.total(samples, kept=kept)
    assert 0 <= total.lower <= total.mean <= total.upper
    assert found.mean_s == pytest.approx(np.mean(times))
    lower, upper = found.mean_interval()
    assert 0 <= lower <= found.mean_s <= upper
    wide = found.total(samples, kept=kept, level=0.99)
    assert wide.upper >= total.upper


@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=32), st.integers(33, 10_000))
def test_keeping_the_pilots_samples_never_widens_it(times, samples):
    found = pilot_statistics(times)
    kept, thrown = found.total(samples), found.total(samples, kept=False)
    assert kept.upper - kept.mean <= thrown.upper - thrown.mean + 1e-9


@pytest.mark.parametrize("kept", [True, False])
def test_nine_totals_in_ten_lie_inside(kept):
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(2000):
        times = rng.standard_gamma(9.0, 300) / 9.0
        total = pilot_statistics(times[:16].tolist()).total(300, kept=kept)
        taken = times.sum() if kept else times[:16].sum() + rng.standard_gamma(9.0, 284).sum() / 9
        inside += total.lower <= taken <= total.upper
    # gamma, not normal: 0.90 within two points
    assert inside / 2000 == pytest.approx(0.90, abs=0.02)


def test_corners_of_different_speed_are_weighed_by_their_share():
    found = pilot_statistics(
        {"slow": [9.0, 11.0], "fast": [0.9, 1.1]}, weights={"slow": 1.0, "fast": 3.0}
    )
    assert found.mean_s == pytest.approx(0.25 * 10 + 0.75 * 1)
    # 2 within the slow corner and 0.02 within the fast one, and 9 s between them
    within, between = 0.25 * 2 + 0.75 * 0.02, 0.25 * 0.75 * 9**2
    assert found.sd_s == pytest.approx(math.sqrt(within + between))
    error = math.sqrt(0.25**2 * 2 / 2 + 0.75**2 * 0.02 / 2)
    assert found.mean_relative_sd == pytest.approx(error / found.mean_s)
    assert found.measured == 4
    alone = pilot_statistics([9.0, 11.0, 0.9, 1.1])
    # knowing the corners leaves less to chance than four numbers without a name
    assert found.mean_relative_sd < alone.mean_relative_sd


def test_one_sample_says_little():
    found = pilot_statistics([2.0])
    assert found.mean_s == 2.0
    assert found.df == 1
    assert found.total(100, kept=False).upper > 5 * 200
    assert found.total(100, kept=False).lower == 0


def test_one_sample_of_each_corner_borrows_from_the_others():
    found = pilot_statistics({"a": [1.0], "b": [2.0], "c": [3.0]})
    assert found.mean_s == pytest.approx(2.0)
    assert found.df == 2
    assert found.mean_relative_sd == pytest.approx(1.0 / math.sqrt(3) / 2.0)


def test_a_campaign_that_is_smaller_than_its_pilot_is_known():
    found = pilot_statistics([1.0, 2.0, 3.0])
    total = found.total(3)
    assert total.lower == total.mean == total.upper


@pytest.mark.parametrize(
    ("times", "weights", "says"),
    [
        ([], None, "no sample of the pilot finished"),
        ({"a": [], "b": []}, None, "no sample of the pilot finished"),
        ([1.0, -0.5], None, "negative or not finite"),
        ({"hot": [math.nan]}, None, "of corner 'hot' is negative or not finite"),
        ({"hot": [1.0]}, {"cold": 1.0}, "have no weight: \\['hot'\\]"),
    ],
)
def test_a_pilot_that_says_nothing_gives_no_number(times, weights, says):
    with pytest.raises(CostError, match=says):
        pilot_statistics(times, weights=weights)


def test_a_measured_ratio_knows_how_well():
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(500):
        here = np.exp(rng.normal(math.log(3.0), 0.1, 6))
        there = np.exp(rng.normal(0.0, 0.2, 4))
        found = measured_ratio(here.tolist(), there.tolist())
        assert found.measured
        half = stdtrit(found.df, 0.95) * found.relative_sd
        inside += abs(math.log(found.value / 3.0)) <= half
    assert inside / 500 == pytest.approx(0.90, abs=0.04)


def test_a_declared_ratio_is_as_good_as_a_guess():
    found = Ratio.declared(1.5)
    assert (found.value, found.relative_sd, found.measured) == (1.5, 0.15, False)
    assert found.df < 10


@pytest.mark.parametrize(("here", "there"), [([1.0], [1.0, 2.0]), ([1.0, 2.0], [0.0, 1.0])])
def test_a_ratio_needs_several_times(here, there):
    with pytest.raises(CostError, match="two or more times above 0 s"):
        measured_ratio(here, there)


def test_past_runs_tell_of_the_next_one():
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(1000):
        # a place that is half as fast as the pilot, runs that vary by 20 %
        taken = 2.0 * np.exp(rng.normal(0.0, 0.2, 9))
        found = ratio_from_past([1.0] * 8, taken[:8].tolist())
        half = stdtrit(found.df, 0.95) * found.relative_sd
        inside += abs(math.log(taken[8] * found.value)) <= half
    assert inside / 1000 == pytest.approx(0.90, abs=0.03)
    assert found.measured


def test_past_runs_correct_the_ratio_that_was_used():
    again = ratio_from_past([10.0, 20.0], [5.0, 10.0], ratio=Ratio(value=1.5))
    assert again.value == pytest.approx(3.0)
    assert again.relative_sd == pytest.approx(0.0, abs=1e-12)


def test_one_past_run_is_as_good_as_a_guess():
    found = ratio_from_past([10.0], [5.0])
    assert found.value == pytest.approx(2.0)
    assert (found.relative_sd, found.measured) == (0.15, False)


@pytest.mark.parametrize(
    ("predicted", "taken"), [([], []), ([1.0], [1.0, 2.0]), ([1.0], [0.0]), ([math.inf], [1.0])]
)
def test_past_runs_that_tell_nothing(predicted, taken):
    with pytest.raises(CostError, match="as many predicted times as taken ones"):
        ratio_from_past(predicted, taken)
