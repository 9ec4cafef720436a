"""What a measure is: a specification that computes one number from a sample's own points.

Each measure is a frozen dataclass: what to take from which signal of which analysis. The numbers
are computed from the engine's points as they are, before any resampling, for a whole batch of
samples that share their axis at once, and with the same bits as one by one.

Why the bits agree: every step works either on single elements of C-contiguous arrays, on integers
and truth values, or on one row at a time (sums run along the last, contiguous axis, whose pairwise
order depends on its length alone). Nothing goes through BLAS.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias, cast

import numpy as np

from spicelab_nb.circuits.measures.signals import canonical_signal, difference, signal_unit
from spicelab_nb.engines.stack import stacks
from spicelab_nb.errors import MeasureError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from spicelab_nb.engines.engine import Analysis, Outcome, Plot

__all__ = ["Measure", "SignalMeasure", "restore"]

Rows: TypeAlias = "NDArray[Any]"
"""``(n, p)``: one C-contiguous row of points for each sample."""

_MEASURES: dict[str, type[Measure]] = {}


@dataclass(frozen=True)
class Measure(ABC):
    """One number taken from each sample.

    Attributes
    ----------
    name : str
        What it is called in ``sl.measure``: ``"bandwidth"``.
    analysis : str or None
        Name of the analysis (``"ac"``, ``"tran2"``); None until `resolve` finds the only one that
        fits.
    """

    _: KW_ONLY
    analysis: str | None = None

    name: ClassVar[str] = ""
    kinds: ClassVar[tuple[str, ...]] = ()
    """Kinds of analysis that can fit; what `fitting` says holds for one specification."""

    def __init_subclass__(cls) -> None:
        if cls.__dict__.get("name"):
            _MEASURES[cls.name] = cls
        # In the class itself, so that dataclass leaves it alone.
        cls.__repr__ = Measure.__repr__  # type: ignore[method-assign]

    def __repr__(self) -> str:
        required, chosen = [], []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not field.init:
                continue
            if field.default is dataclasses.MISSING:
                required.append(repr(value))
            elif value != field.default:
                chosen.append(f"{field.name}={value!r}")
        return f"measure.{self.name}({', '.join(required + chosen)})"

    @property
    def signals(self) -> tuple[str, ...]:
        """Canonical names of the signals that it needs."""
        return ()

    @property
    def unit(self) -> str:
        """Unit of the number; "" for none or unknown."""
        return ""

    @property
    def long_name(self) -> str:
        """What stands on the axis of a figure."""
        return self.name.replace("_", " ")

    @property
    def fitting(self) -> tuple[str, ...]:
        """Kinds of analysis that fit this specification."""
        return self.kinds

    def resolve(self, analyses: Sequence[Analysis]) -> Self:
        """Settle which analysis it is taken from.

        Parameters
        ----------
        analyses
            Those of the circuit.

        Returns
        -------
        Measure
            The same with `analysis` set.

        Raises
        ------
        MeasureError
            None fits, several fit, or the one named is not there; the message lists them.
        """
        plots = _plots_of(analyses)
        there = ", ".join(plots) or "none"
        if self.analysis is not None:
            kind = plots.get(self.analysis.lower())
            if kind is None:
                raise MeasureError(
                    f"measure.{self.name} asks for the analysis {self.analysis!r}, "
                    f"but the circuit has {there}."
                )
            if kind not in self.fitting:
                raise MeasureError(
                    f"measure.{self.name} cannot be taken from {self.analysis!r} (.{kind}): "
                    f"it needs {_or(self.fitting)}."
                )
            return dataclasses.replace(self, analysis=self.analysis.lower())
        fit = [name for name, kind in plots.items() if kind in self.fitting]
        if not fit:
            raise MeasureError(
                f"measure.{self.name}{self._of()} needs an analysis of kind {_or(self.fitting)}, "
                f"but the circuit has {there}. Add one to the netlist."
            )
        if len(fit) > 1:
            raise MeasureError(
                f"measure.{self.name}{self._of()} fits several analyses: {', '.join(fit)}. "
                f"Say which: measure.{self.name}(..., analysis={fit[0]!r})."
            )
        return dataclasses.replace(self, analysis=fit[0])

    def _of(self) -> str:
        return f" of {', '.join(self.signals)}" if self.signals else ""

    def describe(self) -> dict[str, Any]:
        """What identifies it, with its ``unit`` and ``long_name``, as JSON.

        `restore` makes it again; a store labels its dataset from these two.
        """
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in fields.items()}
        return {"measure": self.name, **plain, "unit": self.unit, "long_name": self.long_name}

    @abstractmethod
    def of_outcomes(self, outcomes: Sequence[Outcome]) -> NDArray[np.float64]:
        """Compute it for samples that are ok.

        Parameters
        ----------
        outcomes
            Each with status ``OK``.

        Returns
        -------
        ndarray
            ``(n,)`` float64; NaN where it does not exist (no crossing).

        Raises
        ------
        MeasureError
            The analysis or a signal is not there.
        """


@dataclass(frozen=True)
class SignalMeasure(Measure):
    """A measure of one or several signals of one analysis."""

    signal: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "signal", canonical_signal(self.signal))

    @property
    def inputs(self) -> tuple[str, ...]:
        """What it is computed from: signals, or differences ``v(a,b)`` of two."""
        return (self.signal,)

    @property
    def signals(self) -> tuple[str, ...]:
        """Canonical names of the signals that it needs, in the order `evaluate` takes them.

        The difference ``v(a,b)`` needs ``v(a)`` and ``v(b)``, whichever engine there is.
        """
        return tuple(name for given in self.inputs for name in difference(given))

    @property
    def unit(self) -> str:
        """Unit of the number; "" for none or unknown."""
        return signal_unit(self.signal)

    @property
    def long_name(self) -> str:
        """What stands on the axis of a figure."""
        return f"{self.name.replace('_', ' ')} of {self.signal}"

    @abstractmethod
    def compute(self, x: NDArray[np.float64], *rows: Rows) -> NDArray[np.float64]:
        """Compute from C-contiguous rows ``(n, p)``, one array for each of `inputs`."""

    def evaluate(self, axis: NDArray[np.float64], *values: Rows) -> NDArray[np.float64]:
        """Compute it for samples that share their axis.

        Parameters
        ----------
        axis
            ``(p,)``: hertz, seconds, or the swept value; monotonic. ``(0,)`` for ``op``.
        *values
            For each of `signals` an array ``(n, p)``, float64 or complex128 (``(n, 1)`` for
            ``op``).

        Returns
        -------
        ndarray
            ``(n,)`` float64, NaN where it does not exist. Row i has the same bits as
            ``evaluate(axis, values[i:i + 1])``.
        """
        x = np.ascontiguousarray(axis, dtype=np.float64)
        rows = []
        for value in values:
            row = np.atleast_2d(value)
            wide = np.complex128 if np.iscomplexobj(row) else np.float64
            rows.append(np.ascontiguousarray(row, dtype=wide))
        if len(rows) != len(self.signals):
            raise MeasureError(
                f"measure.{self.name} takes an array for each of {', '.join(self.signals)}, "
                f"not {len(rows)}."
            )
        if any(row.shape[1] == 0 for row in rows):
            # A signal without a point has no measure; least of all a noise of 0.
            return np.full(len(rows[0]), np.nan)
        given = iter(rows)
        with np.errstate(all="ignore"):
            rows = [
                next(given) - next(given) if len(difference(name)) == 2 else next(given)
                for name in self.inputs
            ]
            return np.asarray(self.compute(x, *rows), dtype=np.float64)

    def of_plot(self, plot: Plot) -> float:
        """Compute it from one analysis of one sample.

        Raises
        ------
        MeasureError
            A signal is not there (the nearest names are listed), or the sweep is nested.
        """
        return float(self.evaluate(*self._arrays(plot))[0])

    def of_outcomes(self, outcomes: Sequence[Outcome]) -> NDArray[np.float64]:
        """Compute it for samples that are ok, those that share their axes together."""
        result = np.empty(len(outcomes))
        first = 0
        for stack in stacks(outcomes):
            axis, *values = self._arrays(_plot(stack.plots, self))
            rows = [v.reshape(stack.count, -1) for v in values]
            result[first : first + stack.count] = self.evaluate(axis, *rows)
            first += stack.count
        return result

    def _arrays(self, plot: Plot) -> tuple[NDArray[Any], ...]:
        if len(plot.scale) > 1:
            raise MeasureError(
                f"measure.{self.name} is taken along one axis, but {plot.analysis!r} is a nested "
                f"sweep of {' and '.join(plot.scale)}. Use a Python function as the measure."
            )
        axis = plot.axes[plot.scale[0]] if plot.scale else np.empty(0)
        vectors = []
        for signal in self.signals:
            if signal not in plot.vectors:
                raise MeasureError(
                    f"measure.{self.name} needs {signal!r}, which {plot.analysis!r} does not give."
                    f"{nearest(signal, plot.vectors)}"
                )
            vectors.append(np.atleast_1d(plot.vectors[signal]))
        return (axis, *vectors)


def restore(described: Mapping[str, Any]) -> Measure:
    """Make a measure from what `Measure.describe` gave.

    Raises
    ------
    MeasureError
        It is of a kind that this version does not know, or a Python function, which has to be
        handed over again.
    """
    fields = {k: v for k, v in described.items() if k not in {"unit", "long_name"}}
    name = str(fields.pop("measure", ""))
    if name == "function":
        raise MeasureError(
            f"The measure {fields.get('function', '')!r} is a Python function: a store keeps its "
            "name and digest, not its code. Hand the function over again with measures={...}."
        )
    if name not in _MEASURES:
        raise MeasureError(f"There is no measure {name!r}.{nearest(name, _MEASURES)}")
    make: Any = _MEASURES[name]
    try:
        return cast("Measure", make(**fields))
    except TypeError as error:
        raise MeasureError(f"measure.{name} cannot be made from {fields}: {error}.") from error


def _plots_of(analyses: Sequence[Analysis]) -> dict[str, str]:
    plots: dict[str, str] = {}
    for analysis in analyses:
        plots[analysis.name] = analysis.kind
        if analysis.kind == "noise":
            plots[f"{analysis.name}_total"] = "noise_total"
    return plots


def _plot(plots: Mapping[str, Plot], measure: Measure) -> Plot:
    if measure.analysis is not None:
        if measure.analysis in plots:
            return plots[measure.analysis]
        raise MeasureError(
            f"measure.{measure.name} needs the analysis {measure.analysis!r}, "
            f"but there is {', '.join(plots) or 'none'}."
        )
    fit = [plot for plot in plots.values() if plot.kind in measure.fitting]
    if len(fit) == 1:
        return fit[0]
    raise MeasureError(
        f"measure.{measure.name} needs one analysis of kind {_or(measure.fitting)}, "
        f"but there is {', '.join(p.analysis for p in fit) or 'none'}."
    )


def _or(kinds: tuple[str, ...]) -> str:
    names = [k if k == "noise_total" else f".{k}" for k in kinds]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
