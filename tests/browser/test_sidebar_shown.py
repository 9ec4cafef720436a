"""Where the sidebar is found, what it asks for, and how it looks."""

import time

import pytest
from sidebar import (
    CAMPAIGN,
    ROW,
    START,
    asked_of_us,
    open_sidebar,
    serious,
    stop,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_it_is_found_by_tab_launcher_palette_and_settings(notebooks):
    notebook = notebooks("found.ipynb", "1")
    page = notebook.page
    tab = page.get_by_role("tab", name="Spicelab clusters")
    tab.click()
    page.locator(".spicelab-nb-New").wait_for()
    assert page.get_by_role("region", name="Spicelab clusters").is_visible()

    notebook.command("launcher:create")
    card = page.locator(".jp-LauncherCard", has_text="Spicelab Clusters")
    card.wait_for()
    notebook.command("filebrowser:activate")
    card.click()
    page.locator(".spicelab-nb-New").wait_for()

    notebook.command("apputils:activate-command-palette")
    palette = page.locator(".lm-CommandPalette")
    palette.locator("input").fill("spicelab")
    for label in (
        "Spicelab Clusters",
        "Insert a Cell That Starts a Cluster",
        "Check the Spicelab Installation",
        "Refresh Spicelab Clusters",
    ):
        item = palette.locator(".lm-CommandPalette-item", has_text=label).first
        item.wait_for()
        assert item.locator(".lm-CommandPalette-itemCaption").inner_text()
    page.keyboard.press("Escape")

    notebook.command("settingeditor:open", query="spicelab")
    for title in (
        "Seconds between two looks",
        "Kind of a new cluster",
        "Workers of a new cluster",
    ):
        page.get_by_text(title).first.wait_for()


def wait_asked(notebook, count):
    """Wait for that many requests of ours, and give how long it took in seconds."""
    begun = time.monotonic()
    while len(asked_of_us(notebook)) < count:
        assert time.monotonic() - begun < 90, asked_of_us(notebook)
        notebook.page.wait_for_timeout(100)
    return time.monotonic() - begun


def test_nothing_is_asked_while_it_is_hidden(notebooks):
    notebook = notebooks("hidden.ipynb", "1")
    page = notebook.page
    assert asked_of_us(notebook) == []
    open_sidebar(notebook)
    four = wait_asked(notebook, len(asked_of_us(notebook)) + 4)
    notebook.command("filebrowser:activate")
    page.locator(".spicelab-nb-Panel").wait_for(state="hidden")
    before = len(asked_of_us(notebook))
    # There is no other sign of silence than the time in which there were four.
    page.wait_for_timeout(1000 * four)
    assert len(asked_of_us(notebook)) == before
    notebook.command("spicelab-nb:open-clusters")
    wait_asked(notebook, before + 1)


def test_how_often_it_asks_is_a_setting(notebooks):
    notebook = notebooks("poll.ipynb", "1")
    page = notebook.page
    open_sidebar(notebook)
    wait_asked(notebook, len(asked_of_us(notebook)) + 2)
    notebook.command("settingeditor:open", query="Spicelab")
    seconds = page.locator("input[label='Seconds between two looks']")

    def set_to(value):
        with page.expect_response(
            lambda r: "/api/settings/" in r.url and r.request.method == "PUT"
        ):
            seconds.fill(value)

    try:
        with page.expect_request(lambda r: "/spicelab-nb/clusters" in r.url):
            set_to("600")
        before = len(asked_of_us(notebook))
        page.wait_for_timeout(6000)  # thrice the default
        assert len(asked_of_us(notebook)) == before
        # JupyterLab starts with it, too: it is longer than the pauses after failures are.
        page.reload()
        page.locator(".spicelab-nb-New").wait_for()
        set_to("0.5")
        wait_asked(notebook, len(asked_of_us(notebook)) + 4)
    finally:
        set_to("2")


def test_reload_restores_it_with_what_was_typed_and_the_views(notebooks):
    notebook = notebooks(
        "reload.ipynb",
        START.format("stays"),
        CAMPAIGN.format(n=100, name="seen"),
        "%spicelab_run campaign",
        "run.wait(); None",
    )
    sidebar = open_sidebar(notebook)
    notebook.run_through(0, 3)

    def kept(request):
        sent = request.post_data or ""
        put = request.method == "PUT" and "/api/workspaces/" in request.url
        return put and "kept over a reload" in sent and '"current":"spicelab-nb-clusters"' in sent

    # JupyterLab saves the layout and the state a moment after they change.
    with notebook.page.expect_request(kept) as put:
        sidebar.get_by_label("Name").fill("kept over a reload")
    assert put.value.response().ok
    notebook.save()
    notebook.page.reload()
    again = notebook.page.locator(".spicelab-nb-New")
    again.wait_for()
    assert again.get_by_label("Name").input_value() == "kept over a reload"
    sidebar.locator(ROW, has_text="seen: 100 of 100, done").wait_for()
    # The kernel goes on, so the cluster's panel and the run's view live again.
    notebook.wait_idle()
    notebook.output(0).locator(".spicelab-card", has_text="stays").wait_for()
    notebook.output(2).locator(".spicelab-head", has_text="Done").wait_for()
    stop(sidebar, "stays")
    notebook.output(0).get_by_text("No cluster is running").wait_for()


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


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_axe_finds_nothing_serious_in_sidebar_and_views(notebooks, theme):
    # A name, and so a store, of its own: what is computed is not computed again.
    name = f"axe-{theme.split()[-1]}"
    notebook = notebooks(
        f"{name}.ipynb",
        START.format("seen"),
        CAMPAIGN.format(n=200, name=name).replace("return r", "return r / (r < 1.2)"),
        "%spicelab_run campaign",
        "run.wait(); None",
    )
    notebook.command("apputils:change-theme", theme=theme)
    sidebar = open_sidebar(notebook)
    sidebar.get_by_role("button", name="Check").click()
    sidebar.get_by_role("list", name="What was found").wait_for()
    notebook.run_through(0, 3)
    sidebar.locator(ROW, has_text=f"{name}: 200 of 200, done").wait_for()
    view = notebook.output(2)
    view.locator("summary").first.click()
    view.locator(".spicelab-reasons summary").first.click()
    light = notebook.page.evaluate("() => document.body.dataset.jpThemeLight")
    assert light == str(theme.endswith("Light")).lower()
    found = serious(notebook, ".spicelab-nb-Panel", ".spicelab-view")
    stop(sidebar, "seen")
    assert found == []
