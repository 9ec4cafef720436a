"""An ``.op`` before an ``.ac`` is taken from the ``.ac``, with the bits that it has by itself."""

import pytest

from spicelab_nb.engines import Analysis, Deck, Point, Status, find

pytestmark = pytest.mark.ngspice

OP = Analysis(name="op", kind="op", command="op")
AC = Analysis(name="ac", kind="ac", command="ac dec 5 10 1e6")
TRAN = Analysis(name="tran", kind="tran", command="tran 1u 20u")
NOISE = Analysis(name="noise", kind="noise", command="noise v(out) v1 dec 5 10 1e5")
AMPLIFIER = """one transistor
V1 in 0 dc 0.7 ac 1
VDD vdd 0 5
.param load=2k
RL vdd out {load}
M1 out in s 0 nch w=10u l=1u
RS s 0 100
D1 out 0 dx
R9 out /net-(a) 1k
C9 /net-(a) 0 1n
.model nch nmos level=1 vto=0.5 kp=200u lambda=0.05
.model dx d is=1e-15
.end
"""
POINTS = [
    Point(commands=commands)
    for commands in (
        (),
        ("alter rl = 1500e0",),
        ("alter rs = 200e0", "altermod nch vto = 45e-2"),
        ("alterparam load=3k", "reset", "alter rs = 150e0"),
        ("option temp=85",),
        ("alterparam load=4k", "reset"),
        ("alter rl = 2500e0",),
    )
]


@pytest.fixture(scope="module")
def engine():
    engine = find("ngspice")
    yield engine
    engine.close()


def run(engine, *analyses, text=AMPLIFIER, points=POINTS, **more):
    found = engine.run(Deck(text=text, analyses=analyses, **more), points, cpu_limit=20)
    assert [o.status for o in found] == [Status.OK] * len(points), [o.reason for o in found]
    return found


def same(plot, other):
    assert list(plot.vectors) == list(other.vectors)
    assert list(plot.axes) == list(other.axes)
    for name, values in plot.vectors.items():
        assert values.tobytes() == other.vectors[name].tobytes(), name


@pytest.mark.parametrize(
    "save",
    [
        (),
        ("v(out)",),
        ("v(out)", "i(vdd)", "@m1[gm]", "@d1[id]"),
        ("v(/net-(a))", "@m1[von]"),
    ],
    ids=["everything", "one", "devices", "a KiCad node"],
)
def test_both_have_the_bits_that_each_has_by_itself(engine, save):
    joined = run(engine, OP, AC, save=save)
    apart = run(engine, OP, AC, Analysis(name="op2", kind="op", command="op"), save=save)
    for both, each in zip(joined, apart, strict=True):
        assert list(both.plots) == ["op", "ac"]
        for name, plot in both.plots.items():
            same(plot, each.plots[name])
    assert len({both.plots["op"].vectors["v(out)" if not save else save[0]].tobytes()
                for both in joined}) == len(joined)  # fmt: skip


@pytest.mark.parametrize(
    "analyses",
    [
        (OP, AC, TRAN),
        (TRAN, OP, AC),
        (OP, TRAN, AC),
        (AC, OP),
        (OP, AC, NOISE),
        (OP, AC, Analysis(name="ac2", kind="ac", command="ac lin 3 10 1e3")),
        (OP, AC, Analysis(name="op2", kind="op", command="op")),
    ],
    ids=lambda analyses: " ".join(a.name for a in analyses),
)
def test_beside_other_analyses_in_any_order(engine, analyses):
    joined = run(engine, *analyses)
    for analysis in analyses:
        for both, alone in zip(joined, run(engine, analysis), strict=True):
            same(both.plots[analysis.name], alone.plots[analysis.name])
    expected = [name for a in analyses for name in
                ([a.name, f"{a.name}_total"] if a.kind == "noise" else [a.name])]  # fmt: skip
    assert list(joined[0].plots) == expected


def test_a_deck_that_keeps_operating_points_itself(engine):
    text = AMPLIFIER.replace(".param", ".option keepopinfo\n.param")
    joined = run(engine, OP, AC, NOISE, text=text)
    for analysis in (OP, AC, NOISE):
        for both, alone in zip(joined, run(engine, analysis), strict=True):
            same(both.plots[analysis.name], alone.plots[analysis.name])


def test_an_operating_point_that_is_not_found_fails_both(engine):
    text = "t\nV1 a 0 dc 1 ac 1\nV2 a 0 dc 2\nR1 a 0 1k\n.end\n"
    deck = Deck(text=text, analyses=(OP, AC))
    (outcome,) = engine.run(deck, [Point()], cpu_limit=20)
    assert outcome.status is Status.FAILED
    assert outcome.reason.startswith("op")
