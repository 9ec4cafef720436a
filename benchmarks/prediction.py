"""The time predicted from a pilot against the time taken, over campaigns that are really run.

    python -m benchmarks.prediction [--quick] [--workers 1] [--results FOLDER] [--report]

Each campaign is previewed first, as a person would: a pilot of up to 32 samples in this process,
kept as results, and an interval for the local cluster that is alive: the row of the preview,
as it is. Then it is run there and timed from ``run`` to the end, writing the plan and the last
consolidation included. Each half begins with a fresh ledger and a fresh cluster, and every campaign
counts: what the product learns meanwhile it learns from the runs that were judged before.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spicelab_nb.campaigns import Campaign
    from spicelab_nb.clusters import Cluster

SHARE_ASKED = 0.9
WORKERS = (1, 2)
"""Of the local clusters, each of which runs half of the campaigns."""

FIRST = 5
"""Runs from a fresh ledger on that are reported apart: the product knows next to nothing then."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One campaign.

    Parameters
    ----------
    what
        ``"function"``, ``"rc"``, ``"op-amp"``.
    samples
        N.
    seconds, cv
        Of a sample of a function, about.
    workers
        Of the local cluster.
    chunk
        Samples of a chunk; None: adapts.
    """

    what: str
    samples: int
    seconds: float = 0.0
    cv: float = 0.0
    workers: int = 2
    chunk: int | None = None

    @property
    def name(self) -> str:
        """For people."""
        kind = self.what
        if self.what == "function":
            kind = f"function, {1000 * self.seconds:g} ms, cv {self.cv:g}"
        return f"{kind}, N {self.samples}, chunk {self.chunk or 'adapts'}"


def cases(quick: bool) -> list[Case]:
    """Campaigns that differ in what is run, how many, how uneven, in which chunks, by how many."""
    counted = [
        Case(what="function", samples=n, seconds=s, cv=cv, workers=w, chunk=k)
        for n, s, cv, w, k in (
            (250, 0.01, 0.0, 1, None),
            (90, 0.05, 0.3, 1, None),
            (70, 0.08, 1.0, 1, 1),
            (60, 0.08, 0.3, 1, 5),
            (1500, 0.002, 0.3, 1, 100),
            (600, 0.005, 1.0, 1, None),
            (500, 0.01, 0.0, 2, None),
            (150, 0.05, 0.3, 2, None),
            (90, 0.1, 1.0, 2, 1),
            (80, 0.1, 0.3, 2, 5),
            (60, 0.1, 0.0, 2, 1),
            (60, 0.15, 0.5, 2, None),
            (128, 0.05, 0.3, 2, 32),
            (2500, 0.002, 0.3, 2, 100),
            (1000, 0.005, 1.0, 2, None),
            (500, 0.01, 0.5, 2, 40),
        )
    ] + [
        Case(what=what, samples=n, workers=w, chunk=k)
        for what, n, w, k in (
            ("rc", 5000, 1, None),
            ("rc", 4000, 1, 500),
            ("rc", 9000, 2, None),
            ("rc", 6000, 2, 1000),
            ("op-amp", 1000, 1, None),
            ("op-amp", 800, 1, 100),
            ("op-amp", 1800, 2, None),
            ("op-amp", 1250, 2, 250),
        )
    ]
    # Neighbours differ, so that a busy minute of the machine is spread over kinds; one worker
    # first, then two, since a cluster is started for each.
    mixed = [counted[i] for i in np.random.default_rng(7).permutation(len(counted))]
    every = sorted(mixed, key=lambda case: case.workers)
    if quick:
        every = every[::6]
        every = [dataclasses.replace(c, samples=max(c.samples // 4, 34)) for c in every]
    return every


def spin(units: float) -> float:
    """Work of so many units of about a millisecond each."""
    value = 1.0
    for _ in range(int(units * 20_000)):
        value = value * 0.999999 + 1e-6
    return value


def units_per_second() -> float:
    """How many units of `spin` this machine does in a second, now."""
    best = math.inf
    for _ in range(5):
        begun = time.perf_counter()
        spin(50)
        best = min(best, time.perf_counter() - begun)
    return 50 / best


def function(units: float, cv: float) -> Callable[..., float]:
    """A simulator whose samples differ in how much there is to do, as their seed says."""

    def simulate(x: float, seed: int) -> float:
        value = 1.0
        share = 1.0
        if cv:
            share = np.random.default_rng(seed).standard_gamma(cv**-2) * cv**2
        for _ in range(int(units * share * 20_000)):
            value = value * 0.999999 + 1e-6
        return x + 0.0 * value

    return simulate


def campaign(case: Case, number: int, folder: Path, speed: float) -> Campaign:
    """The campaign of a case, with a store of its own."""
    import spicelab_nb as sl
    from spicelab_nb.cli.opamp import campaign as opamp

    store = str(folder / f"{number:02d}")
    seed = 100 + number
    if case.what == "op-amp":
        return opamp(case.samples, seed=seed, store=store)
    if case.what == "rc":
        from spicelab_nb.testing.circuits import RC_LOWPASS

        return sl.Campaign(
            sl.Circuit(RC_LOWPASS),
            sl.MonteCarlo(
                case.samples, {"R1": sl.Normal(rel=0.01), "C1": sl.Normal(rel=0.05)}, seed=seed
            ),
            measures={"f3db": sl.measure.bandwidth("v(out)")},
            name=f"rc-{number}",
            store=store,
        )
    return sl.Campaign(
        function(case.seconds * speed, case.cv),
        sl.MonteCarlo(case.samples, {"x": sl.Uniform(low=0.0, high=1.0)}, seed=seed),
        name=f"function-{number}",
        store=store,
    )


def model_seconds(candidates: int = 40) -> dict[str, float]:
    """Processor time of the model for so many candidates: the first time, and again."""
    from spicelab_nb.cost import Catalogue, Ratio, Workload, estimate, schedule

    machines = Catalogue.load().filter(provider="aws", region="us-east-1", vcpu=4).rows
    work = Workload(samples=10_000, sample_s=0.5, cv=0.5, overhead_s=0.02, sample_relative_sd=0.1)
    wanted = [
        (machines[i % len(machines)], 2 ** (i % 8), Ratio(value=1 + i % 5 / 10, relative_sd=0.2))
        for i in range(candidates)
    ]
    schedule.forget()
    seconds = []
    for _ in range(2):
        begun = time.process_time()
        for machine, workers, ratio in wanted:
            estimate(work, machine, workers, speed=ratio)
        seconds.append(time.process_time() - begun)
    return {"candidates": candidates, "first_s": seconds[0], "again_s": seconds[1]}


def measure(
    folder: Path, quick: bool, workers: int, write: Callable[[dict[str, Any]], None]
) -> None:
    """Predict and run every case for so many workers; one line each."""
    import spicelab_nb as sl

    speed = units_per_second()
    write({"kind": "settings", "units_per_second": speed, "quick": quick})
    write({"kind": "model", **model_seconds()})
    chosen = [case for case in cases(quick) if case.workers == workers]
    with sl.cluster("local", workers=workers) as cluster:
        for number, case in enumerate(chosen):
            made = campaign(case, 100 * workers + number, folder, speed)
            line = {"nth": number + 1, **one(case, made, cluster)}
            write(line)
            print(
                f"{'in ' if line['inside'] else 'OUT'} {workers} "
                "{lower:7.2f}{mean:7.2f}{upper:7.2f}".format(**line["predicted_s"])
                + f"  took {line['taken_s']:6.2f}  load {line['load']:.1f}  {case.name}",
                flush=True,
            )


def one(case: Case, made: Campaign, cluster: Cluster) -> dict[str, Any]:
    """Note the row that the preview shows for this cluster, then run the campaign."""
    begun = time.perf_counter()
    preview = made.preview(machines=[])
    row = next(r for r in preview.rows if r.place.machine.name == cluster.name)
    previewed = time.perf_counter() - begun
    stated = row.time_s
    begun = time.perf_counter()
    run = made.run(cluster, chunk_length=case.chunk)
    run.wait(timeout=600)
    seconds = time.perf_counter() - begun
    if run.progress.done < case.samples:
        raise RuntimeError(f"{case.name} ended early: {run.progress}")
    return {
        "kind": "campaign",
        **dataclasses.asdict(case),
        "name": case.name,
        "preview_s": previewed,
        "predicted_s": dataclasses.asdict(stated),
        "taken_s": seconds,
        "account_s": run.cost.runs[-1].elapsed_s,
        "inside": stated.lower <= seconds <= stated.upper,
        "method": row.estimate.method,
        "limited_by": row.estimate.limited_by,
        "work_s": row.estimate.makespan_s.mean * row.place.speed.value,
        "boot_s": row.place.tariff.boot_s,
        "speed": row.place.speed.value,
        "speed_relative_sd": row.place.speed.relative_sd,
        "load": os.getloadavg()[0],
    }


def counted(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The campaigns that are judged."""
    return [line for line in lines if line.get("kind") == "campaign"]


def _quality(judged: Sequence[dict[str, Any]]) -> str:
    errors = [abs(line["taken_s"] / line["predicted_s"]["mean"] - 1) for line in judged]
    widths = [
        line["predicted_s"]["upper"] / max(line["predicted_s"]["lower"], 1e-9) for line in judged
    ]
    return (
        f"Median error {100 * float(np.median(errors)):.0f} %, median ratio of the bounds "
        f"{float(np.median(widths)):.2f}"
    )


def summary(lines: Sequence[dict[str, Any]]) -> str:
    """What came out, in a few sentences."""
    judged = counted(lines)
    inside = sum(line["inside"] for line in judged)
    loads = [line["load"] for line in judged]
    share = inside / len(judged)
    verdict = "reached" if share >= SHARE_ASKED else "**missed**"
    first = [line for line in judged if line["nth"] <= FIRST]
    rest = [line for line in judged if line["nth"] > FIRST]
    said = (
        f"{inside} of {len(judged)} campaigns ({100 * share:.0f} %) took a time inside the 90 % "
        "interval that `campaign.preview()` had shown before; asked for: "
        f"{100 * SHARE_ASKED:.0f} %, {verdict}. "
        f"{_quality(judged)}. Of the first {FIRST} after a fresh ledger, each time: "
        f"{sum(line['inside'] for line in first)} of {len(first)}, {_quality(first).lower()}; "
        f"of the others: {sum(line['inside'] for line in rest)} of {len(rest)}"
        f"{', ' + _quality(rest).lower() if rest else ''}. "
        f"Load of the machine meanwhile {min(loads):.1f} to "
        f"{max(loads):.1f} on {os.cpu_count()} processors."
    )
    for line in lines:
        if line.get("kind") == "model":
            return (
                f"{said} The model itself takes {1000 * line['first_s']:.0f} ms of processor time "
                f"for {line['candidates']} candidates, {1000 * line['again_s']:.0f} ms when they "
                "are asked for again."
            )
    return said


def report(lines: Sequence[dict[str, Any]]) -> str:
    """The table, in Markdown."""
    rows = [
        "# Time predicted from a pilot against time taken",
        "",
        summary(lines),
        "",
        "| campaign | workers | predicted s | 90 % interval | taken s | inside | by |",
        "|---|---|---|---|---|---|---|",
    ]
    for line in counted(lines):
        predicted = line["predicted_s"]
        rows.append(
            f"| {line['name']} | {line['workers']} | {predicted['mean']:.2f} | "
            f"{predicted['lower']:.2f} to {predicted['upper']:.2f} | {line['taken_s']:.2f} | "
            f"{'yes' if line['inside'] else '**no**'} | {line['method']} |"
        )
    return "\n".join(rows) + "\n"


def plot(lines: Sequence[dict[str, Any]]) -> str:
    """Predicted intervals against the times taken, as an SVG."""
    judged = sorted(counted(lines), key=lambda line: line["taken_s"])
    every = [
        value
        for line in judged
        for value in (
            line["taken_s"],
            max(line["predicted_s"]["lower"], line["taken_s"] / 5),
            min(line["predicted_s"]["upper"], line["taken_s"] * 5),
        )
    ]
    low, high = math.log(max(min(every), 0.05) * 0.8), math.log(max(every) * 1.2)
    left, top, width, height = 60, 20, 560, 460

    def part(seconds: float) -> float:
        # an interval that leaves the plot is drawn to its edge
        return (min(max(math.log(max(seconds, 1e-9)), low), high) - low) / (high - low)

    def x(seconds: float) -> float:
        return left + width * part(seconds)

    def y(seconds: float) -> float:
        return top + height * (1 - part(seconds))

    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low < math.log(t) < high]
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 540" font-family="sans-serif" '
        'font-size="12">',
        '<rect width="640" height="540" fill="white"/>',
        f'<line x1="{x(math.exp(low)):.1f}" y1="{y(math.exp(low)):.1f}" '
        f'x2="{x(math.exp(high)):.1f}" y2="{y(math.exp(high)):.1f}" stroke="#bbb"/>',
    ]
    for tick in ticks:
        parts += [
            f'<text x="{x(tick):.1f}" y="{top + height + 16}" text-anchor="middle">{tick:g}</text>',
            f'<text x="{left - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>',
            f'<line x1="{left}" x2="{left + width}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" '
            'stroke="#eee"/>',
        ]
    for line in judged:
        predicted = line["predicted_s"]
        colour = "#1f77b4" if line["inside"] else "#d62728"
        place = x(line["taken_s"])
        parts += [
            f'<line x1="{place:.1f}" x2="{place:.1f}" y1="{y(predicted["lower"]):.1f}" '
            f'y2="{y(predicted["upper"]):.1f}" stroke="{colour}" stroke-width="2"/>',
            f'<circle cx="{place:.1f}" cy="{y(predicted["mean"]):.1f}" r="3" fill="{colour}"/>',
        ]
    parts += [
        f'<text x="{left + width / 2}" y="{top + height + 38}" text-anchor="middle">'
        "taken, s</text>",
        f'<text x="16" y="{top + height / 2}" text-anchor="middle" '
        f'transform="rotate(-90 16 {top + height / 2})">predicted, s (90 % interval)</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def main() -> None:
    """Parse the command line and do what it says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few small campaigns")
    parser.add_argument("--results", type=Path, help="folder for the results")
    parser.add_argument("--workers", type=int, choices=WORKERS, help="one half, by itself")
    parser.add_argument("--report", action="store_true", help="only write table and plot again")
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")

    from benchmarks import machine
    from benchmarks.environment import own_records
    from benchmarks.records import RESULTS, read, recorded
    from benchmarks.report import fill

    folder = given.results or (
        Path(tempfile.gettempdir()) / "benchmarks-quick" if given.quick else RESULTS
    )
    if not given.report:
        for workers in [given.workers] if given.workers else WORKERS:
            with (
                own_records() as own,
                recorded(
                    folder / f"prediction-{workers}.jsonl",
                    lambda: {**machine.describe(), **machine.conditions()},
                    machine.conditions,
                ) as write,
            ):
                measure(own / "stores", given.quick, workers, write)
    lines = [line for file in sorted(folder.glob("prediction-[0-9].jsonl")) for line in read(file)]
    table = report(lines)
    (folder / "prediction.md").write_text(table, "utf-8")
    (folder / "prediction.svg").write_text(plot(lines), "utf-8")
    if folder == RESULTS:
        page = RESULTS.parents[1] / "docs" / "cost.md"
        said = "\n\n".join(
            [summary(lines), "![predicted against taken](../benchmarks/results/prediction.svg)"]
        )
        page.write_text(fill(page.read_text("utf-8"), {"prediction": said}), "utf-8")
    print(table)


if __name__ == "__main__":
    main()
