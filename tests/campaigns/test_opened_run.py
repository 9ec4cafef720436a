"""A run opened from its store, without the Python functions that made it."""

import pytest

import spicelab_nb as sl
from spicelab_nb import errors
from spicelab_nb.campaigns.task import ChunkTask
from spicelab_nb.circuits import CircuitNotice
from spicelab_nb.executors.executor import Chunk
from spicelab_nb.results.store import Store

RC = "* rc\nV1 in 0 ac 1\nR1 in out 1k\nC1 out 0 100n\n.ac dec 10 10 1meg\n.end\n"


def test_a_circuit_with_python_measures_is_in_the_store(tmp_path, serial):
    peak = {"peak": lambda out: float(abs(out["ac"]["v(out)"]).max())}
    campaign = sl.Campaign(
        sl.Circuit(RC),
        sl.MonteCarlo(4, {"R1": sl.Normal(rel=0.05)}, seed=1),
        measures=peak,
        store=tmp_path / "s",
    )
    made = campaign.run(serial).wait(60)
    run = sl.open_run(tmp_path / "s")
    assert run.circuit(2).netlist() == made.circuit(2).netlist()
    assert run.resume().progress.state == "done"
    with pytest.raises(errors.CampaignError, match="measures="):
        run.nominal  # noqa: B018
    assert run.resume(measures=peak).nominal["peak"] == pytest.approx(1.0, abs=1e-3)


def test_progress_follows_what_another_kernel_adds(tmp_path):
    campaign = sl.Campaign(
        lambda x: x, sl.MonteCarlo(10, {"x": sl.Normal(mean=0, sd=1)}), store=tmp_path / "s"
    )
    Store.open(campaign.store, create=True).create(campaign.plan, 10)
    task = ChunkTask(
        simulator=campaign.simulator,
        design=campaign.design,
        store=campaign.store,
        plan_digest=campaign.plan.digest,
    )
    run = sl.open_run(campaign.store)
    assert (run.progress.done, run.progress.state) == (0, "partial")
    task(Chunk(0, 4))
    assert run.progress.done == 4
    task(Chunk(4, 10))
    assert (run.progress.done, run.progress.state) == (10, "done")


def test_the_circuit_of_a_point_draws_what_the_point_drew(tmp_path, serial):
    """It drew those of seed 1 for every point, so that an outlier could not be looked at."""
    deck = RC.replace("1k", "{agauss(1k, 100, 1)}")
    measures = {
        "bw": sl.measure.bandwidth("v(out)"),
        "by_hand": lambda out: float(abs(out["ac"]["v(out)"][20])),
    }
    with pytest.warns(CircuitNotice, match="numbers of its own"):
        circuit = sl.Circuit(deck)
    campaign = sl.Campaign(
        circuit, sl.MonteCarlo(5, {}, seed=3), measures=measures, store=tmp_path / "s"
    )
    run = campaign.run(serial).wait(60)
    assert len(set(run.dataset["by_hand"].values.tolist())) == 5
    for i in range(5):
        again = run.circuit(i).simulate()
        assert measures["by_hand"](again) == run.dataset["by_hand"].values[i]
    assert run.circuit(1).digest == run.circuit(2).digest
