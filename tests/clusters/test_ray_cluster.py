"""A Ray of our own, a Ray that runs already, and what can go wrong with either."""

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

import spicelab_nb as sl
from spicelab_nb import clusters
from spicelab_nb.clusters.ray import RayCluster
from spicelab_nb.clusters.registry import scratch_folder
from spicelab_nb.errors import (
    ClusterError,
    ClusterStartError,
    ExecutorError,
    MissingExtraError,
)
from spicelab_nb.executors import Receipt
from spicelab_nb.testing.clusters import ClusterTests
from spicelab_nb.testing.executors import chunks_of, drain
from spicelab_nb.testing.tasks import CountingTask, GateTask

PACKAGE = str(Path(sl.__file__).parent.parent)

needs_ray = pytest.mark.ray


# -- without Ray ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"workers": 0}, "workers of at least 1, not 0"),
        ({"workers": True}, "at least 1, not True"),
        ({"address": ""}, "host:6379"),
        ({"wokers": 2}, "Did you mean workers"),
        ({"memory_limit": "much"}, "memory_limit is bytes"),
        ({"timeout": 0}, "seconds above 0"),
        ({"environment": 3}, "mapping"),
    ],
)
def test_bad_input_is_refused_before_anything_starts(runtime_dir, options, says):
    with pytest.raises(ClusterError, match=says):
        sl.cluster("ray", **options)
    assert clusters.list_clusters() == []


def test_a_missing_ray_is_said_with_the_extra(runtime_dir, monkeypatch):
    monkeypatch.setattr("spicelab_nb.clusters.ray.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"spicelab-nb\[ray\]"):
        sl.cluster("ray", workers=1)
    assert clusters.list_clusters() == []


@pytest.mark.parametrize(("failures", "comes_up"), [(1, True), (2, False)])
def test_a_start_over_rays_limit_is_tried_once_more(runtime_dir, monkeypatch, failures, comes_up):
    tried = []

    def start(self, address, end, *, first):
        tried.append(first)
        if len(tried) <= failures:
            raise ClusterStartError("The current node timed out during startup.")

    monkeypatch.setattr("spicelab_nb.clusters.ray.find_spec", lambda name: object())
    monkeypatch.setattr(RayCluster, "_start", start)
    if comes_up:
        sl.cluster("ray", workers=1, name="late").close()
    else:
        with pytest.raises(ClusterStartError, match="timed out during startup"):
            sl.cluster("ray", workers=1, name="late")
    assert tried == [True, False]


def test_a_temporary_folder_that_is_too_long_for_sockets_is_refused(
    runtime_dir, tmp_path, monkeypatch
):
    long = tmp_path / ("x" * 60)
    long.mkdir()
    monkeypatch.setattr("spicelab_nb.clusters.ray.find_spec", lambda name: object())
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with pytest.raises(ClusterStartError, match=r"sockets.*TMPDIR"):
        sl.cluster("ray", workers=1)


# -- a Ray of our own ----------------------------------------------------------------------------


@needs_ray
class TestRay(ClusterTests):
    @pytest.fixture(scope="class")
    @classmethod
    def make(cls):
        return lambda name: sl.cluster("ray", workers=1, name=name)


def run_script(path, *, wait=True, **environment):
    process = subprocess.Popen(
        [sys.executable, "-W", "error", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": PACKAGE, **environment},
        cwd=path.parent,
    )
    if not wait:
        return process
    out, errors = process.communicate(timeout=280)
    return process.returncode, out, errors


def alive(processes):
    left = []
    for process in processes:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                left.append(process)
        except psutil.NoSuchProcess:
            continue
    return left


def family():
    """What this process started, its own Ray with all that belongs to it."""
    return psutil.Process().children(recursive=True)


def answers(processes, ask):
    """What those say that are still there: Ray's workers come and go by themselves."""
    said = {}
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            said[process] = ask(process)
    return said


def names(processes):
    return set(answers(processes, psutil.Process.name).values())


def lasting(processes):
    """Pids of all that are no workers; one that has just begun is not called ``ray::`` yet."""
    titles = answers(processes, lambda p: f"{p.name()} {p.cmdline()}")
    workers = ("ray::", "default_worker")
    return {p.pid for p, title in titles.items() if not any(w in title for w in workers)}


@pytest.fixture(scope="module")
def cluster():
    with sl.cluster("ray", workers=2, name="ray-faults") as made:
        yield made


@needs_ray
def test_the_token_is_for_one_user_and_nothing_tells_it(cluster):
    folder = cluster._launcher._folder
    token = (folder / "token").read_text().strip()
    assert len(token) >= 32
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(scratch_folder(cluster.id).stat().st_mode) == 0o700
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
    processes = family()
    assert {"gcs_server", "raylet"} <= names(processes)
    told = [repr(cluster), cluster.record().to_json(), cluster._repr_html_()]
    told += answers(processes, lambda p: " ".join(p.cmdline()) + str(p.environ())).values()
    told += [path.read_text() for path in folder.glob("*") if path.name != "token"]
    logs = [p for p in scratch_folder(cluster.id).rglob("*") if p.is_file()]
    assert logs
    told += [path.read_text(errors="replace") for path in logs]
    for text in told:
        assert token not in text


@needs_ray
def test_connections_are_on_loopback_alone(cluster):
    seen = answers(family(), lambda p: [c.laddr.ip for c in p.net_connections(kind="inet")])
    for process, addresses in seen.items():
        assert {*addresses} <= {"127.0.0.1", "::ffff:127.0.0.1"}, process
    assert sum(map(len, seen.values())) >= 4


@needs_ray
def test_strangers_without_the_token_are_refused(cluster, tmp_path):
    token = tmp_path / "token"
    token.write_text("0" * 64)
    script = tmp_path / "stranger.py"
    script.write_text(
        textwrap.dedent(f"""
        import spicelab_nb as sl
        from spicelab_nb.errors import ClusterError
        try:
            sl.cluster("ray", address={cluster.address!r}, workers=1)
        except ClusterError as error:
            print(error)
        """)
    )
    code, out, errors = run_script(script, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=str(token))
    assert (code, errors) == (0, "")
    assert "takes a token, and not this one" in out
    assert cluster.workers == 2


@needs_ray
def test_an_interrupt_of_the_notebook_is_not_rays(cluster):
    assert os.getpgid(0) not in answers(family(), lambda p: os.getpgid(p.pid)).values()


@needs_ray
def test_another_process_may_ask_but_not_join(cluster, tmp_path):
    script = tmp_path / "other.py"
    script.write_text(
        textwrap.dedent("""
        from spicelab_nb import clusters
        from spicelab_nb.errors import ClusterNotFoundError
        try:
            clusters.get("ray-faults")
        except ClusterNotFoundError as error:
            print(error)
        """)
    )
    code, out, errors = run_script(script)
    assert (code, errors) == (0, "")
    assert "request_stop" in out


@needs_ray
def test_nothing_is_printed_and_nothing_of_the_notebook_is_changed(runtime_dir, tmp_path):
    (tmp_path / "neighbour.py").write_text("def double(x):\n    return 2 * x\n")
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
        import atexit, logging, signal, sys
        import spicelab_nb as sl
        import neighbour
        before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
        handlers = list(logging.getLogger().handlers)
        def simulator(x, seed):
            return float(neighbour.double(x))
        cluster = sl.cluster("ray", workers=1)
        run = sl.Campaign(
            simulator, sl.MonteCarlo(20, {"x": sl.Normal(mean=1.0, sd=0.1)}, seed=1),
            name="quiet", store="quiet",
        ).run(cluster).wait(120)
        assert run.progress.state == "done", run.progress
        assert before == [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
        assert handlers == logging.getLogger().handlers
        assert "ray" not in sys.modules
        """)
    )
    code, out, errors = run_script(script)
    assert (code, out, errors) == (0, "", "")
    assert clusters.list_clusters() == []


OWNER = """
    import sys
    import spicelab_nb as sl
    cluster = sl.cluster("ray", workers=1, name="owned")
    print(cluster.id, flush=True)
"""


@needs_ray
@pytest.mark.parametrize("end", ["sys.stdin.read()", "import os; os._exit(3)"])
def test_everything_is_gone_when_its_owner_is(runtime_dir, tmp_path, wait_until, end):
    script = tmp_path / "owner.py"
    script.write_text(textwrap.dedent(OWNER) + "sys.stdin.readline()\n" + end + "\n")
    owner = run_script(script, wait=False)
    try:
        cluster_id = owner.stdout.readline().strip()
        assert cluster_id, owner.stderr.read()
        processes = psutil.Process(owner.pid).children(recursive=True)
        assert {"gcs_server", "raylet"} <= names(processes)
        owner.stdin.write("\n")
        owner.stdin.flush()
        if "stdin" in end:
            owner.kill()
        wait_until(lambda: not alive(processes))
        owner.communicate(timeout=60)
    finally:
        owner.kill()
        owner.communicate()
    assert clusters.list_clusters() == []
    clusters.prune()
    assert not scratch_folder(cluster_id).exists()


@needs_ray
def test_a_killed_head_ends_everything_and_says_so(runtime_dir, tmp_path, wait_until):
    before = {p.pid for p in family()}
    made = sl.cluster("ray", workers=1, name="headless")
    processes = [p for p in family() if p.pid not in before]
    executor = made.executor()
    task = GateTask(folder=str(tmp_path))
    executor.start(task)
    executor.submit(chunks_of(2, 1))
    wait_until(task.pids)
    below = answers(psutil.Process(made._launcher.head_pid).children(), psutil.Process.name)
    (server,) = [p for p, name in below.items() if "gcs_server" in name]
    server.send_signal(signal.SIGKILL)
    with pytest.raises(ExecutorError, match=r"is lost.*safe in the store"):
        drain(executor, 2)
    wait_until(lambda: made.state == "failed")
    assert "headless" in made.problem
    wait_until(lambda: not alive(processes))
    made.close()


@needs_ray
def test_a_start_that_fails_quotes_the_last_words_and_leaves_nothing(
    runtime_dir, tmp_path, monkeypatch
):
    (tmp_path / "sitecustomize.py").write_text(
        "import os\nprint('no licence here', flush=True)\nos._exit(4)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    before = {p.pid for p in family()}
    with pytest.raises(ClusterStartError) as error:
        sl.cluster("ray", workers=1, name="lab")
    text = str(error.value)
    assert "No worker of 'lab' joined" in text
    assert "ended with exit code 4" in text
    assert "no licence here" in text
    assert not alive([p for p in family() if p.pid not in before])
    assert list((runtime_dir / "spicelab_nb" / "clusters").iterdir()) == []


# -- a Ray that runs already ---------------------------------------------------------------------


class Head:
    """A Ray that somebody else started."""

    def __init__(self, folder, **environment):
        self.folder = folder
        token = folder / "token"
        token.write_text("1" * 64)
        token.chmod(0o600)
        self.variables = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        start = {
            "owner": os.getpid(),
            "workers": 2,
            "patience": 100,
            "scratch": str(folder / "r"),
        }
        (folder / "start.json").write_text(json.dumps(start))
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "spicelab_nb.clusters.ray_process", str(folder), "head"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    "PYTHONPATH": PACKAGE,
                    "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
                    **self.variables,
                    **environment,
                },
                start_new_session=True,
            )

    @property
    def address(self):
        try:
            return (self.folder / "r" / "ray_current_cluster").read_text().strip()
        except OSError:
            assert self.process.poll() is None, (self.folder / "log").read_text()
            return ""

    def server(self):
        found = answers(self.processes(), psutil.Process.name)
        (server,) = [p for p, name in found.items() if name == "gcs_server"]
        return server

    def processes(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def metadata(self, **changes):
        """Let it say that it is of another version."""
        script = textwrap.dedent(f"""
            import json
            from ray._raylet import GcsClient
            client = GcsClient(address={self.address!r})
            known = json.loads(client.internal_kv_get(b"CLUSTER_METADATA", namespace=b"cluster"))
            known.update({changes!r})
            client.internal_kv_put(
                b"CLUSTER_METADATA", json.dumps(known).encode(), True, namespace=b"cluster"
            )
        """)
        subprocess.run(
            [sys.executable, "-c", script],
            check=True,
            env={**os.environ, **self.variables},
            timeout=120,
        )

    def end(self):
        processes = self.processes() if self.process.poll() is None else []
        self.process.terminate()
        try:
            self.process.wait(20)
        finally:
            self.process.stdin.close()
            self.process.kill()
            for process in psutil.wait_procs(processes, timeout=10)[1]:
                process.kill()


@pytest.fixture(scope="module")
def short_folder():
    """Sockets have short names; pytest's folders have long ones."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def somebodys(short_folder, wait_until):
    folder = short_folder / "a"
    folder.mkdir()
    head = Head(folder)
    try:
        wait_until(lambda: head.address, limit=150, what="somebody's Ray")
        yield head
    finally:
        head.end()


@pytest.fixture
def theirs(somebodys, monkeypatch):
    for name, value in somebodys.variables.items():
        monkeypatch.setenv(name, value)
    return somebodys


@needs_ray
class TestRayAddress(ClusterTests):
    @pytest.fixture(scope="class")
    @classmethod
    def make(cls, somebodys):
        patch = pytest.MonkeyPatch()
        for name, value in somebodys.variables.items():
            patch.setenv(name, value)
        before = lasting(somebodys.processes())
        yield lambda name: sl.cluster("ray", address=somebodys.address, workers=1, name=name)
        patch.undo()
        assert somebodys.process.poll() is None, "leaving a Ray ends nothing of it"
        assert before <= {p.pid for p in somebodys.processes()}


@needs_ray
def test_leaving_a_ray_ends_our_actors_and_nothing_else(theirs, tmp_path, wait_until):
    others = lasting(theirs.processes())
    joined = sl.cluster("ray", address=theirs.address, name="joined")
    assert joined.workers == 2, "as many as it has processors"
    assert joined.price_per_hour is None
    executor = joined.executor()
    executor.start(CountingTask(folder=str(tmp_path)))
    executor.submit(chunks_of(4, 1))
    assert all(isinstance(r, Receipt) for r in drain(executor, 4))
    ours = [psutil.Process(pid) for pid in joined._launcher.worker_pids]
    joined.close()
    wait_until(lambda: not alive(ours))
    assert theirs.process.poll() is None
    assert others <= {p.pid for p in theirs.processes()}


@needs_ray
def test_more_workers_than_ray_has_room_for_is_said_in_time(theirs):
    with pytest.raises(ClusterStartError, match=r"2 of 3\): Ray has not given them a place"):
        sl.cluster("ray", address=theirs.address, workers=3, name="crowd", timeout=40)


@needs_ray
def test_nobody_at_an_address_is_said_in_seconds(runtime_dir):
    with pytest.raises(ClusterError, match=r"Nobody answers at 127.0.0.1:9 .*ray start"):
        sl.cluster("ray", address="127.0.0.1:9", workers=1)
    assert clusters.list_clusters() == []


@needs_ray
def test_an_address_that_is_none_is_said(runtime_dir):
    with pytest.raises(ClusterError, match=r"'nonsense' is no address of a Ray; it is host:port"):
        sl.cluster("ray", address="nonsense", workers=1)


@needs_ray
def test_a_ray_of_the_notebooks_own_is_used_or_left_alone(theirs, runtime_dir, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
        import warnings
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import ray
            ray.init(address={theirs.address!r}, log_to_driver=False, logging_level="ERROR")
        import spicelab_nb as sl
        from spicelab_nb.errors import ClusterError

        @ray.remote(num_cpus=0)
        class Mine:
            def answer(self):
                return 42

        mine = Mine.remote()
        try:
            sl.cluster("ray", workers=1)
        except ClusterError as error:
            print(error)
        with sl.cluster("ray", address="auto", workers=1) as cluster:
            print(cluster.address == {theirs.address!r}, cluster.workers)
        print(ray.is_initialized(), ray.get(mine.answer.remote()))
        """)
    )
    code, out, errors = run_script(script)
    assert code == 0, errors
    said, joined, left = out.splitlines()
    assert 'sl.cluster("ray", address="auto")' in said
    assert joined == "True 1"
    assert left == "True 42"


@needs_ray
def test_a_head_of_another_version_is_refused_with_both_named(theirs, runtime_dir):
    import importlib.metadata
    import platform

    ours = importlib.metadata.version("ray")
    theirs.metadata(ray_version="2.9.3", python_version="3.10.2")
    try:
        with pytest.raises(ClusterError) as error:
            sl.cluster("ray", address=theirs.address, workers=1)
    finally:
        theirs.metadata(ray_version=ours, python_version=platform.python_version())
    text = str(error.value)
    assert f"ray is {ours} here and 2.9.3" in text
    assert f"python is {platform.python_version()} here and 3.10.2" in text
    assert f"pip install ray=={ours}" in text
    assert clusters.list_clusters() == []


@needs_ray
def test_a_head_that_hangs_is_lost_in_time(theirs, tmp_path, wait_until):
    joined = sl.cluster("ray", address=theirs.address, workers=1, name="hung")
    executor = joined.executor()
    task = GateTask(folder=str(tmp_path))
    executor.start(task)
    executor.submit(chunks_of(2, 1))
    wait_until(task.pids)
    server = theirs.server()
    server.suspend()
    try:
        with pytest.raises(ExecutorError, match=r"has not answered.*safe in the store"):
            drain(executor, 2, limit=120)
        wait_until(lambda: joined.state == "failed")
        joined.close()
    finally:
        server.resume()


@needs_ray
def test_machines_with_other_packages_are_refused_with_both_named(
    short_folder, runtime_dir, monkeypatch, wait_until
):
    folder = short_folder / "b"
    info = folder / "site" / "numpy-1.26.4.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 1.26.4\n")
    head = Head(folder, PYTHONPATH=os.pathsep.join([str(folder / "site"), PACKAGE]))
    try:
        wait_until(lambda: head.address, limit=150)
        for name, value in head.variables.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(ClusterError, match=r"numpy is 2\.\S+ here and 1\.26\.4 on 1 of 1"):
            sl.cluster("ray", address=head.address, workers=1)
    finally:
        head.end()
    assert clusters.list_clusters() == []
