"""The matrix of faults: what the tests share, and the page that they write."""

import datetime
import importlib.util
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest

import spicelab_nb as sl
from spicelab_nb.clusters import known_kinds


def _load(name):
    """Import a module beside this file; import mode importlib does not find it by itself."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


matrix = _load("matrix")
scenes = _load("scenes")
_load("network")
_load("ray_nodes")


def pytest_addoption(parser):
    parser.addoption(
        "--write-fault-table",
        action="store_true",
        help="write what became of each fault to docs/faults.md, instead of comparing with it",
    )


def pytest_configure(config):
    config.addinivalue_line("markers", "fault(row): the row of the matrix that a test fills")


def pytest_generate_tests(metafunc):
    """A test of a row runs for each kind of cluster to which the row applies."""
    marker = metafunc.definition.get_closest_marker("fault")
    if marker is None or "kind" not in metafunc.fixturenames:
        return
    kinds = marker.kwargs.get("kinds", tuple(matrix.KINDS))
    missing = matrix.ROWS[marker.args[0]].missing
    slow = marker.kwargs.get("slow", ())
    chosen = []
    for kind in kinds:
        if kind in missing or not there(kind, metafunc.config):
            continue
        marks = [pytest.mark.ray] if kind == "ray" else []
        marks += [pytest.mark.slow] if kind in slow else []
        chosen.append(pytest.param(kind, marks=marks))
    metafunc.parametrize("kind", chosen)


def there(kind, config):
    """Whether this version has that kind of cluster."""
    marked = kind != "ray" or any(m.startswith("ray:") for m in config.getini("markers"))
    return kind in known_kinds() and marked


def ran_on():
    """On what, and when."""
    import ctypes.util

    ngspice = subprocess.run(
        ["ngspice", "--version"], capture_output=True, text=True, check=False
    ).stdout.split("ngspice-")[1:2]
    parts = [f"Python {platform.python_version()}", f"distributed {version('distributed')}"]
    if importlib.util.find_spec("ray"):
        parts.append(f"Ray {version('ray')}")
    parts.append(f"numpy {version('numpy')}")
    if ctypes.util.find_library("ngspice") and ngspice:
        parts.append(f"ngspice {ngspice[0].split()[0]}")
    today = datetime.datetime.now(tz=datetime.UTC).date()
    return (
        f"Last written on {today}, with {', '.join(parts)}, spicelab_nb {version('spicelab-nb')}."
    )


class Cell:
    """One cell of the matrix, filled by the test that runs it."""

    def __init__(self, config, row, kind):
        self.config = config
        self.row, self.kind = row, kind
        self.begun = None
        self.said = None

    def strike(self, fault, store, *, gone=False):
        """Let the fault happen, and make sure that the work was half done.

        With `gone` the store is out of reach now: what calls this looks when it is back.
        """
        assert scenes.half_done(store), "the fault would come too early or too late"
        self.begun = time.monotonic()
        fault()
        assert gone or store.gaps(), "the fault came too late to show anything"

    def is_(self, outcome):
        """Say what became of it."""
        assert self.begun is not None, "no fault was noted"
        assert "|" not in outcome
        assert "\n" not in outcome
        self.said = outcome
        seconds = max(1, round(time.monotonic() - self.begun))
        page = matrix.Page.read()
        if self.config.getoption("--write-fault-table"):
            page.cells[self.row, self.kind] = (outcome, seconds)
            page.ran_on = ran_on()
            matrix.PAGE.write_text(page.text(), encoding="utf-8")
            return
        written = page.outcome(self.row, self.kind)
        assert outcome == written, (
            f"docs/faults.md says {written!r}. If this is what should happen: "
            "pytest tests/faults --write-fault-table"
        )


@pytest.fixture
def cell(request):
    marker = request.node.get_closest_marker("fault")
    kind = request.node.callspec.params["kind"]
    made = Cell(request.config, marker.args[0], kind)
    yield made
    if not request.node.stash.get(_failed, False):
        assert made.said is not None, "the test did not say what became of the fault"


_failed = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" and not report.passed:
        item.stash[_failed] = True
    return report


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """``undisturbed(campaign)``: the bits of a run that nobody disturbed; each is run once."""
    found = {}

    def bits_of(campaign):
        if campaign not in found:
            place = tmp_path_factory.mktemp("undisturbed") / campaign
            with sl.cluster("serial") as cluster:
                run = scenes.CAMPAIGNS[campaign](place).run(cluster).wait(300)
            found[campaign] = scenes.all_bits(run)
        return found[campaign]

    return bits_of


@pytest.fixture
def start(request):
    """``start(kind, **options)``: a cluster of two workers, closed afterwards."""
    started = []

    def start_one(kind, workers=2, **options):
        if workers and kind != "serial":
            options = {"workers": workers, **options}
            if kind == "local":
                options.setdefault("dashboard", False)
        started.append(sl.cluster(kind, **options))
        return started[-1]

    yield start_one
    for each in started:
        each.close()


@pytest.fixture
def same_bits(undisturbed):
    """``same_bits(run, campaign)`` fails unless the run is done, whole, and as the undisturbed."""

    def check(run, campaign):
        store = scenes.opened(run.store)
        assert store.gaps() == []
        shared = scenes.shared_samples(store)
        assert scenes.all_bits(run) == undisturbed(campaign)
        assert run.progress.state == "done"
        return shared

    return check
