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

__all__ = ["Makespan", "simulate_makespan", "simulated_makespan_s"]

LEVEL = 0.90
"""Share of outcomes inside an interval."""

_GRID = 0.02  # cached results are for spreads on a logarithmic grid this fine: 1 % off at most
_DRAWS = 60_000  # numbers drawn for one result, about
_ALIGNED_WAVES = (
    24  # by then chunks that vary by 10 % or more have forgotten that they began as one
)
_HOPELESS = 3.0  # interruptions expected in a chunk, from which simulating them is no use


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
        As of `spicelab_nb.cost.model.interruption_factor`.
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
    unit = _unit_makespan(chunk_count, workers, cv, load, restart, every, save, seed)
    return Makespan(mean=unit.mean * mean_s, lower=unit.lower * mean_s, upper=unit.upper * mean_s)


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
) -> Makespan:
    """Simulate with chunks of mean 1; what is random does not depend on what they really take."""
    rng = np.random.default_rng((seed, chunk_count, workers))
    spread = cv + load * (1.0 + restart)
    aligned = min(4 + math.ceil(0.25 / max(spread, 0.11) ** 2), _ALIGNED_WAVES)
    depth = min(math.ceil(chunk_count / workers), aligned)
    # Whole rounds in the middle only add their mean and the spread of their sum.
    skipped = max(chunk_count // workers - aligned, 0)
    replicates = int(np.clip(_DRAWS // (workers * (depth + 1)), 48, 600))
    ends = simulate_makespan(
        chunk_count - skipped * workers,
        workers,
        cv=cv,
        replicates=replicates,
        rng=rng,
        load=load,
        restart=restart,
        every=every,
        save=save,
    )
    if skipped:
        middle = _chunk_times(
            rng, (replicates, min(workers * skipped, 64)), cv, load, restart, every, save
        )
        scale = math.sqrt(middle.shape[1] / (workers * skipped))
        mean = float(middle.mean())
        ends = ends + skipped * (mean + (middle.mean(axis=1) - mean) * scale)
    tail = (1.0 - LEVEL) / 2.0
    lower, upper = (float(q) for q in np.quantile(ends, [tail, 1.0 - tail]))
    mean = float(ends.mean())
    return Makespan(mean=mean, lower=min(lower, mean), upper=max(upper, mean))


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
    if load <= 0 or load > _HOPELESS:
        return times
    # An attempt lasts until it is interrupted or until the next checkpoint, else until the end.
    segment = times if every is None else np.full(shape, every + save)
    attempts = 1.0 if every is None else 1.0 / every
    expected = np.expm1(np.minimum(load * segment, 20.0)) * attempts
    if every is None:
        failures = rng.geometric(np.exp(-np.minimum(load * segment, 20.0))) - 1
    else:
        failures = rng.poisson(rng.gamma(attempts, expected / attempts))
    lost = np.zeros(shape)
    for attempt in range(int(failures.max(initial=0))):
        hit = failures > attempt
        uniform = rng.random(int(hit.sum()))
        inside = segment[hit]
        # exponential, given that it is shorter than the attempt
        lost[hit] += restart - np.log1p(uniform * np.expm1(-load * inside)) / load
    return times + lost
