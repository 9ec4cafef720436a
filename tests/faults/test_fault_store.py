"""A store that is full, that goes away and comes back, or that two kernels write to."""

import logging
import os
import subprocess

import psutil
import pytest
import scenes

import spicelab_nb as sl
from spicelab_nb.campaigns import task
from spicelab_nb.errors import StoreError, StoreMissingError, StoreUnreachableError


def begin(campaign, place, cluster, wait_until, *, length=2, chunks=3):
    """A run of which a few chunks are published, and its store."""
    run = scenes.CAMPAIGNS[campaign](place).run(cluster, chunk_length=length)
    store = scenes.opened(place)
    wait_until(lambda: len(store.chunks()) >= chunks or not run.active, what="the first chunks")
    return run, store


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


@pytest.mark.fault("disk")
def test_the_disk_is_full(kind, start, small_disk, cell, same_bits):
    place, enlarge = small_disk
    run = scenes.CAMPAIGNS["function"](place / "s").run(start(kind), chunk_length=5)
    with pytest.raises(StoreError, match=r"The disk is full: .*free some space and run again"):
        run.wait(300)
    store = scenes.opened(place / "s")
    assert store.verify() == [], "something was half written"
    cell.strike(enlarge, store)
    run.resume().wait(300)
    assert same_bits(run, "function") == 0
    cell.is_(
        'StoreError: "The disk is full: ... free some space and run again, and only what is '
        'missing is computed"; resume completes, same bits'
    )


def stands_still(run):
    """A condition: no chunk came for as long as dozens of them take."""
    seen = []

    def check():
        seen.append(run.progress.done)
        return len(seen) > 60 and len(set(seen[-60:])) == 1

    return check


@pytest.mark.fault("moment")
def test_the_folder_is_gone_for_a_moment(kind, start, tmp_path, wait_until, cell, same_bits):
    place, away = tmp_path / "s", tmp_path / "away"
    run, store = begin("function", place, start(kind), wait_until)
    cell.strike(lambda: place.rename(away), scenes.opened(place), gone=True)
    wait_until(stands_still(run), what="publications that fail")
    assert run.active
    assert not place.exists(), "a store was begun anew in the place of one that was moved away"
    away.rename(place)
    assert store.gaps(), "it was finished before"
    run.wait(300)
    same_bits(run, "function")
    cell.is_("no loss, the run waits and goes on, same bits")


@pytest.mark.fault("folder", slow=("local", "ray"))
def test_the_folder_is_gone_for_longer(
    kind, start, tmp_path, wait_until, cell, same_bits, monkeypatch
):
    if kind == "serial":
        monkeypatch.setattr(task, "PATIENCE", 1.0)
    place, away = tmp_path / "s", tmp_path / "away"
    cluster = start(kind)
    run, store = begin("function", place, cluster, wait_until)
    cell.strike(lambda: place.rename(away), store, gone=True)
    with pytest.raises(StoreMissingError) as caught:
        run.wait(300)
    assert "no longer there" in str(caught.value)
    assert "Bring it back, then run again: what is finished is kept" in str(caught.value)
    assert str(place) in str(caught.value)
    assert not place.exists()
    away.rename(place)
    run.resume(cluster).wait(300)
    same_bits(run, "function")
    cell.is_(
        'StoreMissingError: "... is no longer there ... Bring it back, then run again"; resume '
        "completes, same bits"
    )


class Server:
    """S3 as moto stands in for it, on one port, to be stopped and started."""

    def __init__(self):
        self.port = 0
        self.start()

    def start(self):
        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self._server.start()
        host, self.port = self._server.get_host_and_port()
        self.url = f"http://{host}:{self.port}"

    def stop(self):
        """Stop listening; what is stored stays in this process."""
        self._server._server.shutdown()
        self._server._server.server_close()


@pytest.fixture
def bucket(monkeypatch):
    import fsspec
    import s3fs

    server = Server()
    settings = {"endpoint_url": server.url, "key": "test", "secret": "test"}
    # As fsspec's settings, not as AWS's: file systems of other servers are kept apart by them.
    monkeypatch.setitem(fsspec.config.conf, "s3", settings)
    for name, value in settings.items():
        monkeypatch.setenv(f"FSSPEC_S3_{name.upper()}", value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"bucket-{server.port}"
    s3fs.S3FileSystem().mkdir(name)
    yield server, f"s3://{name}/runs/s"
    server.stop()


@pytest.mark.fault("s3 moment", slow=("local", "ray"))
def test_s3_does_not_answer_for_a_moment(kind, start, bucket, wait_until, cell, same_bits):
    server, place = bucket
    run, store = begin("function", place, start(kind), wait_until, length=8)
    cell.strike(server.stop, store, gone=True)
    wait_until(stands_still(run), what="publications that fail")
    server.start()
    assert store.gaps(), "it was finished before"
    run.wait(300)
    same_bits(run, "function")
    cell.is_("no loss, the run waits and goes on, same bits")


@pytest.mark.slow
@pytest.mark.fault("s3")
def test_s3_does_not_answer_for_longer(
    kind, start, bucket, wait_until, cell, same_bits, monkeypatch
):
    if kind == "serial":
        monkeypatch.setattr(task, "PATIENCE", 1.0)
    server, place = bucket
    cluster = start(kind)
    run, store = begin("function", place, cluster, wait_until, length=8)
    cell.strike(server.stop, store, gone=True)
    with pytest.raises(StoreUnreachableError) as caught:
        run.wait(300)
    assert "Nobody answers there: look at the network and the end point" in str(caught.value)
    server.start()
    assert store.gaps()
    run.resume(cluster).wait(300)
    same_bits(run, "function")
    cell.is_(
        'StoreUnreachableError: "... Nobody answers there: look at the network and the end point, '
        'then run again"; resume completes, same bits'
    )


def tell(kernel):
    """Let a kernel run that was held until now."""
    kernel.stdin.write("go\n")
    kernel.stdin.flush()
    assert kernel.stdout.readline().startswith("running")


@pytest.mark.ngspice
@pytest.mark.fault("two kernels", slow=("local", "ray"))
def test_two_kernels(kind, tmp_path, wait_until, cell, same_bits):
    options = {"held": True} if kind == "serial" else {"held": True, "workers": 1}
    first = scenes.start_kernel(kind, "circuit", tmp_path / "s", length=2, **options)
    second = scenes.start_kernel(kind, "circuit", tmp_path / "s", length=3, **options)
    try:
        for kernel in (first, second):
            assert kernel.stdout.readline() == "ready\n"
        tell(first)
        store = wait_until(lambda: scenes.opened(tmp_path / "s"), what="the store")
        wait_until(store.chunks, what="a chunk of the first")
        # However long the second takes to begin, the first is not done by then.
        with scenes.stopped_engines(first.pid):
            tell(second)
            lengths = lambda: {len(ref) for ref in store.chunks()}  # noqa: E731
            # Less than the two minutes after which an engine that stands still is given up.
            wait_until(lambda: lengths() >= {2, 3}, limit=110, what="chunks of both")
            cell.strike(lambda: None, store)
        assert first.stdout.readline() == "done\n"
        assert second.stdout.readline() == "done\n"
        processes = scenes.family(first.pid) + scenes.family(second.pid)
    finally:
        scenes.end_kernel(first)
        scenes.end_kernel(second)
    _, alive = psutil.wait_procs(processes, timeout=60)
    assert not alive
    run = sl.open_run(tmp_path / "s")
    shared = same_bits(run, "circuit")
    assert shared > 0, "they never computed the same samples"
    cell.is_("both end as done; samples that both computed agree to the bit, same bits")
