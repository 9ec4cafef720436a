"""What an engine and its host process tell each other: decks and points there, results back.

The results of a message come in groups of samples whose axes agree: one piece of memory for each
plot of a group, which the parent looks at as an array without copying it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.engines.engine import Analysis, Deck, Outcome, Plot, Status
from spicelab_nb.engines.stack import Row, Stack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spicelab_nb.engines.engine import Point

__all__ = ["Answer", "DeckReceiver", "DeckSender", "RawPlot", "ReplyReader", "ReplyWriter"]


@dataclass(slots=True)
class RawPlot:
    """One plot of one sample as bytes.

    Parameters
    ----------
    layout
        ``(analysis, kind, scale names, vector names, complex)``.
    lengths
        Length of each axis.
    axes
        The axes, one after the other, float64.
    data
        The vectors, one after the other, float64 or complex128.
    """

    layout: tuple[str, str, tuple[str, ...], tuple[str, ...], bool]
    lengths: tuple[int, ...]
    axes: bytes
    data: bytes


class DeckSender:
    """Packs decks; a file that the other end has under the same path is not sent again."""

    def __init__(self) -> None:
        self._sent: dict[str, bytes] = {}

    def pack(self, deck: Deck) -> tuple[Any, ...]:
        """Turn a deck into built-ins; decks have to arrive in the order of packing."""
        files = {
            path: None if self._sent.get(path) == content else content
            for path, content in deck.files.items()
        }
        self._sent = dict(deck.files)
        return (
            deck.text,
            files,
            tuple(deck.setup),
            tuple(deck.osdi),
            [(a.name, a.kind, a.command) for a in deck.analyses],
            tuple(deck.save),
            tuple(deck.meas),
        )

    def pack_points(self, points: Sequence[Point]) -> list[tuple[Any, ...]]:
        """Turn points into built-ins, the decks of their own included."""
        return [(p.commands, None if p.deck is None else self.pack(p.deck), p.seed) for p in points]


class DeckReceiver:
    """Unpacks what a :class:`DeckSender` packed."""

    def __init__(self) -> None:
        self._got: dict[str, bytes] = {}

    def unpack(self, packed: tuple[Any, ...]) -> Deck:
        """Make the deck; a file given as None is the one received last under that path."""
        text, files, setup, osdi, analyses, save, meas = packed
        contents = {k: self._got[k] if v is None else v for k, v in files.items()}
        self._got = contents
        return Deck(
            text=text,
            files=contents,
            setup=setup,
            osdi=osdi,
            analyses=tuple(Analysis(name=n, kind=k, command=c) for n, k, c in analyses),
            save=save,
            meas=meas,
        )


class ReplyWriter:
    """Collects the results of one message.

    Parameters
    ----------
    layouts
        Numbers of the layouts that the other end knows; it is added to.
    """

    def __init__(self, layouts: dict[Any, int]) -> None:
        self._layouts = layouts
        self._fresh: list[Any] = []
        self._cpu: list[float] = []
        self._failed: list[tuple[Any, ...]] = []
        self._groups: list[tuple[Any, ...]] = []
        self._key: list[Any] | None = None
        self._indices: list[int] = []
        self._meas: list[dict[str, float]] = []
        self._data: list[list[bytes]] = []

    def __len__(self) -> int:
        return len(self._cpu)

    def add(self, plots: list[RawPlot], meas: dict[str, float], cpu: float) -> None:
        """Add a point that is ok."""
        key = [(p.layout, p.lengths, p.axes) for p in plots]
        if key != self._key:
            self._end_group()
            self._key = key
            self._data = [[] for _ in plots]
        self._indices.append(len(self._cpu))
        self._meas.append(meas)
        for pieces, plot in zip(self._data, plots, strict=True):
            pieces.append(plot.data)
        self._cpu.append(cpu)

    def fail(self, reason: str, log: tuple[str, ...], cpu: float, *, base: bool) -> None:
        """Add a point that is not ok, or with `base` say why no point of the deck can be."""
        self._failed.append((len(self._cpu), reason, log, base))
        self._cpu.append(cpu)

    def _end_group(self) -> None:
        if self._key is None:
            return
        plots = []
        for (layout, lengths, axes), pieces in zip(self._key, self._data, strict=True):
            number = self._layouts.get(layout)
            if number is None:
                number = self._layouts[layout] = len(self._layouts)
                self._fresh.append(layout)
            plots.append((number, lengths, axes, b"".join(pieces)))
        meas = self._meas if any(self._meas) else None
        self._groups.append((self._indices, meas, plots))
        self._key, self._indices, self._meas = None, [], []

    def packed(self) -> tuple[Any, ...]:
        """Give all of it as built-ins."""
        self._end_group()
        return self._fresh, self._cpu, self._groups, self._failed


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host answered.

    Parameters
    ----------
    outcomes
        One for each point that was run, from the first on; perhaps fewer than were sent.
    base_failure
        Why the deck that the points share does not load, where that is so.
    """

    outcomes: list[Outcome]
    base_failure: Outcome | None


class ReplyReader:
    """Decodes what a :class:`ReplyWriter` packed, message by message."""

    def __init__(self) -> None:
        self._layouts: list[Any] = []

    def read(self, packed: tuple[Any, ...]) -> Answer:
        """Make outcomes; their vectors share the memory of the message."""
        fresh, cpu, groups, failed = packed
        self._layouts.extend(fresh)
        outcomes: list[Any] = [None] * len(cpu)
        ok = Status.OK
        nothing: dict[str, float] = {}
        for indices, meas, plots in groups:
            count = len(indices)
            made = [self._plot(count, *plot) for plot in plots]
            stack = Stack({plot.analysis: plot for plot in made}, count)
            measured = meas or [nothing] * count
            for place, (index, values) in enumerate(zip(indices, measured, strict=True)):
                outcomes[index] = Outcome(
                    status=ok, plots=Row(stack, place), meas=values, cpu=cpu[index]
                )
        base_failure = None
        for index, reason, log, base in failed:
            outcomes[index] = Outcome(status=Status.FAILED, reason=reason, log=log, cpu=cpu[index])
            if base:
                base_failure = outcomes[index]
        return Answer(outcomes, base_failure)

    def _plot(
        self, count: int, number: int, lengths: tuple[int, ...], axes: bytes, data: bytes
    ) -> Plot:
        analysis, kind, scale, names, is_complex = self._layouts[number]
        offset = 0
        made = {}
        for axis, length in zip(scale, lengths, strict=True):
            made[axis] = np.frombuffer(axes, np.float64, length, offset)
            offset += 8 * length
        dtype: Any = np.complex128 if is_complex else np.float64
        block = np.frombuffer(data, dtype).reshape((count, len(names), *lengths))
        return Plot(
            analysis=analysis,
            kind=kind,
            scale=scale,
            axes=made,
            vectors={name: block[:, k] for k, name in enumerate(names)},
        )
