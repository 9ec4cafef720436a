"""A parameter space for tests of designs: names and numbers, and no circuit."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from spicelab_nb.errors import UnknownNameError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spicelab_nb.sampling.design import Value

__all__ = ["FakeSpace"]


@dataclass(frozen=True)
class FakeSpace:
    """A :class:`~spicelab_nb.sampling.design.ParameterSpace` made of a mapping.

    Parameters
    ----------
    values
        By canonical name; None where there is no nominal value. Case does not matter in look-ups.
    derived
        Nominals that follow from what is set, computed from all other values.
    """

    values: Mapping[str, Value | None]
    derived: Mapping[str, Callable[[Mapping[str, Value | None]], Value]] = field(
        default_factory=dict
    )

    def canonical(self, name: str) -> str:
        """Give the spelling in `values` or `derived`."""
        folded = {n.lower(): n for n in (*self.values, *self.derived)}
        if name.lower() not in folded:
            raise UnknownNameError(
                f"There is no parameter {name!r}.{nearest(name, folded.values())}"
            )
        return folded[name.lower()]

    def expand(self, pattern: str) -> tuple[str, ...]:
        """Give every name that a glob matches, sorted."""
        names = (*self.values, *self.derived)
        found = [n for n in names if fnmatch.fnmatchcase(n.lower(), pattern.lower())]
        if not found:
            raise UnknownNameError(f"{pattern!r} matches no parameter.")
        return tuple(sorted(found))

    def nominal(self, name: str) -> Value | None:
        """Give the nominal value; derived ones from the values set."""
        if name in self.values:
            return self.values[name]
        return self.derived[name](self.values)

    def at(self, values: Mapping[str, Value]) -> FakeSpace:
        """Give the space with some values set."""
        return replace(self, values={**self.values, **values})
