"""Looking at 10,000 waveforms of 1,000 points: the first view, a brush, the kernel's memory.

Each round has a Jupyter kernel of its own for what happens in it, and a browser on a real
JupyterLab, where there is one, for what a person waits.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.jupyterlab import lab_module
from benchmarks.measurement import spread
from benchmarks.records import Figure, of_kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.records import Settings, Write

__all__ = ["figures", "measure"]

ROOT = Path(__file__).resolve().parent.parent

OPEN = """
import time
import spicelab_nb as sl
run = sl.open_run({store!r})
dataset = run.dataset
"""

LOOK = """
import json
from IPython.display import display
from bokeh.events import SelectionGeometry
from benchmarks.measurement import peak_memory

told = {}
begun = time.perf_counter()
explorer = run.explore()
page = explorer.page()
page.panel._repr_mimebundle_()
told["again"] = time.perf_counter() - begun

brushes = []
for k in range(20):
    figure = page.histogram.open().object
    low = 1.3 + 0.02 * k
    event = SelectionGeometry(figure, {"type": "rect", "x0": low, "x1": low + 0.1}, True)
    begun = time.perf_counter()
    figure._trigger_event(event)
    brushes.append(time.perf_counter() - begun)
    assert 10 < len(explorer.selection) < len(explorer.columns.ok)
told["brush"] = sorted(brushes)[len(brushes) // 2]
told["slowest brush"] = max(brushes)
told["memory"] = peak_memory()
for title in ("Bode", "Parallel coordinates", "Tornado", "Samples"):
    page.open_tab(title)
brushes = []
for k in range(10):
    begun = time.perf_counter()
    event = SelectionGeometry(figure, {"type": "rect", "x0": 1.3 + 0.02 * k, "x1": 1.5}, True)
    figure._trigger_event(event)
    brushes.append(time.perf_counter() - begun)
told["brush, every tab open"] = sorted(brushes)[len(brushes) // 2]
told["memory, every tab open"] = peak_memory()
print("told:" + json.dumps(told))
"""

FIRST = """
begun = time.perf_counter()
explorer = run.explore()
explorer._repr_mimebundle_()
print("first:" + str(time.perf_counter() - begun))
"""

WATCH = """([low, high]) => new Promise((done) => {
  const all = Bokeh.documents.flatMap((d) => [...d.all_models])
  const source = all.filter((m) => m.name === "selected in histogram").at(-1)
  const curves = all.filter((m) => m.name === "selected waveforms").at(-1)
  const view = [...Bokeh.index.query((v) => v.model.name === "histogram")].at(-1)
  const begun = performance.now(), before = [source.data, curves.data]
  view.model.trigger_event(new (view.model.constructor.__proto__, Bokeh.require ?
    Bokeh.require("core/bokeh_events").SelectionGeometry : Object)(
    {type: "rect", x0: low, x1: high, y0: 0, y1: 1}, true))
  const look = () => source.data !== before[0] && curves.data !== before[1]
    ? requestAnimationFrame(() => done(performance.now() - begun)) : setTimeout(look, 4)
  look()
})"""


def prepare(store: str, *, quick: bool) -> None:
    """Compute and store the waveforms."""
    import spicelab_nb as sl

    per_decade, samples = (40, 1000) if quick else (200, 10_000)
    circuit = sl.Circuit(
        "RC low-pass\nV1 in 0 ac 1\nR1 in out 1k\nC1 out 0 100n\n"
        f".ac dec {per_decade} 10 1meg\n.end\n"
    )
    campaign = sl.Campaign(
        circuit,
        sl.MonteCarlo(samples, {"R1": sl.Normal(rel=0.05), "C1": sl.Normal(rel=0.05)}, seed=1),
        measures={
            "f3db": sl.measure.bandwidth("v(out)"),
            "gain": sl.measure.gain_db("v(out)", at=2e3),
        },
        specs={"f3db": sl.Spec(min=1450, max=1750, unit="Hz")},
        keep=["v(out)"],
        name="rc",
        store=store,
    )
    with sl.cluster("local", workers=2) as cluster:
        campaign.run(cluster).wait()


def session(store: str) -> dict[str, Any]:
    """One kernel: the first view with all imports, a view again, brushes, memory."""
    from jupyter_client.manager import start_new_kernel

    told: dict[str, Any] = {}

    def hook(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            for line in message["content"]["text"].splitlines():
                name, _, text = line.partition(":")
                if name == "told":
                    told.update(json.loads(text))
                elif name == "first":
                    told["first"] = float(text)

    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": f"{folder}/ipython"}
        manager, client = start_new_kernel(cwd=folder, env=environment)
        try:
            for cell in (OPEN.format(store=store), FIRST, LOOK):
                reply = client.execute_interactive(cell, timeout=300, output_hook=hook)
                if reply["content"]["status"] != "ok":
                    raise RuntimeError("\n".join(reply["content"]["traceback"]))
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=False)
    return told


def in_browser(store: str) -> dict[str, float] | None:
    """What a person waits for in JupyterLab; None where there is no browser."""
    module = lab_module()
    if module is None or module.chromium() is None:
        return None
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        module.browser() as running,
    ):
        lab = module.Lab(Path(folder))
        try:
            page = running.new_page(viewport={"width": 1100, "height": 1700})
            cells = [OPEN.format(store=store), "explorer = run.explore(); explorer"]
            notebook = module.Notebook(page, lab, "look.ipynb", cells)
            notebook.run_through(0, 0)
            begun = page.evaluate("() => performance.now()")
            notebook.run_cell(1)
            page.wait_for_function(
                "() => window.Bokeh && [...Bokeh.index.query((v) => v.model.name === 'waveforms')]"
                ".some((v) => v.frame && v.frame.bbox.width > 50)"
            )
            first = page.evaluate("(begun) => performance.now() - begun", begun)
            brushes = []
            for k in range(12):
                page.wait_for_timeout(300)
                brushes.append(page.evaluate(WATCH, [1.3 + 0.02 * k, 1.5]))
            notebook.shut_down()
        finally:
            lab.close()
    return {"first": first / 1000, "brush": sorted(brushes)[6] / 1000}


def measure(settings: Settings, write: Write) -> None:
    """Store once; look once a round."""
    os.environ["PYTHONPATH"] = str(ROOT)
    with tempfile.TemporaryDirectory() as scratch:
        store = f"{scratch}/store"
        prepare(store, quick=settings.quick)
        for turn in range(settings.rounds):
            told = session(store)
            write({"kind": "kernel", "round": turn, **told})
            seen = in_browser(store)
            if seen is not None:
                write({"kind": "browser", "round": turn, **seen})
            print(f"round {turn + 1}: {told}, in the browser {seen}", file=sys.stderr, flush=True)


def figures(records: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """Time to the first view, to the answer of a brush; memory."""
    kernel, browser = of_kind(records, "kernel"), of_kind(records, "browser")

    def of(rows: Any, key: str, name: str, unit: str, scale: float, target: Any = None) -> Figure:
        value = spread(scale * row[key] for row in rows)
        return Figure(name=name, value=value, unit=unit, target=target)

    found = [
        of(kernel, "first", "first view ready in the kernel, imports included", "s", 1, 2.0),
        of(kernel, "again", "the same in a kernel that has shown figures", "s", 1, 2.0),
        of(kernel, "brush", "answer to a brush, in the kernel", "ms", 1e3, 300.0),
        of(kernel, "slowest brush", "the slowest of 20 brushes", "ms", 1e3, 300.0),
        of(kernel, "brush, every tab open", "the same with every tab open", "ms", 1e3, 300.0),
        of(kernel, "memory", "peak memory of the kernel", "MB", 1e-6, 600.0),
        of(kernel, "memory, every tab open", "the same with every tab open", "MB", 1e-6, 600.0),
    ]
    if browser:
        found += [
            of(browser, "first", "first view drawn in JupyterLab, imports included", "s", 1),
            of(browser, "brush", "brush to redrawn views in JupyterLab", "ms", 1e3, 300.0),
        ]
    return found
