"""A design bound to its parameters: points in a fixed order, each drawn without the others."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import SamplingError
from spicelab_nb.sampling.design import Column, Dimension
from spicelab_nb.sampling.draws import Draws
from spicelab_nb.sampling.streams import words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Axis", "Points", "restore"]

_FORMAT = 1
_SEED_STREAM = "seed-stream"


@dataclass(frozen=True, kw_only=True, eq=False)
class Axis:
    """One dimension of a sweep or of corners, and the parameters that change along it.

    Parameters
    ----------
    name
        Of the dimension.
    coordinate
        ``(n,)``: the swept values, corner names, or 0, 1, 2, ... where several are zipped.
    columns
        Canonical name to ``(n,)`` values, float64 or str.
    """

    name: str
    coordinate: NDArray[Any]
    columns: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.coordinate)

    def without(self, names: frozenset[str]) -> Axis:
        """The same axis, not setting some parameters."""
        kept = {name: v for name, v in self.columns.items() if name not in names}
        return replace(self, columns=kept)

    def describe(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {
            "name": self.name,
            "coordinate": self.coordinate.tolist(),
            "columns": {name: values.tolist() for name, values in sorted(self.columns.items())},
        }

    @classmethod
    def restore(cls, description: Mapping[str, Any]) -> Axis:
        """Make an axis from what its `describe` gave."""
        return cls(
            name=description["name"],
            coordinate=np.array(description["coordinate"]),
            columns={name: np.array(v) for name, v in description["columns"].items()},
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Points:
    """A :class:`~spicelab_nb.sampling.design.BoundDesign`: a grid of axes, with or without draws.

    Parameters
    ----------
    axes
        Outermost first; ``sample``, where there is one, comes before them.
    draws
        What varies from sample to sample; None for sweeps and corners alone.
    units
        Canonical name to unit, for people: no part of what the design is.
    """

    axes: tuple[Axis, ...] = ()
    draws: Draws | None = None
    units: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    _inner: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_inner", math.prod(len(a) for a in self.axes))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Points):
            return NotImplemented
        return self.size == other.size and self.describe() == other.describe()

    def __hash__(self) -> int:
        return hash((self.size, self.parameters))

    def __repr__(self) -> str:
        shape = ", ".join(f"{d.name}: {len(d)}" for d in self.dimensions)
        return f"Points({shape}; sets {', '.join(self.parameters) or 'nothing'})"

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The dimensions, ``sample`` first where there is one."""
        own = tuple(
            Dimension(name=a.name, values=a.coordinate, unit=self.units.get(a.name, ""))
            for a in self.axes
        )
        if self.draws is None:
            return own
        return (Dimension(name="sample", values=np.arange(self.draws.n)), *own)

    @property
    def size(self) -> int:
        """How many points there are."""
        return self._inner * (1 if self.draws is None else self.draws.n)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Canonical names of the parameters that the design sets, sorted."""
        names = {name for axis in self.axes for name in axis.columns}
        if self.draws is not None:
            names.update(self.draws.names)
        return tuple(sorted(names))

    @property
    def extensible(self) -> bool:
        """Whether a larger n keeps every point that a smaller n had."""
        return self.draws is not None and self.draws.extensible

    def draw(self, start: int, stop: int) -> dict[str, NDArray[Any]]:
        """Values of every parameter for points ``start`` to ``stop - 1``, each ``(stop - start,)``.

        Raises
        ------
        SamplingError
            The range leaves the design.
        """
        self._check_range(start, stop)
        point = np.arange(start, stop)
        values: dict[str, NDArray[Any]] = {}
        index: dict[str, NDArray[np.intp]] = {}
        stride = self._inner
        for axis in self.axes:
            stride //= len(axis)
            index[axis.name] = (point // stride) % len(axis)
            values.update({n: column[index[axis.name]] for n, column in axis.columns.items()})
        if self.draws is not None:
            first = start // self._inner
            last = -(-stop // self._inner)
            values.update(self.draws.values(first, last, point // self._inner - first, index))
        return {name: values[name] for name in self.parameters}

    def seeds(self, start: int, stop: int) -> NDArray[np.uint64]:
        """A seed for each point, ``(stop - start,)``; the same in all corners of a sample.

        Corners are compared on the same draws, those of the simulator's own among them.
        """
        self._check_range(start, stop)
        if self.draws is None:
            return words(0, _SEED_STREAM, start, stop)
        first, last = start // self._inner, -(-stop // self._inner)
        each = words(self.draws.seed, _SEED_STREAM, first, last)
        return each[np.arange(start, stop) // self._inner - first]

    def columns(self) -> tuple[Column, ...]:
        """Every parameter's values over the dimensions that they depend on, by name."""
        found = {
            name: Column(name=name, dims=(axis.name,), values=values)
            for axis in self.axes
            for name, values in axis.columns.items()
        }
        if self.draws is not None:
            found.update((c.name, c) for c in self.draws.columns())
        return tuple(
            replace(found[name], unit=self.units.get(name, "")) for name in self.parameters
        )

    def labelled(self, units: Mapping[str, str]) -> Points:
        """The same design with units of its parameters, by canonical name."""
        return replace(self, units=dict(units))

    def describe(self) -> dict[str, Any]:
        """What identifies the points, as JSON; without n where `extensible`."""
        return {
            "format": _FORMAT,
            "axes": [axis.describe() for axis in self.axes],
            "draws": None if self.draws is None else self.draws.describe(),
        }

    def extended(self, size_per_sample_dim: int) -> Points:
        """The same design with another n.

        Raises
        ------
        SamplingError
            It is not extensible.
        """
        if self.draws is None or not self.draws.extensible:
            what = "has no sample dimension" if self.draws is None else "depends on its n"
            raise SamplingError(f"This design {what}: it cannot be extended; start a new campaign")
        return replace(self, draws=self.draws.extended(size_per_sample_dim))

    def _check_range(self, start: int, stop: int) -> None:
        if not 0 <= start <= stop <= self.size:
            raise SamplingError(
                f"Points {start} to {stop} are not within a design of {self.size} points"
            )


def restore(description: Mapping[str, Any], *, size: int | None = None) -> Points:
    """Make a bound design from what its `describe` gave: the same points, to the bit.

    Parameters
    ----------
    description
        From `describe`, or read back from JSON.
    size
        Number of samples (the length of the ``sample`` dimension). Needed where the design is
        extensible, because the description then leaves it out.

    Raises
    ------
    SamplingError
        The description is not one that this version reads, or a size is missing.
    """
    version = description.get("format")
    if version != _FORMAT:
        raise SamplingError(
            f"The description of the samples has format {version!r}, and this version of "
            f"spicelab_nb reads format {_FORMAT}: use the version that wrote it"
        )
    try:
        axes = tuple(Axis.restore(a) for a in description["axes"])
        given = description["draws"]
        draws = None if given is None else Draws.restore(given, n=size)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise SamplingError(f"The description of the samples is damaged: {error!r}") from error
    return Points(axes=axes, draws=draws)
