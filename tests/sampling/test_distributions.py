"""Distributions: what they draw, what they refuse, how they read."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicelab_nb import (
    Discrete,
    Empirical,
    LogNormal,
    Normal,
    Triangular,
    Truncated,
    Uniform,
)
from spicelab_nb.errors import SamplingError
from spicelab_nb.sampling import restore_distribution
from spicelab_nb.sampling.streams import uniforms

DATA = tuple(np.random.default_rng(3).gamma(2.0, size=500).tolist())

CONTINUOUS = {
    "normal-rel": (Normal(rel=0.05), 1e3),
    "normal-sd": (Normal(sd=3e-3), 0.0),
    "normal-mean": (Normal(mean=5.0, sd=2.0), None),
    "normal-mean-rel": (Normal(mean=-5.0, rel=0.1), None),
    "lognormal": (LogNormal(sigma=0.4), 2e-9),
    "lognormal-negative": (LogNormal(rel=0.4), -2.0),
    "lognormal-median": (LogNormal(median=3.0, rel=0.2), None),
    "uniform-rel": (Uniform(rel=0.1), -4.7e-6),
    "uniform": (Uniform(low=-1, high=3), None),
    "triangular-rel": (Triangular(rel=0.2), 10.0),
    "triangular": (Triangular(low=-1, high=3), 2.0),
    "triangular-edge": (Triangular(low=0, mode=0, high=1), None),
    "truncated-sigma": (Truncated(Normal(rel=0.05), sigma=2), 1e3),
    "truncated-low": (Truncated(Normal(rel=0.05), low=990), 1e3),
    "truncated-both": (Truncated(LogNormal(sigma=1), low=0.5, high=4), 1.0),
    "truncated-rel": (Truncated(Normal(rel=0.05), rel=0.05), -1e3),
    "truncated-uniform": (Truncated(Uniform(0, 10), high=2.5), None),
}
STEPPED = {
    "discrete": (Discrete([3, 1, 2], [0.2, 0.5, 0.3]), None),
    "discrete-even": (Discrete([-0.1, 0.0, 0.1], relative=True), 50.0),
    "empirical": (Empirical(DATA), None),
    "empirical-relative": (Empirical([-0.02, 0.01, 0.03], relative=True), -3.0),
}
ALL = {**CONTINUOUS, **STEPPED}
each = pytest.mark.parametrize(("distribution", "nominal"), ALL.values(), ids=ALL)
each_continuous = pytest.mark.parametrize(
    ("distribution", "nominal"), CONTINUOUS.values(), ids=CONTINUOUS
)
inside = st.integers(0, 2**52 - 1).map(lambda k: (k + 0.5) * 2.0**-52)


@each_continuous
def test_draws_follow_the_cumulative_distribution(distribution, nominal):
    """Kolmogorov-Smirnov at n = 20000: 1.63 / sqrt(n) is exceeded once in a hundred."""
    n = 20_000
    drawn = np.sort(distribution.ppf(uniforms(7, "ks", 0, n), nominal))
    expected = distribution.cdf(drawn, nominal)
    steps = np.arange(n + 1) / n
    distance = max(np.abs(expected - steps[1:]).max(), np.abs(expected - steps[:-1]).max())
    assert distance < 1.63 / math.sqrt(n)


@pytest.mark.parametrize(("distribution", "nominal"), STEPPED.values(), ids=STEPPED)
def test_steps_are_drawn_as_often_as_they_weigh(distribution, nominal):
    n = 20_000
    drawn = distribution.ppf(uniforms(7, "steps", 0, n), nominal)
    values = np.unique(drawn)
    share = np.searchsorted(np.sort(drawn), values, side="right") / n
    # the last digit of nominal * (1 + v) need not survive the way back
    above = values + np.abs(values) * 1e-12
    assert np.abs(distribution.cdf(above, nominal) - share).max() < 1.63 / math.sqrt(n)


@each_continuous
@given(u=inside)
def test_the_inverse_inverts(distribution, nominal, u):
    x = distribution.ppf(u, nominal)
    assert distribution.cdf(x, nominal) == pytest.approx(u, abs=1e-6)


@each
@given(u=st.tuples(inside, inside))
def test_values_rise_with_the_uniform_and_are_finite(distribution, nominal, u):
    low, high = distribution.ppf(sorted(u), nominal)
    assert np.isfinite([low, high]).all()
    assert low <= high


@each
@given(cuts=st.lists(st.integers(0, 301), max_size=6))
def test_bits_do_not_depend_on_where_an_array_is_cut(distribution, nominal, cuts):
    u = uniforms(11, "cuts", 0, 301)
    whole = distribution.ppf(u, nominal)
    parts = [distribution.ppf(part, nominal) for part in np.split(u, sorted(cuts))]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


@each
def test_one_nominal_for_all_or_one_for_each_gives_the_same_bits(distribution, nominal):
    u = uniforms(11, "anchors", 0, 101)
    many = None if nominal is None else np.full(101, nominal)
    assert distribution.ppf(u, many).tobytes() == distribution.ppf(u, nominal).tobytes()


@each
def test_a_description_survives_json(distribution, nominal):
    described = json.loads(json.dumps(distribution.describe()))
    again = restore_distribution(described)
    assert again == distribution
    u = uniforms(2, "json", 0, 50)
    assert again.ppf(u, nominal).tobytes() == distribution.ppf(u, nominal).tobytes()


def test_moments_are_those_asked_for():
    u = (np.arange(200_000) + 0.5) / 200_000
    normal = Normal(rel=0.01).ppf(u, -2e3)
    assert normal.mean() == pytest.approx(-2e3, rel=1e-6)
    assert normal.std() == pytest.approx(20, rel=1e-3)
    lognormal = LogNormal(rel=0.3).ppf(u, 5.0)
    assert np.median(lognormal) == pytest.approx(5.0, rel=1e-4)
    assert lognormal.std() / lognormal.mean() == pytest.approx(0.3, rel=1e-3)
    assert np.log(LogNormal(sigma=0.2).ppf(u, 5.0)).std() == pytest.approx(0.2, rel=1e-3)
    uniform = Uniform(rel=0.1).ppf(u, 1e-9)
    assert (uniform.min(), uniform.max()) == pytest.approx((0.9e-9, 1.1e-9), rel=1e-4)


def test_truncation_keeps_every_value_within_its_limits():
    u = uniforms(5, "limits", 0, 50_000)
    drawn = Truncated(Normal(rel=0.05), sigma=1.5).ppf(u, 100.0)
    assert 92.5 <= drawn.min() < drawn.max() <= 107.5
    drawn = Truncated(Normal(rel=0.05), rel=0.05).ppf(u, 100.0)
    assert 95 <= drawn.min() < drawn.max() <= 105
    drawn = Truncated(Normal(rel=0.05), low=100).ppf(u, 100.0)
    assert drawn.min() >= 100


def test_sections_are_drawn_in_their_order():
    sections = Discrete(["ss", "tt", "ff"], [1, 2, 1])
    assert sections.ppf([0.1, 0.3, 0.7, 0.9]).tolist() == ["ss", "tt", "tt", "ff"]


def test_a_value_without_weight_is_never_drawn():
    drawn = Discrete([1, 2, 3], [0, 1, 0]).ppf([2.0**-53, 0.5, 1 - 2.0**-53])
    assert drawn.tolist() == [2, 2, 2]


def test_no_spread_gives_the_nominal():
    for still in (Normal(sd=0), Normal(rel=0), LogNormal(sigma=0), Uniform(rel=0)):
        assert still.ppf([0.01, 0.99], 7.0).tolist() == [7.0, 7.0]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Normal(), "one of sd= .* and rel="),
        (lambda: Normal(sd=1, rel=1), "one of sd= .* and rel="),
        (lambda: Normal(sd=-1), "sd must be 0 or more"),
        (lambda: Normal(rel=-0.1), "rel must be 0 or more"),
        (lambda: Normal(sd=math.nan), "sd must be finite"),
        (lambda: Normal(mean=math.inf, sd=1), "mean must be finite"),
        (lambda: Normal(sd="1k"), "sd must be a number, not '1k'"),
        (lambda: Normal(sd=True), "sd must be a number"),
        (lambda: Normal(mean=0, rel=0.1), "the mean, which is 0"),
        (lambda: Uniform(), "either low= and high="),
        (lambda: Uniform(low=1), "either low= and high="),
        (lambda: Uniform(low=1, high=2, rel=0.1), "either low= and high="),
        (lambda: Uniform(low=2, high=1), "low must be less than high"),
        (lambda: Uniform(low=1, high=1), "low must be less than high"),
        (lambda: LogNormal(), "one of sigma= .* and rel="),
        (lambda: LogNormal(median=0, sigma=1), "median cannot be 0"),
        (lambda: LogNormal(sigma=-1), "sigma must be 0 or more"),
        (lambda: Triangular(low=1, high=2, mode=3), "mode must lie between"),
        (lambda: Triangular(mode=0, rel=0.1), "the mode, which is 0"),
        (lambda: Triangular(mode=1), "either low= and high="),
        (lambda: Truncated(Normal(sd=1)), "one kind of limit"),
        (lambda: Truncated(Normal(sd=1), low=0, sigma=2), "one kind of limit"),
        (lambda: Truncated(Normal(sd=1), low=1, high=0), "low must be less than high"),
        (lambda: Truncated(Normal(sd=1), sigma=0), "more than 0"),
        (lambda: Truncated(0.5, low=0), "takes a Normal"),
        (lambda: Truncated(Discrete([1, 2]), low=0), "takes a Normal"),
        (lambda: Truncated(Normal(mean=0, sd=1), low=8), "leaves less than"),
        (lambda: Discrete([]), "at least one value"),
        (lambda: Discrete("tt"), "must be a list"),
        (lambda: Discrete([1, "tt"]), "must be a number, not 'tt'"),
        (lambda: Discrete([1, 2], [1]), "2 values and 1 weights"),
        (lambda: Discrete([1, 2], [1, -1]), "weights must be 0 or more"),
        (lambda: Discrete([1, 2], [0, 0]), "weights must be 0 or more"),
        (lambda: Discrete([1, math.inf]), "must be finite"),
        (lambda: Discrete(["tt"], relative=True), "text cannot be relative"),
        (lambda: Empirical([]), "not empty"),
        (lambda: Empirical([[1, 2]]), "one dimension"),
        (lambda: Empirical([1, math.nan]), "1 of 2 data are not finite"),
        (lambda: Empirical(["a"]), "list of numbers"),
        (lambda: restore_distribution({"kind": "Cauchy"}), "no distribution that this version"),
        (lambda: restore_distribution({"kind": "Normal", "sigma": 1}), "describes no Normal"),
        (lambda: restore_distribution("Normal"), "no distribution that this version"),
    ],
)
def test_what_is_not_well_defined_is_refused_when_it_is_made(make, says):
    with pytest.raises(SamplingError, match=says):
        make()


@pytest.mark.parametrize(
    ("distribution", "nominal", "says"),
    [
        (Normal(rel=0.1), 0.0, "the nominal value, which is 0"),
        (Normal(rel=0.1), None, "needs a nominal value"),
        (Normal(rel=0.1), "tt", "draws numbers"),
        (Normal(rel=0.1), math.inf, "finite nominal"),
        (LogNormal(sigma=0.1), 0, "the nominal value, which is 0"),
        (Uniform(rel=0.1), 0, "the nominal value, which is 0"),
        (Discrete([0.1], relative=True), 0, "the nominal value, which is 0"),
        (Triangular(low=0, high=1), 2.0, "nominal value must lie between"),
        (Truncated(Normal(rel=0.01), low=1e4), 1e3, "leaves less than"),
        (Truncated(Normal(mean=1, sd=1), rel=0.1), 0, "the nominal value, which is 0"),
    ],
)
def test_a_nominal_that_cannot_be_used_is_refused(distribution, nominal, says):
    with pytest.raises(SamplingError, match=says):
        distribution.ppf(0.5, nominal)


def test_they_read_as_they_were_written():
    assert repr(Normal(rel=0.01)) == "Normal(rel=0.01)"
    assert repr(Uniform(low=1, high=2e3)) == "Uniform(low=1, high=2000)"
    assert repr(Truncated(Normal(sd=2), sigma=3)) == "Truncated(Normal(sd=2), sigma=3)"
    assert repr(Discrete(["tt", "ss"])) == "Discrete(('tt', 'ss'))"
    assert repr(Empirical([1, 2, 3])) == "Empirical(3 values, 1 to 3)"
