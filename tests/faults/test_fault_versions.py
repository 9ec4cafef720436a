"""Workers that have another version of this package than the client."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
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


def beside(command, folder, environment):
    """Start a process that belongs to nobody's cluster, and ends with this one."""
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", *command],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
        start_new_session=True,
    )


def dask_of(version, folder, processes, wait_until):
    """A Dask scheduler with one worker: how it is joined."""
    file = folder / "scheduler.json"
    listen = ("--host", "127.0.0.1", "--port", "0")
    for command in (["scheduler", *listen], ["worker", "--nthreads", "1", "--no-nanny"]):
        command = [sys.executable, "-m", "dask", *command, "--no-dashboard"]
        command += ["--scheduler-file", str(file)]
        processes.append(beside(command, folder, {"PYTHONPATH": version}))
        wait_until(file.exists, what="the scheduler")
    return {"kind": "address", "address": json.loads(file.read_text())["address"]}


def ray_of(version, folder, processes, wait_until):
    """A Ray on this machine: how it is joined."""
    token = folder / "token"
    token.write_text("1" * 64)
    token.chmod(0o600)
    place = folder / "r"
    start = {"owner": os.getpid(), "workers": 1, "patience": 100, "scratch": str(place)}
    (folder / "start.json").write_text(json.dumps(start))
    environment = {
        "PYTHONPATH": os.pathsep.join([version, str(Path(sl.__file__).parents[1])]),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
        **ray_token(folder),
    }
    command = [sys.executable, "-m", "spicelab_nb.clusters.ray_process", str(folder), "head"]
    # Its owner is told by its parent's number: no program in between.
    processes.append(
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    )
    address = place / "ray_current_cluster"
    wait_until(lambda: address.exists() and address.read_text().strip(), limit=120, what="Ray")
    return {"kind": "ray", "workers": 1, "address": address.read_text().strip()}


def ray_token(folder):
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(folder / "token")}


@pytest.fixture
def strangers(another_version, monkeypatch, wait_until):
    """``strangers(kind)``: a cluster of workers of another version, started by somebody else."""
    processes = []
    # Ray's sockets want a short path.
    folder = Path(tempfile.mkdtemp(prefix="v"))

    def begin(kind):
        make = ray_of if kind == "ray" else dask_of
        joined = make(another_version, folder, processes, wait_until)
        with monkeypatch.context() as patch:
            for name, value in ray_token(folder).items() if kind == "ray" else ():
                patch.setenv(name, value)
            cluster = sl.cluster(joined.pop("kind"), **joined)
        wait_until(lambda: cluster.workers == 1, what="the worker")
        return cluster

    yield begin
    for process in reversed(processes):
        below = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        psutil.wait_procs(below, timeout=20)
        for each in (process, *(p for p in below if p.is_running())):
            each.kill()
        process.communicate()
    shutil.rmtree(folder, ignore_errors=True)


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
