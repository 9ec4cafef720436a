"""Designs multiplied, and how any design is bound to a circuit's parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from spicelab_nb.errors import SamplingError
from spicelab_nb.sampling.points import Axis, Points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spicelab_nb.sampling.design import ParameterSpace
    from spicelab_nb.sampling.draws import Draws

__all__ = ["Crossed", "Factor"]


class Factor:
    """What can be crossed: Monte Carlo, sweeps and corners, each by itself a design."""

    once: ClassVar[str] = ""
    """Why two of this kind cannot be crossed, as a sentence; empty where they can."""

    def axes(self, space: ParameterSpace) -> tuple[Axis, ...]:
        """The dimensions that it adds besides ``sample``."""
        del space
        return ()

    def draws(self, space: ParameterSpace, axes: Sequence[Axis]) -> Draws | None:
        """What it varies from sample to sample, around what `axes` set."""
        del space, axes
        return None

    def bind(self, space: ParameterSpace) -> Points:
        """Resolve names, globs and nominals.

        Raises
        ------
        UnknownNameError, AmbiguousNameError
            A name is not, or not only, one parameter's.
        SamplingError
            The values cannot be drawn or set.
        """
        return _bind((self,), space)

    def __mul__(self, other: Any) -> Crossed:
        """Cross two designs: every point of one with every point of the other."""
        if isinstance(other, Crossed):
            return Crossed((self, *other.factors))
        if isinstance(other, Factor):
            return Crossed((self, other))
        return NotImplemented


@dataclass(frozen=True, repr=False)
class Crossed:
    """Several designs crossed: ``corners * sweep * mc``.

    Parameters
    ----------
    factors
        At most one Monte Carlo and one set of corners. Dimensions keep this order, except that
        ``sample`` always comes first.

    Raises
    ------
    SamplingError
        Two Monte Carlos, or two sets of corners.
    """

    factors: tuple[Factor, ...]

    def __post_init__(self) -> None:
        kinds: set[type[Factor]] = set()
        for factor in self.factors:
            if factor.once and type(factor) in kinds:
                raise SamplingError(factor.once)
            kinds.add(type(factor))

    def bind(self, space: ParameterSpace) -> Points:
        """Resolve names, globs and nominals; errors as for each design alone.

        Raises
        ------
        SamplingError
            A parameter is set by two of the designs, and they do not combine.
        """
        return _bind(self.factors, space)

    def __mul__(self, other: Any) -> Crossed:
        """Cross with one more design."""
        if isinstance(other, Crossed):
            return Crossed((*self.factors, *other.factors))
        if isinstance(other, Factor):
            return Crossed((*self.factors, other))
        return NotImplemented

    def __repr__(self) -> str:
        return " * ".join(repr(f) for f in self.factors)


def _bind(factors: Sequence[Factor], space: ParameterSpace) -> Points:
    axes = tuple(axis for factor in factors for axis in factor.axes(space))
    _check_axes(axes)
    found = [d for d in (factor.draws(space, axes) for factor in factors) if d is not None]
    drawn = found[0] if found else None
    names = frozenset(drawn.names if drawn else ())
    points = Points(axes=tuple(axis.without(names) for axis in axes), draws=drawn)
    _check_names(points)
    return points


def _check_axes(axes: Sequence[Axis]) -> None:
    owner: dict[str, str] = {}
    for axis in axes:
        for name in axis.columns:
            if name in owner:
                raise SamplingError(
                    f"{name} is set along two dimensions, {owner[name]!r} and {axis.name!r}: "
                    "leave it out of one of them"
                )
            owner[name] = axis.name


def _check_names(points: Points) -> None:
    """See that no dimension of zipped values has the name of a parameter."""
    for axis in points.axes:
        if axis.name in points.parameters and axis.name not in axis.columns:
            raise SamplingError(
                f"The dimension {axis.name!r} would have the name of a parameter: "
                "change the order of the names in its tuple"
            )
