"""The sliders of a preview in a real JupyterLab."""

import re

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SETUP = """\
%load_ext spicelab_nb
import spicelab_nb as sl

def amplifier(r, seed):
    return {"gain": r}

campaign = sl.Campaign(
    amplifier,
    sl.MonteCarlo(20_000, {"r": sl.Normal(mean=1e3, rel=0.05)}),
    measures={"gain": "dB"},
    name="amplifier",
)
"""


def row(notebook, place):
    return notebook.output(1).locator("tbody tr", has_text=place).first


def test_the_sliders_change_the_table_from_mouse_and_keyboard(open_notebook):
    notebook = open_notebook(SETUP, "campaign.preview(seconds_per_sample=0.5)", "1")
    notebook.run_through(0, 1)
    view = notebook.output(1).locator(".spicelab-view")
    view.wait_for()
    cloud = row(notebook, "aws")
    workers = view.locator("label", has_text="Workers").locator("input")
    # From the keyboard: JupyterLab must not take the arrows.
    workers.focus()
    for _ in range(4):
        notebook.page.keyboard.press("ArrowRight")
    assert workers.input_value() == "4"
    cloud.locator("td", has_text=re.compile("^8$")).wait_for()
    box = workers.bounding_box()
    notebook.page.mouse.click(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2)
    cloud.locator("td", has_text=re.compile("^256$")).wait_for()
    assert view.locator("output").first.inner_text() == "256"
    # A deadline that few places keep fades the others.
    view.locator("label", has_text="Workers").locator("input").fill("0")
    deadline = view.locator("label", has_text="Deadline").locator("input")
    deadline.fill("1")
    view.get_by_text("Nothing is done within").wait_for()
    deadline.fill(str(int(deadline.get_attribute("max")) // 2))
    view.get_by_text("Cheapest within").wait_for()
    row(notebook, "this machine").and_(view.locator("tr.spicelab-faded")).wait_for()
    deadline.fill("0")
    view.get_by_text("Cheapest:").wait_for()
    assert "this machine" in view.locator(".spicelab-advice").inner_text()
    # Spot.
    assert view.get_by_text(re.compile(r"spot$")).count() == 0
    view.get_by_role("checkbox").check()
    view.get_by_text(re.compile(r"spot$")).first.wait_for()
    # The plot has a point for each row, with its numbers for those who cannot see it.
    assert view.locator("svg circle").count() == view.locator("tbody tr").count()
    assert "this machine" in view.locator("svg").get_attribute("aria-label")
    # What is saved is seen without widgets.
    saved = notebook.outputs(1)[0]["data"]
    assert "this machine" in saved["text/html"]
