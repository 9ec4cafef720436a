import numpy as np
import pytest

from spicelab_nb.campaigns.progress import Tally, duration
from spicelab_nb.results.spec import Spec
from spicelab_nb.simulators.simulator import Status

OK, FAILED = Status.OK, Status.FAILED


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def tally(total=10, points_per_sample=1, **options):
    options.setdefault("specs", {"x": Spec(max=0.5)})
    return Tally(total, points_per_sample=points_per_sample, **options)


def add(t, start, status, values):
    t.add(start, np.array(status, np.int8), {"x": np.array(values, float)}, {})


def test_the_running_yield_waits_for_the_contiguous_prefix():
    t = tally()
    add(t, 4, [OK] * 4, [9.0] * 4)
    assert t.snapshot().running_yield is None
    assert t.snapshot().done == 4
    add(t, 0, [OK] * 4, [0.0] * 4)
    y = t.snapshot().running_yield
    assert (y.samples, y.value) == (8, 0.5)
    assert y.low < 0.5 < y.high


def test_failed_samples_are_counted_apart_from_the_yield():
    t = tally()
    add(t, 0, [OK, FAILED, OK, OK], [0.0, np.nan, 0.0, 1.0])
    p = t.snapshot()
    assert (p.done, p.failed) == (4, 1)
    assert (p.running_yield.samples, p.running_yield.failed) == (3, 1)
    assert p.running_yield.value == pytest.approx(2 / 3)


def test_a_measure_that_does_not_exist_fails_its_spec():
    t = tally()
    add(t, 0, [OK, OK], [np.nan, 0.0])
    assert t.snapshot().running_yield.value == 0.5


def test_crossed_with_corners_a_sample_is_good_where_all_its_corners_are():
    t = tally(total=6, points_per_sample=2)
    add(t, 0, [OK] * 3, [0.0, 0.0, 0.0])
    assert t.snapshot().running_yield.samples == 1
    add(t, 3, [OK] * 3, [1.0, 0.0, 0.0])
    y = t.snapshot().running_yield
    assert (y.samples, y.value) == (3, pytest.approx(2 / 3))


def test_a_sweep_has_no_running_yield():
    t = tally(points_per_sample=0)
    add(t, 0, [OK] * 10, [0.0] * 10)
    assert t.snapshot().running_yield is None


def test_a_chunk_that_comes_twice_is_counted_once():
    t = tally()
    for _ in range(2):
        add(t, 0, [OK, FAILED], [0.0, np.nan])
    assert (t.snapshot().done, t.snapshot().failed) == (2, 1)


def test_rate_and_time_left_follow_the_clock():
    clock = Clock()
    t = tally(clock=clock)
    t.begin()
    clock.now += 2
    add(t, 0, [OK] * 4, [0.0] * 4)
    p = t.snapshot()
    assert p.rate == pytest.approx(2.0)
    assert p.eta == pytest.approx(3.0)


def test_money_runs_with_the_time():
    clock = Clock()
    t = tally(clock=clock, price=36.0)
    clock.now += 100
    assert t.snapshot().spent == pytest.approx(1.0)


def test_the_line_for_people_says_what_matters():
    t = tally()
    t.begin()
    add(t, 0, [OK, FAILED], [0.0, np.nan])
    line = str(t.snapshot())
    assert "2 of 10 (20 %)" in line
    assert "1 failed" in line
    assert "yield 100.0% [" in line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59, "59 s"), (200, "3 min 20 s"), (7500, "2 h 05 min"), (float("nan"), "?")],
)
def test_durations_read_well(seconds, text):
    assert duration(seconds) == text
