import numpy as np
import pytest

from spicelab_nb import explorer
from spicelab_nb.errors import MeasureError
from spicelab_nb.explorer.envelope import envelope
from spicelab_nb.testing.datasets import rc_dataset, rc_waveforms

hv = pytest.importorskip("holoviews")


@pytest.fixture(scope="module")
def wave():
    return rc_waveforms(rc_dataset(500, failed=[5, 6]))["ac"]["v(out)"]


def curves(overlay):
    return {e.label: e.dimension_values(1) for e in overlay if type(e).__name__ == "Curve"}


def test_magnitude_stands_over_phase(wave):
    figure = explorer.bode(wave)
    magnitude, phase = figure
    h = np.delete(wave.values, [5, 6], axis=0)
    assert curves(magnitude)["minimum"] == pytest.approx((20 * np.log10(abs(h))).min(axis=0))
    assert curves(phase)["maximum"] == pytest.approx(np.degrees(np.angle(h)).max(axis=0))
    assert "498 samples, 2 of 500 not ok" in magnitude.opts.get("plot").kwargs["title"]


def test_both_show_the_same_samples(wave):
    magnitude, phase = explorer.bode(wave, worst=2)
    worst = [label for label in curves(magnitude) if label.startswith("sample")]
    assert len(worst) == 2
    assert worst == [label for label in curves(phase) if label.startswith("sample")]
    (magnitude, phase) = explorer.bode(wave, worst=[17])
    assert "sample 17" in curves(phase)


def test_the_frequency_axes_move_together_and_the_others_do_not(wave):
    plots = hv.renderer("bokeh").get_plot(explorer.bode(wave))
    upper, lower = (p.state for row in plots.subplots.values() for p in row.subplots.values())
    assert upper.x_range is lower.x_range
    assert upper.y_range is not lower.y_range
    assert (upper.yaxis[0].axis_label, lower.yaxis[0].axis_label) == (
        "magnitude (dB)",
        "phase (deg)",
    )
    assert {type(p.x_scale).__name__ for p in (upper, lower)} == {"LogScale"}
    assert upper.y_range.end < 10 < 90 < -lower.y_range.start


def test_samples_of_an_inverting_amplifier_begin_in_one_turn(wave):
    """At 179.9 and -179.9 degrees by rounding, they are one bundle, not two."""
    turned = wave.copy(data=-wave.values * np.exp(1j * np.linspace(-1e-3, 1e-3, 500))[:, None])
    e = envelope(turned, part="phase")
    assert float(np.max(e.most - e.least)) < 30
    assert abs(abs(e.median[0]) - 180) < 1


def test_a_response_of_zero_does_not_empty_the_axis(wave):
    silent = wave.copy(deep=True)
    silent[:, 0] = 0
    silent[123, 1:] *= 3
    magnitude, _ = explorer.bode(silent, worst=1)
    assert "sample 123" in curves(magnitude)
    low = curves(magnitude)["minimum"]
    assert np.isnan(low[0])
    assert np.isfinite(low[1:]).all()
    hv.render(magnitude, backend="bokeh")


def test_a_real_signal_has_no_bode_plot():
    with pytest.raises(MeasureError, match=r"v\(out\) is real: .*waveforms\(\)"):
        explorer.bode(rc_waveforms(rc_dataset(10))["tran"]["v(out)"])
