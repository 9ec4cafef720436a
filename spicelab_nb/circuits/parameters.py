"""The parameters of a circuit: names, nominal values, globs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from spicelab_nb.circuits.expressions import CannotEvaluate, evaluate
from spicelab_nb.circuits.units import parameter_unit
from spicelab_nb.errors import AmbiguousNameError, UnknownNameError

if TYPE_CHECKING:
    from spicelab_nb.circuits.names import Names
    from spicelab_nb.circuits.targets import Instance, Target

__all__ = ["Parameters", "lookup_in"]

DEEPEST = 100
"""Parameters defined by parameters defined by ...: more is a circle."""


def lookup_in(instance: Instance, depth: int = 0) -> Callable[[str], float]:
    """Make a function that gives the value of a parameter as seen from a place.

    It raises `CannotEvaluate` where the parameter is unknown or no plain arithmetic.
    """

    def lookup(name: str) -> float:
        if depth > DEEPEST:
            raise CannotEvaluate(name)
        here = instance
        while True:
            scope = here.scope
            if name in scope.params:
                return evaluate(scope.params[name][-1][2].text, lookup_in(here, depth + 1))
            if here.path and name in scope.formals:
                outside = here.outside
                device = outside.scope.devices[here.path[-1]]
                for assignment in device.fields[1]:
                    if assignment.name == name:
                        return evaluate(assignment.text, lookup_in(outside, depth + 1))
                return evaluate(scope.formals[name][1].text, lookup_in(here, depth + 1))
            if scope.parent is None:
                raise CannotEvaluate(name)
            parent = scope.parent
            while here.scope is not parent:
                here = here.outside

    return lookup


def _stated(target: Target) -> float | str | None:
    """What the netlist says of a value, or the default that is the same for every model."""
    if target.kind == "lib":
        return target.text
    if target.text is None:
        return target.default
    try:
        return evaluate(target.text, lookup_in(target.scope))
    except CannotEvaluate:
        return None


class Parameters(Mapping[str, "float | str | None"]):
    """Every name of a circuit that can be set: name to nominal value.

    Iterating gives the names that have a value in the text. Look-ups also know the names that
    have not: `parameters["M1.delvto"]` is the engine's default.

    It is a :class:`~spicelab_nb.sampling.design.ParameterSpace`.

    Parameters
    ----------
    names
        Resolves names.
    at
        Gives the parameters of the circuit with some values set.
    ask
        Gives the engine's own values for ``["@m1[delvto]", ...]``, those that it knows.
    """

    def __init__(
        self,
        names: Names,
        at: Callable[[Mapping[str, float | str]], Parameters],
        ask: Callable[[Sequence[str]], Mapping[str, float]],
    ) -> None:
        self._names = names
        self._at = at
        self._ask = ask
        self._told: dict[str, float | None] = {}
        self._listed: tuple[str, ...] | None = None

    def canonical(self, name: str) -> str:
        """Give the one spelling of a name: that of the deck.

        Raises
        ------
        UnknownNameError
            There is no such parameter; the message lists the nearest.
        AmbiguousNameError
            There are several; the message lists them.
        """
        return self._names.resolve(name).name

    def expand(self, pattern: str) -> tuple[str, ...]:
        """Give every canonical name that a glob matches, sorted.

        Raises
        ------
        UnknownNameError
            It matches nothing.
        AmbiguousNameError
            It matches parameters and elements alike.
        """
        return self._names.expand(pattern)

    def nominal(self, name: str) -> float | str | None:
        """Give the nominal value of a name.

        Returns
        -------
        float, str or None
            A number; the section's name for ``lib``; None where the value is no plain arithmetic
            and no engine is installed that could be asked.
        """
        return self.nominals([name])[name]

    def nominals(self, names: Sequence[str]) -> dict[str, float | str | None]:
        """Give several nominal values, the engine asked once for all that it has to be asked for.

        Returns
        -------
        dict
            By the names given; values as `nominal` gives them.
        """
        targets = {name: self._names.resolve(name) for name in names}
        found = {name: _stated(target) for name, target in targets.items()}
        asked = {
            name: target.ask
            for name, target in targets.items()
            if found[name] is None and target.ask is not None
        }
        unknown = sorted(set(asked.values()) - set(self._told))
        if unknown:
            told = self._ask(unknown)
            self._told.update({vector: told.get(vector) for vector in unknown})
        return {**found, **{name: self._told[vector] for name, vector in asked.items()}}

    def unit(self, name: str) -> str:
        """Give the unit of a parameter; "" where SPICE has none for it."""
        return parameter_unit(self._names.resolve(name))

    def at(self, values: Mapping[str, float | str]) -> Parameters:
        """Give the parameters of the circuit with some values set."""
        return self._at(values)

    def __getitem__(self, name: str) -> float | str | None:
        return self.nominal(name)

    def __contains__(self, name: object) -> bool:
        try:
            self._names.resolve(str(name))
        except AmbiguousNameError:
            return True
        except UnknownNameError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        if self._listed is None:
            self._listed = tuple(dict.fromkeys(self._names.all()))
        return iter(self._listed)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        names = list(self)
        shown = ", ".join(f"{n}={self._shown(n)}" for n in names[:12])
        more = f", ... {len(names) - 12} more" if len(names) > 12 else ""
        return f"Parameters({shown}{more})"

    def _shown(self, name: str) -> str:
        target = self._names.resolve(name)
        if target.kind == "lib":
            return str(target.text)
        if target.text is None:
            return "?" if target.default is None else f"{target.default:g}"
        return target.text
