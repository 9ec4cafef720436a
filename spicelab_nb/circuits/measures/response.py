"""Measures of a frequency response (``.ac``).

Between two points magnitude is a straight line in decibels over log frequency, as on a Bode plot:
exact for every stretch that falls with a constant number of decibels a decade. At the corner of a
one-pole low-pass that shifts the half-power frequency by 7e-5 at 100 points a decade and by 0.7 %
at 10. Phase is a straight line over log frequency.

The response is the signal itself (the gain, where the source's AC magnitude is 1 and its phase 0)
or, with ``input=``, the signal over another signal.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from spicelab_nb.circuits.measures.crossings import (
    between,
    first,
    last,
    phase_degrees,
    rising,
    squared,
    value_at,
)
from spicelab_nb.circuits.measures.measure import SignalMeasure
from spicelab_nb.circuits.measures.signals import canonical_signal, ratio_unit, signal_unit
from spicelab_nb.errors import MeasureError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Bandwidth", "Gain", "GainDb", "GainMargin", "PhaseMargin", "UnityGainFrequency"]


@dataclass(frozen=True)
class Response(SignalMeasure):
    """A measure of one signal, or of the ratio of two, over frequency."""

    _: KW_ONLY
    input: str | None = None

    kinds: ClassVar[tuple[str, ...]] = ("ac",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.input is not None:
            object.__setattr__(self, "input", canonical_signal(self.input))

    @property
    def inputs(self) -> tuple[str, ...]:
        """The signal, and what it is divided by where that is given."""
        return (self.signal,) if self.input is None else (self.signal, self.input)

    @property
    def long_name(self) -> str:
        """What stands on the axis of a figure."""
        over = f" over {self.input}" if self.input else ""
        return f"{super().long_name}{over}"

    def response(self, rows: tuple[NDArray[Any], ...]) -> NDArray[Any]:
        """Give the signal, or the ratio, as ``(n, p)``."""
        return rows[0] if self.input is None else rows[0] / rows[1]


@dataclass(frozen=True)
class Gain(Response):
    """Magnitude of a frequency response.

    Parameters
    ----------
    signal
        ``"v(out)"``.
    at
        Frequency in hertz, interpolated in decibels over log frequency (NaN outside the sweep);
        None: the largest magnitude in the sweep.
    input
        Signal to divide by: ``"v(in)"``. Without one it is the signal's own magnitude, which is
        the gain where the AC source has magnitude 1.
    analysis
        Name of the ``.ac``; None: the only one.

    Notes
    -----
    Unit: that of the ratio (``"V/V"``), or without `input` the signal's own.
    """

    at: float | None = None

    name: ClassVar[str] = "gain"

    @property
    def unit(self) -> str:
        """Unit of the ratio, or of the signal."""
        own = signal_unit(self.signal)
        return own if self.input is None else ratio_unit(own, signal_unit(self.input))

    @property
    def long_name(self) -> str:
        """What stands on the axis of a figure."""
        return super().long_name + (f" at {self.at:g} Hz" if self.at is not None else "")

    def compute(self, x: NDArray[np.float64], *rows: NDArray[Any]) -> NDArray[np.float64]:
        """Compute from C-contiguous rows."""
        return np.sqrt(self.power(x, rows))

    def power(self, x: NDArray[np.float64], rows: tuple[NDArray[Any], ...]) -> NDArray[np.float64]:
        """Squared gain, ``(n,)``."""
        power = squared(self.response(rows))
        if self.at is None:
            return np.asarray(np.max(power, axis=1))
        return np.asarray(np.exp(value_at(x, np.log(power), self.at, log=True)))


@dataclass(frozen=True)
class GainDb(Gain):
    """Magnitude of a frequency response in decibels, ``20 log10``.

    Parameters
    ----------
    signal
        ``"v(out)"``.
    at
        Frequency in hertz (NaN outside the sweep); None: the largest magnitude in the sweep.
    input
        Signal to divide by; without one, decibels of the signal's own magnitude (dBV).
    analysis
        Name of the ``.ac``; None: the only one.
    """

    name: ClassVar[str] = "gain_db"

    @property
    def unit(self) -> str:
        """Decibels."""
        return "dB"

    @property
    def long_name(self) -> str:
        """What stands on the axis of a figure."""
        return super().long_name.replace("gain db", "gain", 1)

    def compute(self, x: NDArray[np.float64], *rows: NDArray[Any]) -> NDArray[np.float64]:
        """Compute from C-contiguous rows."""
        return 10.0 * np.log10(self.power(x, rows))


@dataclass(frozen=True)
class Bandwidth(Response):
    """Half-power bandwidth: how far the response stays within 1/sqrt(2) of its reference.

    That is -3.0103 dB, not -3.000 dB, which is 0.24 % off for one pole.

    Parameters
    ----------
    signal
        ``"v(out)"``.
    reference
        ``"max"``: the largest magnitude in the sweep. ``"first"``: that at the lowest frequency,
        for a low-pass with a resonant peak whose DC gain counts. A number: a magnitude.
    edge
        ``"width"``: the upper half-power frequency less the lower one; a response that is not yet
        down at the start of the sweep is a low-pass, with 0 as its lower one. ``"upper"``,
        ``"lower"``: that frequency alone.
    input
        Signal to divide by.
    analysis
        Name of the ``.ac``; None: the only one.

    Notes
    -----
    The edges are the crossings next to the reference point on either side. NaN where the
    response does not fall to half power above it within the sweep (for ``"lower"``: below it).
    """

    reference: float | str = "max"
    edge: str = "width"

    name: ClassVar[str] = "bandwidth"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.edge not in {"width", "upper", "lower"}:
            raise MeasureError(
                f"measure.bandwidth: edge is 'width', 'upper' or 'lower', not {self.edge!r}."
            )
        named = isinstance(self.reference, str)
        if (named and self.reference not in {"max", "first"}) or (
            not named and not float(self.reference) > 0
        ):
            raise MeasureError(
                "measure.bandwidth: reference is 'max', 'first' or a magnitude above 0, "
                f"not {self.reference!r}."
            )

    @property
    def unit(self) -> str:
        """Hertz."""
        return "Hz"

    def compute(self, x: NDArray[np.float64], *rows: NDArray[Any]) -> NDArray[np.float64]:
        """Compute from C-contiguous rows."""
        power = squared(self.response(rows))
        n, p = power.shape
        top = np.zeros(n, dtype=np.intp) if self.reference == "first" else np.argmax(power, axis=1)
        if isinstance(self.reference, str):
            half = 0.5 * power[np.arange(n), top]
        else:
            half = np.full(n, 0.5 * float(self.reference) ** 2)
        steps = np.arange(p - 1)
        falls = rising(-power, -half) & (steps >= top[:, None])
        rises = rising(power, half) & (steps < top[:, None])
        upper = between(x, power, first(falls), half, log=True, decibels=True)
        lower = between(x, power, last(rises), half, log=True, decibels=True)
        if self.edge == "upper":
            return upper
        if self.edge == "lower":
            return lower
        return upper - np.where(np.isnan(lower), 0.0, lower)


@dataclass(frozen=True)
class UnityGainFrequency(Response):
    """Lowest frequency at which the magnitude falls through 1 (0 dB).

    Parameters
    ----------
    signal
        ``"v(out)"``.
    input
        Signal to divide by.
    analysis
        Name of the ``.ac``; None: the only one.

    Notes
    -----
    NaN where the magnitude never falls through 1 within the sweep.
    """

    name: ClassVar[str] = "unity_gain_frequency"

    @property
    def unit(self) -> str:
        """Hertz."""
        return "Hz"

    @property
    def long_name(self) -> str:
        """What stands on the axis of a figure."""
        return super().long_name.replace("unity gain", "unity-gain", 1)

    def compute(self, x: NDArray[np.float64], *rows: NDArray[Any]) -> NDArray[np.float64]:
        """Compute from C-contiguous rows."""
        power = squared(self.response(rows))
        return between(x, power, first(rising(-power, -1.0)), 1.0, log=True, decibels=True)


@dataclass(frozen=True)
class _Margin(Response):
    inverted: bool = False

    def loop(self, rows: tuple[NDArray[Any], ...]) -> NDArray[np.complex128]:
        """Loop gain T, ``(n, p)``, of a loop that closes as T / (1 + T)."""
        gain = self.response(rows)
        return np.ascontiguousarray(-gain if self.inverted else gain, dtype=np.complex128)


@dataclass(frozen=True)
class PhaseMargin(_Margin):
    """Phase margin of a loop gain: 180 degrees plus its phase where its magnitude falls through 1.

    Parameters
    ----------
    signal
        ``"v(out)"``: an amplifier's open-loop response is the loop gain of its unity-gain
        follower.
    inverted
        False: the response is T of a negative-feedback loop that closes as T / (1 + T); an
        op-amp driven at its non-inverting input, phase 0 at low frequency. True: the response
        holds the subtraction's sign too (phase 180 degrees at low frequency, as around a broken
        loop): it is multiplied by -1.
    input
        Signal to divide by.
    analysis
        Name of the ``.ac``; None: the only one.

    Notes
    -----
    Degrees; negative: the closed loop is unstable. The phase is unwrapped from the lowest
    frequency, where it is taken in (-180, 180] degrees, and must change by less than half a turn
    between points. NaN where the magnitude never falls through 1. The crossing is the lowest one,
    that of `unity_gain_frequency`.

    References
    ----------
    K. J. Astrom and R. M. Murray, Feedback Systems, 2nd ed. (2021), section 10.3.
    """

    name: ClassVar[str] = "phase_margin"

    @property
    def unit(self) -> str:
        """Degrees."""
        return "deg"

    def compute(self, x: NDArray[np.float64], *rows: NDArray[Any]) -> NDArray[np.float64]:
        """Compute from C-contiguous rows."""
        loop = self.loop(rows)
        power = squared(loop)
        unity = between(x, power, first(rising(-power, -1.0)), 1.0, log=True, decibels=True)
        return 180.0 + value_at(x, phase_degrees(loop), unity, log=True)


@dataclass(frozen=True)
class GainMargin(_Margin):
    """Gain margin of a loop gain: how far it is below 0 dB where its phase falls through -180.

    Parameters
    ----------
    signal
        ``"v(out)"``.
    inverted
        As for `phase_margin`.
    input
        Signal to divide by.
    analysis
        Name of the ``.ac``; None: the only one.

    Notes
    -----
    Decibels; negative: the closed loop is unstable. The lowest crossing of -180 degrees counts.
    NaN where the phase never gets there within the sweep.

    References
    ----------
    K. J. Astrom and R. M. Murray, Feedback Systems, 2nd ed. (2021), section 10.3.
    """

    name: ClassVar[str] = "gain_margin"

    @property
    def unit(self) -> str:
        """Decibels."""
        return "dB"

    def compute(self, x: NDArray[np.float64], *rows: NDArray[Any]) -> NDArray[np.float64]:
        """Compute from C-contiguous rows."""
        loop = self.loop(rows)
        phase = phase_degrees(loop)
        turned = between(x, phase, first(rising(-phase, 180.0)), -180.0, log=True)
        return -10.0 * value_at(x, np.log10(squared(loop)), turned, log=True)
