"""Same plan, same platform, same bits, on Ray: kills and resumes as on Dask and in one process."""

import os
import signal
import subprocess
import sys
import textwrap

import psutil
import pytest

import spicelab_nb as sl
from spicelab_nb.results.store import Store

pytestmark = [pytest.mark.ray, pytest.mark.ngspice]


@pytest.fixture(scope="module")
def ray_pair():
    """A Ray of two workers, shared by this module's tests."""
    with sl.cluster("ray", workers=2, name="ray-bits") as cluster:
        yield cluster


@pytest.fixture
def undisturbed(case, tmp_path, serial):
    return case(tmp_path / "undisturbed").run(serial).wait(300).dataset


@pytest.fixture
def undisturbed_long(long_case, tmp_path, serial):
    return long_case(tmp_path / "undisturbed").run(serial).wait(300).dataset


def test_on_two_workers_in_any_chunks(case, undisturbed, tmp_path, ray_pair, bits_of):
    ray_pair.wait(2)
    for length in (None, 7):
        run = case(tmp_path / f"ray-{length}").run(ray_pair, chunk_length=length).wait(300)
        assert bits_of(run.dataset) == bits_of(undisturbed)


def test_as_on_dask(make_rc, tmp_path, ray_pair, local_pair, bits_of):
    ray_pair.wait(2)
    here = make_rc(tmp_path / "ray").run(ray_pair).wait(300)
    there = make_rc(tmp_path / "dask").run(local_pair).wait(300)
    assert bits_of(here.dataset) == bits_of(there.dataset)


def test_after_a_worker_was_killed(
    long_case, undisturbed_long, tmp_path, wait_until, ray_pair, bits_of
):
    ray_pair.wait(2)
    campaign = long_case(tmp_path / "killed")
    _ = campaign.plan
    before = set(ray_pair._launcher.worker_pids)
    run = campaign.run(ray_pair, chunk_length=2)
    store = Store.open(campaign.store, create=False)
    wait_until(lambda: len(store.chunks()) >= 3, what="the first chunks")
    os.kill(min(before), signal.SIGKILL)
    assert store.gaps(run.design.size), "the kill came too late to show anything"
    run.wait(300)
    wait_until(lambda: len(set(ray_pair._launcher.worker_pids) - before) == 1)
    assert bits_of(run.dataset) == bits_of(undisturbed_long)
    assert run.progress.failed == int((undisturbed_long["status"] != 0).sum())


KERNEL = """
    import importlib.util, sys
    import spicelab_nb as sl
    spec = importlib.util.spec_from_file_location("cases", sys.argv[1])
    cases = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(cases)
    cluster = sl.cluster("ray", workers=2)
    name, place = sys.argv[2:]
    campaign = cases.CASES[name](place, n=cases.LONG[name])
    run = campaign.run(cluster, chunk_length=2)
    print("running", flush=True)
    run.wait()
    print("done", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("long_case", ["rc"], indirect=True)
def test_after_the_kernel_was_killed_and_resumed_in_another_process(
    long_case, request, undisturbed_long, tmp_path, ray_pair, wait_until, bits_of
):
    place = tmp_path / "orphaned"
    kernel = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(KERNEL),
            str(request.path.with_name("conftest.py")),
            "rc",
            str(place),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert kernel.stdout.readline() == "running\n"
        store = wait_until(lambda: opened(place), what="the store")
        wait_until(lambda: len(store.chunks()) >= 3, what="the first chunks")
        children = psutil.Process(kernel.pid).children(recursive=True)
        raylets = [child for child in children if child.is_running() and "raylet" in child.name()]
        assert raylets
        kernel.kill()
        kernel.wait(30)
        _, alive = psutil.wait_procs(children, timeout=60)
        assert not alive, f"left behind by the kernel: {alive}"
    finally:
        kernel.kill()
        kernel.communicate()
    gaps = store.gaps()
    assert store.chunks(), "the kill came too early to show anything"
    assert gaps, "the kill came too late to show anything"
    ray_pair.wait(2)
    run = sl.open_run(place)
    assert run.progress.state == "partial"
    run.resume(ray_pair).wait(300)
    assert bits_of(run.dataset) == bits_of(undisturbed_long)


def opened(place):
    try:
        return Store.open(place, create=False)
    except OSError:
        return None


def poisonous(x, seed):
    """Ends its process, without a word, on one value."""
    del seed
    if x == 17:
        os._exit(17)
    return 2.0 * x


def test_a_poison_sample_is_recorded_as_crashed_and_the_rest_computed(tmp_path, ray_pair):
    ray_pair.wait(2)
    campaign = sl.Campaign(
        poisonous,
        sl.Sweep({"x": [float(x) for x in range(40)]}),
        name="poison",
        store=tmp_path / "poison",
    )
    run = campaign.run(ray_pair, chunk_length=10).wait(300)
    assert run.progress.state == "done"
    status = run.dataset["status"]
    assert status.where(status != 0, drop=True)["x"].values.tolist() == [17.0]
    assert int(status.sel(x=17.0)) == 3
    (row,) = run.failures.to_dict("records")
    assert "died" in row["reason"]
