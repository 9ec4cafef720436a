"""One JupyterLab and one browser for all tests here; a page and a notebook for each."""

import importlib.util
import sys
from pathlib import Path

import pytest


def _bring(name):
    """Make a module of this folder known: pytest imports tests by path, not by name."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


lab_module = _bring("lab")
_bring("sidebar")
hold_module = _bring("hold")
_bring("explored")


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    lab = lab_module.Lab(tmp_path_factory.mktemp("lab"))
    yield lab
    lab.close()


@pytest.fixture(scope="session")
def built():
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
def hold(tmp_path):
    """A `Hold`; whatever a test did, nobody waits for ever."""
    made = hold_module.Hold(tmp_path / "begin")
    yield made
    made.open()


@pytest.fixture
def open_notebook(lab, chromium, request):
    """``open_notebook(*cells)`` gives a `Notebook` alone in its page; without complaints."""
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
        assert notebook.strangers() == set()


@pytest.fixture
def notebooks(lab, chromium, built):
    """``notebooks(name, *cells)`` opens one in a whole JupyterLab, in a browser of its own.

    Consoles have to stay without complaints, but for those that a test puts into ``expected``.
    """
    opened = []

    def open_one(name, *cells, server=lab):
        context = chromium.new_context(viewport={"width": 1200, "height": 1000})
        notebook = lab_module.Notebook(context.new_page(), server, name, list(cells), mode="lab")
        notebook.expected = ()
        opened.append((context, notebook))
        return notebook

    yield open_one
    for context, notebook in opened:
        if not notebook.page.is_closed():
            notebook.shut_down()
        context.close()
    for _, notebook in opened:
        said = [c for c in notebook.complaints if not any(e in c for e in notebook.expected)]
        assert said == []
        assert notebook.strangers() == set()
