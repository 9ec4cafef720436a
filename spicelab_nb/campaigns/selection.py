"""Which samples of a campaign are run again: few, from all over it, the same ones each time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.simulators.simulator import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from spicelab_nb.sampling.design import BoundDesign

__all__ = ["NOMINAL", "choose", "label"]

NOMINAL = -1
"""Stands for the nominal point, which is none of the design's."""


def label(design: BoundDesign, point: int) -> str:
    """Name a point for people: ``"sample 12"``, ``"sample 12, corner ss"``, ``"nominal"``."""
    if point == NOMINAL:
        return "nominal"
    dimensions = design.dimensions
    place = np.unravel_index(point, tuple(map(len, dimensions)))
    return ", ".join(
        f"{d.name} {_text(d.values[int(k)])}" for d, k in zip(dimensions, place, strict=True)
    )


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float | np.floating) else str(value)


def choose(
    design: BoundDesign,
    n: int,
    *,
    key: str,
    nominal: bool,
    status: NDArray[np.int8] | None = None,
    measures: Mapping[str, NDArray[np.float64]] | None = None,
) -> tuple[int, ...]:
    """Choose points: the nominal, the extremes of each measure, a failed one, random ones.

    Parameters
    ----------
    design
        Where they lie.
    n
        How many, the nominal included.
    key
        What random ones depend on besides the design: hexadecimal digits.
    nominal
        Whether there is a nominal point.
    status, measures
        ``(size,)`` of what is computed already; None: nothing is, and any point may be taken.

    Returns
    -------
    tuple of int
        At most n, each once. From three on one at least is random, and random ones go round the
        corners.
    """
    chosen = [NOMINAL] if nominal else []
    there = np.arange(design.size) if status is None else np.flatnonzero(status == Status.OK)
    told = list(_telling(status, measures or {})) if status is not None else []
    told = [p for p in dict.fromkeys(told) if p not in chosen]
    room = n - len(chosen)
    chosen += told[: room if n < 3 else max(room - 1, 0)]
    for point in _random(design, there, key):
        if len(chosen) >= n:
            break
        if point not in chosen:
            chosen.append(point)
    return tuple(chosen[:n])


def _telling(
    status: NDArray[np.int8], measures: Mapping[str, NDArray[np.float64]]
) -> Iterator[int]:
    """Points that say most: extremes of each measure, where it is missing, one that failed."""
    ok = status == Status.OK
    for column in measures.values():
        finite = np.flatnonzero(ok & np.isfinite(column))
        if finite.size:
            yield int(finite[np.argmin(column[finite])])
            yield int(finite[np.argmax(column[finite])])
    yield from np.flatnonzero(status == Status.FAILED)[:1].tolist()
    for column in measures.values():
        yield from np.flatnonzero(ok & np.isnan(column))[:1].tolist()


def _random(design: BoundDesign, there: NDArray[np.intp], key: str) -> Iterator[int]:
    """Random points without end of repetition, in turn from every corner."""
    if not there.size:
        return
    rng = np.random.Generator(np.random.Philox(key=int(key[:16], 16)))
    shape = tuple(map(len, design.dimensions))
    others = [k for k, d in enumerate(design.dimensions) if d.name != "sample"]
    places = np.unravel_index(there, shape)
    group = (
        np.ravel_multi_index([places[k] for k in others], [shape[k] for k in others])
        if others and len(others) < len(shape)
        else np.zeros(there.size, np.intp)
    )
    members = [rng.permutation(there[group == g]) for g in np.unique(group)]
    turn = rng.permutation(len(members))
    for round_ in range(max(map(len, members))):
        for g in turn:
            if round_ < len(members[g]):
                yield int(members[g][round_])
