"""A signal that has not settled by the end has neither a settling time nor an overshoot."""

import numpy as np
import pytest

from spicelab_nb.circuits import measure

T = np.linspace(0.0, 1.0, 2001)


def ringing(decay):
    return 1.0 - np.exp(-decay * T) * np.cos(40 * T)


def of(m, y):
    return float(m.evaluate(T, y[None, :])[0])


@pytest.mark.parametrize("make", [measure.settling_time, measure.overshoot])
def test_one_that_rests_is_measured_and_one_that_rings_on_is_nan(make):
    assert np.isfinite(of(make("v(out)"), ringing(10.0)))
    assert np.isnan(of(make("v(out)"), ringing(1.0)))
    assert np.isnan(of(make("v(out)"), T))  # a ramp goes on and on


def test_with_the_final_level_given_what_is_there_is_measured():
    y = ringing(1.0)
    assert of(measure.overshoot("v(out)", final=1.0), y) == pytest.approx(100 * (y.max() - 1))
    assert np.isnan(of(measure.settling_time("v(out)", final=1.0), y))
    assert 0 < of(measure.settling_time("v(out)", 0.5, final=1.0), y) < 1


def test_the_tolerance_says_what_resting_is():
    y = 1.0 - np.exp(-4.5 * T)  # moves by 0.3 % in the last twentieth
    assert np.isfinite(of(measure.settling_time("v(out)", 0.01), y))
    assert np.isnan(of(measure.settling_time("v(out)", 0.001), y))


def test_the_window_decides():
    y = np.where(T < 0.6, ringing(12.0), ringing(12.0) + 5 * (T - 0.6))
    assert np.isnan(of(measure.settling_time("v(out)"), y))
    assert np.isfinite(of(measure.settling_time("v(out)", stop=0.6), y))
