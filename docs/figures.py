"""Writes ``docs/images/explorer-*.png``: each figure of the explorer, of runs of the op-amp.

    python docs/figures.py [FOLDER]

Needs the ``explore`` and ``test`` extras and Chromium.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

import spicelab_nb as sl
from spicelab_nb import explorer
from spicelab_nb.cli.opamp import amplifier, variation
from spicelab_nb.cli.opamp import campaign as opamp

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))
from lab import browser

if TYPE_CHECKING:
    from spicelab_nb.campaigns import Campaign, Run

HERE = Path(__file__).parent
_LARGE = 150_000
MARGIN = sl.measure.phase_margin("v(out)")
UNITY = sl.measure.unity_gain_frequency("v(out)")
SPECS = {"phase_margin": sl.Spec(min=55, unit="deg"), "unity_gain": sl.Spec(min=13e6, unit="Hz")}


def campaigns(samples: int, folder: Path) -> dict[str, Campaign]:
    """A Monte Carlo, the same with waveforms, a sweep of the compensation, and corners."""
    common: dict[str, Any] = {
        "measures": {"phase_margin": MARGIN, "unity_gain": UNITY},
        "specs": SPECS,
    }
    swept = {"CC": np.geomspace(1e-12, 1e-11, 21), "RZ": np.linspace(500, 4000, 15)}
    corners = sl.Corners(
        {
            f"{supply} V, {heat}": {"VDD.dc": supply, "temp": temp}
            for supply in (3.0, 3.6)
            for heat, temp in (("cold", -20), ("hot", 85))
        }
    )
    local = {k: v for k, v in variation().items() if k not in {"VDD.dc", "temp"}}
    waves = sl.MonteCarlo(samples, variation(), seed=1)
    return {
        "montecarlo": opamp(samples, store=str(folder / "montecarlo")),
        "waves": sl.Campaign(
            amplifier(), waves, keep=["v(out)"], store=str(folder / "waves"), **common
        ),
        "sweep": sl.Campaign(amplifier(), sl.Sweep(swept), store=str(folder / "sweep"), **common),
        "corners": sl.Campaign(
            amplifier(),
            corners * sl.MonteCarlo(samples // 4, local, seed=1),
            store=str(folder / "corners"),
            **common,
        ),
    }


def figures(runs: dict[str, Run]) -> dict[str, Any]:
    """One of each."""
    run, sweep = runs["montecarlo"], runs["sweep"]
    few = run.dataset.isel(sample=slice(250))
    axes = ["CL", "VDD.dc", "temp", "gain", "unity_gain", "phase_margin"]
    wave = runs["waves"].waveforms["ac"]["v(out)"]
    return {
        "histogram": explorer.histogram(run, "supply_current"),
        "scatter": explorer.scatter(run, "RZ", "phase_margin"),
        "tornado": explorer.tornado(run, "phase_margin", most=8),
        "swings": explorer.tornado(sweep, "phase_margin"),
        "parallel": explorer.parallel(few, axes),
        "surface": explorer.surface(sweep, "phase_margin"),
        "corners": explorer.corners(runs["corners"], "phase_margin"),
        "bode": explorer.bode(wave),
    }


def photograph(figures: dict[str, Any], folder: Path) -> None:
    """Write each figure as a page, and take its picture."""
    with browser() as running, tempfile.TemporaryDirectory() as scratch:
        page = running.new_page(viewport={"width": 1200, "height": 800}, device_scale_factor=1.25)
        for name, figure in figures.items():
            # The tools of a plot are of no use in a picture.
            figure.opts(toolbar=None)
            path = explorer.write_figure(figure, Path(scratch) / f"{name}.html")
            page.goto(path.as_uri())
            page.locator("canvas").first.wait_for()
            page.wait_for_function("() => Bokeh.documents.every((d) => d.is_idle)")
            picture = folder / f"explorer-{name}.png"
            page.locator("#figure > *").first.screenshot(path=picture)
            shrink(picture)


def shrink(picture: Path) -> None:
    """Many thin lines take half the room with a palette."""
    if picture.stat().st_size > _LARGE:
        Image.open(picture).convert("RGB").quantize(96, dither=Image.Dither.NONE).save(
            picture, optimize=True
        )


def main() -> None:
    """Run the campaigns on a local cluster, and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE / "images")
    parser.add_argument("--samples", type=int, default=1000)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cluster = stack.enter_context(sl.cluster("local", workers=2))
        runs = {
            name: campaign.run(cluster).wait()
            for name, campaign in campaigns(args.samples, scratch).items()
        }
        photograph(figures(runs), args.folder)


if __name__ == "__main__":
    main()
