"""The sidebar of clusters, in a real JupyterLab."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from lab import LIMIT, Lab, Notebook

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
AXE = ROOT / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
START = "%load_ext spicelab_nb\n%spicelab_cluster local --workers 1 --name {}"
ROW = ".spicelab-nb-Cluster"
CAMPAIGN = """\
import time
import spicelab_nb as sl

def slow(r, seed):
    time.sleep(0.02)
    return r

draws = sl.MonteCarlo({n}, {{"r": sl.Normal(mean=1.0, sd=0.1)}})
campaign = sl.Campaign(slow, draws, name="{name}")
"""


@pytest.fixture(autouse=True)
def _built(sidebar):
    """Only where the sidebar is built."""


@pytest.fixture
def pages(chromium):
    """``pages()`` gives a page of a browser profile of its own, with what it asked for."""
    contexts = []

    def make():
        context = chromium.new_context(viewport={"width": 1200, "height": 1000})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(LIMIT)
        page.asked = []
        page.complaints = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: message.type == "error" and page.complaints.append(message.text),
        )
        return page

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def notebooks(lab, pages):
    """``notebooks(name, *cells)`` opens a notebook in the whole JupyterLab, sidebar and all."""
    opened = []

    def open_one(name, *cells, server=lab):
        notebook = Notebook(pages(), server, name, list(cells), mode="lab")
        opened.append(notebook)
        return notebook

    yield open_one
    for notebook in opened:
        if not notebook.page.is_closed():
            notebook.shut_down()


def open_sidebar(notebook):
    notebook.command("spicelab-nb:open-clusters")
    notebook.page.locator(".spicelab-nb-New").wait_for()
    return notebook.page.locator(".spicelab-nb-Panel")


def family(pid):
    """Processes that a kernel has started, by pid."""
    return psutil.Process(pid).children(recursive=True)


def kernel_pid(notebook, cell):
    """What ``import os; os.getpid()`` in that cell gave."""
    return int(notebook.outputs(cell)[0]["data"]["text/plain"])


def wait_gone(processes):
    _, alive = psutil.wait_procs(processes, timeout=60)
    assert alive == []


def asked_of_us(page):
    return [url for url in page.asked if "/spicelab-nb/" in url]


def test_it_is_found_by_tab_launcher_palette_and_settings(notebooks):
    notebook = notebooks("found.ipynb", "1")
    page = notebook.page
    tab = page.get_by_role("tab", name="Spicelab clusters")
    tab.click()
    page.locator(".spicelab-nb-New").wait_for()
    assert page.get_by_role("region", name="Spicelab clusters").is_visible()

    notebook.command("launcher:create")
    page.locator(".jp-LauncherCard", has_text="Spicelab Clusters").wait_for()

    notebook.command("apputils:activate-command-palette")
    palette = page.locator(".lm-CommandPalette")
    palette.locator("input").fill("spicelab")
    for label in ("Spicelab Clusters", "Insert a Cell That Starts a Cluster"):
        item = palette.locator(".lm-CommandPalette-item", has_text=label).first
        item.wait_for()
        assert item.locator(".lm-CommandPalette-itemCaption").inner_text()
    page.keyboard.press("Escape")

    notebook.command("settingeditor:open", query="spicelab")
    page.get_by_text("Seconds between two looks").wait_for()
    assert page.complaints == []
    assert {urlsplit(url).hostname for url in page.asked if url.startswith("http")} == {"127.0.0.1"}


def test_nothing_is_asked_while_it_is_hidden(notebooks):
    notebook = notebooks("hidden.ipynb", "1")
    page = notebook.page
    assert asked_of_us(page) == []
    open_sidebar(notebook)
    page.wait_for_timeout(5000)  # twice the poll and more
    shown = len(asked_of_us(page))
    assert shown >= 3
    notebook.command("filebrowser:activate")
    page.locator(".spicelab-nb-Panel").wait_for(state="hidden")
    before = len(asked_of_us(page))
    page.wait_for_timeout(6000)  # thrice the poll: there is no other sign of silence
    assert len(asked_of_us(page)) == before


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
    row.get_by_role("button", name="Stop rack").click()
    row.wait_for(state="detached")


def test_campaigns_on_a_cluster_are_followed_and_ask_before_it_is_stopped(notebooks):
    notebook = notebooks(
        "campaign.ipynb",
        START.format("farm"),
        CAMPAIGN.format(n=2000, name="walk"),
        "%spicelab_run campaign",
    )
    sidebar = open_sidebar(notebook)
    notebook.run_through(0, 2)
    row = sidebar.locator(ROW, has_text="farm")
    bar = row.get_by_role("progressbar", name="Progress of walk")
    bar.wait_for()
    notebook.page.wait_for_function(
        "() => document.querySelector('.spicelab-nb-Campaigns progress').value > 0"
    )
    row.get_by_role("button", name="Stop farm").click()
    dialog = notebook.page.locator(".jp-Dialog")
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
    notebook.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
    )
    row.wait_for(state="detached")
    wait_gone(processes)


def test_reload_restores_it_with_what_was_typed(notebooks):
    notebook = notebooks("reload.ipynb", "1")
    sidebar = open_sidebar(notebook)
    sidebar.get_by_label("Name").fill("kept over a reload")
    notebook.page.wait_for_function("() => JSON.stringify(Object.values(localStorage)).length >= 0")
    # JupyterLab saves the layout and the state a moment after they change.
    with notebook.page.expect_response(lambda r: "/api/workspaces" in r.url and r.ok):
        notebook.page.wait_for_timeout(1500)
        notebook.command("filebrowser:activate")
        notebook.command("spicelab-nb:open-clusters")
    notebook.page.wait_for_timeout(2000)
    notebook.page.reload()
    again = notebook.page.locator(".spicelab-nb-New")
    again.wait_for()
    assert again.get_by_label("Name").input_value() == "kept over a reload"


def test_two_notebooks_show_two_clusters_and_two_browsers_the_same(notebooks):
    first = notebooks("first.ipynb", START.format("one"))
    second = notebooks("second.ipynb", START.format("two"))
    for notebook in (first, second):
        open_sidebar(notebook)
        notebook.run_through(0, 0)
    for notebook in (first, second):
        for name in ("one", "two"):
            notebook.page.locator(ROW, has_text=name).wait_for()
    second.page.get_by_role("button", name="Stop one").click()
    first.page.locator(ROW, has_text="one").wait_for(state="detached")
    first.page.get_by_role("button", name="Stop two").click()
    second.page.locator(ROW, has_text="two").wait_for(state="detached")


def test_the_form_writes_a_cell_that_starts_the_cluster_and_runs_nothing(notebooks):
    notebook = notebooks("form.ipynb", "1")
    sidebar = open_sidebar(notebook)
    sidebar.get_by_label("Kind").select_option("local")
    sidebar.get_by_label("workers").fill("1")
    sidebar.get_by_label("Name").fill("typed")
    sidebar.get_by_role("button", name="Insert cell").click()
    notebook.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.widgets.length === 2"
    )
    source = notebook.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.widgets[1].model.sharedModel.source"
    )
    assert source == "%load_ext spicelab_nb\n%spicelab_cluster local --workers 1 --name typed"
    assert sidebar.locator(ROW).count() == 0
    notebook.run_through(1, 1)
    row = sidebar.locator(ROW, has_text="typed")
    row.get_by_role("button", name="Insert a cell that uses typed").click()
    notebook.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.widgets.some("
        "(w) => w.model.sharedModel.source.endsWith('%spicelab_cluster use typed'))"
    )
    sidebar.get_by_role("button", name="Stop typed").click()
    sidebar.locator(ROW).wait_for(state="detached")


def test_the_keyboard_alone_opens_starts_and_stops(notebooks):
    notebook = notebooks("keys.ipynb", "1")
    page = notebook.page
    page.locator(".jp-Notebook").click()
    page.keyboard.press("Control+Alt+c")
    page.locator(".spicelab-nb-New").wait_for()
    press_until(page, "Name")
    page.keyboard.type("keys")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.widgets.length === 2"
    )
    page.keyboard.press("Shift+Enter")
    row = page.locator(ROW, has_text="keys")
    row.locator(".spicelab-nb-State[data-state=running]").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Alt+c")
    press_until(page, "Stop keys")
    page.keyboard.press("Enter")
    row.wait_for(state="detached")


def press_until(page, label, limit=60):
    """Go on with Tab until the focus is on what is called so."""
    for _ in range(limit):
        page.keyboard.press("Tab")
        name = page.evaluate(
            "() => { const e = document.activeElement;"
            " return e.getAttribute('aria-label') || (e.labels && e.labels[0]"
            " && e.labels[0].textContent) || e.textContent }"
        )
        if name == label:
            return
    raise AssertionError(f"{limit} tabs do not reach {label!r}")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_axe_finds_nothing_serious(notebooks, theme):
    notebook = notebooks(f"axe-{theme[-4:].strip()}.ipynb", START.format("seen"))
    notebook.command("apputils:change-theme", theme=theme)
    sidebar = open_sidebar(notebook)
    notebook.run_through(0, 0)
    sidebar.locator(".spicelab-nb-State[data-state=running]").wait_for()
    notebook.page.add_script_tag(content=AXE.read_text())
    found = notebook.page.evaluate(
        "() => axe.run('.spicelab-nb-Panel', {resultTypes: ['violations']})"
    )
    bad = [
        (v["id"], v["impact"], [n["target"] for n in v["nodes"]])
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    ]
    checked = notebook.page.evaluate("() => document.body.dataset.jpThemeLight")
    assert checked == str(theme.endswith("Light")).lower()
    sidebar.get_by_role("button", name="Stop seen").click()
    sidebar.locator(ROW).wait_for(state="detached")
    assert bad == []


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
    sidebar.get_by_role("button", name="Stop good").click()
    sidebar.locator(ROW).wait_for(state="detached")


def test_without_the_server_extension_it_says_what_to_do(chromium, tmp_path, notebooks):
    bare = Lab(tmp_path / "bare", sidebar_server=False)
    try:
        notebook = notebooks("bare.ipynb", START.format("works"), server=bare)
        notebook.command("spicelab-nb:open-clusters")
        notice = notebook.page.get_by_role("alert")
        notice.wait_for()
        assert "jupyter server extension enable spicelab_nb.jupyter.server" in notice.inner_text()
        notebook.run_through(0, 0)
        card = notebook.output(0).locator(".spicelab-card", has_text="works")
        card.wait_for()
        card.get_by_role("button", name="Stop").click()
        card.get_by_role("button", name="Really stop?").click()
        card.wait_for(state="detached")
        notebook.shut_down()
        notebook.page.close()
    finally:
        bare.close()


def test_dask_labextension_finds_our_dashboard_and_keeps_its_own(notebooks):
    notebook = notebooks("dask.ipynb", "client = 'mine'\n" + START.format("shown"), "client")
    sidebar = open_sidebar(notebook)
    notebook.run_through(0, 0)
    row = sidebar.locator(ROW, has_text="shown")
    row.wait_for()
    row.get_by_role("button", name="Open the dashboard of shown").click()
    # Its panes open beside the notebook, on our scheduler.
    notebook.page.wait_for_function(
        "() => [...window.jupyterapp.shell.widgets('main')]"
        ".some((w) => w.id.startsWith('dask-dashboard'))"
    )
    pane = notebook.page.frame_locator("iframe[src*='individual-']").first
    pane.locator(".bk-Figure, .bk-Column, .bk-Row, body > div").first.wait_for()
    notebook.command("docmanager:open", path="dask.ipynb")
    notebook.run_through(1, 1)
    assert notebook.outputs(1)[0]["data"]["text/plain"] == "'mine'"
    listed = notebook.page.evaluate(
        "() => fetch('/dask/clusters', {credentials: 'same-origin'}).then((r) => r.json())"
    )
    assert listed == []
    notebook.command("spicelab-nb:open-clusters")
    sidebar.get_by_role("button", name="Stop shown").click()
    sidebar.locator(ROW).wait_for(state="detached")
