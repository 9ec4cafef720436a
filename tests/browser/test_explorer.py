"""The linked explorer in a real JupyterLab that has no network."""

import base64
import re
import time

import pytest
from explored import FRAME, MODELS, SHOW, SIMULATE, STATE, Views

pytest.importorskip("panel")

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def offline():
    """Lets a page reach this machine alone; gives what it asked for elsewhere."""
    asked = []

    def cut(page):
        def answer(route):
            asked.append(route.request.url)
            route.abort()

        page.route(lambda url: not url.startswith(("http://127.0.0.1", "data:", "blob:")), answer)

    yield cut
    assert asked == []


def test_the_explorer_renders_offline_brushes_and_simulates_again(open_notebook, offline):
    notebook = open_notebook(SIMULATE, SHOW, STATE, "explorer.selection.clear()",
                             'run.waveforms["ac"]["v(out)"].variable._in_memory')  # fmt: skip
    offline(notebook.page)
    notebook.run_through(0, 1)
    views = Views(notebook, 1)
    notebook.run_through(2, 2)

    # It renders, from a store that was opened and not loaded.
    assert sum(views.column("selected in histogram", "top")) == 0
    views.wait_text(r"rc: 300 of 300 ok")

    # Brushing the histogram changes the linked views.
    f = notebook.page.evaluate(FRAME, "histogram")
    views.drag("histogram", (1.7, f["x"][1]), (1, f["y"][1] * 0.8))
    views.wait_text(r"of 300 selected")
    notebook.page.wait_for_function(f"() => {views.length('selected waveforms', 'y')}")
    chosen = views.selected()
    assert 5 < chosen < 100
    assert sum(views.column("selected in histogram", "top")) == chosen

    # Brushing the scatter does, too.
    notebook.run_through(3, 3)
    views.wait_text("No sample selected")
    f = notebook.page.evaluate(FRAME, "scatter")
    middle = sum(f["y"]) / 2
    views.drag("scatter", f["x"], (f["y"][0], middle))
    views.wait_text(r"of 300 selected")
    count = views.selected()
    notebook.page.wait_for_function(
        f"(n) => ({MODELS})('selected in histogram').at(-1).data.top.reduce((a, b) => a + b) === n",
        arg=count,
    )

    # The outlier's waveform appears.
    views.press("Select furthest")
    notebook.page.wait_for_function(
        f"() => ({MODELS})('labels of selected waveforms').at(-1).data.label.length === 1"
    )
    (label,) = views.column("labels of selected waveforms", "label")
    assert re.fullmatch(r"sample \d+", label)
    assert views.selected() == 1

    # Simulated again, it has signals that were not kept.
    views.press("Re-simulate")
    views.wait_text(rf"{label} simulated again: \d+ signals|simulated again: \d+ signals")
    views.wait_drawn("re-simulated")
    legend = notebook.page.evaluate(
        f"() => ({MODELS})('re-simulated').flatMap((m) => m.right).filter((p) => p.items)"
        ".flatMap((l) => l.items.map((i) => i.label.value))"
    )
    assert {"v(in)", "v(out)", "i(v1)"} <= set(legend)

    notebook.run_through(4, 4)
    assert notebook.outputs(4)[0]["data"]["text/plain"] == "False"


def test_what_the_kernel_changes_is_not_sent_back_to_it(open_notebook):
    notebook = open_notebook(SIMULATE, SHOW, STATE, "explorer.selection.replace(range(20))",
                             "len(explorer.selection)")  # fmt: skip
    notebook.run_through(0, 1)
    views = Views(notebook, 1)
    sent = []
    network = notebook.page.context.new_cdp_session(notebook.page)
    network.on(
        "Network.webSocketFrameSent",
        lambda event: sent.append(base64.b64decode(event["response"]["payloadData"])),
    )
    network.send("Network.enable")
    notebook.run_through(2, 3)
    views.wait_text(r"\b20 of 300 selected")
    notebook.page.wait_for_function(f"() => {views.length('selected waveforms', 'y')}")
    # What is done here is told, in order: an echo would have come before.
    f = notebook.page.evaluate(FRAME, "scatter")
    views.drag("scatter", f["x"], (f["y"][0], sum(f["y"]) / 2))
    # The page shows its own selection at once; the sentence is the kernel's.
    end = time.monotonic() + 60
    while (chosen := views.selected()) == 20 and time.monotonic() < end:
        notebook.page.wait_for_timeout(50)
    views.wait_text(rf"\b{chosen} of 300 selected")
    notebook.run_through(4, 4)
    assert int(notebook.outputs(4)[0]["data"]["text/plain"]) == chosen != 20
    assert any(b'"indices"' in frame for frame in sent)
    assert [frame for frame in sent if b'"attr":"data"' in frame] == []


def test_every_tab_opens_and_a_cell_that_is_run_again_answers(open_notebook, offline):
    notebook = open_notebook(SIMULATE, SHOW)
    offline(notebook.page)
    notebook.run_through(0, 1)
    views = Views(notebook, 1)
    for title, name in (("Bode", "waveforms"), ("Parallel coordinates", "parallel"),
                        ("Tornado", "shifts")):  # fmt: skip
        notebook.output(1).locator(".bk-tab", has_text=title).click()
        views.wait_drawn(name)
    notebook.output(1).locator(".bk-tab", has_text="Samples").click()
    views.wait_text("300 samples")
    notebook.run_through(1, 1)
    views = Views(notebook, 1)
    views.press("Select out of spec")
    views.wait_text(r"of 300 selected")
    assert views.selected() > 0


def test_after_the_page_is_loaded_anew_the_cell_answers_again(open_notebook, offline):
    notebook = open_notebook(SIMULATE, SHOW)
    offline(notebook.page)
    notebook.run_through(0, 1)
    Views(notebook, 1)
    notebook.command("docmanager:save")
    notebook.page.reload()
    notebook.page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    notebook.wait_idle()
    notebook.run_through(1, 1)
    views = Views(notebook, 1)
    views.press("Select furthest")
    views.wait_text(r"of 300 selected")


def test_a_saved_page_asks_for_nothing(chromium, tmp_path, offline):
    from spicelab_nb.explorer.linked import Explorer
    from spicelab_nb.testing.datasets import rc_dataset, rc_waveforms

    ds = rc_dataset(300, failed=[3])
    explorer = Explorer(ds, waveforms=rc_waveforms(ds), name="amp")
    explorer.selection.replace([17])
    path = explorer.save(tmp_path / "amp.html")
    page = chromium.new_page(viewport={"width": 1200, "height": 2400})
    said = []
    page.on("console", lambda m: said.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.route(
        lambda url: not url.startswith("file:"), lambda route: said.append(route.request.url)
    )
    page.goto(path.as_uri())
    page.wait_for_function(
        "() => window.Bokeh && [...Bokeh.index.query((v) => v.model.name === 'waveforms')].length"
    )
    page.get_by_text("Parallel coordinates").first.wait_for()
    page.get_by_text("1 of 300 failed").first.wait_for()
    assert page.locator(".bk-Figure").count() >= 7
    assert said == []
    page.close()
