"""One JupyterLab and one browser for all tests here; a page and a notebook for each."""

import importlib.util
import sys
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("lab", Path(__file__).with_name("lab.py"))
lab_module = importlib.util.module_from_spec(_spec)
sys.modules["lab"] = lab_module
_spec.loader.exec_module(lab_module)


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    lab = lab_module.Lab(tmp_path_factory.mktemp("lab"))
    yield lab
    lab.close()


@pytest.fixture(scope="session")
def sidebar():
    """Skips where the JupyterLab sidebar is not built into this environment."""
    folder = Path(sys.prefix) / "share" / "jupyter" / "labextensions" / "@spicelab" / "nb"
    if not (folder / "package.json").is_file():
        pytest.skip("the JupyterLab sidebar is not built: ./run sidebar (needs Node.js)")


@pytest.fixture(scope="session")
def chromium():
    if lab_module.chromium() is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    with lab_module.browser() as running:
        yield running


@pytest.fixture
def open_notebook(lab, chromium, request):
    """``open_notebook(cells)`` gives a `Notebook`; it must not complain in the console."""
    opened = []

    def open_one(*cells):
        page = chromium.new_page(viewport={"width": 1000, "height": 1600})
        name = f"{request.node.name.split('[')[0]}.ipynb"
        opened.append(lab_module.Notebook(page, lab, name, list(cells)))
        return opened[-1]

    yield open_one
    for notebook in opened:
        notebook.shut_down()
        notebook.page.close()
    for notebook in opened:
        assert notebook.complaints == []
