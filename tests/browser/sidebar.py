"""What the tests of the sidebar share."""

from __future__ import annotations

from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
AXE = ROOT / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
START = "%load_ext spicelab_nb\n%spicelab_cluster local --workers 1 --name {}"
ROW = ".spicelab-nb-Cluster"
CAMPAIGN = """\
import time
import spicelab_nb as sl

def slow(r, seed):
    time.sleep(0.02)
    return r

draws = sl.MonteCarlo({n}, {{"r": sl.Normal(mean=1.0, sd=0.1)}})
campaign = sl.Campaign(slow, draws, name="{name}", specs={{"value": sl.Spec(min=0.9)}})
"""


def open_sidebar(notebook):
    notebook.command("spicelab-nb:open-clusters")
    notebook.page.locator(".spicelab-nb-New").wait_for()
    return notebook.page.locator(".spicelab-nb-Panel")


def stop(sidebar, name):
    """Stop a cluster that runs nothing, and see its row go."""
    sidebar.get_by_role("button", name=f"Stop {name}").click()
    sidebar.locator(ROW, has_text=name).wait_for(state="detached")


def family(pid):
    """Processes that a kernel has started, by pid."""
    return psutil.Process(pid).children(recursive=True)


def kernel_pid(notebook, cell):
    """What ``import os; os.getpid()`` in that cell gave."""
    return int(notebook.outputs(cell)[0]["data"]["text/plain"])


def wait_gone(processes):
    _, alive = psutil.wait_procs(processes, timeout=60)
    assert alive == []


def asked_of_us(notebook):
    return [url for url in notebook.asked if "/spicelab-nb/" in url]


def sources(notebook):
    """Text of every cell."""
    return notebook.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.widgets"
        ".map((w) => w.model.sharedModel.source)"
    )


def wait_cells(notebook, count):
    notebook.page.wait_for_function(
        "(n) => window.jupyterapp.shell.currentWidget.content.widgets.length === n", arg=count
    )


def press_until(page, label, limit=80):
    """Go on with Tab until the focus is on what is called so."""
    for _ in range(limit):
        page.keyboard.press("Tab")
        name = page.evaluate(
            "() => { const e = document.activeElement;"
            " return e.getAttribute('aria-label') || (e.labels && e.labels[0]"
            " && e.labels[0].textContent) || e.textContent }"
        )
        if name == label:
            return
    raise AssertionError(f"{limit} tabs do not reach {label!r}")


def serious(notebook, *selectors):
    """What axe-core finds there of serious and critical issues, contrast among them."""
    notebook.page.evaluate(AXE.read_text())
    found = notebook.page.evaluate(
        "(where) => axe.run({include: where.map((w) => [w])}, {resultTypes: ['violations']})",
        list(selectors),
    )
    return [
        (v["id"], v["impact"], [(n["target"], n["failureSummary"]) for n in v["nodes"]])
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    ]
