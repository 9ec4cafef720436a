"""How a campaign is handed out to any number of slots, in a time of its own."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spicelab_nb.campaigns.chunking import LONGEST, SHORTEST, TASKS_PER_SECOND, Pace, window
from spicelab_nb.campaigns.driver import Driver
from spicelab_nb.campaigns.progress import Tally
from spicelab_nb.testing.simulated import SimulatedExecutor, VirtualClock


class ListedStore:
    """As much of a store as a driver asks for."""

    url = "listed"

    def __init__(self):
        self.chunks = []

    def gaps(self, size):
        found, reached = [], 0
        for chunk in sorted(self.chunks):
            if chunk.start > reached:
                found.append((reached, chunk.start))
            reached = max(reached, chunk.stop)
        return [*found, (reached, size)] if reached < size else found


class NoTask:
    def release(self):
        pass


def run(points, slots, seconds, delay=5e-3):
    """Drive a campaign to its end; gives the executor and the time at which it was done."""
    clock, store = VirtualClock(), ListedStore()
    executor = SimulatedExecutor(slots, seconds, clock=clock, delay=delay, done=store.chunks.append)
    driver = Driver(
        name="simulated",
        task=NoTask(),
        store=store,
        size=points,
        tally=Tally(points, specs={}, points_per_sample=1, clock=clock),
        open_executor=lambda: executor,
        clock=clock,
    )
    driver.start()
    assert driver.wait(120)
    if driver.error is not None:
        raise driver.error
    assert not store.gaps(points)
    return executor, max(executor.busy_until)


def most_in_a_second(executor):
    times = np.array([at for at, _ in executor.handed_out])
    after = np.searchsorted(times, times + 1.0 - 1e-9)
    return int((after - np.arange(len(times))).max())


@given(
    seconds=st.floats(-6, 2).map(lambda e: 10.0**e),
    slots=st.integers(0, 40).map(lambda e: round(10 ** (e / 10))),
    rounds=st.floats(0.01, 10),
)
@example(seconds=1e-3, slots=10_000, rounds=5.0)
@example(seconds=1e-6, slots=10_000, rounds=0.01)
@settings(max_examples=25, deadline=None)
def test_no_scheduler_is_asked_for_too_much_and_the_last_chunks_end_together(
    seconds, slots, rounds
):
    typical = max(SHORTEST, slots / TASKS_PER_SECOND, seconds)
    points = max(1, min(2_000_000, round(rounds * slots * typical / seconds)))
    executor, end = run(points, slots, seconds)
    assert most_in_a_second(executor) <= TASKS_PER_SECOND
    counted = Counter(len(chunk) for _, chunk in executor.handed_out)
    assert sum(length * n for length, n in counted.items()) == points
    for length in counted:
        assert length == 1 or length * seconds <= max(LONGEST, typical) * 1.01
    # Nothing can be sooner than all the work on all slots, nor than handing it out at the
    # scheduler's pace and one chunk. What is lost beside them: the first chunks, whose time is not
    # known, and the last, which are an eighth of what was left.
    work = executor.worked
    handing_out = 2 * math.sqrt(work / TASKS_PER_SECOND)
    assert end <= 1.25 * work / slots + 1.25 * handing_out + 2 * typical + 4 * seconds


@pytest.mark.parametrize(
    ("slots", "seconds", "points"),
    [(2, 1e-3, 1_000_000), (64, 1e-3, 2_000_000), (1000, 0.1, 1_000_000), (5000, 10.0, 200_000)],
)
def test_a_long_campaign_keeps_all_slots_busy_to_the_end(slots, seconds, points):
    executor, end = run(points, slots, seconds)
    assert most_in_a_second(executor) <= TASKS_PER_SECOND
    ideal = points * seconds / slots
    assert end <= 1.15 * ideal


def test_uneven_samples_leave_no_slot_waiting_long():
    # Points take between a tenth and twice the mean, by their number.
    def seconds(chunk):
        i = np.arange(chunk.start, chunk.stop)
        return float((1e-2 * (0.1 + 1.9 * (i * 0.618033 % 1.0))).sum())

    executor, end = run(200_000, 32, seconds)
    assert end <= 1.05 * executor.worked / 32


def test_a_large_campaign_costs_the_client_no_more_for_each_chunk():
    executor, _ = run(50_000_000, 10_000, 1e-3)
    assert most_in_a_second(executor) <= TASKS_PER_SECOND


def test_the_pace_holds_in_any_second():
    clock = VirtualClock()
    pace = Pace(10, clock=clock)
    assert pace.room() == 10
    pace.note(7)
    clock.now = 0.6
    assert pace.room() == 3
    pace.note(3)
    assert pace.room() == 0
    clock.now = 1.0
    assert pace.room() == 7
    clock.now = 1.7
    assert pace.room() == 10


@given(st.integers(0, 20_000))
def test_a_message_of_chunks_fits_and_every_slot_has_one_waiting(slots):
    most, together = window(slots)
    assert 1 <= together <= max(1, slots)
    # The moment before the next message goes out, each slot has one to run and one that waits.
    assert most - together >= 2 * max(1, slots) - 1
