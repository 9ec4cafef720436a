"""A host that gets no processor time, or dies of a signal, in the middle of a message."""

import os
import signal
import threading

import psutil
import pytest

from spicelab_nb.engines import Analysis, Deck, Point, Status, find
from spicelab_nb.testing.engines import same_bits

TRAN = Analysis(name="tran", kind="tran", command="tran 1u 1m 0 1u")
TEXT = (
    "t\nV1 in 0 sin(0 1 1k)\nR1 in out {r}\nD1 out 0 dx\nC1 out 0 1n\n.model dx d is=1e-14\n.end\n"
)
ENGINES = [pytest.param("ngspice", marks=pytest.mark.ngspice), "neospice"]

MANY = 400
"""Points that take so long that a host is met at work, whoever has to wait for a processor."""


def deck(i):
    return Deck(text=TEXT.format(r=1000 + i), analyses=(TRAN,))


def signalled(engine, points, number, wait_until, times=1):
    """Outcomes of points, while their hosts get a signal in the middle of a message."""
    found = []
    work = threading.Thread(target=lambda: found.extend(engine.run(deck(0), points, cpu_limit=30)))
    work.start()
    hit = set()
    for _ in range(times):
        wait_until(
            lambda: (
                engine.process not in {None, *hit}
                and engine.position is not None
                and engine.position >= min(1, len(points) - 1)
            ),
            what="a host at work",
        )
        process = engine.process
        os.kill(process, number)
        hit.add(process)
        if number == signal.SIGSTOP:
            wait_until(
                lambda p=process: (
                    not psutil.pid_exists(p) or psutil.Process(p).status() in {"stopped", "zombie"}
                ),
                what="a stopped host",
            )
        wait_until(lambda p=process: not work.is_alive() or engine.process != p, what="a new host")
    work.join()
    return found, hit


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("spicelab_nb.engines.process.STANDSTILL", 1.0)
    monkeypatch.setattr("spicelab_nb.engines.process.LOOK", 0.25)


@pytest.mark.parametrize("name", ENGINES)
def test_a_host_that_was_stopped_is_replaced_and_nothing_lost(name, impatient, wait_until):
    points = [Point(deck=deck(i)) for i in range(MANY)]
    engine = find(name)
    try:
        expected = engine.run(deck(0), points, cpu_limit=30)
        engine.close()
        found, stopped = signalled(engine, points, signal.SIGSTOP, wait_until)
        assert not stopped & {engine.process}
        assert not any(psutil.pid_exists(p) for p in stopped)
    finally:
        engine.close()
    assert all(same_bits(a, b) for a, b in zip(expected, found, strict=True))
    assert sum(o.attempts - 1 for o in found) <= 1


@pytest.mark.ngspice
def test_a_sample_whose_host_is_stopped_each_time_says_so(impatient, wait_until):
    slow = Analysis(name="tran", kind="tran", command="tran 1u 2 0 1u")
    engine = find("ngspice")
    points = [Point(deck=Deck(text=TEXT.format(r=1), analyses=(slow,)))]
    try:
        (outcome,), stopped = signalled(engine, points, signal.SIGSTOP, wait_until, times=2)
    finally:
        engine.close()
    assert len(stopped) == 2
    assert outcome.status is Status.CRASHED
    assert outcome.attempts == 2
    assert "stood still" in outcome.reason
    assert "processor time" in outcome.reason


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_host_that_dies_of_a_signal_loses_nothing(name, number, wait_until):
    points = [Point(deck=deck(i)) for i in range(MANY)]
    engine = find(name)
    try:
        found, _ = signalled(engine, points, number, wait_until)
    finally:
        engine.close()
    assert {o.status for o in found} == {Status.OK}
    assert sum(o.attempts - 1 for o in found) <= 1


@pytest.mark.ngspice
def test_a_sample_that_kills_its_host_each_time_names_the_signal(wait_until):
    slow = Analysis(name="tran", kind="tran", command="tran 1u 2 0 1u")
    engine = find("ngspice")
    points = [Point(deck=Deck(text=TEXT.format(r=1), analyses=(slow,)))]
    try:
        (outcome,), _ = signalled(engine, points, signal.SIGSEGV, wait_until, times=2)
    finally:
        engine.close()
    assert outcome.status is Status.CRASHED
    assert "SIGSEGV" in outcome.reason


@pytest.mark.ngspice
def test_a_busy_host_may_take_longer_than_a_standstill(impatient):
    slow = Analysis(name="tran", kind="tran", command="tran 1u 1500m 0 1u")
    engine = find("ngspice")
    try:
        (outcome,) = engine.run(
            deck(0), [Point(deck=Deck(text=TEXT.format(r=1), analyses=(slow,)))], cpu_limit=60
        )
    finally:
        engine.close()
    assert outcome.status is Status.OK, outcome.reason
    assert outcome.cpu > 1.0  # more than the fixture's standstill


@pytest.mark.ngspice
def test_what_a_host_left_behind_is_taken_away_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    import platform

    gone = tmp_path / f"spicelab-nb-engine-{platform.node()}-999999999-x"
    mine = tmp_path / f"spicelab-nb-engine-{platform.node()}-{os.getpid()}-x"
    gone.mkdir()
    mine.mkdir()
    engine = find("ngspice")
    try:
        engine.run(deck(0), [Point()], cpu_limit=20)
        assert not gone.exists()
        assert mine.exists()
    finally:
        engine.close()
    assert [p.name for p in tmp_path.iterdir()] == [mine.name]
