"""Binder's steps, as far as a machine without Docker can take them."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
BINDER = ROOT / "binder"


def lines(name):
    text = (BINDER / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def post_build(**environment):
    folder = str(Path(sys.executable).parent)
    return subprocess.run(
        [BINDER / "postBuild"],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", **environment},
        capture_output=True,
        text=True,
        timeout=550,
    )


def test_requirements_are_this_project_with_extras_that_it_has():
    (line,) = lines("requirements.txt")
    wanted = re.fullmatch(r"\.\[(.+)\]", line)[1].split(",")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(wanted) <= set(project["optional-dependencies"])
    (version,) = lines("runtime.txt")
    python = version.removeprefix("python-")
    assert python in Requirement(f"python{project['requires-python']}").specifier


@pytest.mark.ngspice
@pytest.mark.slow
def test_debian_packages_are_there_under_these_names():
    for package in lines("apt.txt"):
        subprocess.run(["dpkg", "-s", package], check=True, capture_output=True)


@pytest.mark.ngspice
@pytest.mark.slow
def test_post_build_runs_the_notebooks():
    done = post_build()
    assert done.returncode == 0, done.stdout + done.stderr


def test_post_build_fails_without_ngspice(tmp_path):
    done = post_build(NGSPICE_LIBRARY_PATH=str(tmp_path / "none.so"))
    assert done.returncode == 1
    assert "to mend: ngspice" in done.stdout
