"""The arithmetic of time and money: pure functions, units in their names.

Times end in ``_s`` (seconds), money in ``_usd`` (US dollars). docs/cost.md derives each formula and
says where it holds.
"""

from __future__ import annotations

import math

from scipy.special import ndtri

from spicelab_nb.errors import PriceError

__all__ = [
    "HOURS_PER_MONTH",
    "RESERVED_GIB",
    "bill_seconds",
    "chunk_mean_s",
    "chunk_sd_s",
    "chunks",
    "daly_interval_s",
    "discounted_usd_h",
    "disk_usd",
    "formula_holds",
    "hours_usd",
    "interruption_factor",
    "machines",
    "normal_order_z",
    "slots_per_machine",
    "storage_usd",
    "transfer_usd",
    "wave_makespan_s",
    "waves",
    "young_interval_s",
]

HOURS_PER_MONTH = 730.0
"""What the clouds take for a month: 8760 h / 12."""

RESERVED_GIB = 1.0
"""Memory of a machine that the system itself needs, GiB."""

STEADY_RATIO, STEADY_WAVES = 10.0, 3
"""Where `wave_makespan_s` holds: mean / sd of a chunk's time, and waves, at least."""


def discounted_usd_h(on_demand_usd_h: float, discount: float) -> float:
    """Price after a discount: at ``discount=0.7`` (70 % off) three tenths of it are left.

    Raises
    ------
    PriceError
        The discount is not between 0 and 1.
    """
    if not 0.0 <= discount <= 1.0:
        raise PriceError(f"A discount is between 0 and 1 (0.7 is 70 % off), not {discount!r}.")
    return on_demand_usd_h * (1.0 - discount)


def slots_per_machine(
    vcpu: int,
    memory_gib: float,
    *,
    cores: int = 1,
    worker_gib: float = 1.0,
    reserved_gib: float = RESERVED_GIB,
) -> int:
    """Workers that fit on one machine, by processors and by memory; 0 when none does."""
    by_memory = max(memory_gib - reserved_gib, 0.0) / worker_gib if worker_gib > 0 else math.inf
    # A hair more than a whole number of workers is a rounding error, not a missing worker.
    fits = math.floor(by_memory + 1e-9) if math.isfinite(by_memory) else vcpu
    return max(min(vcpu // cores, fits), 0)


def machines(workers: int, slots: int) -> int:
    """Machines that `workers` need at `slots` on each."""
    return math.ceil(workers / slots)


def chunks(samples: int, chunk: int) -> int:
    """Chunks of `chunk` samples that `samples` make."""
    return math.ceil(samples / chunk)


def waves(chunk_count: int, workers: int) -> int:
    """Rounds in which `workers` get through `chunk_count` chunks."""
    return math.ceil(chunk_count / workers)


def chunk_mean_s(chunk: float, sample_s: float, overhead_s: float = 0.0) -> float:
    """Time of a chunk of `chunk` samples of `sample_s` seconds each."""
    return chunk * sample_s + overhead_s


def chunk_sd_s(chunk: float, sample_s: float, cv: float) -> float:
    """Standard deviation of a chunk's time, samples independent with coefficient `cv`."""
    return math.sqrt(chunk) * cv * sample_s


def normal_order_z(count: int) -> float:
    """Expected largest of `count` standard normal numbers, after Blom (1958)."""
    return float(ndtri((count - 0.375) / (count + 0.25)))


def formula_holds(chunk_count: int, workers: int, mean_s: float, sd_s: float) -> bool:
    """Whether `wave_makespan_s` is good here: steady chunks, and waves enough.

    Parameters
    ----------
    chunk_count, workers
        As they are; more workers than chunks count as many as chunks.
    mean_s, sd_s
        Of the samples' time in a chunk, without its overhead.
    """
    used = min(workers, chunk_count)
    steady = sd_s <= 0 or mean_s / sd_s >= STEADY_RATIO
    return steady and waves(chunk_count, used) >= STEADY_WAVES


def wave_makespan_s(
    chunk_count: int, workers: int, mean_s: float, sd_s: float, *, factor: float = 1.0
) -> float:
    """Time from the first chunk's start to the last one's end, by waves and a straggler.

    Parameters
    ----------
    chunk_count, workers
        As they are; more workers than chunks count as many as chunks.
    mean_s, sd_s
        Of one chunk, overhead included.
    factor
        What interruptions stretch it by (`interruption_factor`).
    """
    used = min(workers, chunk_count)
    rounds = waves(chunk_count, used)
    last = chunk_count - (rounds - 1) * used
    return factor * (rounds * mean_s + sd_s * max(normal_order_z(last), 0.0))


def interruption_factor(
    work_s: float,
    *,
    rate_per_h: float,
    restart_s: float,
    every_s: float | None = None,
    checkpoint_s: float = 0.0,
) -> float:
    """How much longer work takes when it is interrupted, restarts and work done again included.

    Parameters
    ----------
    work_s
        What is lost at worst without checkpoints: a chunk's time.
    rate_per_h
        Interruptions an hour, a Poisson process.
    restart_s
        Until work goes on after an interruption.
    every_s, checkpoint_s
        A checkpoint after each `every_s` seconds of work, taking `checkpoint_s`; None: none.

    Returns
    -------
    float
        At least 1; infinite where the work would practically never end.
    """
    length, cost = (work_s, 0.0) if every_s is None else (every_s, checkpoint_s)
    if length <= 0:
        return 1.0
    rate_per_s = rate_per_h / 3600.0
    expected = rate_per_s * (length + cost)
    try:
        grown = math.expm1(expected) / expected if expected > 0 else 1.0
    except OverflowError:
        return math.inf
    return (1.0 + rate_per_s * restart_s) * grown * (length + cost) / length


def young_interval_s(checkpoint_s: float, between_s: float) -> float:
    """Best time between checkpoints at `between_s` seconds between failures: Young (1974)."""
    return math.sqrt(2.0 * checkpoint_s * between_s)


def daly_interval_s(checkpoint_s: float, between_s: float) -> float:
    """Best time between checkpoints, higher order: Daly (2006), equation 37."""
    if checkpoint_s >= 2.0 * between_s:
        return between_s
    x = checkpoint_s / (2.0 * between_s)
    grown = 1.0 + math.sqrt(x) / 3.0 + x / 9.0
    return math.sqrt(2.0 * checkpoint_s * between_s) * grown - checkpoint_s


def bill_seconds(wall_s: float, minimum_s: float = 0.0) -> float:
    """Seconds that are paid for: whole ones, and at least the minimum."""
    if not math.isfinite(wall_s):
        return wall_s
    return max(minimum_s, float(math.ceil(wall_s - 1e-9)))


def hours_usd(usd_per_hour: float, seconds: float, count: float = 1.0) -> float:
    """What `count` things at `usd_per_hour` cost in `seconds`."""
    return count * usd_per_hour * seconds / 3600.0


def disk_usd(gib: float, usd_gb_month: float, seconds: float, count: float = 1.0) -> float:
    """What `count` disks of `gib` cost in `seconds`, at a price for a month."""
    return count * gib * usd_gb_month * seconds / 3600.0 / HOURS_PER_MONTH


def storage_usd(gigabytes: float, usd_gb_month: float, months: float = 1.0) -> float:
    """What keeping results costs."""
    return gigabytes * usd_gb_month * months


def transfer_usd(gigabytes: float, usd_gb: float, share: float = 1.0) -> float:
    """What it costs that `share` of the results leave the cloud."""
    return gigabytes * usd_gb * share
