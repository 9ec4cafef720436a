"""Harmonics of a transient, and noise over a band."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from spicelab_nb.circuits.measures.crossings import row_sum, squared, value_at, window
from spicelab_nb.circuits.measures.measure import SignalMeasure
from spicelab_nb.errors import MeasureError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["IntegratedNoise", "Thd"]


@dataclass(frozen=True)
class Thd(SignalMeasure):
    """Total harmonic distortion: root sum of squares of the harmonics over the fundamental.

    Parameters
    ----------
    signal
        ``"v(out)"``.
    fundamental
        Frequency of the fundamental in hertz.
    harmonics
        Highest harmonic counted; 9, as in ngspice's ``fourier``.
    periods
        How many whole periods, the last ones before `stop`, are analysed.
    stop
        End of the analysed stretch in seconds; None: the end of the simulation.
    analysis
        Name of the ``.tran``; None: the only one.

    Notes
    -----
    Percent. The Fourier coefficients are those of the straight lines between the engine's own
    time points, integrated exactly: nothing is resampled. Points too far apart add distortion of
    their own: limit the time step (``.tran`` with its fourth number). NaN where the simulation is
    shorter than that, or where there is no fundamental.
    """

    fundamental: float
    _: KW_ONLY
    harmonics: int = 9
    periods: int = 1
    stop: float | None = None

    name: ClassVar[str] = "thd"
    kinds: ClassVar[tuple[str, ...]] = ("tran",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.fundamental > 0 or self.harmonics < 2 or self.periods < 1:
            raise MeasureError(
                "measure.thd needs a fundamental above 0 Hz, harmonics >= 2 and periods >= 1, "
                f"not {self.fundamental!r}, {self.harmonics!r} and {self.periods!r}."
            )

    @property
    def unit(self) -> str:
        """Percent."""
        return "%"

    @property
    def long_name(self) -> str:
        """What stands on the axis of a figure."""
        return f"harmonic distortion of {self.signal}"

    def compute(self, x: NDArray[np.float64], *rows: NDArray[Any]) -> NDArray[np.float64]:
        """Compute from C-contiguous rows."""
        end = x[-1] if self.stop is None else self.stop
        t, y = window(x, rows[0], end - self.periods / self.fundamental, end)
        # Integrating by parts leaves the slopes: sum over lines of slope * (e[i+1] - e[i]) / w^2,
        # plus the step from the last to the first point. A vertical edge has the limit of that.
        span = np.diff(t)
        vertical = span == 0
        span = np.where(vertical, 1.0, span)
        dy = np.diff(y, axis=1)
        jump = y[:, -1] - y[:, 0]
        angle = (2 * np.pi * self.fundamental) * (t - t[0])
        power = []
        for k in range(1, self.harmonics + 1):
            w = 2 * np.pi * self.fundamental * k
            cos, sin = np.cos(k * angle), np.sin(k * angle)
            cos_slope = np.where(vertical, -w * sin[1:], np.diff(cos) / span)
            sin_slope = np.where(vertical, w * cos[1:], np.diff(sin) / span)
            real = row_sum(dy * cos_slope) / w**2
            imag = jump / w - row_sum(dy * sin_slope) / w**2
            power.append(real * real + imag * imag)
        distortion = power[1] * 1.0
        for harmonic in power[2:]:
            distortion = distortion + harmonic
        return np.where(power[0] > 0, 100.0 * np.sqrt(distortion / power[0]), np.nan)


@dataclass(frozen=True)
class IntegratedNoise(SignalMeasure):
    """Noise of a band: the root of the integrated squared spectrum.

    Parameters
    ----------
    signal
        ``"onoise_spectrum"`` (at the output) or ``"inoise_spectrum"`` (referred to the input).
    low, high
        Band in hertz; None: the ends of the ``.noise`` sweep. NaN where it leaves the sweep.
    analysis
        Name of the ``.noise``; None: the only one.

    Notes
    -----
    Volt (ampere, for the input-referred noise of a current source). Between two points the
    spectrum is a power of frequency, as ngspice takes it: exact for white and 1/f noise.
    """

    signal: str = "onoise_spectrum"
    low: float | None = None
    high: float | None = None

    name: ClassVar[str] = "integrated_noise"
    kinds: ClassVar[tuple[str, ...]] = ("noise",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise MeasureError(
                f"measure.integrated_noise: nothing lies between {self.low:g} and {self.high:g} Hz."
            )

    @property
    def unit(self) -> str:
        """Volt; "" for the input-referred noise, whose source may be a current."""
        return "V" if self.signal.startswith("onoise") else ""

    @property
    def long_name(self) -> str:
        """What stands on the axis of a figure."""
        side = {"onoise_spectrum": "output", "inoise_spectrum": "input-referred"}
        return f"integrated {side.get(self.signal, self.signal)} noise"

    def compute(self, x: NDArray[np.float64], *rows: NDArray[Any]) -> NDArray[np.float64]:
        """Compute from C-contiguous rows."""
        f, log_density = x, np.log(squared(rows[0]))
        if self.low is not None or self.high is not None:
            a = x[0] if self.low is None else self.low
            b = x[-1] if self.high is None else self.high
            inside = (x > a) & (x < b)
            ends = [value_at(x, log_density, at, log=True)[:, None] for at in (a, b)]
            f = np.concatenate([[a], x[inside], [b]])
            log_density = np.concatenate([ends[0], log_density[:, inside], ends[1]], axis=1)
        density = np.exp(log_density)
        step = np.diff(np.log(f))
        # S = s f^m over a step: its integral is (f1 S1 - f0 S0) / (m + 1); near m = -1 that
        # cancels, so it is written as f0 S0 * step * (e^u - 1) / u with u = (m + 1) * step.
        u = np.diff(log_density, axis=1) + step
        small = np.abs(u) < 1e-8
        ratio = np.where(small, 1.0 + 0.5 * u, np.expm1(u) / np.where(small, 1.0, u))
        area = f[:-1] * density[:, :-1] * step * ratio
        # A spectrum of exactly 0, or from 0 Hz, has no logarithm: a straight line instead.
        line = 0.5 * (density[:, :-1] + density[:, 1:]) * np.diff(f)
        total = row_sum(np.where(np.isfinite(area), area, line))
        return np.asarray(np.sqrt(total))
