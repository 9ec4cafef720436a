"""Results of the deck's own ``.meas`` lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from spicelab_nb.circuits.measures.measure import Measure
from spicelab_nb.errors import MeasureError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from numpy.typing import NDArray

    from spicelab_nb.engines.engine import Analysis, Outcome

__all__ = ["Deck"]


@dataclass(frozen=True)
class Deck(Measure):
    """The result of one of the deck's own ``.meas`` lines.

    Parameters
    ----------
    result
        Name that the ``.meas`` line gives to it: ``"f3db"``.
    units
        Its unit, which SPICE does not tell.

    Notes
    -----
    NaN where the line failed. What it computes, and from which points, is the engine's.
    """

    result: str
    units: str = ""

    name: ClassVar[str] = "deck"

    def __post_init__(self) -> None:
        if not isinstance(self.result, str) or not self.result.strip():
            raise MeasureError("measure.deck takes the name that a .meas line gives its result.")
        object.__setattr__(self, "result", self.result.strip().lower())

    @property
    def unit(self) -> str:
        """What was said of it."""
        return self.units

    @property
    def long_name(self) -> str:
        """What stands on the axis of a figure."""
        return f".meas {self.result}"

    def resolve(self, analyses: Sequence[Analysis]) -> Self:
        """Give the measure itself: the ``.meas`` line names its analysis."""
        return self

    def check(self, meas: Sequence[str]) -> None:
        """Raise unless one of the deck's ``.meas`` lines gives this result.

        Parameters
        ----------
        meas
            ``Deck.meas`` of the engine's deck: ``"meas ac f3db when ..."``.

        Raises
        ------
        MeasureError
            There is none; the message lists the nearest.
        """
        words = [line.lower().split() for line in meas]
        names = [w[2] for w in words if len(w) > 2]
        if self.result not in names:
            raise MeasureError(
                f"The netlist has no .meas line named {self.result!r}.{nearest(self.result, names)}"
            )

    def of_outcomes(self, outcomes: Sequence[Outcome]) -> NDArray[np.float64]:
        """Read it from samples that are ok; ``(n,)``."""
        for outcome in outcomes:
            if self.result not in outcome.meas:
                raise MeasureError(
                    f"No .meas line gave {self.result!r}.{nearest(self.result, outcome.meas)}"
                )
        return np.array([outcome.meas[self.result] for outcome in outcomes], dtype=np.float64)
