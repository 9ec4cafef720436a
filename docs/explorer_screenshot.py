"""Writes ``docs/images/explorer.png`` and ``linked-*.png``: the linked explorer, in a JupyterLab.

    python docs/explorer_screenshot.py [FOLDER]

Needs the ``lab``, ``explore`` and ``test`` extras and Chromium.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from figures import shrink

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))
from lab import Lab, Notebook, browser

if TYPE_CHECKING:
    from playwright.sync_api import Locator

HERE = Path(__file__).parent
SIMULATE = f"""\
%load_ext spicelab_nb
import sys
from pathlib import Path
import spicelab_nb as sl
from spicelab_nb.cli.opamp import campaign as opamp
sys.path.insert(0, {str(HERE)!r})
from figures import campaigns
cluster = sl.cluster("local", workers=2)
run = opamp({{samples}}, keep=["v(out)"]).run(cluster).wait()
others = campaigns({{samples}}, Path("others"))
corners = others["corners"].run(cluster).wait()
sweep = others["sweep"].run(cluster).wait()
"""
CELLS = (
    SIMULATE,
    "%spicelab_explore run --measure phase_margin",
    "%spicelab_explore corners --measure phase_margin",
    "%spicelab_explore sweep --measure phase_margin",
)
TABS = {
    1: ("Bode", "Parallel coordinates", "Tornado", "Samples"),
    2: ("Corners",),
    3: ("Response surface",),
}
"""Cell, and what is photographed of its output."""


def take(folder: Path, samples: int) -> None:
    """Run the notebook, select, and photograph each view."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        lab = Lab(Path(scratch))
        try:
            with browser() as running:
                page = running.new_page(
                    viewport={"width": 1180, "height": 1500}, device_scale_factor=1.5
                )
                cells = [cell.format(samples=samples) for cell in CELLS]
                notebook = Notebook(page, lab, "explore.ipynb", cells)
                notebook.run_through(0, 0)
                for cell, tabs in TABS.items():
                    notebook.run_through(cell, cell)
                    output = notebook.output(cell)
                    output.locator(".bk-Figure").nth(1).wait_for()
                    output.get_by_role("button", name="Select out of spec").click()
                    output.get_by_text("selected").first.wait_for()
                    if cell == 1:
                        settle(output)
                        picture(output, folder / "explorer.png")
                    for title in tabs:
                        open_tab(output, title)
                        name = title.lower().replace(" ", "-")
                        picture(
                            output.locator(".bk-panel-models-tabs-Tabs"),
                            folder / f"linked-{name}.png",
                        )
                output = notebook.output(1)
                output.get_by_role("button", name="Select furthest").click()
                output.get_by_role("button", name="Re-simulate").click()
                output.locator(".bk-tab.bk-active", has_text="Re-simulated").wait_for()
                settle(output)
                picture(
                    output.locator(".bk-panel-models-tabs-Tabs"), folder / "linked-re-simulated.png"
                )
                notebook.shut_down()
        finally:
            lab.close()


def open_tab(output: Locator, title: str) -> None:
    """Open a tab and wait until it is drawn."""
    output.locator(".bk-tab", has_text=title).click()
    output.locator(".bk-tab.bk-active", has_text=title).wait_for()
    settle(output)


def settle(output: Locator) -> None:
    """Leave the kernel time to answer, and Bokeh to draw."""
    output.page.wait_for_timeout(2500)


def picture(where: Locator, path: Path) -> None:
    """Photograph; many thin lines take half the room with a palette."""
    where.screenshot(path=path)
    shrink(path)


def main() -> None:
    """Take the pictures of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE / "images")
    parser.add_argument("--samples", type=int, default=1000)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    take(args.folder, args.samples)


if __name__ == "__main__":
    main()
