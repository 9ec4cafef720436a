"""Means, ranges and single values of a signal.

Between two of the engine's points a signal is a straight line; means weigh each stretch by its
length, as the points of a transient are not equally far apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from spicelab_nb.circuits.measures.crossings import phase_degrees, row_sum, squared, value_at
from spicelab_nb.circuits.measures.measure import SignalMeasure
from spicelab_nb.circuits.measures.transient import Windowed
from spicelab_nb.errors import MeasureError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Mean", "PeakToPeak", "Rms", "ValueAt"]

_PARTS = ("magnitude", "db", "phase", "real", "imag")


@dataclass(frozen=True)
class Mean(Windowed):
    """Mean of a signal over time, or over the swept value of a ``.dc``.

    Parameters
    ----------
    signal
        ``"v(out)"``.
    start, stop
        Window in the unit of the axis.
    analysis
        Name of the ``.tran`` or ``.dc``; None: the only one.

    Notes
    -----
    The signal's unit. NaN where the window leaves the axis.
    """

    name: ClassVar[str] = "mean"
    kinds: ClassVar[tuple[str, ...]] = ("tran", "dc")

    def compute(self, x: NDArray[np.float64], *rows: NDArray[Any]) -> NDArray[np.float64]:
        """Compute from C-contiguous rows."""
        x, y = self.cut(x, rows[0])
        mean = row_sum(0.5 * (y[:, :-1] + y[:, 1:]) * np.diff(x)) / (x[-1] - x[0])
        return np.asarray(mean)


@dataclass(frozen=True)
class Rms(Windowed):
    """Root of the mean square of a signal over time, or over the swept value of a ``.dc``.

    Parameters
    ----------
    signal
        ``"v(out)"``.
    start, stop
        Window in the unit of the axis.
    analysis
        Name of the ``.tran`` or ``.dc``; None: the only one.

    Notes
    -----
    The signal's unit. The square of each straight line is integrated exactly.
    """

    name: ClassVar[str] = "rms"
    kinds: ClassVar[tuple[str, ...]] = ("tran", "dc")

    def compute(self, x: NDArray[np.float64], *rows: NDArray[Any]) -> NDArray[np.float64]:
        """Compute from C-contiguous rows."""
        x, y = self.cut(x, rows[0])
        a, b = y[:, :-1], y[:, 1:]
        square = row_sum((a * a + a * b + b * b) / 3.0 * np.diff(x)) / (x[-1] - x[0])
        return np.asarray(np.sqrt(square))


@dataclass(frozen=True)
class PeakToPeak(Windowed):
    """Largest less smallest value of a signal.

    Parameters
    ----------
    signal
        ``"v(out)"``.
    start, stop
        Window in the unit of the axis.
    analysis
        Name of the ``.tran`` or ``.dc``; None: the only one.

    Notes
    -----
    The signal's unit. Taken from the engine's points: a peak between two of them is not guessed.
    """

    name: ClassVar[str] = "peak_to_peak"
    kinds: ClassVar[tuple[str, ...]] = ("tran", "dc")

    @property
    def long_name(self) -> str:
        """What stands on the axis of a figure."""
        return f"peak-to-peak value of {self.signal}"

    def compute(self, x: NDArray[np.float64], *rows: NDArray[Any]) -> NDArray[np.float64]:
        """Compute from C-contiguous rows."""
        _, y = self.cut(x, rows[0])
        return np.asarray(np.max(y, axis=1) - np.min(y, axis=1))


@dataclass(frozen=True)
class ValueAt(SignalMeasure):
    """Value of a signal at one point of its axis.

    Parameters
    ----------
    signal
        ``"v(out)"``, ``"@m1[gm]"``, ``"onoise_total"``.
    x
        Time in seconds, frequency in hertz, or the swept value; None for ``.op`` and
        ``noise_total``, which have no axis. NaN outside the axis.
    part
        Of a complex signal: ``"magnitude"``, ``"db"``, ``"phase"`` (degrees, unwrapped from the
        lowest frequency), ``"real"`` or ``"imag"``.
    analysis
        Name of the analysis; None: the only one that fits.

    Notes
    -----
    A straight line between two points; over log frequency for ``.ac`` and ``.noise``, where
    magnitudes go in decibels.
    """

    x: float | None = None
    part: str = "magnitude"

    name: ClassVar[str] = "value_at"
    kinds: ClassVar[tuple[str, ...]] = ("op", "dc", "ac", "tran", "noise", "noise_total")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.part not in _PARTS:
            raise MeasureError(
                f"measure.value_at: part is one of {', '.join(_PARTS)}, not {self.part!r}."
            )

    @property
    def fitting(self) -> tuple[str, ...]:
        """Those with an axis where `x` is given, those without where it is not."""
        if self.x is None:
            return ("noise_total",) if self.signal.endswith("_total") else ("op",)
        if self.signal.startswith(("onoise", "inoise")):
            return ("noise",)
        return ("ac",) if self.part != "magnitude" else ("dc", "ac", "tran")

    @property
    def unit(self) -> str:
        """The signal's, decibels or degrees."""
        return {"db": "dB", "phase": "deg"}.get(self.part, super().unit)

    @property
    def long_name(self) -> str:
        """What stands on the axis of a figure."""
        what = {"magnitude": "", "db": ""}.get(self.part, f"{self.part} of ")
        return f"{what}{self.signal}" + ("" if self.x is None else f" at {self.x:g}")

    def compute(self, x: NDArray[np.float64], *rows: NDArray[Any]) -> NDArray[np.float64]:
        """Compute from C-contiguous rows."""
        y = rows[0]
        if self.x is None:
            return np.asarray(y[:, 0], dtype=np.float64)
        spectrum = self.signal.startswith(("onoise", "inoise"))
        if not (np.iscomplexobj(y) or spectrum):
            return value_at(x, y, self.x)
        if self.part == "phase":
            return value_at(x, phase_degrees(y), self.x, log=True)
        if self.part in {"real", "imag"}:
            return value_at(x, np.ascontiguousarray(getattr(y, self.part)), self.x, log=True)
        power = np.log(squared(y))
        value = value_at(x, power, self.x, log=True)
        return value * (10.0 / np.log(10.0)) if self.part == "db" else np.exp(0.5 * value)
