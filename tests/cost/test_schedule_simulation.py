"""The quick simulation of list scheduling against one event after the other, and the formula."""

import heapq

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicelab_nb.cost import model
from spicelab_nb.cost.schedule import simulate_makespan, simulated_makespan_s


def one_after_the_other(chunk_count, workers, cv, replicates, rng):
    """List scheduling as everybody writes it: the next chunk goes to who is free first."""
    ends = []
    for _ in range(replicates):
        times = rng.standard_gamma(cv**-2, chunk_count) * cv**2
        free = [0.0] * workers
        for time in times:
            heapq.heapreplace(free, free[0] + time)
        ends.append(max(free))
    return np.array(ends)


@pytest.mark.parametrize(
    ("chunk_count", "workers", "cv"),
    [
        (1, 1, 0.5),
        (7, 1, 1.0),
        (5, 2, 1.0),
        (64, 64, 1.0),
        (65, 64, 1.0),
        (100, 8, 0.3),
        (40, 16, 2.0),
        (33, 16, 0.05),
    ],
)
def test_it_agrees_with_one_event_after_the_other(chunk_count, workers, cv):
    quick = simulate_makespan(
        chunk_count, workers, cv=cv, replicates=4000, rng=np.random.default_rng(1)
    )
    slow = one_after_the_other(chunk_count, workers, cv, 4000, np.random.default_rng(2))
    error = np.hypot(quick.std(), slow.std()) / np.sqrt(4000)
    assert quick.mean() == pytest.approx(slow.mean(), abs=4 * error)
    for level in (0.05, 0.5, 0.95):
        assert np.quantile(quick, level) == pytest.approx(np.quantile(slow, level), abs=14 * error)


@pytest.mark.parametrize(("workers", "cv"), [(2, 0.5), (8, 0.3), (8, 1.0), (32, 0.15)])
def test_leaving_out_whole_rounds_in_the_middle_changes_little(workers, cv):
    chunk_count = 40 * workers + workers // 3
    found = simulated_makespan_s(chunk_count, workers, 1.0, cv)
    slow = one_after_the_other(chunk_count, workers, cv, 400, np.random.default_rng(3))
    assert found.mean == pytest.approx(slow.mean(), rel=0.01)
    lower, upper = np.quantile(slow, [0.05, 0.95])
    assert found.lower == pytest.approx(lower, rel=0.02)
    assert found.upper == pytest.approx(upper, rel=0.02)


@pytest.mark.parametrize("workers", [2, 8, 64])
@pytest.mark.parametrize("full_waves", [3, 4, 10, 30])
@pytest.mark.parametrize("part", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("cv", [0.02, 0.1])
def test_formula_and_simulation_agree_where_both_hold(workers, full_waves, part, cv):
    # Measured over this grid: the formula is 5 % below (full waves of uneven chunks)
    # to 7 % above the simulation (a last wave of few chunks, started early by whoever is free).
    chunk_count = full_waves * workers + int(part * workers)
    assert model.formula_holds(chunk_count, workers, 1.0, cv)
    formula = model.wave_makespan_s(chunk_count, workers, 1.0, cv)
    simulated = simulated_makespan_s(chunk_count, workers, 1.0, cv)
    assert -0.06 < formula / simulated.mean - 1 < 0.09


@pytest.mark.parametrize("load", [0.05, 0.5, 2.0])
def test_interruptions_stretch_one_worker_by_the_factor(load):
    # With one worker there is no waiting: the mean is chunks times the factor.
    mean_s, restart_s = 3600.0, 120.0
    factor = model.interruption_factor(mean_s, rate_per_h=load, restart_s=restart_s)
    ends = simulate_makespan(
        4,
        1,
        cv=0.0,
        replicates=40_000,
        rng=np.random.default_rng(1),
        load=load,
        restart=restart_s / mean_s,
    )
    assert ends.mean() == pytest.approx(4 * factor, rel=0.02)


def test_checkpoints_stretch_one_worker_by_their_factor():
    factor = model.interruption_factor(
        14400.0, rate_per_h=0.5, restart_s=120.0, every_s=1200.0, checkpoint_s=10.0
    )
    ends = simulate_makespan(
        4,
        1,
        cv=0.0,
        replicates=40_000,
        rng=np.random.default_rng(1),
        load=2.0,
        restart=120 / 14400,
        every=1200 / 14400,
        save=10 / 14400,
    )
    assert ends.mean() == pytest.approx(4 * factor, rel=0.02)


@given(
    chunk_count=st.integers(1, 400),
    workers=st.integers(1, 64),
    cv=st.floats(0, 1.5),
    rate_per_h=st.floats(0, 1),
    seed=st.integers(0, 3),
)
def test_a_run_takes_at_least_its_share_and_at_most_all(chunk_count, workers, cv, rate_per_h, seed):
    found = simulated_makespan_s(
        chunk_count, workers, 60.0, 60.0 * cv, rate_per_h=rate_per_h, restart_s=30.0, seed=seed
    )
    assert 0 <= found.lower <= found.mean <= found.upper
    again = simulated_makespan_s(
        chunk_count, workers, 60.0, 60.0 * cv, rate_per_h=rate_per_h, restart_s=30.0, seed=seed
    )
    assert found == again
    if cv == 0 and rate_per_h == 0:
        assert found.mean == pytest.approx(60.0 * -(-chunk_count // min(workers, chunk_count)))
