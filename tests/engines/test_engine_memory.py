"""An engine process that simulates for long does not grow."""

import psutil
import pytest

from spicelab_nb.circuits.numbers import write_number
from spicelab_nb.engines import Analysis, Deck, Point, Status, find

pytestmark = [pytest.mark.ngspice, pytest.mark.slow]

AMPLIFIER = """amplifier
VDD vdd 0 1.8
VG g 0 dc 0.7 ac 1
RD vdd out 10k
RS s 0 100
M1 out g s 0 nch w=20u l=1u
C1 out 0 1p
R1 out a 1k
C2 a 0 1p
.model nch nmos level=1 vto=0.45 kp=3e-4 lambda=0.06
.end
"""
FULL, DECKS = 20_000, 2_000
MOST = 50 * 2**20


def samples(count):
    nominal = {
        "alter rd =": 1e4, "alter rs =": 100.0, "alter c1 =": 1e-12, "alter r1 =": 1e3,
        "alter c2 =": 1e-12, "altermod nch vto =": 0.45, "altermod nch kp =": 3e-4,
    }  # fmt: skip
    for i in range(count):
        scale = 1 + 0.05 * ((i * 7919) % 1000 - 500) / 500
        yield tuple(f"{k} {write_number(v * scale)}" for k, v in nominal.items())


def grown(base, points):
    """Bytes by which one process grows over the points, from the first few hundred on."""
    engine = find("ngspice")
    try:
        begun = 200
        assert engine.run(base, points[:begun], cpu_limit=30)[-1].status is Status.OK
        process = engine.process
        before = psutil.Process(process).memory_info().rss
        for first in range(begun, len(points), 1000):
            outcomes = engine.run(base, points[first : first + 1000], cpu_limit=30)
            assert {o.status for o in outcomes} == {Status.OK}
            assert engine.process == process
        return psutil.Process(process).memory_info().rss - before
    finally:
        engine.close()


@pytest.mark.parametrize("analyses", [("op", "ac dec 10 1 1e9"), ("tran 1n 20n",)], ids=str)
def test_twenty_thousand_altered_samples_in_one_process(analyses):
    made = tuple(Analysis(name=a.split()[0], kind=a.split()[0], command=a) for a in analyses)
    base = Deck(text=AMPLIFIER, analyses=made, save=("v(out)",))
    growth = grown(base, [Point(commands=c) for c in samples(FULL)])
    assert growth < MOST / 10, f"grew by {growth / 2**20:.1f} MB"


def test_decks_loaded_afresh_in_one_process():
    op = (Analysis(name="op", kind="op", command="op"),)
    base = Deck(text=AMPLIFIER, analyses=op, save=("v(out)",))
    decks = [
        Deck(text=AMPLIFIER.replace("RD vdd out 10k", f"RD vdd out {i + 5000}"), analyses=op)
        for i in range(DECKS)
    ]
    growth = grown(base, [Point(deck=d) for d in decks])
    assert growth < MOST * DECKS / FULL, f"grew by {growth / 2**20:.1f} MB"
