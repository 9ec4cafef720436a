"""A local cluster when things die, and what strangers can do to it."""

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import psutil
import pytest

import spicelab_nb as sl
from spicelab_nb import clusters
from spicelab_nb.clusters.certificates import make_certificate
from spicelab_nb.clusters.registry import scratch_folder
from spicelab_nb.errors import ClusterError, ClusterStartError
from spicelab_nb.executors import Receipt
from spicelab_nb.testing.executors import chunks_of, drain
from spicelab_nb.testing.tasks import CountingTask

PACKAGE = str(Path(sl.__file__).parent.parent)


def run_script(path, *, wait=True):
    environment = {**os.environ, "PYTHONPATH": PACKAGE}
    process = subprocess.Popen(
        [sys.executable, "-W", "error", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=path.parent,
    )
    if not wait:
        return process
    out, errors = process.communicate(timeout=120)
    return process.returncode, out, errors


def family(record_id):
    """Processes of one cluster, whoever their parent is by now."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = record_id in " ".join(process.cmdline()) and process.pid != os.getpid()
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


OWNER = """
    import subprocess, sys
    import spicelab_nb as sl
    cluster = sl.cluster("local", workers=1, name="owned", dashboard=False)

    def start_a_child():
        import subprocess, sys
        code = "import time; time.sleep(600)"
        return subprocess.Popen([sys.executable, "-c", code]).pid

    (child,) = cluster.client.run(start_a_child).values()
    print(cluster.id, child, flush=True)
"""


def started_by(owner):
    line = owner.stdout.readline()
    assert line, owner.stderr.read()
    cluster_id, child = line.split()
    members = family(cluster_id)
    assert len(members) == 2
    return cluster_id, [*members, psutil.Process(int(child))]


def gone(processes):
    def ended(process):
        try:
            return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    return lambda: all(map(ended, processes))


@pytest.mark.parametrize(
    "end",
    ["sys.stdin.read()", "import os; os._exit(3)", "raise RuntimeError('lost')"],
    ids=["kill -9", "os._exit", "exception"],
)
def test_everything_is_gone_when_its_owner_is(runtime_dir, tmp_path, wait_until, end):
    script = tmp_path / "owner.py"
    script.write_text(textwrap.dedent(OWNER) + end + "\n")
    owner = run_script(script, wait=False)
    try:
        cluster_id, processes = started_by(owner) if "stdin" in end else (None, [])
        if processes:
            assert [record.id for record in clusters.list_clusters()] == [cluster_id]
            owner.kill()
        else:
            cluster_id, child = owner.stdout.readline().split()
            with contextlib.suppress(psutil.NoSuchProcess):
                processes = [psutil.Process(int(child))]
        wait_until(gone(processes))
        wait_until(lambda: not family(cluster_id))
        _, errors = owner.communicate(timeout=60)
        assert errors.count("Traceback") == end.count("raise"), errors
    finally:
        owner.kill()
        owner.communicate()
    assert clusters.list_clusters() == []
    clusters.prune()
    assert list((runtime_dir / "spicelab_nb" / "clusters").iterdir()) == []
    assert not scratch_folder(cluster_id).exists()


def test_a_script_needs_no_guard_and_may_use_the_modules_beside_it(runtime_dir, tmp_path):
    (tmp_path / "neighbour.py").write_text("def double(x):\n    return 2 * x\n")
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
        import neighbour
        import spicelab_nb as sl
        from urllib.request import urlopen
        cluster = sl.cluster("local", workers=2)
        assert urlopen(cluster.dashboard_link).status == 200
        print(sum(cluster.client.gather(cluster.client.map(neighbour.double, range(5)))))
        """)
    )
    code, out, errors = run_script(script)
    assert (code, out.strip(), errors) == (0, "20", "")
    assert clusters.list_clusters() == []


@pytest.fixture(scope="module")
def cluster():
    with sl.cluster("local", workers=2, name="faults", dashboard=False) as made:
        yield made


@pytest.fixture
def folder(cluster):
    return cluster._launcher._folder


def pids(cluster):
    return set(cluster.client.run(os.getpid, on_error="ignore").values())


def test_a_killed_worker_is_replaced(cluster, wait_until):
    before = pids(cluster)
    os.kill(min(before), signal.SIGKILL)
    wait_until(lambda: len(pids(cluster)) == 2 and pids(cluster) != before)
    wait_until(lambda: cluster.workers == 2)
    assert cluster.problem == ""


def test_a_worker_may_start_programs(cluster):
    def run():
        import subprocess

        return subprocess.run(["echo", "hello"], capture_output=True, text=True).stdout

    assert set(cluster.client.run(run).values()) == {"hello\n"}


def test_an_interrupt_of_the_notebook_is_not_the_workers(cluster):
    for pid in pids(cluster):
        assert os.getpgid(pid) == pid


def test_it_is_dasks_default_client(cluster):
    from distributed import default_client

    assert default_client() is cluster.client


def test_keys_are_for_one_user_and_titles_tell_nothing(cluster, folder):
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
    record = folder.parent / f"{cluster.id}.json"
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    key = (folder / "key.pem").read_text()
    secret = key.splitlines()[1]
    logs = "".join(path.read_text() for path in folder.glob("*.log"))
    titles = [" ".join(p.cmdline()) for p in family(cluster.id)]
    assert len(titles) == 3
    for text in (*titles, logs, record.read_text(), repr(cluster), repr(cluster.client.security)):
        assert secret not in text
        assert "PRIVATE" not in text
    for process in family(cluster.id):
        assert secret not in str(process.environ())


def test_connections_are_on_loopback_alone(cluster):
    for process in family(cluster.id):
        for connection in process.net_connections(kind="inet"):
            assert connection.laddr.ip == "127.0.0.1"


def test_strangers_are_refused(cluster, tmp_path):
    from distributed import Client

    plain = cluster.address.replace("tls://", "tcp://")
    with pytest.raises(OSError, match=r"."):
        Client(plain, timeout=2, set_as_default=False)
    mine = make_certificate(tmp_path).security()
    with pytest.raises(OSError, match=r"."):
        Client(cluster.address, security=mine, timeout=2, set_as_default=False)
    with pytest.raises(ClusterError, match="takes a certificate"):
        sl.cluster("address", address=cluster.address, timeout=2)
    assert cluster.workers == 2


def test_another_process_of_the_same_user_may_join_scale_and_leave(cluster, tmp_path, wait_until):
    script = tmp_path / "other.py"
    script.write_text(
        textwrap.dedent("""
        import spicelab_nb as sl
        from spicelab_nb import clusters
        joined = clusters.get("faults")
        print(joined.workers, joined.client.submit(sum, [1, 2]).result())
        assert clusters.get("faults") is joined
        assert [r.name for r in sl.list_clusters()] == ["faults"]
        joined.scale(1)
        joined.wait(1)
        joined.scale(2)
        joined.wait(2)
        joined.close()
        assert [r.name for r in sl.list_clusters()] == ["faults"]
        """)
    )
    code, out, errors = run_script(script)
    assert (code, errors) == (0, "")
    assert out.split() == ["2", "3"]
    assert cluster.state == "running"


def test_a_lost_scheduler_is_told_in_one_sentence(runtime_dir, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
        import os, signal, time
        import spicelab_nb as sl
        cluster = sl.cluster("local", workers=1, dashboard=False)
        os.kill(cluster.client.run_on_scheduler(os.getpid), signal.SIGKILL)
        while cluster.state != "failed" or not cluster.problem.startswith("The scheduler of"):
            time.sleep(0.05)
        """)
    )
    code, _, errors = run_script(script)
    assert code == 0
    assert errors == (
        "The scheduler of 'local' was ended by SIGKILL, and its workers ended with it.\n"
    )
    assert clusters.list_clusters() == []


def test_a_worker_that_eats_its_memory_is_replaced(runtime_dir, tmp_path, wait_until):
    with sl.cluster("local", workers=1, memory_limit="400 MB", dashboard=False) as small:
        (before,) = pids(small)

        def eat():
            import time

            eaten = [b"x" * 20_000_000 for _ in range(25)]
            time.sleep(600)  # until it is ended; had it returned, Dask would compute it again
            return len(eaten)

        future = small.client.submit(eat, pure=False)
        wait_until(lambda: future.status == "error")
        wait_until(lambda: pids(small) not in (set(), {before}))
        executor = small.executor()
        executor.start(CountingTask(folder=str(tmp_path)))
        executor.submit(chunks_of(2, 1))
        assert all(isinstance(r, Receipt) for r in drain(executor, 2))
        executor.close()


def test_a_start_that_fails_quotes_the_last_words_and_leaves_nothing(
    runtime_dir, tmp_path, monkeypatch
):
    (tmp_path / "sitecustomize.py").write_text(
        "import os\nprint('no licence here', flush=True)\nos._exit(4)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ClusterStartError) as error:
        sl.cluster("local", workers=2, name="lab")
    text = str(error.value)
    assert text.startswith("No worker of 'lab' joined in 60 s (0 of 2): its ")
    assert "ended with exit code 4" in text
    assert "no licence here" in text
    assert isinstance(error.value, TimeoutError)
    assert list((runtime_dir / "spicelab_nb" / "clusters").iterdir()) == []
    assert clusters.current() is None or clusters.current().name != "lab"


def test_a_full_disk_is_said_and_leaves_nothing(runtime_dir, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("spicelab_nb.clusters.local.make_certificate", full)
    with pytest.raises(ClusterStartError, match=r"'lab' could not be started.*No space left"):
        sl.cluster("local", workers=1, name="lab")
    assert list((runtime_dir / "spicelab_nb" / "clusters").iterdir()) == []


def test_a_start_that_takes_too_long_ends_in_time(runtime_dir, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(
        "import time\nprint('still asleep', flush=True)\ntime.sleep(600)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    # Time enough for Python to begin, however busy the machine is.
    with pytest.raises(ClusterStartError, match=r"(?s)joined in 6 s \(0 of 1\).*still asleep"):
        sl.cluster("local", workers=1, name="slow", timeout=6)
    assert clusters.list_clusters() == []


def test_the_record_follows_what_happens(cluster, wait_until):
    (record,) = [r for r in clusters.list_clusters() if r.id == cluster.id]
    assert record.owner == os.getpid()
    first = record.heartbeat
    path = cluster._base / f"{cluster.id}.json"
    wait_until(lambda: json.loads(path.read_text())["heartbeat"] > first)


def test_a_worker_that_alone_holds_a_result_leaves_when_nobody_wants_it_any_more(
    runtime_dir, wait_until
):
    with sl.cluster("local", workers=1, dashboard=False) as cluster:
        future = cluster.client.submit(bytes, 8)
        assert future.result() == bytes(8)
        scaling = threading.Thread(target=cluster.scale, args=(0,))
        scaling.start()
        told = lambda: [event for _, event in cluster.client.get_events("all")]  # noqa: E731
        wait_until(lambda: any(e.get("could-not-retire") for e in told()), what="the refusal")
        future.release()
        scaling.join()
        known = cluster.client.sync(cluster.client.scheduler.identity)["workers"]
        assert known == {}
