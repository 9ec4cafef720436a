"""Estimates: what must hold of every one, and what one says of what limits it."""

import dataclasses
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spicelab_nb.campaigns.chunking import Chunker
from spicelab_nb.cost import (
    Interruptions,
    MachineType,
    OwnMachine,
    Partition,
    Ratio,
    Tariff,
    Workload,
    estimate,
    model,
    pilot_statistics,
)
from spicelab_nb.cost.chunks import adaptive_chunks
from spicelab_nb.errors import CostError, PriceError

CLOUD = Tariff(
    boot_s=90.0,
    teardown_s=20.0,
    boot_relative_sd=0.2,
    minimum_s=60.0,
    head_usd_h=0.085,
    disk_gib=40.0,
    disk_usd_gb_month=0.08,
    address_usd_h=0.005,
    storage_usd_gb_month=0.023,
    egress_usd_gb=0.09,
    put_usd=5e-6,
    get_usd=4e-7,
)


def machine(vcpu=8, memory_gib=16.0, usd_h=0.34, spot_usd_h=0.13):
    return MachineType(
        provider="aws",
        name="m",
        region="here",
        vcpu=vcpu,
        memory_gib=memory_gib,
        architecture="x86_64",
        on_demand_usd_h=usd_h,
        spot_usd_h=spot_usd_h,
    )


workloads = st.builds(
    Workload,
    samples=st.integers(0, 3000),
    sample_s=st.floats(0, 100),
    cv=st.floats(0, 1.5),
    sample_relative_sd=st.floats(0, 0.5),
    sample_df=st.floats(1, 100),
    chunk=st.none() | st.integers(1, 100),
    overhead_s=st.floats(0, 5),
    overhead_relative_sd=st.floats(0, 0.5),
    bytes_per_sample=st.floats(0, 1e6),
)
ratios = st.builds(
    Ratio, value=st.floats(0.2, 5), relative_sd=st.floats(0, 0.3), df=st.floats(1, 30)
)


@given(workload=workloads, workers=st.integers(1, 100), spot=st.booleans(), speed=ratios)
def test_of_every_estimate(workload, workers, spot, speed):
    found = estimate(workload, machine(), workers, spot=spot, tariff=CLOUD, speed=speed)
    for interval in (found.time_s, found.makespan_s, found.billed_s, found.cost_usd):
        assert 0 <= interval.lower <= interval.mean <= interval.upper < math.inf
    assert all(value >= 0 for value in found.breakdown_usd.values())
    assert found.cost_usd.mean == pytest.approx(sum(found.breakdown_usd.values()))
    assert found.billed_s.mean >= found.time_s.mean - 1e-6
    assert found.billed_s.lower >= CLOUD.minimum_s
    assert 0 <= found.efficiency <= 1
    # Everything paid for is named; the schedule is simulated, so that a little may be off.
    assert 0.9 <= found.efficiency + sum(found.lost.values()) <= 1.1
    assert found.workers <= found.machines * 8


@given(
    vcpu=st.integers(1, 96),
    memory_gib=st.floats(0.5, 768),
    cores=st.integers(1, 16),
    worker_gib=st.floats(0.01, 64),
    workers=st.integers(1, 1000),
)
def test_packing_never_over_commits(vcpu, memory_gib, cores, worker_gib, workers):
    slots = model.slots_per_machine(vcpu, memory_gib, cores=cores, worker_gib=worker_gib)
    assert slots * cores <= vcpu
    assert slots * worker_gib <= max(memory_gib - model.RESERVED_GIB, 0) * (1 + 1e-6) + 1e-6
    # and leaves no room for one more
    one_more = slots + 1
    assert one_more * cores > vcpu or one_more * worker_gib > memory_gib - model.RESERVED_GIB
    assume(slots > 0)
    count = model.machines(workers, slots)
    assert (count - 1) * slots < workers <= count * slots


@given(
    work_s=st.floats(1, 1e5),
    rate=st.floats(0, 0.5),
    more=st.floats(0, 0.5),
    every_s=st.none() | st.floats(60, 3600),
)
def test_more_interruptions_are_never_quicker(work_s, rate, more, every_s):
    def factor(rate_per_h):
        return model.interruption_factor(
            work_s, rate_per_h=rate_per_h, restart_s=120.0, every_s=every_s, checkpoint_s=5.0
        )

    assert 1.0 - 1e-9 <= factor(rate) <= factor(rate + more) * (1 + 1e-9)


@pytest.mark.parametrize("chunk", [1, 50])
def test_more_interruptions_are_never_cheaper(chunk):
    workload = Workload(samples=2000, sample_s=20.0, cv=0.3, chunk=chunk)
    costs = [
        estimate(
            workload,
            machine(),
            16,
            spot=True,
            tariff=CLOUD,
            interruptions=Interruptions(rate_per_h=rate, restart_s=120.0),
        ).cost_usd.mean
        for rate in (0.0, 0.1, 0.5, 2.0, 5.0)
    ]
    assert costs == sorted(costs)


@pytest.mark.parametrize("workers", [1, 2, 16, 256])
@pytest.mark.parametrize(
    ("samples", "sample_s"),
    [(1, 1.0), (100, 3e-4), (10_000, 3e-4), (300_000, 3e-4), (2000, 0.02), (500, 2.0), (64, 90.0)],
)
def test_chunks_are_those_that_a_campaign_makes(samples, sample_s, workers):
    chunker = Chunker([(0, samples)])
    chunker.observe(1, sample_s)
    made = 0
    while chunker.next(workers) is not None:
        made += 1
    assert adaptive_chunks(samples, sample_s, workers) == pytest.approx(made, rel=0.1, abs=2)


@given(samples=st.integers(0, 10**6), sample_s=st.floats(0, 1e3), workers=st.integers(1, 1000))
def test_chunks_hold_a_sample_at_least(samples, sample_s, workers):
    count = adaptive_chunks(samples, sample_s, workers)
    assert min(samples, 1) <= count <= samples


def test_an_uncertain_speed_widens_the_interval():
    workload = Workload(samples=1000, sample_s=1.0, cv=0.1, chunk=10)
    sure = estimate(workload, machine(), 8)
    unsure = estimate(workload, machine(), 8, speed=Ratio.declared(1.0, relative_sd=0.2))
    assert unsure.time_s.mean == sure.time_s.mean
    assert unsure.time_s.upper > 1.2 * sure.time_s.upper
    assert unsure.time_s.lower < sure.time_s.lower / 1.2


def test_an_uncertain_boot_widens_the_interval():
    workload = Workload(samples=1000, sample_s=1.0, cv=0.1, chunk=10)
    sure, unsure = (
        estimate(workload, machine(), 8, tariff=Tariff(boot_s=100.0, boot_relative_sd=sd)).time_s
        for sd in (0.0, 0.3)
    )
    assert unsure.mean == sure.mean
    assert unsure.upper - unsure.mean == pytest.approx(
        math.hypot(sure.upper - sure.mean, 1.645 * 30.0), rel=1e-3
    )


def test_a_pilot_of_one_sample_bounds_little_but_something():
    pilot = pilot_statistics([2.0])
    workload = Workload(
        samples=1000,
        sample_s=pilot.mean_s,
        cv=pilot.cv,
        sample_relative_sd=pilot.mean_relative_sd,
        sample_df=pilot.df,
        chunk=10,
    )
    found = estimate(workload, machine(), 8).time_s
    # Student's 95 % quantile with one degree of freedom is 6.31: mean + 6.31 means
    assert 5 * found.mean < found.upper < 9 * found.mean
    assert 0 < found.lower < found.mean / 5


def test_twice_as_fast_takes_half_as_long():
    workload = Workload(samples=1000, sample_s=1.0, chunk=10)
    slow, quick = (
        estimate(workload, machine(), 8, speed=Ratio(value=value)) for value in (1.0, 2.0)
    )
    assert quick.makespan_s.mean == pytest.approx(slow.makespan_s.mean / 2)


@pytest.mark.parametrize(
    ("workload", "workers", "tariff", "limit"),
    [
        (Workload(samples=1000, sample_s=10.0, chunk=10, worker_gib=5.0), 3, CLOUD, "packing"),
        (Workload(samples=100, sample_s=60.0, chunk=50), 8, CLOUD, "chunks"),
        (Workload(samples=80, sample_s=1.0, chunk=1), 8, CLOUD, "boot"),
        (
            Workload(samples=80, sample_s=1.0, chunk=1),
            8,
            Tariff(minimum_s=60.0),
            "minimum billing",
        ),
        (Workload(samples=80, sample_s=1.0, chunk=1, overhead_s=3.0), 8, Tariff(), "overhead"),
        (Workload(samples=90, sample_s=600.0, chunk=10), 8, CLOUD, "waves"),
        (Workload(samples=80_000, sample_s=1e-3, chunk=1), 8, Tariff(), "scheduler"),
        (Workload(samples=8000, sample_s=10.0, chunk=10), 8, CLOUD, "work"),
    ],
)
def test_what_limits_it(workload, workers, tariff, limit):
    assert estimate(workload, machine(), workers, tariff=tariff).limited_by == limit


def test_interruptions_limit_long_chunks():
    workload = Workload(samples=800, sample_s=360.0, chunk=100)
    found = estimate(
        workload,
        machine(),
        8,
        spot=True,
        interruptions=Interruptions(rate_per_h=0.1, restart_s=120.0),
    )
    assert found.limited_by == "interruptions"


def test_work_that_is_interrupted_for_ever_says_so():
    workload = Workload(samples=8, sample_s=36e5, chunk=1)
    found = estimate(
        workload,
        machine(),
        8,
        spot=True,
        interruptions=Interruptions(rate_per_h=1.0, restart_s=120.0),
    )
    assert found.time_s.mean == math.inf
    assert found.limited_by == "interruptions"
    assert found.efficiency == 0


def test_nothing_left_to_do_takes_the_boot_and_the_minimum():
    found = estimate(Workload(samples=0, sample_s=1.0), machine(), 1, tariff=CLOUD)
    assert found.makespan_s.mean == 0
    assert found.time_s.mean == 110
    assert found.chunks == 0


def test_ones_own_machine_costs_nothing_unless_it_has_a_price():
    workload = Workload(samples=100, sample_s=36.0, chunk=1)
    free = OwnMachine(cores=2, memory_gib=4.0)
    assert estimate(workload, free, 2).cost_usd.upper == 0
    by_core = dataclasses.replace(free, usd_per_core_hour=0.05)
    # 50 waves of 36 s: half an hour of two cores
    assert estimate(workload, by_core, 2).cost_usd.mean == pytest.approx(0.05)
    by_energy = dataclasses.replace(free, watts=200.0, usd_per_kwh=0.30)
    assert estimate(workload, by_energy, 2).cost_usd.mean == pytest.approx(0.03)


def test_ones_own_machine_is_not_billed_by_whole_seconds():
    workload = Workload(samples=10, sample_s=0.01, cv=0.3, chunk=1)
    own = OwnMachine(cores=1, memory_gib=4.0, usd_per_core_hour=3600.0)
    found = estimate(workload, own, 1)
    assert found.billed_s == found.time_s
    assert found.cost_usd.mean == pytest.approx(0.1, rel=0.02)
    assert found.limited_by == "work"
    assert estimate(workload, machine(), 1).billed_s.mean == 1.0


def test_a_partition_has_so_many_nodes():
    lab = Partition(name="lab", nodes=4, cores=16, memory_gib=64.0, watts=400.0, usd_per_kwh=0.25)
    workload = Workload(samples=6400, sample_s=9.0, chunk=1)
    found = estimate(workload, lab, 64)
    assert found.machines == 4
    assert found.cost_usd.mean == pytest.approx(4 * 0.1 * 900 / 3600)
    with pytest.raises(CostError, match="lab has room for 64 workers, not 65"):
        estimate(workload, lab, 65)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: OwnMachine(cores=2, memory_gib=4, watts=100), "both watts and usd_per_kwh"),
        (
            lambda: OwnMachine(cores=2, memory_gib=4, usd_per_core_hour=1, watts=1, usd_per_kwh=1),
            "not both",
        ),
        (lambda: OwnMachine(cores=2, memory_gib=4, usd_per_core_hour=-1), "0 or more"),
        (lambda: OwnMachine(cores=2, memory_gib=4, usd_per_core_hour="0.1"), "0 or more.*'0.1'"),
        (lambda: OwnMachine(cores="2", memory_gib=4), "cores must be more than 0.*'2'"),
        (lambda: OwnMachine(cores=0, memory_gib=4), "cores must be more than 0"),
        (lambda: Partition(name="p", nodes=1, cores=1, memory_gib=math.nan), "memory_gib"),
        (lambda: machine(usd_h=-1.0), "on_demand_usd_h must be 0 or more"),
        (lambda: model.discounted_usd_h(1.0, 70), "0.7 is 70 % off"),
        (lambda: machine(spot_usd_h=None).usd_per_hour(spot=True), "No spot price of m in here"),
    ],
)
def test_prices_that_cannot_be(make, says):
    with pytest.raises(PriceError, match=says):
        make()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Workload(samples=-1, sample_s=1.0), "samples must be 0 or more"),
        (lambda: Workload(samples=1, sample_s=math.nan), "sample_s must be 0 or more and finite"),
        (lambda: Workload(samples=1, sample_s=1.0, chunk=0), "chunk must be more than 0"),
        (lambda: Tariff(boot_s=-1.0), "boot_s must be 0 or more"),
        (lambda: Tariff(tasks_per_s=0.0), "tasks_per_s must be more than 0"),
        (lambda: Interruptions(rate_per_h=-0.1), "rate_per_h"),
        (lambda: Interruptions(every_s=0.0), "every_s must be more than 0"),
        (lambda: Ratio(value=0.0), "more than 0"),
        (lambda: Ratio(relative_sd=-0.1), "0 or more"),
        (
            lambda: estimate(Workload(samples=1, sample_s=1.0), machine(), 0),
            "At least one worker is needed, not 0",
        ),
        (
            lambda: estimate(Workload(samples=1, sample_s=1.0, worker_gib=64), machine(), 1),
            "No worker fits on m: it has 8 cores and 16 GiB, a worker needs 1 and 64 GiB",
        ),
    ],
)
def test_input_that_cannot_be(make, says):
    with pytest.raises(CostError, match=says):
        make()


def test_a_last_chunk_that_is_shorter_is_not_counted_as_a_whole_one():
    thousand = Workload(samples=1000, sample_s=1.0, chunk=600)
    assert thousand.chunks_on(1) == (2, 500.0)
    assert thousand.chunks_on(2) == (2, 600.0)  # the other waits for the longer one
    assert Workload(samples=68, sample_s=1.0, chunk=600).chunks_on(4) == (1, 68.0)
    assert Workload(samples=1200, sample_s=1.0, chunk=600).chunks_on(1) == (2, 600.0)
