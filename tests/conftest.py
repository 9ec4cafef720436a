"""What every room's tests share."""

import contextlib
import ctypes.util
import os
import shutil
import tempfile
import time
from pathlib import Path

# Before numpy is first imported: one thread for each process, so that tests share the machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import psutil
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("default", deadline=None)
settings.register_profile(
    "ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci" if os.environ.get("CI") else "default")

INSTALL_NGSPICE = "apt-get install ngspice libngspice0"
# Every process that a test starts inherits this: it finds orphans that lost their parent, too.
MARK = f"SPICELAB_NB_TESTS={os.getpid()}"


def pytest_configure():
    os.environ["SPICELAB_NB_TESTS"] = str(os.getpid())
    # No test ever sees or touches the clusters of the person who runs it.
    os.environ["SPICELAB_NB_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="spicelab-nb-tests-")
    # Nor writes into that person's ledger.
    os.environ["SPICELAB_NB_DATA_DIR"] = tempfile.mkdtemp(prefix="spicelab-nb-tests-data-")


def pytest_unconfigure():
    for name in ("SPICELAB_NB_RUNTIME_DIR", "SPICELAB_NB_DATA_DIR"):
        shutil.rmtree(os.environ[name], ignore_errors=True)


def pytest_collection_modifyitems(items):
    found = ctypes.util.find_library("ngspice") or shutil.which("ngspice")
    if found:
        return
    skip = pytest.mark.skip(reason=f"ngspice is not installed: {INSTALL_NGSPICE}")
    for item in items:
        if "ngspice" in item.keywords:
            item.add_marker(skip)


def left_running() -> list[psutil.Process]:
    """The processes that tests of this session started and that still run."""
    ours = {}
    for process in psutil.Process().children(recursive=True):
        ours[process.pid] = process
    for process in psutil.process_iter():
        # Another user's process, or one that ended between two looks.
        with contextlib.suppress(psutil.Error, OSError):
            name, value = MARK.split("=")
            if process.pid != os.getpid() and process.environ().get(name) == value:
                ours[process.pid] = process
    alive = []
    for process in ours.values():
        with contextlib.suppress(psutil.Error):
            helper = "multiprocessing.resource_tracker" in " ".join(process.cmdline())
            if process.status() != psutil.STATUS_ZOMBIE and not helper:
                alive.append(process)
    return alive


def describe(process: psutil.Process) -> str:
    try:
        return f"{process.pid}: {' '.join(process.cmdline())}"
    except psutil.Error:
        return f"{process.pid}: gone"


def wait(condition, limit: float = 60.0, what: str = ""):
    """Wait until `condition()` is true and give what it returned; fail after `limit` seconds."""
    end = time.monotonic() + limit
    while not (value := condition()):
        if time.monotonic() > end:
            pytest.fail(f"waited {limit:g} s in vain for {what or condition}")
        time.sleep(0.02)
    return value


@pytest.fixture(scope="session")
def wait_until():
    """``wait_until(condition, limit=60, what="")`` gives the condition's first true value."""
    return wait


@pytest.fixture
def runtime_dir(tmp_path, monkeypatch) -> Path:
    """A folder of its own for this test's cluster records."""
    folder = tmp_path / "runtime"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("SPICELAB_NB_RUNTIME_DIR", str(folder))
    return folder


@pytest.fixture(scope="session", autouse=True)
def no_process_is_left():
    """Close what you start: no process outlives the tests."""
    yield
    end = time.monotonic() + 60
    while (left := left_running()) and time.monotonic() < end:
        time.sleep(0.1)
    assert not left, "processes that tests started still run:\n" + "\n".join(map(describe, left))
