import numpy as np
import pytest

import spicelab_nb as sl
from spicelab_nb.errors import CircuitError

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
