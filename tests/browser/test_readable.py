"""Explorer, preview and spending in both themes: axe-core finds nothing serious."""

import pytest
from explored import SHOW, SIMULATE, Views
from sidebar import serious

pytestmark = [pytest.mark.browser, pytest.mark.slow]

THEMES = pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
PREVIEW = """\
import spicelab_nb as sl

def amplifier(r, seed):
    return {"gain": r}

sl.Campaign(
    amplifier,
    sl.MonteCarlo(20_000, {"r": sl.Normal(mean=1e3, rel=0.05)}),
    measures={"gain": "dB"},
    name="seen",
).preview(seconds_per_sample=0.5)
"""
SPENDING = """\
import spicelab_nb as sl

def amplifier(r, seed):
    return {"gain": r}

campaign = sl.Campaign(
    amplifier,
    sl.MonteCarlo(20, {"r": sl.Normal(mean=1e3, rel=0.05)}),
    measures={"gain": "dB"},
    name="paid",
)
price = sl.Price(usd_per_core_hour=50)
with sl.cluster("serial", name="bench", price=price) as bench:
    campaign.run(bench, budget=1).wait()
"""


@pytest.fixture
def themed(open_notebook):
    """Opens a notebook in a theme, and gives other tests the light one back."""
    opened = []

    def open_one(theme, *cells):
        notebook = open_notebook(*cells)
        opened.append(notebook)
        notebook.command("apputils:change-theme", theme=theme)
        notebook.page.wait_for_function(
            "(light) => document.body.dataset.jpThemeLight === light",
            arg=str(theme.endswith("Light")).lower(),
        )
        return notebook

    yield open_one
    for notebook in opened:
        notebook.command("apputils:change-theme", theme="JupyterLab Light")


def mark(output):
    """Give an output a name that axe-core finds it by."""
    output.evaluate("(node) => node.setAttribute('data-looked-at', '')")
    return "[data-looked-at]"


@THEMES
def test_the_explorer_is_readable(themed, theme):
    notebook = themed(theme, SIMULATE, SHOW)
    notebook.run_through(0, 1)
    views = Views(notebook, 1)
    views.press("Select out of spec")
    views.wait_text(r"of 300 selected")
    where = mark(views.output)
    # White on white is text that axe-core takes for hidden.
    said = views.output.get_by_text(" of 300 selected").first
    assert said.evaluate("(e) => getComputedStyle(e).color") == "rgb(31, 31, 31)"
    found = [("Waveforms", *issue) for issue in serious(notebook, where)]
    views.output.locator(".bk-tab", has_text="Samples").click()
    views.output.locator(".slick-row").first.wait_for()
    found += [("Samples", *issue) for issue in serious(notebook, where)]
    assert found == []


@THEMES
def test_a_preview_is_readable(themed, theme):
    notebook = themed(theme, "%load_ext spicelab_nb", PREVIEW)
    notebook.run_through(0, 1)
    view = notebook.output(1).locator(".spicelab-view")
    view.locator("tbody tr").first.wait_for()
    view.locator("label", has_text="Deadline").locator("input").fill("4")
    view.locator("tr.spicelab-faded").first.wait_for()
    assert serious(notebook, mark(notebook.output(1))) == []


@THEMES
def test_what_was_spent_is_readable(themed, theme):
    notebook = themed(theme, SPENDING, "%load_ext spicelab_nb\n%spicelab_cost")
    notebook.run_through(0, 1)
    notebook.output(1).get_by_text("by campaign").wait_for()
    assert serious(notebook, mark(notebook.output(1))) == []
