"""Any Python function as a simulator."""

from __future__ import annotations

import fnmatch
import inspect
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from spicelab_nb.circuits.measures import source_digest
from spicelab_nb.errors import MeasureError, SamplingError, UnknownNameError, nearest
from spicelab_nb.simulators.simulator import (
    Axis,
    Batch,
    Failure,
    Output,
    Resources,
    Status,
    Wave,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from spicelab_nb.sampling.design import Value

__all__ = ["FunctionSimulator", "FunctionSpace", "last_lines"]

TAKEN = frozenset({"sample", "status", "corner"})
"""What the dataset calls something of its own."""

LOG_LINES = 20
"""How many lines of a traceback are kept for a failed sample."""


@dataclass(frozen=True, kw_only=True)
class FunctionSpace:
    """The parameters of a function: its keyword arguments, with their defaults as nominals.

    Parameters
    ----------
    names
        Argument names, ``seed`` left out.
    defaults
        Nominal values of those that have a number or a string as default.
    open_ended
        Whether the function takes ``**kwargs``, so that any name may be given.
    function
        Name of the function, for messages.
    """

    names: tuple[str, ...]
    defaults: Mapping[str, Value] = field(default_factory=dict)
    open_ended: bool = False
    function: str = "the function"

    integers: ClassVar[bool] = True
    """Where all values given for an argument are ints, it is called with ints."""

    def canonical(self, name: str) -> str:
        """Give `name` if the function takes it, else raise with the nearest names."""
        if name in self.names or (self.open_ended and name.isidentifier() and name != "seed"):
            return name
        raise UnknownNameError(
            f"{self.function}() has no parameter {name!r}.{nearest(name, self.names)}"
        )

    def expand(self, pattern: str) -> tuple[str, ...]:
        """Give the arguments that a glob matches."""
        found = tuple(sorted(n for n in self.names if fnmatch.fnmatchcase(n, pattern)))
        if not found:
            raise UnknownNameError(
                f"No parameter of {self.function}() matches {pattern!r}."
                f"{nearest(pattern, self.names)}"
            )
        return found

    def nominal(self, name: str) -> Value | None:
        """Give the argument's default, if it is a number or a string."""
        return self.defaults.get(name)

    def at(self, values: Mapping[str, Value]) -> FunctionSpace:
        """Give the space with other defaults."""
        return FunctionSpace(
            names=self.names,
            defaults={**self.defaults, **values},
            open_ended=self.open_ended,
            function=self.function,
        )


@dataclass(frozen=True, kw_only=True)
class FunctionSimulator:
    """A Python function as a simulator.

    Parameters
    ----------
    function
        ``f(**parameters)`` or ``f(**parameters, seed)``. It returns a number (the measure
        ``value``), a mapping of measure names to numbers, or an xarray Dataset: its scalars are
        measures, its other variables are kept for each sample and must have one shape.
    declared
        Measures that it promises, by name; None: known after the first sample.
    resources
        What one call needs.
    """

    function: Callable[..., Any]
    declared: Mapping[str, Output] | None = None
    resources: Resources = field(default_factory=Resources)

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise MeasureError(f"A simulator must be callable, not {self.function!r}")

    @property
    def space(self) -> FunctionSpace:
        """The keyword arguments that can be varied."""
        name = getattr(self.function, "__name__", type(self.function).__name__)
        try:
            signature = inspect.signature(self.function)
        except (TypeError, ValueError):
            return FunctionSpace(names=(), open_ended=True, function=name)
        names, defaults, open_ended = [], {}, False
        for parameter in signature.parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                open_ended = True
            elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
                raise SamplingError(
                    f"{name}() takes {parameter.name!r} by position; "
                    "a simulator is called with keyword arguments only."
                )
            elif parameter.name != "seed":
                names.append(parameter.name)
                value = parameter.default
                if isinstance(value, (int, float, str)) and not isinstance(value, bool):
                    defaults[parameter.name] = value
        return FunctionSpace(
            names=tuple(names), defaults=defaults, open_ended=open_ended, function=name
        )

    @property
    def required(self) -> frozenset[str]:
        """Arguments without a default: every design must set them."""
        try:
            parameters = inspect.signature(self.function).parameters.values()
        except (TypeError, ValueError):
            return frozenset()
        return frozenset(
            p.name
            for p in parameters
            if p.default is p.empty
            and p.name != "seed"
            and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        )

    @property
    def takes_seed(self) -> bool:
        """Whether the function is handed a seed, a different one for each sample."""
        return _takes_seed(self.function)

    @property
    def outputs(self) -> Mapping[str, Output] | None:
        """The declared measures."""
        return self.declared

    def describe(self) -> dict[str, Any]:
        """Name and digest of source, closure and defaults."""
        return {
            "kind": "function",
            "function": source_digest(self.function),
            "measures": {
                name: {"unit": o.unit, "long_name": o.long_name}
                for name, o in (self.declared or {}).items()
            },
        }

    @classmethod
    def declared_as(
        cls, function: Callable[..., Any], measures: Mapping[str, Mapping[str, str]]
    ) -> FunctionSimulator:
        """Wrap a function with the measures that a description recorded; none: undeclared."""
        outputs = {name: Output(**fields) for name, fields in measures.items()}
        return cls(function=function, declared=outputs or None)

    def inputs(self) -> Mapping[str, bytes]:
        """Nothing: a function's code is never put into a store."""
        return {}

    def open(self) -> FunctionSession:
        """Make a session; there is nothing to warm up."""
        return FunctionSession(self.function, takes_seed=self.takes_seed)


def _takes_seed(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
    return "seed" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


class FunctionSession:
    """Calls the function once for each sample."""

    def __init__(self, function: Callable[..., Any], *, takes_seed: bool) -> None:
        self._function = function
        self._takes_seed = takes_seed

    def run(
        self, start: int, values: Mapping[str, NDArray[Any]], seeds: NDArray[np.uint64]
    ) -> Batch:
        """Call the function for each point; see :class:`~.simulator.Session`."""
        n = len(seeds)
        status = np.zeros(n, np.int8)
        cpu = np.zeros(n)
        results: list[_Result | None] = []
        failures = []
        for i in range(n):
            arguments: dict[str, Any] = {k: v[i].item() for k, v in values.items()}
            if self._takes_seed:
                arguments["seed"] = int(seeds[i])
            begun = time.thread_time()
            try:
                result = _read(self._function(**arguments))
                _check_names(result, arguments)
                results.append(result)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a sample that fails never stops the rest
                status[i] = Status.FAILED
                results.append(None)
                failures.append(
                    Failure(
                        index=start + i,
                        status=Status.FAILED,
                        reason=f"{type(error).__name__}: {error}",
                        log=last_lines(error),
                    )
                )
            cpu[i] = time.thread_time() - begun
        return _gather(start, status, cpu, results, failures)

    def close(self) -> None:
        """Do nothing: a function keeps nothing warm."""


@dataclass(frozen=True, slots=True)
class _Result:
    measures: dict[str, float]
    units: dict[str, str] = field(default_factory=dict)
    waves: dict[str, tuple[tuple[Axis, ...], NDArray[Any], str]] = field(default_factory=dict)


def _read(result: Any) -> _Result:
    if hasattr(result, "data_vars") and hasattr(result, "coords"):
        return _read_dataset(result)
    if isinstance(result, Mapping):
        return _Result({str(k): _number(str(k), v) for k, v in result.items()})
    return _Result({"value": _number("value", result)})


def _check_names(result: _Result, arguments: Mapping[str, Any]) -> None:
    """Refuse measures that the dataset could not hold beside what it holds already."""
    for name in result.measures:
        if not name.strip():
            raise MeasureError(f"A measure needs a name, not {name!r}.")
        if name in TAKEN or (name in arguments and name != "seed"):
            taken = "reserved" if name in TAKEN else "the name of a varied parameter"
            raise MeasureError(f"A measure may not be called {name!r}: that is {taken}.")


def _number(name: str, value: Any) -> float:
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "biuf":
        raise MeasureError(
            f"The measure {name!r} must be one real number, not {type(value).__name__} "
            f"of shape {array.shape}; return an xarray Dataset to keep arrays."
        )
    return float(array.reshape(())[()])


def _read_dataset(dataset: Any) -> _Result:
    measures, units, waves = {}, {}, {}
    for name, variable in dataset.data_vars.items():
        unit = str(variable.attrs.get("units", ""))
        if variable.ndim == 0:
            measures[str(name)] = _number(str(name), variable.values)
            units[str(name)] = unit
            continue
        axes = tuple(
            Axis(
                name=str(dim),
                values=np.asarray(dataset[dim].values, np.float64),
                unit=str(dataset[dim].attrs.get("units", "")),
            )
            for dim in variable.dims
        )
        dtype = np.complex128 if variable.dtype.kind == "c" else np.float64
        waves[str(name)] = (axes, np.asarray(variable.values, dtype), unit)
    return _Result(measures, units, waves)


def same_axes(a: tuple[Axis, ...], b: tuple[Axis, ...]) -> bool:
    """Say whether two samples were kept at the same places."""
    return len(a) == len(b) and all(
        x.name == y.name and np.array_equal(x.values, y.values, equal_nan=True)
        for x, y in zip(a, b, strict=True)
    )


def last_lines(error: BaseException) -> tuple[str, ...]:
    """The end of an error's traceback, as lines, for the record of a failed sample."""
    text = "".join(traceback.format_exception(error))
    return tuple(text.splitlines()[-LOG_LINES:])


def _gather(
    start: int,
    status: NDArray[np.int8],
    cpu: NDArray[np.float64],
    results: list[_Result | None],
    failures: list[Failure],
) -> Batch:
    n = len(status)
    measures: dict[str, NDArray[np.float64]] = {}
    units: dict[str, str] = {}
    kept: dict[str, tuple[tuple[Axis, ...], NDArray[Any], str]] = {}
    for i, result in enumerate(results):
        if result is None:
            continue
        for name, value in result.measures.items():
            measures.setdefault(name, np.full(n, np.nan))[i] = value
        units.update(result.units)
        for name, (axes, data, unit) in result.waves.items():
            if name not in kept:
                kept[name] = (axes, np.full((n, *data.shape), np.nan, data.dtype), unit)
            if kept[name][1].shape[1:] != data.shape:
                raise MeasureError(
                    f"The variable {name!r} has shape {data.shape} in sample {start + i} and "
                    f"{kept[name][1].shape[1:]} in an earlier one; kept arrays need one shape."
                )
            if not same_axes(kept[name][0], axes) or kept[name][1].dtype != data.dtype:
                raise MeasureError(
                    f"The variable {name!r} lies on other coordinates in sample {start + i} than "
                    "in an earlier one, or is complex in one of them only; kept arrays need one "
                    "grid: interpolate onto it in the function."
                )
            kept[name][1][i] = data
    return Batch(
        start=start,
        status=status,
        measures=measures,
        waves=tuple(
            Wave(analysis="out", signal=name, axes=axes, data=data, unit=unit)
            for name, (axes, data, unit) in kept.items()
        ),
        failures=tuple(failures),
        cpu=cpu,
        units=units,
    )
