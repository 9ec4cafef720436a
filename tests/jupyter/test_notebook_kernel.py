"""In a real kernel: what a notebook that is executed and saved holds, and what fails it."""

import json

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

WIDGET = "application/vnd.jupyter.widget-view+json"
SETUP = """
import time
import spicelab_nb as sl
def amplifier(r, seed):
    time.sleep(0.004)
    return {"gain": r / 25}
campaign = sl.Campaign(
    amplifier,
    sl.MonteCarlo(150, {"r": sl.Normal(mean=1e3, rel=0.05)}, seed=1),
    measures={"gain": "dB"},
    specs={"gain": sl.Spec(min=38, unit="dB")},
    name="amp",
)
"""
BUSY = """
seen, end = set(), time.monotonic() + 60
while run.progress.state != "done" and time.monotonic() < end:
    seen.add(run.progress.done)
"""


@pytest.fixture
def execute(runtime_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    # The kernel belongs to jupyter_client, whose sockets are closed by the garbage collector.
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "jupyter"))

    def run(*cells, **options):
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        book.metadata.kernelspec = {"name": "python3", "display_name": "", "language": "python"}
        client = NotebookClient(
            book, timeout=120, resources={"metadata": {"path": str(tmp_path)}}, **options
        )
        client.execute()
        return book

    return run


def outputs(cell):
    return [(o.output_type, o.get("data", {})) for o in cell.outputs]


def test_a_run_is_shown_once_and_its_last_state_is_saved(execute):
    book = execute(
        "%load_ext spicelab_nb", SETUP, "%spicelab_cluster serial", "%spicelab_run campaign", BUSY,
        "run.wait(); assert run.progress.done == 150, run.progress",
    )  # fmt: skip
    ((kind, data),) = outputs(book.cells[3])
    assert kind == "display_data"
    assert WIDGET in data
    assert "150 of 150" in data["text/html"]
    assert "150 of 150" in data["text/plain"]
    assert "<svg" in data["text/html"]
    assert len(json.dumps(book.cells[3].outputs)) < 20_000
    assert outputs(book.cells[4]) == []


def test_a_cell_that_is_run_again_shows_the_same_view(execute):
    book = execute(
        "%load_ext spicelab_nb", SETUP, "%spicelab_cluster serial", "%spicelab_run campaign",
        "%spicelab_run campaign --as again", "run.wait(); again.wait(); run is again", "run",
    )  # fmt: skip
    shown = [outputs(book.cells[i]) for i in (3, 4, 6)]
    assert [len(each) for each in shown] == [1, 1, 1]
    assert len({each[0][1][WIDGET]["model_id"] for each in shown}) == 1
    assert all("150 of 150" in each[0][1]["text/html"] for each in shown)


def test_the_run_can_be_assigned_and_is_shown_all_the_same(execute):
    book = execute(
        "%load_ext spicelab_nb", SETUP, "%spicelab_cluster serial",
        "mine = %spicelab_run campaign", "mine is run, mine.wait().progress.done",
    )  # fmt: skip
    assert [WIDGET in data for _, data in outputs(book.cells[3])] == [True]
    assert "(True, 150)" in outputs(book.cells[4])[0][1]["text/plain"]


def test_objects_are_displayed_with_the_extension_and_plainly_without(execute):
    cells = ["campaign", 'cluster = sl.cluster("serial"); cluster', "campaign.run(cluster).wait()"]
    plain = execute(SETUP, *cells)
    assert all(WIDGET not in data for cell in plain.cells for _, data in outputs(cell))
    loaded = execute("%load_ext spicelab_nb", SETUP, *cells)
    (_, campaign), (_, cluster), (_, run) = (outputs(loaded.cells[i])[0] for i in (2, 3, 4))
    assert "gain: at least 38 dB" in campaign["text/html"]
    assert WIDGET in cluster
    assert "serial" in cluster["text/html"]
    assert WIDGET in run
    back = execute("%load_ext spicelab_nb", "%unload_ext spicelab_nb", SETUP, cells[1])
    assert all(WIDGET not in data for _, data in outputs(back.cells[3]))


@pytest.mark.parametrize(
    "cell", ["%spicelab_cluster stop nobody", "%spicelab_run campaign --cluster nobody"]
)
def test_a_magic_that_fails_stops_run_all(execute, cell):
    with pytest.raises(CellExecutionError, match="nobody") as caught:
        execute("%load_ext spicelab_nb", SETUP, cell, "print('not reached')")
    assert caught.value.ename == "ClusterNotFoundError"
    assert "site-packages" not in str(caught.value)


def test_a_failing_cell_shows_one_paragraph(execute):
    book = execute("%load_ext spicelab_nb", "%spicelab_cluster stop nobody", allow_errors=True)
    (error,) = book.cells[1].outputs
    assert error.output_type == "error"
    assert len(error.traceback) == 1
    assert "no live cluster called 'nobody'" in error.traceback[0]


def test_the_thread_that_follows_ends_with_the_run(execute):
    book = execute(
        # However long it takes from one cell to the next, the run is not over by then.
        "%load_ext spicelab_nb\nimport threading\ngoes_on = threading.Event()",
        SETUP.replace("time.sleep(0.004)", "goes_on.wait(60)"),
        'sl.cluster("serial"); None', "%spicelab_run campaign",
        """
from spicelab_nb.jupyter.ticker import ticker
followed = ticker.running
goes_on.set()
run.wait()
end = time.monotonic() + 60
while ticker.running and time.monotonic() < end:
    time.sleep(0.01)
followed, ticker.running
""",
    )  # fmt: skip
    assert outputs(book.cells[4])[0][1]["text/plain"] == "(True, False)"
