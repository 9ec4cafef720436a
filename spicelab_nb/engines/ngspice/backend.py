"""libngspice inside the host process: decks in, bytes of vectors or a reason out.

The library says 0 to nearly everything, keeps what was there before, and prints. So nothing here
counts as done because nothing complained: a result is taken only from a plot that was not there
before, with the vectors asked for, as long as the sweep should be, and finite.
"""

from __future__ import annotations

import ctypes
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spicelab_nb.engines.host import EngineQuitError, PointError, ProcessLostError, RawPlot
from spicelab_nb.engines.ngspice.library import Library, Vector
from spicelab_nb.engines.ngspice.measures import (
    expression_cards,
    measured_signals,
    parse_measures,
    run_measures,
)
from spicelab_nb.engines.ngspice.messages import (
    analysis_fault,
    command_fault,
    last_lines,
    load_fault,
    missing_value,
)
from spicelab_nb.engines.ngspice.vectors import Sweep, canonical_name, save_commands, sweeps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from spicelab_nb.engines.engine import Analysis, Deck
    from spicelab_nb.engines.ngspice.measures import Measure

__all__ = ["NgspiceBackend"]

MOST_LINES = 20_000
LONGEST_LINE = 950
"""Bytes of commands that are told in one line; the library cuts lines of 1024 silently."""
OPERATING = b"op1"
"""The plot that an ``.ac`` leaves its operating point in, where it is asked to keep it."""
_REAL = 1
_SUSPICIOUS = re.compile(rb"singular matrix|gmin stepping|source stepping|Transient op", re.I)


@dataclass(slots=True)
class _Shape:
    """What an analysis's plot looked like the first time, so that it need not be asked again.

    `swept` is the swept vector of the last point, and the rest the axes that it stands for.
    """

    scale: bytes
    vectors: tuple[bytes, ...]
    layout: tuple[str, str, tuple[str, ...], tuple[str, ...], bool]
    swept: bytes = b""
    lengths: tuple[int, ...] = ()
    length: int = 1
    axes: bytes = b""


@dataclass(slots=True)
class _Task:
    """One analysis of the loaded deck; `begins` is the ``.op`` that an ``.ac`` gives as well."""

    analysis: Analysis
    command: bytes
    sweep: tuple[Sweep, ...]
    saves: tuple[bytes, ...]
    wanted: tuple[str, ...]
    measured: bool
    shapes: dict[bytes, _Shape]
    begins: _Task | None = None


class NgspiceBackend:
    """The library, the deck that is loaded, and the lines printed since the last point."""

    def __init__(self, path: str) -> None:
        self.lines: list[bytes] = []
        self.complained = False
        self.ended: bool | None = None
        # Results are judged here by their bits, not by warnings of whoever adds them up.
        np.seterr(all="ignore")
        self.library = Library(path, self._printed, self._ended)
        self.setup: tuple[str, ...] | None = None
        self.deck: Deck | None = None
        self.usual: frozenset[bytes] = frozenset()
        self.tasks: list[_Task] = []
        self.measures: tuple[Measure, ...] = ()
        self.devices: tuple[str, ...] = ()
        self.saved: tuple[bytes, ...] | None = None
        # Each command stays in the library's memory, 160 bytes to 3 kB, until it is told to let go
        # of them; older libraries take that for a command.
        banner = re.search(rb"ngspice-(\d+)", b" ".join(self.lines))
        self.frees_commands = banner is not None and int(banner.group(1)) >= 34
        # norefvalue: else it asks the system for the time at every point that it computes, to
        # print where it is every quarter of a second: a quarter of a small .ac.
        self._say("set num_threads=1", "set noinit", "set nomoremode", "set norefvalue")
        self.forget()

    def _printed(self, line: bytes, _ident: int, _data: object) -> int:
        lines = self.lines
        if line[3:4] == b"e":  # stderr, not stdout
            self.complained = True
        if len(lines) > MOST_LINES:
            del lines[MOST_LINES // 4 : MOST_LINES // 2]
        lines.append(line)
        return 0

    def _ended(self, asked: bool) -> None:
        # An error that ends the engine also reports; a quit that was asked for stays one.
        self.ended = bool(asked) or bool(self.ended)

    def take_log(self) -> tuple[str, ...]:
        """Last lines printed for the last point."""
        return last_lines(self.lines)

    def forget(self) -> None:
        """Let go of the lines, and let the library let go of its commands."""
        self.lines.clear()
        self.complained = False
        if self.frees_commands:
            self.library.command(None)

    def suspicious(self) -> bool:
        """Whether the last point needed help to converge.

        The matrix keeps the order of its pivots then, and the next point would start elsewhere
        than on a circuit just loaded.
        """
        return self.complained and any(
            line[:6] == b"stderr" and _SUSPICIOUS.search(line) for line in self.lines
        )

    def _say(self, *commands: str | bytes) -> None:
        for command in commands:
            self.library.command(command if isinstance(command, bytes) else command.encode())
            if self.ended is not None:
                self._stop()

    def _stop(self) -> None:
        if self.ended:
            raise EngineQuitError
        reason = load_fault(self.lines) or "ngspice gave up."
        raise ProcessLostError(f"ngspice cannot go on: {reason}")

    def load(self, deck: Deck, seed: int | None) -> None:
        """Load a deck afresh; nothing of a former one is left."""
        self.lines.clear()
        if self.deck is not None:
            self._say("destroy all", "delete all", "remcirc")
        self.deck, self.saved, self.tasks = None, None, []
        self.lines.clear()
        try:
            self.measures = parse_measures(deck.meas)
            tasks = self._plan(deck)
        except ValueError as error:
            raise PointError(str(error)) from None
        self._prepare(deck)
        if seed is not None:
            self._say(f"setseed {seed % 2147483647 + 1}")
        lines = deck.text.splitlines()
        cards = expression_cards(self.measures)
        if any(task.begins for task in tasks):
            cards.append(".option keepopinfo")
        if cards:
            end = next(
                (i for i, line in enumerate(lines) if line.strip().lower() == ".end"), len(lines)
            )
            lines[end:end] = cards
        if not lines or lines[-1].strip().lower() != ".end":
            lines.append(".end")
        self.library.circuit([line.encode() for line in lines])
        if self.ended is not None:
            self._stop()
        fault = load_fault(self.lines)
        if fault:
            raise PointError(f"ngspice did not load the deck: {fault}")
        if self.library.plot() != b"const":  # of a .control block: nothing that was asked for
            self._say("destroy all")
        self.usual = frozenset(self.lines)
        self.deck, self.tasks = deck, tasks
        self.devices = tuple(s.lower() for s in deck.save if s.startswith("@"))

    def _prepare(self, deck: Deck) -> None:
        """Give the set-up commands, once a process: they cannot be taken back."""
        if self.setup is not None:
            return
        start = len(self.lines)
        paths = (str(Path(path).resolve()) for path in deck.osdi)
        self._say(*deck.setup, *(f"osdi {path}" for path in paths))
        fault = command_fault(self.lines[start:], ())
        if fault:
            raise ProcessLostError(f"ngspice refused the set-up: {fault}")
        self.setup = deck.setup

    def _plan(self, deck: Deck) -> list[_Task]:
        wanted = tuple(dict.fromkeys(s.lower() for s in deck.save))
        for analysis in deck.analyses:
            if analysis.kind == "noise":
                _require_output(deck, analysis)
        seen: set[str] = set()
        tasks = []
        for analysis in deck.analyses:
            kept: tuple[bytes, ...] = ()
            if wanted and analysis.kind != "noise":
                more = [s for s in measured_signals(self.measures) if s not in wanted]
                kept = tuple(c.encode() for c in save_commands((*wanted, *more)))
            first = analysis.kind not in seen
            seen.add(analysis.kind)
            tasks.append(
                _Task(
                    analysis=analysis,
                    # The engine folds the case of decks, not of commands.
                    command=analysis.command.lower().encode(),
                    sweep=sweeps(analysis.kind, analysis.command),
                    saves=kept,
                    wanted=wanted,
                    measured=first and any(m.kind == analysis.kind for m in self.measures),
                    shapes={},
                )
            )
        return _joined(tasks)

    def simulate(self, commands: Sequence[str]) -> tuple[list[RawPlot], dict[str, float]]:
        """Apply commands, run each analysis, read its plot."""
        assert self.deck is not None  # noqa: S101 - the host loads before it simulates
        if commands:
            self._apply(commands)
        plots: list[RawPlot] = []
        measured: dict[str, float] = {}
        for task in self.tasks:
            plots += self._analyse(task, measured)
        if self.devices:
            self._require_devices(plots)
        for measure in self.measures:
            measured.setdefault(measure.name, float("nan"))
        return plots, measured

    def _apply(self, commands: Sequence[str]) -> None:
        start = len(self.lines)
        line = "; ".join(commands).lower().encode()
        if len(line) <= LONGEST_LINE:
            self._say(line)
        else:
            self._say_many(commands)
        if len(self.lines) > start:
            fault = command_fault(self.lines[start:], self.usual)
            if fault:
                raise PointError(f"ngspice did not set the values: {fault}")
        if "reset" in commands:
            self.saved = None

    def _say_many(self, commands: Sequence[str]) -> None:
        line = b""
        for command in commands:
            told = command.lower().encode()
            if line and len(line) + len(told) + 2 > LONGEST_LINE:
                self._say(line)
                line = b""
            line = line + b"; " + told if line else told
        self._say(line)

    def _analyse(self, task: _Task, measured: dict[str, float]) -> list[RawPlot]:
        library, name = self.library, task.analysis.name
        if task.saves != self.saved:
            self._say("delete all", *task.saves)
            self.saved = task.saves
        start = len(self.lines)
        self._say(task.command)
        fault = self._fault(task, self.lines[start:]) if self.complained else ""
        if fault:
            self._say("destroy all")
            if task.begins:  # where it is the operating point that fails, it says more by itself
                self._analyse(task.begins, {})
            raise PointError(f"{name}: {fault}")
        plot = library.plot()
        if plot in {b"const", b""}:
            raise PointError(f"{name}: ngspice gave no result.")
        if task.measured:
            run_measures(
                library, plot, task.analysis.kind, self.measures, measured,
                lambda: len(self.lines), self._meas_failed,
            )  # fmt: skip
        try:
            if task.analysis.kind == "noise":
                found = self._noise(task)
            else:
                found = [self._read(task, plot, name, task.analysis.kind)]
                if task.begins:
                    found.insert(
                        0, self._read(task.begins, OPERATING, task.begins.analysis.name, "op")
                    )
        finally:
            library.command(b"destroy all")
        return found

    def _fault(self, task: _Task, printed: list[bytes]) -> str:
        if not any(line[:6] == b"stderr" for line in printed):
            return ""
        assert self.deck is not None  # noqa: S101 - loaded before it is analysed
        fault = analysis_fault(printed) or missing_value(printed, self.deck.text)
        if fault and task.wanted and any(b"no data saved" in line for line in printed):
            fault = f"ngspice gave no {', '.join(task.wanted)}."
        return fault

    def _meas_failed(self, start: int) -> bool:
        return any(b"failed" in line or b"rror" in line for line in self.lines[start:])

    def _noise(self, task: _Task) -> list[RawPlot]:
        name = task.analysis.name
        spectra: bytes | None = None
        totals: bytes | None = None
        for plot in self.library.plots():
            if b"frequency" in self.library.names(plot):
                spectra = plot
            else:
                totals = plot
        if spectra is None or totals is None:
            raise PointError(f"{name}: ngspice gave no noise.")
        return [
            self._read(task, spectra, name, "noise"),
            self._read(task, totals, f"{name}_total", "noise_total"),
        ]

    def _read(self, task: _Task, plot: bytes, name: str, kind: str) -> RawPlot:
        shape = task.shapes.get(plot)
        if shape is None:
            shape = task.shapes[plot] = self._shape(task, plot, name, kind)
        if shape.scale:
            self._read_axes(task, shape, name)
        length = shape.length
        is_complex = shape.layout[4]
        values = []
        for vector_name in shape.vectors:
            vector = self._vector(vector_name, name)
            if vector.length != length:
                raise PointError(
                    f"{name}: {vector_name.decode()} has {vector.length} of {length} points."
                )
            place = vector.complex if is_complex else vector.real
            if place is None:
                raise PointError(f"{name}: {vector_name.decode()} holds nothing.")
            values.append(ctypes.string_at(place, (16 if is_complex else 8) * length))
        data = values[0] if len(values) == 1 else b"".join(values)
        numbers = np.frombuffer(data)
        # One sum tells for a hundredth of the price; only an odd one is looked at closely.
        if not math.isfinite(np.add.reduce(numbers)) and not np.isfinite(numbers).all():
            where = int(np.flatnonzero(~np.isfinite(numbers))[0])
            bad = shape.layout[3][where // (length * (2 if is_complex else 1))]
            raise PointError(f"{name}: {bad} is not finite.")
        return RawPlot(shape.layout, shape.lengths, shape.axes, data)

    def _vector(self, name: bytes, analysis: str) -> Vector:
        vector = self.library.vector(name)
        if vector is None:
            raise PointError(f"{analysis}: ngspice gave no {name.partition(b'.')[2].decode()}.")
        return vector

    def _read_axes(self, task: _Task, shape: _Shape, name: str) -> None:
        """Look at the swept vector, closely where it is not what it was for the last point."""
        scale = self._vector(shape.scale, name)
        count = scale.length
        if not count:
            raise PointError(f"{name}: ngspice computed no point.")
        if scale.flags & _REAL:
            swept = ctypes.string_at(scale.real or 0, 8 * count)
        else:
            # The imaginary part of ngspice's frequency is memory that nobody wrote.
            swept = np.frombuffer(ctypes.string_at(scale.complex or 0, 16 * count))[::2].tobytes()
        if swept == shape.swept:
            return
        shape.swept = b""
        axes = _axes(task, np.frombuffer(swept), name)
        shape.lengths = tuple(len(a) for a in axes)
        shape.length = math.prod(shape.lengths)
        shape.axes = b"".join(a.tobytes() for a in axes)
        shape.swept = swept

    def _shape(self, task: _Task, plot: bytes, name: str, kind: str) -> _Shape:
        scale = b""
        vectors: dict[str, bytes] = {}
        is_complex = kind == "ac"
        for raw in self.library.names(plot):
            full = plot + b"." + raw
            if (
                (kind in {"ac", "noise"} and raw == b"frequency")
                or (kind == "tran" and raw == b"time")
                or (kind == "dc" and raw.endswith(b"-sweep"))
            ):
                scale = full
            elif not raw.startswith(b"sl_"):
                vector = self._vector(full, name)
                signal = canonical_name(raw.decode(errors="replace"))
                if vector.length or not signal.startswith("@"):
                    vectors[signal] = full
        if not scale and kind not in {"op", "noise_total"}:
            raise PointError(f"{name}: ngspice gave no axis.")
        if task.wanted and not kind.startswith("noise"):
            missing = [s for s in task.wanted if s not in vectors and not s.startswith("@")]
            if missing:
                raise PointError(f"{name}: ngspice gave no {', '.join(missing)}.")
            vectors = {s: vectors[s] for s in task.wanted if s in vectors}
        else:
            vectors = dict(sorted(vectors.items()))
        names: tuple[str, ...] = ()
        if kind == "dc":
            names = tuple(s.name for s in reversed(task.sweep))
        elif scale:
            names = (scale.partition(b".")[2].decode(),)
        return _Shape(
            scale=scale,
            vectors=tuple(vectors.values()),
            layout=(name, kind, names, tuple(vectors), is_complex),
        )

    def _require_devices(self, plots: Sequence[RawPlot]) -> None:
        """Refuse a device parameter that no analysis gave; an .ac rightly leaves some out."""
        given = {signal for plot in plots for signal in plot.layout[3]}
        for signal in self.devices:
            if signal not in given:
                raise PointError(f"No analysis gave {signal}: no such device or parameter.")


def _joined(tasks: list[_Task]) -> list[_Task]:
    """Leave an ``.op`` to the ``.ac`` behind it, which computes the very same one first.

    A deck with more than one of either, or with noise, is left alone: `OPERATING` would not be
    the only operating point then.
    """
    kinds = [task.analysis.kind for task in tasks]
    if "noise" in kinds or kinds.count("op") != 1 or kinds.count("ac") != 1:
        return tasks
    at = kinds.index("op")
    if kinds[at + 1 : at + 2] != ["ac"] or tasks[at].measured:
        return tasks
    operating_point = tasks.pop(at)
    tasks[at].begins = operating_point
    return tasks


def _require_output(deck: Deck, analysis: Analysis) -> None:
    """Refuse the noise of a node that does not exist: ngspice makes it and says 0.

    Raises
    ------
    ValueError
        No card of the deck or its files names the node.
    """
    inside = re.search(r"v\(([^)]*)\)", analysis.command, re.IGNORECASE)
    texts = (deck.text, *(c.decode(errors="replace") for c in deck.files.values()))
    for node in inside.group(1).split(",") if inside else []:
        name = re.escape(node.strip().rpartition(".")[2])
        if not any(re.search(rf"(?<![\w.]){name}(?![\w.])", t, re.IGNORECASE) for t in texts):
            raise ValueError(f"{analysis.command!r}: there is no node {node.strip()!r}.")


def _axes(task: _Task, axis: NDArray[np.float64], name: str) -> list[NDArray[np.float64]]:
    """Axes of a sweep that was computed, outermost first; raises PointError if it broke off."""
    count = len(axis)
    if not np.isfinite(axis).all():
        raise PointError(f"{name}: its axis is not finite.")
    inner, outer = task.sweep[0], task.sweep[1:]
    axes = [axis]
    if outer:
        again = np.flatnonzero(axis[1:] == axis[0])
        length = int(again[0]) + 1 if again.size else count
        above = outer[0].values()
        if length * len(above) != count or (axis.reshape(-1, length) != axis[:length]).any():
            raise PointError(f"{name}: the sweep broke off after {count} points.")
        axes = [above, axis[:length]]
    if not inner.complete(axes[-1]):
        raise PointError(
            f"{name}: the sweep broke off at {axes[-1][-1]:g} of {inner.stop:g}, "
            f"after {count} points."
        )
    return axes
