"""What can be typed, and how it ends."""

import json

import pytest

import spicelab_nb as sl
from spicelab_nb.cli import listing, main


def test_version(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.strip() == sl.__version__


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "COMMAND"),
        (["demmo"], "demmo"),
        (["demo", "--samples", "0"], "at least 1"),
        (["demo", "--samples", "many"], "'many' is not a whole number"),
        (["demo", "--workers", "-1"], "'-1'"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_starts(arguments, said, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert said in capsys.readouterr().err


def test_our_errors_are_one_sentence_and_exit_code_1(capsys):
    assert main(["demo", "--engine", "spectre"]) == 1
    said = capsys.readouterr().err
    assert "There is no engine 'spectre'" in said
    assert "Traceback" not in said


def test_a_report_that_cannot_be_written_loses_no_results(tmp_path, runtime_dir, capsys):
    store, report = tmp_path / "store", tmp_path / "nowhere" / "report.html"
    arguments = ["demo", "--samples", "2", "--workers", "1", "--store", str(store)]
    report.parent.write_text("a file where the report wants a folder")
    assert main([*arguments, "--report", str(report)]) == 1
    said = capsys.readouterr().err
    assert "The report cannot be written" in said
    assert "sl.open_run(" in said
    assert "Traceback" not in said
    assert sl.open_run(store).progress.done == 2


def test_brackets_in_an_error_are_text(capsys, monkeypatch):
    def fail(console):
        raise sl.errors.ClusterError("node [/red] of [bold]x[/bold]")

    monkeypatch.setattr(listing, "show_clusters", fail)
    assert main(["clusters"]) == 1
    assert "node [/red] of [bold]x[/bold]" in capsys.readouterr().err


def test_an_interrupt_ends_with_130(capsys, monkeypatch):
    def interrupt(console):
        raise KeyboardInterrupt

    monkeypatch.setattr(listing, "show_clusters", interrupt)
    assert main(["clusters"]) == 130
    assert "Interrupted" in capsys.readouterr().err


def test_clusters_lists_live_ones(runtime_dir, capsys):
    assert main(["clusters"]) == 0
    assert "No live cluster" in capsys.readouterr().out
    with sl.cluster("serial", name="[red]bench[/red]"):
        assert main(["clusters"]) == 0
    said = capsys.readouterr().out
    assert "[red]bench[/red]" in said
    assert "serial" in said


def test_prune_removes_what_a_dead_owner_left(runtime_dir, capsys):
    with sl.cluster("serial", name="bench"):
        (record,) = sl.list_clusters()
        folder = runtime_dir / "spicelab_nb" / "clusters"
        left = json.loads((folder / f"{record.id}.json").read_text())
    left |= {"id": "0123456789ab", "name": "orphan", "owner_started": 1.0}
    (folder / "0123456789ab.json").write_text(json.dumps(left))
    assert main(["prune"]) == 0
    assert "removed orphan" in capsys.readouterr().out
    assert main(["prune"]) == 0
    assert "Nothing to remove" in capsys.readouterr().out
