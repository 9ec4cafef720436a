"""How many chunks a campaign is cut into where their length adapts.

The rule is that of ``spicelab_nb.campaigns.chunking``, which follows what it measures while a run
goes on; here the time of a sample is taken as known, so that the rule can be added up.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

__all__ = ["TASKS_PER_SECOND", "adaptive_chunks"]

TASKS_PER_SECOND = 250.0
"""Chunks a second that one scheduler is asked for at most."""

SHORTEST_S, COMFORTABLE_S, LONGEST_S = 0.5, 2.0, 60.0
"""Time that a chunk should take at least, in a long campaign, and at most."""

ROUNDS, STEPS = 8, 32
"""Chunks that each worker should still get; and for chunks to become comfortably long."""

LARGEST = 100_000
"""Samples of a chunk at most."""

_STEPS = 240  # of the sum, on a logarithmic scale: the count is within a few per cent


@lru_cache(maxsize=4096)
def adaptive_chunks(samples: int, sample_s: float, workers: int) -> int:
    """Chunks that a campaign makes of its samples.

    Parameters
    ----------
    samples
        Of the campaign.
    sample_s
        Seconds that one takes on these workers.
    workers
        How many work at a time.
    """
    if samples <= 1:
        return samples
    if not samples * sample_s > 1e-6:
        return min(samples, max(ROUNDS * workers, math.ceil(samples / LARGEST)))
    # Samples left, falling from all to one; chunks are passed at the rate of one a length.
    left = np.geomspace(1.0, samples, _STEPS)
    length = _length(left, sample_s, workers)
    passed = np.where(length < left, 1.0 / length, 0.0)  # the last chunk takes all that is left
    count = 1.0 + float(np.trapezoid(passed, left))
    return int(min(max(round(count), 1), samples))


def _length(
    left: np.ndarray[tuple[int], np.dtype[np.float64]], sample_s: float, workers: int
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Samples of the next chunk with `left` to do."""
    work_s = left * sample_s
    affordable_s = workers / TASKS_PER_SECOND
    unhurried = np.minimum(COMFORTABLE_S, work_s / (STEPS * workers))
    wanted = np.minimum(np.maximum(max(SHORTEST_S, affordable_s), unhurried), LONGEST_S)
    shrunk = np.maximum(
        work_s / (ROUNDS * workers),
        np.minimum(affordable_s, np.sqrt(work_s / TASKS_PER_SECOND)),
    )
    seconds = np.minimum(wanted, np.maximum(shrunk, SHORTEST_S / 10))
    return np.clip(np.round(seconds / sample_s), 1, LARGEST)
