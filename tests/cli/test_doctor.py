"""The doctor: what is missing, which command mends it, and the exit code."""

import io
import json

import pytest
from packaging.requirements import Requirement
from rich.console import Console

import spicelab_nb.engines
from spicelab_nb.cli import findings, main
from spicelab_nb.cli.doctor import doctor
from spicelab_nb.cli.findings import Grade, engine_findings, grounds, jupyter_findings
from spicelab_nb.engines import EngineInfo

HERE = EngineInfo(name="neospice", version="0.2.0", path="/x", install_hint="pip install neospice")
GONE = EngineInfo(name="ngspice", problem="libngspice was not found", install_hint="apt-get it")
BROKEN = EngineInfo(name="neospice", problem="no wheel", install_hint="pip install neospice")


@pytest.fixture
def engines(monkeypatch):
    def are(*found):
        monkeypatch.setattr(spicelab_nb.engines, "available", lambda: list(found))

    return are


def looked(**options):
    out = io.StringIO()
    return doctor(Console(file=out, width=200), **options), out.getvalue()


def test_here_everything_is_there(capsys):
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    for what in ("Python", "spicelab-nb", "packages", "ngspice", "neospice", "kernel", "widgets"):
        assert what in said
    assert "Campaigns can run here" in said


def test_a_missing_engine_is_no_failure_while_there_is_another(engines):
    engines(GONE, HERE)
    code, said = looked()
    assert code == 0
    assert "apt-get it" in said


def test_programs_get_the_same_as_one_line_of_json(engines):
    engines(GONE, BROKEN)
    code, said = looked(as_json=True)
    assert code == 1
    found = json.loads(said)
    assert len(said.splitlines()) == 1
    assert not found["healthy"]
    (bad,) = (f for f in found["findings"] if f["what"] == "ngspice")
    assert bad == {
        "what": "ngspice",
        "grade": "bad",
        "text": "libngspice was not found",
        "install": "apt-get it",
    }


def test_an_engine_that_is_asked_for_has_to_be_there(engines):
    engines(GONE, HERE)
    code, said = looked(engine="ngspice")
    assert code == 1
    assert "1 to mend: ngspice" in said


def test_no_engine_at_all_is_a_failure(engines):
    engines(GONE, BROKEN)
    code, said = looked()
    assert code == 1
    assert "apt-get it" in said
    assert "pip install neospice" in said


def test_an_engine_of_no_such_name(engines):
    engines(GONE, HERE)
    (found,) = engine_findings("spectre")
    assert found.grade is Grade.BAD
    assert "ngspice and neospice" in found.text


def test_requirements_that_are_not_met_are_named(monkeypatch):
    asked = ["numpy>=99", "no-such-package>=1", 'holoviews>=99; extra == "explore"', "rich>=13"]
    monkeypatch.setattr(findings.importlib.metadata, "requires", lambda name: asked)
    found = {f.what: f for f in grounds()}
    base, extra = found["packages"], found["[explore]"]
    assert base.grade is Grade.BAD
    assert "no-such-package is missing" in base.text
    assert "is not >=99" in base.text
    assert "rich" not in base.text
    assert extra.grade is Grade.MISSING
    assert extra.install == 'pip install "spicelab-nb[explore]"'


def test_version_check_takes_what_pip_takes():
    assert findings._problem(Requirement("packaging>=1")) == ""


def test_a_jupyter_without_assets_or_kernel_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda *parts: [str(tmp_path)])
    monkeypatch.setattr(
        "jupyter_client.kernelspec.KernelSpecManager.find_kernel_specs", lambda self: {}
    )
    kernel, widgets, sidebar = jupyter_findings()
    assert kernel.grade is Grade.MISSING
    assert "-m ipykernel install" in kernel.install
    assert widgets.grade is Grade.MISSING
    assert "anywidget" in widgets.text
    assert sidebar.grade is Grade.MISSING
    assert "Node.js" in sidebar.text


def test_deep_starts_a_cluster_and_simulates(runtime_dir):
    code, said = looked(deep=True, engine="neospice")
    assert code == 0
    assert "4 samples simulated" in said


def test_deep_tells_why_a_cluster_does_not_start(monkeypatch, runtime_dir):
    monkeypatch.setenv("SPICELAB_NB_RUNTIME_DIR", "/proc/nowhere")
    code, said = looked(deep=True)
    assert code == 1
    assert "SPICELAB_NB_RUNTIME_DIR" in said


def test_a_folder_without_which_no_cluster_starts_is_told_at_once(monkeypatch):
    monkeypatch.setenv("SPICELAB_NB_RUNTIME_DIR", "/proc/nowhere")
    code, said = looked()
    assert code == 1
    assert "SPICELAB_NB_RUNTIME_DIR" in said


@pytest.mark.parametrize(
    ("text", "says"), [("workers = ", "spicelab_nb.toml"), ('engine = "ngspise"', "ngspise")]
)
def test_settings_that_no_campaign_could_use_are_bad(tmp_path, monkeypatch, text, says):
    (tmp_path / "spicelab_nb.toml").write_text(text + "\n")
    monkeypatch.chdir(tmp_path)
    code, said = looked()
    assert code == 1
    assert says in said
