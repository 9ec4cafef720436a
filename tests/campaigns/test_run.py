"""What a run does: progress, cancel, resume, growth, losing workers."""

import os
import signal
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

import spicelab_nb as sl
from spicelab_nb import errors
from spicelab_nb.results.store import Store
from spicelab_nb.sampling.points import Points


def normal_x(n, seed=1):
    return sl.MonteCarlo(n, {"x": sl.Normal(mean=0.0, sd=1.0)}, seed=seed)


def double(x):
    return {"y": 2 * x}


def counting(path):
    """A function that leaves a mark for each call, and what counts the marks."""
    name = str(path)

    def counted(x):
        with open(name, "a") as marks:  # noqa: PTH123 - the function must not depend on a Path
            marks.write(".")
        return x

    return counted, lambda: len(path.read_text())


def test_a_second_run_of_a_finished_campaign_runs_nothing(tmp_path, serial):
    counted, calls = counting(tmp_path / "calls")
    campaign = sl.Campaign(counted, normal_x(10), store=tmp_path / "s")
    first = campaign.run(serial).wait(60)
    assert calls() == 10
    again = sl.Campaign(counted, normal_x(10), store=tmp_path / "s").run().wait(60)
    assert calls() == 10
    assert again.progress.state == "done"
    assert again.dataset.identical(first.dataset)


def test_a_campaign_begins_without_drawing_all_of_its_samples(tmp_path, serial, monkeypatch):
    columns = Points.columns
    monkeypatch.setattr(Points, "columns", lambda self: pytest.fail("Every sample is drawn."))
    campaign = sl.Campaign(double, normal_x(10**7), store=tmp_path / "s")
    assert campaign.preview(machines=[]).left == 10**7 - 32
    run = campaign.run(serial)
    run.cancel()
    run.let_cancelled_end()
    monkeypatch.setattr(Points, "columns", columns)
    assert sl.open_run(tmp_path / "s").progress.done >= 32


def test_a_larger_n_extends_and_keeps_what_is_there(tmp_path, serial):
    counted, calls = counting(tmp_path / "calls")
    small = sl.Campaign(counted, normal_x(10), store=tmp_path / "s").run(serial).wait(60)
    small_values = small.dataset["value"].values.copy()
    large = sl.Campaign(counted, normal_x(25), store=tmp_path / "s").run(serial).wait(60)
    assert calls() == 25
    assert large.dataset.sizes["sample"] == 25
    assert large.dataset["value"].values[:10].tobytes() == small_values.tobytes()
    assert sl.Campaign(counted, normal_x(10), store=tmp_path / "s").run().dataset.sizes == {
        "sample": 10
    }


def test_run_returns_at_once_and_progress_moves(tmp_path, serial, wait_until):
    gate = threading.Event()

    def gated(x):
        gate.wait(60)
        return x

    run = sl.Campaign(gated, normal_x(4), store=tmp_path / "s").run(serial, chunk_length=1)
    assert run.active
    assert run.progress.done < 4
    with pytest.raises(TimeoutError, match="goes on"):
        run.wait(0.01)
    gate.set()
    run.wait(60)
    assert run.progress.done == 4
    assert run.progress.eta == 0.0


def test_running_again_while_it_goes_on_gives_the_same_run(tmp_path, serial):
    gate = threading.Event()

    def gated(x):
        gate.wait(60)
        return x

    campaign = sl.Campaign(gated, normal_x(3), store=tmp_path / "s")
    run = campaign.run(serial, chunk_length=1)
    assert campaign.run(serial) is run
    gate.set()
    run.wait(60)


def test_cancel_keeps_what_is_finished_and_resume_completes(tmp_path, serial, wait_until):
    gate = threading.Semaphore(3)

    def gated(x):
        assert gate.acquire(timeout=60)
        return x

    campaign = sl.Campaign(gated, normal_x(8), store=tmp_path / "s")
    run = campaign.run(serial, chunk_length=1)
    wait_until(lambda: run.progress.done == 3)
    run.cancel()
    gate.release()
    run.wait(60)
    assert run.progress.state == "cancelled"
    done = run.progress.done
    assert 3 <= done < 8
    for _ in range(8):
        gate.release()
    run.resume(serial).wait(60)
    assert run.progress.done == 8
    assert run.progress.state == "done"


def test_failures_are_a_table_with_reasons(tmp_path, serial):
    def picky(x):
        if x > 0:
            raise ValueError(f"{x:.3f} is positive")
        return x

    run = sl.Campaign(picky, normal_x(20), store=tmp_path / "s").run(serial).wait(60)
    bad = run.dataset["x"].values > 0
    table = run.failures
    assert sorted(table["sample"]) == np.flatnonzero(bad).tolist()
    assert table["reason"].str.contains("is positive").all()
    assert run.progress.failed == bad.sum()
    told = f"Why they failed: {bad.sum()} x ValueError: ... is positive [function]"
    assert told in repr(run.summary())
    assert np.isnan(run.dataset["value"].values[bad]).all()


def test_open_run_in_another_kernel_shows_the_same(tmp_path, serial):
    campaign = sl.Campaign(
        double, normal_x(12), specs={"y": sl.Spec(max=1.0)}, measures=["y"], store=tmp_path / "s"
    )
    run = campaign.run(serial).wait(60)
    again = sl.open_run(tmp_path / "s")
    assert again.name == run.name
    assert again.specs == run.specs
    assert again.dataset.identical(run.dataset)
    assert repr(again.summary()) == repr(run.summary())


def test_resuming_a_function_needs_the_same_function(tmp_path, serial):
    gate = threading.Semaphore(2)

    def gated(x):
        assert gate.acquire(timeout=60)
        return x

    campaign = sl.Campaign(lambda x: x + 1, normal_x(5), store=tmp_path / "s")
    store = Store.open(tmp_path / "s", create=True)
    store.create(campaign.plan, 5)
    stranger = sl.open_run(tmp_path / "s")
    with pytest.raises(errors.CampaignError, match="simulator="):
        stranger.resume(serial)
    with pytest.raises(errors.CampaignError, match="differ"):
        stranger.resume(serial, simulator=lambda x: x + 2)
    stranger.resume(serial, simulator=campaign.simulator.function).wait(60)
    assert stranger.progress.state == "done"


def test_nothing_at_that_place(tmp_path):
    with pytest.raises(errors.StoreError, match="nowhere"):
        sl.open_run(tmp_path / "nowhere")


def suicidal(x, poison):
    """End the worker's process on one sample, as a crash in a C library would."""
    if x == poison:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"y": 2 * x}


def test_a_sample_that_kills_its_worker_each_time_is_recorded_and_the_rest_is_there(tmp_path):
    design = normal_x(12)
    values = design.bind(sl.Campaign(double, design).simulator.space).draw(0, 12)["x"]
    poison = float(values[7])

    def poisoned(x):
        return suicidal(x, poison)

    with sl.cluster("local", workers=2) as cluster:
        run = sl.Campaign(poisoned, design, store=tmp_path / "s").run(cluster, chunk_length=4)
        run.wait(300)
    assert run.progress.state == "done"
    status = run.dataset["status"].values
    assert status[7] == 3
    assert (np.delete(status, 7) == 0).all()
    assert np.array_equal(np.delete(run.dataset["y"].values, 7), 2 * np.delete(values, 7))
    (row,) = run.failures.to_dict("records")
    assert row["sample"] == 7
    assert "worker" in row["reason"]


def test_values_and_labels_name_a_point(tmp_path, serial):
    def product(a, b):
        return a * b

    run = (
        sl.Campaign(
            product, sl.Sweep({"a": [1.0, 2.0], "b": [3.0, 5.0, 7.0]}), store=tmp_path / "s"
        )
        .run(serial)
        .wait(60)
    )
    assert run.values(a=2.0, b=5.0) == {"a": 2.0, "b": 5.0}
    assert run.values(point=4) == {"a": 2.0, "b": 5.0}
    with pytest.raises(errors.CampaignError, match=r"over a, b.*a=1\.0, b=3\.0"):
        run.values(4)
    with pytest.raises(errors.CampaignError, match="0 to 5"):
        run.values(point=6)
    assert float(run.dataset["value"].sel(a=2.0, b=5.0)) == 10.0
    with pytest.raises(errors.CampaignError, match="no value"):
        run.values(a=9.0, b=5.0)
    with pytest.raises(errors.CampaignError, match="which b"):
        run.values(a=2.0)


def test_a_script_without_a_main_guard_runs(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import spicelab_nb as sl

            def f(x):
                return x + 1

            cluster = sl.cluster("local", workers=1)
            mc = sl.MonteCarlo(50, {"x": sl.Normal(mean=0, sd=1)}, seed=1)
            run = sl.Campaign(f, mc, store="here").run(cluster).wait()
            print(run.progress.state, int((run.dataset["status"] == 0).sum()))
            """
        )
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout == "done 50\n", done.stderr


def test_the_cluster_s_record_knows_the_campaign(tmp_path, serial, wait_until):
    sl.Campaign(double, normal_x(5), name="mine", store=tmp_path / "s").run(serial).wait(60)

    def noted():
        (record,) = [r for r in sl.list_clusters() if r.id == serial.id]
        return any("mine" in str(c) for c in record.campaigns)

    wait_until(noted, what="the record to name the campaign")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte, and what makes it larger."""
    if os.getuid() != 0:
        pytest.skip("only root can mount a small file system to fill")
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options):
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)

    mount("size=1m")
    yield place, lambda: mount("remount,size=64m")
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_fills_half_way_loses_nothing_and_the_run_goes_on_later(small_disk, serial):
    place, enlarge = small_disk

    def bulky(x):
        import xarray as xr

        return xr.Dataset({"y": 2 * x, "trace": ("time", np.full(2000, x))})

    campaign = sl.Campaign(bulky, normal_x(120), store=place / "s")
    run = campaign.run(serial, chunk_length=5)
    with pytest.raises(errors.StoreError, match=str(place)):
        run.wait(120)
    kept = run.progress.done
    assert 0 < kept < 120
    assert run.progress.state == "failed"
    assert int((run.dataset["status"] == 0).sum()) == kept
    enlarge()
    again = campaign.run(serial).wait(120)
    assert again.progress.state == "done"
    assert np.array_equal(again.dataset["y"], 2 * again.dataset["x"])
    assert (again.waveforms["out"]["trace"].isel(time=3) == again.dataset["x"]).all()


def test_a_cluster_is_given_itself_or_by_its_name(tmp_path, serial):
    campaign = sl.Campaign(double, normal_x(5), store=tmp_path / "s")
    with pytest.raises(errors.CampaignError, match=r"takes a cluster.*not 2"):
        campaign.run(2)
    with pytest.raises(errors.ClusterNotFoundError, match="nosuch"):
        campaign.run("nosuch")
    assert campaign.run(serial.name).wait(60).progress.state == "done"


def test_a_closed_cluster_is_refused_at_once(tmp_path):
    gone = sl.cluster("serial")
    gone.close()
    with pytest.raises(errors.ClusterError, match="closed"):
        sl.Campaign(double, normal_x(5), store=tmp_path / "s").run(gone)


def test_a_store_in_memory_needs_a_cluster_in_this_process(serial):
    campaign = sl.Campaign(double, normal_x(5), store="memory://needs-serial")
    run = campaign.run(serial).wait(60)
    assert run.progress.state == "done"
    other = sl.Campaign(double, normal_x(6), store="memory://needs-serial-too")
    with (
        sl.cluster("local", workers=1) as cluster,
        pytest.raises(errors.CampaignError, match="memory"),
    ):
        other.run(cluster)
