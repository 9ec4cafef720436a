"""Sweeps: every combination of given values, each parameter a dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import SamplingError, suggests_arguments
from spicelab_nb.sampling.crossing import Factor
from spicelab_nb.sampling.names import Key, check_key, is_glob, resolve
from spicelab_nb.sampling.points import Axis
from spicelab_nb.sampling.values import as_values, check_kind, for_space

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spicelab_nb.sampling.design import ParameterSpace

__all__ = ["Sweep"]

_SHOWN = 4


@suggests_arguments
@dataclass(frozen=True, repr=False)
class Sweep(Factor):
    """A grid of values; each parameter becomes a dimension of its own.

    Parameters
    ----------
    values
        By parameter: a list or array of numbers, or of section names for ``lib``. A tuple of names
        is one dimension, called by the names joined with ``_``, along which they change together:
        give a tuple of equally long lists, one for each name, or a list of rows (what ``zip``
        gives), or one list of values that all of them take.

    Raises
    ------
    SamplingError
        It is empty, or values are missing, repeated, not finite or of the wrong shape.
    """

    values: Mapping[Any, Any]  # keys are Key; a mapping is invariant in them

    def __post_init__(self) -> None:
        if not isinstance(self.values, Mapping):
            raise SamplingError(
                'Sweep takes a mapping of parameters to values, such as {"R1": [1e3, 2e3]}, '
                f"not {self.values!r}"
            )
        if not self.values:
            raise SamplingError("The sweep is empty: name at least one parameter and its values")
        checked: dict[Key, tuple[Any, ...]] = {}
        for key, given in self.values.items():
            check_key(key)
            if any(is_glob(n) and ("*" in n or "?" in n) for n in _names(key)):
                raise SamplingError(
                    f"Sweep: {key!r} is a pattern: a sweep takes names, so that each dimension "
                    "has one; list those that change together in a tuple"
                )
            if isinstance(key, tuple):
                columns = _zipped(key, given)
                checked[key] = tuple(tuple(c.tolist()) for c in columns)
            else:
                columns = (as_values(given, f"Sweep: {key}"),)
                checked[key] = tuple(columns[0].tolist())
            _refuse_repeats(key, columns)
        object.__setattr__(self, "values", checked)

    def axes(self, space: ParameterSpace) -> tuple[Axis, ...]:
        """One for each key, in their order."""
        return tuple(self._axis(space, key) for key in self.values)

    def _axis(self, space: ParameterSpace, key: Key) -> Axis:
        names = tuple(resolve(space, n)[0] for n in _names(key))
        if len(set(names)) < len(names):
            raise SamplingError(f"Sweep: {key!r} names a parameter twice")
        given = self.values[key] if isinstance(key, tuple) else (self.values[key],)
        columns = {
            n: for_space(np.array(column), space) for n, column in zip(names, given, strict=True)
        }
        for name, column in columns.items():
            check_kind(name, column, space.nominal(name))
        if len(names) == 1:
            return Axis(name=names[0], coordinate=columns[names[0]], columns=columns)
        length = len(columns[names[0]])
        return Axis(name="_".join(names), coordinate=np.arange(length), columns=columns)

    def __repr__(self) -> str:
        parts = [f"{'='.join(_names(key))}: {_shown(key, v)}" for key, v in self.values.items()]
        return f"Sweep({', '.join(parts)})"


def _names(key: Key) -> tuple[str, ...]:
    return key if isinstance(key, tuple) else (key,)


def _zipped(key: tuple[str, ...], given: Any) -> tuple[NDArray[Any], ...]:
    """Give one array of values for each name of a tuple, all equally long."""
    where = f"Sweep: {key!r}"
    count = len(key)
    if isinstance(given, (str, Mapping)) or not hasattr(given, "__iter__"):
        raise SamplingError(f"{where} needs a list of values, not {given!r}")
    rows: Any = np.asarray(given) if hasattr(given, "__array__") else given
    rows = rows if isinstance(rows, (tuple, np.ndarray)) else list(rows)
    nested = [isinstance(row, (Sequence, np.ndarray)) and not isinstance(row, str) for row in rows]
    if not any(nested):
        shared = as_values(rows, where)
        return (shared,) * count
    lengths = {len(row) if deep else -1 for row, deep in zip(rows, nested, strict=True)}
    if len(lengths) != 1 or -1 in lengths:
        raise SamplingError(f"{where}: the lists of values must be equally long")
    length = lengths.pop()
    by_name, by_row = len(rows) == count, length == count
    mirrors = isinstance(rows, tuple)  # the key is a tuple too: one list for each name
    if by_name and by_row and mirrors == isinstance(rows[0], tuple):
        raise SamplingError(
            f"{where}: {count} by {count} values can be read by name or by row: give a tuple of "
            "lists, one for each name, or list(zip(...))"
        )
    if by_name and (mirrors or not by_row):
        columns = list(rows)
    elif by_row:
        columns = [[row[k] for row in rows] for k in range(count)]
    else:
        raise SamplingError(
            f"{where}: {count} names need {count} lists of values, or rows of {count}; "
            f"these are {len(rows)} of {length}"
        )
    return tuple(as_values(c, f"{where}, {n}") for n, c in zip(key, columns, strict=True))


def _refuse_repeats(key: Key, columns: tuple[NDArray[Any], ...]) -> None:
    seen: set[tuple[Any, ...]] = set()
    for row in zip(*(c.tolist() for c in columns), strict=True):
        if row in seen:
            shown = row[0] if len(row) == 1 else row
            raise SamplingError(
                f"Sweep: {key!r} has {shown!r} twice: values name the results, so each must differ"
            )
        seen.add(row)


def _shown(key: Key, values: Any) -> str:
    if isinstance(key, tuple):
        return f"{len(values[0])} values"
    if len(values) <= _SHOWN:
        return f"[{', '.join(_text(v) for v in values)}]"
    return f"{len(values)} values {_text(values[0])}..{_text(values[-1])}"


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
