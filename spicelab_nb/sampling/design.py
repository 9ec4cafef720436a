"""What a set of samples is: the contract between designs, campaigns and stores.

A :class:`Design` is what a person writes (``MonteCarlo(1000, {...})``). Bound to the parameters of
a circuit or a function it becomes a :class:`BoundDesign`: a fixed order of points from which any
slice can be drawn without the ones before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["AskedAtOnce", "BoundDesign", "Column", "Design", "Dimension", "ParameterSpace", "Value"]

Value: TypeAlias = float | str
"""A parameter's value: a number, or a section's name for ``lib``."""


class ParameterSpace(Protocol):
    """The parameters that can be set, as a design sees them."""

    def canonical(self, name: str) -> str:
        """Give the one spelling under which `name` is stored.

        Raises
        ------
        UnknownNameError
            No such parameter; the message lists the nearest.
        AmbiguousNameError
            Several; the message lists the candidates.
        """

    def expand(self, pattern: str) -> tuple[str, ...]:
        """Give every canonical name that a glob (``"M*.delvto"``) matches, sorted.

        Raises
        ------
        UnknownNameError
            It matches nothing.
        """

    def nominal(self, name: str) -> Value | None:
        """Give the nominal value of a canonical name; None where there is none."""

    def at(self, values: Mapping[str, Value]) -> ParameterSpace:
        """Give the space with some values set, for nominals that depend on them (a corner's)."""


@runtime_checkable
class AskedAtOnce(Protocol):
    """A space that finds several nominals sooner than one after the other; not required of any."""

    def nominals(self, names: Sequence[str]) -> Mapping[str, Value | None]:
        """Give the nominal value of each canonical name, as `ParameterSpace.nominal` does."""


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """One dimension of a design.

    Parameters
    ----------
    name
        ``"sample"``, ``"corner"``, or the swept parameter's canonical name; the names joined with
        ``_`` where several are swept together.
    values
        The coordinate: ``arange(n)``, corner names, or the swept values; ``(n,)``.
        ``arange(n)`` too where several parameters are swept together: each is then a column.
    unit
        Unit of the values where they have one, else "".
    """

    name: str
    values: NDArray[Any]
    unit: str = ""

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, kw_only=True)
class Column:
    """The values of one parameter over a design, on the fewest dimensions that they depend on.

    Parameters
    ----------
    name
        Canonical name of the parameter.
    dims
        Names of dimensions, in the design's order.
    values
        Array over `dims`: float64, or str for sections.
    unit
        Of the values; "" for none or unknown.
    """

    name: str
    dims: tuple[str, ...]
    values: NDArray[Any]
    unit: str = ""


class BoundDesign(Protocol):
    """Points in a fixed order, each drawn without the others.

    Point ``i`` of a design with shape ``(n0, n1, ...)`` is the C-order index into it. Where there
    is a ``sample`` dimension it is the **first**, so that a larger n only appends points.
    Immutable, picklable, safe to use from several threads.
    """

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The dimensions, ``sample`` first where there is one."""

    @property
    def size(self) -> int:
        """How many points there are: the product of the dimensions' lengths."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Canonical names of the parameters that the design sets, sorted."""

    @property
    def units(self) -> Mapping[str, str]:
        """Units of parameters by canonical name, as far as they are known."""

    @property
    def extensible(self) -> bool:
        """Whether a larger n keeps every point that a smaller n had."""

    def draw(self, start: int, stop: int) -> dict[str, NDArray[Any]]:
        """Values of every parameter for points ``start`` to ``stop - 1``.

        Returns
        -------
        dict
            Canonical name to array ``(stop - start,)``: float64, or str for sections. Bits do not
            depend on how the range is cut.
        """

    def seeds(self, start: int, stop: int) -> NDArray[np.uint64]:
        """A seed for each point, ``(stop - start,)``, for simulators that draw.

        Points of one sample (its corners) share theirs.
        """

    def columns(self) -> tuple[Column, ...]:
        """Every parameter's values over the design, as the dataset's coordinates."""

    def describe(self) -> dict[str, Any]:
        """What identifies the points, as JSON; without n where `extensible`."""

    def labelled(self, units: Mapping[str, str]) -> BoundDesign:
        """The same design with units of its parameters, by canonical name, for people.

        They are no part of its description.
        """

    def extended(self, size_per_sample_dim: int) -> BoundDesign:
        """The same design with another n.

        Raises
        ------
        SamplingError
            It is not extensible.
        """


class Design(Protocol):
    """What a person writes: Monte Carlo, sweep, corners, or their product."""

    def bind(self, space: ParameterSpace) -> BoundDesign:
        """Resolve names, globs and nominals.

        Raises
        ------
        UnknownNameError, AmbiguousNameError, SamplingError
            Before anything is simulated.
        """

    def __mul__(self, other: Design) -> Design:
        """Cross two designs: ``corners * mc``."""
