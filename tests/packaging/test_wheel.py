"""What `pip install` brings: every file of the package, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IGNORED = {".pyc", ".orig"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        yield archive


def test_every_file_of_the_package_is_in_the_wheel(wheel):
    package = ROOT / "spicelab_nb"
    there = {
        f.relative_to(ROOT).as_posix()
        for f in package.rglob("*")
        if f.is_file() and f.suffix not in IGNORED
    }
    held = {n for n in wheel.namelist() if ".dist-info/" not in n}
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
