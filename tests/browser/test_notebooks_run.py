"""Every notebook of this project, from top to bottom in the browser's JupyterLab."""

import shutil
from pathlib import Path

import pytest
from lab import Notebook

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FOLDER = Path(__file__).parents[2] / "notebooks"
LIMIT = 400_000
"""Milliseconds for a whole notebook."""


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.ipynb")))
def test_a_notebook_runs_from_top_to_bottom(lab, chromium, name):
    # Each runs beside the files that it reads, and nothing of another's.
    place = lab.root / Path(name).stem
    shutil.rmtree(place, ignore_errors=True)  # of a try that failed
    shutil.copytree(FOLDER, place, ignore=shutil.ignore_patterns("*.ipynb", "campaigns"))
    shutil.copy(FOLDER / name, place)
    # So high that no cell's output is left out for being far away.
    page = chromium.new_page(viewport={"width": 1000, "height": 12_000})
    notebook = Notebook(page, lab, f"{place.name}/{name}")
    wrong = notebook.run_all(LIMIT)
    shown = notebook.page.locator(".jp-OutputArea-output").count()
    notebook.shut_down()
    page.close()
    assert wrong == []
    assert shown > 0
    assert notebook.complaints == []
    assert notebook.strangers() == set()
