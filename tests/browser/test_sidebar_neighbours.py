"""The sidebar beside dask-labextension, without it, and without the server's part."""

import json
import re
from urllib.parse import urlsplit

import pytest
from lab import Lab, really_stop
from sidebar import ROW, START, open_sidebar, stop

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def dashboard_of(notebook):
    """Host and port of the only cluster's dashboard, as the server tells it."""
    told = notebook.page.evaluate(
        "() => fetch('/spicelab-nb/clusters', {credentials: 'same-origin'}).then((r) => r.json())"
    )
    (cluster,) = told["clusters"]
    return urlsplit(cluster["dashboard"]).netloc


def listed_by_dask(notebook):
    return notebook.page.evaluate(
        "() => fetch('/dask/clusters', {credentials: 'same-origin'}).then((r) => r.json())"
    )


def test_dask_labextension_finds_our_dashboard_and_keeps_its_own(notebooks):
    notebook = notebooks("dask.ipynb", "client = 'mine'\n" + START.format("shown"), "client")
    # Dask's own panes complain in the console: of scripts, and of a scheduler that has gone.
    notebook.expected = ("",)
    page = notebook.page
    sidebar = open_sidebar(notebook)
    notebook.run_through(0, 0)
    row = sidebar.locator(ROW, has_text="shown")
    row.wait_for()

    # Its magnifying glass asks the kernel for its default client.
    page.get_by_role("tab", name="Dask", exact=True).click()
    page.get_by_role("button", name="Auto-detect dashboard URL").click()
    page.wait_for_function("() => document.querySelector('.dask-URLInput input').value !== ''")
    found = page.locator(".dask-URLInput input").input_value()
    assert urlsplit(found).netloc == dashboard_of(notebook)
    page.locator(".dask-DashboardListing-list li").first.wait_for()

    notebook.command("spicelab-nb:open-clusters")
    row.get_by_role("button", name="Open the dashboard of shown").click()
    # Its panes open beside the notebook, on our scheduler.
    page.wait_for_function(
        "() => [...window.jupyterapp.shell.widgets('main')]"
        ".some((w) => w.id.startsWith('dask-dashboard'))"
    )
    pane = page.frame_locator("iframe[src*='individual-']").first
    pane.locator(".bk-Figure, .bk-Column, .bk-Row, body > div").first.wait_for()
    notebook.command("docmanager:open", path="dask.ipynb")
    notebook.run_through(1, 1)
    assert notebook.outputs(1)[0]["data"]["text/plain"] == "'mine'"

    # Its own list and NEW are as before, and neither sees the other's clusters.
    assert listed_by_dask(notebook) == []
    page.get_by_role("tab", name="Dask", exact=True).click()
    with page.expect_response(lambda r: "/dask/clusters" in r.url and r.request.method == "PUT"):
        page.get_by_role("button", name="NEW", exact=True).click()
    notebook.command("spicelab-nb:open-clusters")
    sidebar.get_by_role("button", name="Refresh").click()
    assert sidebar.locator(ROW).count() == 1
    (theirs,) = listed_by_dask(notebook)
    ended = page.evaluate(
        "(id) => fetch(`/dask/clusters/${id}`,"
        " {method: 'DELETE', credentials: 'same-origin', headers: {'X-XSRFToken':"
        " (/_xsrf=([^;]+)/.exec(document.cookie) || [])[1] || ''}}).then((r) => r.status)",
        theirs["id"],
    )
    assert ended == 204
    assert listed_by_dask(notebook) == []
    stop(sidebar, "shown")


@pytest.fixture
def _no_dask(lab):
    """Pages that are opened now have no dask-labextension: the server leaves it out of them."""
    lab.disabled.write_text(json.dumps({"disabledExtensions": {"dask-labextension": True}}))
    yield
    lab.disabled.unlink()


@pytest.mark.usefixtures("_no_dask")
def test_without_dask_labextension_everything_of_ours_works(notebooks):
    notebook = notebooks("alone.ipynb", START.format("alone"))
    page = notebook.page
    assert page.get_by_role("tab", name="Dask", exact=True).count() == 0
    assert not page.evaluate("() => window.jupyterapp.commands.hasCommand('dask:launch-cluster')")
    sidebar = open_sidebar(notebook)
    notebook.run_through(0, 0)
    row = sidebar.locator(ROW, has_text="alone")
    with page.context.expect_page() as opened:
        row.get_by_role("button", name="Open the dashboard of alone").click()
    dashboard = opened.value
    dashboard.get_by_role("link", name="Workers").first.wait_for()
    assert urlsplit(dashboard.url).netloc == dashboard_of(notebook)
    dashboard.close()
    row.get_by_label("Workers of alone").fill("2")
    row.get_by_role("button", name="Scale alone").click()
    row.locator("dd").first.filter(has_text=re.compile("^2$")).wait_for()
    stop(sidebar, "alone")


def test_without_the_server_extension_it_says_what_to_do(tmp_path, notebooks):
    bare = Lab(tmp_path / "bare", sidebar_server=False)
    try:
        notebook = notebooks("bare.ipynb", START.format("works"), server=bare)
        notebook.expected = ("404",)
        notebook.command("spicelab-nb:open-clusters")
        notice = notebook.page.get_by_role("alert")
        notice.wait_for()
        assert "jupyter server extension enable spicelab_nb.jupyter.server" in notice.inner_text()
        notebook.run_through(0, 0)
        card = notebook.output(0).locator(".spicelab-card", has_text="works")
        card.wait_for()
        really_stop(card)
        card.wait_for(state="detached")
        notebook.shut_down()
        notebook.page.close()
    finally:
        bare.close()
