"""The network between kernel, Dask's scheduler and workers, cut in namespaces of the test's own."""

import threading

import network
import pytest
import scenes

import spicelab_nb as sl

WHY_NOT = network.why_not()

pytestmark = [pytest.mark.ngspice, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]

SOON = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "12s"}
"""Dask gives a connection up after this, not after half a minute, so that tests take less long."""

SECONDS = 3.0
"""How long a cut is that a connection survives."""


@pytest.fixture
def cable(monkeypatch):
    for name, value in SOON.items():
        monkeypatch.setenv(name, value)
    made = network.Cable()
    yield made
    made.close()


def dask_beyond(cable, tmp_path):
    """A scheduler and two workers at the far end: its address."""
    address = f"tcp://{network.FAR}:8786"
    cable.run(cable.far, *network.scheduler(address), log=tmp_path / "scheduler.log")
    for name in ("a", "b"):
        command = network.worker(address, name, tmp_path / name)
        cable.run(cable.far, *command, log=tmp_path / f"{name}.log")
    return address


def near_kernel(cable, address, place, wait_until, length=2):
    """A kernel at the near end that is half done, and its store."""
    kernel = scenes.start_kernel(
        "address", "circuit", place, length=length, prefix=cable.near, address=address, timeout=60
    )
    assert kernel.stdout.readline().startswith("running")
    store = wait_until(lambda: scenes.opened(place), what="the store")
    wait_until(lambda: len(store.chunks()) >= 3 or kernel.poll(), what="the first chunks")
    return kernel, store


@pytest.mark.fault("cut", kinds=("local",))
def test_a_cut_to_the_scheduler_that_heals(kind, cable, tmp_path, wait_until, cell, same_bits):
    address = dask_beyond(cable, tmp_path)
    kernel, store = near_kernel(cable, address, tmp_path / "s", wait_until)
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


@pytest.mark.slow
@pytest.mark.fault("long cut", kinds=("local",))
def test_a_cut_to_the_scheduler_that_lasts(kind, cable, tmp_path, wait_until, cell, same_bits):
    address = dask_beyond(cable, tmp_path)
    kernel, store = near_kernel(cable, address, tmp_path / "s", wait_until)
    try:
        cell.strike(cable.pull, store)
        said = kernel.stdout.readline()
        assert said.startswith("ExecutorError: The connection to the cluster's scheduler is lost")
        assert "What was published is safe in the store" in said
        cable.plug()
        assert store.gaps()
    finally:
        scenes.end_kernel(kernel)
    again = scenes.start_kernel(
        "address", "circuit", tmp_path / "s", prefix=cable.near, address=address, timeout=60
    )
    try:
        assert again.stdout.readline().startswith("running")
        assert again.stdout.readline() == "done\n"
    finally:
        scenes.end_kernel(again)
    same_bits(sl.open_run(tmp_path / "s"), "circuit")
    cell.is_(
        "ExecutorError: \"The connection to the cluster's scheduler is lost ... What was published "
        'is safe in the store"; a run on the same scheduler completes, same bits'
    )


@pytest.mark.slow
@pytest.mark.fault("worker cut", kinds=("local",))
def test_a_worker_that_is_cut_off(kind, cable, tmp_path, wait_until, cell, same_bits):
    address = f"tcp://{network.NEAR}:8786"
    cable.run(cable.near, *network.scheduler(address), log=tmp_path / "scheduler.log")
    workers = [
        cable.run(
            end, *network.worker(address, name, tmp_path / name), log=tmp_path / f"{name}.log"
        )
        for name, end in (("near", cable.near), ("far", cable.far))
    ]
    kernel, store = near_kernel(cable, address, tmp_path / "s", wait_until)
    try:
        wait_until(lambda: len(scenes.publishers(store)) == 2, what="both workers")
        cell.strike(cable.pull, store)
        assert kernel.stdout.readline() == "done\n"
        assert workers[0].poll() is None
    finally:
        scenes.end_kernel(kernel)
    same_bits(sl.open_run(tmp_path / "s"), "circuit")
    cell.is_("no loss, the other worker does its share, same bits")
