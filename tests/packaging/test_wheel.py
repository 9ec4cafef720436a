"""What `pip install` brings: every file of the package, and nothing else."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IGNORED = {".pyc", ".orig"}


def build(root, folder, **environment):
    """Build a wheel; gives its path and what was printed."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=root,
        env={**os.environ, **environment},
        check=False,
        capture_output=True,
        text=True,
    )
    return next(folder.glob("*.whl"), None), done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    built, said = build(ROOT, folder, SPICELAB_NB_LABEXTENSION="skip")
    assert built, said
    with zipfile.ZipFile(built) as archive:
        yield archive


@pytest.fixture
def sources(tmp_path):
    """A copy of what a wheel is made of, with the sidebar not built."""
    copy = tmp_path / "sources"
    copy.mkdir()
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    shutil.copytree(ROOT / "spicelab_nb", copy / "spicelab_nb", ignore=lambda *_: ["labextension"])
    shutil.copytree(
        ROOT / "labextension", copy / "labextension", ignore=lambda *_: ["node_modules", "lib"]
    )
    return copy


def test_without_node_the_rest_is_built_and_that_is_said(sources, tmp_path):
    built, said = build(sources, tmp_path, PATH="/nowhere")
    assert built, said
    assert "sidebar is left out: Node.js" in said
    with zipfile.ZipFile(built) as archive:
        assert not any("labextensions" in name for name in archive.namelist())


def test_a_release_without_the_sidebar_is_refused(sources, tmp_path):
    built, said = build(sources, tmp_path, PATH="/nowhere", SPICELAB_NB_LABEXTENSION="require")
    assert built is None
    assert "sidebar is left out: Node.js" in said


def test_a_built_sidebar_goes_where_jupyterlab_looks(sources, tmp_path):
    made = sources / "spicelab_nb" / "labextension"
    made.mkdir()
    (made / "package.json").write_text("{}")
    built, said = build(sources, tmp_path, PATH="/nowhere")
    assert built, said
    with zipfile.ZipFile(built) as archive:
        names = archive.namelist()
    place = "data/share/jupyter/labextensions/@spicelab/nb/"
    assert {n.partition(place)[2] for n in names if place in n} == {"package.json", "install.json"}
    assert not any(name.startswith("spicelab_nb/labextension") for name in names)
    assert any(n.endswith("etc/jupyter/jupyter_server_config.d/spicelab_nb.json") for n in names)


def test_every_file_of_the_package_is_in_the_wheel(wheel):
    package = ROOT / "spicelab_nb"
    there = {
        f.relative_to(ROOT).as_posix()
        for f in package.rglob("*")
        if f.is_file()
        and f.suffix not in IGNORED
        and not f.is_relative_to(package / "labextension")
    }
    held = {n for n in wheel.namelist() if ".dist-info/" not in n and ".data/" not in n}
    assert held == there
    # The data that would be missed only when it is used.
    for name in ("cli/opamp.cir", "py.typed", "circuits/known_parameters.json"):
        assert f"spicelab_nb/{name}" in held
    assert any(n.startswith("spicelab_nb/jupyter/static/") for n in held)


def test_wheel_has_the_command_and_the_licence(wheel):
    names = wheel.namelist()
    (entries,) = [n for n in names if n.endswith("entry_points.txt")]
    assert "spicelab-nb = spicelab_nb.cli:main" in wheel.read(entries).decode()
    assert any(n.endswith("licenses/LICENSE") for n in names)
