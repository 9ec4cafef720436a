"""The analyses of a deck, and what else in it tells the engine what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spicelab_nb.circuits.expressions import CannotEvaluate, evaluate
from spicelab_nb.circuits.fields import split_fields
from spicelab_nb.engines.engine import Analysis
from spicelab_nb.errors import CircuitError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spicelab_nb.circuits.scope import Netlist, Site

__all__ = ["KINDS", "Orders", "analyses_from", "read_orders", "setup_lines"]

KINDS = ("op", "dc", "ac", "tran", "noise")
"""What can be run."""
_OTHER = ("pz", "tf", "sens", "disto", "sp", "pss", "four", "fourier", "hb")
_WORDS = ("dec", "oct", "lin", "uic", "tran", "temp")
_SETUP = re.compile(r"\s*(set\s+ngbehavior\s*=?.*|pre_osdi\s+.*|osdi\s+.*)", re.IGNORECASE)


@dataclass
class Orders:
    """The cards of a deck that are no part of the circuit.

    Parameters
    ----------
    analyses
        Cards of analyses that can be run.
    meas
        ``.meas`` cards.
    saves
        ``.save`` cards.
    other
        Cards that are left out.
    notices
        A sentence for each thing that a person should know.
    """

    analyses: list[Site] = field(default_factory=list)
    meas: list[Site] = field(default_factory=list)
    saves: list[Site] = field(default_factory=list)
    other: list[Site] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def all(self) -> list[Site]:
        """Every such card."""
        return [*self.analyses, *self.meas, *self.saves, *self.other]


def read_orders(netlist: Netlist) -> Orders:
    """Find the cards that tell the engine what to do.

    Raises
    ------
    CircuitError
        There is a ``.step``, which ngspice does not know.
    """
    orders = Orders()
    for _, site in netlist.sites:
        text = site.card.text
        if text[0] != ".":
            continue
        word = site.card.keyword[1:]
        if word in KINDS:
            orders.analyses.append(site)
        elif word.startswith("meas"):
            orders.meas.append(site)
        elif word == "save":
            orders.saves.append(site)
        elif word in ("print", "plot", "width"):
            orders.other.append(site)
        elif word == "probe" or word in _OTHER:
            orders.other.append(site)
            what = "is left out" if word == "probe" else "is not run"
            orders.notices.append(
                f"The line {_shown(text)!r} {what}: this package runs .op, .dc, .ac, .tran and "
                ".noise."
            )
        elif word == "step":
            raise CircuitError(
                f"ngspice does not know {_shown(text)!r}. Take the line out and sweep from Python: "
                'sl.Sweep({"R1": [1e3, 2e3]}) makes each parameter a dimension.'
            )
    return orders


def _shown(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def analyses_from(
    commands: Sequence[str], lookup: Callable[[str], float], known: Callable[[str], bool]
) -> tuple[Analysis, ...]:
    """Name analyses, and put numbers for the expressions in them.

    Parameters
    ----------
    commands
        ``".ac dec 10 1 1meg"``, with or without the dot.
    lookup
        Value of a parameter, or raises `CannotEvaluate`.
    known
        Whether a parameter of that name exists.

    Raises
    ------
    CircuitError
        An analysis is unknown, or an expression in it has no value.
    """
    counts: dict[str, int] = {}
    found = []
    for line in commands:
        text = line.strip().lstrip(".").strip()
        kind = text.split(None, 1)[0].lower() if text else ""
        if kind not in KINDS:
            raise CircuitError(
                f"{line!r} is no analysis: give .op, .dc, .ac, .tran or .noise with its arguments."
            )
        counts[kind] = counts.get(kind, 0) + 1
        name = kind if counts[kind] == 1 else f"{kind}{counts[kind]}"
        command = _with_numbers(text, kind, lookup, known)
        found.append(Analysis(name=name, kind=kind, command=command))
    return tuple(found)


def has_expressions(command: str, known: Callable[[str], bool]) -> bool:
    """Whether an analysis' arguments depend on parameters."""
    words, _ = split_fields(command)
    return any(_is_expression(w.text, i, words[0].text, known) for i, w in enumerate(words))


def _is_expression(word: str, index: int, kind: str, known: Callable[[str], bool]) -> bool:
    if index == 0 or word.lower() in _WORDS:
        return False
    if word[0] in "{'":
        return True
    source = kind.lower().lstrip(".") == "dc" and (index - 1) % 4 == 0
    output = kind.lower().lstrip(".") == "noise" and index <= 2
    return not source and not output and word[0].isalpha() and known(word)


def _with_numbers(
    text: str, kind: str, lookup: Callable[[str], float], known: Callable[[str], bool]
) -> str:
    words, _ = split_fields(text)
    for i in range(len(words) - 1, -1, -1):
        word = words[i]
        if not _is_expression(word.text, i, kind, known):
            continue
        try:
            value = evaluate(word.text, lookup)
        except CannotEvaluate:
            raise CircuitError(
                f"The argument {word.text!r} of {text!r} has no value that can be computed before "
                "the run: write the number."
            ) from None
        text = f"{text[: word.start]}{value!r}{text[word.stop :]}"
    return text


def saved_signals(sites: Sequence[Site]) -> tuple[str, ...]:
    """The signals that ``.save`` cards name, as the engine calls them; ``"all"`` among them."""
    signals: dict[str, None] = {}
    for site in sites:
        for word in site.card.text.split()[1:]:
            low = word.lower().strip(",")
            if low in ("all", "allv", "alli", "nosub"):
                signals["all"] = None
            elif low.startswith("@") or "(" in low:
                signals[low] = None
            elif low.endswith("#branch"):
                signals[f"i({low.removesuffix('#branch')})"] = None
            elif low:
                signals[f"v({low})"] = None
    return tuple(signals)


def setup_lines(text: str) -> tuple[str, ...]:
    """The lines of a ``.control`` block or ``.spiceinit`` that change how decks are read."""
    found = []
    for line in text.splitlines():
        match = _SETUP.fullmatch(line.split(";")[0].rstrip())
        if match and not line.lstrip().startswith("*"):
            found.append(" ".join(match[1].split()))
    return tuple(found)
