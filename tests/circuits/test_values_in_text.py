"""Setting values changes those values in the text, and nothing else."""

import difflib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import spicelab_nb as sl
from spicelab_nb.errors import AmbiguousNameError, CircuitError, UnknownNameError
from spicelab_nb.testing.circuits import OTA, RC_WITH_PARAM

MESSY = """Messy * title stays R9 1 2 3
*comment R1 a 0 99
V1 in 0 DC
+ 5 ; supply
+ AC 1 0 $ small signal
Vs s 0 SIN(0 1 1k)
R1 in out 1k tc1=0.001 // inline
R2 out 0 rmod 2k
R3 out 0 r = {ra * 2}
R4 out
* a comment in between
+ 0 4k
L1 out 0 1meg
K1 L1 L2 0.9
L2 s 0 1m
E1 e 0 (in 0) 10
M1 d g 0 0 N1 W=10u
+ L = 1u
D1 in 0 D1
.model rmod r rsh=2
.model N1 NMOS(VTO=0.5 KP=100u) ; card
.model D1 D is=1e-14
.param ra=3k, rb = {ra + 1k}
X1 in out outer ra=7k
.subckt outer p q ra=1k rs=5
R1 p m {ra}
X2 m q inner
.param loc={rs*2}
.ends
.subckt inner p q
R1 p q 10
.model loc d is=2e-15
D9 p q loc
.ends
.op
.end
"""


def changed_lines(before: str, after: str) -> list[tuple[str, str]]:
    a, b = before.splitlines(), after.splitlines()
    assert len(a) == len(b)
    return [(x, y) for x, y in zip(a, b, strict=True) if x != y]


@pytest.fixture(scope="module")
def messy():
    return sl.Circuit(MESSY)


def test_without_values_the_text_passes_unharmed(messy):
    assert messy.netlist() == MESSY


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("R1", "R1 in out 2500000000000000e-15 tc1=0.001 // inline"),
        ("R1.tc1", "R1 in out 1k tc1=2500000000000000e-15 // inline"),
        ("R2", "R2 out 0 rmod 2500000000000000e-15"),
        ("R3", "R3 out 0 r = 2500000000000000e-15"),
        ("R4", "+ 0 2500000000000000e-15"),
        ("L1", "L1 out 0 2500000000000000e-15"),
        ("V1.dc", "+ 2500000000000000e-15 ; supply"),
        ("V1.ac", "+ AC 2500000000000000e-15 0 $ small signal"),
        ("Vs.dc", "Vs s 0 DC 2500000000000000e-15 SIN(0 1 1k)"),
        ("E1.gain", "E1 e 0 (in 0) 2500000000000000e-15"),
        ("K1.k", "K1 L1 L2 2500000000000000e-15"),
        ("M1.l", "+ L = 2500000000000000e-15"),
        ("M1.delvto", "+ L = 1u delvto=2500000000000000e-15"),
        ("n1.vto", ".model N1 NMOS(VTO=2500000000000000e-15 KP=100u) ; card"),
        ("n1.gamma", ".model N1 NMOS( gamma=2500000000000000e-15 VTO=0.5 KP=100u) ; card"),
        ("rmod.rsh", ".model rmod r rsh=2500000000000000e-15"),
        ("D1.is", ".model D1 D is=2500000000000000e-15"),
        ("ra", ".param ra=2500000000000000e-15, rb = {ra + 1k}"),
        ("rb", ".param ra=3k, rb = 2500000000000000e-15"),
        ("X1.param:ra", "X1 in out outer ra=2500000000000000e-15"),
        ("X1.ra", "X1 in out outer ra=2500000000000000e-15"),
        ("X1.param:rs", "X1 in out outer ra=7k rs=2500000000000000e-15"),
    ],
)
def test_only_the_line_of_the_value_changes(messy, name, line):
    changes = changed_lines(MESSY, messy.with_values({name.upper(): 2.5}).netlist())
    assert [after for _, after in changes] == [line]
    assert messy.with_values({name: 2.5}).parameters[name] == 2.5


def test_inside_a_subcircuit_only_that_instance_changes(messy):
    changed = messy.with_values({"X1.X2.R1": 3.0, "X1.R1": 4.0, "x1.x2.loc.is": 1e-15})
    added = [
        line[2:]
        for line in difflib.ndiff(MESSY.splitlines(), changed.netlist().splitlines())
        if line.startswith("+ ")
    ]
    assert added[0] == "X1 in out outer__x1 ra=7k"
    assert "R1 p m 4000000000000000e-15" in added
    assert "R1 p q 3000000000000000e-15" in added
    assert "X2 m q inner__x1_x2" in added
    assert changed.parameters["X1.X2.R1"] == 3.0
    assert changed.parameters["X1.R1"] == 4.0
    removed = [w for w in difflib.ndiff(MESSY.splitlines(), changed.netlist().splitlines())
               if w.startswith("- ")]  # fmt: skip
    assert removed == ["- X1 in out outer ra=7k"]


def test_nominal_values(messy):
    space = messy.parameters
    assert space["r1"] == 1e3
    assert space["R3"] == 6e3
    assert space["L1"] == 1e6
    assert space["rb"] == 4e3
    assert space["X1.R1"] == 7e3
    assert space["X1.param:loc"] == 10
    assert space["V1.dc"] == 5
    assert space["Vs.ac"] == 0
    assert space["temp"] == 27
    assert space["M1.delvto"] == 0
    assert space["M1.m"] == 1
    assert space.at({"ra": 1.0})["rb"] == 1001


def test_every_listed_name_can_be_set_and_read_back(messy):
    names = [n for n in messy.parameters if n != "temp"]
    assert len(names) == len(set(names)) > 20
    values = {name: 1.0 + i / 8 for i, name in enumerate(names)}
    changed = messy.with_values(values)
    assert {n: changed.parameters[n] for n in names} == values
    assert all(messy.parameters.canonical(n) == n for n in names)


def test_globs():
    space = sl.Circuit(OTA).parameters
    assert space.expand("M*.delvto") == tuple(f"M{i}.delvto" for i in range(1, 9))
    assert space.expand("m[12].W") == ("M1.w", "M2.w")
    assert space.expand("device:C*") == ("CC", "CFB", "CL")
    assert space.expand("?ch.vto") == ("nch.vto", "pch.vto")
    inner = sl.Circuit(MESSY).parameters
    assert inner.expand("X1.device:R*") == ("X1.R1",)
    assert inner.expand("X1.param:*") == ("X1.param:loc", "X1.param:ra", "X1.param:rs")
    with pytest.raises(AmbiguousNameError, match=r"X1\.device:R\*"):
        inner.expand("X1.R*")
    assert inner.expand("*.*.R1") == ("X1.X2.R1",)
    with pytest.raises(AmbiguousNameError, match=r"param:R\*.*device:R\*"):
        inner.expand("R*")
    with pytest.raises(UnknownNameError, match="Nothing"):
        space.expand("QQ*.area")


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("R11", UnknownNameError, "Did you mean R1"),
        ("V1", UnknownNameError, r"V1\.dc or V1\.ac"),
        ("M1.widht", UnknownNameError, "no parameter 'widht'"),
        ("n1.vtoo", UnknownNameError, "Did you mean .*vto"),
        ("X1.R7", UnknownNameError, "no parameter 'X1.R7'"),
        ("lib", UnknownNameError, r"\.lib FILE SECTION"),
    ],
)
def test_an_unknown_name_is_met_with_the_nearest(messy, name, error, words):
    with pytest.raises(error, match=words):
        messy.with_values({name: 1.0})


def test_a_bare_name_is_a_parameter_first_and_prefixes_settle_it():
    c = sl.Circuit("t\n.param r1=5\nR1 a 0 {r1*2}\nV1 a 0 1\n.op\n.end\n")
    assert c.parameters["r1"] == 5
    assert c.parameters["device:R1"] == 10
    assert "R1 a 0 7" in c.with_values({"device:R1": 7}).netlist()
    assert ".param r1=7" in c.with_values({"param:R1": 7}).netlist()


def test_inside_a_subcircuit_an_ambiguous_name_lists_the_candidates():
    c = sl.Circuit("t\nX1 a 0 s\n.subckt s p q ra=1\nRA p q {ra}\n.ends\nV1 a 0 1\n.end\n")
    with pytest.raises(AmbiguousNameError, match=r"X1\.device:RA or X1\.param:ra"):
        c.parameters.canonical("X1.ra")
    assert c.parameters["x1.param:RA"] == 1
    assert c.parameters.canonical("X1.device:ra") == "X1.device:RA"


@pytest.mark.parametrize("value", [math.nan, math.inf, "abc", None, [1, 2], "1k2"])
def test_a_value_that_is_no_finite_number_is_refused(messy, value):
    with pytest.raises(CircuitError, match="R1"):
        messy.with_values({"R1": value})


def test_a_parameter_named_twice_is_refused(messy):
    with pytest.raises(CircuitError, match="same parameter"):
        messy.with_values({"R1": 1, "r1": 2})


def test_the_temperature_is_set_where_it_stands_or_added():
    hot = sl.Circuit(OTA).with_values({"temp": 85}).netlist()
    assert ".options temp=8500000000000000e-14\n.end" in hot
    c = sl.Circuit("t\nR1 a 0 1\n.options temp=50 reltol=1e-4\n.temp 60\n.end\n")
    text = c.with_values({"temp": 1}).netlist()
    card = ".options temp=1000000000000000e-15"
    assert f"{card} reltol=1e-4\n{card}" in text


@given(st.dictionaries(st.sampled_from(["R1", "C1", "rb", "X1.R2", "X1.param:ra", "V1.dc"]),
                       st.floats(1e-12, 1e12), min_size=1))  # fmt: skip
def test_setting_in_steps_is_setting_at_once(values):
    whole = sl.Circuit(RC_WITH_PARAM).with_values(values)
    stepwise = sl.Circuit(RC_WITH_PARAM)
    for name, value in reversed(values.items()):
        stepwise = stepwise.with_values({name: value})
    assert stepwise.digest == whole.digest


IDENTIFIER = st.text("abcdefgh", min_size=1, max_size=3)


@given(st.integers(1, 4), st.lists(IDENTIFIER, min_size=1, max_size=3, unique=True), st.booleans())
def test_nested_subcircuits_at_any_depth(depth, names, nested):
    """A resistor at the bottom of a tower of subcircuits, declared inside each other or not."""
    elements = "\n".join(f"R{n} a b 1k" for n in names)
    bodies = []
    for i in range(depth):
        inner = elements if i == depth - 1 else f"Xi a b s{i + 1}"
        bodies.append(f".subckt s{i} a b\n{inner}")
    if nested:
        tower = "\n".join(bodies) + "\n.ends" * depth
    else:
        tower = "\n".join(body + "\n.ends" for body in bodies)
    c = sl.Circuit(f"t\nXt in 0 s0\nXu in 0 s0\n{tower}\nV1 in 0 1\n.op\n.end\n")
    path = ".".join(["Xt", *["Xi"] * (depth - 1), f"R{names[0]}"])
    changed = c.with_values({path: 5.0})
    assert changed.parameters[path] == 5.0
    other = path.replace("Xt", "Xu", 1)
    assert changed.parameters[other] == 1000.0
    assert (
        len(names) == 1 or changed.parameters[path.replace(f"R{names[0]}", f"R{names[1]}")] == 1e3
    )
