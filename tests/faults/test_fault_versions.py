"""Workers that have another version of this package than the client."""

import re
import sys

import pytest
import scenes

import spicelab_nb as sl
from spicelab_nb.errors import ClusterError, ExecutorError


@pytest.fixture
def another_version(tmp_path):
    """A folder for PYTHONPATH that makes a process report another version of this package."""
    folder = tmp_path / "another"
    info = folder / "spicelab_nb-9.9.9.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: spicelab-nb\nVersion: 9.9.9\n")
    return str(folder)


@pytest.fixture
def strangers(tmp_path, another_version, monkeypatch, start, wait_until):
    """``strangers(kind)``: a cluster of workers of another version."""
    started = []

    def begin(kind):
        import subprocess

        import network

        if kind == "ray":
            return start(kind, workers=1, environment={"PYTHONPATH": another_version})
        file = tmp_path / "scheduler.json"
        commands = [
            [*network.scheduler("tcp://127.0.0.1:0"), "--scheduler-file", str(file)],
            [
                *(sys.executable, "-m", "dask", "worker", "--scheduler-file", str(file)),
                *("--nthreads", "1", "--no-nanny", "--no-dashboard"),
            ],
        ]
        with monkeypatch.context() as patch:
            patch.setenv("PYTHONPATH", another_version)
            for command in commands:
                started.append(
                    subprocess.Popen(
                        command,
                        cwd=tmp_path,
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                    )
                )
                wait_until(file.exists, what="the scheduler")
        import json

        cluster = start("address", address=json.loads(file.read_text())["address"], workers=None)
        wait_until(lambda: cluster.workers == 1, what="the worker")
        return cluster

    yield begin
    for process in reversed(started):
        process.kill()
        process.wait()


@pytest.mark.ngspice
@pytest.mark.fault("versions")
def test_workers_of_another_version(kind, start, strangers, tmp_path, wait_until, cell, same_bits):
    # One cluster after the other: nothing of the first is under way when its chunks are counted.
    with start(kind) as right:
        run = scenes.circuit(tmp_path / "s").run(right, chunk_length=2)
        store = scenes.opened(tmp_path / "s")
        wait_until(lambda: len(store.chunks()) >= 3, what="the first chunks")
        run.cancel()
        run.let_cancelled_end()
    cell.strike(lambda: None, store)
    before = len(store.chunks())
    # A cluster may refuse them when it starts, or when it is given a run.
    with pytest.raises((ClusterError, ExecutorError)) as caught, strangers(kind) as wrong:
        run.resume(wrong).wait(300)
    ours = re.escape(sl.__version__)
    text = str(caught.value)
    assert re.search(rf"spicelab-nb is {ours} here and 9\.9\.9 on \d of \d workers", text), text
    assert "Install the same versions on both sides: pip install" in text
    assert len(store.chunks()) == before, "a worker of another version computed"
    run.resume(start(kind)).wait(300)
    same_bits(run, "circuit")
    cell.is_(
        f'{type(caught.value).__name__}: "... spicelab-nb is ... here and 9.9.9 on ... workers ... '
        'Install the same versions on both sides"; resume where they are the same completes, '
        "same bits"
    )
