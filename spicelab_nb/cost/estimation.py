"""Time and money of a campaign on so many workers of a machine, each with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from scipy.special import stdtrit

from spicelab_nb.cost import model
from spicelab_nb.cost.pilot import EXACT, Ratio
from spicelab_nb.cost.schedule import HOPELESS, LEVEL, Makespan, simulated_makespan_s
from spicelab_nb.cost.workload import FREE, Interruptions, Tariff, Workload
from spicelab_nb.errors import CostError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spicelab_nb.cost.machine import Machine

__all__ = ["Estimate", "Interval", "Method", "estimate", "workers_fitting"]

Method = Literal["auto", "formula", "simulation"]

_CALM = Interruptions(rate_per_h=0.0, restart_s=0.0)
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
        How many chunks there are, and samples of one, on average.
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
    chunk: float
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
    count = _machine_count(workload, machine, workers)
    cut = _Cut.of(workload, workers, speed.value)
    calm_method, calm = _makespan(cut, _CALM, method, seed)
    if spot or interruptions is not None:
        chosen, span = _makespan(cut, interruptions or Interruptions(), method, seed)
    else:
        chosen, span = calm_method, calm
    floor_s = cut.chunks / tariff.tasks_per_s
    makespan = _widened(span.at_least(floor_s), workload, speed, cut)
    time = _with_boot(makespan, tariff)
    billed = Interval(
        mean=_billed_s(time.mean, machine, tariff),
        lower=_billed_s(time.lower, machine, tariff),
        upper=_billed_s(time.upper, machine, tariff),
    )
    hour_usd = count * machine.usd_per_hour(spot=spot)
    bill = _bill(workload, hour_usd, count, cut.chunks, billed.mean, tariff)
    lowest = _bill(workload, hour_usd, count, cut.chunks, billed.lower, tariff)
    highest = _bill(workload, hour_usd, count, cut.chunks, billed.upper, tariff)
    seconds = {
        "packing": (count * machine.vcpu - workers * workload.cores) * billed.mean,
        "chunks": (workers - cut.used) * workload.cores * billed.mean,
        **{
            name: cut.used * workload.cores * value
            for name, value in (
                ("minimum billing", billed.mean - time.mean),
                ("boot", tariff.boot_s + tariff.teardown_s),
                ("overhead", cut.chunks * workload.overhead_s / cut.used),
                ("interruptions", span.mean - calm.mean),
                ("scheduler", makespan.mean - span.mean),
                (
                    "waves",
                    calm.mean
                    - cut.chunks * workload.overhead_s / cut.used
                    - workload.samples * cut.sample_s / cut.used,
                ),
            )
        },
    }
    paid = count * machine.vcpu * billed.mean
    if math.isfinite(paid):
        lost = {name: max(value, 0.0) / paid if paid else 0.0 for name, value in seconds.items()}
        useful = workload.samples * cut.sample_s * workload.cores
        efficiency = min(useful / paid, 1.0) if paid else 1.0
    else:
        lost, efficiency = {"interruptions": 1.0}, 0.0
    return Estimate(
        machine=machine,
        workers=workers,
        machines=count,
        spot=spot,
        workload=workload,
        chunks=cut.chunks,
        chunk=cut.chunk,
        time_s=time,
        makespan_s=makespan,
        billed_s=billed,
        cost_usd=Interval(
            mean=sum(bill.values()), lower=sum(lowest.values()), upper=sum(highest.values())
        ),
        breakdown_usd=bill,
        efficiency=efficiency,
        lost=lost,
        limited_by="work" if efficiency >= 0.9 else max(lost, key=lambda name: lost[name]),
        method=chosen,
        guessed=workload.guessed,
    )


@dataclass(frozen=True, kw_only=True)
class _Cut:
    """How a workload is cut into chunks for so many workers; times on these workers."""

    used: int
    chunks: int
    chunk: float
    sample_s: float
    mean_s: float
    sd_s: float

    @classmethod
    def of(cls, workload: Workload, workers: int, speed: float) -> _Cut:
        chunks, chunk = workload.chunks_on(workers, speed)
        sample_s = workload.sample_s / speed
        return cls(
            used=max(min(workers, chunks), 1),
            chunks=chunks,
            chunk=chunk,
            sample_s=sample_s,
            mean_s=model.chunk_mean_s(chunk, sample_s, workload.overhead_s),
            sd_s=model.chunk_sd_s(chunk, sample_s, workload.cv),
        )

    @property
    def share(self) -> float:
        """Of a chunk's time that its samples take."""
        return self.chunk * self.sample_s / self.mean_s if self.mean_s > 0 else 0.0


def workers_fitting(workload: Workload, machine: Machine) -> int:
    """Workers that fit on one machine; on one's own the stated memory is all for them."""
    return model.slots_per_machine(
        machine.vcpu,
        machine.memory_gib,
        cores=workload.cores,
        worker_gib=workload.worker_gib,
        reserved_gib=0.0 if machine.provider == "own" else model.RESERVED_GIB,
    )


def _machine_count(workload: Workload, machine: Machine, workers: int) -> int:
    if workers < 1:
        raise CostError(f"At least one worker is needed, not {workers}.")
    slots = workers_fitting(workload, machine)
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
    cut: _Cut, interruptions: Interruptions, method: Method, seed: int
) -> tuple[Method, Makespan]:
    """Scatter of the schedule alone: what a sample takes on average is taken as known."""
    if cut.chunks == 0 or cut.mean_s <= 0:
        return "formula", Makespan(mean=0.0, lower=0.0, upper=0.0)
    formula_s = model.wave_makespan_s(
        cut.chunks,
        cut.used,
        cut.mean_s,
        cut.sd_s,
        factor=model.interruption_factor(
            cut.mean_s,
            rate_per_h=interruptions.rate_per_h,
            restart_s=interruptions.restart_s,
            every_s=interruptions.every_s,
            checkpoint_s=interruptions.checkpoint_s,
        ),
    )
    lost_at_worst_s = min(interruptions.every_s or math.inf, cut.mean_s)
    if interruptions.rate_per_h / 3600.0 * lost_at_worst_s > HOPELESS:
        # A chunk is then interrupted so often that its time is nearly exponential.
        return "formula", Makespan(
            mean=formula_s, lower=-math.log(0.95) * formula_s, upper=-math.log(0.05) * formula_s
        )
    simulated = simulated_makespan_s(
        cut.chunks,
        cut.used,
        cut.mean_s,
        cut.sd_s,
        rate_per_h=interruptions.rate_per_h,
        restart_s=interruptions.restart_s,
        every_s=interruptions.every_s,
        checkpoint_s=interruptions.checkpoint_s,
        seed=seed,
    )
    holds = model.formula_holds(cut.chunks, cut.used, cut.chunk * cut.sample_s, cut.sd_s)
    if method == "simulation" or (method == "auto" and not holds):
        return "simulation", simulated
    # The formula's mean, and bounds that hold both what it says and what is simulated.
    return "formula", Makespan(
        mean=formula_s,
        lower=min(formula_s, simulated.lower),
        upper=max(formula_s, simulated.upper),
    )


def _widened(span: Makespan, workload: Workload, speed: Ratio, cut: _Cut) -> Interval:
    """Add what is not known of a sample's mean time, of the speed and of the overhead."""
    parts = [
        (cut.share * workload.sample_relative_sd, workload.sample_df),
        (cut.share * speed.relative_sd, speed.df),
        ((1.0 - cut.share) * workload.overhead_relative_sd, 3.0),
    ]
    variance = sum(sd**2 for sd, _ in parts)
    if variance <= 0 or not math.isfinite(span.mean):
        return Interval(mean=span.mean, lower=span.lower, upper=span.upper)
    below_df = sum(sd**4 / df for sd, df in parts)
    df = variance**2 / below_df if below_df > 0 else math.inf
    quantile = float(stdtrit(min(df, 1e6), 0.5 + LEVEL / 2.0))
    # A time cannot be negative: below, the bound is a factor. A ratio of speeds errs by factors
    # upwards, too; a mean of times by seconds.
    ratio_sd = min(quantile * cut.share * speed.relative_sd, 50.0)
    others_sd = quantile * math.sqrt(max(variance - (cut.share * speed.relative_sd) ** 2, 0.0))
    fall = span.mean * -math.expm1(-quantile * math.sqrt(variance))
    rise = span.mean * math.hypot(math.expm1(ratio_sd), others_sd)
    return Interval(
        mean=span.mean,
        lower=max(span.mean - math.hypot(span.mean - span.lower, fall), 0.0),
        upper=span.mean + math.hypot(span.upper - span.mean, rise),
    )


def _with_boot(makespan: Interval, tariff: Tariff) -> Interval:
    fixed_s = tariff.boot_s + tariff.teardown_s
    half = _Z * tariff.boot_relative_sd * fixed_s
    mean = makespan.mean + fixed_s
    if not math.isfinite(mean):
        return Interval(mean=mean, lower=makespan.lower + fixed_s, upper=makespan.upper + fixed_s)
    return Interval(
        mean=mean,
        lower=max(mean - math.hypot(makespan.mean - makespan.lower, half), 0.0),
        upper=mean + math.hypot(makespan.upper - makespan.mean, half),
    )


def _billed_s(seconds: float, machine: Machine, tariff: Tariff) -> float:
    """Clouds bill whole seconds; what one's own machines cost is metered as it passes."""
    if machine.provider == "own":
        return max(seconds, tariff.minimum_s)
    return model.bill_seconds(seconds, tariff.minimum_s)


def _bill(
    workload: Workload, hour_usd: float, count: int, chunks: int, seconds: float, tariff: Tariff
) -> dict[str, float]:
    """USD by item; disks and addresses belong to the workers' machines and to the head."""
    gigabytes = workload.samples * workload.bytes_per_sample / 1e9
    requests = tariff.puts_per_chunk * tariff.put_usd + tariff.gets_per_chunk * tariff.get_usd
    return {
        "workers": model.hours_usd(hour_usd, seconds) if hour_usd else 0.0,
        "head": model.hours_usd(tariff.head_usd_h, seconds) if tariff.head_usd_h else 0.0,
        "disks": model.disk_usd(tariff.disk_gib, tariff.disk_usd_gb_month, seconds, count + 1)
        if tariff.disk_gib * tariff.disk_usd_gb_month
        else 0.0,
        "addresses": model.hours_usd(tariff.address_usd_h, seconds, count + 1)
        if tariff.address_usd_h
        else 0.0,
        "storage": model.storage_usd(
            gigabytes, tariff.storage_usd_gb_month, tariff.retention_months
        ),
        "egress": model.transfer_usd(gigabytes, tariff.egress_usd_gb, tariff.egress_share),
        "requests": chunks * requests,
    }
