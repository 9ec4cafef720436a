"""One test for each way in which ngspice says nothing and is wrong."""

import math

import pytest

from spicelab_nb.engines import Analysis, Deck, Point, Status, find
from spicelab_nb.engines.ngspice.vectors import sweeps
from spicelab_nb.testing.engines import same_bits

pytestmark = pytest.mark.ngspice

OP = Analysis(name="op", kind="op", command="op")
AC = Analysis(name="ac", kind="ac", command="ac dec 10 10 1e5")
TRAN = Analysis(name="tran", kind="tran", command="tran 10u 2m")
HEAD = "title\nV1 in 0 dc 1 ac 1\nR1 in out 1k\n"


@pytest.fixture(scope="module")
def engine():
    engine = find("ngspice")
    yield engine
    engine.close()


def deck(body, *analyses, **more):
    return Deck(text=f"{HEAD}{body}\n.end\n", analyses=analyses or (OP,), **more)


def run(engine, body, *analyses, **more):
    return engine.run(deck(body, *analyses, **more), [Point()], cpu_limit=20)[0]


DIODES = (
    ".param rb=1k\nR2 out 0 {rb}\nD1 out 0 d1\nD2 out 0 d2\n"
    "X1 out 0 sub\n.subckt sub a b\nRa a b 1k\n.ends\n"
    ".model d1 d is=1e-14\n.model d2 d is=1e-14 made_up=3"
)


@pytest.mark.parametrize(
    "command",
    [
        "alter r9 = 3",
        "alter r1 = abc",
        "alter r1 =",
        "alter @r1[nothing] = 3",
        "altermod d9 is = 1e-12",
        "altermod d1 nothing = 3",
        "altermod d1 d2 is = 1e-12",
        "altermod x1.d1 is = 1e-12",
        "alter x1.ra = 4k",
        "alterparam nothing = 3",
        "nonsense",
    ],
)
def test_a_command_that_sets_nothing_fails_the_point(engine, command):
    base = deck(DIODES)
    before, bad, after = engine.run(
        base, [Point(), Point(commands=(command,)), Point()], cpu_limit=20
    )
    assert before.status is Status.OK, before.reason
    assert bad.status is Status.FAILED
    assert "did not set" in bad.reason
    assert bad.log
    assert same_bits(before, after)


@pytest.mark.parametrize(
    ("commands", "text"),
    [
        (("alterparam rb=4000000000000000e-12", "reset"), {"rb=1k": "rb=4k"}),
        (("alter r.x1.ra = 4000000000000000e-12",), {"Ra a b 1k": "Ra a b 4k"}),
        (("altermod d1 is = 1000000000000000e-27",), {"d1 d is=1e-14": "d1 d is=1e-12"}),
        (
            ("alterparam rb=4000000000000000e-12", "reset", "alter R1 = 2000000000000000e-12"),
            {"rb=1k": "rb=4k", "R1 in out 1k": "R1 in out 2k"},
        ),
        (("option temp=85",), {".param": ".options temp=85\n.param"}),
    ],
)
def test_what_is_set_in_a_loaded_deck_equals_a_deck_that_says_so(engine, commands, text):
    base = deck(DIODES)
    loaded = base.text
    for old, new in text.items():
        assert old in loaded
        loaded = loaded.replace(old, new)
    altered, plain, other = engine.run(
        base,
        [Point(commands=commands), Point(), Point(deck=Deck(text=loaded, analyses=(OP,)))],
        cpu_limit=20,
    )
    assert altered.status is Status.OK, altered.reason
    assert same_bits(altered, other)
    assert not same_bits(altered, plain)


def test_points_that_set_different_things_do_not_see_each_other(engine):
    base = deck("R2 out 0 1k", OP)
    points = [
        Point(commands=("alter r1 = 2k",)),
        Point(commands=("alter r2 = 3k",)),
        Point(),
        Point(commands=("alter r2 = 3k", "option temp=85")),
        Point(commands=("alter r2 = 3k",)),
    ]
    values = [
        float(o.plots["op"].vectors["v(out)"]) for o in engine.run(base, points, cpu_limit=20)
    ]
    assert values == pytest.approx([1 / 3, 0.75, 0.5, 0.75, 0.75])


@pytest.mark.parametrize(
    "body",
    [
        "V2 in 0 2\nR2 out 0 1k",  # singular matrix
        "B1 out 0 v=sqrt(-1)",  # never converges
        "R2 out 0 1k unknown=3",
        "R2 out 0 {zz}",  # makes the library give up
        ".lib missing.lib tt\nR2 out 0 1k",  # the same
        "nonsense here",
    ],
)
@pytest.mark.parametrize("analysis", [OP, AC, TRAN])
def test_what_does_not_converge_or_load_fails_with_its_reason(engine, body, analysis):
    outcome = run(engine, body, analysis)
    assert outcome.status is Status.FAILED
    assert outcome.reason
    assert 0 < len(outcome.log) <= 40
    assert not outcome.plots


@pytest.mark.parametrize("line", ["R2 out", "R2 out 1k", "R2 out 0 ; no value", "R2 out\n+ 0"])
def test_a_resistor_that_lacks_a_node_is_refused(engine, line):
    outcome = run(engine, line)
    assert outcome.status is Status.FAILED
    assert "lacks" in outcome.reason


def test_a_resistor_of_zero_ohm_is_meant(engine):
    outcome = run(engine, "R2 out 0 0")
    assert outcome.status is Status.OK
    assert float(outcome.plots["op"].vectors["v(out)"]) == pytest.approx(1e-6, rel=1e-3)


def test_no_result_of_the_deck_before_answers_for_a_broken_one(engine):
    good = deck("R2 out 0 1k", OP, AC)
    broken = deck("D1 out 0 nothing", OP, AC)
    outcomes = engine.run(good, [Point(), Point(deck=broken)], cpu_limit=20)
    assert [o.status for o in outcomes] == [Status.OK, Status.FAILED]


def test_a_transient_that_breaks_off_is_no_result(engine):
    runaway = "C1 out 0 1u ic=0\nB1 0 out i='exp(v(out)*100)'"
    uic = Analysis(name="tran", kind="tran", command="tran 10u 20m uic")
    outcome = run(engine, runaway, uic)
    assert outcome.status is Status.FAILED
    assert outcome.reason.startswith("tran")


def test_values_that_are_not_finite_are_no_result(engine):
    outcome = run(engine, "R2 out 0 1k\nB1 x 0 v=exp(1000*v(in))*1e300*1e300\nR9 x 0 1")
    assert outcome.status is Status.FAILED


def test_a_long_command_is_refused_before_it_is_cut(engine):
    command = "alter r1 = " + " " * 1000 + "2k"
    outcome = engine.run(deck("R2 out 0 1k"), [Point(commands=(command,))], cpu_limit=20)[0]
    assert outcome.status is Status.FAILED
    assert "1000" in outcome.reason


def test_many_commands_are_split_so_that_none_is_cut(engine):
    resistors = [f"R{i} out 0 1k" for i in range(2, 202)]
    commands = tuple(f"alter r{i} = 2000000000000000e-12" for i in range(2, 202))
    base = deck("\n".join(resistors))
    (outcome,) = engine.run(base, [Point(commands=commands)], cpu_limit=20)
    value = float(outcome.plots["op"].vectors["v(out)"])
    assert value == pytest.approx(10 / (10 + 1000), rel=1e-6)


@pytest.mark.parametrize(
    "commands",
    [("quit",), ("exit",), ("option temp=85", "unset temp")],  # the last aborts the process
)
def test_a_point_that_ends_the_engine_is_crashed_and_alone(engine, commands):
    base = deck("R2 out 0 1k")
    outcomes = engine.run(base, [Point(), Point(commands=commands), Point(), Point()], cpu_limit=20)
    assert [o.status for o in outcomes] == [0, Status.CRASHED, 0, 0]
    assert outcomes[1].attempts == 2
    assert outcomes[1].reason
    assert [o.attempts for o in outcomes] == [1, 2, 1, 1]
    assert same_bits(outcomes[0], outcomes[3])


@pytest.mark.parametrize("word", ["quit", "exit"])
def test_a_deck_that_quits(engine, word):
    quits = deck(f"R2 out 0 1k\n.control\n{word}\n.endc")
    good = deck("R2 out 0 1k")
    alone = engine.run(quits, [Point()], cpu_limit=20)[0]
    assert alone.status is Status.FAILED
    assert "quit" in alone.reason
    outcomes = engine.run(good, [Point(), Point(deck=quits), Point()], cpu_limit=20)
    assert [o.status for o in outcomes] == [0, Status.CRASHED, 0]
    assert same_bits(outcomes[0], outcomes[2])


def test_what_a_control_block_computed_is_not_taken_for_a_result(engine):
    block = "\n.control\noption temp=27\nop\nalter r1 = 3k\nop\n.endc"
    for analysis in (OP, AC):
        with_block = run(engine, f"R2 out 0 1k\nC1 out 0 1u{block}", analysis)
        assert with_block.status is Status.OK, with_block.reason
        assert list(with_block.plots) == [analysis.name]
        altered = engine.run(
            deck("R2 out 0 1k\nC1 out 0 1u", analysis),
            [Point(commands=("alter r1 = 3k",))],
            cpu_limit=20,
        )[0]
        assert same_bits(with_block, altered)
    failing = run(engine, f"B1 out 0 v='v(in) > 2 ? 1 : sqrt(-1)'{block}", AC)
    assert failing.status is Status.FAILED


def test_an_infinite_current_names_itself(engine):
    outcome = run(engine, "E1 x 0 in 0 1e308\nE2 y 0 x 0 1e308\nR9 y 0 1\nR2 out 0 1k", OP)
    assert outcome.status is Status.FAILED
    assert "i(e2) is not finite" in outcome.reason
    after = run(engine, "R2 out 0 1k", OP)
    assert after.status is Status.OK


def test_a_sample_after_one_that_is_not_finite_has_the_bits_of_a_fresh_load(engine):
    base = deck("E1 x 0 in 0 1\nE2 y 0 x 0 1e308\nR9 y 0 1e300\nR2 out 0 1k", OP)
    wild = Point(commands=("alter e1 gain = 1000000000000000e285",))
    tame = Point(commands=("alter e1 gain = 1000000000000000e-15",))
    one, lost, again = engine.run(base, [tame, wild, tame], cpu_limit=20)
    assert [one.status, lost.status] == [Status.OK, Status.FAILED]
    assert "not finite" in lost.reason
    assert lost.log
    assert same_bits(one, again)


@pytest.mark.parametrize(
    "body",
    [
        "R2 out 0 1k\n.step param x 1 2 1",  # no such card in ngspice
        "X1 out 0 sub\n.subckt sub a b c\nRa a b 1k\n.ends",  # a port too few
        "X1 out 0 sub\n.subckt sub a b\nRa a b 1k",  # never ended
        "M1 out in 0 0 nch\n.model nch nmos level=99",
        "R2 out 0 {1/0}",
        "R2 out 0 1k\n.param a={b} b={a}\nR3 out 0 {a}",
        "R2 out 0 1k\nR2 out 0 2k",
    ],
)
def test_other_decks_that_mean_nothing_fail_with_a_reason(engine, body):
    outcome = run(engine, body)
    assert outcome.status is Status.FAILED
    assert outcome.reason
    assert outcome.log


def test_frequency_is_real_and_device_parameters_and_branches_are_named(engine):
    body = "R2 out 0 1k\nM1 out in 0 0 nch\n.model nch nmos level=1 vto=0.5 kp=1e-4"
    outcome = run(engine, body, OP, AC, save=("v(out)", "i(v1)", "@m1[gm]"))
    assert outcome.status is Status.OK, outcome.reason
    assert list(outcome.plots["op"].vectors) == ["v(out)", "i(v1)", "@m1[gm]"]
    assert outcome.plots["ac"].axes["frequency"].dtype.kind == "f"
    missing = run(engine, body, OP, save=("v(out)", "@m9[gm]"))
    assert missing.status is Status.FAILED
    assert "@m9[gm]" in missing.reason


def test_names_of_other_tools_survive(engine):
    text = "kicad\nV1 /in 0 1\nR1 /in Net-(R1-Pad2) 1k\nR2 Net-(R1-Pad2) 7 1k\nR3 7 0 1k\n.end\n"
    wanted = ("v(net-(r1-pad2))", "v(/in)", "v(7)")
    for save in ((), wanted, ("v(/in)", "v(7)")):
        (outcome,) = engine.run(Deck(text=text, analyses=(OP,), save=save), [Point()], cpu_limit=20)
        assert outcome.status is Status.OK, outcome.reason
        assert float(outcome.plots["op"].vectors["v(7)"]) == pytest.approx(1 / 3)
        assert set(save or wanted) <= set(outcome.plots["op"].vectors)


def test_sweeps_of_resistors_temperature_and_two_things(engine):
    lines = ["dc R1 1k 3k 1k", "dc temp 0 100 50", "dc v1 0 1 0.5 temp 0 50 25"]
    for line, scale, shape in zip(
        lines, [("r1",), ("temp",), ("temp", "v1")], [(3,), (3,), (3, 3)], strict=True
    ):
        dc = Analysis(name="dc", kind="dc", command=line)
        outcome = run(engine, "R2 out 0 1k tc1=1e-3", dc)
        assert outcome.status is Status.OK, outcome.reason
        assert outcome.plots["dc"].scale == scale
        assert outcome.plots["dc"].vectors["v(out)"].shape == shape


def test_measures_are_right_and_never_stale(engine):
    meas = (
        "meas ac f3 when vdb(out)=-3.0103 fall=1",
        "meas ac never when vdb(out)=50",
        "meas ac out max vm(out)",
        "meas ac twice param='2*f3'",
        "meas ac lost param='2*never'",
        "meas ac at_limit when vm(out)='top/2' fall=1",
    )
    base = deck(".param top=1\nC1 out 0 1u", AC, meas=meas, save=("v(in)",))
    points = [Point(), Point(commands=("alter c1 = 500n",)), Point(commands=("alter c1 = 1",))]
    one, half, none = engine.run(base, points, cpu_limit=20)
    assert one.status is Status.OK, one.reason
    assert list(one.plots["ac"].vectors) == ["v(in)"]
    corner = 1 / (2 * math.pi * 1e3 * 1e-6)
    assert one.meas["f3"] == pytest.approx(corner, rel=1e-2)
    assert half.meas["f3"] == pytest.approx(2 * corner, rel=1e-2)
    for outcome in (one, half):
        assert outcome.meas["twice"] == 2 * outcome.meas["f3"]
        assert math.isnan(outcome.meas["never"])
        assert math.isnan(outcome.meas["lost"])
        assert 0.9 < outcome.meas["out"] <= 1
        assert outcome.meas["at_limit"] == pytest.approx(
            math.sqrt(3) * outcome.meas["f3"], rel=2e-2
        )
    assert none.status is Status.OK
    assert math.isnan(none.meas["f3"])
    assert math.isnan(none.meas["twice"])


def test_measures_at_the_end_of_the_range_are_right_or_missing(engine):
    meas = (
        "meas ac last find vm(out) at=1e5",
        "meas ac first find vm(out) at=10",
        "meas ac beyond find vm(out) at=2e5",
        "meas ac before find vm(out) at=1",
    )
    base = deck("C1 out 0 1u", AC, meas=meas, save=("v(out)",))
    points = [Point(), Point(commands=("alter c1 = 500n",)), Point()]
    for outcome in engine.run(base, points, cpu_limit=20):
        gain = abs(outcome.plots["ac"].vectors["v(out)"])
        for name, place in (("last", -1), ("first", 0)):
            value = outcome.meas[name]
            assert math.isnan(value) or value == pytest.approx(float(gain[place]), rel=1e-6)
        assert math.isnan(outcome.meas["beyond"])
        assert math.isnan(outcome.meas["before"])


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("ac", "ac dec 10 10 1e5"),
        ("ac", "ac oct 3 10 1e4"),
        ("ac", "ac lin 17 10 1e4"),
        ("tran", "tran 10u 2m"),
        ("tran", "tran 10u 2m 1m 5u"),
        ("dc", "dc V1 0 1 0.1"),
        ("dc", "dc V1 1 -1 -0.3"),
        ("noise", "noise v(out) V1 dec 5 10 1e5"),
    ],
)
def test_a_sweep_cut_short_anywhere_is_no_result(engine, kind, command):
    analysis = Analysis(name=kind, kind=kind, command=command)
    outcome = run(engine, "R2 out 0 1k\nC1 out 0 1u", analysis)
    assert outcome.status is Status.OK, outcome.reason
    axis = next(iter(outcome.plots[kind].axes.values()))
    (sweep,) = sweeps(kind, command)
    assert sweep.complete(axis)
    # The last step of a transient may be as short as rounding makes it.
    most = len(axis) - 1 if kind != "tran" else int((axis < 0.999 * axis[-1]).sum())
    assert not any(sweep.complete(axis[:n]) for n in range(most + 1))


def test_a_seed_repeats_what_the_deck_draws(engine):
    base = deck(".param r=agauss(1k,100,1)\nR2 out 0 {r}")
    a, b, again = (
        float(o.plots["op"].vectors["v(out)"])
        for o in engine.run(base, [Point(seed=1), Point(seed=2), Point(seed=1)], cpu_limit=20)
    )
    assert a == again
    assert a != b


def test_setup_of_one_deck_does_not_reach_the_next(engine):
    plain = deck("R2 out 0 1k")
    odd = deck("R2 out 0 1k", setup=("set ngbehavior=hsa", "option temp=85"))
    wrong = deck("R2 out 0 1k", setup=("nonsense",))
    first = engine.run(plain, [Point()], cpu_limit=20)[0]
    assert engine.run(odd, [Point()], cpu_limit=20)[0].status in {Status.OK, Status.FAILED}
    assert engine.run(wrong, [Point()], cpu_limit=20)[0].status is Status.FAILED
    assert same_bits(first, engine.run(plain, [Point()], cpu_limit=20)[0])
    outcomes = engine.run(plain, [Point(), Point(deck=odd), Point()], cpu_limit=20)
    assert same_bits(first, outcomes[2])


def test_a_missing_verilog_a_model_fails(engine):
    outcome = run(engine, "R2 out 0 1k", files={"m.osdi": b"no library"}, osdi=("m.osdi",))
    assert outcome.status is Status.FAILED
