"""Sweeps, corners, globs and shared draws, through a real engine."""

import numpy as np
import pytest

import spicelab_nb as sl
from spicelab_nb.errors import CampaignError, IncludeError, SimulationError

pytestmark = pytest.mark.ngspice

RC = """* RC
V1 in 0 dc 0 ac 1
R1 in out 1k
C1 out 0 100n
.ac dec 100 10 1meg
.end
"""

AMPLIFIER = """* common-source pair with process sections
.param vdd=1.8
.lib process.lib tt
VDD vdd 0 {vdd}
V1 g1 0 dc 0.9 ac 1
M1 d1 g1 0 0 nch w=10u l=1u
M2 d2 g1 0 0 nch w=20u l=1u
R1 vdd d1 2k
R2 vdd d2 1k
.op
.ac dec 10 1k 1meg
.end
"""

PROCESS = """* threshold and gain by process corner
.lib tt
.model nch nmos level=1 vto=0.50 kp=200u lambda=0.05
.endl tt
.lib ss
.model nch nmos level=1 vto=0.58 kp=170u lambda=0.05
.endl ss
.lib ff
.model nch nmos level=1 vto=0.42 kp=230u lambda=0.05
.endl ff
"""


@pytest.fixture
def amplifier(tmp_path):
    (tmp_path / "process.lib").write_text(PROCESS)
    (tmp_path / "amp.cir").write_text(AMPLIFIER)
    return sl.Circuit(tmp_path / "amp.cir")


def test_the_spread_of_an_rc_low_pass_is_the_root_of_the_sum_of_squares(tmp_path, serial):
    campaign = sl.Campaign(
        sl.Circuit(RC),
        sl.MonteCarlo(1000, {"R1": sl.Normal(rel=0.05), "C1": sl.Normal(rel=0.05)}, seed=1),
        measures={"f3db": sl.measure.bandwidth("v(out)")},
        store=tmp_path / "s",
    )
    run = campaign.run(serial).wait(300)
    spread = float(np.log(run.dataset["f3db"]).std(ddof=1))
    assert spread == pytest.approx(0.0707, abs=0.005)
    nominal = float(run.nominal["f3db"])
    assert nominal == pytest.approx(1 / (2 * np.pi * 1e3 * 100e-9), rel=1e-3)


@pytest.mark.parametrize("deck", ["ac", "tran"])
def test_a_sweep_s_point_is_what_one_simulation_of_its_values_gives(deck, tmp_path, serial):
    text = (
        RC
        if deck == "ac"
        else RC.replace("ac 1", "ac 1 pulse(0 1 0 1n 1n 1 2)").replace(
            ".ac dec 100 10 1meg", ".tran 1u 500u"
        )
    )
    measure = sl.measure.bandwidth if deck == "ac" else sl.measure.rise_time
    circuit = sl.Circuit(text)
    sweep = sl.Sweep({"R1": [1e3, 2.2e3], "C1": np.geomspace(1e-8, 1e-7, 3)})
    campaign = sl.Campaign(
        circuit, sweep, measures={"m": measure("v(out)")}, keep=["v(out)"], store=tmp_path / "s"
    )
    run = campaign.run(serial).wait(300)
    assert campaign.simulator.path == "alter"
    for r1 in run.dataset["R1"].values:
        for c1 in run.dataset["C1"].values:
            values = {"R1": r1, "C1": c1}
            out = circuit.with_values(values).simulate()[deck]["v(out)"]
            axis = "frequency" if deck == "ac" else "time"
            there = float(run.dataset["m"].sel(R1=r1, C1=c1))
            one = measure("v(out)").evaluate(out[axis].values, out.values[None, :])[0]
            assert there == one
            if deck == "ac":
                kept = run.waveforms["ac"]["v(out)"].sel(R1=r1, C1=c1)
                assert np.array_equal(kept.values, out.values)


def test_corners_by_library_section_cross_with_the_same_draws(amplifier, tmp_path, serial):
    corners = sl.Corners({"ss": {"lib": "ss", "temp": 125}, "ff": {"lib": "ff", "temp": -40}})
    mc = sl.MonteCarlo(8, {"R1": sl.Normal(rel=0.02), "nch.vto": sl.Normal(rel=0.01)}, seed=4)
    campaign = sl.Campaign(
        amplifier,
        corners * mc,
        measures={"gain": sl.measure.gain("v(d1)")},
        store=tmp_path / "s",
    )
    run = campaign.run(serial, chunk_length=3).wait(300)
    ds = run.dataset
    assert (ds["status"] == 0).all()
    assert ds["R1"].dims == ("sample",)
    assert set(ds["nch.vto"].dims) == {"sample", "corner"}
    ss, ff = ds["nch.vto"].sel(corner="ss"), ds["nch.vto"].sel(corner="ff")
    assert np.allclose(ss / 0.58, ff / 0.42)
    one = amplifier.with_values(
        {
            "lib": "ss",
            "temp": 125,
            "R1": float(ds["R1"][5]),
            "nch.vto": float(ss[5]),
        }
    ).simulate()
    gain = float(abs(one["ac"]["v(d1)"]).max())
    assert float(ds["gain"].sel(corner="ss")[5]) == pytest.approx(gain, rel=1e-12)
    again = run.circuit(corner="ss", sample=5).simulate()["ac"]["v(d1)"]
    assert np.array_equal(again.values, one["ac"]["v(d1)"].values)


def test_a_glob_draws_for_each_and_a_tuple_shares_one_draw(amplifier, tmp_path, serial):
    mc = sl.MonteCarlo(20, {"M*.w": sl.Normal(rel=0.05), ("R1", "R2"): sl.Normal(rel=0.1)}, seed=5)
    run = (
        sl.Campaign(
            amplifier, mc, measures={"gain": sl.measure.gain("v(d1)")}, store=tmp_path / "s"
        )
        .run(serial)
        .wait(300)
    )
    ds = run.dataset
    assert not np.allclose(ds["M1.w"] / 10e-6, ds["M2.w"] / 20e-6)
    assert np.allclose(ds["R1"] / 2e3, ds["R2"] / 1e3)


def test_a_stray_spiceinit_changes_nothing(tmp_path, serial, monkeypatch):
    def gain(store):
        campaign = sl.Campaign(
            sl.Circuit(RC),
            sl.Sweep({"R1": [1e3, 2e3]}),
            measures={"f": sl.measure.bandwidth("v(out)")},
            store=store,
        )
        return campaign.run(serial).wait(60).dataset["f"].values.tobytes()

    before = gain(tmp_path / "before")
    home = tmp_path / "home"
    home.mkdir()
    (home / ".spiceinit").write_text("set ngbehavior=ltpsa\noption temp=200\noption reltol=0.1\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)
    assert gain(tmp_path / "after") == before


def test_an_html_tag_in_a_node_name_is_text_everywhere(tmp_path, serial):
    node = "<b>out</b>"
    text = RC.replace("out", node)
    campaign = sl.Campaign(
        sl.Circuit(text),
        sl.MonteCarlo(5, {"R1": sl.Normal(rel=0.05)}, seed=1),
        measures={"f3db": sl.measure.bandwidth(f"v({node})")},
        specs={"f3db": sl.Spec(min=1600.0)},
        keep=[f"v({node})"],
        store=tmp_path / "s",
    )
    run = campaign.run(serial).wait(60)
    assert run.waveforms["ac"][f"v({node})"].shape == (5, 501)
    page = run.report(tmp_path / "report.html").read_text()
    for shown in (page, run._repr_html_(), sl.Circuit(text)._repr_html_()):
        assert "<b>" not in shown


def test_an_included_file_outside_the_allowed_folders_is_refused(tmp_path):
    outside = tmp_path / "outside"
    inside = tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "r.inc").write_text("R1 in out 1k\n")
    deck = inside / "deck.cir"
    deck.write_text(RC.replace("R1 in out 1k", ".include ../outside/r.inc"))
    with pytest.raises(IncludeError, match=r"line 3.*include_paths"):
        sl.Circuit(deck)
    allowed = sl.Circuit(deck, include_paths=[outside])
    assert any(path.endswith("r.inc") for path in allowed.files)
    (outside / "r.inc").unlink()
    with pytest.raises(IncludeError, match="line 3"):
        sl.Circuit(deck, include_paths=[outside])


def test_kept_waveforms_are_measured_again_without_simulating(tmp_path, serial):
    campaign = sl.Campaign(
        sl.Circuit(RC),
        sl.MonteCarlo(10, {"R1": sl.Normal(rel=0.05)}, seed=1),
        measures={"f3db": sl.measure.bandwidth("v(out)")},
        keep=["v(out)"],
        store=tmp_path / "s",
    )
    run = campaign.run(serial).wait(60)
    more = run.measure(
        {
            "again": sl.measure.bandwidth("v(out)"),
            "last": lambda out: abs(out["ac"]["v(out)"]).isel(frequency=-1),
        }
    )
    assert more["again"].values.tobytes() == run.dataset["f3db"].values.tobytes()
    assert more["again"].attrs["units"] == "Hz"
    expected = abs(run.waveforms["ac"]["v(out)"].isel(frequency=-1).values)
    assert np.array_equal(more["last"].values, expected)


def test_noise_is_measured_and_kept_beside_other_analyses(tmp_path, serial):
    text = RC.replace(
        ".ac dec 100 10 1meg", ".op\n.ac dec 5 10 1meg\n.noise v(out) V1 dec 10 10 1meg"
    )
    campaign = sl.Campaign(
        sl.Circuit(text),
        sl.MonteCarlo(4, {"R1": sl.Normal(rel=0.05)}, seed=1),
        measures={
            "noise": sl.measure.integrated_noise(),
            "f3db": sl.measure.bandwidth("v(out)"),
        },
        keep=["onoise_spectrum", "v(out)"],
        store=tmp_path / "s",
    )
    run = campaign.run(serial).wait(60)
    assert run.progress.failed == 0
    # kT/C of 100 nF at 27 degrees Celsius, nearly all of it within the band.
    expected = np.sqrt(1.380649e-23 * 300.15 / 100e-9)
    assert np.allclose(run.dataset["noise"], expected, rtol=0.02)
    assert run.waveforms["noise"]["onoise_spectrum"].shape == (4, 51)
    assert run.waveforms["ac"]["v(out)"].shape[0] == 4


def test_what_cannot_be_simulated_at_all_is_refused_before_it_starts(tmp_path, serial):
    campaign = sl.Campaign(
        sl.Circuit(RC),
        sl.MonteCarlo(50, {"R1": sl.Normal(rel=0.05)}, seed=1),
        measures={"current": sl.measure.gain("i(r1)")},
        store=tmp_path / "s",
    )
    with pytest.raises(SimulationError, match=r"Neither the nominal circuit.*i\(r1\)"):
        campaign.run(serial)
    assert not (tmp_path / "s").exists()


def test_the_name_of_a_circuit_or_its_file_changes_no_plan(tmp_path):
    def digest(circuit):
        return sl.Campaign(
            circuit,
            sl.Sweep({"R1": [1e3]}),
            measures={"f3db": sl.measure.bandwidth("v(out)")},
        ).plan.digest

    (tmp_path / "a.cir").write_text(RC)
    (tmp_path / "b.cir").write_text(RC)
    circuits = [sl.Circuit(tmp_path / "a.cir"), sl.Circuit(tmp_path / "b.cir"), sl.Circuit(RC)]
    assert len({digest(c) for c in [*circuits, sl.Circuit(RC, name="other")]}) == 1


def test_a_difference_can_be_measured_but_not_kept(tmp_path):
    with pytest.raises(CampaignError, match=r"keep v\(in\) and v\(out\)"):
        sl.Campaign(
            sl.Circuit(RC),
            sl.Sweep({"R1": [1e3]}),
            measures={"g": sl.measure.gain("v(in,out)")},
            keep=["v(in,out)"],
        )
