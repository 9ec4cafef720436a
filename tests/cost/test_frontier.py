"""Choosing among candidates, against looking at all of them."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicelab_nb.cost import (
    Catalogue,
    Interval,
    OwnMachine,
    Partition,
    Tariff,
    Workload,
    candidates,
    cheapest,
    estimate,
    fastest,
    pareto,
)
from spicelab_nb.cost.frontier import worker_counts

WORKLOAD = Workload(samples=2000, sample_s=6.0, cv=0.3, chunk=50, overhead_s=2.0)
TARIFF = Tariff(boot_s=90.0, teardown_s=20.0, minimum_s=60.0, head_usd_h=0.085)
ONE = estimate(WORKLOAD, OwnMachine(cores=64, memory_gib=64.0), 1)

# Few different values, so that ties in time, in cost and in both are common.
numbers = st.integers(1, 6).map(float)


@st.composite
def made_up(draw):
    time, cost = draw(numbers), draw(numbers)
    return dataclasses.replace(
        ONE,
        workers=draw(st.integers(1, 60)),
        time_s=Interval(mean=time, lower=time, upper=time + draw(numbers)),
        cost_usd=Interval(mean=cost, lower=cost, upper=cost + draw(numbers)),
    )


def sensible(estimates):
    return [one for one in estimates if one.workers <= one.chunks]


@given(st.lists(made_up(), max_size=30))
def test_the_front_is_what_nothing_beats(estimates):
    front = pareto(estimates)
    points = {(one.time_s.mean, one.cost_usd.mean) for one in sensible(estimates)}
    unbeaten = {
        (time, cost)
        for time, cost in points
        if not any((t <= time and c <= cost) and (t, c) != (time, cost) for t, c in points)
    }
    assert [(one.time_s.mean, one.cost_usd.mean) for one in front] == sorted(unbeaten)
    assert all(one.workers <= one.chunks for one in front)


@given(st.lists(made_up(), max_size=30), numbers, st.sampled_from(["mean", "upper"]))
def test_the_cheapest_under_a_deadline(estimates, deadline_s, by):
    found = cheapest(estimates, deadline_s, by=by)
    fitting = [one for one in sensible(estimates) if getattr(one.time_s, by) <= deadline_s]
    if not fitting:
        assert found is None
    else:
        assert found in fitting
        assert found.cost_usd.mean == min(one.cost_usd.mean for one in fitting)


@given(st.lists(made_up(), max_size=30), numbers, st.sampled_from(["mean", "upper"]))
def test_the_fastest_under_a_budget(estimates, budget_usd, by):
    found = fastest(estimates, budget_usd, by=by)
    fitting = [one for one in sensible(estimates) if getattr(one.cost_usd, by) <= budget_usd]
    if not fitting:
        assert found is None
    else:
        assert found in fitting
        assert found.time_s.mean == min(one.time_s.mean for one in fitting)


@pytest.fixture(scope="module")
def machines():
    return Catalogue.load().filter(region="us-east-1").rows[:8]


def test_real_candidates_against_looking_at_all(machines):
    found = candidates(WORKLOAD, machines, tariff=TARIFF)
    assert len(found) > 20
    for deadline_s in (200.0, 600.0, 3000.0, 1e6):
        best = cheapest(found, deadline_s)
        costs = [one.cost_usd.mean for one in found if one.time_s.upper <= deadline_s]
        assert (best.cost_usd.mean if best else None) == min(costs, default=None)
    for budget_usd in (0.0, 0.1, 0.3, 10.0):
        best = fastest(found, budget_usd)
        times = [one.time_s.mean for one in found if one.cost_usd.upper <= budget_usd]
        assert (best.time_s.mean if best else None) == min(times, default=None)
    assert fastest(found, 0.0) is None


@given(
    samples=st.integers(1, 5000),
    chunk=st.none() | st.integers(1, 500),
    cores=st.integers(1, 4),
    most=st.integers(1, 300),
)
def test_more_workers_than_chunks_are_never_recommended(samples, chunk, cores, most):
    workload = Workload(samples=samples, sample_s=3.0, cv=0.2, chunk=chunk, cores=cores)
    places = [
        OwnMachine(cores=4, memory_gib=8.0),
        Partition(name="lab", nodes=40, cores=8, memory_gib=32.0, usd_per_core_hour=0.01),
    ]
    found = candidates(workload, places, most=most)
    assert found
    for one in (*found, *pareto(found)):
        assert one.workers <= one.chunks
        assert one.workers <= most
    asked = candidates(workload, places, counts=[1, 7, 4000])
    assert all(one.workers <= one.chunks for one in asked)


def test_asked_for_far_too_many_workers_it_recommends_fewer(machines):
    too_many = estimate(WORKLOAD, machines[1], 400)
    enough = estimate(WORKLOAD, machines[1], 40)
    assert too_many.chunks == 40
    assert pareto([too_many]) == ()
    assert cheapest([too_many, enough], 1e9) is enough
    assert fastest([too_many, enough], 1e9) is enough


def test_counts_are_whole_machines_and_what_is_left():
    lab = Partition(name="lab", nodes=3, cores=8, memory_gib=32.0)
    workload = Workload(samples=1000, sample_s=1.0, chunk=10)
    assert worker_counts(workload, lab) == (1, 2, 4, 8, 16, 24)
    tight = dataclasses.replace(workload, worker_gib=64.0)
    assert worker_counts(tight, lab) == ()
    assert candidates(tight, [lab]) == ()
