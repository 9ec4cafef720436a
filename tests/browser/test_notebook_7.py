"""The views in Notebook 7: they call nothing that only JupyterLab has."""

import json
import re

import pytest
from lab import Lab, Notebook, really_stop

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PACE = "    time.sleep(0.01)\n"
SETUP = """\
%load_ext spicelab_nb
import time
import spicelab_nb as sl

def slow(r, seed):
    time.sleep(0.01)
    if r > 1.25:
        raise ValueError("too much")
    return {"level": r}

draws = sl.MonteCarlo(900, {"r": sl.Normal(mean=1.0, sd=0.1)})
campaign = sl.Campaign(
    slow, draws, measures={"level": "V"}, specs={"level": sl.Spec(min=0.8, unit="V")}, name="seven"
)
"""


@pytest.fixture(scope="module")
def notebook_7(tmp_path_factory):
    server = Lab(tmp_path_factory.mktemp("notebook-7"), app="notebook")
    # It needs JupyterLab's shell, and complains in the console where that is missing.
    server.disabled.write_text(json.dumps({"disabledExtensions": {"dask-labextension": True}}))
    yield server
    server.close()


def test_cluster_panel_and_campaign_view_show_and_obey(notebook_7, chromium, hold):
    page = chromium.new_page(viewport={"width": 1100, "height": 1600})
    notebook = Notebook(
        page, notebook_7, "seven.ipynb",
        ["%load_ext spicelab_nb", "%spicelab_cluster local --workers 2",
         SETUP.replace(PACE, hold.code), "%spicelab_run campaign", "run.wait()"],
    )  # fmt: skip
    assert page.evaluate("() => window.jupyterapp.name") == "Jupyter Notebook"
    hold.let(200)
    notebook.run_through(0, 3)
    card = notebook.output(1).locator(".spicelab-card")
    card.locator(".spicelab-facts", has_text=re.compile(r"Workers\s2")).wait_for()
    view = notebook.output(3).locator(".spicelab-view")
    state = view.locator(".spicelab-head .spicelab-state")
    view.locator("rect.spicelab-bar").first.wait_for()
    assert re.search(r"Yield [\d.]+ % \(\d", view.locator(".spicelab-yield").inner_text())
    view.get_by_role("button", name="Cancel").click()
    state.filter(has_text="Cancelled").wait_for()
    view.get_by_role("button", name="Resume").click()
    view.get_by_role("button", name="Cancel").wait_for()
    hold.open()
    notebook.run_through(4, 4)
    state.filter(has_text="Done").wait_for()
    assert view.get_by_role("progressbar").get_attribute("aria-valuenow") == "900"
    assert view.locator("path.spicelab-limit").count() == 1
    assert view.locator("summary", has_text="samples failed").count() == 1
    really_stop(card)
    card.wait_for(state="detached")
    notebook.shut_down()
    page.close()
    # Notebook's own settings say this at times, whatever is installed.
    assert [c for c in notebook.complaints if "(reading 'schema')" not in c] == []
    assert notebook.strangers() == set()
