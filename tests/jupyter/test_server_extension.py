"""The registry of clusters over HTTP, from a real Jupyter server."""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import spicelab_nb as sl

TOKEN = secrets.token_hex(16)
ROUTES = (
    "clusters",
    "clusters/x",
    "clusters/x/stop",
    "clusters/x/scale",
    "prune",
    "kinds",
    "presets",
    "presets/x",
    "doctor",
)


class Server:
    """A Jupyter server on loopback with nobody's configuration."""

    def __init__(self, folder):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        own = {name: str(folder / name.lower()) for name in (
            "HOME", "IPYTHONDIR", "XDG_CONFIG_HOME",
            "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR",
        )}  # fmt: skip
        runtime = folder / "records"
        environment = {**os.environ, **own, "SPICELAB_NB_RUNTIME_DIR": str(runtime)}
        self.records = runtime / "spicelab_nb" / "clusters"
        self.presets = Path(own["XDG_CONFIG_HOME"]) / "spicelab_nb" / "presets.json"
        self.log = folder / "log"
        self._printed = self.log.open("w")
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root",
                "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={self.port}",
                "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}",
                "--ServerApp.jpserver_extensions=" + repr({"spicelab_nb.jupyter.server": True}),
            ],
            env={**environment, "JUPYTER_TOKEN": TOKEN},
            stdout=self._printed,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        end = time.monotonic() + 120
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()
            with contextlib.suppress(OSError):
                self.ask("clusters")
                return
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def ask(self, path, method="GET", body=None, token=TOKEN):
        """Give the status and the JSON of the answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/spicelab-nb/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {token}"} if token else {},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            text = error.read()
            return error.code, json.loads(text) if text else None

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        self._printed.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.close()


@pytest.fixture
def cluster(server, monkeypatch):
    monkeypatch.setenv("SPICELAB_NB_RUNTIME_DIR", str(server.records.parents[1]))
    with sl.cluster("local", workers=1, name="served") as cluster:
        yield cluster


def wait(condition, seconds=60):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("path", ROUTES)
def test_strangers_are_refused_whatever_the_verb(server, path, method):
    for token in ("", "0" * 32):
        assert server.ask(path, method, {} if method == "POST" else None, token)[0] == 403


def test_a_cluster_is_listed_scaled_and_stopped(server, cluster):
    status, listing = server.ask("clusters")
    assert status == 200
    (row,) = listing["clusters"]
    assert (row["name"], row["kind"], row["state"]) == ("served", "local", "running")
    assert row["workers"] == 1
    assert row["scalable"]
    assert server.ask("clusters/served")[1]["id"] == cluster.id

    assert server.ask(f"clusters/{cluster.id}/scale", "POST", {"workers": 2})[0] == 202
    wait(lambda: cluster.workers == 2)
    assert server.ask("clusters/served/stop", "POST", {})[0] == 202
    wait(lambda: cluster.state == "closed")
    assert wait(lambda: server.ask("clusters")[1])["clusters"] == []


@pytest.mark.parametrize("workers", [-1, 1.5, "2", None, True])
def test_a_wrong_number_of_workers_is_refused_with_a_sentence(server, cluster, workers):
    status, said = server.ask(f"clusters/{cluster.id}/scale", "POST", {"workers": workers})
    assert status == 400
    assert "0 or more workers" in said["message"]


def test_a_cluster_that_is_gone_is_a_404_of_our_own(server):
    status, said = server.ask("clusters/nobody/stop", "POST", {})
    assert status == 404
    assert "nobody" in said["message"]
    assert said["source"] == "spicelab-nb"


def test_dead_owners_here_are_reaped_and_strange_records_break_nothing(server, cluster):
    own = json.loads((server.records / f"{cluster.id}.json").read_text())
    made = {
        "aaaaaaaaaaaa": json.dumps({**own, "id": "aaaaaaaaaaaa", "owner": 2**22 - 1}),
        "bbbbbbbbbbbb": json.dumps(
            {**own, "id": "bbbbbbbbbbbb", "name": "far", "host": "elsewhere", "heartbeat": 1.0}
        ),
        "cccccccccccc": json.dumps(own)[:50],
        "dddddddddddd": "[" * 100_000,
    }
    for name, text in made.items():
        (server.records / f"{name}.json").write_text(text)
    try:
        status, listing = server.ask("clusters")
        assert status == 200
        assert [row["id"] for row in listing["clusters"]] == [cluster.id]
        assert [row["name"] for row in listing["orphans"]] == ["far"]
        unreadable = {row["file"] for row in listing["unreadable"]}
        assert unreadable == {"cccccccccccc.json", "dddddddddddd.json"}
        assert not (server.records / "aaaaaaaaaaaa.json").exists()
        assert server.ask("prune", "POST", {})[1]["removed"] == ["far"]
        assert server.ask("clusters")[1]["orphans"] == []
    finally:
        for name in made:
            (server.records / f"{name}.json").unlink(missing_ok=True)


def test_a_link_of_a_record_is_a_web_address_or_nothing(server, cluster):
    path = server.records / "eeeeeeeeeeee.json"
    own = json.loads((server.records / f"{cluster.id}.json").read_text())
    path.write_text(json.dumps({**own, "id": "eeeeeeeeeeee", "dashboard": "javascript:alert(1)"}))
    try:
        assert server.ask("clusters/eeeeeeeeeeee")[1]["dashboard"] == ""
    finally:
        path.unlink()


def test_kinds_come_with_their_options(server):
    kinds = {kind["name"]: kind for kind in server.ask("kinds")[1]["kinds"]}
    assert {"local", "address", "serial", "ray"} <= set(kinds)
    workers = next(o for o in kinds["local"]["options"] if o["name"] == "workers")
    assert (workers["type"], workers["required"]) == ("int", False)
    assert "Processes" in workers["help"]
    units = {o["name"]: o["unit"] for o in kinds["local"]["options"]}
    assert (units["workers"], units["timeout"]) == ("", "s")
    assert units["price"] == "USD per core and hour"
    address = next(o for o in kinds["address"]["options"] if o["name"] == "address")
    assert address["required"]
    # A form cannot give Python objects.
    assert all(o["name"] != "security" for o in kinds["address"]["options"])


def test_presets_are_saved_offered_and_forgotten(server):
    assert server.ask("presets")[1] == {"presets": [], "problem": ""}
    bench = {"kind": "local", "options": {"workers": "4"}}
    assert server.ask("presets/my%20bench%2F2", "PUT", bench)[0] == 204
    (saved,) = server.ask("presets")[1]["presets"]
    assert saved == {"name": "my bench/2", **bench}
    assert server.ask("presets/my%20bench%2F2", "DELETE")[0] == 204
    assert server.ask("presets")[1]["presets"] == []
    status, said = server.ask("presets/my%20bench%2F2", "DELETE")
    assert (status, said["source"]) == (404, "spicelab-nb")


@pytest.mark.parametrize(
    "body",
    [{}, {"kind": "lokal", "options": {}}, {"kind": "local", "options": {"wokers": "1"}}, []],
)
def test_a_preset_that_no_cluster_would_take_is_refused_with_a_sentence(server, body):
    status, said = server.ask("presets/bad", "PUT", body)
    assert status == 400
    assert said["message"].endswith((".", "?"))
    assert server.ask("presets")[1]["presets"] == []


def test_presets_that_cannot_be_read_are_named_and_nothing_else_suffers(server):
    server.presets.parent.mkdir(parents=True, exist_ok=True)
    server.presets.write_text("{")
    try:
        status, found = server.ask("presets")
        assert (status, found["presets"]) == (200, [])
        assert "presets.json" in found["problem"]
    finally:
        server.presets.unlink()


def test_doctor_says_what_is_installed(server):
    status, found = server.ask("doctor")
    assert status == 200
    assert found["healthy"]
    ngspice = next(f for f in found["findings"] if f["what"] == "ngspice")
    assert ngspice["grade"] in ("good", "missing")
    assert ngspice["text"]


def test_the_extension_loads_neither_dask_nor_what_notebooks_need():
    code = (
        "import sys, spicelab_nb.jupyter.server.handlers\n"
        "from spicelab_nb.clusters.presets import describe_kinds\n"
        "from spicelab_nb.clusters.saved import presets\n"
        "describe_kinds(); presets()\n"
        "print(sorted({'dask', 'distributed', 'ray', 'panel', 'xarray', 'pandas', 'IPython',"
        " 'ipywidgets', 'bokeh'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"
