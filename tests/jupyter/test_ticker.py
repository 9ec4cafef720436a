import threading

from hypothesis import given
from hypothesis import strategies as st

from spicelab_nb.jupyter.ticker import LONGEST, Ticker, pause


class Counting:
    """Looks a given number of times, then says that it has ended."""

    interval = 0.001

    def __init__(self, looks, error=None):
        self.left, self.error, self.failure = looks, error, None
        self.ended = threading.Event()
        self.threads = set()

    def look(self):
        self.threads.add(threading.current_thread().name)
        self.left -= 1
        if self.left <= 0:
            self.ended.set()
            if self.error is not None:
                raise self.error
        return self.left > 0

    def fail(self, error):
        self.failure = error


def test_sources_share_one_thread_that_ends_with_the_last(wait_until):
    ticker = Ticker()
    sources = [Counting(5), Counting(9), Counting(2)]
    for source in sources:
        ticker.watch(source)
        ticker.watch(source)
    assert all(source.ended.wait(30) for source in sources)
    wait_until(lambda: not ticker.running)
    assert ticker.sources == []
    assert set().union(*(s.threads for s in sources)) == {"spicelab-views"}


def test_a_source_watched_after_the_rest_have_ended_is_looked_at(wait_until):
    ticker = Ticker()
    for _ in range(3):
        source = Counting(2)
        ticker.watch(source)
        assert source.ended.wait(30)
        wait_until(lambda: not ticker.running)


def test_a_source_that_raises_is_told_and_does_not_stop_the_others(caplog, wait_until):
    ticker = Ticker()
    good, bad = Counting(50), Counting(3, error=RuntimeError("no such file"))
    ticker.watch(good)
    ticker.watch(bad)
    assert good.ended.wait(30)
    wait_until(lambda: not ticker.running)
    assert str(bad.failure) == "no such file"
    assert "no such file" in caplog.text


def test_a_forgotten_source_is_not_looked_at(wait_until):
    ticker = Ticker()
    source = Counting(10**9)
    ticker.watch(source)
    wait_until(lambda: source.left < 10**9)
    ticker.forget(source)
    wait_until(lambda: not ticker.running)
    left = source.left
    other = Counting(20)
    ticker.watch(other)
    assert other.ended.wait(30)
    assert source.left == left


@given(interval=st.floats(0.1, 2.0), cost=st.floats(0.0, 0.04))
def test_looking_takes_less_than_a_hundredth_of_a_core(interval, cost):
    assert cost / pause(interval, cost) <= 0.01
    assert pause(interval, cost) >= interval
    assert pause(interval, 0.0) == interval


def test_a_look_that_costs_much_is_still_repeated_within_seconds():
    assert pause(0.1, 10.0) == LONGEST
