"""Time and money of a campaign on so many workers of a machine, each with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from scipy.special import stdtrit

from spicelab_nb.cost import model
from spicelab_nb.cost.pilot import EXACT, Ratio
from spicelab_nb.cost.schedule import LEVEL, Makespan, simulated_makespan_s
from spicelab_nb.cost.workload import FREE, Interruptions, Tariff, Workload
from spicelab_nb.errors import CostError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spicelab_nb.cost.machine import Machine

__all__ = ["Estimate", "Interval", "Method", "estimate"]

Method = Literal["auto", "formula", "simulation"]

_Z = 1.6448536269514722  # a normal's 95 % quantile: both bounds of a 90 % interval


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A number with the bounds that hold it in nine cases of ten."""

    mean: float
    lower: float
    upper: float


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a campaign takes on one candidate.

    Parameters
    ----------
    machine, workers, machines, spot
        The candidate: machine type, workers on all of them, machines, whether interruptible.
    workload
        What was estimated.
    chunks, chunk
        How many chunks there are, and samples of each.
    time_s
        From the order of the machines until they are gone.
    makespan_s
        Of it, from the first chunk's start to the last one's end.
    billed_s
        Seconds that are paid for.
    cost_usd
        All of it.
    breakdown_usd
        The mean by item: workers, head, disks, addresses, storage, egress, requests.
    efficiency
        Share of the paid core time in which samples are computed.
    lost
        Share of the paid core time by what it is lost to.
    limited_by
        The largest of these: ``"packing"``, ``"chunks"`` (fewer of them than workers),
        ``"boot"``, ``"minimum billing"``, ``"overhead"``, ``"waves"`` (workers idle at the end),
        ``"interruptions"``, ``"scheduler"``; ``"work"`` when less than a tenth is lost.
    method
        ``"formula"`` or ``"simulation"``.
    guessed
        True when no pilot was measured.
    """

    machine: Machine
    workers: int
    machines: int
    spot: bool
    workload: Workload
    chunks: int
    chunk: int
    time_s: Interval
    makespan_s: Interval
    billed_s: Interval
    cost_usd: Interval
    breakdown_usd: Mapping[str, float]
    efficiency: float
    lost: Mapping[str, float] = field(default_factory=dict)
    limited_by: str = "work"
    method: Method = "simulation"
    guessed: bool = False


def estimate(
    workload: Workload,
    machine: Machine,
    workers: int,
    *,
    spot: bool = False,
    tariff: Tariff = FREE,
    interruptions: Interruptions | None = None,
    speed: Ratio = EXACT,
    method: Method = "auto",
    seed: int = 0,
) -> Estimate:
    """Estimate time and money of a campaign on one candidate.

    Parameters
    ----------
    workload
        What is to be computed.
    machine
        A machine type, an own machine or a partition.
    workers
        Workers in all, at least 1. Those beyond the number of chunks are paid for and idle.
    spot
        At the price for interruptible use.
    tariff
        What is paid beside.
    interruptions
        Of spot machines; None: `Interruptions()` when `spot`, else none.
    speed
        How many times as fast as where `workload` was measured, with its uncertainty.
    method
        ``"auto"``: the wave formula where it holds, a simulation of list scheduling elsewhere.
    seed
        Of the simulation.

    Raises
    ------
    CostError
        No worker fits on the machine, or there are too few machines for so many workers.
    """
    slots = model.slots_per_machine(
        machine.vcpu,
        machine.memory_gib,
        cores=workload.cores,
        worker_gib=workload.worker_gib,
        reserved_gib=model.RESERVED_GIB if machine.provider != "own" else 0.0,
    )
    count = _machine_count(workload, machine, workers, slots)
    if interruptions is None:
        interruptions = Interruptions() if spot else Interruptions(rate_per_h=0.0, restart_s=0.0)
    sample_s = workload.sample_s / speed.value
    chunk = workload.chunk_on(workers, speed.value)
    chunks = model.chunks(workload.samples, chunk)
    # The last chunk may be short: all of the work is shared evenly.
    mean_s = model.chunk_mean_s(chunk, sample_s, workload.overhead_s)
    sd_s = model.chunk_sd_s(chunk, sample_s, workload.cv)
    chosen, span, factor = _makespan(
        chunks,
        min(workers, max(chunks, 1)),
        mean_s,
        sd_s,
        chunk * sample_s,
        interruptions,
        method,
        seed,
    )
    floor_s = chunks / tariff.tasks_per_s
    scheduled = Makespan(
        mean=max(span.mean, floor_s), lower=max(span.lower, floor_s), upper=max(span.upper, floor_s)
    )
    share = chunk * sample_s / mean_s if mean_s > 0 else 0.0
    makespan = _widened(scheduled, workload, speed, share)
    fixed_s = tariff.boot_s + tariff.teardown_s
    time = _with_boot(makespan, fixed_s, tariff.boot_relative_sd)
    billed = Interval(
        mean=model.bill_seconds(time.mean, tariff.minimum_s),
        lower=model.bill_seconds(time.lower, tariff.minimum_s),
        upper=model.bill_seconds(time.upper, tariff.minimum_s),
    )
    bills = {
        name: _bill(workload, machine, count, chunks, seconds, spot, tariff)
        for name, seconds in (
            ("mean", billed.mean),
            ("lower", billed.lower),
            ("upper", billed.upper),
        )
    }
    lost, efficiency = _losses(
        workload,
        machine,
        workers,
        count,
        chunks,
        sample_s,
        time,
        makespan,
        billed,
        fixed_s,
        factor,
        span.mean,
        mean_s,
    )
    worst = max(lost, key=lambda name: lost[name])
    return Estimate(
        machine=machine,
        workers=workers,
        machines=count,
        spot=spot,
        workload=workload,
        chunks=chunks,
        chunk=chunk,
        time_s=time,
        makespan_s=makespan,
        billed_s=billed,
        cost_usd=Interval(**{name: sum(bill.values()) for name, bill in bills.items()}),
        breakdown_usd=bills["mean"],
        efficiency=efficiency,
        lost=lost,
        limited_by="work" if efficiency >= 0.9 else worst,
        method=chosen,
        guessed=workload.guessed,
    )


def _machine_count(workload: Workload, machine: Machine, workers: int, slots: int) -> int:
    if workers < 1:
        raise CostError(f"At least one worker is needed, not {workers}.")
    if slots < 1:
        raise CostError(
            f"No worker fits on {machine.name}: it has {machine.vcpu} cores and "
            f"{machine.memory_gib:g} GiB, a worker needs {workload.cores} and "
            f"{workload.worker_gib:g} GiB. Choose a larger machine."
        )
    count = model.machines(workers, slots)
    if machine.count_limit is not None and count > machine.count_limit:
        raise CostError(
            f"{machine.name} has room for {slots * machine.count_limit} workers, not {workers}."
        )
    return count


def _makespan(
    chunks: int,
    workers: int,
    mean_s: float,
    sd_s: float,
    work_s: float,
    interruptions: Interruptions,
    method: Method,
    seed: int,
) -> tuple[Method, Makespan, float]:
    """Scatter of the schedule alone: what a sample takes on average is taken as known."""
    if chunks == 0 or mean_s <= 0:
        return "formula", Makespan(mean=0.0, lower=0.0, upper=0.0), 1.0
    factor = model.interruption_factor(
        mean_s,
        rate_per_h=interruptions.rate_per_h,
        restart_s=interruptions.restart_s,
        every_s=interruptions.every_s,
        checkpoint_s=interruptions.checkpoint_s,
    )
    holds = model.formula_holds(chunks, workers, work_s, sd_s)
    hopeless = interruptions.rate_per_h / 3600.0 * (interruptions.every_s or mean_s) > 3.0
    simulated = (
        Makespan(mean=0.0, lower=math.inf, upper=0.0)
        if hopeless
        else simulated_makespan_s(
            chunks,
            workers,
            mean_s,
            sd_s,
            rate_per_h=interruptions.rate_per_h,
            restart_s=interruptions.restart_s,
            every_s=interruptions.every_s,
            checkpoint_s=interruptions.checkpoint_s,
            seed=seed,
        )
    )
    if method == "simulation" or (method == "auto" and not holds and not hopeless):
        return "simulation", simulated, factor
    mean = model.wave_makespan_s(chunks, workers, mean_s, sd_s, factor=factor)
    span = Makespan(mean=mean, lower=min(mean, simulated.lower), upper=max(mean, simulated.upper))
    return "formula", span, factor


def _widened(span: Makespan, workload: Workload, speed: Ratio, share: float) -> Interval:
    """Add what is not known of a sample's mean time, of the speed and of the overhead."""
    parts = [
        (share * workload.sample_relative_sd, workload.sample_df),
        (share * speed.relative_sd, speed.df),
        ((1.0 - share) * workload.overhead_relative_sd, 3.0),
    ]
    variance = sum(sd**2 for sd, _ in parts)
    if variance <= 0 or not math.isfinite(span.mean):
        return Interval(mean=span.mean, lower=span.lower, upper=span.upper)
    df = variance**2 / sum(sd**4 / df for sd, df in parts if sd > 0)
    stretch = float(stdtrit(min(df, 1e6), 0.5 + LEVEL / 2.0)) * math.sqrt(variance)
    # A time cannot be negative: the bounds are factors, as far from 1 on a logarithmic scale.
    below = math.hypot(span.mean - span.lower, span.mean * -math.expm1(-stretch))
    above = math.hypot(span.upper - span.mean, span.mean * math.expm1(min(stretch, 50.0)))
    return Interval(mean=span.mean, lower=max(span.mean - below, 0.0), upper=span.mean + above)


def _with_boot(makespan: Interval, fixed_s: float, relative_sd: float) -> Interval:
    half = _Z * relative_sd * fixed_s
    mean = makespan.mean + fixed_s
    if not math.isfinite(mean):
        return Interval(mean=mean, lower=makespan.lower + fixed_s, upper=makespan.upper + fixed_s)
    return Interval(
        mean=mean,
        lower=max(mean - math.hypot(makespan.mean - makespan.lower, half), 0.0),
        upper=mean + math.hypot(makespan.upper - makespan.mean, half),
    )


def _bill(
    workload: Workload,
    machine: Machine,
    count: int,
    chunks: int,
    seconds: float,
    spot: bool,
    tariff: Tariff,
) -> dict[str, float]:
    """USD by item; disks and addresses belong to the workers' machines and to the head."""
    gigabytes = workload.samples * workload.bytes_per_sample / 1e9
    requests = tariff.puts_per_chunk * tariff.put_usd + tariff.gets_per_chunk * tariff.get_usd
    return {
        "workers": model.hours_usd(machine.usd_per_hour(spot=spot), seconds, count),
        "head": model.hours_usd(tariff.head_usd_h, seconds),
        "disks": model.disk_usd(tariff.disk_gib, tariff.disk_usd_gb_month, seconds, count + 1),
        "addresses": model.hours_usd(tariff.address_usd_h, seconds, count + 1),
        "storage": model.storage_usd(
            gigabytes, tariff.storage_usd_gb_month, tariff.retention_months
        ),
        "egress": model.transfer_usd(gigabytes, tariff.egress_usd_gb, tariff.egress_share),
        "requests": chunks * requests,
    }


def _losses(
    workload: Workload,
    machine: Machine,
    workers: int,
    count: int,
    chunks: int,
    sample_s: float,
    time: Interval,
    makespan: Interval,
    billed: Interval,
    fixed_s: float,
    factor: float,
    unhindered_s: float,
    mean_s: float,
) -> tuple[dict[str, float], float]:
    """Where the paid core time goes, as shares of it, and the share that is left for samples."""
    paid = count * machine.vcpu * billed.mean
    if paid <= 0 or not math.isfinite(paid):
        return {"interruptions" if paid > 0 else "boot": 1.0 if paid > 0 else 0.0}, 0.0
    used = min(workers, chunks)
    cores = workload.cores
    useful = workload.samples * sample_s * cores
    overhead = chunks * workload.overhead_s * cores
    busy = chunks * mean_s * cores
    rework = busy * (factor - 1.0)
    hindered = used * cores * max(makespan.mean - unhindered_s, 0.0)
    seconds = {
        "packing": (count * machine.vcpu - workers * cores) * billed.mean,
        "chunks": (workers - used) * cores * billed.mean,
        "minimum billing": used * cores * (billed.mean - time.mean),
        "boot": used * cores * fixed_s,
        "overhead": overhead,
        "interruptions": rework,
        "scheduler": hindered,
        "waves": used * cores * makespan.mean - hindered - useful - overhead - rework,
    }
    lost = {name: max(value, 0.0) / paid for name, value in seconds.items()}
    return lost, min(useful / paid, 1.0)
