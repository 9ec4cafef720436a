"""What the sidebar writes into notebooks, remembers, and looks up."""

import pytest
from sidebar import ROW, open_sidebar, press_until, sources, stop, wait_cells

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_form_writes_a_cell_that_starts_the_cluster_and_runs_nothing(notebooks):
    notebook = notebooks("form.ipynb", "1")
    sidebar = open_sidebar(notebook)
    sidebar.get_by_label("Kind").select_option("local")
    sidebar.get_by_label("workers").fill("1")
    sidebar.get_by_label("Name").fill("typed")
    sidebar.get_by_role("button", name="Insert cell").click()
    wait_cells(notebook, 2)
    assert sources(notebook)[1] == (
        "%load_ext spicelab_nb\n%spicelab_cluster local --workers 1 --name typed"
    )
    assert sidebar.locator(ROW).count() == 0
    notebook.run_through(1, 1)
    row = sidebar.locator(ROW, has_text="typed")
    row.get_by_role("button", name="Insert a cell that uses typed").click()
    notebook.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.widgets.some("
        "(w) => w.model.sharedModel.source.endsWith('%spicelab_cluster use typed'))"
    )
    notebook.run_through(2, 2)
    assert all(output["output_type"] != "error" for output in notebook.outputs(2))
    stop(sidebar, "typed")


def test_the_keyboard_alone_opens_starts_and_stops(notebooks):
    notebook = notebooks("keys.ipynb", "1")
    page = notebook.page
    page.locator(".jp-Notebook").click()
    page.keyboard.press("Control+Alt+c")
    page.locator(".spicelab-nb-New").wait_for()
    press_until(page, "Name")
    page.keyboard.type("keys")
    page.keyboard.press("Enter")
    wait_cells(notebook, 2)
    page.keyboard.press("Shift+Enter")
    row = page.locator(ROW, has_text="keys")
    row.locator(".spicelab-nb-State[data-state=running]").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Alt+c")
    press_until(page, "Stop keys")
    page.keyboard.press("Enter")
    row.wait_for(state="detached")


def test_presets_are_saved_offered_in_every_browser_and_forgotten(notebooks):
    notebook = notebooks("preset.ipynb", "")
    sidebar = open_sidebar(notebook)
    sidebar.get_by_label("Kind").select_option("local")
    sidebar.get_by_label("workers").fill("3")
    sidebar.get_by_label("memory limit").fill("1GB")
    sidebar.get_by_role("button", name="Save as preset").click()
    dialog = notebook.page.locator(".jp-Dialog")
    dialog.locator("input").fill("my bench / 3")
    dialog.get_by_role("button", name="Save").click()
    sidebar.get_by_role("status").filter(has_text="my bench / 3 is saved").wait_for()
    assert sidebar.get_by_role("combobox", name="Preset").input_value() == "my bench / 3"

    other = notebooks("preset-2.ipynb", "")
    again = open_sidebar(other)
    again.get_by_label("Kind").select_option("serial")
    again.get_by_role("combobox", name="Preset").select_option("my bench / 3")
    again.get_by_role("button", name="Insert cell").click()
    other.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.widgets[0]"
        ".model.sharedModel.source !== ''"
    )
    assert sources(other) == [
        "%load_ext spicelab_nb\n%spicelab_cluster local --workers 3 --memory-limit 1GB"
    ]
    again.get_by_role("button", name="Forget the preset my bench / 3").click()
    again.get_by_role("status").filter(has_text="is forgotten").wait_for()
    again.get_by_role("combobox", name="Preset").wait_for(state="detached")


def test_the_doctor_s_findings_are_shown_when_asked_for(notebooks):
    notebook = notebooks("doctor.ipynb", "1")
    sidebar = open_sidebar(notebook)
    assert not any(url.endswith("/doctor") for url in notebook.asked)
    sidebar.get_by_role("button", name="Check").click()
    sidebar.get_by_role("status").filter(has_text="Campaigns can run here").wait_for()
    found = sidebar.get_by_role("list", name="What was found")
    for what in ("Python", "spicelab-nb", "ngspice", "kernel", "sidebar"):
        item = found.get_by_role("listitem").filter(has=notebook.page.get_by_text(what, exact=True))
        assert item.locator(".spicelab-nb-State").inner_text() in ("there", "missing")
    notebook.command("filebrowser:activate")
    notebook.command("spicelab-nb:check-installation")
    found.wait_for()
