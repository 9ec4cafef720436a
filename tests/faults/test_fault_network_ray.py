"""The network between the machines of a Ray, cut in namespaces of the test's own.

A kernel uses a Ray through its own machine's node, so that there are two nodes: one at each end.
"""

import threading

import network
import pytest
import ray_nodes
import scenes

import spicelab_nb as sl

WHY_NOT = network.why_not()

pytestmark = [pytest.mark.ngspice, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]

SECONDS = 3.0
"""How long a cut is that a connection survives."""


@pytest.fixture
def cable():
    made = network.Cable()
    yield made
    made.close()


@pytest.fixture
def nodes(cable, monkeypatch):
    made = ray_nodes.Nodes(cable)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    yield made
    made.close()


def begin(cable, head, place, workers, wait_until):
    """A kernel at the near end that is half done, and its store."""
    kernel = scenes.start_kernel(
        "ray", "circuit", place, prefix=cable.near, address=head, workers=workers, timeout=120
    )
    assert kernel.stdout.readline().startswith("running")
    store = wait_until(lambda: scenes.opened(place), what="the store")
    wait_until(lambda: len(store.chunks()) >= 3 or kernel.poll(), what="the first chunks")
    return kernel, store


def far_head(cable, nodes, wait_until):
    """A head and two processors at the far end, and a node without any at the near end."""
    head = nodes.head(cable.far, network.FAR, cpus=2)
    wait_until(lambda: nodes.alive(cable.far, head) == [network.FAR], limit=120, what="the head")
    nodes.join(cable.near, network.NEAR, head, cpus=0)
    wait_until(
        lambda: network.NEAR in nodes.alive(cable.near, head), limit=120, what="the near node"
    )
    return head


@pytest.mark.fault("cut", kinds=("ray",))
def test_a_cut_to_the_head_that_heals(kind, cable, nodes, tmp_path, wait_until, cell, same_bits):
    head = far_head(cable, nodes, wait_until)
    kernel, store = begin(cable, head, tmp_path / "s", 2, wait_until)
    try:
        cell.strike(cable.pull, store)
        threading.Event().wait(SECONDS)
        cable.plug()
        assert store.gaps(), "the workers had been given everything"
        assert kernel.stdout.readline() == "done\n"
    finally:
        scenes.end_kernel(kernel)
    same_bits(sl.open_run(tmp_path / "s"), "circuit")
    cell.is_("no loss, the run goes on, same bits")


@pytest.mark.fault("long cut", kinds=("ray",))
def test_a_cut_to_the_head_that_lasts(kind, cable, nodes, tmp_path, wait_until, cell, same_bits):
    head = far_head(cable, nodes, wait_until)
    kernel, store = begin(cable, head, tmp_path / "s", 2, wait_until)
    try:
        cell.strike(cable.pull, store)
        said = kernel.stdout.readline()
        assert said.startswith("ExecutorError: The connection to Ray is lost")
        assert "What was published is safe in the store" in said
        assert store.gaps()
    finally:
        scenes.end_kernel(kernel)
    cable.plug()
    both = {network.NEAR, network.FAR}
    wait_until(lambda: set(nodes.alive(cable.near, head)) == both, limit=120, what="both nodes")
    again = scenes.start_kernel(
        "ray", "circuit", tmp_path / "s", prefix=cable.near, address=head, workers=2, timeout=120
    )
    try:
        assert again.stdout.readline().startswith("running")
        assert again.stdout.readline() == "done\n"
    finally:
        scenes.end_kernel(again)
    same_bits(sl.open_run(tmp_path / "s"), "circuit")
    cell.is_(
        'ExecutorError: "The connection to Ray is lost ... What was published is safe in the '
        'store"; a run on the same Ray completes, same bits'
    )


@pytest.mark.fault("worker cut", kinds=("ray",))
def test_a_worker_that_is_cut_off(kind, cable, nodes, tmp_path, wait_until, cell, same_bits):
    head = nodes.head(cable.near, network.NEAR, cpus=1)
    wait_until(lambda: nodes.alive(cable.near, head) == [network.NEAR], limit=120, what="the head")
    nodes.join(cable.far, network.FAR, head, cpus=1)
    wait_until(lambda: len(nodes.alive(cable.near, head)) == 2, limit=120, what="the far node")
    kernel, store = begin(cable, head, tmp_path / "s", 2, wait_until)
    try:
        wait_until(lambda: len(scenes.publishers(store)) == 2, what="both workers")
        cell.strike(cable.pull, store)
        assert kernel.stdout.readline() == "done\n"
    finally:
        scenes.end_kernel(kernel)
    same_bits(sl.open_run(tmp_path / "s"), "circuit")
    cell.is_("no loss, the other worker does its share, same bits")
