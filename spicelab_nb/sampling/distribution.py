"""What a distribution is: an inverse cumulative function around a nominal value."""

from __future__ import annotations

import dataclasses
import math
import numbers
import operator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from spicelab_nb.errors import SamplingError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from spicelab_nb.sampling.design import Value

__all__ = ["Distribution", "as_number", "as_whole", "restore_distribution"]

_KINDS: dict[str, type[Distribution]] = {}


class Distribution:
    """Base of all distributions: frozen dataclasses that are checked when they are made.

    A subclass says whether it needs the nominal (`uses_nominal`) and whether it scales with it
    (`scales`), and gives `_ppf` and `_cdf` around an anchor: the checked nominal.
    """

    _shown: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _KINDS[cls.__name__] = cls

    @property
    def uses_nominal(self) -> bool:
        """Whether the values depend on the parameter's nominal."""
        raise NotImplementedError

    @property
    def scales(self) -> bool:
        """Whether the spread is relative to the nominal, which then must not be 0."""
        raise NotImplementedError

    @property
    def text(self) -> bool:
        """Whether it draws text: sections of a ``.lib``."""
        return False

    def check(self, nominal: Value | NDArray[Any] | None = None) -> None:
        """See whether values can be drawn around a nominal.

        Raises
        ------
        SamplingError
            There is no nominal where one is needed, it is 0 where the spread is relative to it, or
            it lies where the distribution cannot be.
        """
        self._anchor(nominal)

    def ppf(self, u: ArrayLike, nominal: Value | NDArray[Any] | None = None) -> NDArray[Any]:
        """Give the values below which a fraction `u` of the draws lie.

        Parameters
        ----------
        u
            Strictly between 0 and 1.
        nominal
            The parameter's nominal value, or one for each `u`; in the parameter's unit.

        Returns
        -------
        ndarray
            float64 (text for a distribution of sections), shaped like `u` and `nominal` together,
            in the parameter's unit. The bits of an element do not depend on the others.

        Raises
        ------
        SamplingError
            See `check`.
        """
        anchor = self._anchor(nominal)
        with np.errstate(over="ignore", invalid="ignore"):
            return self._ppf(np.asarray(u, dtype=np.float64), anchor)

    def cdf(self, x: ArrayLike, nominal: Value | NDArray[Any] | None = None) -> NDArray[np.float64]:
        """Give the fraction of draws at or below `x`; arguments and errors as for `ppf`."""
        anchor = self._anchor(nominal)
        return self._cdf(np.asarray(x, dtype=np.float64), anchor)

    def describe(self) -> dict[str, Any]:
        """Give what identifies it, as JSON; `restore_distribution` makes it again."""
        fields: dict[str, Any] = {"kind": type(self).__name__}
        for name, value in self._given().items():
            fields[name] = value.describe() if isinstance(value, Distribution) else value
        return fields

    def __repr__(self) -> str:
        given = self._given()
        shown = [f"{v!r}" if k in self._shown else f"{k}={_short(v)}" for k, v in given.items()]
        return f"{type(self).__name__}({', '.join(shown)})"

    def _given(self) -> dict[str, Any]:
        """Fields that differ from their defaults."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return {f.name: v for f in fields if (v := getattr(self, f.name)) != f.default}

    def _anchor(self, nominal: Value | NDArray[Any] | None) -> NDArray[np.float64]:
        if not self.uses_nominal:
            return np.zeros(())
        if nominal is None:
            raise SamplingError(
                f"{self!r} needs a nominal value to sit on, and there is none: "
                "give the distribution absolute values"
            )
        anchor = np.asarray(nominal)
        if anchor.dtype.kind not in "iuf":
            raise SamplingError(
                f"{self!r} draws numbers, and the nominal value is {nominal!r}: "
                'use Discrete(["tt", "ss"]) for sections'
            )
        anchor = anchor.astype(np.float64)
        if not np.isfinite(anchor).all():
            raise SamplingError(f"{self!r} needs a finite nominal value, not {nominal!r}")
        if self.scales and (anchor == 0).any():
            raise SamplingError(
                f"{self!r} is relative to the nominal value, which is 0: "
                "give it an absolute spread instead"
            )
        return anchor

    def _ppf(self, u: NDArray[np.float64], anchor: NDArray[np.float64]) -> NDArray[Any]:
        raise NotImplementedError

    def _cdf(self, x: NDArray[np.float64], anchor: NDArray[np.float64]) -> NDArray[np.float64]:
        raise NotImplementedError

    def _number(self, field: str, *, least: float | None = None) -> None:
        """Turn an optional field into a float, or say what is wrong with it."""
        value = getattr(self, field)
        if value is None:
            return
        number = as_number(value, f"{type(self).__name__}: {field}")
        if least is not None and number < least:
            raise SamplingError(
                f"{type(self).__name__}: {field} must be {least:g} or more, not {value!r}"
            )
        self._set(field, number)

    def _set(self, field: str, value: Any) -> None:
        object.__setattr__(self, field, value)

    def _refuse(self, why: str) -> SamplingError:
        return SamplingError(f"{type(self).__name__}: {why}")


def as_number(value: Any, where: str) -> float:
    """Give a finite float, or raise a SamplingError that starts with `where`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        hint = ": write 10e3, not '10k'" if isinstance(value, str) else ""
        raise SamplingError(f"{where} must be a number, not {value!r}{hint}")
    number = float(value)
    if not math.isfinite(number):
        raise SamplingError(f"{where} must be finite, not {value!r}")
    return number


def as_whole(value: Any, where: str, *, least: int) -> int:
    """Give an int of at least `least`, or raise a SamplingError that starts with `where`."""
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        raise SamplingError(f"{where} must be a whole number, {least} or more, not {value!r}")
    number = operator.index(value)
    if number < least:
        raise SamplingError(f"{where} must be {least} or more, not {number}")
    return number


def restore_distribution(description: Any) -> Distribution:
    """Make a distribution from what its `describe` gave.

    Raises
    ------
    SamplingError
        It describes none that this version knows.
    """
    try:
        fields = dict(description)
        kind = _KINDS[fields.pop("kind")]
    except (TypeError, ValueError, KeyError):
        raise SamplingError(
            f"{description!r} describes no distribution that this version knows: "
            f"there are {', '.join(sorted(_KINDS))}"
        ) from None
    if isinstance(fields.get("dist"), dict):
        fields["dist"] = restore_distribution(fields["dist"])
    try:
        return kind(**fields)
    except TypeError as error:
        raise SamplingError(f"{description!r} describes no {kind.__name__}: {error}") from None


def _short(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else repr(value)
