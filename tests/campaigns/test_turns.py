"""A campaign's thread gets its turn beside a cell that computes."""

import sys
import threading

import pytest

import spicelab_nb as sl
from spicelab_nb.campaigns.turns import TURN_SECONDS, quick_turns

USUAL = 0.005


@pytest.fixture(autouse=True)
def usual_interval():
    before = sys.getswitchinterval()
    sys.setswitchinterval(USUAL)
    yield
    sys.setswitchinterval(before)


def test_turns_are_quick_while_any_campaign_runs():
    with quick_turns():
        with quick_turns():
            assert sys.getswitchinterval() == TURN_SECONDS
        assert sys.getswitchinterval() == TURN_SECONDS
    assert sys.getswitchinterval() == USUAL


def test_what_the_user_has_set_stays():
    sys.setswitchinterval(1e-4)
    shorter = sys.getswitchinterval()  # rounded
    with quick_turns():
        assert sys.getswitchinterval() == shorter
    assert sys.getswitchinterval() == shorter
    with quick_turns():
        sys.setswitchinterval(0.002)
    assert sys.getswitchinterval() == 0.002


def test_a_run_has_them_and_gives_them_back(tmp_path):
    seen, begun, go_on = [], threading.Event(), threading.Event()

    def look(x, seed):
        seen.append(sys.getswitchinterval())
        begun.set()
        go_on.wait(60)
        return x

    draws = sl.MonteCarlo(5, {"x": sl.Normal(mean=1.0, sd=0.1)}, seed=1)
    with sl.cluster("serial") as cluster:  # computes in this process
        run = sl.Campaign(look, draws, store=str(tmp_path / "s")).run(cluster)
        assert begun.wait(60)
        go_on.set()
        run.wait(60)
    assert set(seen) == {TURN_SECONDS}
    assert sys.getswitchinterval() == USUAL
