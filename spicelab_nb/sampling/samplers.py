"""Where the uniforms of a Monte Carlo come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from spicelab_nb.errors import SamplingError, nearest
from spicelab_nb.sampling.streams import uniforms

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["RandomSampler", "Sampler", "check_sampler", "make_sampler"]

_NAMES = ("random",)
_LATER = ("lhs", "sobol")


class Sampler(Protocol):
    """Gives each stream one uniform a sample."""

    @property
    def extensible(self) -> bool:
        """Whether the first n uniforms stay the same when n grows."""

    def uniforms(self, name: str, start: int, stop: int) -> NDArray[np.float64]:
        """Uniforms of samples ``start`` to ``stop - 1`` of the stream `name`.

        Returns
        -------
        ndarray
            ``(stop - start,)`` float64 strictly between 0 and 1, whose bits do not depend on how
            the range is cut.
        """


@dataclass(frozen=True, kw_only=True)
class RandomSampler:
    """Independent draws: sample i of a stream depends on (seed, name, i) alone."""

    seed: int

    @property
    def extensible(self) -> bool:
        """True: no draw knows n."""
        return True

    def uniforms(self, name: str, start: int, stop: int) -> NDArray[np.float64]:
        """Uniforms of samples ``start`` to ``stop - 1`` of a stream, ``(stop - start,)``."""
        return uniforms(self.seed, name, start, stop)


def check_sampler(name: str) -> None:
    """See whether a sampler of that name can be made.

    Raises
    ------
    SamplingError
        It cannot.
    """
    if name in _LATER:
        raise SamplingError(f'sampler="{name}" is not yet available: use sampler="random"')
    if name not in _NAMES:
        hint = nearest(str(name), _NAMES)
        raise SamplingError(f"There is no sampler {name!r}.{hint}")


def make_sampler(name: str, *, seed: int, n: int, streams: Sequence[str]) -> Sampler:
    """Make a sampler.

    Parameters
    ----------
    name
        ``"random"``.
    seed
        Of the whole design.
    n
        Number of samples, for samplers that spread over a known number of them.
    streams
        Every stream's name, sorted, for samplers whose streams know of each other.
    """
    check_sampler(name)
    del n, streams  # independent draws need neither
    return RandomSampler(seed=seed)
