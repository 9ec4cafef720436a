"""What a person may get wrong is said before anything starts."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

import spicelab_nb as sl
from spicelab_nb import errors

RC = "* rc\nV1 in 0 ac 1\nR1 in out 1k\nC1 out 0 100n\n.ac dec 10 10 1meg\n.end\n"
F3DB = {"f3db": sl.measure.bandwidth("v(out)")}


def mc(n=10, **distributions):
    return sl.MonteCarlo(n, distributions or {"R1": sl.Normal(rel=0.1)}, seed=1)


def square(x):
    return {"y": x * x}


def test_an_unknown_parameter_lists_the_nearest_names():
    with pytest.raises(errors.UnknownNameError, match="R1"):
        sl.Campaign(sl.Circuit(RC), mc(R11=sl.Normal(rel=0.1)), measures=F3DB)


def test_a_spec_for_no_measure_lists_the_nearest():
    with pytest.raises(errors.SpecError, match=r"'f3d' judges no measure.*f3db"):
        sl.Campaign(sl.Circuit(RC), mc(), measures=F3DB, specs={"f3d": sl.Spec(min=1)})


def test_a_spec_must_be_a_spec():
    with pytest.raises(errors.SpecError, match=r"sl\.Spec"):
        sl.Campaign(sl.Circuit(RC), mc(), measures=F3DB, specs={"f3db": (1, 2)})


@pytest.mark.parametrize("name", ["sample", "status", "corner", "R1"])
def test_reserved_measure_names_are_refused(name):
    with pytest.raises(errors.CampaignError, match=name):
        sl.Campaign(sl.Circuit(RC), mc(), measures={name: sl.measure.bandwidth("v(out)")})


@pytest.mark.parametrize("name", ["", " "])
def test_a_measure_without_a_name_is_refused_before_anything_runs(name):
    with pytest.raises(errors.CampaignError, match="needs a name"):
        sl.Campaign(sl.Circuit(RC), mc(), measures={name: sl.measure.bandwidth("v(out)")})


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf"), "60", True])
def test_a_time_limit_that_is_none_is_refused(limit):
    with pytest.raises(errors.CampaignError, match="seconds above 0"):
        sl.Campaign(sl.Circuit(RC), mc(), measures=F3DB, cpu_limit=limit)


def test_a_measure_of_a_node_that_is_not_there_lists_the_nearest():
    with pytest.raises(errors.MeasureError, match=r"no node 'outt'.*out"):
        sl.Campaign(sl.Circuit(RC), mc(), measures={"f": sl.measure.bandwidth("v(outt)")})


def test_a_kept_signal_of_a_node_that_is_not_there():
    with pytest.raises(errors.MeasureError, match="no node 'o'"):
        sl.Campaign(sl.Circuit(RC), mc(), measures=F3DB, keep=["v(o)"])


def test_without_measures_and_kept_signals_nothing_would_be_left():
    with pytest.raises(errors.CampaignError, match="Nothing would be left"):
        sl.Campaign(sl.Circuit(RC), mc())


def test_a_circuit_without_an_analysis():
    with pytest.raises(errors.MeasureError, match="no analysis"):
        sl.Campaign(sl.Circuit(RC.replace(".ac dec 10 10 1meg\n", "")), mc(), measures=F3DB)


@pytest.mark.parametrize("n", [0, -1, 1.5])
def test_a_number_of_samples_that_is_none(n):
    with pytest.raises(errors.SamplingError):
        sl.MonteCarlo(n, {"R1": sl.Normal(rel=0.1)})


def test_an_empty_sweep():
    with pytest.raises(errors.SamplingError):
        sl.Sweep({"R1": []})


def test_a_negative_standard_deviation():
    with pytest.raises(errors.SamplingError, match="sd"):
        sl.Normal(sd=-1.0)


def test_the_second_argument_must_be_a_design():
    with pytest.raises(errors.CampaignError, match=r"sl\.MonteCarlo"):
        sl.Campaign(square, {"x": [1, 2]})


def test_the_first_argument_must_be_something_that_simulates():
    with pytest.raises(errors.CampaignError, match=r"sl\.Circuit"):
        sl.Campaign(42, mc())


def test_a_function_whose_arguments_are_not_all_given():
    def f(x, y):
        return x + y

    with pytest.raises(errors.CampaignError, match="needs y"):
        sl.Campaign(f, mc(x=sl.Normal(mean=0, sd=1)))


def test_an_unknown_engine_names_those_there_are():
    campaign = sl.Campaign(sl.Circuit(RC), mc(), measures=F3DB, engine="hspice")
    with pytest.raises(errors.EngineNotFoundError, match="ngspice"):
        _ = campaign.plan


def test_an_explicit_store_with_another_plan_is_refused_and_the_difference_named(tmp_path, serial):
    design = sl.MonteCarlo(5, {"x": sl.Normal(mean=0, sd=1)}, seed=1)
    sl.Campaign(square, design, store=tmp_path / "s").run(serial).wait(60)
    other = sl.MonteCarlo(5, {"x": sl.Normal(mean=0, sd=1)}, seed=2)
    with pytest.raises(errors.StoreMismatchError, match="seed"):
        sl.Campaign(square, other, store=tmp_path / "s").run(serial)


def test_specs_and_name_do_not_make_another_campaign():
    design = sl.MonteCarlo(5, {"x": sl.Normal(mean=0, sd=1)}, seed=1)
    plain = sl.Campaign(square, design, measures=["y"])
    judged = sl.Campaign(square, design, measures=["y"], specs={"y": sl.Spec(max=1)}, name="other")
    assert plain.plan.digest == judged.plan.digest


def test_the_order_of_the_mapping_does_not_make_another_campaign():
    def f(x, y):
        return x + y

    a, b = sl.Normal(mean=0, sd=1), sl.Uniform(low=0, high=1)
    one = sl.Campaign(f, sl.MonteCarlo(5, {"x": a, "y": b}))
    two = sl.Campaign(f, sl.MonteCarlo(5, {"y": b, "x": a}))
    assert one.plan.digest == two.plan.digest


def test_an_edited_function_starts_a_new_store_beside_the_old(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def make(source):
        import linecache

        name = f"<cell {hash(source)}>"
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        scope = {}
        exec(compile(source, name, "exec"), scope)
        return scope["f"]

    design = sl.MonteCarlo(5, {"x": sl.Normal(mean=0, sd=1)}, seed=1)
    old = sl.Campaign(make("def f(x):\n    return x\n"), design)
    new = sl.Campaign(make("def f(x):\n    return 2 * x\n"), design)
    same = sl.Campaign(make("def f(x):\n    return x\n"), design)
    assert old.store != new.store
    assert old.store == same.store
    assert old.store.startswith("campaigns/f/")


def test_a_read_only_folder_is_refused_before_anything_starts(tmp_path):
    """As an unprivileged user in a process of its own: root may write anywhere."""
    folder = tmp_path / "locked"
    folder.mkdir()
    script = """
        import os, sys
        import spicelab_nb as sl
        from spicelab_nb.errors import StoreError
        design = sl.MonteCarlo(5, {"x": sl.Normal(mean=0, sd=1)})
        cluster = sl.cluster("serial")
        # Once where it may write, so that everything is imported before rights are given up.
        sl.Campaign(lambda x: x, design, store=sys.argv[1] + "/before").run(cluster).wait()
        campaign = sl.Campaign(lambda x: x, design, store=sys.argv[1] + "/s")
        os.chmod(sys.argv[1], 0o555)
        if os.getuid() == 0:
            os.chmod(os.path.dirname(sys.argv[1]), 0o755)
            os.setgid(65534)
            os.setuid(65534)
        try:
            campaign.run(cluster)
        except StoreError as error:
            print(error, flush=True)
        os._exit(0)
    """
    for parent in tmp_path.parents:
        if parent.stat().st_uid == tmp_path.stat().st_uid and "pytest" in parent.name:
            parent.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert str(folder) in done.stdout


def test_the_dataset_follows_the_conventions(tmp_path, serial):
    design = sl.MonteCarlo(20, {"x": sl.Normal(mean=2.0, sd=1.0)}, seed=1)
    campaign = sl.Campaign(
        square, design, measures={"y": "V"}, specs={"y": sl.Spec(max=5.0)}, store=tmp_path / "s"
    )
    ds = campaign.run(serial).wait(60).dataset
    assert ds["y"].dims == ("sample",)
    assert ds["x"].attrs["role"] == "parameter"
    assert ds["y"].attrs["units"] == "V"
    assert ds["y"].attrs["spec_max"] == 5.0
    assert ds["status"].dtype == np.int8
    assert ds["status"].attrs["flag_meanings"] == "ok failed timeout crashed not_run"
    assert np.array_equal(ds["y"], ds["x"].values ** 2)
