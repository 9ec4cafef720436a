import numpy as np
import pytest

from spicelab_nb.circuits import measure

T = np.linspace(0.0, 1e-3, 501)


@pytest.mark.parametrize("make", [measure.overshoot, measure.rise_time, measure.settling_time])
@pytest.mark.parametrize("level", [0.75, -3.3])
def test_rounding_noise_on_a_flat_signal_is_no_step(make, level):
    noise = level * np.random.default_rng(1).uniform(-1, 1, T.size) * 1e-15
    assert np.isnan(make("v(out)").evaluate(T, (level + noise)[None, :])[0])


def test_a_pulse_that_is_back_at_nothing_has_no_overshoot():
    y = np.where((T > 2e-4) & (T < 6e-4), 0.75, 0.0)
    y[-1] = 1e-60
    assert np.isnan(measure.overshoot("v(out)").evaluate(T, y[None, :])[0])


def test_a_small_step_is_one_all_the_same():
    y = 1.0 + 1e-4 * (T > 3e-4)
    assert measure.overshoot("v(out)").evaluate(T, y[None, :])[0] == pytest.approx(0.0, abs=1e-6)
    assert np.isfinite(measure.rise_time("v(out)").evaluate(T, y[None, :])[0])


@pytest.mark.parametrize(
    ("one", "nothing"),
    [
        (measure.gain("v(out)", at=5.0), 0.0),
        (measure.gain_db("v(out)", at=5.0), -np.inf),
        (measure.value_at("v(out)", 5.0), 0.0),
        (measure.value_at("v(out)", 5.0, part="db"), -np.inf),
        (measure.integrated_noise(low=2.0, high=5.0), 0.0),
    ],
    ids=repr,
)
def test_a_response_of_nothing_is_nothing_between_two_points_too(one, nothing):
    frequency = np.geomspace(1.0, 100.0, 11)
    found = one.evaluate(frequency, np.zeros((2, 11), complex))
    np.testing.assert_array_equal(found, nothing)
