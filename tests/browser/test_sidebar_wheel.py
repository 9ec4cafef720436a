"""The wheel with the sidebar in it, installed where there is no Node.js."""

import filecmp
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "spicelab_nb" / "labextension"
PLACE = Path("share/jupyter/labextensions/@spicelab/nb")


def command(*words, **environment):
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env={**os.environ, "PATH": "/nowhere", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def test_the_wheel_brings_the_sidebar_and_its_server_without_node(built, tmp_path):
    command("hatchling", "build", "-t", "wheel", "-d", tmp_path, SPICELAB_NB_LABEXTENSION="require")
    (wheel,) = tmp_path.glob("*.whl")
    prefix = tmp_path / "prefix"
    # What this environment has stays: pip would take it away first.
    quietly = ("--quiet", "--no-deps", "--no-index", "--ignore-installed")
    command("pip", "install", *quietly, "--prefix", prefix, wheel)

    files = [f.relative_to(BUILT) for f in BUILT.rglob("*") if f.is_file()]
    assert any(f.match("static/remoteEntry.*.js") for f in files)
    wrong = filecmp.cmpfiles(BUILT, prefix / PLACE, files, shallow=False)[1:]
    assert wrong == ([], [])
    assert json.loads((prefix / PLACE / "install.json").read_text())["packageName"] == "spicelab-nb"

    listed = command("jupyterlab.labextensions", "list", JUPYTER_PATH=str(prefix / "share/jupyter"))
    here = listed.partition(str(prefix / "share/jupyter/labextensions"))[2]
    (line,) = [line for line in here.splitlines() if "@spicelab/nb" in line][:1]
    assert "enabled" in line, listed
    assert "OK" in line, listed
    server = prefix / "etc/jupyter/jupyter_server_config.d/spicelab_nb.json"
    enabled = json.loads(server.read_text())["ServerApp"]["jpserver_extensions"]
    assert enabled == {"spicelab_nb.jupyter.server": True}
