"""What ngspice prints, judged: its return codes are 0 for almost everything that fails.

Patterns and traps measured on ngspice 39; each has a test in ``tests/engines``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["analysis_fault", "command_fault", "last_lines", "load_fault", "missing_value"]

_LOAD = re.compile(
    rb"stderr (?:\s*(?:fatal\s+)?error\b|error on line|.*undefined parameter|cannot compute"
    rb"|.*unknown subckt|no circuit loaded|.*not parsed|.*could not find"
    rb"|.*no such command)",
    re.IGNORECASE,
)
_COMMAND = re.compile(
    rb"stderr .*(?:\berror\b|no such|not found|ignored|skipped|cannot|no assignment|excess"
    rb"|undefined|warning|not a valid|usage)",
    re.IGNORECASE,
)
_ANALYSIS = re.compile(
    rb"stderr .*(?:\baborted\b|analysis not run|not parsed|any circuits loaded"
    rb"|no such command|fatal error|interrupted|excess arg|too few arg|no circuit)",
    re.IGNORECASE,
)
_MILLIOHM = re.compile(rb"stderr .*warning: (\S+): resistance to+ low", re.IGNORECASE)


def load_fault(lines: Sequence[bytes]) -> str:
    """Why a deck did not load, or ``""``."""
    for place, line in enumerate(lines):
        if _LOAD.match(line):
            return _sentence(lines[place : place + 3])
    return ""


def command_fault(lines: Sequence[bytes], usual: Collection[bytes]) -> str:
    """Why a command did not do what it says, or ``""``.

    Parameters
    ----------
    lines
        What was printed since.
    usual
        Lines that loading this deck prints anyway (``reset`` prints them again).
    """
    for place, line in enumerate(lines):
        if line not in usual and _COMMAND.match(line) and b"model issue" not in line.lower():
            return _sentence(lines[place : place + 2])
    return ""


def analysis_fault(lines: Sequence[bytes]) -> str:
    """Why an analysis broke off, or ``""``.

    Warnings and errors of single iterations do not count: an engine that gets over them is right.
    """
    for place, line in enumerate(lines):
        if _ANALYSIS.match(line):
            return _sentence(lines[max(place - 1, 0) : place + 1])
    return ""


def missing_value(lines: Sequence[bytes], text: str) -> str:
    """Find a resistor that lacks a node or a value, which ngspice turns into 1 milliohm.

    A resistor that says 0 ohm prints the same warning and is meant; the deck's own line tells.
    """
    for line in lines:
        match = _MILLIOHM.match(line)
        if match:
            device = match.group(1).decode(errors="replace").lower().rpartition(".")[2]
            card = re.search(
                rf"^\s*{re.escape(device)}(?:[ \t]+[^\s;$]+){{0,2}}[ \t]*(?:[;$].*)?$",
                re.sub(r"\n\+", " ", text),
                re.IGNORECASE | re.MULTILINE,
            )
            if card:
                return f"{card.group(0).strip()!r} lacks a node or a value."
    return ""


def last_lines(lines: Sequence[bytes], count: int = 40) -> tuple[str, ...]:
    """Last lines as text, without the stream's name."""
    return tuple(line[7:].decode(errors="replace").rstrip() for line in lines[-count:])


def _sentence(lines: Sequence[bytes]) -> str:
    texts = [line[7:].decode(errors="replace").strip() for line in lines if line[:6] == b"stderr"]
    return "; ".join(t.rstrip(".,:;") for t in texts if t) + "."
