import warnings

import numpy as np
import pytest

import spicelab_nb as sl
from spicelab_nb.errors import CircuitError
from spicelab_nb.simulators.effects import IdleParameterWarning

DECK = """* common source
VDD vdd 0 1.8
V1 g 0 dc 0.9 ac 1
M1 d g 0 0 nch w=10u l=1u
R1 vdd d 2k
.model nch nmos level=8 vth0=0.5 u0=400 tox=7n
.op
.ac dec 5 1k 1meg
.end
"""


def plan(name, engine):
    campaign = sl.Campaign(
        sl.Circuit(DECK),
        sl.MonteCarlo(5, {name: sl.Normal(sd=0.005)}, seed=1),
        measures={"gain": sl.measure.gain("v(d)")},
        engine=engine,
    )
    return campaign.plan


def test_a_parameter_that_the_embedded_engine_leaves_out_is_refused():
    with pytest.raises(CircuitError, match=r"neospice gives the same results whatever M1\.delvto"):
        plan("M1.delvto", "neospice")


def test_it_is_refused_too_where_the_sweep_begins_with_its_nominal():
    design = sl.Sweep({"M1.delvto": [0.0, 0.01], "R1": np.geomspace(1e3, 4e3, 40)})
    campaign = sl.Campaign(
        sl.Circuit(DECK), design, measures={"gain": sl.measure.gain("v(d)")}, engine="neospice"
    )
    with pytest.raises(CircuitError, match=r"whatever M1\.delvto"):
        _ = campaign.plan


def test_one_that_it_knows_is_taken():
    assert plan("nch.vth0", "neospice").simulator["engine"]["name"] == "neospice"


@pytest.mark.ngspice
def test_ngspice_knows_both():
    assert plan("M1.delvto", "ngspice").simulator["path"] == "alter"
    assert plan("nch.vth0", "ngspice").simulator["path"] == "alter"


@pytest.mark.parametrize("engine", [pytest.param("ngspice", marks=pytest.mark.ngspice), "neospice"])
def test_what_matters_only_beside_another_is_taken_without_a_word(engine):
    """A temperature coefficient, which changes nothing at the temperature it refers to."""
    circuit = sl.Circuit("t\nV1 in 0 1\nR1 in out 1k tc1=1m\nR2 out 0 1k\n.op\n.end\n")
    design = sl.MonteCarlo(4, {"R1.tc1": sl.Normal(rel=0.1)}) * sl.Sweep({"temp": [27, 77, 127]})
    campaign = sl.Campaign(
        circuit, design, measures={"out": sl.measure.value_at("v(out)")}, engine=engine
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", IdleParameterWarning)
        assert campaign.plan.simulator["engine"]["name"] == engine


def test_what_is_left_out_is_refused_beside_others_too():
    design = sl.MonteCarlo(4, {"M1.delvto": sl.Normal(sd=0.005), "R1": sl.Normal(rel=0.1)})
    campaign = sl.Campaign(
        sl.Circuit(DECK), design, measures={"gain": sl.measure.gain("v(d)")}, engine="neospice"
    )
    with pytest.raises(CircuitError, match=r"whatever M1\.delvto"):
        _ = campaign.plan
