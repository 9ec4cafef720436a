"""Words and assignments of a card, with their places in its text."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Assignment", "Word", "definitions", "model_fields", "split_fields"]

_CLOSING = {"(": ")", "{": "}", "[": "]"}
_DEFINITION = re.compile(r"([A-Za-z_][\w.#$:]*)\s*(\([^()]*\))?\s*=(?!=)")


@dataclass(frozen=True, slots=True)
class Word:
    """A word: characters ``start`` to ``stop - 1`` of the card's text."""

    start: int
    stop: int
    text: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """``name=value``: where the value stands, and where the whole begins."""

    name: str
    begin: int
    start: int
    stop: int
    text: str


def _word_end(text: str, start: int) -> int:
    """Where the word at `start` ends: brackets and quotes keep together what is in them."""
    open_brackets: list[str] = []
    i = start
    while i < len(text):
        c = text[i]
        if c in "'\"":
            close = text.find(c, i + 1)
            i = len(text) if close < 0 else close + 1
            continue
        if c in _CLOSING:
            open_brackets.append(_CLOSING[c])
        elif open_brackets and c == open_brackets[-1]:
            open_brackets.pop()
        elif not open_brackets and (c in " \t,=\r" or c == ")"):
            break
        i += 1
    if open_brackets:  # never closed: "Net-(R1" is a word of its own
        i = start
        while i < len(text) and text[i] not in " \t,=\r":
            i += 1
    return max(i, start + 1)


def split_fields(text: str, start: int = 0) -> tuple[list[Word], list[Assignment]]:
    """Split the text of a card into words and assignments.

    Parameters
    ----------
    text
        Text of a card.
    start
        Where to begin.
    """
    words: list[Word] = []
    assignments: list[Assignment] = []
    i = start
    while i < len(text):
        if text[i] in " \t,\r)":
            i += 1
            continue
        if text[i] == "=":
            i += 1
            while i < len(text) and text[i] in " \t=\r":
                i += 1
            if i >= len(text):
                break
            end = _word_end(text, i)
            if words and not (assignments and assignments[-1].begin > words[-1].start):
                name = words.pop()
                assignments.append(Assignment(name.text.lower(), name.start, i, end, text[i:end]))
            i = end
            continue
        end = _word_end(text, i)
        words.append(Word(i, end, text[i:end]))
        i = end
    return words, assignments


def definitions(text: str, start: int = 0) -> list[Assignment]:
    """The ``name = expression`` pairs of a ``.param`` card; functions are left out.

    An expression may hold blanks without braces: it ends where the next name begins.
    """
    masked = list(text)
    depth = 0
    quote = ""
    for i, c in enumerate(text):
        if quote:
            quote = "" if c == quote else quote
            masked[i] = " "
        elif c in "'\"":
            quote = c
            masked[i] = " "
        elif c in "{":
            depth += 1
            masked[i] = " "
        elif c in "}":
            depth -= 1
            masked[i] = " "
        elif depth > 0:
            masked[i] = " "
    found = list(_DEFINITION.finditer("".join(masked), start))
    pairs = []
    for i, match in enumerate(found):
        if match[2] is not None:
            continue
        begin = match.end()
        end = found[i + 1].start() if i + 1 < len(found) else len(text)
        while begin < end and text[begin] in " \t":
            begin += 1
        while end > begin and text[end - 1] in " \t,\r":
            end -= 1
        if end > begin:
            pairs.append(Assignment(match[1].lower(), match.start(), begin, end, text[begin:end]))
    return pairs


def model_fields(text: str) -> tuple[str, str, int, list[Assignment]]:
    """Split a ``.model`` card.

    Returns
    -------
    name, type
        As they are spelled; empty where they are missing.
    place
        Where a further parameter can be written.
    parameters
        The assignments.
    """
    head = re.match(r"\s*\S+\s+([^\s(]+)\s*([^\s(]*)\s*(\(?)", text)
    if head is None:
        return "", "", len(text), []
    name, kind, _ = head.groups()
    _, parameters = split_fields(text, head.end())
    return name, kind, head.end(), parameters
