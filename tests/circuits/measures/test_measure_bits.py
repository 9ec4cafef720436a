"""A sample's bits never depend on the batch it is in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicelab_nb.circuits import measures as measure

AC = [
    measure.gain("v(out)"),
    measure.gain("v(out)", 777.0, input="v(in)"),
    measure.gain_db("v(out)", 777.0),
    measure.bandwidth("v(out)"),
    measure.bandwidth("v(out)", reference="first", input="v(in)"),
    measure.unity_gain_frequency("v(out)"),
    measure.phase_margin("v(out)"),
    measure.gain_margin("v(out)", inverted=True),
    *(measure.value_at("v(out)", 777.0, p) for p in ("magnitude", "db", "phase", "real")),
]
TRAN = [
    measure.rise_time("v(out)"),
    measure.fall_time("v(out)", start=0.1e-3),
    measure.slew_rate("v(out)"),
    measure.overshoot("v(out)"),
    measure.settling_time("v(out)", 0.2),
    measure.delay("v(out)", "v(x)"),
    measure.frequency("v(out)"),
    measure.mean("v(out)"),
    measure.mean("v(out)", start=0.123e-3, stop=0.7e-3),
    measure.rms("v(out)"),
    measure.peak_to_peak("v(out)"),
    measure.value_at("v(out)", 0.333e-3),
    measure.thd("v(out)", 2e3),
]
NOISE = [measure.integrated_noise(), measure.integrated_noise(low=7.0, high=5e3)]


def same_bits(a, b):
    return np.array_equal(a.view(np.uint64), b.view(np.uint64))


def check(m, axis, *values):
    whole = m.evaluate(axis, *values)
    assert whole.shape == (len(values[0]),)
    assert whole.dtype == np.float64
    single = [m.evaluate(axis, *(v[i] for v in values)) for i in range(len(whole))]
    assert same_bits(whole, np.concatenate(single))
    # Cut elsewhere, and laid out otherwise in memory.
    cut = len(whole) // 3
    parts = [m.evaluate(axis, *(v[a:b] for v in values)) for a, b in ((0, cut), (cut, None))]
    assert same_bits(whole, np.concatenate(parts))
    assert same_bits(whole, m.evaluate(axis, *(np.asfortranarray(v) for v in values)))
    assert same_bits(whole[::-1].copy(), m.evaluate(axis, *(v[::-1] for v in values)))


shapes = st.tuples(st.integers(1, 40), st.integers(2, 130), st.integers(0, 2**32 - 1))


@pytest.mark.parametrize("m", AC, ids=repr)
@given(shape=shapes)
def test_of_a_response(m, shape):
    n, p, seed = shape
    rng = np.random.default_rng(seed)
    f = np.geomspace(1, 1e6, p)
    corner = rng.lognormal(7, 1, (n, 1))
    h = rng.uniform(0.5, 100, (n, 1)) / (1 + 1j * f / corner) ** rng.integers(1, 4, (n, 1))
    source = rng.uniform(0.9, 1.1, (n, p)) * np.exp(1j * rng.uniform(0, 0.1, (n, p)))
    check(m, f, *((h, source) if len(m.signals) == 2 else (h,)))


@pytest.mark.parametrize("m", TRAN, ids=repr)
@given(shape=shapes)
def test_of_a_transient(m, shape):
    n, p, seed = shape
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 1e-3, p) ** 1.2
    w = 2 * np.pi * rng.uniform(1e3, 8e3, (n, 1))
    y = rng.normal(1, 0.1, (n, 1)) * (1 - np.exp(-t * 5e3) * np.cos(w * t)) + rng.normal(
        0, 1e-3, (n, p)
    )
    delayed = np.sin(w * t + rng.uniform(0, 3, (n, 1)))
    check(m, t, *((y, delayed) if len(m.signals) == 2 else (y,)))


@pytest.mark.parametrize("m", NOISE, ids=repr)
@given(shape=shapes)
def test_of_a_noise_spectrum(m, shape):
    n, p, seed = shape
    rng = np.random.default_rng(seed)
    f = np.geomspace(1, 1e4, p)
    check(m, f, rng.lognormal(-18, 1, (n, p)) / f ** rng.uniform(0, 1, (n, 1)))


@pytest.mark.parametrize("m", [*AC, *TRAN, *NOISE], ids=repr)
def test_a_row_of_nan_is_nan_and_touches_no_other(m):
    axis = np.geomspace(1, 1e4, 50) if m in AC or m in NOISE else np.linspace(0, 1e-3, 50)
    rng = np.random.default_rng(3)
    values = [np.abs(rng.normal(size=(3, 50))) + 0.1 for _ in m.signals]
    if m in AC:
        values = [v + 0.3j for v in values]
    clean = m.evaluate(axis, *values)
    for v in values:
        v[1] = np.nan
    spoilt = m.evaluate(axis, *values)
    assert np.isnan(spoilt[1])
    assert same_bits(clean[[0, 2]], spoilt[[0, 2]])
