"""Writes ``docs/images/explorer.png``: the linked explorer, in a JupyterLab that runs.

    python docs/explorer_screenshot.py [FOLDER]

Needs the ``lab``, ``explore`` and ``test`` extras and Chromium.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))
from lab import Lab, Notebook, browser

HERE = Path(__file__).parent
SIMULATE = """\
%load_ext spicelab_nb
import spicelab_nb as sl
from spicelab_nb.cli.opamp import campaign as opamp
amp = opamp({samples}, keep=["v(out)"])
run = amp.run(sl.cluster("local", workers=2)).wait()
"""
CELLS = (SIMULATE, "%spicelab_explore run --measure phase_margin")


def take(folder: Path, samples: int) -> None:
    """Run the notebook, brush, and photograph the views."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        lab = Lab(Path(scratch))
        try:
            with browser() as running:
                page = running.new_page(
                    viewport={"width": 1180, "height": 1500}, device_scale_factor=2
                )
                cells = [cell.format(samples=samples) for cell in CELLS]
                notebook = Notebook(page, lab, "explore.ipynb", cells)
                notebook.run_through(0, 1)
                output = notebook.output(1)
                output.locator(".bk-Figure").nth(2).wait_for()
                output.get_by_role("button", name="Select out of spec").click()
                output.get_by_text("selected").first.wait_for()
                page.wait_for_timeout(1500)
                output.screenshot(path=folder / "explorer.png")
                for title in ("Bode", "Parallel coordinates", "Tornado", "Samples"):
                    output.locator(".bk-tab", has_text=title).click()
                    page.wait_for_timeout(2500)
                    name = title.lower().replace(" ", "-")
                    output.screenshot(path=Path(scratch) / f"explorer-{name}.png")
                    if folder != HERE / "images":
                        output.screenshot(path=folder / f"explorer-{name}.png")
                if folder != HERE / "images":
                    output.get_by_role("button", name="Select furthest").click()
                    page.wait_for_timeout(1000)
                    output.get_by_role("button", name="Re-simulate").click()
                    page.wait_for_timeout(4000)
                    output.screenshot(path=folder / "explorer-re-simulated.png")
                notebook.shut_down()
        finally:
            lab.close()


def main() -> None:
    """Take the picture of the page; into another folder, one of each tab as well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE / "images")
    parser.add_argument("--samples", type=int, default=1000)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    take(args.folder, args.samples)


if __name__ == "__main__":
    main()
