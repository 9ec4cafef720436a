import contextlib
import html.parser
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from spicelab_nb import explorer
from spicelab_nb.errors import MeasureError
from spicelab_nb.testing.datasets import rc_dataset, rc_sweep, rc_waveforms

hv = pytest.importorskip("holoviews")

TAG = "</script><script>alert(1)</script>"


NAMES = [
    "bode",
    "corners",
    "histogram",
    "line",
    "parallel",
    "scatter",
    "surface",
    "swings",
    "tornado",
    "waveforms",
]


@pytest.fixture(scope="module")
def figures():
    ds = rc_dataset(300, failed=[3])
    waves = rc_waveforms(ds)
    corners = rc_dataset(50, corners=["tt", "ss"])
    return {
        "histogram": explorer.histogram(ds, "f3db"),
        "scatter": explorer.scatter(ds, "C1", "f3db"),
        "corners": explorer.corners(corners, "f3db"),
        "tornado": explorer.tornado(ds, "f3db"),
        "swings": explorer.tornado(rc_sweep(failed=[(0, 0)]), "f3db"),
        "surface": explorer.surface(rc_sweep(failed=[(0, 0)]), "f3db"),
        "line": explorer.surface(rc_sweep(), "f3db", C1=1e-8),
        "parallel": explorer.parallel(ds),
        "bode": explorer.bode(waves["ac"]["v(out)"]),
        "waveforms": explorer.waveforms(waves["tran"]["v(out)"]),
    }


class Loads(html.parser.HTMLParser):
    """What a page would ask for."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.asked += [(tag, found[a]) for a in ("src", "href", "data", "srcset") if found.get(a)]


def loads(path):
    parser = Loads()
    parser.feed(path.read_text(encoding="utf-8"))
    return parser.asked


def columns():
    panel = pytest.importorskip("panel")
    figure = explorer.histogram(rc_dataset(50), "f3db")
    return panel.Column("# A run", figure, panel.widgets.Select(options=["f3db", "gain"]))


@pytest.mark.parametrize("name", NAMES)
def test_a_page_loads_nothing(name, figures, tmp_path):
    path = explorer.write_figure(figures[name], tmp_path / "new" / f"{name}.html")
    assert loads(path) == []
    assert path.stat().st_size < 2_000_000
    assert f"<title>{name}</title>" in path.read_text(encoding="utf-8")
    assert not list(path.parent.glob(".*"))


def test_panels_are_written_too(tmp_path):
    columns()  # once Panel is imported, Bokeh's own pages ask for its scripts
    path = explorer.write_figure(columns(), tmp_path / "panel.html", title="A run")
    assert loads(path) == []
    assert '"url":"http' not in path.read_text(encoding="utf-8")
    plain = explorer.write_figure(
        explorer.histogram(rc_dataset(50), "f3db"), tmp_path / "plain.html"
    )
    assert loads(plain) == []


def test_names_are_text(tmp_path):
    ds = rc_dataset(50).rename({"f3db": f"f{TAG}"})
    figure = explorer.histogram(ds, f"f{TAG}")
    path = explorer.write_figure(figure, tmp_path / "r.html", title=TAG)
    assert "<script>alert" not in path.read_text(encoding="utf-8")


def test_what_is_no_figure_is_refused(tmp_path):
    with pytest.raises(MeasureError, match="not dict"):
        explorer.write_figure({}, tmp_path / "r.html")
    assert not list(tmp_path.iterdir())


@pytest.mark.browser
def test_a_browser_shows_them_without_a_network(figures, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("chromium is not installed: apt-get install chromium")
    everything = {**figures, "panel": columns()}
    paths = [explorer.write_figure(f, tmp_path / f"{n}.html") for n, f in everything.items()]
    assert sorted(figures) == NAMES
    asked, complaints = [], []

    def look(page, path):
        page.goto(path.as_uri())
        canvas = page.locator("canvas").first
        canvas.wait_for(state="visible")
        return canvas.bounding_box()

    def show():
        with playwright.sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=chromium,
                args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
            )
            with contextlib.closing(browser):
                context = browser.new_context(offline=True)
                page = context.new_page()
                page.set_default_timeout(90_000)
                page.on("request", lambda request: asked.append(request.url))
                page.on("pageerror", lambda error: complaints.append(str(error)))
                page.on(
                    "console",
                    lambda message: message.type == "error" and complaints.append(message.text),
                )
                return {path.stem: look(page, path) for path in paths}

    # Other tests of this session may hold a browser in this thread, and a thread takes only one.
    with ThreadPoolExecutor(1) as pool:
        boxes = pool.submit(show).result()
    # Panel's page holds a script of its own as a blob.
    assert [u for u in asked if not u.startswith("blob:")] == [p.as_uri() for p in paths]
    assert complaints == []
    for name, box in boxes.items():
        assert box["width"] > 200, name
        assert box["height"] > 100, name
