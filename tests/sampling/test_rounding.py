"""Rounding to sixteen digits agrees with formatting, for every number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spicelab_nb.sampling import quantise

finite = st.floats(allow_nan=False, allow_infinity=False)


def formatted(values):
    return np.array([float(f"{v:.15e}") for v in values.ravel().tolist()]).reshape(values.shape)


def same_bits(a, b):
    return a.shape == b.shape and a.tobytes() == b.tobytes()


@given(hnp.arrays(np.float64, st.integers(0, 200), elements=finite))
def test_any_array_of_any_length(values):
    assert same_bits(quantise(values), formatted(values))


@pytest.mark.parametrize(
    "near",
    [
        lambda rng, n: 10.0 ** rng.uniform(-300, 300, n),
        lambda rng, n: np.nextafter(10.0 ** rng.integers(-200, 200, n), rng.choice([0, 1e300], n)),
        lambda rng, n: rng.integers(1, 10**17, n) / 8.0,  # ties in the seventeenth digit
        lambda rng, n: rng.integers(2**53, 2**63, n).astype(float),
        lambda rng, n: rng.integers(0, 2**50, n) * 2.0**-40,
        lambda rng, n: -1e3 * (1 + 0.05 * rng.standard_normal(n)),
        lambda rng, n: 2.0 ** rng.integers(-500, 500, n),
    ],
    ids=["any-size", "powers-of-ten", "ties", "large-integers", "dyadic", "resistors", "binary"],
)
def test_where_rounding_is_hard(near):
    values = near(np.random.default_rng(0), 20_000)
    assert same_bits(quantise(values), formatted(values))


def test_rounding_twice_changes_nothing():
    values = np.random.default_rng(1).lognormal(0, 30, 5000)
    once = quantise(values)
    assert same_bits(quantise(once), once)


def test_shape_is_kept():
    assert quantise(np.ones((3, 50, 2))).shape == (3, 50, 2)
    assert quantise(1 / 3).shape == ()
