"""What happens to a store when a process is killed, a disk is full or a folder is read-only."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from spicelab_nb.errors import StoreError
from spicelab_nb.results import objects
from spicelab_nb.results.chunk import ChunkRef
from spicelab_nb.results.dataset import assemble
from spicelab_nb.results.store import Store
from spicelab_nb.testing.stores import FixedDesign, example_plan, publish_range

PUBLISH_ALL = """
import sys
from spicelab_nb.results.store import Store
from spicelab_nb.testing.stores import FixedDesign, publish_range
design = FixedDesign(samples=int(sys.argv[2]))
store = Store.open(sys.argv[1], create=False)
print("ready", flush=True)
for start, stop in store.gaps():
    for a in range(start, stop, 20):
        publish_range(store, design, a, min(a + 20, stop), waves=True)
        print(a, flush=True)
"""


def wait_for(condition, limit: float = 60.0) -> None:
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, "the condition did not come true"
        threading.Event().wait(0.001)


def test_a_killed_publisher_leaves_only_whole_chunks(tmp_path: Path) -> None:
    design = FixedDesign(samples=20_000)
    reference = Store.open(tmp_path / "reference", create=True)
    reference.create(example_plan(), design.size)
    for a in range(0, design.size, 1000):
        publish_range(reference, design, a, a + 1000)
    store = Store.open(tmp_path / "killed", create=True)
    store.create(example_plan(), design.size)
    counts = []
    for _ in range(4):
        before = len(store.chunks())
        process = subprocess.Popen(
            [sys.executable, "-c", PUBLISH_ALL, store.url, str(design.size)],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        wait_for(lambda before=before: len(store.chunks()) > before + 3)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        process.stdout.close()
        counts.append(len(store.chunks()))
        # It landed half-way: chunks came, and there are gaps left.
        assert counts[-1] > before
        assert store.gaps()
        assert store.verify() == []
    for start, stop in store.gaps():
        publish_range(store, design, start, stop)
    mine, theirs = assemble(store, design=design), assemble(reference, design=design)
    for name in theirs.variables:
        assert mine[name].values.tobytes() == theirs[name].values.tobytes(), name


def test_a_read_only_folder_is_told_before_anything_is_computed(tmp_path: Path) -> None:
    folder = tmp_path / "held"
    folder.mkdir()
    folder.chmod(0o555)
    for above in (tmp_path, *tmp_path.parents[:2]):
        above.chmod(above.stat().st_mode | 0o055)
    program = (
        "import os, sys\n"
        "from spicelab_nb.results.store import Store\n"
        "from spicelab_nb.errors import StoreError\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: Store.open(sys.argv[1], create=True)\n"
        "except StoreError as error: print(error)\n"
    )
    for place in (folder, folder / "run"):
        done = subprocess.run(
            [sys.executable, "-c", program, str(place)], capture_output=True, text=True, check=True
        )
        assert "cannot be written (Permission denied)" in done.stdout
        assert str(place) in done.stdout
        assert "store=" in done.stdout


def test_a_path_through_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="something on its path is a file"):
        Store.open(tmp_path / "file" / "run", create=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"mounting a small tmpfs needs root: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_told_and_what_was_published_stays(small_disk: Path) -> None:
    design = FixedDesign(samples=4000)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 100_000)
    store = Store.open(small_disk / "run", create=True)
    store.create(example_plan(), design.size)
    starts = iter(range(0, design.size, 200))

    def publish_on() -> None:
        for a in starts:
            publish_range(store, design, a, a + 200)

    with pytest.raises(StoreError, match=r"The disk is full: .*chunks.* free") as caught:
        publish_on()
    published = next(starts) // 200 - 1
    assert caught.value.errno is not None
    assert 0 < published < 20
    assert len(store.chunks()) == published
    assert not [p for p in (small_disk / "run" / "chunks").iterdir() if p.name.startswith(".")]
    assert store.verify() == []
    ballast.unlink()
    for a, b in store.gaps()[:1]:
        publish_range(store, design, a, a + 200)
        assert store.gaps()[0] == (a + 200, b)


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)


@pytest.mark.usefixtures("no_links")
def test_without_hard_links_chunks_are_still_exclusive(tmp_path: Path) -> None:
    design = FixedDesign(samples=40)
    store = Store.open(tmp_path / "run", create=True)
    store.create(example_plan(), design.size)
    assert publish_range(store, design, 0, 20)
    assert not publish_range(store, design, 0, 20)
    # A crash half-way leaves a truncated file under the name itself.
    path = Path(store.url) / "chunks" / ChunkRef(20, 40).name
    data = (Path(store.url) / "chunks" / ChunkRef(0, 20).name).read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert store.gaps() == [(20, 40)]
    assert publish_range(store, design, 20, 40)
    assert store.gaps() == []
    assert np.isfinite(assemble(store, design=design)["f3db"]).any()


@pytest.mark.usefixtures("no_links")
def test_a_writer_whose_growing_file_was_put_aside_writes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    design = FixedDesign(samples=20)
    store = Store.open(tmp_path / "run", create=True)
    store.create(example_plan(), design.size)
    write, stolen = objects._write, []

    def write_and_lose(descriptor: int, data: bytes) -> None:
        write(descriptor, data)
        if Path(store.url, "chunks", ChunkRef(0, 20).name).exists() and not stolen:
            stolen.append(store.put_aside(ChunkRef(0, 20)))

    monkeypatch.setattr(objects, "_write", write_and_lose)
    publish_range(store, design, 0, 20)
    assert len(stolen) == 1
    assert store.gaps() == []


def test_what_killed_writers_left_is_swept_and_what_live_ones_write_is_not(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    folder = objects.FolderObjects(tmp_path)
    host = socket.gethostname()
    left, young, live = (
        tmp_path / "chunks" / f".tmp-{host}-{pid}-{name}"
        for pid, name in ((gone.pid, "a"), (gone.pid, "b"), (os.getpid(), "c"))
    )
    left.parent.mkdir()
    for path in (left, young, live):
        path.write_bytes(b"x")
        if path != young:
            os.utime(path, (1e9, 1e9))
    assert folder.sweep("chunks") == 1
    assert not left.exists()
    assert young.exists()
    assert live.exists()


def test_a_damaged_manifest_is_told(tmp_path: Path) -> None:
    store = Store.open(tmp_path, create=True)
    store.create(example_plan(), 10)
    manifest = tmp_path / "manifest.json"
    whole = manifest.read_bytes()
    for damaged in (b"", whole[:-10], whole.replace(b"alter", b"x").replace(b'"load"', b'"lead"')):
        manifest.write_bytes(damaged)
        with pytest.raises(StoreError, match=r"manifest\.json is truncated or altered"):
            Store.open(tmp_path, create=False).plan()
    manifest.write_bytes(whole.replace(b'"version":1', b'"version":9'))
    with pytest.raises(StoreError, match="Update spicelab_nb"):
        Store.open(tmp_path, create=False).plan()


def test_a_missing_input_is_told(tmp_path: Path) -> None:
    import hashlib

    digest = hashlib.sha256(b"model").hexdigest()
    plan = example_plan()
    store = Store.open(tmp_path, create=True)
    store.create(
        type(plan)(simulator=plan.simulator, design=plan.design, inputs={digest: b"model"}), 1
    )
    (tmp_path / "inputs" / digest).write_bytes(b"other")
    with pytest.raises(StoreError, match="missing or altered"):
        store.plan()


def test_a_folder_with_somebody_elses_dataset_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dataset.zarr").mkdir()
    (tmp_path / "dataset.zarr" / "zarr.json").write_text("{}")
    with pytest.raises(StoreError, match="something else"):
        Store.open(tmp_path, create=True).create(example_plan(), 1)
