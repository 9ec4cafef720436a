"""A signal without a point has no measure: NaN, no error for its whole batch, and no number."""

import numpy as np
import pytest

from spicelab_nb.circuits import measure

MEASURES = [
    measure.gain("v(out)"),
    measure.bandwidth("v(out)"),
    measure.unity_gain_frequency("v(out)"),
    measure.phase_margin("v(out)"),
    measure.rise_time("v(out)"),
    measure.delay("v(in)", "v(out)"),
    measure.overshoot("v(out)"),
    measure.settling_time("v(out)"),
    measure.mean("v(out)"),
    measure.peak_to_peak("v(out)"),
    measure.frequency("v(out)"),
    measure.thd("v(out)", 1e3),
    measure.value_at("v(out)", 1.0),
    measure.integrated_noise(),
]


@pytest.mark.parametrize("one", MEASURES, ids=[m.name for m in MEASURES])
def test_it_is_nan(one):
    nothing = np.empty((3, 0))
    found = one.evaluate(np.empty(0), *([nothing] * len(one.signals)))
    assert found.shape == (3,)
    assert np.isnan(found).all()


@pytest.mark.parametrize(
    "one",
    [
        measure.mean("v(out)", start=2.0),
        measure.peak_to_peak("v(out)", start=2.0, stop=3.0),
        measure.settling_time("v(out)", start=2.0),
        measure.value_at("v(out)", 2.0),
        measure.integrated_noise("v(out)", low=0.5, high=2.0),
    ],
    ids=lambda m: m.name,
)
def test_so_is_one_beyond_what_was_simulated(one):
    x = np.linspace(0.1, 1.0, 50)
    assert np.isnan(one.evaluate(x, x[None, :])).all()
