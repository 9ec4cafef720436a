import subprocess
import sys

import pytest

from spicelab_nb.engines import available, find
from spicelab_nb.errors import EngineNotFoundError


def test_an_engine_that_does_not_exist_names_those_that_do():
    with pytest.raises(EngineNotFoundError, match="ngspice"):
        find("ngspise")


def test_a_library_that_is_not_there_says_how_to_get_it(monkeypatch):
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", "/nowhere/libngspice.so")
    with pytest.raises(EngineNotFoundError, match="apt-get install libngspice0"):
        find("ngspice")
    ngspice, neospice = available()
    assert "/nowhere" in ngspice.problem
    assert neospice.install_hint == "pip install neospice"


def test_without_ngspice_the_embedded_engine_is_taken(monkeypatch):
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", "/nowhere/libngspice.so")
    engine = find()
    assert engine.name == "neospice"
    assert not engine.alters


@pytest.mark.ngspice
def test_ngspice_comes_first():
    engine = find()
    assert engine.name == "ngspice"
    assert engine.alters
    assert engine.version[0].isdigit()


def test_looking_loads_no_engine():
    code = (
        "import sys; from spicelab_nb.engines import available; available();"
        "assert 'neospice' not in sys.modules;"
        "assert not any('libngspice' in line for line in open('/proc/self/maps'))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_neospice_cannot_do_fails_with_the_way_out():
    from spicelab_nb.engines import Analysis, Deck, Point, Status

    text = "t\nV1 in 0 1\nR1 in 0 1k\n.end\n"
    op = (Analysis(name="op", kind="op", command="op"),)
    swept = (Analysis(name="dc", kind="dc", command="dc v1 0 1 0.5"),)
    decks = [
        Deck(text=text, analyses=op, setup=("set ngbehavior=hsa",)),
        Deck(text=text, analyses=op, meas=("meas op x find v(in)",)),
        Deck(text=text, analyses=op, save=("@r1[i]",)),
        Deck(text=text.replace("1k", "'agauss(1k,10,1)'"), analyses=op),
        Deck(
            text=text.replace("in 0 1\n", "in 0 dc 1\n\n* a sine\n+ SIN(0 1 1k)\n"),
            analyses=swept,
        ),
        Deck(
            text=text.replace("V1 in 0 1\n", ".include source.inc\n"),
            files={"source.inc": b"V1 in 0\r\n+ SIN(0 1 1k)\r\n"},
            analyses=swept,
        ),
    ]
    engine = find("neospice")
    outcomes = engine.run(
        decks[0], [*(Point(deck=d) for d in decks), Point(commands=("alter r1 = 2",))], cpu_limit=9
    )
    engine.close()
    assert {o.status for o in outcomes} == {Status.FAILED}
    assert all("install ngspice" in o.reason for o in outcomes[:6])
