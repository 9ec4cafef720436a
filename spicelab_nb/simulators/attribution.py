"""Which of several parameters cause something that they cause together."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["MOST_TRIALS", "causes"]

MOST_TRIALS = 24


def causes(
    names: Sequence[str], happens: Callable[[Sequence[str]], bool], *, most: int = MOST_TRIALS
) -> tuple[str, ...]:
    """Find the names of which each by itself makes something happen, by halving.

    Parameters
    ----------
    names
        Together they do.
    happens
        Told some of them, says whether these do.
    most
        How often to ask at most: k culprits among n names take about ``2 k log2(n / k)`` trials.

    Returns
    -------
    tuple of str
        In the order of `names`; those found so far where there are too many, none where only
        several together do.
    """
    found: list[str] = []
    groups: deque[Sequence[str]] = deque()
    if len(names) == 1:
        return tuple(names)
    trials = 0
    half = len(names) // 2
    groups += [names[:half], names[half:]]
    while groups and trials < most:
        # The smallest first, so that some name is known when the trials run out.
        group = min(groups, key=len)
        groups.remove(group)
        trials += 1
        if not group or not happens(group):
            continue
        if len(group) == 1:
            found += group
            continue
        half = len(group) // 2
        groups += [group[:half], group[half:]]
    return tuple(n for n in names if n in found)
