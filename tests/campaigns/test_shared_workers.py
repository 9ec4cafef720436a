"""Runs that share workers, a store, or both."""

import shutil

import numpy as np
import pytest

import spicelab_nb as sl
from spicelab_nb import errors
from spicelab_nb.results.store import Store


def slow(x):
    import time

    time.sleep(0.02)
    return {"y": 2 * x}


def double(x):
    return {"y": 2 * x}


def triple(x):
    return {"y": 3 * x}


def normal_x(n):
    return sl.MonteCarlo(n, {"x": sl.Normal(mean=0.0, sd=1.0)}, seed=1)


def test_a_folder_may_be_removed_and_used_for_another_plan(tmp_path, local_pair):
    """A worker that had the folder open wrote the plan before it, and no run ever ended."""
    store = tmp_path / "s"
    sl.Campaign(double, normal_x(20), store=store).run(local_pair, chunk_length=2).wait(60)
    shutil.rmtree(store)
    run = sl.Campaign(triple, normal_x(20), store=store).run(local_pair, chunk_length=2).wait(60)
    assert np.array_equal(run.dataset["y"], 3 * run.dataset["x"])


def test_a_run_and_its_extension_beside_one_another(tmp_path, local_pair):
    store = tmp_path / "s"
    small = sl.Campaign(slow, normal_x(60), store=store).run(local_pair, chunk_length=4)
    large = sl.Campaign(slow, normal_x(100), store=store).run(local_pair, chunk_length=7)
    assert small.wait(60).progress.done == 60
    assert large.wait(60).progress.done == 100
    assert small.dataset["y"].equals(large.dataset["y"][:60])


def test_a_store_that_lists_nothing_ends_the_run(tmp_path, serial, monkeypatch):
    monkeypatch.setattr(Store, "chunks", lambda self: [])
    run = sl.Campaign(double, normal_x(6), store=tmp_path / "s").run(serial, chunk_length=3)
    with pytest.raises(errors.StoreError, match="does not list them"):
        run.wait(60)


@pytest.mark.parametrize("again", ["run", "resume"])
def test_going_on_right_after_a_cancel(tmp_path, serial, again):
    campaign = sl.Campaign(slow, normal_x(30), store=tmp_path / "s")
    run = campaign.run(serial, chunk_length=2)
    run.cancel()
    run = campaign.run(serial) if again == "run" else run.resume(serial)
    progress = run.wait(60).progress
    assert (progress.state, progress.done) == ("done", 30)


def test_a_store_that_another_run_consolidates_does_not_fail_a_run(tmp_path, serial, monkeypatch):
    monkeypatch.setattr("spicelab_nb.campaigns.starting.CONSOLIDATION_SECONDS", 0.0)
    store = tmp_path / "s"
    campaign = sl.Campaign(double, normal_x(6), store=store)
    Store.open(store, create=True).create(campaign.plan, 6)
    with Store.open(store, create=False).lock():
        assert campaign.run(serial).wait(60).progress.state == "done"
        assert campaign.run(serial).dataset["y"].notnull().all()
    assert not (store / "dataset.zarr").exists()
    campaign.run(serial)
    assert (store / "dataset.zarr").exists()
