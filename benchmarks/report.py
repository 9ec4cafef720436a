"""Tables, plot and the blocks of pages that hold figures, all from the records."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.records import RESULTS, of_kind, read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["circumstances", "fill", "markdown", "write"]

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("engine", "explorer", "overhead", "scale", "sidebar", "start")
TITLES = {
    "engine": "The price of a sample",
    "explorer": "Looking at ten thousand waveforms",
    "overhead": "What distributing costs",
    "scale": "A million samples",
    "sidebar": "Clusters in JupyterLab's sidebar",
    "start": "Starting and watching",
}


def write(folder: Path = RESULTS) -> None:
    """Write ``<name>.md`` and a plot for each file of records, and fill the pages' blocks.

    Pages are only touched where the records are the ones that are kept.
    """
    blocks = {}
    for name in NAMES:
        path = folder / f"{name}.jsonl"
        if not path.exists():
            continue
        records = read(path)
        text = markdown(name, records)
        path.with_suffix(".md").write_text(f"# {TITLES[name]}\n\n{text}\n", encoding="utf-8")
        blocks[name] = short(name, records)
        if name == "engine":
            from benchmarks import engine_report

            engine_report.plot(records, path.with_suffix(".svg"))
            engine_report.plot(records, path.with_suffix(".png"))
        print(f"\n{TITLES[name]}\n\n{text}\n\n({path})", flush=True)
    if folder == RESULTS:
        for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
            before = page.read_text(encoding="utf-8")
            after = fill(before, blocks)
            if after != before:
                page.write_text(after, encoding="utf-8")


def fill(page: str, blocks: Mapping[str, str]) -> str:
    """Put each block between its markers, ``<!-- benchmarks:name -->`` and ``<!-- end -->``."""

    def block(found: re.Match[str]) -> str:
        text = blocks.get(found[2])
        return found[0] if text is None else f"{found[1]}\n{text}\n{found[4]}"

    return re.sub(r"(<!-- benchmarks:(\w+) -->)(.*?)(<!-- end -->)", block, page, flags=re.DOTALL)


def markdown(name: str, records: Sequence[Mapping[str, Any]]) -> str:
    """Everything that the records say, for people."""
    return "\n\n".join([short(name, records), *_details(name, records)])


def short(name: str, records: Sequence[Mapping[str, Any]]) -> str:
    """The table of targets, and what it was measured on."""
    if name == "engine":
        from benchmarks import engine_report

        table = engine_report.ratio_table(records)
    else:
        figures = importlib.import_module(f"benchmarks.{name}").figures(records)
        rows = [figure.row() for figure in figures]
        table = "\n".join(["| | measured | target | |", "|---|---|---|---|", *rows])
    return f"{table}\n\n{circumstances(records)}"


def _details(name: str, records: Sequence[Mapping[str, Any]]) -> list[str]:
    if name == "engine":
        from benchmarks import engine_report

        return [
            "Medians over the rounds, with the range:",
            engine_report.sample_table(records),
            "Where our time goes (medians):",
            engine_report.role_table(records),
        ]
    details = getattr(importlib.import_module(f"benchmarks.{name}"), "details", None)
    return [] if details is None else [details(records)]


def circumstances(records: Sequence[Mapping[str, Any]]) -> str:
    """A paragraph: machine, versions, date, load, rounds."""
    before, settings = of_kind(records, "before")[0], of_kind(records, "settings")[0]
    after = of_kind(records, "after")
    peers = of_kind(records, "peers")
    loads = [before["load"][0], *(record["load"][0] for record in after)]
    engines = ", ".join(f"lib{n} {v}" if n == "ngspice" else f"{n} {v}"
                        for n, v in before["engines"].items())  # fmt: skip
    packages = before["packages"]
    names = ["dask", "numpy", "scipy", "xarray", "zarr", *(["ray"] if "ray" in packages else [])]
    versions = ", ".join(f"{n} {packages[n]}" for n in names if n in packages)
    others = ""
    if peers:
        others = ", ".join(f"{n} {v}" for n, v in peers[0]["versions"].items() if n != "numpy")
        others = f"; peers: ngspice {before['ngspice']}, {others}"
    quick = " Sizes were reduced (`--quick`): these figures are worth little." * settings["quick"]
    rounds = settings["rounds"]
    return (
        f"Medians of {rounds} round{'s' * (rounds != 1)} on {before['time'][:10]}: "
        f"{before['cpu']}, {before['cores']} cores, {before['system']}, load {loads[0]} before and "
        f"{loads[-1]} after; Python {before['python']}, {versions}; {engines}{others}; commit "
        f"{before['commit']}.{quick}"
    )
