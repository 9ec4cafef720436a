"""Clusters in the sidebar: what is said of them, and what can be done with them."""

import json
import re

import psutil
import pytest
from sidebar import CAMPAIGN, ROW, START, family, kernel_pid, open_sidebar, stop, wait_gone

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_cluster_of_a_cell_is_listed_and_stopped_from_the_sidebar(notebooks):
    notebook = notebooks("stop.ipynb", START.format("bench"), "import os; os.getpid()")
    sidebar = open_sidebar(notebook)
    notebook.run_through(0, 1)
    row = sidebar.locator(ROW, has_text="bench")
    row.locator(".spicelab-nb-State[data-state=running]").wait_for()
    processes = family(kernel_pid(notebook, 1))
    assert len(processes) >= 2  # the scheduler and the worker
    row.get_by_role("button", name="Stop bench").click()
    row.wait_for(state="detached")
    wait_gone(processes)
    notebook.output(0).get_by_text("No cluster is running").wait_for()


def test_workers_are_scaled_from_the_sidebar(notebooks):
    notebook = notebooks("scale.ipynb", START.format("rack"))
    sidebar = open_sidebar(notebook)
    notebook.run_through(0, 0)
    row = sidebar.locator(ROW, has_text="rack")
    row.get_by_label("Workers of rack").fill("2")
    row.get_by_role("button", name="Scale rack").click()
    sidebar.get_by_role("status").filter(has_text="asked for 2 workers").wait_for()
    row.locator("dd").first.filter(has_text=re.compile("^2$")).wait_for()
    stop(sidebar, "rack")


def dollars(text):
    return float(re.search(r"([\d.]+) USD so far", text)[1])


def test_money_and_campaigns_are_followed_and_asked_about_before_a_stop(notebooks):
    notebook = notebooks(
        "campaign.ipynb",
        START.format("farm") + " --price 36",
        CAMPAIGN.format(n=3000, name="walk"),
        "%spicelab_run campaign",
    )
    page = notebook.page
    sidebar = open_sidebar(notebook)
    notebook.run_through(0, 2)
    row = sidebar.locator(ROW, has_text="farm")
    row.get_by_role("progressbar", name="Progress of walk").wait_for()
    page.wait_for_function(
        "() => document.querySelector('.spicelab-nb-Campaigns progress').value > 0"
    )
    assert re.search(r"walk: [\d,]+ of 3,?000, running", row.inner_text())
    # One core at 36 USD an hour is a cent a second.
    price = row.locator("dd", has_text="so far")
    price.filter(has_text="36.00 USD an hour").wait_for()
    before = dollars(price.inner_text())
    page.wait_for_function(
        "(usd) => [...document.querySelectorAll('.spicelab-nb-Facts dd')].some((d) =>"
        " Number((/([\\d.]+) USD so far/.exec(d.textContent) || [])[1]) > usd)",
        arg=before,
    )
    card = notebook.output(0).locator(".spicelab-card", has_text="farm")
    spent = re.compile(r"Costs\s0\.\d+ USD so far, 36\.00 USD an hour")
    card.locator(".spicelab-facts", has_text=spent).wait_for()
    card.locator("li", has_text=re.compile(r"walk: [\d,]+ of 3,000, running")).wait_for()
    view = notebook.output(2).locator(".spicelab-facts")
    view.filter(has_text=re.compile(r"Spent\s0\.\d+ USD")).wait_for()

    row.get_by_role("button", name="Stop farm").click()
    dialog = page.locator(".jp-Dialog")
    assert "walk" in dialog.inner_text()
    dialog.get_by_role("button", name="Stop").click()
    row.wait_for(state="detached")


def test_a_killed_kernel_leaves_no_row_and_no_process(notebooks):
    notebook = notebooks("killed.ipynb", START.format("orphan"), "import os; os.getpid()")
    sidebar = open_sidebar(notebook)
    notebook.run_through(0, 1)
    row = sidebar.locator(ROW, has_text="orphan")
    row.wait_for()
    kernel = psutil.Process(kernel_pid(notebook, 1))
    processes = family(kernel.pid)
    assert len(processes) >= 2
    kernel.kill()
    row.wait_for(state="detached")
    wait_gone(processes)


def test_a_restarted_kernel_leaves_no_row_and_no_process(notebooks):
    notebook = notebooks("restarted.ipynb", START.format("before"), "import os; os.getpid()")
    sidebar = open_sidebar(notebook)
    notebook.run_through(0, 1)
    row = sidebar.locator(ROW, has_text="before")
    row.wait_for()
    processes = family(kernel_pid(notebook, 1))
    assert len(processes) >= 2
    notebook.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
    )
    row.wait_for(state="detached")
    wait_gone(processes)


def test_corrupt_and_dead_records_break_no_list(notebooks, lab):
    folder = lab.runtime / "spicelab_nb" / "clusters"
    notebook = notebooks("records.ipynb", START.format("good"))
    sidebar = open_sidebar(notebook)
    notebook.run_through(0, 0)
    sidebar.locator(ROW, has_text="good").wait_for()
    (good,) = folder.glob("*.json")
    record = json.loads(good.read_text())
    half = folder / "aaaaaaaaaaaa.json"
    half.write_text(good.read_text()[:40])
    gone = {**record, "id": "bbbbbbbbbbbb", "name": "gone", "owner": 2**22 - 1}
    (folder / "bbbbbbbbbbbb.json").write_text(json.dumps(gone))
    far = {**record, "id": "cccccccccccc", "name": "<img src=x>", "host": "elsewhere"}
    far["heartbeat"] = 1.0
    (folder / "cccccccccccc.json").write_text(json.dumps(far))
    try:
        sidebar.get_by_text("aaaaaaaaaaaa.json").wait_for()
        sidebar.get_by_text("<img src=x> (local)").wait_for()
        assert sidebar.locator(ROW).count() == 1
        assert not (folder / "bbbbbbbbbbbb.json").exists()
        sidebar.get_by_role("button", name="Remove orphans").click()
        sidebar.get_by_role("status").filter(has_text="Removed").wait_for()
        sidebar.get_by_text("<img src=x> (local)").wait_for(state="detached")
        assert not (folder / "cccccccccccc.json").exists()
    finally:
        half.unlink(missing_ok=True)
    stop(sidebar, "good")
