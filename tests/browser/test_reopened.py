"""A notebook that is opened again when its kernel is gone."""

import json

import pytest
from sidebar import CAMPAIGN, START

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_views_show_what_they_last_showed(notebooks):
    first = notebooks(
        "reopened.ipynb", START.format("gone"), CAMPAIGN.format(n=60, name="kept"),
        "%spicelab_run campaign", "run.wait(); None",
    )  # fmt: skip
    first.run_through(0, 3)
    first.output(2).locator(".spicelab-head", has_text="Done").wait_for()
    first.save()
    saved = json.loads(first.path.read_text())
    first.shut_down()
    first.page.close()

    # JupyterLab trusts what the same person has saved.
    again = notebooks("reopened.ipynb", anew=False)
    # The manager of widgets says so itself.
    again.expected = ("widget model", "not found")
    view = again.output(2)
    view.get_by_text("60 of 60").wait_for()
    view.locator("svg[role=img]").wait_for()
    assert not view.get_by_text("model not found").is_visible()
    again.output(0).get_by_role("cell", name="gone").wait_for()
    assert "text/html" in saved["cells"][2]["outputs"][0]["data"]
