"""Values of the arithmetic that stands in netlists: ``{2*ra + 1k}``."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from spicelab_nb.circuits.numbers import parse_number

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CannotEvaluate", "evaluate", "identifiers", "unwrapped"]


class CannotEvaluate(Exception):  # noqa: N818 - a finding, never shown to a person
    """The expression is not plain arithmetic on known numbers."""


_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[a-zA-Z]*)|(?P<name>[A-Za-z_][\w.#]*)"
    r"|(?P<op>\*\*|&&|\|\||[<>=!]=|[-+*/^%(),?:<>!]))"
)
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "abs": abs,
    "acos": math.acos,
    "acosh": math.acosh,
    "arctan": math.atan,
    "asin": math.asin,
    "asinh": math.asinh,
    "atan": math.atan,
    "atanh": math.atanh,
    "ceil": lambda x: float(math.ceil(x)),
    "cos": math.cos,
    "cosh": math.cosh,
    "exp": math.exp,
    "floor": lambda x: float(math.floor(x)),
    "int": lambda x: float(math.trunc(x)),
    "ln": math.log,
    "log": math.log,
    "log10": math.log10,
    "max": max,
    "min": min,
    "nint": lambda x: float(round(x)),
    "pow": lambda x, y: math.pow(abs(x), y),
    "pwr": lambda x, y: math.copysign(math.pow(abs(x), y), x),
    "sgn": lambda x: float((x > 0) - (x < 0)),
    "sin": math.sin,
    "sinh": math.sinh,
    "sqrt": math.sqrt,
    "sqr": lambda x: x * x,
    "tan": math.tan,
    "tanh": math.tanh,
    "ternary_fcn": lambda c, a, b: a if c else b,
}
_BINARY: dict[str, tuple[int, Callable[[float, float], float]]] = {
    "||": (1, lambda a, b: float(bool(a) or bool(b))),
    "&&": (2, lambda a, b: float(bool(a) and bool(b))),
    "==": (3, lambda a, b: float(a == b)),
    "!=": (3, lambda a, b: float(a != b)),
    "<": (4, lambda a, b: float(a < b)),
    ">": (4, lambda a, b: float(a > b)),
    "<=": (4, lambda a, b: float(a <= b)),
    ">=": (4, lambda a, b: float(a >= b)),
    "+": (5, lambda a, b: a + b),
    "-": (5, lambda a, b: a - b),
    "*": (6, lambda a, b: a * b),
    "/": (6, lambda a, b: a / b),
    "%": (6, math.fmod),
}


def unwrapped(text: str) -> str:
    """Take braces, quotes or parentheses off that enclose the whole of `text`."""
    text = text.strip()
    while len(text) >= 2 and text[0] + text[-1] in ("{}", "''", '""'):
        text = text[1:-1].strip()
    return text


def identifiers(text: str) -> set[str]:
    """The names that occur in an expression, in lower case, functions included."""
    return {name.lower() for name in re.findall(r"(?<![\w.])[A-Za-z_][\w]*", text)}


class _Reader:
    def __init__(self, text: str, lookup: Callable[[str], float]) -> None:
        self._lookup = lookup
        self._tokens: list[tuple[str, str]] = []
        position = 0
        text = text.rstrip()
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                raise CannotEvaluate(text)
            kind = str(found.lastgroup)
            self._tokens.append((kind, found[kind]))
            position = found.end()
        self._next = 0

    def peek(self) -> str:
        return self._tokens[self._next][1] if self._next < len(self._tokens) else ""

    def take(self, expected: str | None = None) -> tuple[str, str]:
        if self._next >= len(self._tokens):
            raise CannotEvaluate("the expression ends too early")
        token = self._tokens[self._next]
        if expected is not None and token[1] != expected:
            raise CannotEvaluate(f"expected {expected}")
        self._next += 1
        return token

    def whole(self) -> float:
        value = self.ternary()
        if self.peek():
            raise CannotEvaluate(self.peek())
        return value

    def ternary(self) -> float:
        condition = self.binary(0)
        if self.peek() != "?":
            return condition
        self.take()
        yes = self.ternary()
        self.take(":")
        no = self.ternary()
        return yes if condition else no

    def binary(self, level: int) -> float:
        left = self.unary()
        while (op := self.peek()) in _BINARY and _BINARY[op][0] > level:
            self.take()
            strength, function = _BINARY[op]
            left = function(left, self.binary(strength))
        return left

    def unary(self) -> float:
        if self.peek() in ("-", "+", "!"):
            op = self.take()[1]
            value = self.unary()
            return {"-": -value, "+": value, "!": float(not value)}[op]
        base = self.primary()
        if self.peek() in ("**", "^"):
            self.take()
            exponent = self.unary()
            return math.pow(abs(base), exponent) if exponent != int(exponent) else base**exponent
        return base

    def primary(self) -> float:
        kind, text = self.take()
        if kind == "number":
            number = parse_number(text)
            if number is None:
                raise CannotEvaluate(text)
            return number
        if text == "(":
            value = self.ternary()
            self.take(")")
            return value
        if kind != "name":
            raise CannotEvaluate(text)
        if self.peek() != "(":
            return self._lookup(text.lower())
        function = _FUNCTIONS.get(text.lower())
        if function is None:
            raise CannotEvaluate(text)
        self.take("(")
        arguments = [self.ternary()]
        while self.peek() == ",":
            self.take()
            arguments.append(self.ternary())
        self.take(")")
        return float(function(*arguments))


def evaluate(text: str, lookup: Callable[[str], float]) -> float:
    """Give the value of an expression.

    Parameters
    ----------
    text
        A number with a suffix, or arithmetic, with or without braces or quotes.
    lookup
        Gives the value of a name (lower case), or raises `CannotEvaluate`.

    Raises
    ------
    CannotEvaluate
        It is not plain arithmetic on known numbers: node voltages, random draws, own functions.
    """
    plain = unwrapped(text)
    number = parse_number(plain)
    if number is not None:
        return number
    try:
        value = float(_Reader(plain, lookup).whole())
    except (ArithmeticError, ValueError, TypeError, RecursionError) as error:
        raise CannotEvaluate(plain) from error
    if not math.isfinite(value):
        raise CannotEvaluate(plain)
    return value
