"""``run.explore()``: a run's own store and engine under the linked views."""

import numpy as np
import pytest

import spicelab_nb as sl
from spicelab_nb.explorer.linked.bundle import read_bundle

pytest.importorskip("panel")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A run that kept v(out), opened from its store."""
    rc = sl.Circuit(
        "RC\nV1 in 0 dc 0 ac 1\nR1 in out 1k\nC1 out 0 100n\n.ac dec 10 10 1meg\n.end\n"
    )
    campaign = sl.Campaign(
        rc,
        sl.MonteCarlo(40, {"R1": sl.Normal(rel=0.05), "C1": sl.Normal(rel=0.05)}, seed=1),
        measures={"f3db": sl.measure.bandwidth("v(out)")},
        specs={"f3db": sl.Spec(min=1450, max=1750, unit="Hz")},
        keep=["v(out)"],
        name="rc",
        store=str(tmp_path_factory.mktemp("runs") / "rc"),
    )
    with sl.cluster("serial") as cluster:
        return sl.open_run(campaign.run(cluster).wait().store)


def test_waveforms_are_read_when_they_are_looked_at(kept, monkeypatch):
    read = []
    monkeypatch.setattr(
        "spicelab_nb.explorer.linked.scene.read_bundle",
        lambda wave, **options: read.append(wave) or read_bundle(wave, **options),
    )
    explorer = kept.explore()
    assert "waveforms v(out) of ac" in repr(explorer)
    assert read == []
    page = explorer.page()
    page.open_tab("Bode")
    # Magnitude once for both tabs, and the phase; the array itself stays in the store.
    assert len(read) == 2
    assert not any(wave.variable._in_memory for wave in read)


def test_the_outlier_is_simulated_again_with_every_signal(kept):
    explorer = kept.explore("f3db")
    page = explorer.page()
    page.worst.clicks += 1
    (point,) = explorer.selection.points
    page.simulate.clicks += 1
    assert not page.complaint.visible, page.complaint.object
    out = explorer.resimulated[point]
    assert {"v(in)", "v(out)", "i(v1)"} <= set(out["ac"].data_vars)
    stored = kept.waveforms["ac"]["v(out)"].isel(sample=point).values
    assert np.allclose(out["ac"]["v(out)"].values, stored)


def test_a_run_that_kept_nothing_says_how_to_keep(make_failing, tmp_path, serial):
    run = make_failing(str(tmp_path / "failing"), n=12).run(serial).wait()
    page = run.explore().page()
    assert "keep=[" in page.waveforms.open().object
    failed = int((run.dataset["status"] != 0).sum())
    assert failed > 0
    page.open_tab("Samples")
    samples = page.tabs[page._tabs.active]
    samples.which.value = "failed"
    assert len(samples.source.data["reason"]) == failed
    assert all(samples.source.data["reason"])
    assert not page.complaint.visible, page.complaint.object


def test_a_failed_sample_simulated_again_shows_why(make_failing, tmp_path, serial):
    run = make_failing(str(tmp_path / "failing"), n=12).run(serial).wait()
    explorer = run.explore()
    page = explorer.page()
    (point, *_) = np.flatnonzero(run.dataset["status"].values != 0)
    explorer.selection.replace([point])
    page.simulate.clicks += 1
    assert page.complaint.visible
    assert "SimulationError" in page.complaint.object


def test_a_function_has_nothing_to_simulate_again(tmp_path, serial):
    def line(x):
        return {"y": 2 * x}

    samples = sl.MonteCarlo(10, {"x": sl.Normal(mean=0.0, sd=1.0)})
    run = sl.Campaign(line, samples, store=str(tmp_path / "line")).run(serial).wait()
    explorer = run.explore()
    page = explorer.page()
    explorer.selection.replace([1])
    assert page.simulate.disabled
    assert "A function keeps no waveforms" in page.waveforms.open().object


def test_a_sweep_is_explored(tmp_path, serial):
    rc = sl.Circuit(
        "RC\nV1 in 0 dc 0 ac 1\nR1 in out 1k\nC1 out 0 100n\n.ac dec 10 10 1meg\n.end\n"
    )
    grid = sl.Sweep({"R1": [1e3, 2e3, 3e3], "C1": [1e-7, 2e-7, 4e-7]})
    run = sl.Campaign(
        rc,
        grid,
        measures={"f3db": sl.measure.bandwidth("v(out)")},
        keep=["v(out)"],
        store=str(tmp_path / "grid"),
    )
    explorer = run.run(serial).wait().explore()
    page = explorer.page()
    page.open_tab("Response surface")
    explorer.selection.replace([4])
    assert page.waveforms.plots[0].labels.data["label"] == ["R1 2000, C1 2e-07"]
    assert not page.complaint.visible, page.complaint.object


def test_no_such_measure(kept):
    with pytest.raises(sl.errors.MeasureError, match="Did you mean f3db"):
        kept.explore("f3bd")


@pytest.mark.parametrize("engine", [pytest.param("ngspice", marks=pytest.mark.ngspice), "neospice"])
def test_a_sample_is_simulated_again_by_the_engine_that_computed_it(tmp_path, monkeypatch, engine):
    rc = sl.Circuit("rc\nV1 in 0 ac 1\nR1 in out 1k\nC1 out 0 1u\n.ac dec 5 10 1k\n.end\n")
    campaign = sl.Campaign(
        rc,
        sl.MonteCarlo(4, {"R1": sl.Normal(rel=0.1)}),
        measures={"f3db": sl.measure.bandwidth("v(out)")},
        engine=engine,
        store=tmp_path / "s",
    )
    with sl.cluster("serial") as cluster:
        run = campaign.run(cluster).wait(60)
    asked = []
    simulate = sl.Circuit.simulate

    def noted(circuit, *args, **options):
        asked.append(options.get("engine"))
        return simulate(circuit, *args, **options)

    monkeypatch.setattr(sl.Circuit, "simulate", noted)
    assert "v(out)" in sl.open_run(run.store).explore().resimulate(2)["ac"]
    assert asked == [engine]
