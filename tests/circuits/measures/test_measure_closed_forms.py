"""Every measure against a closed form."""

import numpy as np
import pytest

from spicelab_nb.circuits import measures as measure

F = np.geomspace(1.0, 1e8, 801)  # 100 points a decade
TAU = 1e-3
# Not equally far apart, as an engine's time points are.
T = np.concatenate([[0.0], np.geomspace(1e-7, 10e-3, 4000)])
STEP = 1.0 - np.exp(-T / TAU)


def one(m, axis, *values):
    (result,) = m.evaluate(axis, *(v[None, :] for v in values))
    return result


def pole(f, corner, gain=1.0):
    return gain / (1 + 1j * f / corner)


class TestResponse:
    def test_bandwidth_of_one_pole_is_where_half_the_power_is_left(self):
        assert one(measure.bandwidth("v(out)"), F, pole(F, 1e3)) == pytest.approx(1e3, rel=1e-4)

    def test_half_power_is_not_three_decibels(self):
        at_3db = 1e3 * np.sqrt(10**0.3 - 1)
        found = one(measure.bandwidth("v(out)"), F, pole(F, 1e3))
        assert abs(found - 1e3) < 0.1 * abs(at_3db - 1e3)

    def test_bandwidth_of_a_bandpass_is_its_width(self):
        q, f0 = 5.0, 1e4
        band = 1 / (1 + 1j * q * (F / f0 - f0 / F))
        assert one(measure.bandwidth("v(out)"), F, band) == pytest.approx(f0 / q, rel=2e-3)
        lower = f0 * (np.sqrt(1 + 1 / (4 * q * q)) - 1 / (2 * q))
        edge = measure.bandwidth("v(out)", edge="lower")
        assert one(edge, F, band) == pytest.approx(lower, rel=1e-3)

    def test_reference_of_a_resonant_lowpass(self):
        q, f0 = 3.0, 1e4
        s = 1j * F / f0
        low = 1 / (s * s + s / q + 1)
        u = (2 - 1 / q**2 + np.sqrt((2 - 1 / q**2) ** 2 + 4)) / 2
        first = measure.bandwidth("v(out)", reference="first")
        assert one(first, F, low) == pytest.approx(f0 * np.sqrt(u), rel=1e-3)
        number = measure.bandwidth("v(out)", reference=1.0)
        assert one(number, F, low) == pytest.approx(f0 * np.sqrt(u), rel=1e-3)
        assert one(measure.bandwidth("v(out)"), F, low) < 0.5 * f0

    def test_no_crossing_is_nan(self):
        flat = np.ones_like(F) + 0j
        for name in ("bandwidth", "unity_gain_frequency", "phase_margin", "gain_margin"):
            assert np.isnan(one(getattr(measure, name)("v(out)"), F, flat))

    def test_gain_and_ratio(self):
        h = pole(F, 1e3, gain=100.0)
        assert one(measure.gain("v(out)"), F, h) == pytest.approx(100.0, rel=1e-6)
        assert one(measure.gain_db("v(out)"), F, h) == pytest.approx(40.0, abs=1e-5)
        assert one(measure.gain("v(out)", 1e3), F, h) == pytest.approx(100 / np.sqrt(2), rel=1e-6)
        over = measure.gain("v(out)", 1e3, input="v(in)")
        assert one(over, F, h, np.full_like(h, 2j)) == pytest.approx(50 / np.sqrt(2), rel=1e-6)
        assert np.isnan(one(measure.gain("v(out)", 1e9), F, h))

    def test_unity_gain_frequency_of_a_one_pole_amplifier(self):
        found = one(measure.unity_gain_frequency("v(out)"), F, pole(F, 10.0, gain=1e4))
        assert found == pytest.approx(10.0 * np.sqrt(1e8 - 1), rel=1e-6)

    def test_margins_of_three_poles(self):
        # T = K / (1 + s)^3: phase -180 at s = sqrt(3), where |T| = K / 8.
        k, corner = 4.0, 1e4
        loop = k / (1 + 1j * F / corner) ** 3
        assert one(measure.gain_margin("v(out)"), F, loop) == pytest.approx(
            20 * np.log10(8 / k), abs=1e-3
        )
        unity = np.sqrt(k ** (2 / 3) - 1)
        margin = 180 - 3 * np.degrees(np.arctan(unity))
        assert one(measure.phase_margin("v(out)"), F, loop) == pytest.approx(margin, abs=1e-2)

    def test_an_unstable_loop_has_negative_margins(self):
        loop = 100.0 / (1 + 1j * F / 1e4) ** 3
        assert one(measure.gain_margin("v(out)"), F, loop) == pytest.approx(
            -20 * np.log10(100 / 8), abs=1e-2
        )
        # The phase is beyond -180 there: without unwrapping it would come out positive.
        assert one(measure.phase_margin("v(out)"), F, loop) < 0

    def test_an_inverted_loop_gain(self):
        loop = 4.0 / (1 + 1j * F / 1e4) ** 3
        for m in (measure.phase_margin, measure.gain_margin):
            straight = one(m("v(out)"), F, loop)
            assert one(m("v(out)", inverted=True), F, -loop) == pytest.approx(straight, abs=1e-9)


class TestEdges:
    def test_rise_time_of_one_pole(self):
        m = measure.rise_time("v(out)", initial=0.0, final=1.0)
        assert one(m, T, STEP) == pytest.approx(TAU * np.log(9), rel=1e-5)

    def test_rise_time_between_other_fractions(self):
        m = measure.rise_time("v(out)", 0.2, 0.8, initial=0.0, final=1.0)
        assert one(m, T, STEP) == pytest.approx(TAU * np.log(4), rel=1e-5)

    def test_fall_time_of_one_pole_and_no_rise_in_it(self):
        fall = measure.fall_time("v(out)", initial=1.0, final=0.0)
        assert one(fall, T, 1 - STEP) == pytest.approx(TAU * np.log(9), rel=1e-5)
        assert np.isnan(one(measure.rise_time("v(out)"), T, 1 - STEP))
        assert np.isnan(one(measure.fall_time("v(out)"), T, STEP))

    def test_a_pulse_has_both_edges(self):
        t = np.array([0, 1, 2, 5, 9, 10.0])
        y = np.array([0, 0, 2, 2, 0, 0.0])
        assert one(measure.rise_time("v(out)"), t, y) == pytest.approx(0.8)
        assert one(measure.fall_time("v(out)"), t, y) == pytest.approx(3.2)
        assert one(measure.slew_rate("v(out)"), t, y) == pytest.approx(2.0)
        assert one(measure.slew_rate("v(out)", edge="fall"), t, y) == pytest.approx(0.5)

    def test_a_window_takes_the_second_edge(self):
        t = np.array([0, 1, 2, 5, 9, 10, 14, 20.0])
        y = np.array([0, 0, 2, 2, 0, 0, 2, 2.0])
        assert one(measure.rise_time("v(out)", start=9.5), t, y) == pytest.approx(3.2)
        assert np.isnan(one(measure.rise_time("v(out)", stop=21.0), t, y))

    def test_overshoot_and_settling_of_two_poles(self):
        zeta, w = 0.4, 1e4
        t = np.linspace(0, 40 / (zeta * w), 200_001)
        wd = w * np.sqrt(1 - zeta**2)
        y = 1 - np.exp(-zeta * w * t) * (np.cos(wd * t) + zeta * w / wd * np.sin(wd * t))
        expected = 100 * np.exp(-np.pi * zeta / np.sqrt(1 - zeta**2))
        assert one(measure.overshoot("v(out)"), t, y) == pytest.approx(expected, rel=1e-5)
        assert one(measure.overshoot("v(out)"), t, 3 - 2 * y) == pytest.approx(expected, rel=1e-5)
        settled = one(measure.settling_time("v(out)", 0.02), t, y)
        outside = np.nonzero(np.abs(y - 1) > 0.02)[0][-1]
        assert t[outside] <= settled <= t[outside + 1]
        assert one(measure.settling_time("v(out)", 0.02), t, 3 - 2 * y) == pytest.approx(settled)

    def test_settling_of_one_pole(self):
        m = measure.settling_time("v(out)", 0.01, initial=0.0, final=1.0)
        assert one(m, T, STEP) == pytest.approx(TAU * np.log(100), rel=1e-5)
        still_moving = measure.settling_time("v(out)", 1e-6, initial=0.0, final=1.0)
        assert np.isnan(one(still_moving, T, STEP))

    def test_no_step_has_no_overshoot(self):
        assert np.isnan(one(measure.overshoot("v(out)"), T, np.ones_like(T)))
        assert np.isnan(one(measure.settling_time("v(out)"), T, np.ones_like(T)))
        assert one(measure.overshoot("v(out)"), T, STEP) == 0.0

    def test_delay_of_one_pole(self):
        pulse = np.where(T > 0, 1.0, 0.0)
        m = measure.delay("v(in)", "v(out)", level_from=0.5, level_to=0.5)
        half = 0.5 * T[1]
        assert one(m, T, pulse, STEP) == pytest.approx(TAU * np.log(2) - half, rel=1e-5)
        missing = measure.delay("v(in)", "v(out)", edge_to="fall")
        assert np.isnan(one(missing, T, pulse, STEP))

    def test_frequency_of_a_sine_on_an_offset(self):
        t = np.linspace(0, 1e-3, 20_001)
        y = 2.5 + 0.3 * np.sin(2 * np.pi * 12.34e3 * t + 0.4)
        assert one(measure.frequency("v(out)"), t, y) == pytest.approx(12.34e3, rel=1e-6)

    def test_ripple_near_the_level_is_no_oscillation_of_its_own(self):
        t = np.linspace(0, 1, 100_001)
        y = np.sin(2 * np.pi * 5 * t) + 0.02 * np.sin(2 * np.pi * 3000 * t)
        assert one(measure.frequency("v(out)"), t, y) == pytest.approx(5.0, rel=1e-2)
        bare = measure.frequency("v(out)", hysteresis=0.0)
        assert one(bare, t, y) > 10.0

    def test_what_does_not_oscillate_has_no_frequency(self):
        noise = 1.0 + 1e-9 * np.sin(1e6 * T)
        assert np.isnan(one(measure.frequency("v(out)"), T, noise))
        assert np.isnan(one(measure.frequency("v(out)"), T, STEP))


class TestAverages:
    def test_of_a_sine(self):
        t = np.linspace(0, 1, 5001) ** 1.5
        y = 1 + 2 * np.sin(2 * np.pi * 4 * t)
        assert one(measure.mean("v(out)"), t, y) == pytest.approx(1.0, abs=1e-4)
        assert one(measure.rms("v(out)"), t, y) == pytest.approx(np.sqrt(3), rel=1e-4)
        assert one(measure.peak_to_peak("v(out)"), t, y) == pytest.approx(4.0, rel=1e-4)

    def test_a_triangle_is_exact_on_three_points(self):
        t, y = np.array([0, 1, 4.0]), np.array([0, 3, 0.0])
        assert one(measure.mean("v(out)"), t, y) == 1.5
        assert one(measure.rms("v(out)"), t, y) == pytest.approx(np.sqrt(3))
        assert one(measure.mean("v(out)", start=0.5, stop=1.0), t, y) == pytest.approx(2.25)

    def test_value_at(self):
        assert one(measure.value_at("v(out)", TAU), T, STEP) == pytest.approx(1 - np.exp(-1))
        h = pole(F, 1e3)
        part = {"magnitude": np.sqrt(0.5), "db": -3.0103, "phase": -45.0, "real": 0.5, "imag": -0.5}
        for name, expected in part.items():
            m = measure.value_at("v(out)", 1e3, name)
            assert one(m, F, h) == pytest.approx(expected, rel=1e-4)
        assert one(measure.value_at("v(out)"), np.empty(0), np.array([1.25])) == 1.25

    def test_value_at_on_a_falling_sweep(self):
        x = np.linspace(5, 0, 6)
        assert one(measure.value_at("v(out)", 2.5), x, x**2) == pytest.approx(6.5)


class TestSpectrum:
    def test_thd_of_known_harmonics(self):
        rng = np.random.default_rng(1)
        t = np.sort(np.concatenate([[0, 3e-3], rng.uniform(0, 3e-3, 60_000)]))
        w = 2 * np.pi * 1e3
        y = 0.7 + np.sin(w * t) + 0.03 * np.sin(2 * w * t + 1) + 0.04 * np.cos(3 * w * t)
        assert one(measure.thd("v(out)", 1e3), t, y) == pytest.approx(5.0, rel=1e-4)
        assert one(measure.thd("v(out)", 1e3, periods=2), t, y) == pytest.approx(5.0, rel=1e-4)
        assert one(measure.thd("v(out)", 1e3, harmonics=2), t, y) == pytest.approx(3.0, rel=1e-4)
        assert np.isnan(one(measure.thd("v(out)", 1e3, periods=4), t, y))

    def test_thd_of_a_square_wave_with_vertical_edges(self):
        t = np.array([0, 0.5, 0.5, 1.0])
        y = np.array([1, 1, -1, -1.0])
        odd = np.sqrt(sum(1 / k**2 for k in (3, 5, 7, 9)))
        assert one(measure.thd("v(out)", 1.0), t, y) == pytest.approx(100 * odd, rel=1e-9)

    def test_white_noise_and_flicker_noise(self):
        f = np.geomspace(1, 1e6, 13)
        white, flicker = np.full(13, 3e-9), 1e-6 / np.sqrt(f)
        m = measure.integrated_noise(low=10.0, high=1e5)
        assert one(m, f, white) == pytest.approx(3e-9 * np.sqrt(1e5 - 10), rel=1e-12)
        assert one(m, f, flicker) == pytest.approx(1e-6 * np.sqrt(np.log(1e4)), rel=1e-12)
        assert one(measure.integrated_noise(), f, 0 * f) == 0.0
        assert np.isnan(one(measure.integrated_noise(high=1e7), f, white))
