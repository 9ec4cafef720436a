"""What a session asks of the engine, and that batches give what single points give."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import spicelab_nb as sl
from spicelab_nb.circuits.numbers import quantise
from spicelab_nb.engines import Status, find
from spicelab_nb.simulators.planning import prepare_circuit, resolve_measures
from spicelab_nb.simulators.session import CircuitSession, Feeder, unread_analyses

AMPLIFIER = """common source
VDD vdd 0 1.8
VG g 0 dc {bias} ac 1
RD vdd out 10k
M1 out g 0 0 nch w=20u l=1u
C1 out 0 1p
.param bias=0.7
.model nch nmos level=1 vto=0.45 kp=3e-4 lambda=0.06
.op
.ac dec 5 1 1e9
.end
"""
GAIN = sl.measure.gain_db("v(out)", at=10.0)
LEVEL = sl.measure.value_at("v(out)", analysis="op")


def read(measures, keep=()):
    circuit = sl.Circuit(AMPLIFIER)
    resolved = resolve_measures(circuit, measures)
    return unread_analyses(circuit.analyses, resolved.values(), keep)


def test_an_operating_point_that_nobody_reads_is_not_run_twice():
    assert read({"g": GAIN}) == {"op"}


@pytest.mark.parametrize(
    ("measures", "keep"),
    [
        ({"g": GAIN, "v": LEVEL}, ()),
        ({"g": GAIN}, ("v(out)",)),
        ({"g": GAIN, "f": lambda out: float(out["op"]["v(out)"])}, ()),
    ],
)
def test_one_that_somebody_may_read_is_run(measures, keep):
    assert read(measures, keep) == set()


@pytest.mark.parametrize("others", [(), ("tran 1n 10n",), ("dc VDD 0 1 1",)])
def test_only_an_analysis_that_begins_with_it_can_stand_for_it(others):
    text = AMPLIFIER.replace(".ac dec 5 1 1e9\n", "".join(f".{a}\n" for a in others))
    analyses = sl.Circuit(text).analyses
    assert unread_analyses(analyses, [], ()) == set()


def simulator(n, measures, **more):
    circuit = sl.Circuit(AMPLIFIER)
    design = sl.MonteCarlo(
        n, {"RD": sl.Normal(rel=0.05), "nch.vto": sl.Normal(sd=5e-3), "bias": sl.Normal(rel=0.01)}
    ).bind(circuit.parameters)
    made = prepare_circuit(
        circuit, measures=resolve_measures(circuit, measures), keep=(), design=design,
        engine="ngspice", cpu_limit=30, decided=lambda _: None, **more,
    )  # fmt: skip
    return made, design


@pytest.mark.ngspice
def test_what_is_not_run_changes_no_bit_of_the_rest_nor_which_samples_fail():
    n = 12
    short, design = simulator(n, {"g": GAIN})
    full = dataclasses.replace(
        short, measures=resolve_measures(short.circuit, {"g": GAIN, "v": LEVEL})
    )
    values, seeds = design.draw(0, n), design.seeds(0, n)
    values["RD"][5] = 0.0  # refused by the engine, whichever analysis comes first
    found = []
    for each in (short, full, dataclasses.replace(short, path="load")):
        session = each.open()
        try:
            found.append(session.run(0, values, seeds))
        finally:
            session.close()
    assert short.path == "alter"
    assert (found[0].status == Status.OK).sum() >= n - 1
    for other in found[1:]:
        assert found[0].status.tolist() == other.status.tolist()
        assert found[0].measures["g"].tobytes() == other.measures["g"].tobytes()
    assert not np.isnan(found[1].measures["v"][0])


@pytest.mark.ngspice
def test_batches_of_any_length_give_the_same_bits():
    n = 40
    made, design = simulator(n, {"g": GAIN, "f": sl.measure.bandwidth("v(out)"), "v": LEVEL})
    session = CircuitSession(made, find("ngspice"))
    try:
        whole = session.run(0, design.draw(0, n), design.seeds(0, n))
        for step in (1, 7, 39):
            parts = [
                session.run(a, design.draw(a, b), design.seeds(a, b))
                for a, b in ((a, min(n, a + step)) for a in range(0, n, step))
            ]
            for name, column in whole.measures.items():
                joined = np.concatenate([p.measures[name] for p in parts])
                assert joined.tobytes() == column.tobytes()
    finally:
        session.close()


values = st.floats(-1e12, 1e12, allow_nan=False).map(quantise)


@given(rows=st.lists(st.tuples(values, values, values), min_size=1, max_size=5))
def test_many_points_are_told_what_each_would_be_told_alone(rows):
    circuit = sl.Circuit(AMPLIFIER)
    names = ("RD", "bias", "nch.vto")
    feeder = Feeder(circuit, names, save=(), path="alter")
    columns = {n: list(c) for n, c in zip(names, zip(*rows, strict=True), strict=True)}
    points = feeder.points((), columns, range(len(rows)), [0] * len(rows))
    setter = circuit.setter(names)
    for row, point in zip(rows, points, strict=True):
        assert point.commands == setter.commands(dict(zip(names, row, strict=True)))
        assert point == feeder.point((), dict(zip(names, row, strict=True)), 0)
