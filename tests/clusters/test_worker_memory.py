"""What a process and its children hold, and a worker that holds much."""

import os
import subprocess
import sys

import pytest

import spicelab_nb as sl
from spicelab_nb.clusters.memory import amount, overdrawn, resident

HOLDER = "import sys; held = b'x' * 100_000_000; print('there', flush=True); sys.stdin.read()"


def test_what_a_child_holds_counts():
    before = resident(os.getpid())
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout.readline() == b"there\n"
        assert resident(child.pid) > 100_000_000
        assert resident(os.getpid()) > before + 90_000_000
        child.kill()
    assert resident(child.pid) == 0


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (950_000_000, "906 MiB"), (2 * 2**30, "2.0 GiB"), (2.15e9, "2.0 GiB")],
)
def test_bytes_are_written_for_people(size, text):
    assert amount(size) == text


def test_the_sentence_names_both():
    assert "2.1 GiB of the 2.0 GiB of memory" in overdrawn(int(2.1 * 2**30), 2 * 2**30)


def test_the_machine_is_shared_by_the_workers():
    from distributed.system import MEMORY_LIMIT

    from spicelab_nb.clusters.local import LocalOptions

    assert LocalOptions(workers=4).memory_bytes() == MEMORY_LIMIT // 4
    assert LocalOptions(workers=4, memory_limit=None).memory_bytes() == 0


def test_a_worker_that_holds_most_of_its_memory_is_still_given_work():
    """Dask pauses one above 80 % for as long as it holds that: a campaign stood still."""

    def hold():
        import sys

        sys.held_by_this_test = b"x" * 480_000_000
        return os.getpid()

    with sl.cluster("local", workers=1, memory_limit="650 MB", dashboard=False) as cluster:
        holder = cluster.client.submit(hold, pure=False).result()
        assert resident(holder) > 0.8 * 650e6
        monitored = cluster.client.run(lambda dask_worker: dask_worker.memory_manager.memory_limit)
        assert set(monitored.values()) == {650_000_000}
        for _ in range(20):
            assert cluster.client.submit(os.getpid, pure=False).result(timeout=60) == holder
