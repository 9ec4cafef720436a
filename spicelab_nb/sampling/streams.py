"""Random numbers that can be had without the ones before them.

A stream is named, not numbered: its Philox key is a hash of the seed and the name, its counter is
the sample's index. So a value depends on (seed, name, index) and on nothing else: not on the order
of a mapping, the other parameters, or how a range is cut.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["stream_name", "uniforms", "words"]

_WORDS_A_BLOCK = 4  # one step of Philox 4x64's counter gives four words
_SHIFT = np.uint64(12)  # keeps the 52 best bits
_STEP = 2.0**-52


def stream_name(names: Sequence[str]) -> str:
    """Name the stream that a group of parameters draws from, whatever their order."""
    return json.dumps(sorted(names))


def words(seed: int, name: str, start: int, stop: int) -> NDArray[np.uint64]:
    """Give words ``start`` to ``stop - 1`` of a stream.

    Parameters
    ----------
    seed
        Any integer.
    name
        Of the stream.
    start, stop
        ``0 <= start <= stop``.

    Returns
    -------
    ndarray
        ``(stop - start,)`` uint64, uniform over all 64 bits.
    """
    digest = hashlib.sha256(json.dumps([int(seed), name]).encode()).digest()
    key = np.frombuffer(digest[:16], dtype="<u8").astype(np.uint64)
    block, skip = divmod(start, _WORDS_A_BLOCK)
    bits = np.random.Philox(key=key, counter=block)
    raw: NDArray[np.uint64] = bits.random_raw(skip + stop - start)
    return raw[skip:]


def uniforms(seed: int, name: str, start: int, stop: int) -> NDArray[np.float64]:
    """Give uniforms ``start`` to ``stop - 1`` of a stream.

    Returns
    -------
    ndarray
        ``(stop - start,)`` float64, odd multiples of 2**-53: every one is exact, strictly between
        0 and 1, and so is its complement. (With one bit more, the largest would round to 1.)
    """
    cells = (words(seed, name, start, stop) >> _SHIFT).astype(np.float64)
    return (cells + 0.5) * _STEP
