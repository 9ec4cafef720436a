"""Every built-in kind against the conformance suite, and what all kinds share."""

import gc
import subprocess
import sys
import threading

import pytest

import spicelab_nb as sl
from spicelab_nb import clusters
from spicelab_nb.errors import ClusterError, ClusterNotFoundError
from spicelab_nb.testing.clusters import ClusterTests


class TestLocal(ClusterTests):
    @pytest.fixture(scope="class")
    @classmethod
    def make(cls):
        return lambda name: sl.cluster("local", workers=1, name=name, dashboard=False)


class TestSerial(ClusterTests):
    can_scale = False

    @pytest.fixture(scope="class")
    @classmethod
    def make(cls):
        return lambda name: sl.cluster("serial", name=name)


class TestAddress(ClusterTests):
    can_scale = False

    @pytest.fixture(scope="class")
    @classmethod
    def make(cls):
        with sl.cluster("local", workers=1, name="elsewhere", dashboard=False) as elsewhere:

            def join(name):
                security = elsewhere.client.security
                return sl.cluster(
                    "address", address=elsewhere.address, security=security, name=name
                )

            yield join
            assert elsewhere.state == "running", "closing a client ends nothing"
            assert elsewhere.workers == 1


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        ("lokal", {}, "Did you mean local"),
        ("local", {"workers": 0}, "workers of at least 1, not 0"),
        ("local", {"workers": True}, "at least 1, not True"),
        ("local", {"threads_per_worker": -1}, "threads_per_worker of at least 1"),
        ("local", {"wokers": 2}, "Did you mean workers"),
        ("local", {"memory_limit": "much"}, "memory_limit is bytes"),
        ("local", {"memory_limit": "1 MB"}, "less than a worker needs"),
        ("address", {}, r"needs address=: sl\.cluster\(\"address\", address=\.\.\.\)"),
        ("local", {"timeout": 0}, "seconds above 0"),
        ("address", {}, "address"),
        ("address", {"address": ""}, "tcp://host:8786"),
        ("serial", {"name": "two words"}, "no spaces"),
        ("serial", {"name": "--all"}, "begin with"),
        ("serial", {"name": ""}, "1 to 64 characters"),
        ("serial", {"name": "x" * 65}, "1 to 64 characters"),
    ],
)
def test_bad_input_is_refused_before_anything_starts(runtime_dir, kind, options, says):
    with pytest.raises(ClusterError, match=says):
        sl.cluster(kind, **options)
    assert clusters.list_clusters() == []


def test_names_are_made_up_and_the_newest_cluster_is_the_current_one(runtime_dir):
    assert clusters.current() is None
    with sl.cluster("serial") as first, sl.cluster("serial") as second:
        assert [first.name, second.name] == ["serial", "serial-2"]
        assert clusters.current() is second
        clusters.set_current("serial")
        assert clusters.current() is first
        assert [record.name for record in sl.list_clusters()] == ["serial", "serial-2"]
        clusters.set_current(None)
        assert clusters.current() is None
    with pytest.raises(ClusterNotFoundError, match="closed"):
        clusters.set_current(first)


def test_a_name_in_html_stays_text(runtime_dir):
    with sl.cluster("serial", name="<b>x</b>") as cluster:
        cluster.note_campaign("<script>alert(1)</script>", 1, 2, "<i>")
        html = cluster._repr_html_()
    assert "<script" not in html
    assert "<b>x" not in html
    assert "&lt;script&gt;" in html


def test_a_plug_in_is_found_by_its_entry_point(runtime_dir, tmp_path, monkeypatch):
    info = tmp_path / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[spicelab_nb.clusters]\nmine = spicelab_nb.clusters.serial:SerialCluster\n"
        "broken = not_there:Kind\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert {"mine", "local", "address", "serial"} <= set(clusters.known_kinds())
    with sl.cluster("mine") as cluster:
        assert cluster.workers == 1
        assert cluster.name == "mine"
    with pytest.raises(ClusterError, match=r"'broken' \(not_there:Kind\) cannot be imported"):
        sl.cluster("broken")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "tls://127.0.0.1:9", "nonsense://x"])
def test_nobody_at_an_address_is_said_in_seconds(runtime_dir, address):
    with pytest.raises(ClusterError, match=r"No scheduler answered at .*127|nonsense") as no:
        sl.cluster("address", address=address, timeout=1)
    assert "object at 0x" not in str(no.value)
    assert clusters.list_clusters() == []


def client_threads():
    return sorted(t.name for t in threading.enumerate() if t.name.startswith("spicelab_nb-"))


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "tls://127.0.0.1:9", "nonsense://x"])
def test_a_client_that_nobody_answered_leaves_nothing(runtime_dir, address, monkeypatch):
    from distributed import client

    gc.collect()  # those of other tests
    made = []
    monkeypatch.setattr(client.Client, "__del__", lambda self: made.append(self.status))
    with pytest.raises(ClusterError, match="No scheduler answered"):
        sl.cluster("address", address=address, timeout=0.5)
    assert client_threads() == []
    gc.collect()
    # One that is still open would be closed now, in whichever thread collects it.
    assert made == ["closed"]


def test_a_client_that_could_not_be_made_leaves_nothing(runtime_dir):
    with pytest.raises(ClusterError, match="No scheduler answered"):
        sl.cluster("address", address="tls://127.0.0.1:9", security="mine", timeout=0.5)
    assert client_threads() == []


def test_each_client_has_a_loop_that_ends_with_it(runtime_dir):
    with sl.cluster("local", workers=1, name="bench") as cluster:
        assert client_threads() == ["spicelab_nb-bench"]
        mine = cluster.client
        with sl.cluster("address", name="guest", address=cluster.address, security=mine.security):
            assert client_threads() == ["spicelab_nb-bench", "spicelab_nb-guest"]
        assert mine.submit(abs, -3).result(60) == 3
    assert client_threads() == []


def test_importing_the_package_imports_no_dask():
    script = (
        "import sys, spicelab_nb, spicelab_nb.clusters, spicelab_nb.executors;"
        "spicelab_nb.cluster; spicelab_nb.list_clusters;"
        "print([m for m in ('dask', 'distributed', 'cryptography') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
