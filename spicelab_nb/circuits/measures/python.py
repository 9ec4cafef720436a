"""Any Python function of a simulation's results as a measure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from spicelab_nb.circuits.measures.measure import Measure
from spicelab_nb.circuits.measures.source import source_digest
from spicelab_nb.errors import MeasureError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self

    from numpy.typing import NDArray

    from spicelab_nb.engines.engine import Analysis, Outcome

__all__ = ["Function"]


@dataclass(frozen=True)
class Function(Measure):
    """A Python function of the mapping that ``circuit.simulate()`` gives.

    Parameters
    ----------
    function
        ``f(out) -> float``, where ``out["ac"]["v(out)"]`` is an xarray DataArray.
    units
        Unit of its result.
    label
        What stands on the axis of a figure; "": the function's name.

    Notes
    -----
    A store records its name and a digest of source, closure and defaults, not its code.
    """

    function: Callable[[Mapping[str, Any]], float] = field(compare=False)
    units: str = ""
    label: str = ""
    source: Mapping[str, str] = field(init=False, repr=False)

    name: ClassVar[str] = "function"

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise MeasureError(
                "A measure is one of sl.measure's, or a Python function of simulate()'s mapping, "
                f"not {self.function!r}."
            )
        # Taken now: a worker that gets the function by pickle has no source to look at.
        object.__setattr__(self, "source", source_digest(self.function))

    @property
    def unit(self) -> str:
        """What was said of it."""
        return self.units

    @property
    def long_name(self) -> str:
        """What stands on the axis of a figure."""
        # A lambda has no name to show: what it is called in the campaign stands there instead.
        return self.label or self.source["name"].replace("<lambda>", "")

    def resolve(self, analyses: Sequence[Analysis]) -> Self:
        """Give the measure itself: the function looks its analyses up."""
        return self

    def describe(self) -> dict[str, Any]:
        """Name and digest of the function, and its unit, as JSON."""
        return {
            "measure": self.name,
            "function": self.source["name"],
            "source": dict(self.source),
            "units": self.units,
            "label": self.label,
            "unit": self.unit,
            "long_name": self.long_name,
        }

    def of_mapping(self, results: Mapping[str, Any]) -> float:
        """Call the function with one sample's results.

        Raises
        ------
        MeasureError
            It gives something else than one real number. What it raises itself passes through.
        """
        value = self.function(results)
        array = np.asarray(value)
        if array.size != 1 or array.dtype.kind not in "biuf":
            raise MeasureError(
                f"The measure {self.source['name']} gave {_short(value)}; "
                "it has to give one real number."
            )
        return float(array.reshape(()))

    def of_outcomes(self, outcomes: Sequence[Outcome]) -> NDArray[np.float64]:
        """Refuse: it takes ``simulate()``'s mapping, see `of_mapping`."""
        raise MeasureError(
            f"The measure {self.source['name']} is a function of simulate()'s mapping: "
            f"use of_mapping for each of the {len(outcomes)} samples."
        )


def _short(value: Any) -> str:
    text = f"{type(value).__name__} {value!r}".replace("\n", " ")
    return text if len(text) < 80 else text[:77] + "..."
