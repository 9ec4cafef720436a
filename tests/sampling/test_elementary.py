"""Our own exponential, logarithm and normal distribution agree with SciPy's."""

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from spicelab_nb.sampling.elementary import exp, log, ndtr, ndtri

RNG = np.random.default_rng(0)
SIZE = 5_000


def last_places(found, expected):
    return np.max(np.abs(found - expected) / np.spacing(np.abs(expected)))


def test_exponential():
    for x in (RNG.uniform(-700, 700, SIZE), RNG.uniform(-1, 1, SIZE)):
        assert last_places(exp(x), np.exp(x)) <= 2
    assert exp([0, 800, -800]).tolist() == [1, np.inf, 0]


def test_logarithm():
    for x in (np.exp(RNG.uniform(-700, 700, SIZE)), RNG.uniform(0.5, 2, SIZE)):
        assert last_places(log(x), np.log(x)) <= 2
    assert log([1, 0, -1]).tolist() == [0, -np.inf, -np.inf]


def test_normal_probabilities():
    x = RNG.uniform(-8.3, 8.3, SIZE)
    assert ndtr(x) == pytest.approx(scipy.special.ndtr(x), rel=1e-13, abs=0)
    assert ndtr([-50, 0, 50]).tolist() == [0, 0.5, 1]


def test_normal_quantiles():
    tails = 10 ** RNG.uniform(-15.95, 0, SIZE)
    for u in (RNG.uniform(0, 1, SIZE), tails, 1 - tails[tails > 1e-15]):
        assert ndtri(u) == pytest.approx(scipy.special.ndtri(u), rel=2e-15, abs=0)
    assert ndtri([0, 0.5, 1]).tolist() == [-np.inf, 0, np.inf]


@given(st.floats(2.0**-53, 0.5))
def test_quantiles_mirror(u):
    complement = 1 - u
    assert ndtri(complement) == -ndtri(1 - complement)


def test_shapes_are_kept():
    x = np.full((2, 3), 0.25)
    for function in (exp, log, ndtr, ndtri):
        assert function(x).shape == (2, 3)
        assert function(0.25).shape == ()
        assert function([]).shape == (0,)
