"""List scheduling by simulation: how long chunks on workers take, with quantiles.

Each worker that gets free takes the next chunk. For chunks whose times are independent and alike,
the start of the last chunk is an order statistic of all workers' renewal times, so that no event
has to be simulated one after the other: draw each worker's chunk ends, find the moment when
the last chunk starts, and take the latest end of what is then running.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from spicelab_nb.cost.model import STEADY_RATIO, interruption_factor

__all__ = ["HOPELESS", "Makespan", "forget", "simulate_makespan", "simulated_makespan_s"]

LEVEL = 0.90
"""Share of outcomes inside an interval."""

_GRID = 0.02  # cached results are for spreads on a logarithmic grid this fine: 1 % off at most
_DRAWS, _REPLICATES = 20_000, (32, 400)  # numbers drawn for one result, and runs made of them
_MOST_DRAWS = 1_000_000
_ROUNDS, _IN_STEP_ROUNDS = 24, 8  # simulated at most, where chunks vary and where they hardly do
_Z = 1.6448536269514722  # a normal's 95 % quantile: both bounds of a 90 % interval

HOPELESS = 2.0
"""Interruptions expected in a chunk, or between checkpoints, above which none are simulated."""


@dataclass(frozen=True, kw_only=True)
class Makespan:
    """Time from the first chunk's start to the last one's end, as it varies from run to run.

    Parameters
    ----------
    mean, lower, upper
        Seconds; the bounds hold 90 % of runs.
    """

    mean: float
    lower: float
    upper: float

    def at_least(self, seconds: float) -> Makespan:
        """Give it with nothing below `seconds`."""
        return Makespan(
            mean=max(self.mean, seconds),
            lower=max(self.lower, seconds),
            upper=max(self.upper, seconds),
        )


def simulated_makespan_s(
    chunk_count: int,
    workers: int,
    mean_s: float,
    sd_s: float,
    *,
    rate_per_h: float = 0.0,
    restart_s: float = 0.0,
    every_s: float | None = None,
    checkpoint_s: float = 0.0,
    seed: int = 0,
) -> Makespan:
    """Simulate list scheduling; quick, since results are kept for chunks that vary alike.

    Parameters
    ----------
    chunk_count, workers
        As they are; more workers than chunks count as many as chunks.
    mean_s, sd_s
        Of one chunk without interruptions; its time is taken to be gamma distributed.
    rate_per_h, restart_s, every_s, checkpoint_s
        As of `spicelab_nb.cost.model.interruption_factor`; at most `HOPELESS` interruptions are
        expected between two checkpoints, or in a chunk.
    seed
        Of the random numbers: the same question has the same answer.
    """
    workers = max(min(workers, chunk_count), 1)
    if mean_s <= 0 or chunk_count <= 0:
        return Makespan(mean=0.0, lower=0.0, upper=0.0)
    cv = _on_grid(sd_s / mean_s)
    load = _on_grid(rate_per_h / 3600.0 * mean_s)
    restart = _on_grid(restart_s / mean_s) if load else 0.0
    every = None if every_s is None else min(_on_grid(every_s / mean_s), 1.0)
    save = _on_grid(checkpoint_s / mean_s) if every is not None else 0.0
    # Chunks that vary forget after some rounds that they began together, and rounds in between
    # add their mean and the spread of their sum; chunks that hardly vary stay in step.
    spread = cv + load * (1.0 + restart)
    in_step = spread < 1.0 / STEADY_RATIO
    rounds = _IN_STEP_ROUNDS if in_step else min(4 + math.ceil(0.25 / spread**2), _ROUNDS)
    skipped = chunk_count / workers - rounds
    if in_step:
        skipped = float(math.floor(skipped))
    if skipped <= 0:
        skipped, simulated = 0.0, chunk_count
    else:
        simulated = round(chunk_count - skipped * workers)
    unit, chunk_sd = _unit_makespan(simulated, workers, cv, load, restart, every, save, seed)
    between = skipped * interruption_factor(
        1.0, rate_per_h=load * 3600.0, restart_s=restart, every_s=every, checkpoint_s=save
    )
    sway = _Z * chunk_sd * math.sqrt(skipped / workers)
    mean = unit.mean + between
    return Makespan(
        mean=mean_s * mean,
        lower=mean_s * max(mean - math.hypot(unit.mean - unit.lower, sway), 0.0),
        upper=mean_s * (mean + math.hypot(unit.upper - unit.mean, sway)),
    )


def _on_grid(value: float) -> float:
    return math.exp(round(math.log(value) / _GRID) * _GRID) if value > 1e-12 else 0.0


@lru_cache(maxsize=4096)
def _unit_makespan(
    chunk_count: int,
    workers: int,
    cv: float,
    load: float,
    restart: float,
    every: float | None,
    save: float,
    seed: int,
) -> tuple[Makespan, float]:
    """Simulate with chunks of mean 1; give a chunk's standard deviation, too."""
    rng = np.random.default_rng((seed, chunk_count, workers))
    numbers = (chunk_count + workers) * (1.0 + math.expm1(min(load, HOPELESS)))
    # Among very many workers one run is much like the next.
    fewest = int(np.clip(_MOST_DRAWS // numbers, 4, _REPLICATES[0]))
    replicates = int(np.clip(_DRAWS // numbers, fewest, _REPLICATES[1]))
    ends = simulate_makespan(
        chunk_count,
        workers,
        cv=cv,
        replicates=replicates,
        rng=rng,
        load=load,
        restart=restart,
        every=every,
        save=save,
    )
    sd = cv
    if load:
        sd = float(_chunk_times(rng, (400,), cv, load, restart, every, save).std())
    tail = (1.0 - LEVEL) / 2.0
    lower, upper = (float(q) for q in np.quantile(ends, [tail, 1.0 - tail]))
    mean = float(ends.mean())
    return Makespan(mean=mean, lower=min(lower, mean), upper=max(upper, mean)), sd


def forget() -> None:
    """Forget what was simulated."""
    _unit_makespan.cache_clear()


def simulate_makespan(
    chunk_count: int,
    workers: int,
    *,
    cv: float,
    replicates: int,
    rng: np.random.Generator,
    load: float = 0.0,
    restart: float = 0.0,
    every: float | None = None,
    save: float = 0.0,
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Simulate runs of list scheduling, in units of a chunk's mean time.

    Parameters
    ----------
    chunk_count, workers
        Chunks, and how many run at a time; at least one, and no more workers than chunks.
    cv
        Coefficient of variation of a chunk's time (gamma distributed, mean 1).
    replicates
        How many runs.
    rng
        Where the random numbers come from.
    load
        Interruptions expected during a chunk.
    restart, every, save
        Time lost after an interruption, between checkpoints, and for one, in chunks' means.

    Returns
    -------
    numpy.ndarray
        (replicates,) float64.
    """
    depth = max(math.ceil(chunk_count / workers), 1)
    more = depth + math.ceil(4.0 * (cv + load) * math.sqrt(depth)) + 1 if workers > 1 else depth
    ends = np.cumsum(
        _chunk_times(rng, (replicates, workers, more), cv, load, restart, every, save), axis=2
    )
    if workers == chunk_count:
        return np.asarray(ends[:, :, 0].max(axis=1))
    if workers == 1:
        return np.asarray(ends[:, 0, chunk_count - 1])
    waiting = chunk_count - workers  # each of these starts when some chunk ends
    while True:
        flat = ends.reshape(replicates, -1)
        last_start = np.partition(flat, waiting - 1, axis=1)[:, waiting - 1]
        # Ends beyond what was drawn could be earlier than this moment: draw on until none can.
        if (ends[:, :, -1] > last_start[:, None]).all():
            break
        further = _chunk_times(rng, (replicates, workers, depth), cv, load, restart, every, save)
        ends = np.concatenate([ends, ends[:, :, -1:] + np.cumsum(further, axis=2)], axis=2)
    running = np.where(ends > last_start[:, None, None], ends, np.inf).min(axis=2)
    return np.asarray(running.max(axis=1))


def _chunk_times(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    cv: float,
    load: float,
    restart: float,
    every: float | None,
    save: float,
) -> np.ndarray[Any, np.dtype[np.float64]]:
    if cv <= 0:
        times = np.ones(shape)
    elif cv < 0.15:  # a gamma that narrow is a normal, which is quicker to draw
        times = np.maximum(1.0 + cv * rng.standard_normal(shape), 0.0)
    else:
        times = rng.standard_gamma(cv**-2, shape) * cv**2
    if every is not None:
        times *= 1.0 + save / every
    if load <= 0:
        return times
    # An attempt lasts until it is interrupted or until the next checkpoint, else until the end.
    segment = times if every is None else np.full(shape, every + save)
    attempts = 1.0 if every is None else 1.0 / every
    expected = np.expm1(np.minimum(load * segment, 20.0)) * attempts
    if every is None:
        failures = rng.geometric(np.exp(-np.minimum(load * segment, 20.0))) - 1
    else:
        failures = rng.poisson(rng.gamma(attempts, expected / attempts))
    # One number for each attempt that failed, added up by the chunk it belongs to.
    owner = np.repeat(np.arange(times.size), failures.ravel())
    inside = segment.ravel()[owner]
    # exponential, given that it is shorter than the attempt
    wasted = restart - np.log1p(rng.random(owner.size) * np.expm1(-load * inside)) / load
    lost = np.bincount(owner, weights=wasted, minlength=times.size).reshape(shape)
    return times + lost
