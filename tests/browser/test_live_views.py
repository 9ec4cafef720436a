"""What a person sees and presses, in a real JupyterLab."""

import json
import re

import pytest
from lab import really_stop

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PACE = "    time.sleep(0.01)\n"
SETUP = """\
%load_ext spicelab_nb
import time
import spicelab_nb as sl

def amplifier(r, c, seed):
    time.sleep(0.01)
    if r > 1120:
        raise ValueError("<b>no operating point</b>")
    return {"f3db": 0.159155 / (r * c), "gain": 40 - r / 1000}

def make(n, name):
    return sl.Campaign(
        amplifier,
        sl.MonteCarlo(n, {"r": sl.Normal(mean=1e3, rel=0.05), "c": sl.Normal(mean=1e-7, rel=0.05)}),
        measures={"f3db": "Hz", "gain": "dB"},
        specs={"f3db": sl.Spec(min=1450, max=1750, unit="Hz")},
        name=name,
    )
"""
BUSY = """\
end = time.monotonic() + 300
while run.active and time.monotonic() < end:
    sum(range(1000))
busy_until = run.progress
"""


def done(notebook, cell):
    bar = notebook.output(cell).locator("[role=progressbar]")
    return int(bar.get_attribute("aria-valuenow")), int(bar.get_attribute("aria-valuemax"))


def wait_done(notebook, cell, least):
    notebook.page.wait_for_function(
        "([cell, n]) => Number(document.querySelector(`.jp-Cell[data-windowed-list-index='${cell}']"
        " .jp-OutputArea [role=progressbar]`).getAttribute('aria-valuenow')) >= n",
        arg=[cell, least],
    )


def wait_label(notebook, cell, label):
    state = notebook.output(cell).locator(".spicelab-head .spicelab-state")
    state.filter(has_text=re.compile(f"^{label}$")).wait_for()


def press(notebook, cell, name):
    notebook.output(cell).get_by_role("button", name=name, exact=True).click()


def test_a_cluster_shows_its_panel_and_obeys_its_buttons(open_notebook):
    notebook = open_notebook("%load_ext spicelab_nb", "%spicelab_cluster local --workers 2", "1")
    notebook.run_through(0, 1)
    card = notebook.output(1).locator(".spicelab-card")
    card.wait_for()
    assert re.search(r"Workers\s2", card.inner_text())
    assert card.locator(".spicelab-badge").is_visible()
    card.get_by_label("Workers of cluster local").fill("1")
    card.get_by_role("button", name="Scale cluster local").click()
    card.locator(".spicelab-facts", has_text=re.compile(r"Workers\s1")).wait_for()
    really_stop(card)
    card.wait_for(state="detached")
    notebook.output(1).get_by_text("No cluster is running").wait_for()
    # From the keyboard alone.
    form = notebook.output(1).get_by_role("form")
    form.get_by_label("Workers").fill("1")
    form.get_by_label("Name").fill("bench")
    notebook.page.keyboard.press("Enter")
    notebook.output(1).locator(".spicelab-title", has_text="bench").wait_for()
    assert len(notebook.outputs(1)) == 1


def test_a_stop_that_failed_is_said_and_may_be_pressed_again(open_notebook):
    notebook = open_notebook(
        "%load_ext spicelab_nb\nfrom spicelab_nb.jupyter import cluster_actions as actions\n"
        "from spicelab_nb.errors import ClusterError\nstop = actions.stop\n"
        "def refuse(name): raise ClusterError('It does not answer.')\nactions.stop = refuse",
        "%spicelab_cluster serial --name bench",
        "actions.stop = stop",
    )
    notebook.run_through(0, 1)
    output = notebook.output(1)
    for again in (False, True):
        really_stop(output)
        if not again:
            output.get_by_role("alert").filter(has_text="It does not answer.").wait_for()
            notebook.run_through(2, 2)
    output.get_by_text("No cluster is running").wait_for()


def test_a_run_moves_to_its_end_while_another_cell_computes(open_notebook, hold):
    notebook = open_notebook(
        SETUP.replace(PACE, hold.code), 'sl.cluster("local", workers=2); None',
        "campaign = make(900, 'busy')",
        "%spicelab_run campaign", BUSY, "(busy_until.done, busy_until.total)",
    )  # fmt: skip
    notebook.run_through(0, 3)
    notebook.run_cell(4)
    # More each time than the chunks hold that are under way, of which nothing is shown.
    for samples in range(150, 900, 150):
        before = done(notebook, 3)[0]
        hold.let(samples)
        wait_done(notebook, 3, before + 1)
        assert notebook.computes(4)
    hold.open()
    wait_label(notebook, 3, "Done")
    view = notebook.output(3)
    assert view.locator("rect.spicelab-bar").count() >= 5
    assert view.locator("rect.spicelab-beyond").count() >= 1
    assert view.locator("path.spicelab-limit").count() == 2
    assert re.search(r"Yield \d\d\.\d % \(\d", view.locator(".spicelab-yield").inner_text())
    view.get_by_label("Measure shown in the histogram").select_option("gain")
    view.locator(".spicelab-histogram[aria-label*='gain']").wait_for()
    view.locator("summary", has_text=re.compile(r"Why \d+ samples failed")).click()
    reason = view.locator(".spicelab-reasons > details")
    reason.locator("summary", has_text="no operating point").click()
    sample = reason.locator("li").first
    assert re.match(r"sample \d+: failed", sample.inner_text())
    assert re.search(r"r = 1[12]\d\d", sample.inner_text())
    notebook.wait_run(4)
    assert len(notebook.outputs(3)) == 1
    assert len(json.dumps(notebook.outputs(3))) < 20_000
    assert notebook.outputs(4) == []
    saved = notebook.outputs(3)[0]["data"]["text/html"]
    assert "900 of 900" in saved
    assert "no operating point" in saved


def test_cancel_stops_a_run_while_a_cell_computes_and_resume_finishes_it(open_notebook, hold):
    notebook = open_notebook(
        SETUP.replace(PACE, hold.code), 'sl.cluster("local", workers=2); None',
        "campaign = make(900, 'stop')",
        "%spicelab_run campaign", BUSY, "run.wait()",
        "whole = make(900, 'whole').run().wait()\n"
        "[n for n in run.dataset.variables"
        " if run.dataset[n].values.tobytes() != whole.dataset[n].values.tobytes()]",
    )  # fmt: skip
    hold.let(200)
    notebook.run_through(0, 3)
    notebook.run_cell(4)
    notebook.output(3).locator("rect.spicelab-bar").first.wait_for()
    press(notebook, 3, "Cancel")
    wait_label(notebook, 3, "Cancelled")
    notebook.wait_run(4)
    count, total = done(notebook, 3)
    assert 0 < count < total
    press(notebook, 3, "Resume")
    notebook.output(3).get_by_role("button", name="Cancel").wait_for()
    hold.open()
    notebook.run_through(5, 5)
    wait_label(notebook, 3, "Done")
    assert done(notebook, 3) == (900, 900)
    # The run is displayed by the last cell, too: the same view.
    wait_label(notebook, 5, "Done")
    notebook.run_through(6, 6)
    assert notebook.outputs(6)[-1]["data"]["text/plain"] == "[]"


def test_restart_and_run_all_and_running_a_cell_again(open_notebook):
    notebook = open_notebook(
        SETUP, 'sl.cluster("local", workers=1); None', "campaign = make(150, 'again')",
        "%spicelab_run campaign", "run.wait().progress.done",
    )  # fmt: skip
    notebook.run_through(0, 4)
    wait_label(notebook, 3, "Done")
    notebook.run_through(3, 3)
    wait_label(notebook, 3, "Done")
    assert len(notebook.outputs(3)) == 1
    notebook.restart_and_run_all()
    notebook.wait_run(4)
    assert "150" in notebook.outputs(4)[0]["data"]["text/plain"]
    wait_label(notebook, 3, "Done")
    assert done(notebook, 3) == (150, 150)
    assert len(notebook.outputs(3)) == 1
    notebook.save()
    assert "150 of 150" in notebook.path.read_text()
