"""Samples that do not converge, hang or end the engine cost themselves and nobody else."""

import numpy as np
import pytest

import spicelab_nb as sl

pytestmark = pytest.mark.ngspice

DECK = """* one circuit, four corners
.param a=1
.lib corners.lib fine
V1 in 0 dc 1 ac 1
R1 in out 1k
C1 out 0 100n
B1 x 0 V = {a} > 0 ? 1 : v(x) + 1
R2 x 0 1k
.ac dec 10 10 100k
.end
"""

# The hanging section asks for a transmission line of a hundred million lumps, the quitting one for
# a function that does not exist: ngspice gives up for good, and the library has to be let go.
SECTIONS = """* sections
.lib fine
R7 out 0 1meg
.endl fine
.lib hanging
U7 out y 0 line l=1m n=100000000
.model line urc k=2 fmax=6g rperl=10 cperl=1p
R8 y 0 1k
.endl hanging
.lib quitting
R7 out 0 {nosuchfunction(a)}
.endl quitting
"""


@pytest.fixture
def run(tmp_path, serial):
    (tmp_path / "corners.lib").write_text(SECTIONS)
    (tmp_path / "deck.cir").write_text(DECK)
    corners = sl.Corners(
        {
            "fine": {},
            "stubborn": {"a": -1.0},
            "hanging": {"lib": "hanging"},
            "quitting": {"lib": "quitting"},
        }
    )
    campaign = sl.Campaign(
        sl.Circuit(tmp_path / "deck.cir"),
        corners * sl.MonteCarlo(3, {"R1": sl.Normal(rel=0.05)}, seed=1),
        measures={"f3db": sl.measure.bandwidth("v(out)")},
        specs={"f3db": sl.Spec(min=1000.0)},
        store=tmp_path / "store",
        cpu_limit=2.0,
    )
    return campaign.run(serial).wait(300)


def test_all_others_are_there_and_those_have_reasons(run):
    status = run.dataset["status"].transpose("corner", "sample")
    assert (status.sel(corner="fine") == 0).all()
    assert (status.sel(corner="stubborn") == 1).all()
    assert (status.sel(corner="hanging") == 2).all()
    assert status.sel(corner="quitting").isin([1, 3]).all()
    fine = run.dataset["f3db"].sel(corner="fine")
    expected = 1 / (2 * np.pi * 1e-7 * (fine["R1"] * 1e6 / (fine["R1"] + 1e6)))
    # A load at the output widens the band of the loaded divider by nothing else.
    assert np.allclose(fine, expected, rtol=5e-3)
    assert np.isnan(run.dataset["f3db"].sel(corner="stubborn")).all()

    table = run.failures
    assert len(table) == 9
    reasons = {c: table[table["corner"] == c]["reason"].iloc[0] for c in table["corner"].unique()}
    assert "processor time" in reasons["hanging"]
    assert "nosuchfunction" in reasons["quitting"]
    assert reasons["stubborn"]
    assert table[table["corner"] == "quitting"]["log"].iloc[0]


def test_the_yield_says_how_many_were_left_out(run):
    text = repr(run.summary())
    assert "9 failed" in text
    assert run.progress.failed == 9
    assert run.progress.state == "done"
