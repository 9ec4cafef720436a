"""neospice, the embedded engine: a wheel, so that a machine without libngspice still simulates.

It is younger than ngspice and drops what it does not understand with a printed warning. Here such
a warning is a failure: better no answer than one to another circuit.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.engines.host import PointError, RawPlot
from spicelab_nb.engines.hosted import HostedEngine
from spicelab_nb.engines.ngspice.vectors import sweeps
from spicelab_nb.errors import EngineNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spicelab_nb.engines.engine import Analysis, Deck
    from spicelab_nb.engines.ngspice.vectors import Sweep

__all__ = ["Neospice", "NeospiceBackend"]

_RANDOM = re.compile(r"\b(?:agauss|gauss|aunif|unif|limit|sgauss|rgauss|sunif)\s*\(", re.IGNORECASE)
_INCLUDE = re.compile(
    r"^\s*\.(?:inc|include|lib)\s+(\"[^\"]+\"|'[^']+'|\S+)(.*)$", re.IGNORECASE | re.MULTILINE
)
_WAVEFORM = re.compile(r"\b(?:sin|pulse|pwl|exp|sffm|am|trnoise|trrandom)\b", re.IGNORECASE)
_DROPPED = re.compile(r"skipping|defaulting|ignor|unknown|\berror\b|unsupported", re.IGNORECASE)


def _swept_sources(deck: Deck) -> list[str]:
    """Names that ``.dc`` cards sweep, lower case."""
    commands = (a.command.lower().split() for a in deck.analyses if a.kind == "dc")
    return [word for command in commands for word in command[1::4]]


def _has_waveform(text: str, source: str) -> bool:
    """Whether the card of an independent source, with what continues it, gives a waveform."""
    # Comments and empty lines may stand between the two.
    joined = re.sub(r"\n(?:[ \t]*(?:\*.*)?\n)*[ \t]*\+", " ", text.replace("\r\n", "\n"))
    card = re.search(rf"^[ \t]*{re.escape(source)}[ \t].*$", joined, re.IGNORECASE | re.MULTILINE)
    return card is not None and bool(_WAVEFORM.search(card.group()))


class Neospice(HostedEngine):
    """neospice in a host process of its own.

    It loads each point's deck afresh (``alters`` is False), and fails a deck that has ``.meas``
    lines, set-up commands, Verilog-A models, numbers drawn by the deck or saved device parameters.

    Raises
    ------
    EngineNotFoundError
        The package is not installed.
    """

    def __init__(self) -> None:
        if importlib.util.find_spec("neospice") is None:
            raise EngineNotFoundError("neospice is not installed: pip install neospice")
        super().__init__(
            name="neospice", version=importlib.metadata.version("neospice"), alters=False
        )


class NeospiceBackend:
    """The package inside the host process."""

    def __init__(self) -> None:
        import neospice

        self.neospice: Any = neospice
        self.deck: Deck | None = None
        self.log: tuple[str, ...] = ()
        self.tasks: list[tuple[Analysis, tuple[Sweep, ...]]] = []

    def take_log(self) -> tuple[str, ...]:
        """Last lines printed for the last point."""
        return self.log

    def forget(self) -> None:
        """Let go of the lines."""
        self.log = ()

    def suspicious(self) -> bool:
        """Whether the last point left traces: it cannot, every analysis parses anew."""
        return False

    def load(self, deck: Deck, seed: int | None) -> None:
        """Check that this engine can do what the deck asks."""
        del seed  # a deck that draws numbers is refused below
        texts = [deck.text, *(c.decode(errors="replace") for c in deck.files.values())]
        refusals = {
            "runs no set-up commands": bool(deck.setup),
            "loads no compiled Verilog-A models": bool(deck.osdi),
            "does not run every .meas line (take measures in Python)": bool(deck.meas),
            "returns no device parameters": any(s.startswith("@") for s in deck.save),
            "cannot repeat numbers that the deck draws itself": any(map(_RANDOM.search, texts)),
            "does not sweep a source that has a waveform (it stays at the waveform's start)": any(
                _has_waveform(text, source) for source in _swept_sources(deck) for text in texts
            ),
        }
        for what, is_so in refusals.items():
            if is_so:
                raise PointError(f"neospice {what}; install ngspice: apt-get install libngspice0")
        self._require_includes(deck)
        try:
            self.tasks = [(a, sweeps(a.kind, a.command)) for a in deck.analyses]
        except ValueError as error:
            raise PointError(str(error)) from None
        self.deck = deck

    def _require_includes(self, deck: Deck) -> None:
        """Refuse a missing include: neospice leaves it out without a word."""
        texts = [("", deck.text)]
        texts += [(k, v.decode(errors="replace")) for k, v in deck.files.items()]
        for place, text in texts:
            is_library = re.search(r"^\s*\.endl", text, re.IGNORECASE | re.MULTILINE)
            for match in _INCLUDE.finditer(text):
                path = match.group(1).strip("\"'")
                if is_library and not match.group(2).strip():
                    continue  # `.lib tt` opens a section
                beside = os.path.normpath(Path(place).parent / path)
                if not {path, os.path.normpath(path), beside} & set(deck.files):
                    raise PointError(f"The deck includes {path!r}, and there is no such file.")

    def simulate(self, commands: Sequence[str]) -> tuple[list[RawPlot], dict[str, float]]:
        """Run each analysis by itself: of several in one deck, neospice returns one only."""
        del commands  # refused before they are sent
        assert self.deck is not None  # noqa: S101 - the host loads before it simulates
        plots: list[RawPlot] = []
        for analysis, swept in self.tasks:
            plots += self._analyse(self.deck, analysis, swept)
        return plots, {}

    def _analyse(self, deck: Deck, analysis: Analysis, swept: tuple[Sweep, ...]) -> list[RawPlot]:
        lines = deck.text.splitlines()
        end = next((i for i, line in enumerate(lines) if line.strip().lower() == ".end"), None)
        lines = [*lines[:end], f".{analysis.command}", ".end"]
        Path("deck.cir").write_text("\n".join(lines) + "\n")
        os.ftruncate(2, 0)
        os.lseek(2, 0, os.SEEK_SET)
        fault = ""
        found: Any = None
        try:
            simulator = self.neospice.Simulator()
            found = simulator.run(simulator.load("deck.cir"))
        except (RuntimeError, ValueError, KeyError, IndexError, TypeError) as error:
            fault = str(error)
        said = Path("../stderr").read_text(errors="replace").splitlines()
        self.log = tuple(said[-40:])
        dropped = next((s for s in said if _DROPPED.search(s)), "")
        if fault or dropped:
            raise PointError(f"{analysis.name}: {fault or dropped}")
        try:
            return self._read(deck, analysis, swept, found)
        except (RuntimeError, ValueError, KeyError, IndexError, TypeError) as error:
            raise PointError(f"{analysis.name}: {error}") from None

    def _read(
        self, deck: Deck, analysis: Analysis, swept: tuple[Sweep, ...], found: Any
    ) -> list[RawPlot]:
        name, kind = analysis.name, analysis.kind
        result = {
            "op": found.dc,
            "dc": found.dc_sweep,
            "ac": found.ac,
            "tran": found.transient,
            "noise": found.noise,
        }[kind]
        if result is None:
            raise PointError(f"{name}: neospice gave no result.")
        if not result.status.converged:
            raise PointError(f"{name}: neospice did not converge.")
        if kind == "noise":
            return _noise(name, result, swept[0])
        axes: list[np.ndarray[Any, Any]] = []
        scale: tuple[str, ...] = ()
        if kind == "dc":
            axes = [s.values() for s in reversed(swept)]
            scale = tuple(s.name for s in reversed(swept))
            if len(result.sweep_values) != int(np.prod([len(a) for a in axes])):
                raise PointError(f"{name}: the sweep broke off.")
        elif kind in {"ac", "tran"}:
            scale = ("frequency",) if kind == "ac" else ("time",)
            axes = [np.asarray(result.frequency if kind == "ac" else result.time)]
            if not swept[0].complete(axes[0]):
                raise PointError(f"{name}: the sweep broke off after {len(axes[0])} points.")
        given = {s.lower(): s for s in result.signal_names()}
        wanted = list(dict.fromkeys(s.lower() for s in deck.save)) or sorted(given)
        missing = [s for s in wanted if s not in given]
        if missing:
            raise PointError(f"{name}: neospice gave no {', '.join(missing)}.")
        values = [
            (result.current if s.startswith("i(") else result.voltage)(given[s][2:-1])
            for s in wanted
        ]
        return [_plot(name, kind, scale, axes, dict(zip(wanted, values, strict=True)))]


def _noise(name: str, result: Any, sweep: Sweep) -> list[RawPlot]:
    frequency = np.asarray(result.frequency)
    if not sweep.complete(frequency):
        raise PointError(f"{name}: the sweep broke off after {len(frequency)} points.")
    low, high = float(frequency[0]), float(frequency[-1])
    spectra = {
        "inoise_spectrum": result.input_noise_sqrt(),
        "onoise_spectrum": result.output_noise_sqrt(),
    }
    totals = {
        "inoise_total": result.integrated_input_noise(low, high),
        "onoise_total": result.integrated_output_noise(low, high),
    }
    return [
        _plot(name, "noise", ("frequency",), [frequency], spectra),
        _plot(f"{name}_total", "noise_total", (), [], totals),
    ]


def _plot(
    name: str,
    kind: str,
    scale: tuple[str, ...],
    axes: list[np.ndarray[Any, Any]],
    vectors: dict[str, Any],
) -> RawPlot:
    lengths = tuple(len(a) for a in axes)
    count = int(np.prod(lengths)) if lengths else 1
    is_complex = kind == "ac"
    swept = b"".join(np.ascontiguousarray(a, dtype=np.float64).tobytes() for a in axes)
    parts = []
    for signal, vector in vectors.items():
        block = np.ascontiguousarray(vector, dtype=np.complex128 if is_complex else np.float64)
        if block.size != count:
            raise PointError(f"{name}: {signal} has {block.size} of {count} points.")
        if not np.isfinite(block).all():
            raise PointError(f"{name}: {signal} is not finite.")
        parts.append(block.tobytes())
    return RawPlot((name, kind, scale, tuple(vectors), is_complex), lengths, swept, b"".join(parts))
