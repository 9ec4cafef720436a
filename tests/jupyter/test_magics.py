"""The magics in a shell that has no widgets, as in a terminal."""

import subprocess
import sys

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import spicelab_nb as sl
from spicelab_nb import clusters

RC = """* a low-pass filter
V1 in 0 dc 0 ac 1
R1 in out 1k
C1 out 0 1u
.ac dec 5 1 1e5
.end
"""


@pytest.fixture
def shell(runtime_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    config = Config()
    config.HistoryManager.enabled = False
    config.IPCompleter.use_jedi = False
    config.InteractiveShell.colors = "nocolor"
    shell = InteractiveShell.instance(config=config)
    shell.run_line_magic("load_ext", "spicelab_nb")
    yield shell
    shell.run_line_magic("unload_ext", "spicelab_nb")
    for record in clusters.list_clusters():
        clusters.get(record.id).close()
    InteractiveShell.clear_instance()


@pytest.fixture
def run_cell(shell, capsys):
    """Run a cell; give what was printed, and the result."""

    def run(source):
        capsys.readouterr()
        result = shell.run_cell(source)
        captured = capsys.readouterr()
        return captured.out + captured.err, result

    return run


def test_a_cluster_is_started_listed_used_and_stopped(run_cell):
    said, result = run_cell("%spicelab_cluster serial --name one")
    assert result.success
    assert result.result is clusters.current()
    run_cell("%spicelab_cluster serial --name two")
    assert clusters.current().name == "two"
    said, result = run_cell("%spicelab_cluster list")
    lines = repr(result.result).splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["one", "serial"], ["*", "two"]]
    said, _ = run_cell("%spicelab_cluster use one")
    assert clusters.current().name == "one"
    said, _ = run_cell("%spicelab_cluster stop one")
    assert "'one' is stopped" in said
    said, _ = run_cell("%spicelab_cluster stop --all")
    assert "'two' is stopped" in said
    assert clusters.list_clusters() == []
    said, _ = run_cell("%spicelab_cluster stop --all")
    assert "no cluster to stop" in said


@pytest.mark.parametrize("memory", ['--memory="1 GB"', "--memory='1 GB'", '--memory "1 GB"'])
def test_a_value_in_quotes_may_hold_a_space(run_cell, memory):
    _, result = run_cell(f"%spicelab_cluster local --workers 1 {memory}")
    assert result.success
    assert sum(worker["memory_limit"] for worker in _workers(clusters.current())) == 10**9
    run_cell("%spicelab_cluster stop --all")


def _workers(cluster):
    return cluster.client.scheduler_info(n_workers=-1)["workers"].values()


def test_without_widgets_the_panel_is_a_table(run_cell):
    _, result = run_cell("%spicelab_cluster")
    assert "No cluster is running" in repr(result.result)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("scale one", "scale NAME N"),
        ("scale one many", "no number of workers"),
        ("use", "use NAME"),
        ("stop", "stop NAME"),
        ("list all", "%spicelab_cluster list"),
        ("local --workers two", "invalid int value"),
        ("local --colour red", "unrecognized arguments: --colour"),
        ("lcal", "Did you mean local"),
        ("stop nobody", "no live cluster called 'nobody'"),
        ("use nobody", "nobody"),
        ("local 2", "Options have names"),
        ("serial --workers 2", "no option 'workers'"),
        ("local --workers 0", "at least 1"),
    ],
)
def test_a_wrong_line_fails_its_cell_with_one_clear_sentence(run_cell, line, complaint):
    said, result = run_cell(f"%spicelab_cluster {line}")
    assert not result.success
    assert complaint in said
    assert "Traceback" not in said
    assert "site-packages" not in said
    assert clusters.list_clusters() == []


def test_a_cell_becomes_a_circuit(run_cell, shell):
    said, result = run_cell(f"%%spicelab_circuit rc\n{RC}")
    assert result.success, said
    circuit = shell.user_ns["rc"]
    assert isinstance(circuit, sl.Circuit)
    assert circuit.parameters["R1"] == 1000
    assert "a low-pass filter" in circuit.netlist().splitlines()[0]


def test_includes_are_found_where_the_option_says(run_cell, shell, tmp_path):
    (tmp_path / "my models").mkdir()
    (tmp_path / "my models" / "r.inc").write_text("R1 in out 2k\n")
    text = RC.replace("R1 in out 1k", ".include r.inc")
    said, result = run_cell(f'%%spicelab_circuit rc --include "my models"\n{text}')
    assert result.success, said
    assert shell.user_ns["rc"].parameters["R1"] == 2000


def test_a_wrong_netlist_or_name_fails_the_cell(run_cell, shell):
    said, result = run_cell(f"%%spicelab_circuit 2rc\n{RC}")
    assert not result.success
    assert "cannot be the name of a variable" in said
    broken = RC.replace("R1 in out 1k", ".include nowhere.inc")
    said, result = run_cell(f"%%spicelab_circuit rc\n{broken}")
    assert not result.success
    assert "nowhere.inc" in said
    assert "Traceback" not in said
    assert "rc" not in shell.user_ns


def test_a_campaign_runs_in_the_background(run_cell, shell, gate, campaign_of):
    run_cell("%spicelab_cluster serial")
    shell.user_ns["campaigns"] = {"the amp": campaign_of(gate)}
    said, result = run_cell('%spicelab_run campaigns["the amp"] --as first')
    assert result.success, said
    assert "first.progress" in said
    first = shell.user_ns["first"]
    assert first.active
    gate.open()
    assert first.wait(60).progress.done == 40


def test_a_campaign_can_be_waited_for_on_a_named_cluster(run_cell, shell, gate, campaign_of):
    gate.open()
    run_cell("%spicelab_cluster serial --name one")
    run_cell("%spicelab_cluster serial --name two")
    shell.user_ns["amp"] = campaign_of(gate)
    said, result = run_cell("%spicelab_run amp --cluster one --wait")
    assert result.success, said
    assert "40 of 40 (100 %), done" in said
    assert shell.user_ns["run"].progress.state == "done"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("missing", "name 'missing' is not defined"),
        ("[1,", "SyntaxError"),
        ("41", "41 is no campaign but a int"),
        ("amp --as class", "cannot be the name of a variable"),
        ("amp --cluster nobody", "nobody"),
        ("", "required: campaign"),
    ],
)
def test_what_cannot_be_run_fails_its_cell(run_cell, shell, campaign_of, line, complaint):
    shell.user_ns["amp"] = campaign_of()
    said, result = run_cell(f"%spicelab_run {line}")
    assert not result.success
    assert complaint in said


def test_a_run_is_explored(run_cell, shell, gate, campaign_of):
    gate.open()
    run_cell("%spicelab_cluster serial")
    shell.user_ns["runs"] = [campaign_of(gate).run().wait()]
    said, result = run_cell("%spicelab_explore runs[0] --measure gain")
    assert result.success, said
    assert "Explorer('amplifier': 40 points" in repr(result.result)
    said, result = run_cell("%spicelab_explore 41")
    assert not result.success
    assert "41 is no run but a int" in said
    said, result = run_cell("%spicelab_explore runs[0] --measure gian")
    assert not result.success
    assert "Did you mean gain" in said
    assert "Traceback" not in said


def test_our_errors_point_at_the_line_of_the_cell(run_cell, shell):
    said, result = run_cell("import spicelab_nb as sl\nx = 1\nsl.Spec(min=2, max=1)")
    assert not result.success
    assert isinstance(result.error_in_exec, sl.errors.SpecError)
    assert "sl.Spec(min=2, max=1)" in said
    assert "no value lies between" in said
    assert "spec.py" not in said
    shell.run_line_magic("xmode", "Verbose")
    said, _ = run_cell("sl.Spec(min=2, max=1)")
    assert "spec.py" in said
    shell.run_line_magic("xmode", "Context")
    said, _ = run_cell("1 / 0")
    assert "ZeroDivisionError" in said


def test_names_are_completed(run_cell, shell, campaign_of):
    run_cell("%spicelab_cluster serial --name workbench")
    shell.user_ns["amp"] = campaign_of()

    def complete(line):
        with provisionalcompleter():
            return [each.text for each in shell.Completer.completions(line, len(line))]

    assert {"list", "use", "local"} <= set(complete("%spicelab_cluster "))
    assert complete("%spicelab_cluster use ") == ["workbench"]
    assert sorted(complete("%spicelab_cluster stop ")) == ["--all", "workbench"]
    assert "--workers" in complete("%spicelab_cluster local ")
    assert "amp" in complete("%spicelab_run ")
    shell.user_ns["first"] = shell.user_ns["amp"].run().wait()
    assert "first" in complete("%spicelab_explore ")
    assert complete("%spicelab_run amp --cluster ") == ["workbench"]


def test_loading_is_light_and_loading_twice_is_loading_once(run_cell):
    code = (
        "import sys; from IPython.core.interactiveshell import InteractiveShell as S;"
        "s = S.instance(); s.run_line_magic('load_ext', 'spicelab_nb');"
        "s.run_line_magic('reload_ext', 'spicelab_nb');"
        "print([m for m in ('dask', 'distributed', 'xarray', 'scipy', 'ipywidgets')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
