"""Limits that a measure has to keep."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import SpecError, suggests_arguments

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Spec", "specs_of"]


@suggests_arguments
@dataclass(frozen=True, kw_only=True)
class Spec:
    """The limits of one measure: ``min <= value <= max``.

    Parameters
    ----------
    min, max
        In `unit`; at least one of them.
    unit
        ``"Hz"``: for people, and for measures that do not know their own.

    Raises
    ------
    SpecError
        No limit at all, one that is no number, or a minimum above the maximum.
    """

    min: float | None = None
    max: float | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        for side in ("min", "max"):
            limit = getattr(self, side)
            if limit is None:
                continue
            try:
                number = float(limit)
            except (TypeError, ValueError):
                raise SpecError(f"Spec({side}={limit!r}): a limit is a number.") from None
            if math.isnan(number):
                raise SpecError(f"Spec({side}=nan): a limit is a number.")
            object.__setattr__(self, side, number)
        if self.min is None and self.max is None:
            raise SpecError("A Spec needs a limit: Spec(min=...), Spec(max=...) or both.")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise SpecError(
                f"Spec(min={self.min:g}, max={self.max:g}): no value lies between these limits; "
                "min is above max."
            )

    def passes(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Say which values keep the limits; NaN never does. Same shape as `values`."""
        v = np.asarray(values, dtype=np.float64)
        good = ~np.isnan(v)
        if self.min is not None:
            good &= v >= self.min
        if self.max is not None:
            good &= v <= self.max
        return good

    def describe(self) -> dict[str, Any]:
        """Give it as JSON; `restore` makes it again."""
        return {"min": self.min, "max": self.max, "unit": self.unit}

    @classmethod
    def restore(cls, described: Mapping[str, Any]) -> Spec:
        """Make a spec from what `describe` gave."""
        return cls(
            min=described.get("min"), max=described.get("max"), unit=described.get("unit", "")
        )


def specs_of(dataset: xr.Dataset) -> dict[str, Spec]:
    """Read the specs from a dataset's attributes ``spec_min`` and ``spec_max``."""
    found = {}
    for name, variable in dataset.data_vars.items():
        low, high = variable.attrs.get("spec_min"), variable.attrs.get("spec_max")
        if low is not None or high is not None:
            found[str(name)] = Spec(min=low, max=high, unit=str(variable.attrs.get("units", "")))
    return found
