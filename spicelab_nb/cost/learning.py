"""What a run takes beyond what its pilot saw: a prior, sharpened by the runs that were made.

A pilot runs alone in one process. A run has workers that start engines, a scheduler, and neighbours
on the same cores. So its time is taken as ``start + fixed + slowdown x work``, times a scatter. Of
`fixed`, `slowdown` and the scatter a prior is known; past runs on the same kind of place make a
posterior of it, on a grid. The likelihood has the heavy tails of Student's t, so that one run that
was disturbed does not spoil what many say, while many misses make the scatter, and so the next
interval, wider.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spicelab_nb.cost.pilot import Ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LOCAL", "REMOTE", "Learnt", "Observed", "Prior", "learn"]

LATEST = 40
"""Runs that are looked at; older ones were made under other circumstances."""

HALF_LIFE = 20.0
"""Runs after which what a run says counts half: loads and machines change."""

TAIL_DF = 4.0
"""Of the likelihood."""

PRIOR_DF = 12.0
"""Degrees of freedom of the spread that nobody has checked against runs yet."""

START_RELATIVE_SD = 0.5
"""Of the known part of the start (a cluster that comes up, engines that are loaded)."""

_STEPS = np.linspace(-3.0, 3.0, 25)
_SCATTERS = np.geomspace(0.04, 1.2, 14)


@dataclass(frozen=True, kw_only=True)
class Prior:
    """What is taken for known before any run.

    Parameters
    ----------
    fixed_s, fixed_log_sd
        Median seconds that a run takes at any rate, and standard deviation of their logarithm.
    slowdown, slowdown_log_sd
        Median time of work to the pilot's, and standard deviation of its logarithm.
    scatter, scatter_log_sd
        Median standard deviation of a run's log time, and how unsure that is.
    """

    fixed_s: float = 0.3
    fixed_log_sd: float = 0.6
    slowdown: float = 1.08
    slowdown_log_sd: float = 0.18
    scatter: float = 0.14
    scatter_log_sd: float = 0.5


LOCAL = Prior()
"""Workers on the machine where the pilot ran."""

REMOTE = Prior(fixed_s=0.5, fixed_log_sd=0.8, slowdown=1.05, slowdown_log_sd=0.35)
"""Workers on another one."""


@dataclass(frozen=True, kw_only=True)
class Observed:
    """One run that was made.

    Parameters
    ----------
    work_s
        Predicted from its pilot for its workers, as fast as the pilot.
    start_s
        Predicted for its start beside the fixed time.
    taken_s
        That it took.
    """

    work_s: float
    start_s: float
    taken_s: float


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """For the next run on a place.

    Parameters
    ----------
    fixed_s, fixed_sd_s
        Seconds at any rate, and their standard uncertainty, a run's scatter included.
    speed
        Against the pilot, with the uncertainty of one further run.
    runs
        That it was learnt from.
    """

    fixed_s: float
    fixed_sd_s: float
    speed: Ratio
    runs: int

    def boot(self, start_s: float) -> tuple[float, float]:
        """Seconds until work begins, and their relative uncertainty, with a known start."""
        whole_s = self.fixed_s + start_s
        return whole_s, math.hypot(self.fixed_sd_s, START_RELATIVE_SD * start_s) / whole_s


def learn(runs: Sequence[Observed], prior: Prior = LOCAL) -> Learnt:
    """Combine a prior with past runs, the oldest first; runs without sense are passed over.

    Their order is that in which they were written down, so that a clock that jumps changes nothing.
    """
    usable = [
        run
        for run in runs
        if all(math.isfinite(s) and s >= 0 for s in (run.work_s, run.start_s, run.taken_s))
        and run.taken_s > 0
    ][-LATEST:]
    log_fixed = math.log(prior.fixed_s) + prior.fixed_log_sd * _STEPS
    log_slow = math.log(prior.slowdown) + prior.slowdown_log_sd * 1.5 * _STEPS
    a, b, s = np.meshgrid(log_fixed, log_slow, _SCATTERS, indexing="ij", sparse=True)
    score = (
        -0.5 * ((a - math.log(prior.fixed_s)) / prior.fixed_log_sd) ** 2
        - 0.5 * ((b - math.log(prior.slowdown)) / prior.slowdown_log_sd) ** 2
        - 0.5 * ((np.log(s) - math.log(prior.scatter)) / prior.scatter_log_sd) ** 2
    )
    fixed_s, slow = np.exp(a), np.exp(b)
    for age, run in enumerate(reversed(usable)):
        predicted_s = run.start_s + fixed_s + slow * run.work_s
        spread = np.hypot(s, START_RELATIVE_SD * run.start_s / predicted_s)
        off = (math.log(run.taken_s) - np.log(predicted_s)) / spread
        said = -np.log(spread) - 0.5 * (TAIL_DF + 1.0) * np.log1p(off**2 / TAIL_DF)
        score = score + 0.5 ** (age / HALF_LIFE) * said
    weight = np.exp(score - score.max())
    weight /= weight.sum()

    def mean(values: np.ndarray) -> float:
        return float((weight * values).sum())

    middle_s, level = mean(fixed_s), mean(b)
    scatter2 = mean(s**2)
    if usable:
        # Student's t of the likelihood has a wider spread than its scale says.
        scatter2 *= (TAIL_DF / (TAIL_DF - 2.0)) ** 0.5
    fixed_var = mean((fixed_s - middle_s) ** 2) + scatter2 * middle_s**2
    return Learnt(
        fixed_s=middle_s,
        fixed_sd_s=math.sqrt(fixed_var),
        speed=Ratio(
            value=math.exp(-level),
            relative_sd=math.sqrt(mean((b - level) ** 2) + scatter2),
            df=PRIOR_DF + len(usable),
            measured=len(usable) > 0,
        ),
        runs=len(usable),
    )
