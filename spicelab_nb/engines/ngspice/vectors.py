"""Names, axes and completeness of what ngspice computed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Sweep", "canonical_name", "save_commands", "spice_number", "sweeps"]

_SCALES = {
    "t": 1e12, "g": 1e9, "meg": 1e6, "x": 1e6, "k": 1e3, "mil": 25.4e-6, "m": 1e-3, "u": 1e-6,
    "n": 1e-9, "p": 1e-12, "f": 1e-15, "a": 1e-18,
}  # fmt: skip
_NUMBER = re.compile(
    r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(meg|mil|[tgxkmunpfa])?[a-z]*$", re.IGNORECASE
)
_PLAIN = re.compile(r"[\w./#:+$&\[\]-]+$")
CONVERGED = 1e-6
"""Relative slack in the question whether a sweep reached its end."""


def spice_number(text: str) -> float:
    """Value of a number with a SPICE suffix; raises ValueError."""
    match = _NUMBER.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a number")
    suffix = (match.group(2) or "").lower()
    return float(match.group(1)) * _SCALES.get(suffix, 1.0)


def canonical_name(name: str) -> str:
    """Name of a signal as :class:`~spicelab_nb.engines.engine.Plot` has it.

    >>> [canonical_name(n) for n in ("out", "V(1)", "v1#branch", "@m1[gm]", "onoise_spectrum")]
    ['v(out)', 'v(1)', 'i(v1)', '@m1[gm]', 'onoise_spectrum']
    """
    name = name.lower()
    if name.endswith("#branch"):
        return f"i({name[:-7]})"
    if name.startswith(("@", "onoise", "inoise")):
        return name
    if name.startswith("v(") and name.endswith(")"):
        return name
    if name.count("(") > name.count(")"):
        name += ")"  # the engine takes the last bracket of Net-(R1-Pad2) for a separator
    return f"v({name})"


def save_commands(signals: Sequence[str]) -> list[str]:
    """Commands that make the engine keep these signals, each short enough.

    A node whose name holds brackets, as KiCad's do, cannot be named in ``save``: everything is
    kept then, and the device parameters as well.
    """
    if not signals:
        return []
    plain = all(_PLAIN.match(s) if s.startswith("@") else _PLAIN.match(s[2:-1]) for s in signals)
    wanted = list(signals) if plain else ["all", *(s for s in signals if s.startswith("@"))]
    commands = []
    line = "save"
    for signal in wanted:
        if len(line) + len(signal) > 900:
            commands.append(line)
            line = "save"
        line += f" {signal}"
    commands.append(line)
    return commands


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """One swept quantity as an analysis line states it.

    Parameters
    ----------
    name
        ``"frequency"``, ``"time"``, or the swept source in lower case.
    start, stop, step
        As given; `step` is the number of points for a frequency sweep.
    spacing
        ``"dec"``, ``"oct"``, ``"lin"`` for frequencies, else ``""``.
    """

    name: str
    start: float
    stop: float
    step: float
    spacing: str = ""

    def values(self) -> NDArray[np.float64]:
        """Points of a ``dc`` sweep, summed up as the engine does it."""
        offset = 273.15 if self.name == "temp" else 0.0
        value, found = self.start + offset, []
        sign = np.sign(self.step)
        while sign * (value - offset - self.stop) <= 2.220446049250313e-13:
            found.append(value - offset)
            value += self.step
        return np.array(found)

    def complete(self, axis: NDArray[np.float64]) -> bool:
        """Whether an axis that was computed reaches the end of the sweep."""
        if not len(axis):
            return False
        last = float(axis[-1])
        if self.spacing == "lin":
            return len(axis) == max(int(self.step), 1)
        if self.spacing:
            base = 10.0 if self.spacing == "dec" else 2.0
            # The next point would lie beyond the end; one that lies on it is missing.
            return bool(last * base ** (1 / self.step) > self.stop * (1 + CONVERGED))
        if self.name == "time":
            return last >= self.stop * (1 - CONVERGED)
        slack = abs(self.step) * CONVERGED
        return bool((self.stop - last) * np.sign(self.step) < abs(self.step) - slack)


def sweeps(kind: str, command: str) -> tuple[Sweep, ...]:
    """What an analysis line sweeps, innermost first.

    Raises
    ------
    ValueError
        The line is not one that ends: a step of 0 or of the wrong sign runs for ever in ngspice.
    """
    words = command.replace(",", " ").split()
    fault = "is not complete"
    try:
        found = _sweeps(kind, words[1:])
        fault = _endless(found) if words and words[0].lower() == kind else f"is no .{kind} line"
    except IndexError:
        found = ()
    except ValueError as error:
        found, fault = (), f"cannot be read: {error}"
    if fault:
        raise ValueError(f"{command!r} {fault}.")
    return found


def _sweeps(kind: str, words: list[str]) -> tuple[Sweep, ...]:
    if kind == "tran":
        step, stop = spice_number(words[0]), spice_number(words[1])
        later = [w for w in words[2:3] if w.lower() != "uic"]
        start = spice_number(later[0]) if later else 0.0
        return (Sweep(name="time", start=start, stop=stop, step=step),)
    if kind in {"ac", "noise"}:
        spacing, count, start_text, stop_text = _frequency_words(words)
        return (
            Sweep(
                name="frequency",
                start=spice_number(start_text),
                stop=spice_number(stop_text),
                step=spice_number(count),
                spacing=spacing.lower(),
            ),
        )
    if kind == "dc":
        nested = []
        for place in range(0, len(words), 4):
            low, high, step = (spice_number(words[place + i]) for i in (1, 2, 3))
            nested.append(Sweep(name=words[place].lower(), start=low, stop=high, step=step))
        return (nested[0], *nested[1:])
    return ()


def _endless(found: tuple[Sweep, ...]) -> str:
    for sweep in found:
        if sweep.name == "frequency" and (sweep.step < 1 or sweep.stop < sweep.start):
            return "has no point: mind the number of points, and which end comes first"
        if sweep.name in {"frequency", "time"}:
            continue
        if sweep.step == 0 or (sweep.stop - sweep.start) * sweep.step < 0:
            return "would never end: its step does not lead from the start to the stop"
    return "" if len(found) <= 2 else "sweeps more than two things"


def _frequency_words(words: list[str]) -> tuple[str, str, str, str]:
    """Find the sweep in ``dec 10 1 1k`` and in ``v(out , ref) src dec 10 1 1k [summary]``."""
    for place, word in enumerate(words):
        if word.lower() in {"dec", "oct", "lin"}:
            return word, words[place + 1], words[place + 2], words[place + 3]
    raise IndexError
