"""A deck's own ``.meas`` lines, run after the analysis that they measure.

Loaded with the deck, ngspice runs them at every analysis and keeps the first result of a ``param=``
for good, so that it is stale from the second sample on. As commands they are sound, but evaluate
no expressions: that is done here. Either way ngspice rounds a result to seven digits; measures
that are taken from the vectors are exact.
"""

from __future__ import annotations

import ctypes
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spicelab_nb.engines.ngspice.library import Library

__all__ = ["Measure", "expression_cards", "measured_signals", "parse_measures", "run_measures"]

_LINE = re.compile(r"meas(?:ure)?\s+(\w+)\s+(\S+)\s+(.*)$", re.IGNORECASE | re.DOTALL)
_PARAM = re.compile(r"param\s*=\s*(.*)$", re.IGNORECASE | re.DOTALL)
_EXPRESSION = re.compile(r"'([^']*)'|\{([^}]*)\}|\"([^\"]*)\"")
_WORD = re.compile(r"(?<![\w.])[a-z_]\w*", re.IGNORECASE)
_SIGNAL = re.compile(r"\b([vi])(?:db|[mpri])?\(([^()]*)\)|(@[\w.:]+\[\w+\])", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """One ``.meas`` line.

    Parameters
    ----------
    kind
        Analysis it belongs to: ``"ac"``.
    name
        Lower-case name of the result.
    rest
        What follows the name, with ``{0}``, ``{1}``, ... in place of expressions.
    expressions
        The expressions taken out.
    formula
        Whether the whole measure is ``param=``: a formula over others.
    """

    kind: str
    name: str
    rest: str
    expressions: tuple[str, ...]
    formula: bool


def parse_measures(lines: Sequence[str]) -> tuple[Measure, ...]:
    """Read ``.meas`` lines; raises ValueError on one that cannot be read."""
    found = []
    for line in lines:
        match = _LINE.match(line.strip().lstrip("."))
        if match is None:
            raise ValueError(f"{line!r} is not a measure: it needs an analysis and a name.")
        kind, name, rest = match.groups()
        formula = _PARAM.match(rest)
        taken: tuple[str, ...]
        if formula:
            text = formula.group(1).strip()
            whole = _EXPRESSION.fullmatch(text)
            inner = next(g for g in whole.groups() if g is not None) if whole else text
            rest, taken = "", (inner,)
        else:
            taken = tuple(
                next(g for g in m.groups() if g is not None) for m in _EXPRESSION.finditer(rest)
            )
            rest = _EXPRESSION.sub("\0", rest)
        found.append(
            Measure(
                kind=kind.lower(),
                name=name.lower(),
                rest=rest,
                expressions=taken,
                formula=formula is not None,
            )
        )
    return tuple(found)


def measured_signals(measures: Sequence[Measure]) -> list[str]:
    """Signals that the measures look at, so that they are kept."""
    found: dict[str, None] = {}
    for measure in measures:
        for letter, inner, device in _SIGNAL.findall(measure.rest):
            if device:
                found[device.lower()] = None
            elif letter.lower() == "i":
                found[f"i({inner.strip().lower()})"] = None
            else:
                found.update(
                    (f"v({node.strip().lower()})", None)
                    for node in inner.split(",")
                    if node.strip() not in {"", "0"}
                )
    return list(found)


def expression_cards(measures: Sequence[Measure]) -> list[str]:
    """Cards that make the deck itself evaluate the expressions that hold its parameters.

    Those that hold other measures' results are not known when a deck is loaded, and are left out.
    """
    return [
        f".csparam {_const(m, place)}={{{text}}}"
        for m in measures
        for place, text in enumerate(m.expressions)
        if not _depends(text, measures)
    ]


def run_measures(
    library: Library,
    plot: bytes,
    kind: str,
    measures: Sequence[Measure],
    results: dict[str, float],
    mark: Callable[[], int],
    failed_since: Callable[[int], bool],
) -> None:
    """Compute the measures of one analysis into `results`; NaN where one fails.

    Parameters
    ----------
    plot
        Name of the analysis's plot, which is the current one.
    results
        Results so far, for formulas; those of this analysis are added.
    mark, failed_since
        Note the place in the printed lines; tell whether a failure was printed since.
    """
    for number, measure in enumerate(measures):
        if measure.kind != kind or measure.name in results:
            continue
        results[measure.name] = math.nan
        values = [
            _value(library, plot, measure, place, measures, results)
            for place in range(len(measure.expressions))
        ]
        if any(math.isnan(v) for v in values):
            continue
        if measure.formula:
            results[measure.name] = values[0]
            continue
        pieces = measure.rest.split("\0")
        rest = pieces[0] + "".join(f"{v:.17g}{p}" for v, p in zip(values, pieces[1:], strict=True))
        alias = f"sl_m{number}"  # its own name could be that of a node
        place = mark()
        library.command(f"meas {kind} {alias} {rest}".encode())
        if not failed_since(place):
            results[measure.name] = _scalar(library, plot + b"." + alias.encode())


def _value(
    library: Library,
    plot: bytes,
    measure: Measure,
    place: int,
    measures: Sequence[Measure],
    results: dict[str, float],
) -> float:
    text = measure.expressions[place]
    if not _depends(text, measures):
        return _scalar(library, f"const.{_const(measure, place)}".encode())
    if "?" in text:
        return math.nan  # the engine's let takes the condition for the result
    known = {m.name for m in measures}

    def number(match: re.Match[str]) -> str:
        name = match.group(0).lower()
        return f"({results.get(name, math.nan):.17g})" if name in known else match.group(0)

    filled = _WORD.sub(number, text).replace("**", "^")
    if "nan" in filled:
        return math.nan
    library.command(f"let sl_x = {filled}".encode())
    value = _scalar(library, plot + b".sl_x")
    library.command(b"unlet sl_x")
    return value


def _scalar(library: Library, name: bytes) -> float:
    vector = library.vector(name)
    if vector is None or vector.length != 1 or not vector.real:
        return math.nan
    return ctypes.c_double.from_address(vector.real).value


def _depends(text: str, measures: Sequence[Measure]) -> bool:
    words = {w.lower() for w in _WORD.findall(text)}
    return any(m.name in words for m in measures)


def _const(measure: Measure, place: int) -> str:
    return "_".join(("sl", re.sub(r"\W", "_", measure.name), measure.kind, str(place)))
