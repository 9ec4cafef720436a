"""Which parameter matters: a linear model of random samples, or one parameter at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spicelab_nb.engines.engine import Status
from spicelab_nb.errors import MeasureError
from spicelab_nb.explorer.points import parameters_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Sensitivity", "regress", "sensitivity"]

_SAME = 1e-9
"""How far from 1 the correlation of two parameters that share a draw may be, by rounding."""

_STEADY = 1e-12
"""A spread below this part of the magnitude is rounding: the quantity is constant."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sensitivity:
    """A linear model of a measure.

    Parameters
    ----------
    names
        ``p`` tuples of parameters; those that share a draw are one, and cannot be told apart.
    effect
        ``(p,)``: change of the measure, in its unit, when the parameter (the first of its tuple)
        grows by one standard deviation and all others stay.
    error
        ``(p,)``: standard error of `effect`.
    share
        ``(p,)``: share of the variance of the measure; they sum to `r2`.
    r2, adjusted_r2
        Share of the variance that the model explains; the latter corrected for the number of
        parameters: near 0 where they explain nothing.
    n
        Samples.
    constant
        Parameters that do not vary, left out.
    correlated
        Pairs of tuples whose correlation by size is above 0.3, or above what chance gives where
        samples are few: their shares hang on how what they have in common is split.
    """

    names: tuple[tuple[str, ...], ...]
    effect: NDArray[np.float64]
    error: NDArray[np.float64]
    share: NDArray[np.float64]
    r2: float
    adjusted_r2: float
    n: int
    constant: tuple[str, ...]
    correlated: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]

    @property
    def order(self) -> NDArray[np.intp]:
        """Places in `names`, the largest effect first."""
        return np.argsort(-np.abs(self.effect), kind="stable")


def sensitivity(
    dataset: xr.Dataset, measure: str, *, names: Sequence[str] | None = None
) -> Sensitivity:
    """Model a measure of a Monte Carlo; see :func:`regress`.

    Parameters
    ----------
    dataset
        With the dimension ``sample``; points of other dimensions are groups. Failed samples and
        those without a value are left out.
    measure
        Its name.
    names
        Parameters; None: all numeric ones.

    Raises
    ------
    MeasureError
        There are too few samples, nothing varies, or parameters depend on each other.
    """
    names = parameters_of(dataset) if names is None else list(names)
    status = dataset["status"].transpose("sample", ...)
    columns = [
        np.asarray(dataset[n].broadcast_like(status).transpose(*status.dims).values, dtype=float)
        for n in (*names, measure)
    ]
    flat = np.column_stack([c.ravel() for c in columns])
    groups = np.broadcast_to(np.arange(status[0].size), (len(status), status[0].size)).ravel()
    good = (status.values.ravel() == int(Status.OK)) & np.isfinite(flat).all(axis=1)
    try:
        return regress(names, flat[good, :-1], flat[good, -1], groups[good])
    except ValueError as error:
        raise MeasureError(f"No sensitivity of {measure}: {error}") from error


def regress(
    names: Sequence[str], x: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None
) -> Sensitivity:
    """Fit a measure as a linear function of the parameters, and split its variance among them.

    Effects are standardised regression coefficients times the standard deviation of the measure.
    Shares are squared CAR scores, ``(P**-1/2 r)**2`` with the correlations P among the parameters
    and r of each with the measure: for uncorrelated parameters the squared coefficients, and for
    correlated ones a split of the explained variance that still sums to it and has no negative
    part, where squared coefficients do not.

    Parameters
    ----------
    names
        ``p`` parameters.
    x
        ``(n, p)``, finite: their values, in any units.
    y
        ``(n,)``, finite: the measure.
    groups
        ``(n,)`` of any kind: samples of different corners. Each group's means are taken away
        first, so that the model is that within groups. None: one group.

    Raises
    ------
    ValueError
        Too few samples for so many parameters, nothing varies, or some parameters are sums of
        others, so that no coefficient is defined.

    References
    ----------
    A. Saltelli et al., Global Sensitivity Analysis: The Primer (2008), section 1.2.5, for
    standardised regression coefficients and the use of R squared; V. Zuber and K. Strimmer,
    High-dimensional regression and variable selection using CAR scores, Statistical Applications
    in Genetics and Molecular Biology 10 (2011), article 34.
    """
    x = np.asarray(x, dtype=np.float64)
    y = np.asarray(y, dtype=np.float64)
    inside = np.zeros(len(y), np.intp) if groups is None else _numbered(groups)
    count = int(inside.max()) + 1 if len(y) else 1
    if len(y) - count < 2:
        raise ValueError(f"{len(y)} samples with a value are too few.")
    centred = _within(np.column_stack([x, y]), inside, count)
    size = np.max(np.abs(np.column_stack([x, y])), axis=0, initial=0.0)
    freedom = len(y) - count
    sd = np.sqrt(np.sum(centred**2, axis=0) / freedom)
    varies = sd > _STEADY * size
    if not varies[-1]:
        raise ValueError("The measure has the same value in every sample.")
    constant = tuple(n for n, v in zip(names, varies[:-1], strict=True) if not v)
    kept = np.flatnonzero(varies[:-1])
    if not len(kept):
        raise ValueError("No parameter varies.")
    z = centred[:, kept] / sd[kept] / np.sqrt(freedom)
    zy = centred[:, -1] / sd[-1] / np.sqrt(freedom)
    correlation = z.T @ z
    tuples = _sharing(correlation)
    first = [t[0] for t in tuples]
    p = len(first)
    if freedom <= p:
        raise ValueError(
            f"{len(y)} samples are too few for a linear model of {p} parameters: it needs at "
            f"least {p + count + 1}, and says little with less than {10 * p}."
        )
    matrix, r = correlation[np.ix_(first, first)], z[:, first].T @ zy
    value, vector = np.linalg.eigh(matrix)
    labels = tuple(tuple(names[kept[i]] for i in t) for t in tuples)
    if value[0] < _SAME * p:
        involved = [labels[i] for i in np.flatnonzero(np.abs(vector[:, 0]) > 0.1)]
        raise ValueError(
            "These parameters depend linearly on each other, so that no effect of one alone is "
            f"defined: {', '.join(t[0] for t in involved)}. Leave one of them out."
        )
    projected = vector.T @ r
    slope = vector @ (projected / value)
    share = (vector @ (projected / np.sqrt(value))) ** 2
    r2 = float(min(np.sum(share), 1.0))
    inverse = np.sum(vector**2 / value, axis=1)
    rest = freedom - p
    error = np.sqrt(max(1.0 - r2, 0.0) / rest * inverse) * sd[-1]
    notable = max(0.3, 4 / np.sqrt(freedom))
    return Sensitivity(
        names=labels,
        effect=slope * sd[-1],
        error=error,
        share=share,
        r2=r2,
        adjusted_r2=1.0 - (1.0 - r2) * freedom / rest,
        n=len(y),
        constant=constant,
        correlated=tuple(
            (labels[i], labels[j])
            for i in range(p)
            for j in range(i + 1, p)
            if abs(matrix[i, j]) > notable
        ),
    )


def _numbered(groups: ArrayLike) -> NDArray[np.intp]:
    _, inverse = np.unique(np.asarray(groups), return_inverse=True)
    return np.asarray(inverse, dtype=np.intp).ravel()


def _within(
    values: NDArray[np.float64], inside: NDArray[np.intp], count: int
) -> NDArray[np.float64]:
    """Take each group's means away; twice, since one pass leaves the rounding of large means."""
    number = np.bincount(inside, minlength=count)[:, np.newaxis]
    for _ in range(2):
        total = np.zeros((count, values.shape[1]))
        np.add.at(total, inside, values)
        values = values - (total / np.maximum(number, 1))[inside]
    return values


def _sharing(correlation: NDArray[np.float64]) -> list[list[int]]:
    """Put together the columns that are one draw, in order of the first of each."""
    tuples: list[list[int]] = []
    for i in range(len(correlation)):
        for t in tuples:
            if abs(correlation[t[0], i]) > 1 - _SAME:
                t.append(i)
                break
        else:
            tuples.append([i])
    return tuples
