"""Measures: one number from each sample's waveforms, ``sl.measure.bandwidth("v(out)")``.

Each name below makes a frozen specification; see its docstring for levels, units and conventions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spicelab_nb.circuits.measures.averages import Mean, PeakToPeak, Rms, ValueAt
from spicelab_nb.circuits.measures.meas import Deck
from spicelab_nb.circuits.measures.measure import Measure, SignalMeasure, restore
from spicelab_nb.circuits.measures.python import Function
from spicelab_nb.circuits.measures.response import (
    Bandwidth,
    Gain,
    GainDb,
    GainMargin,
    PhaseMargin,
    UnityGainFrequency,
)
from spicelab_nb.circuits.measures.signals import canonical_signal, signal_unit
from spicelab_nb.circuits.measures.source import source_digest
from spicelab_nb.circuits.measures.spectrum import IntegratedNoise, Thd
from spicelab_nb.circuits.measures.transient import (
    Delay,
    FallTime,
    Frequency,
    Overshoot,
    RiseTime,
    SettlingTime,
    SlewRate,
)
from spicelab_nb.errors import MeasureError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Measure",
    "SignalMeasure",
    "as_measures",
    "bandwidth",
    "canonical_signal",
    "deck",
    "delay",
    "fall_time",
    "frequency",
    "function",
    "gain",
    "gain_db",
    "gain_margin",
    "integrated_noise",
    "mean",
    "overshoot",
    "peak_to_peak",
    "phase_margin",
    "restore",
    "rise_time",
    "rms",
    "settling_time",
    "signal_unit",
    "slew_rate",
    "source_digest",
    "thd",
    "unity_gain_frequency",
    "value_at",
]

# A measure is written as a call of its name: measure.bandwidth("v(out)") makes a Bandwidth.
bandwidth = Bandwidth
deck = Deck
delay = Delay
fall_time = FallTime
frequency = Frequency
function = Function
gain = Gain
gain_db = GainDb
gain_margin = GainMargin
integrated_noise = IntegratedNoise
mean = Mean
overshoot = Overshoot
peak_to_peak = PeakToPeak
phase_margin = PhaseMargin
rise_time = RiseTime
rms = Rms
settling_time = SettlingTime
slew_rate = SlewRate
thd = Thd
unity_gain_frequency = UnityGainFrequency
value_at = ValueAt


def as_measures(measures: Mapping[str, Any]) -> dict[str, Measure]:
    """Take what a person gives as measures: specifications and Python functions, by name.

    Parameters
    ----------
    measures
        ``{"f3db": sl.measure.bandwidth("v(out)"), "peak": lambda out: ...}``.

    Raises
    ------
    MeasureError
        One is neither, or was not called (``sl.measure.gain`` without a signal).
    """
    result: dict[str, Measure] = {}
    for name, measure in measures.items():
        if isinstance(measure, Measure):
            result[name] = measure
        elif isinstance(measure, type) and issubclass(measure, Measure):
            raise MeasureError(
                f"The measure {name!r} has to say of which signal: "
                f"sl.measure.{measure.name}('v(out)')."
            )
        elif callable(measure):
            result[name] = function(measure)
        else:
            raise MeasureError(
                f"The measure {name!r} is one of sl.measure's, or a Python function of "
                f"simulate()'s mapping, not {measure!r}."
            )
    return result
