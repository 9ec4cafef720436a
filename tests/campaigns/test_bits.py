"""Same plan, same platform, same bits: whatever cuts, places, kills and resumes there were."""

import os
import signal
import subprocess
import sys
import textwrap

import psutil
import pytest

import spicelab_nb as sl
from spicelab_nb.results.store import Store

pytestmark = pytest.mark.ngspice


def result(campaign, cluster, **options):
    return campaign.run(cluster, **options).wait(300)


@pytest.fixture
def undisturbed(case, tmp_path, serial):
    """The case, run serially in chunks that adapt."""
    return result(case(tmp_path / "undisturbed"), serial).dataset


@pytest.fixture
def undisturbed_long(long_case, tmp_path, serial):
    return result(long_case(tmp_path / "undisturbed"), serial).dataset


@pytest.mark.parametrize("length", [1, 7, 250])
def test_in_chunks_of(case, length, undisturbed, tmp_path, serial, bits_of):
    run = result(case(tmp_path / "cut"), serial, chunk_length=length)
    assert bits_of(run.dataset) == bits_of(undisturbed)


def test_on_one_worker_and_on_two(case, undisturbed, tmp_path, local_pair, bits_of):
    two = result(case(tmp_path / "two"), local_pair)
    assert bits_of(two.dataset) == bits_of(undisturbed)
    with sl.cluster("local", workers=1) as one:
        run = result(case(tmp_path / "one"), one, chunk_length=7)
    assert bits_of(run.dataset) == bits_of(undisturbed)


def test_after_a_worker_was_killed(long_case, undisturbed_long, tmp_path, wait_until, bits_of):
    with sl.cluster("local", workers=2) as cluster:
        campaign = long_case(tmp_path / "killed")
        _ = campaign.plan
        victim = worker_processes(cluster)[0]
        run = campaign.run(cluster, chunk_length=2)
        store = Store.open(campaign.store, create=False)
        wait_until(lambda: len(store.chunks()) >= 3, what="the first chunks")
        victim.send_signal(signal.SIGKILL)
        assert store.gaps(run.design.size), "the kill came too late to show anything"
        run.wait(300)
        victim.wait(30)
    assert bits_of(run.dataset) == bits_of(undisturbed_long)
    assert run.progress.failed == int((undisturbed_long["status"] != 0).sum())


def worker_processes(cluster):
    """Dask's worker processes of a local cluster, by pid."""
    pids = [w["pid"] for w in cluster.client.run(lambda: {"pid": os.getpid()}).values()]
    return [psutil.Process(pid) for pid in pids]


KERNEL = """
    import importlib.util, sys
    import spicelab_nb as sl
    spec = importlib.util.spec_from_file_location("cases", sys.argv[1])
    cases = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(cases)
    cluster = sl.cluster("local", workers=2)
    name, place = sys.argv[2:]
    campaign = cases.CASES[name](place, n=cases.LONG[name])
    run = campaign.run(cluster, chunk_length=2)
    print("running", flush=True)
    run.wait()
    print("done", flush=True)
    sys.stdin.read()
"""


def test_after_the_kernel_was_killed_and_resumed_in_another_process(
    long_case, request, undisturbed_long, tmp_path, serial, wait_until, bits_of
):
    place = tmp_path / "orphaned"
    kernel = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(KERNEL),
            str(request.path.with_name("conftest.py")),
            request.node.callspec.params["long_case"],
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
        kernel.kill()
        kernel.wait(30)
        assert children, "the cluster's processes should have been there"
        _, alive = psutil.wait_procs(children, timeout=60)
        assert not alive, f"left behind by the kernel: {alive}"
    finally:
        kernel.kill()
        kernel.communicate()
    gaps = store.gaps()
    assert store.chunks(), "the kill came too early to show anything"
    assert gaps, "the kill came too late to show anything"

    run = sl.open_run(place)
    assert run.progress.state == "partial"
    assert run.progress.done == run.design.size - sum(b - a for a, b in gaps)
    assert int((run.dataset["status"] == 4).sum()) == sum(b - a for a, b in gaps)
    run.resume(serial).wait(300)
    assert run.progress.state == "done"
    assert bits_of(run.dataset) == bits_of(undisturbed_long)


def opened(place):
    try:
        return Store.open(place, create=False)
    except OSError:
        return None
