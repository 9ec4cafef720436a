"""Values written in the text, told to a loaded deck, or edited by hand: ngspice sees the same."""

from contextlib import nullcontext

import numpy as np
import pytest

import spicelab_nb as sl
from spicelab_nb.engines import Point, Status, find
from spicelab_nb.testing.circuits import (
    CONTROL_QUIT,
    HANGS,
    NEVER_CONVERGES,
    OTA,
    OTA_STEP,
    RC_LOWPASS,
    RC_WITH_PARAM,
    RECTIFIER,
    RING_OSCILLATOR,
    SOMETIMES_FAILS,
    write_quits,
)

pytestmark = pytest.mark.ngspice

NESTED = """Nested and local
V1 in 0 DC 2 AC 1
Xa in out outer w=2
Xb out 0 outer
Xc in 0 other
.subckt outer p q w=1
R1 p m {w*100}
Xi m q inner
D1 m q dl
.model dl d is=1e-14 rs=1
.subckt inner p q
R1 p q 50
D1 p q di
.model di d is=1e-15
.ends inner
.ends outer
.subckt other p q
Xt p m third
R2 m q 70
.ends other
.subckt third p q
R3 p q 30
D3 p q d3
.model d3 d is=1e-13
.ends third
.op
.ac dec 2 1 100
.end
"""
DEVICES = """Elements of many letters
V1 in 0 DC 1 AC 1
I1 0 a DC 1m AC 0.5
R1 in a 1k tc1=1m
C1 a 0 1u
L1 a b 1m
L2 c 0 2m
K1 L1 L2 0.5
R2 b 0 2k
R3 c 0 50
E1 e 0 a 0 3
R4 e 0 1k
G1 0 g a 0 2m
R5 g 0 1k
F1 0 f V1 0.5
R6 f 0 1k
H1 h 0 V1 100
R7 h 0 1k
Q1 q a 0 qn
RQ in q 1k
J1 j 0 0 jn
RJ in j 100
.model qn npn is=1e-15 bf=80
.model jn njf beta=1m vto=-2
.op
.ac dec 3 1 1k
.end
"""


@pytest.fixture(scope="module")
def engine():
    used = find("ngspice")
    yield used
    used.close()


def run(engine, circuit, point=None, limit=30.0):
    outcome = engine.run(circuit.deck(), [point or Point()], cpu_limit=limit)[0]
    assert outcome.status is Status.OK, (outcome.reason, outcome.log)
    return outcome.plots


def same(a, b):
    assert set(a) == set(b)
    for name, plot in a.items():
        assert set(plot.vectors) <= set(b[name].vectors) | set(plot.vectors)
        for signal, vector in plot.vectors.items():
            np.testing.assert_array_equal(vector, b[name].vectors[signal], err_msg=signal)


CASES = [
    (RC_LOWPASS, {"R1": 1017.35}),
    (RC_LOWPASS, {"C1": 93.3e-9, "V1.dc": 0.7, "V1.ac": 2.0}),
    (RC_WITH_PARAM, {"rb": 1234.5}),
    (RC_WITH_PARAM, {"rb": 700.0, "X1.R2": 2.9e3, "R1": 3e3, "C1": 1.1e-7}),
    (RC_WITH_PARAM, {"temp": 85.0, "rb": 990.0}),
    (OTA, {"nch.vto": 0.46, "pch.kp": 6.9e-5, "ibias": 2.2e-5, "RZ": 1.9e3}),
    (OTA, {"vdd": 1.7, "CC": 2.2e-12, "RZ": 1.9e3, "temp": 60.0, "M6.m": 2.0}),
    (OTA, {"nch.lambda": 0.09, "nch.vto": 0.44, "nch.cj": 1e-3}),
    (RECTIFIER, {"C1": 1.3e-6, "dfast.is": 3e-14, "RL": 8.8e3}),
    (RING_OSCILLATOR, {"cl": 2.2e-14, "X2.CO": 3e-14, "vdd": 1.7}),
    (NESTED, {"Xa.R1": 111.0, "Xa.Xi.R1": 55.0, "Xa.dl.is": 2e-14}),
    (NESTED, {"Xa.Xi.di.is": 3e-15, "Xb.Xi.D1.area": 2.0}),
    (NESTED, {"Xc.Xt.R3": 33.0, "Xc.R2": 77.0, "Xc.Xt.d3.is": 2e-13}),
    (DEVICES, {"I1.dc": 2e-3, "I1.ac": 1.0, "R1.tc1": 2e-3, "temp": 50.0}),
    (DEVICES, {"L1": 2e-3, "K1.k": 0.7, "E1.gain": 4.0, "G1.gain": 1e-3}),
    (DEVICES, {"F1.gain": 0.7, "H1.gain": 120.0, "qn.bf": 70.0, "Q1.area": 2.0}),
    (DEVICES, {"jn.vto": -1.8, "J1.area": 1.5}),
]


@pytest.mark.parametrize(("text", "values"), CASES, ids=lambda v: v if isinstance(v, dict) else "")
def test_told_to_a_loaded_deck_and_written_in_the_text_are_one(engine, text, values):
    circuit = sl.Circuit(text)
    commands = circuit.alter_commands(values)
    assert commands is not None
    written = circuit.with_values(values)
    nominal = run(engine, circuit)
    altered = run(engine, circuit, Point(commands=commands))
    loaded = run(engine, written)
    same(altered, loaded)
    assert any(
        not np.array_equal(vector, nominal[name].vectors[signal])
        for name, plot in loaded.items()
        for signal, vector in plot.vectors.items()
    ), "the values changed nothing"


# ngspice solves a level-1 transistor whose W or L was altered with another last bit.
CLOSE = [(OTA, {"M1.w": 2.1e-5, "M2.l": 1.05e-6}), (RING_OSCILLATOR, {"X1.MN.w": 2.3e-6})]


@pytest.mark.parametrize(("text", "values"), CLOSE)
def test_altered_sizes_agree_closely(engine, text, values):
    circuit = sl.Circuit(text)
    altered = run(engine, circuit, Point(commands=circuit.alter_commands(values)))
    for name, plot in run(engine, circuit.with_values(values)).items():
        for signal, vector in plot.vectors.items():
            np.testing.assert_allclose(
                altered[name].vectors[signal], vector, rtol=1e-9, atol=1e-12, err_msg=signal
            )


HAND_EDITS = [
    (RC_WITH_PARAM, {"rb": 1234.5}, [("rb=1k", "rb=1234.5")]),
    (RC_WITH_PARAM, {"X1.param:ra": 5e3}, [("load ra=4k", "load ra=5k")]),
    (RC_WITH_PARAM, {"X1.R2": 5e3}, [("R2 m q 3k", "R2 m q 5k")]),
    (OTA, {"M1.w": 2.5e-5}, [("M1 n1 fb tail 0 nch W=20u", "M1 n1 fb tail 0 nch W=25u")]),
    (OTA, {"pch.vto": -0.5}, [("pmos level=1 vto=-0.45", "pmos level=1 vto=-0.5")]),
    (OTA, {"temp": 85}, [(".op\n", ".op\n.temp 85\n")]),
    (NESTED, {"Xc.Xt.d3.is": 2e-13}, [("d3 d is=1e-13", "d3 d is=2e-13")]),
    (NESTED, {"Xa.w": 3}, [("outer w=2", "outer w=3")]),
    (DEVICES, {"V1.dc": 2, "R2": 3e3}, [("DC 1 AC 1", "DC 2 AC 1"), ("R2 b 0 2k", "R2 b 0 3k")]),
]


@pytest.mark.parametrize(("text", "values", "edits"), HAND_EDITS)
def test_a_deck_edited_by_hand_gives_the_same(engine, text, values, edits):
    edited = text
    for old, new in edits:
        assert edited.count(old) == 1
        edited = edited.replace(old, new)
    ours = run(engine, sl.Circuit(text).with_values(values))
    theirs = run(engine, sl.Circuit(edited))
    for name, plot in theirs.items():
        for signal, vector in plot.vectors.items():
            np.testing.assert_allclose(ours[name].vectors[signal], vector, rtol=1e-9, atol=1e-18)


def test_one_instance_differs_and_its_twin_does_not(engine):
    circuit = sl.Circuit(NESTED).with_values({"Xa.Xi.R1": 500.0})
    plots = engine.run(
        circuit.deck(save=("@r.xa.r.xi.r1[resistance]", "@r.xb.r.xi.r1[resistance]")),
        [Point()],
        cpu_limit=30,
    )[0].plots
    assert plots["op"].vectors["@r.xb.r.xi.r1[resistance]"] == 50.0
    assert circuit.parameters["Xb.Xi.R1"] == 50.0


SHARED = [RC_LOWPASS, RC_WITH_PARAM, RECTIFIER, OTA, OTA_STEP, NESTED, RING_OSCILLATOR,
          CONTROL_QUIT, HANGS, SOMETIMES_FAILS]  # fmt: skip


@pytest.mark.parametrize("text", SHARED)
def test_the_shared_circuits_run(engine, text):
    with pytest.warns(sl.circuits.CircuitNotice) if text is CONTROL_QUIT else nullcontext():
        circuit = sl.Circuit(text)
    assert set(run(engine, circuit)) == {a.name for a in circuit.analyses}


def test_the_shared_circuits_fail_as_they_should(engine, tmp_path):
    def status(circuit, limit=30.0):
        return engine.run(circuit.deck(), [Point()], cpu_limit=limit)[0].status

    assert status(sl.Circuit(NEVER_CONVERGES)) is Status.FAILED
    assert status(sl.Circuit(SOMETIMES_FAILS).with_values({"short": 0.2})) is Status.FAILED
    assert status(sl.Circuit(HANGS).with_values({"slow": 1}), 2.0) is Status.TIMEOUT
    quits = sl.Circuit(write_quits(tmp_path))
    assert status(quits) is Status.OK
    assert status(quits.with_values({"lib": "bad"})) in (Status.FAILED, Status.CRASHED)


def test_what_the_deck_does_not_set_is_asked_of_the_engine():
    space = sl.Circuit(OTA).parameters
    assert space["nch.pb"] is None  # of models the engine tells nothing
    assert space["nch.gamma"] == 0.4
    assert space["M1.ad"] == 0


def test_simulate_labels_and_units():
    out = sl.Circuit(OTA).simulate()
    assert out["op"]["v(out)"].attrs["units"] == "V"
    assert out["ac"]["v(out)"].dims == ("frequency",)
    assert out["ac"]["v(out)"].dtype == np.complex128
    assert out["ac"].frequency.attrs["units"] == "Hz"
    assert out["op"]["i(vdd)"].attrs["units"] == "A"


def test_a_failure_says_why_and_shows_the_engines_last_lines():
    with pytest.raises(sl.errors.SimulationError, match="was not simulated") as caught:
        sl.Circuit(NEVER_CONVERGES).simulate()
    assert caught.value.log


def test_analyses_can_be_given_and_an_expression_in_one_follows_the_parameters(engine):
    circuit = sl.Circuit("t\n.param f=100\nV1 a 0 DC 1 AC 1\nR1 a b 1k\nC1 b 0 1u\n"
                         ".ac dec 2 1 {f*10}\n.end\n")  # fmt: skip
    assert circuit.analyses[0].command == "ac dec 2 1 1000.0"
    assert circuit.with_values({"f": 1}).analyses[0].command == "ac dec 2 1 10.0"
    assert circuit.alter_commands({"f": 1.0}) is None
    assert circuit.alter_commands({"R1": 1.0}) is not None
    out = circuit.simulate([".op", "tran 10u 1m", ".tran 10u 2m"])
    assert list(out) == ["op", "tran", "tran2"]
    assert out["tran2"].time[-1] == pytest.approx(2e-3)


def test_node_names_of_kicad_survive():
    circuit = sl.Circuit("kicad\nV1 /in 0 DC 1\nR1 /in Net-(R1-Pad2) 1k\nR2 Net-(R1-Pad2) 0 3k\n"
                         ".op\n.end\n")  # fmt: skip
    assert circuit.nodes == {"/in", "net-(r1-pad2)", "0"}
    op = circuit.with_values({"R1": 3e3}).simulate()["op"]
    assert op["v(/in)"] == 1
    found = [name for name in op if str(name).startswith("v(net-(r1-pad2")]
    assert len(found) == 1
    assert op[found[0]] == pytest.approx(0.5)


def test_a_deck_that_draws_its_own_numbers_can_only_be_loaded(engine):
    with pytest.warns(sl.circuits.CircuitNotice, match="draws numbers of its own"):
        circuit = sl.Circuit("t\nV1 a 0 1\nR1 a b {agauss(1k, 100, 1)}\nR2 b 0 1k\n.op\n.end\n")
    assert circuit.random
    assert circuit.alter_commands({"R2": 1.0}) is None
    outcomes = engine.run(circuit.deck(), [Point(deck=circuit.deck(), seed=s) for s in (1, 2, 1)],
                          cpu_limit=30)  # fmt: skip
    values = [float(o.plots["op"].vectors["v(b)"]) for o in outcomes]
    assert values[0] == values[2] != values[1]
    clipped = sl.Circuit("t\nV1 a 0 1\nB1 b 0 v=limit(v(a), 0, 1)\nR1 b 0 1\n.op\n.end\n")
    assert not clipped.random
