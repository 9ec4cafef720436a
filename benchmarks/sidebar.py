"""How soon the sidebar of JupyterLab shows a cluster, and how soon nothing is left of one.

Each round opens a notebook in a whole JupyterLab, in a real browser. Rows are noticed by the page
itself and processes by their pid, with the clock of this machine.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.jupyterlab import lab_module
from benchmarks.measurement import spread
from benchmarks.records import Figure, of_kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.records import Settings, Write

__all__ = ["figures", "measure"]

LISTED, GONE = 3.0, 15.0
"""Seconds that a person waits at most."""

CELLS = (
    "%load_ext spicelab_nb\nimport os, time",
    "%spicelab_cluster local --workers 1 --name {name}",
    "print('told', time.time(), os.getpid())",
)

NOTICE = """() => {
  window.noticed = {}
  const look = () => {
    const rows = [...document.querySelectorAll('.spicelab-nb-Cluster')]
    const seen = new Set(rows.filter((r) => r.querySelector('[data-state=running]'))
      .map((r) => r.textContent.match(/bench-(stop|kill|restart)/)?.[0]).filter(Boolean))
    for (const name of seen) window.noticed[name] ??= {listed: Date.now() / 1000}
    for (const [name, at] of Object.entries(window.noticed))
      if (!seen.has(name)) at.gone ??= Date.now() / 1000
  }
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true,
    characterData: true, attributes: true})
}"""


def built() -> bool:
    """Whether this environment's JupyterLab has the sidebar."""
    folder = Path(sys.prefix) / "share" / "jupyter" / "labextensions" / "@spicelab" / "nb"
    return (folder / "package.json").is_file()


def one(module: Any, running: Any, lab: Any, way: str) -> dict[str, float]:
    """Start a cluster in a cell and end it this way; seconds until it is listed and gone."""
    import psutil

    name = f"bench-{way}"
    page = running.new_page(viewport={"width": 1200, "height": 900})
    cells = [cell.format(name=name) for cell in CELLS]
    notebook = module.Notebook(page, lab, f"{way}.ipynb", cells, mode="lab")
    notebook.command("spicelab-nb:open-clusters")
    page.locator(".spicelab-nb-New").wait_for()
    page.evaluate(NOTICE)
    notebook.run_through(0, 2)
    _, up, pid = notebook.outputs(2)[0]["text"].split()
    page.wait_for_function("(name) => window.noticed[name]?.listed", arg=name)
    kernel = psutil.Process(int(pid))
    processes = kernel.children(recursive=True)
    if len(processes) < 2:
        raise RuntimeError("There is no scheduler and no worker to look at.")
    begun = time.time()
    if way == "stop":
        page.get_by_role("button", name=f"Stop {name}").click()
    elif way == "kill":
        kernel.kill()
    else:
        page.evaluate(
            "() => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
            ".restart() }"
        )
    _, alive = psutil.wait_procs(processes, timeout=120)
    ended = time.time()
    if alive:
        raise RuntimeError(f"Left after two minutes: {alive}")
    page.wait_for_function("(name) => window.noticed[name].gone", arg=name)
    noticed = page.evaluate("(name) => window.noticed[name]", name)
    notebook.shut_down()
    page.close()
    return {
        "listed": noticed["listed"] - float(up),
        "gone": ended - begun,
        "row gone": noticed["gone"] - begun,
    }


def measure(settings: Settings, write: Write) -> None:
    """Each way to end a cluster, once a round."""
    module = lab_module()
    if module is None or module.chromium() is None or not built():
        raise RuntimeError("It needs Chromium, Playwright and the sidebar: ./run sidebar")
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        module.browser() as running,
    ):
        lab = module.Lab(Path(folder))
        try:
            for turn in range(settings.rounds):
                for way in ("stop", "kill", "restart"):
                    told = one(module, running, lab, way)
                    write({"kind": way, "round": turn, **told})
                    print(f"round {turn + 1}, {way}: {told}", file=sys.stderr, flush=True)
        finally:
            lab.close()


def figures(records: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """Until listed, and until gone by each way."""
    ways = {
        "stop": "*Stop* in the sidebar",
        "kill": "the kernel is killed",
        "restart": "the kernel is restarted",
    }
    every = [record for way in ways for record in of_kind(records, way)]
    found = [
        Figure(
            name="cluster of a cell listed, after the cell has ended",
            value=spread(max(0.0, record["listed"]) for record in every),
            unit="s",
            target=LISTED,
        )
    ]
    for way, what in ways.items():
        for key, name in (("gone", "no process left"), ("row gone", "no row left")):
            value = spread(record[key] for record in of_kind(records, way))
            found.append(Figure(name=f"{what}: {name}", value=value, unit="s", target=GONE))
    return found
