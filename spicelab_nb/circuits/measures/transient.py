"""Measures of edges and steps over time (``.tran``).

Between two of the engine's time points a signal is a straight line.

The levels of a step are the signal's values at the start and at the end of the window, unless
given. Where these two differ by less than half of the peak-to-peak value the signal is a pulse,
and its levels are its minimum and its maximum. `start` and `stop` (seconds) cut a window out;
a measure whose window leaves the simulated time is NaN.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from spicelab_nb.circuits.measures.crossings import between, first, last, rising, window
from spicelab_nb.circuits.measures.measure import SignalMeasure
from spicelab_nb.circuits.measures.signals import canonical_signal, ratio_unit, signal_unit
from spicelab_nb.errors import MeasureError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Delay",
    "FallTime",
    "Frequency",
    "Overshoot",
    "RiseTime",
    "SettlingTime",
    "SlewRate",
    "Windowed",
]

_EDGES = ("rise", "fall", "either")

ROUNDING = 1e-9
"""A step smaller than this part of the largest value is none: engines leave such noise."""

TAIL = 0.05
"""The last part of the window in which a signal whose last value is its final level must rest."""

RESTING = 0.02
"""How far it may move there, as a part of the step, where no tolerance says otherwise."""


@dataclass(frozen=True)
class Windowed(SignalMeasure):
    """A measure of a signal over a window of its axis."""

    _: KW_ONLY
    start: float | None = None
    stop: float | None = None

    kinds: ClassVar[tuple[str, ...]] = ("tran",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.start is not None and self.stop is not None and not self.start < self.stop:
            raise MeasureError(
                f"measure.{self.name}: the window from {self.start:g} to {self.stop:g} is empty."
            )

    def cut(
        self, x: NDArray[np.float64], y: NDArray[Any]
    ) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """Give the axis and the rows within the window."""
        if len(x) and x[-1] < x[0]:
            x, y = np.ascontiguousarray(x[::-1]), np.ascontiguousarray(y[:, ::-1])
        return window(x, y, self.start, self.stop)


@dataclass(frozen=True)
class _Step(Windowed):
    _: KW_ONLY
    initial: float | None = None
    final: float | None = None

    def ends(self, y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give the levels before and after the step, ``(n,)`` each."""
        before = y[:, 0].copy() if self.initial is None else np.full(len(y), float(self.initial))
        after = y[:, -1].copy() if self.final is None else np.full(len(y), float(self.final))
        return before, after

    def levels(self, y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give the same, or minimum and maximum where the signal is a pulse."""
        before, after = self.ends(y)
        if self.initial is not None or self.final is not None:
            return before, after
        low, high = np.min(y, axis=1), np.max(y, axis=1)
        pulse = np.abs(after - before) < 0.5 * (high - low)
        before, after = np.where(pulse, low, before), np.where(pulse, high, after)
        flat = _no_step(y, before, after)
        return np.where(flat, np.nan, before), np.where(flat, np.nan, after)

    def restless(
        self,
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        after: NDArray[np.float64],
        band: NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        """Mark rows whose last value is no final level: they leave the band near the end.

        ``(n,)``; none where the final level is given.
        """
        if self.final is not None or len(x) < 2:
            return np.zeros(len(y), np.bool_)
        tail = x >= x[-1] - TAIL * (x[-1] - x[0])
        moving: NDArray[np.bool_] = np.max(np.abs(y[:, tail] - after[:, None]), axis=1) > band
        return moving

    def references(
        self, y: NDArray[np.float64], low: float, high: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give the levels at two fractions of the step's height, ``(n,)`` each."""
        before, after = self.levels(y)
        base, top = np.minimum(before, after), np.maximum(before, after)
        return base + low * (top - base), base + high * (top - base)


def _no_step(
    y: NDArray[np.float64], before: NDArray[np.float64], after: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Where two levels differ by no more than the rounding of what lies between them."""
    flat: NDArray[np.bool_] = np.abs(after - before) <= ROUNDING * np.max(np.abs(y), axis=1)
    return flat


def _check_fractions(name: str, low: float, high: float) -> None:
    if not 0 <= low < high <= 1:
        raise MeasureError(
            f"measure.{name}: low and high are fractions of the step, 0 <= low < high <= 1, "
            f"not {low:g} and {high:g}."
        )


def _edge_time(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Duration of the first rise from `low` to `high`: to `high`, from `low` just before."""
    if y.shape[1] < 2:
        return np.full(len(y), np.nan)
    up_low, up_high = rising(y, low), rising(y, high)
    latest = np.maximum.accumulate(np.where(up_low, np.arange(up_low.shape[1]), -1), axis=1)
    end = first(up_high & (latest >= 0))
    begin = np.where(end >= 0, latest[np.arange(len(y)), np.maximum(end, 0)], -1)
    took = between(x, y, end, high) - between(x, y, begin, low)
    return np.where(high > low, took, np.nan)


@dataclass(frozen=True)
class RiseTime(_Step):
    """Time of the first rise from one fraction of a step to another.

    Parameters
    ----------
    signal
        ``"v(out)"``.
    low, high
        Fractions of the step.
    initial, final
        Levels before and after the step; None: see the module.
    start, stop
        Window in seconds.
    analysis
        Name of the ``.tran``; None: the only one.

    Notes
    -----
    Seconds; NaN where the signal does not rise through both levels.

    References
    ----------
    IEEE Std 181-2011, Standard for Transitions, Pulses, and Related Waveforms: transition
    duration between percent reference levels.
    """

    low: float = 0.1
    high: float = 0.9

    name: ClassVar[str] = "rise_time"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_fractions(self.name, self.low, self.high)

    @property
    def unit(self) -> str:
        """Seconds."""
        return "s"

    def compute(self, x: NDArray[np.float64], *rows: NDArray[Any]) -> NDArray[np.float64]:
        """Compute from C-contiguous rows."""
        x, y = self.cut(x, rows[0])
        return _edge_time(x, y, *self.references(y, self.low, self.high))


@dataclass(frozen=True)
class FallTime(RiseTime):
    """Time of the first fall from one fraction of a step to another.

    Parameters
    ----------
    signal
        ``"v(out)"``.
    low, high
        Fractions of the step's height above its lower level: it falls from `high` to `low`.
    initial, final
        Levels before and after the step; None: see the module.
    start, stop
        Window in seconds.
    analysis
        Name of the ``.tran``; None: the only one.

    Notes
    -----
    Seconds; NaN where the signal does not fall through both levels.
    """

    name: ClassVar[str] = "fall_time"

    def compute(self, x: NDArray[np.float64], *rows: NDArray[Any]) -> NDArray[np.float64]:
        """Compute from C-contiguous rows."""
        x, y = self.cut(x, rows[0])
        low, high = self.references(y, self.low, self.high)
        return _edge_time(x, -y, -high, -low)


@dataclass(frozen=True)
class SlewRate(_Step):
    """Average slope of the first edge between two fractions of the step.

    Parameters
    ----------
    signal
        ``"v(out)"``.
    low, high
        Fractions of the step.
    edge
        ``"rise"``, ``"fall"``, or ``"either"``: the way the step goes (a pulse: its rise).
    initial, final
        Levels before and after the step; None: see the module.
    start, stop
        Window in seconds.
    analysis
        Name of the ``.tran``; None: the only one.

    Notes
    -----
    The signal's unit a second, positive for either edge; NaN where there is no such edge.
    """

    low: float = 0.1
    high: float = 0.9
    edge: str = "either"

    name: ClassVar[str] = "slew_rate"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_fractions(self.name, self.low, self.high)
        _check_edge(self.name, self.edge)

    @property
    def unit(self) -> str:
        """Volt a second, ampere a second."""
        return ratio_unit(signal_unit(self.signal), "s")

    def compute(self, x: NDArray[np.float64], *rows: NDArray[Any]) -> NDArray[np.float64]:
        """Compute from C-contiguous rows."""
        x, y = self.cut(x, rows[0])
        low, high = self.references(y, self.low, self.high)
        rise = (high - low) / _edge_time(x, y, low, high)
        fall = (high - low) / _edge_time(x, -y, -high, -low)
        if self.edge == "either":
            before, after = self.levels(y)
            return np.where(after >= before, rise, fall)
        return rise if self.edge == "rise" else fall


@dataclass(frozen=True)
class Overshoot(_Step):
    """How far a step goes beyond its final level, as a percentage of the step.

    Parameters
    ----------
    signal
        ``"v(out)"``.
    initial, final
        Levels before and after the step; None: the values at the start and end of the window.
    start, stop
        Window in seconds.
    analysis
        Name of the ``.tran``; None: the only one.

    Notes
    -----
    Percent, 0 where it never goes beyond; NaN where there is no step. NaN too where the final level
    is not given and the signal moves by more than 2 % of the step within the last twentieth of the
    window: its last value is no final level then.
    """

    name: ClassVar[str] = "overshoot"

    @property
    def unit(self) -> str:
        """Percent."""
        return "%"

    def compute(self, x: NDArray[np.float64], *rows: NDArray[Any]) -> NDArray[np.float64]:
        """Compute from C-contiguous rows."""
        x, y = self.cut(x, rows[0])
        before, after = self.ends(y)
        step = after - before
        beyond = np.where(step > 0, np.max(y, axis=1) - after, after - np.min(y, axis=1))
        percent = 100.0 * np.maximum(beyond, 0.0) / np.abs(step)
        moving = self.restless(x, y, after, RESTING * np.abs(step))
        return np.where(moving | _no_step(y, before, after), np.nan, percent)


@dataclass(frozen=True)
class SettlingTime(_Step):
    """Time from the start of the window until a step stays within a band around its final level.

    Parameters
    ----------
    signal
        ``"v(out)"``.
    tolerance
        Half width of the band as a fraction of the step: 0.02 for 2 %.
    initial, final
        Levels before and after the step; None: the values at the start and end of the window.
    start, stop
        Window in seconds: put `start` where the step begins.
    analysis
        Name of the ``.tran``; None: the only one.

    Notes
    -----
    Seconds; NaN where there is no step, or where it is not within the band at the end. Where the
    final level is not given it must be within the band for the last twentieth of the window, else
    its last value is no final level, and a signal that never settles would seem to: NaN.
    """

    tolerance: float = 0.02

    name: ClassVar[str] = "settling_time"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.tolerance < 1:
            raise MeasureError(
                "measure.settling_time: tolerance is a fraction of the step between 0 and 1, "
                f"not {self.tolerance:g}."
            )

    @property
    def unit(self) -> str:
        """Seconds."""
        return "s"

    def compute(self, x: NDArray[np.float64], *rows: NDArray[Any]) -> NDArray[np.float64]:
        """Compute from C-contiguous rows."""
        x, y = self.cut(x, rows[0])
        before, after = self.ends(y)
        band = self.tolerance * np.abs(after - before)
        off = y - after[:, None]
        # The last way in is either down through +band or up through -band.
        out = np.abs(off) > band[:, None]
        into = last(out[:, :-1] & ~out[:, 1:])
        row = np.arange(len(y))
        above = off[row, np.maximum(into, 0)] > 0
        settled = between(x, off, into, np.where(above, band, -band)) - (x[0] if len(x) else 0.0)
        settled = np.where(into < 0, 0.0, settled)
        ok = ~out[:, -1] & (band > 0) & ~_no_step(y, before, after)
        ok &= ~self.restless(x, y, after, band)
        return np.where(ok, settled, np.nan)


@dataclass(frozen=True)
class Delay(Windowed):
    """Time from an edge of one signal to an edge of another.

    Parameters
    ----------
    signal
        Where the time starts: ``"v(in)"``.
    to
        Where it ends: ``"v(out)"``.
    level
        Fraction of each signal's own range, minimum to maximum within the window.
    level_from, level_to
        Levels in the signals' units instead.
    edge_from, edge_to
        ``"rise"``, ``"fall"`` or ``"either"``: the first such crossing in the window.
    start, stop
        Window in seconds.
    analysis
        Name of the ``.tran``; None: the only one.

    Notes
    -----
    Seconds; negative where the second signal crosses first. NaN where a crossing is missing.
    """

    to: str
    level: float = 0.5
    _: KW_ONLY
    level_from: float | None = None
    level_to: float | None = None
    edge_from: str = "either"
    edge_to: str = "either"

    name: ClassVar[str] = "delay"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "to", canonical_signal(self.to))
        _check_edge(self.name, self.edge_from)
        _check_edge(self.name, self.edge_to)
        if not 0 < self.level < 1:
            raise MeasureError(
                "measure.delay: level is a fraction of each signal's range, between 0 and 1, "
                f"not {self.level:g}; give level_from= and level_to= in the signals' units."
            )

    @property
    def inputs(self) -> tuple[str, ...]:
        """Both signals."""
        return (self.signal, self.to)

    @property
    def unit(self) -> str:
        """Seconds."""
        return "s"

    @property
    def long_name(self) -> str:
        """What stands on the axis of a figure."""
        return f"delay from {self.signal} to {self.to}"

    def compute(self, x: NDArray[np.float64], *rows: NDArray[Any]) -> NDArray[np.float64]:
        """Compute from C-contiguous rows."""
        begin = self._crossing(x, rows[0], self.level_from, self.edge_from)
        end = self._crossing(x, rows[1], self.level_to, self.edge_to)
        return end - begin

    def _crossing(
        self, x: NDArray[np.float64], y: NDArray[Any], level: float | None, edge: str
    ) -> NDArray[np.float64]:
        x, y = self.cut(x, y)
        if level is None:
            low, high = np.min(y, axis=1), np.max(y, axis=1)
            at = low + self.level * (high - low)
        else:
            at = np.full(len(y), float(level))
        up, down = rising(y, at), rising(-y, -at)
        steps = up | down if edge == "either" else up if edge == "rise" else down
        return between(x, y, first(steps), at)


@dataclass(frozen=True)
class Frequency(Windowed):
    """Frequency of an oscillation: whole periods between its first and last rising crossing.

    Parameters
    ----------
    signal
        ``"v(out)"``.
    level
        Level that it crosses; None: half way between minimum and maximum in the window.
    hysteresis
        A crossing counts once the signal has been this fraction of its peak-to-peak value around
        the level, so that ripple near the level does not.
    start, stop
        Window in seconds; put `start` after the oscillation has grown.
    analysis
        Name of the ``.tran``; None: the only one.

    Notes
    -----
    Hertz; NaN with fewer than two rising crossings, or where the peak-to-peak value is under 1e-6
    of the largest absolute value (it does not oscillate).
    """

    level: float | None = None
    hysteresis: float = 0.1

    name: ClassVar[str] = "frequency"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.hysteresis < 1:
            raise MeasureError(
                "measure.frequency: hysteresis is a fraction of the peak-to-peak value, "
                f"0 <= hysteresis < 1, not {self.hysteresis:g}."
            )

    @property
    def unit(self) -> str:
        """Hertz."""
        return "Hz"

    def compute(self, x: NDArray[np.float64], *rows: NDArray[Any]) -> NDArray[np.float64]:
        """Compute from C-contiguous rows."""
        x, y = self.cut(x, rows[0])
        low, high = np.min(y, axis=1), np.max(y, axis=1)
        swing = high - low
        at = 0.5 * (low + high) if self.level is None else np.full(len(y), float(self.level))
        half = 0.5 * self.hysteresis * swing
        steps = np.arange(y.shape[1])
        up, down = y >= (at + half)[:, None], y < (at - half)[:, None]
        latest = np.maximum.accumulate(np.where(up | down, steps, -1), axis=1)
        row = np.arange(len(y))[:, None]
        # State 1: above, 0: below, -1: not known yet.
        state = np.where(latest >= 0, up[row, np.maximum(latest, 0)].astype(np.int8), -1)
        events = (state[:, :-1] == 0) & (state[:, 1:] == 1)
        through = np.where(rising(y, at), steps[:-1], -1)
        crossing = np.maximum.accumulate(through, axis=1) if through.shape[1] else through
        count = np.sum(events, axis=1)
        times = []
        for k in (first(events), last(events)):
            step = crossing[row[:, 0], np.maximum(k, 0)] if crossing.shape[1] else k
            times.append(between(x, y, np.where(k >= 0, step, -1), at))
        periods = (count - 1) / (times[1] - times[0])
        lively = swing > 1e-6 * np.maximum(np.abs(low), np.abs(high))
        return np.where((count >= 2) & lively, periods, np.nan)


def _check_edge(name: str, edge: str) -> None:
    if edge not in _EDGES:
        raise MeasureError(f"measure.{name}: an edge is 'rise', 'fall' or 'either', not {edge!r}.")
