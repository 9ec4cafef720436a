"""Correlated draws: a Gaussian copula.

Uniforms become normal scores, the scores are mixed by a factor of their correlation matrix, and
become uniforms again, so that every parameter keeps its own distribution. The factor and the mix
are written out in elementwise NumPy operations: BLAS and LAPACK give other bits on other processors
and for other chunk lengths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

from spicelab_nb.errors import SamplingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Copula", "factor"]

_EDGE = 2.0**-53
_ROUNDING = 1e-12  # what is left of a pivot that would be 0 without rounding
_LISTED = 5


def factor(matrix: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Give the lower triangular L with ``L @ L.T == matrix``.

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
    lower = np.zeros_like(rest)
    for j in range(len(rest)):
        pivot = rest[j, j]
        if pivot < -_ROUNDING:
            return None
        if pivot <= _ROUNDING:
            # this one is determined by those before it: nothing may be left to explain
            if (np.abs(rest[j + 1 :, j]) > np.sqrt(_ROUNDING)).any():
                return None
            continue
        lower[j:, j] = rest[j:, j] / np.sqrt(pivot)
        below = lower[j + 1 :, j]
        rest[j + 1 :, j + 1 :] -= np.multiply.outer(below, below)
    return lower


@dataclass(frozen=True, kw_only=True)
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

    def __post_init__(self) -> None:
        lower = factor(self.matrix)
        if lower is None:
            raise SamplingError(
                f"These correlations cannot all hold at once (the matrix is not positive "
                f"semidefinite): {_offenders(self.matrix, self.labels)}. Make them smaller in "
                f"magnitude, or give the missing pairs"
            )
        object.__setattr__(self, "_lower", lower)

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
        lower: NDArray[np.float64] = self._lower  # type: ignore[attr-defined]
        mixed = np.zeros((len(lower), len(uniforms[0])))
        for j, u in enumerate(uniforms):
            mixed[j:] += lower[j:, j, np.newaxis] * ndtri(u)
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
    worst = [text for weight, text in sorted(pairs) if weight < 0] or [t for _, t in pairs]
    more = f" and {len(worst) - _LISTED} more" if len(worst) > _LISTED else ""
    return ", ".join(worst[:_LISTED]) + more
