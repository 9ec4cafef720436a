"""Physical lines, and the cards (logical lines) that they make up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Card", "Source", "Span", "read_source"]


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of one physical line: columns ``start`` to ``stop - 1`` of line ``line``."""

    line: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Card:
    """One logical line: its continuation lines joined, its comments left out.

    Parameters
    ----------
    text
        The joined text.
    lines
        The physical lines that it is made of, counted from 0.
    pieces
        For each of them where it begins in `text`, and at which column of the physical line.
    """

    text: str
    lines: tuple[int, ...]
    pieces: tuple[tuple[int, int], ...]

    @property
    def keyword(self) -> str:
        """The first word in lower case: ``".model"``, ``"r1"``."""
        words = self.text.split(None, 1)
        return words[0].lower() if words else ""

    def spans(self, start: int, stop: int) -> list[Span]:
        """Where the characters ``start`` to ``stop - 1`` of `text` lie in the physical lines.

        An empty range gives one empty span: the place between two characters.
        """
        found = []
        for i, (line, (begin, column)) in enumerate(zip(self.lines, self.pieces, strict=True)):
            end = self.pieces[i + 1][0] - 1 if i + 1 < len(self.pieces) else len(self.text)
            a, b = max(start, begin), min(stop, end)
            if a < b or (start == stop and begin <= start <= end):
                found.append(Span(line, a - begin + column, b - begin + column))
                if start == stop:
                    break
        return found


@dataclass(frozen=True)
class Source:
    """A netlist file, read into cards.

    Parameters
    ----------
    lines
        Every physical line, as it stands.
    cards
        Every logical line outside ``.control`` blocks.
    control
        First and last line of each ``.control`` block, counted from 0.
    """

    lines: tuple[str, ...]
    cards: tuple[Card, ...]
    control: tuple[tuple[int, int], ...]


def comment_start(line: str) -> int:
    """Where the comment at the end of a line begins; its length where there is none.

    ngspice knows ``;`` and ``//`` anywhere and ``$`` behind a blank or a comma; white space before
    the comment goes with it.
    """
    end = len(line)
    if ";" in line or "$" in line or "//" in line:
        for i, c in enumerate(line):
            if (
                c == ";"
                or (c == "/" and line.startswith("//", i))
                or (c == "$" and i > 0 and line[i - 1] in " ,\t")
            ):
                end = i
                break
    return len(line[:end].rstrip())


def _blocks(lines: tuple[str, ...], first: int) -> list[tuple[int, int]]:
    blocks = []
    begin = -1
    for i in range(first, len(lines)):
        word = lines[i].lstrip()[:8].lower()
        if begin < 0 and word == ".control":
            begin = i
        elif begin >= 0 and word.startswith(".endc"):
            blocks.append((begin, i))
            begin = -1
    if begin >= 0:
        blocks.append((begin, len(lines) - 1))
    return blocks


@lru_cache(maxsize=64)
def read_source(text: str, *, title: bool) -> Source:
    """Read a netlist file into cards.

    Parameters
    ----------
    text
        The file's contents.
    title
        Whether its first line is the title: true for a deck, false for a file it includes.
    """
    lines = tuple(text.split("\n"))
    first = 1 if title else 0
    blocks = _blocks(lines, first)
    inside = {i for begin, end in blocks for i in range(begin, end + 1)}
    cards: list[Card] = []
    texts: list[str] = []
    numbers: list[int] = []
    pieces: list[tuple[int, int]] = []

    def finish() -> None:
        if texts:
            cards.append(Card(" ".join(texts), tuple(numbers), tuple(pieces)))
            texts.clear()
            numbers.clear()
            pieces.clear()

    length = 0
    wrapped = False  # the line before ended with two backslashes
    for i in range(first, len(lines)):
        if i in inside:
            continue
        line = lines[i]
        body = line.lstrip()
        if not body or body[0] in "*#$;":
            continue
        end = comment_start(line)
        column = len(line) - len(body)
        if end <= column:
            continue
        joined = wrapped or body[0] == "+"
        wrapped = line[:end].endswith("\\\\")
        if wrapped:
            end -= 2
        if joined and texts:
            if body[0] == "+":
                column += 1
            piece = line[column:end]
            length += 1
        else:
            finish()
            piece = line[column:end]
            length = 0
        pieces.append((length, column))
        texts.append(piece)
        numbers.append(i)
        length += len(piece)
    finish()
    return Source(lines, tuple(cards), tuple(blocks))
