"""Writes ``docs/images/*.png``: the views, in a JupyterLab that runs.

    python docs/screenshots.py [FOLDER]

Needs the ``lab`` and ``test`` extras and Chromium.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))
from lab import Lab, Notebook, browser

HERE = Path(__file__).parent
CELLS = (
    "%load_ext spicelab_nb\n"
    "from spicelab_nb.cli.opamp import campaign as opamp\n"
    "campaign = opamp({samples})",
    "%spicelab_cluster local --workers 2",
    "%spicelab_run campaign",
    "# a cell that computes: the view above keeps moving\nwhile run.active:\n    sum(range(1000))",
    "%spicelab_preview opamp(1_000_000)",
    "import spicelab_nb as sl\n"
    "lab = sl.cluster('local', workers=2, name='lab', price=sl.Price(usd_per_core_hour=0.05))\n"
    "opamp({samples} + 1000).run(lab, budget=1).wait()\n"
    "opamp({samples} + 2000).run(lab, budget=1).wait(); None",
    "%spicelab_cost",
)


def take(folder: Path, samples: int, *, dark: bool = False) -> None:
    """Run the notebook and photograph its outputs."""
    ending = "-dark.png" if dark else ".png"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        lab = Lab(Path(scratch), theme="JupyterLab Dark" if dark else "JupyterLab Light")
        try:
            with browser() as running:
                # Without motion a bar is as long at once as its number says.
                page = running.new_page(
                    viewport={"width": 980, "height": 957},
                    device_scale_factor=1.4,
                    reduced_motion="reduce",
                )
                cells = [cell.format(samples=samples) for cell in CELLS]
                notebook = Notebook(page, lab, "yield.ipynb", cells)
                notebook.run_through(0, 2)
                notebook.run_cell(3)
                page.wait_for_function(
                    "(n) => { const bar = document.querySelector('.spicelab-progress');"
                    " return bar && Number(bar.getAttribute('aria-valuenow')) > n }",
                    arg=samples * 0.55,
                )
                view = notebook.output(2).locator(".spicelab-view")
                view.screenshot(path=folder / f"campaign-view{ending}")
                # Under way the two views are told at different moments: at the end they agree.
                ended = f"{samples:,} of {samples:,}"
                notebook.output(1).get_by_text(ended).wait_for()
                notebook.output(2).get_by_text(ended).wait_for()
                notebook.wait_run(3)
                page.screenshot(path=folder / f"notebook{ending}")
                panel = notebook.output(1).locator(".spicelab-view")
                panel.screenshot(path=folder / f"cluster-panel{ending}")
                notebook.wait_run(3)
                notebook.run_through(4, 6)
                preview = notebook.output(4).locator(".spicelab-view")
                preview.screenshot(path=folder / f"preview{ending}")
                notebook.output(6).screenshot(path=folder / f"cost{ending}")
                notebook.shut_down()
        finally:
            lab.close()


SIDEBAR_CELLS = (
    "import spicelab_nb as sl\n"
    "from spicelab_nb.cli.opamp import campaign as opamp\n"
    "price = sl.Price(usd_per_core_hour=0.05)\n"
    "rack = sl.cluster('local', workers=2, name='rack', price=price)\n"
    "run = opamp({samples}).run(rack)",
    "bench = sl.cluster('serial', name='bench'); None",
)


def take_sidebar(folder: Path, samples: int, *, dark: bool = False) -> None:
    """Photograph JupyterLab with the sidebar beside a notebook."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        lab = Lab(Path(scratch), theme="JupyterLab Dark" if dark else "JupyterLab Light")
        try:
            with browser() as running:
                page = running.new_page(
                    viewport={"width": 1000, "height": 980},
                    device_scale_factor=1.25,
                    reduced_motion="reduce",
                )
                cells = ["%load_ext spicelab_nb", *SIDEBAR_CELLS, "run"]
                cells = [cell.format(samples=samples) for cell in cells]
                notebook = Notebook(page, lab, "sidebar.ipynb", cells, mode="lab")
                notebook.command("spicelab-nb:open-clusters")
                notebook.run_through(0, 3)
                page.wait_for_function(
                    "(n) => { const bar = document.querySelector("
                    "'.spicelab-nb-Campaigns progress'); return bar && bar.value > n }",
                    arg=samples * 0.5,
                )
                ending = "-dark.png" if dark else ".png"
                page.screenshot(path=folder / f"sidebar{ending}")
                notebook.shut_down()
        finally:
            lab.close()


def main() -> None:
    """Take both themes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE / "images")
    parser.add_argument("--samples", type=int, default=3000)
    parser.add_argument("--dark", action="store_true", help="the dark theme, too")
    parser.add_argument("--sidebar-only", action="store_true", help="no other view")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    for dark in (False, True) if args.dark else (False,):
        if not args.sidebar_only:
            take(args.folder, args.samples, dark=dark)
        take_sidebar(args.folder, args.samples, dark=dark)


if __name__ == "__main__":
    main()
