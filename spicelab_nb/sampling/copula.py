"""Correlated draws: a Gaussian copula.

Uniforms become normal scores, the scores are mixed by a factor of their correlation matrix, and
become uniforms again, so that every parameter keeps its own distribution. The factor and the mix
are written out in elementwise NumPy operations: BLAS and LAPACK give other bits on other processors
and for other chunk lengths.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from spicelab_nb.errors import SamplingError
from spicelab_nb.sampling.elementary import ndtr, ndtri

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Copula", "factor"]

_EDGE = 2.0**-53
_ROUNDING = 1e-10  # what may be left of a pivot that would be 0 without rounding
_TOLERANCE = 1e-8  # by which a coefficient may be missed
_COUNTS = 0.05  # of the worst pair's pull
_LISTED = 5


def factor(matrix: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Give a matrix L with ``L @ L.T == matrix``.

    A Cholesky factor with complete pivoting, which stays accurate where the matrix is singular;
    column k is what stream k adds of its own.

    Parameters
    ----------
    matrix
        ``(k, k)`` correlations, symmetric, ones on the diagonal; may be singular.

    Returns
    -------
    ndarray or None
        ``(k, k)``; None where the matrix is not positive semidefinite.
    """
    rest = matrix.copy()
    mix = np.zeros_like(rest)
    left = np.ones(len(rest), dtype=bool)
    while left.any():
        k = int(np.where(left, rest.diagonal(), -np.inf).argmax())
        pivot = rest[k, k]
        if pivot <= _ROUNDING:
            # the others are determined by those before them: nothing may be left to explain
            unexplained = np.abs(rest[np.ix_(left, left)])
            return mix if unexplained.max() <= _TOLERANCE else None
        mix[left, k] = rest[left, k] / np.sqrt(pivot)
        left[k] = False
        rest -= np.multiply.outer(mix[:, k], mix[:, k])
    return mix


@dataclass(frozen=True, kw_only=True, eq=False)
class Copula:
    """Correlations within one group of streams.

    Parameters
    ----------
    streams
        Names of the streams, sorted: a group's draws depend on its members, not on their order.
    matrix
        ``(k, k)`` correlations of the normal scores.
    labels
        What people call the streams, for errors.

    Raises
    ------
    SamplingError
        The matrix is not positive semidefinite.
    """

    streams: tuple[str, ...]
    matrix: NDArray[np.float64]
    labels: tuple[str, ...]
    _mix: NDArray[np.float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        mix = factor(self.matrix)
        if mix is None:
            raise SamplingError(
                f"These correlations cannot all hold at once (the matrix is not positive "
                f"semidefinite): {_offenders(self.matrix, self.labels)}. Make them smaller in "
                f"magnitude, or give the missing pairs"
            )
        object.__setattr__(self, "_mix", mix)

    def apply(self, uniforms: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
        """Correlate independent uniforms.

        Parameters
        ----------
        uniforms
            One ``(n,)`` array for each stream, in the order of `streams`.

        Returns
        -------
        list of ndarray
            The same shapes, strictly between 0 and 1.
        """
        mixed = np.zeros((len(uniforms), len(uniforms[0])))
        for own, u in zip(self._mix.T, uniforms, strict=True):
            mixed += own[:, np.newaxis] * ndtri(u)
        return list(np.clip(ndtr(mixed), _EDGE, 1.0 - _EDGE))


def _offenders(matrix: NDArray[np.float64], labels: Sequence[str]) -> str:
    """List the pairs that pull the smallest eigenvalue below zero, worst first."""
    _, vectors = np.linalg.eigh(matrix)
    pull = np.multiply.outer(vectors[:, 0], vectors[:, 0]) * matrix
    pairs = [
        (pull[i, j], f"{labels[i]} and {labels[j]} {matrix[i, j]:g}")
        for i in range(len(labels))
        for j in range(i + 1, len(labels))
        if matrix[i, j]
    ]
    pairs.sort()
    worst = [text for weight, text in pairs if weight <= _COUNTS * pairs[0][0]]
    more = f" and {len(worst) - _LISTED} more" if len(worst) > _LISTED else ""
    return ", ".join(worst[:_LISTED]) + more
