"""The arithmetic of the benchmarks, and that they see the time of every process."""

import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import machine
from benchmarks.measurement import (
    Meter,
    forget_peak,
    interleaved,
    marginal,
    peak_memory,
    ratios,
    spread,
    tree_seconds,
)

BURN = "import time\nwhile time.process_time() < {seconds}: pass\n"


def burn(seconds):
    return [sys.executable, "-c", BURN.format(seconds=seconds)]


@given(
    start=st.floats(0, 100),
    each=st.floats(1e-3, 10),
    few=st.integers(0, 1000),
    more=st.integers(1, 1000),
)
def test_start_up_drops_out_of_what_one_more_costs(start, each, few, more):
    many = few + more
    found = marginal(start + few * each, few, start + many * each, many)
    assert found == pytest.approx(each, rel=1e-6)


@pytest.mark.parametrize(("few", "many"), [(3, 3), (4, 3), (-1, 3)])
def test_two_ascending_sizes_are_needed(few, many):
    with pytest.raises(ValueError, match="ascending"):
        marginal(1.0, few, 2.0, many)


def test_a_spread_is_median_and_range():
    found = spread([3.0, 1.0, 10.0])
    assert (found.median, found.low, found.high, found.count) == (3.0, 1.0, 10.0, 3)
    assert f"{found:.1f}" == "3.0 (1.0 to 10.0)"
    with pytest.raises(ValueError, match="nothing"):
        spread([])


def test_ratios_pair_what_was_measured_in_the_same_round():
    # Everything took twice as long in round 1: the ratio does not see it.
    found = ratios({0: 10.0, 1: 20.0, 2: 7.0}, {0: 5.0, 1: 10.0})
    assert (found.median, found.low, found.high, found.count) == (2.0, 2.0, 2.0, 2)


@given(methods=st.lists(st.text(), min_size=1, max_size=6, unique=True), rounds=st.integers(1, 6))
def test_every_method_has_one_turn_a_round(methods, rounds):
    turns = list(interleaved(methods, rounds))
    assert [turn for turn, _ in turns] == [r for r in range(rounds) for _ in methods]
    for turn in range(rounds):
        assert sorted(m for t, m in turns if t == turn) == sorted(methods)
    assert [m for _, m in turns][: len(methods)] == methods


def test_the_time_of_a_child_that_ended_counts():
    with Meter() as meter:
        subprocess.run(burn(0.3), check=True)
    assert meter.cpu > 0.2
    assert meter.wall > 0


def test_the_time_of_a_child_that_lives_counts_once(wait_until):
    lasting = [*burn(0.3)[:2], BURN.format(seconds=0.3) + "input()"]
    child = subprocess.Popen(lasting, stdin=subprocess.PIPE)
    try:
        with Meter() as meter:
            wait_until(lambda: tree_seconds(child.pid)["other"] >= 0.2)
        alive = sum(tree_seconds(child.pid).values())
        before = sum(tree_seconds().values())
    finally:
        child.communicate(b"\n")
    after = sum(tree_seconds().values())
    assert meter.cpu > 0.1
    # Its time went from itself to its parent: it is neither lost nor counted twice.
    assert after >= before
    assert after - before < alive


def test_roles_tell_where_the_time_went():
    with Meter() as meter:
        end = time.process_time() + 0.1
        while time.process_time() < end:
            pass
    assert meter.by_role["kernel"] > 0.05
    assert meter.cpu == pytest.approx(sum(meter.by_role.values()))


def test_peak_memory_forgets():
    forget_peak()
    before = peak_memory()
    block = bytearray(64 * 2**20)
    block[::4096] = b"x" * len(block[::4096])
    high = peak_memory()
    del block
    assert high >= before + 60 * 2**20
    forget_peak()
    assert peak_memory() < high


def test_the_machine_is_named():
    found = machine.describe()
    assert found["cpu"]
    assert found["cores"] >= 1
    assert found["packages"]["numpy"]
    assert set(machine.conditions()) == {"time", "load"}
