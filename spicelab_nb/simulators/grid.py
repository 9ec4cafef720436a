"""The one time grid on which kept transient waveforms lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spicelab_nb.circuits.numbers import parse_number
from spicelab_nb.errors import CircuitError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["time_grid"]

MOST_POINTS = 1_000_000


def time_grid(command: str) -> NDArray[np.float64]:
    """Give the times that a transient analysis asks to be printed at.

    ngspice chooses time points of its own, other ones for each sample; kept waveforms are
    interpolated linearly onto this grid. Measures are computed on the engine's own points.

    Parameters
    ----------
    command
        ``"tran tstep tstop [tstart [tmax]] [uic]"``, numbers as in SPICE.

    Returns
    -------
    ndarray
        ``(points,)`` seconds: ``tstart + k * tstep`` up to ``tstop``.

    Raises
    ------
    CircuitError
        The step does not fit the stop time, or there would be more than a million points.
    """
    words = [w for w in command.split()[1:] if w.lower() != "uic"]
    if len(words) < 2:
        raise CircuitError(f".{command}: a transient analysis has a step and a stop time.")
    step, stop, start = (_number(command, word) for word in [*words, "0"][:3])
    if not (step > 0 and stop > start):
        raise CircuitError(f".{command}: the step must be positive and the stop after the start.")
    # A tolerance of a millionth of a step: 10m/10u is 999.9999999999999 in binary.
    points = int((stop - start) / step + 1e-6) + 1
    if points > MOST_POINTS:
        raise CircuitError(
            f".{command} asks for {points} points of each kept waveform; keep nothing, or give "
            f"a larger step: {MOST_POINTS} points are the most."
        )
    return start + step * np.arange(points, dtype=np.float64)


def _number(command: str, word: str) -> float:
    value = parse_number(word)
    if value is None:
        raise CircuitError(
            f".{command}: to keep waveforms their time grid must be plain numbers, not {word!r}."
        )
    return value
