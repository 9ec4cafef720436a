"""Choosing: which candidates are worth a look, the cheapest in time, the fastest for the money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from spicelab_nb.cost.estimation import Estimate, estimate, workers_fitting
from spicelab_nb.cost.pilot import EXACT, Ratio
from spicelab_nb.cost.workload import FREE, Interruptions, Tariff, Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from spicelab_nb.cost.machine import Machine

__all__ = ["candidates", "cheapest", "fastest", "pareto", "worker_counts"]

Bound = Literal["mean", "upper"]


def worker_counts(workload: Workload, machine: Machine, most: int = 256) -> tuple[int, ...]:
    """Numbers of workers worth a look: whole machines, doubling, and never more than chunks.

    Parameters
    ----------
    workload, machine
        What is to be computed, and on what.
    most
        Workers at most.

    Returns
    -------
    tuple of int
        Ascending; empty when no worker fits on the machine.
    """
    slots = workers_fitting(workload, machine)
    if slots < 1:
        return ()
    limit = min(most, workload.most_workers)
    if machine.count_limit is not None:
        limit = min(limit, slots * machine.count_limit)
    counts = {limit}
    if machine.provider == "own":
        counts.update(2**power for power in range(limit.bit_length()) if 2**power <= limit)
    number = 1
    while number * slots <= limit:
        counts.add(number * slots)
        number *= 2
    return tuple(sorted(counts))


def candidates(
    workload: Workload,
    machines: Iterable[Machine],
    *,
    counts: Sequence[int] | None = None,
    spot: Sequence[bool] = (False, True),
    most: int = 256,
    tariff: Callable[[Machine], Tariff] | Tariff = FREE,
    interruptions: Interruptions | None = None,
    speed: Callable[[Machine], Ratio] | Ratio = EXACT,
    seed: int = 0,
) -> tuple[Estimate, ...]:
    """Estimate each machine with each number of workers, on demand and spot.

    Parameters
    ----------
    workload
        What is to be computed.
    machines
        Machine types, own machines, partitions; those on which no worker fits are left out.
    counts
        Numbers of workers; None: `worker_counts` of each machine. Those beyond the number of
        chunks, or of the places there are, are left out.
    spot
        Which of on demand (False) and spot (True); spot only where it has a price.
    most
        Workers at most.
    tariff, speed
        For all machines, or a function that gives each one's.
    interruptions
        Of spot machines; None: the default.
    seed
        Of the simulation.
    """
    found = []
    for machine in machines:
        allowed = worker_counts(workload, machine, most)
        wanted = allowed if counts is None else _possible(counts, allowed)
        terms = tariff if isinstance(tariff, Tariff) else tariff(machine)
        ratio = speed if isinstance(speed, Ratio) else speed(machine)
        for interruptible in spot:
            if interruptible and not machine.sells_spot():
                continue
            for workers in wanted:
                one = estimate(
                    workload,
                    machine,
                    workers,
                    spot=interruptible,
                    tariff=terms,
                    interruptions=interruptions if interruptible else None,
                    speed=ratio,
                    seed=seed,
                )
                if one.workers <= one.chunks:
                    found.append(one)
    return tuple(found)


def _possible(counts: Sequence[int], allowed: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted({count for count in counts if allowed and 1 <= count <= allowed[-1]}))


def pareto(estimates: Iterable[Estimate]) -> tuple[Estimate, ...]:
    """Those that no other beats in both mean time and mean cost, fastest first.

    Of several with the same time and cost the one with fewer workers stays. Estimates with more
    workers than chunks are never among them.
    """
    front: list[Estimate] = []
    for one in sorted(_sensible(estimates), key=_by_time):
        if not front or one.cost_usd.mean < front[-1].cost_usd.mean:
            front.append(one)
    return tuple(front)


def cheapest(
    estimates: Iterable[Estimate], deadline_s: float, *, by: Bound = "upper"
) -> Estimate | None:
    """The cheapest that is done in time; None when none is.

    Parameters
    ----------
    estimates
        To choose from.
    deadline_s
        Seconds.
    by
        ``"upper"``: the bound must lie within the deadline, so that nine times in ten and more it
        is kept; ``"mean"``: the mean.
    """
    fitting = [one for one in _sensible(estimates) if getattr(one.time_s, by) <= deadline_s]
    return min(fitting, key=_by_cost, default=None)


def fastest(
    estimates: Iterable[Estimate], budget_usd: float, *, by: Bound = "upper"
) -> Estimate | None:
    """The fastest that fits the budget; None when none does.

    Parameters
    ----------
    estimates
        To choose from.
    budget_usd
        USD; with 0 only what is free fits.
    by
        As of `cheapest`, for the cost.
    """
    fitting = [one for one in _sensible(estimates) if getattr(one.cost_usd, by) <= budget_usd]
    return min(fitting, key=_by_time, default=None)


def _sensible(estimates: Iterable[Estimate]) -> list[Estimate]:
    return [one for one in estimates if one.workers <= max(one.chunks, 1)]


def _by_time(one: Estimate) -> tuple[float, float, int]:
    return one.time_s.mean, one.cost_usd.mean, one.workers


def _by_cost(one: Estimate) -> tuple[float, float, int]:
    return one.cost_usd.mean, one.time_s.mean, one.workers
