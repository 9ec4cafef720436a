"""Every number of the worked cases of the model, to the digits given there; one test each."""

import math

import numpy as np
import pytest

from spicelab_nb.cost import Interruptions, MachineType, Tariff, Workload, estimate, model
from spicelab_nb.cost.schedule import simulate_makespan

WORKLOAD = Workload(
    samples=10_000, sample_s=6.0, cv=0.3, chunk=50, overhead_s=2.0, bytes_per_sample=200e3
)
TARIFF = Tariff(
    boot_s=90.0,
    teardown_s=20.0,
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
EIGHT = MachineType(
    provider="aws",
    name="eight",
    region="here",
    vcpu=8,
    memory_gib=16.0,
    architecture="x86_64",
    on_demand_usd_h=0.34,
    spot_usd_h=0.34 * 0.38,
)
FOUR = MachineType(
    provider="aws",
    name="four",
    region="here",
    vcpu=4,
    memory_gib=16.0,
    architecture="x86_64",
    on_demand_usd_h=0.17,
    spot_usd_h=model.discounted_usd_h(0.17, 0.7),
)


def factor(work_s, rate_per_h, **more):
    return model.interruption_factor(work_s, rate_per_h=rate_per_h, restart_s=120.0, **more)


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [
        pytest.param(model.discounted_usd_h(0.17, 0.7), 3, 0.051, id="70 % off"),
        pytest.param(model.slots_per_machine(8, 16, cores=1, worker_gib=3), 0, 5, id="packing 1"),
        pytest.param(model.slots_per_machine(8, 32, cores=2, worker_gib=6), 0, 4, id="packing 2"),
        pytest.param(model.young_interval_s(30, 14400), 2, 929.52, id="Young"),
        pytest.param(model.daly_interval_s(30, 14400), 2, 909.62, id="Daly"),
        pytest.param(factor(3600, 0.05), 6, 1.027131, id="f 1 h"),
        pytest.param(factor(14400, 0.05), 6, 1.108859, id="f 4 h"),
        pytest.param(
            factor(14400, 0.05, every_s=1200, checkpoint_s=10), 6, 1.018549, id="f checkpoints"
        ),
        pytest.param(factor(14400, 0.5), 5, 3.24777, id="f often"),
    ],
)
def test_a_formula(value, digits, expected):
    assert round(value, digits) == expected


@pytest.mark.parametrize(("spot", "expected"), [(False, 0.425), (True, 0.1275)])
def test_a_thousand_samples_without_overheads(spot, expected):
    # 4 workers: 250 waves of 36 s, 2.5 h; nothing else is paid and nothing interrupts.
    workload = Workload(samples=1000, sample_s=36.0, chunk=1)
    found = estimate(
        workload, FOUR, 4, spot=spot, interruptions=Interruptions(rate_per_h=0.0, restart_s=0.0)
    )
    assert round(found.cost_usd.mean, 4) == expected


@pytest.mark.parametrize(
    ("workers", "wall_s", "total_usd"),
    [
        (8, 7678, 1.1737),
        (16, 4054, 1.1205),
        (64, 1336, 1.3002),
        (128, 744, 1.4035),
        (200, 447, 1.3233),
        (400, 447, 2.4079),
    ],
)
def test_ten_thousand_samples_by_the_formula(workers, wall_s, total_usd):
    found = estimate(WORKLOAD, EIGHT, workers, tariff=TARIFF, method="formula")
    assert round(found.time_s.mean) == wall_s
    assert round(found.cost_usd.mean, 4) == total_usd
    assert found.cost_usd.mean == pytest.approx(sum(found.breakdown_usd.values()))


def test_half_of_four_hundred_workers_are_idle():
    found = estimate(WORKLOAD, EIGHT, 400, tariff=TARIFF)
    assert found.chunks == 200
    assert found.limited_by == "chunks"
    assert found.lost["chunks"] == pytest.approx(0.5)


def test_spot_at_38_percent_of_on_demand():
    found = estimate(
        WORKLOAD,
        EIGHT,
        64,
        spot=True,
        tariff=TARIFF,
        interruptions=Interruptions(rate_per_h=0.05, restart_s=120.0),
        method="formula",
    )
    assert round(found.cost_usd.mean, 4) == 0.6752


def test_the_makespan_by_the_formula_at_64_workers():
    sd_s = model.chunk_sd_s(50, 6.0, 0.3)
    assert round(model.wave_makespan_s(200, 64, 302.0, sd_s), 1) == 1226.3
    assert model.formula_holds(200, 64, 300.0, sd_s)


def test_simulated_list_scheduling_at_64_workers():
    # 20,000 runs: their mean is known to 0.07 s, the quantile to 0.2 s; the case was itself
    # simulated, so that 2 s (0.2 %) is asked of both.
    cv = model.chunk_sd_s(50, 6.0, 0.3) / 302.0
    ends = 302.0 * simulate_makespan(
        200, 64, cv=cv, replicates=20_000, rng=np.random.default_rng(1)
    )
    assert ends.mean() == pytest.approx(1194.5, abs=2.0)
    assert np.quantile(ends, 0.95) == pytest.approx(1211.4, abs=2.0)


def test_how_far_off_the_formula_is_where_it_does_not_hold():
    ends = simulate_makespan(64, 64, cv=1.0, replicates=40_000, rng=np.random.default_rng(2))
    formula = model.wave_makespan_s(64, 64, 1.0, 1.0)
    # -29 % in the case, which was itself simulated: one point is allowed
    assert 100 * (formula / ends.mean() - 1) == pytest.approx(-29, abs=1)
    assert not model.formula_holds(64, 64, 1.0, 1.0)
    # the largest of n exponential times is the n-th harmonic number
    assert ends.mean() == pytest.approx(sum(1 / k for k in range(1, 65)), rel=0.01)


@pytest.mark.parametrize(
    ("chunk_count", "workers", "mean_s", "sd_s", "holds"),
    [
        (200, 64, 300.0, 30.0, True),
        (200, 64, 300.0, 30.1, False),  # chunks not steady enough
        (192, 64, 300.0, 1.0, True),  # three waves
        (128, 64, 300.0, 1.0, False),  # two
        (200, 400, 300.0, 1.0, False),  # workers beyond the chunks do not make waves
        (10, 2, 1.0, 0.0, True),
    ],
)
def test_where_the_formula_holds(chunk_count, workers, mean_s, sd_s, holds):
    assert model.formula_holds(chunk_count, workers, mean_s, sd_s) is holds


def test_the_pilots_intervals_are_the_formulas():
    from spicelab_nb.cost import pilot_statistics

    seconds = [5.0, 6.0, 7.0, 6.5, 5.5]
    found = pilot_statistics(seconds)
    n, sd, t = 5, np.std(seconds, ddof=1), 2.131847  # Student's 95 % quantile at 4
    lower, upper = found.mean_interval()
    assert upper - found.mean_s == pytest.approx(t * sd / math.sqrt(n), rel=1e-6)
    assert found.mean_s - lower == pytest.approx(t * sd / math.sqrt(n), rel=1e-6)
    thrown = found.total(100, kept=False)
    assert thrown.upper - thrown.mean == pytest.approx(
        t * sd * math.sqrt(100 + 100**2 / n), rel=1e-6
    )
    kept = found.total(100, kept=True)
    assert kept.upper - kept.mean == pytest.approx(t * sd * math.sqrt(95 + 95**2 / n), rel=1e-6)
