"""Corners: named sets of values, along one dimension."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from spicelab_nb.errors import SamplingError, suggests_arguments
from spicelab_nb.sampling.crossing import Factor
from spicelab_nb.sampling.names import Key, check_key, resolve
from spicelab_nb.sampling.points import Axis
from spicelab_nb.sampling.values import as_value, as_values, check_kind, for_space

if TYPE_CHECKING:
    from spicelab_nb.sampling.design import ParameterSpace, Value

__all__ = ["Corners"]

_SHOWN = 6


@suggests_arguments
@dataclass(frozen=True, repr=False)
class Corners(Factor):
    """Named sets of values along the dimension ``corner``.

    Parameters
    ----------
    corners
        By corner's name: values by parameter, numbers or section names (``lib``). A glob or a
        tuple of names sets each to the same value. A parameter that only some corners set has its
        nominal value in the others.

    Raises
    ------
    SamplingError
        There is no corner, or a value is neither a finite number nor text.
    """

    corners: Mapping[str, Mapping[Any, Value]]  # keys are Key; a mapping is invariant in them

    once: ClassVar[str] = (
        "Two sets of corners cannot be crossed: combine them with Corners.full({...})"
    )

    def __post_init__(self) -> None:
        if not isinstance(self.corners, Mapping):
            raise SamplingError(
                'Corners takes a mapping of names to values, such as {"hot": {"temp": 125}}, '
                f"not {self.corners!r}"
            )
        if not self.corners:
            raise SamplingError("There are no corners: name at least one and what it sets")
        checked: dict[str, dict[Key, Value]] = {}
        for name, values in self.corners.items():
            if not isinstance(name, str) or not name.strip():
                raise SamplingError(f"Corners: {name!r} is no name for a corner: use text")
            if not isinstance(values, Mapping):
                raise SamplingError(
                    f"Corners: {name!r} needs a mapping of parameters to values, such as "
                    f'{{"temp": 125}}, not {values!r}'
                )
            checked[name] = {}
            for key, value in values.items():
                check_key(key)
                checked[name][key] = as_value(value, f"Corners: {name!r}: {key!r}")
        object.__setattr__(self, "corners", checked)

    @classmethod
    def full(cls, values: Mapping[Any, Any]) -> Corners:
        """Make a corner of every combination of values, named by them: ``tt_-40``.

        Parameters
        ----------
        values
            By parameter: a list of numbers or of section names.

        Raises
        ------
        SamplingError
            It is empty, or a list repeats a value.
        """
        if not isinstance(values, Mapping) or not values:
            raise SamplingError(
                "Corners.full takes a mapping of parameters to lists, such as "
                f'{{"temp": [-40, 125]}}, not {values!r}'
            )
        lists: list[list[Value]] = []
        labels: list[list[str]] = []
        for key, given in values.items():
            check_key(key)
            column: list[Value] = as_values(given, f"Corners.full: {key}").tolist()
            if len(set(column)) < len(column):
                raise SamplingError(f"Corners.full: {key!r} has the same value twice: {column!r}")
            lists.append(column)
            labels.append(_labels(column))
        names = ["_".join(parts) for parts in itertools.product(*labels)]
        if len(set(names)) < len(names):
            raise SamplingError(
                "Corners.full: two combinations would have the same name; name them yourself: "
                "Corners({...})"
            )
        combinations = itertools.product(*lists)
        return cls(
            {n: dict(zip(values, c, strict=True)) for n, c in zip(names, combinations, strict=True)}
        )

    def axes(self, space: ParameterSpace) -> tuple[Axis, ...]:
        """The dimension ``corner``."""
        settings = [self._resolved(space, name) for name in self.corners]
        columns = {}
        for parameter in sorted({p for setting in settings for p in setting}):
            values: list[Value] = []
            for name, setting in zip(self.corners, settings, strict=True):
                value = setting.get(parameter)
                if value is None:
                    value = space.at(setting).nominal(parameter)
                    if value is None:
                        raise SamplingError(
                            f"Corner {name!r} does not set {parameter}, which has no nominal "
                            "value: set it in every corner"
                        )
                    value = as_value(value, f"Nominal value of {parameter}")
                values.append(value)
            column = for_space(as_values(values, f"Corners: {parameter}"), space)
            check_kind(parameter, column, space.nominal(parameter))
            columns[parameter] = column
        return (Axis(name="corner", coordinate=np.array(list(self.corners)), columns=columns),)

    def _resolved(self, space: ParameterSpace, corner: str) -> dict[str, Value]:
        setting: dict[str, Value] = {}
        for key, value in self.corners[corner].items():
            for parameter in resolve(space, key):
                if parameter in setting:
                    raise SamplingError(f"Corner {corner!r} sets {parameter} twice")
                setting[parameter] = value
        return setting

    def __repr__(self) -> str:
        names = list(self.corners)
        more = f", ... {len(names)} in all" if len(names) > _SHOWN else ""
        return f"Corners({', '.join(names[:_SHOWN])}{more})"


def _labels(column: Sequence[Value]) -> list[str]:
    """Name values in as few digits as tell them apart."""
    labels: list[str] = []
    for digits in (6, 9, 12, 16):
        labels = [v if isinstance(v, str) else f"{v:.{digits}g}" for v in column]
        if len(set(labels)) == len(labels):
            break
    return labels
