"""Values as they are written in a netlist: sixteen significant digits.

A value is rounded once, when it is drawn, to the nearest number of sixteen significant decimal
digits. Both of a SPICE engine's number readers (for decks and for commands) then see the same bits
as the dataset holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["quantise"]


def quantise(values: ArrayLike) -> NDArray[np.float64]:
    """Round to sixteen significant digits: ``float(f"{v:.15e}")`` of each value.

    Parameters
    ----------
    values
        Finite numbers, any shape.

    Returns
    -------
    ndarray
        float64 of the same shape.
    """
    given = np.asarray(values, dtype=np.float64)
    flat = np.array([float("%.15e" % v) for v in given.ravel().tolist()], dtype=np.float64)  # noqa: UP031 - a third faster
    return flat.reshape(given.shape)
