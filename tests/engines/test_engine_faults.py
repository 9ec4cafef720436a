"""What dies, and what must not die with it."""

import gc
import os
import signal
import subprocess
import sys
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


def deck(r="1k"):
    return Deck(text=TEXT.format(r=r), analyses=(TRAN,))


@pytest.mark.parametrize("name", ENGINES)
def test_a_host_killed_in_the_middle_changes_no_outcome(name, wait_until):
    points = [Point(deck=deck(f"{1000 + i}")) for i in range(400)]
    engine = find(name)
    try:
        expected = engine.run(deck(), points, cpu_limit=30)
        engine.close()
        found = []
        work = threading.Thread(
            target=lambda: found.extend(engine.run(deck(), points, cpu_limit=30))
        )
        work.start()
        wait_until(lambda: engine.process is not None, what="a host")
        killed = engine.process
        wait_until(lambda: (engine.position or 0) >= 2, what="a message half done")
        os.kill(killed, signal.SIGKILL)
        work.join()
        assert engine.process != killed
        assert all(o.status is Status.OK for o in found)
        assert all(same_bits(a, b) for a, b in zip(expected, found, strict=True))
        assert sum(o.attempts - 1 for o in found) <= 1
    finally:
        engine.close()


@pytest.fixture
def heard():
    """An interrupt is heard, also where whoever started the tests has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("name", ENGINES)
def test_an_interrupted_call_leaves_its_answer_to_nobody(name, heard, wait_until):
    points = [Point(deck=deck(f"{1000 + i}")) for i in range(2000)]

    def interrupt():
        wait_until(lambda: (engine.position or 0) >= 2, what="a message half done")
        os.kill(os.getpid(), signal.SIGINT)

    with find(name) as engine:
        (expected,) = engine.run(deck("7k"), [Point()], cpu_limit=30)
        work = threading.Thread(target=interrupt)
        work.start()
        with pytest.raises(KeyboardInterrupt):
            engine.run(deck(), points, cpu_limit=30)
        work.join()
        (found,) = engine.run(deck("7k"), [Point()], cpu_limit=30)
    assert same_bits(expected, found)


def test_an_interrupted_start_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def interrupted(host, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("spicelab_nb.engines.process.HostProcess._receive", interrupted)
    # What other tests have left to the collector would be closed at any moment.
    gc.collect()
    before, files = psutil.Process().children(), psutil.Process().num_fds()
    with find("neospice") as engine, pytest.raises(KeyboardInterrupt):
        engine.run(deck(), [Point()], cpu_limit=30)
    assert psutil.Process().children() == before
    assert psutil.Process().num_fds() == files
    assert list(tmp_path.iterdir()) == []


def ended(process):
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


PARENT = """
import sys
from spicelab_nb.engines import Analysis, Deck, Point, find
engine = find(sys.argv[1])
tran = Analysis(name="tran", kind="tran", command="tran 1u 1000 0 1u")
engine.run(Deck(text="t\\nV1 a 0 1\\nR1 a 0 1\\n.end\\n"), [Point()], cpu_limit=9)
print(engine.process, flush=True)
text = "t\\nV1 in 0 sin(0 1 1k)\\nR1 in out 1k\\nC1 out 0 1u\\n.end\\n"
engine.run(Deck(text=text, analyses=(tran,)), [Point()], cpu_limit=500)
"""


@pytest.mark.parametrize("name", ENGINES)
def test_a_host_leaves_when_its_parent_is_killed(name, wait_until):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, name], stdout=subprocess.PIPE, text=True
    )
    with parent:
        host = psutil.Process(int(parent.stdout.readline()))
        busy = host.cpu_times().user + 0.2
        wait_until(lambda: host.cpu_times().user > busy, what="a busy host")
        parent.kill()
    wait_until(lambda: ended(host), what="the host's end")


@pytest.mark.ngspice
def test_a_spiceinit_that_lies_about_changes_nothing(tmp_path, monkeypatch):
    op = Analysis(name="op", kind="op", command="op")
    point = Deck(text="t\nV1 in 0 1\nR1 in out 1k tc1=1e-2\nR2 out 0 1k\n.end\n", analyses=(op,))
    engine = find("ngspice")
    clean = engine.run(point, [Point()], cpu_limit=20)[0]
    engine.close()
    stray = "echo stray\noption temp=125\nset ngbehavior=hsa\n"
    home, here = tmp_path / "home", tmp_path / "here"
    for folder in (home, here):
        folder.mkdir()
        (folder / ".spiceinit").write_text(stray)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SPICE_SCRIPTS", str(here))
    monkeypatch.chdir(here)
    again = engine.run(point, [Point()], cpu_limit=20)[0]
    broken = engine.run(
        Deck(text="t\nR1 a 0 {nope}\n.end\n", analyses=(op,)), [Point()], cpu_limit=20
    )[0]
    engine.close()
    assert same_bits(clean, again)
    assert not any("stray" in line for line in broken.log)


@pytest.mark.ngspice
def test_a_host_that_has_grown_is_replaced(monkeypatch):
    monkeypatch.setattr("spicelab_nb.engines.process.GROWTH", 0)
    op = Analysis(name="op", kind="op", command="op")
    base = Deck(text="t\nV1 in 0 1\nR1 in 0 1k\n.end\n", analyses=(op,))
    engine = find("ngspice")
    outcomes = engine.run(
        base, [Point(commands=(f"alter r1 = {i}",)) for i in range(1, 600)], cpu_limit=20
    )
    engine.close()
    assert {o.status for o in outcomes} == {Status.OK}
    currents = [float(o.plots["op"].vectors["i(v1)"]) for o in outcomes]
    assert currents == pytest.approx([-1 / i for i in range(1, 600)])


def test_a_limit_of_no_time_is_refused():
    with pytest.raises(ValueError, match="cpu_limit"):
        find("neospice").run(deck(), [], cpu_limit=0)
