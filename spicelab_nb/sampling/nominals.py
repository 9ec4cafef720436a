"""Around which values a Monte Carlo varies, at every point of the axes that it is crossed with."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from spicelab_nb.errors import SamplingError
from spicelab_nb.sampling.design import AskedAtOnce
from spicelab_nb.sampling.draws import Member

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from spicelab_nb.sampling.design import ParameterSpace, Value
    from spicelab_nb.sampling.distribution import Distribution
    from spicelab_nb.sampling.points import Axis

__all__ = ["check_overlap", "members"]


def check_overlap(name: str, distribution: Distribution, axes: Sequence[Axis]) -> None:
    """See whether a parameter may be varied beside axes that may set it too.

    Raises
    ------
    SamplingError
        It is swept, or its distribution takes no notice of the corners' values.
    """
    axis = next((a.name for a in axes if name in a.columns), None)
    if axis is None:
        return
    if axis != "corner":
        raise SamplingError(
            f"{name} is both swept and varied by the Monte Carlo: leave it out of one of them, "
            "or give its values as corners"
        )
    if not distribution.uses_nominal:
        raise SamplingError(
            f"{name} is set by the corners, and {distribution!r} takes no notice of that value: "
            "make it relative to the nominal (rel=), or leave its mean away"
        )


def members(names: set[str], space: ParameterSpace, axes: Sequence[Axis]) -> dict[str, Member]:
    """Give the nominals of parameters at every point of the axes.

    Returns
    -------
    dict
        By name; each on the fewest axes that its nominal changes along.

    Raises
    ------
    SamplingError
        A parameter has no nominal, or it is text.
    """
    if not names:
        return {}
    shape = tuple(len(axis) for axis in axes)
    found: dict[str, list[Value | None]] = {name: [] for name in sorted(names)}
    for values in _settings(axes):
        here = space.at(values) if values else space
        given: dict[str, Value | None] = {n: values[n] for n in found if n in values}
        given |= _nominals(here, [n for n in found if n not in values])
        for name, nominals in found.items():
            nominals.append(given[name])
    return {
        name: _member(name, nominals, shape, [a.name for a in axes])
        for name, nominals in found.items()
    }


def _nominals(space: ParameterSpace, names: Sequence[str]) -> Mapping[str, Value | None]:
    if isinstance(space, AskedAtOnce):
        return space.nominals(names)
    return {name: space.nominal(name) for name in names}


def _member(
    name: str, nominals: list[Value | None], shape: tuple[int, ...], dims: Sequence[str]
) -> Member:
    for nominal in nominals:
        if nominal is None:
            raise SamplingError(
                f"{name} has no nominal value to vary around, since nothing sets it: give its "
                "distribution absolute values, such as Normal(mean=..., sd=...), or write its "
                "value into the netlist (a model's parameter: into its .model card; a function's: "
                "as the argument's default)"
            )
        if isinstance(nominal, str):
            raise SamplingError(
                f"{name} is text ({nominal!r}), and its distribution draws numbers: "
                'use Discrete(["tt", "ss"]) for sections'
            )
    values: NDArray[np.float64] = np.array(nominals, dtype=np.float64).reshape(shape)
    kept = list(dims)
    for place in reversed(range(len(shape))):
        first = values.take([0], axis=place)
        if (values == first).all():
            values = first.squeeze(place)
            del kept[place]
    return Member(name=name, dims=tuple(kept), nominal=values)


def _settings(axes: Sequence[Axis]) -> Iterator[Mapping[str, Value]]:
    """What every point of the axes sets, in C order; one empty setting without axes."""
    rows = [
        [
            {name: column[k].item() for name, column in axis.columns.items()}
            for k in range(len(axis))
        ]
        for axis in axes
    ]
    for parts in itertools.product(*rows):
        yield {name: value for part in parts for name, value in part.items()}
