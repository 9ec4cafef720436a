"""What is to be computed, and on which terms it is paid for: the inputs of an estimate."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from spicelab_nb.cost.chunks import TASKS_PER_SECOND, adaptive_chunks
from spicelab_nb.errors import CostError

__all__ = ["FREE", "Interruptions", "Tariff", "Workload"]


def _check(where: str, *, above: float | None = None, **values: float) -> None:
    for field, value in values.items():
        good = math.isfinite(value) and (value >= 0 if above is None else value > above)
        if not good:
            least = "0 or more" if above is None else f"more than {above:g}"
            raise CostError(f"{where}: {field} must be {least} and finite, not {value!r}.")


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A campaign, as far as its price depends on it.

    Parameters
    ----------
    samples
        N, still to be computed.
    sample_s
        Mean time of one on one worker where it was measured, seconds.
    cv
        Coefficient of variation of that time.
    sample_relative_sd, sample_df
        Standard uncertainty of the mean time, as a share of it, and its degrees of freedom.
    chunk
        K, samples of a chunk; None: adapts to the time of a sample and to the workers.
    overhead_s
        Time of a chunk beside its samples.
    overhead_relative_sd
        Its standard uncertainty, as a share.
    bytes_per_sample
        Of results.
    cores, worker_gib
        What one worker needs.
    guessed
        True when `sample_s` was not measured.
    """

    samples: int
    sample_s: float
    cv: float = 0.0
    sample_relative_sd: float = 0.0
    sample_df: float = math.inf
    chunk: int | None = None
    overhead_s: float = 0.0
    overhead_relative_sd: float = 0.0
    bytes_per_sample: float = 0.0
    cores: int = 1
    worker_gib: float = 1.0
    guessed: bool = False

    def __post_init__(self) -> None:
        _check("Workload", above=0, cores=self.cores, sample_df=min(self.sample_df, 1e9))
        if self.chunk is not None:
            _check("Workload", above=0, chunk=self.chunk)
        _check(
            "Workload",
            samples=self.samples,
            sample_s=self.sample_s,
            cv=self.cv,
            sample_relative_sd=self.sample_relative_sd,
            overhead_s=self.overhead_s,
            overhead_relative_sd=self.overhead_relative_sd,
            bytes_per_sample=self.bytes_per_sample,
            worker_gib=self.worker_gib,
        )

    def chunks_on(self, workers: int, speed: float = 1.0) -> tuple[int, float]:
        """Chunks, and samples of one, on workers that are `speed` times as fast as the pilot's."""
        if self.chunk is not None:
            # One that would be longer than all there is ends with the last sample.
            length = min(self.chunk, max(self.samples, 1))
            count = math.ceil(self.samples / self.chunk)
            # The last one is shorter; where each worker has one at most, the longest decides.
            return count, float(length) if count <= workers else self.samples / count
        count = adaptive_chunks(self.samples, self.sample_s / speed, workers)
        return count, self.samples / max(count, 1)

    @property
    def most_workers(self) -> int:
        """Chunks that there are at most: more workers have nothing to do."""
        return max(1, math.ceil(self.samples / (self.chunk or 1)))


@dataclass(frozen=True, kw_only=True)
class Tariff:
    """What is paid beside the workers' machines, and the times that are paid for with them.

    Parameters
    ----------
    boot_s, teardown_s
        From the order of a machine until its workers work, and from the last sample to its end.
    boot_relative_sd
        Standard uncertainty of their sum, as a share of it.
    minimum_s
        Time that is billed at least.
    head_usd_h
        Price of the machine that schedules, an hour.
    disk_gib, disk_usd_gb_month
        Of each machine, the head too.
    address_usd_h
        A public address of each machine, the head too.
    storage_usd_gb_month, retention_months
        Of the results.
    egress_usd_gb, egress_share
        Of results that leave the cloud.
    put_usd, get_usd
        A request that writes, one that reads; `puts_per_chunk` and `gets_per_chunk` of them.
    tasks_per_s
        Chunks a second that the scheduler hands out at most.
    """

    boot_s: float = 0.0
    teardown_s: float = 0.0
    boot_relative_sd: float = 0.0
    minimum_s: float = 0.0
    head_usd_h: float = 0.0
    disk_gib: float = 0.0
    disk_usd_gb_month: float = 0.0
    address_usd_h: float = 0.0
    storage_usd_gb_month: float = 0.0
    retention_months: float = 1.0
    egress_usd_gb: float = 0.0
    egress_share: float = 1.0
    put_usd: float = 0.0
    get_usd: float = 0.0
    puts_per_chunk: float = 1.0
    gets_per_chunk: float = 1.0
    tasks_per_s: float = TASKS_PER_SECOND

    def __post_init__(self) -> None:
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        _check("Tariff", above=0, tasks_per_s=values.pop("tasks_per_s"))
        _check("Tariff", **values)


FREE = Tariff()
"""One's own machines: nothing is paid beside them, and they are already up."""


@dataclass(frozen=True, kw_only=True)
class Interruptions:
    """How often a spot machine is taken away, and what that costs.

    Parameters
    ----------
    rate_per_h
        Interruptions of one worker an hour, a Poisson process.
    restart_s
        Until its work goes on elsewhere.
    every_s, checkpoint_s
        A checkpoint after each `every_s` seconds of work, taking `checkpoint_s`; None: a chunk
        that is interrupted begins again.
    """

    rate_per_h: float = 0.05
    restart_s: float = 120.0
    every_s: float | None = None
    checkpoint_s: float = 0.0

    def __post_init__(self) -> None:
        _check(
            "Interruptions",
            rate_per_h=self.rate_per_h,
            restart_s=self.restart_s,
            checkpoint_s=self.checkpoint_s,
        )
        if self.every_s is not None:
            _check("Interruptions", above=0, every_s=self.every_s)
