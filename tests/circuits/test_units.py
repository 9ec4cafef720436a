import pytest

import spicelab_nb as sl

DECK = """* units
.param gain=2
V1 in 0 dc 1 ac 1
X1 in out cell ra=1k
M1 out in 0 0 nch w=10u l=1u
.subckt cell a b ra=2k
R1 a b {ra}
.ends
.model nch nmos level=1 vto=0.5 kp=1e-4
.op
.end
"""


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("gain", ""),
        ("V1.dc", "V"),
        ("X1.R1", "Ohm"),
        ("X1.param:ra", ""),
        ("M1.w", "m"),
        ("M1.ad", "m^2"),
        ("nch.vto", "V"),
        ("nch.kp", ""),
        ("temp", "degC"),
    ],
)
def test_a_parameter_has_the_unit_that_spice_gives_it(name, unit):
    assert sl.Circuit(DECK).parameters.unit(name) == unit


@pytest.mark.ngspice
def test_many_values_are_asked_of_the_engine_at_once(monkeypatch):
    from spicelab_nb.engines.hosted import HostedEngine

    decks = []
    run = HostedEngine.run

    def counted(self, deck, points, **options):
        decks.append(deck)
        return run(self, deck, points, **options)

    monkeypatch.setattr(HostedEngine, "run", counted)
    parameters = sl.Circuit(DECK).parameters
    found = parameters.nominals(["M1.ad", "M1.as", "M1.pd", "M1.w"])
    assert found["M1.w"] == 10e-6
    assert found["M1.ad"] == 0.0
    assert len(decks) == 1
    assert parameters.nominal("M1.ad") == 0.0
    assert len(decks) == 1
