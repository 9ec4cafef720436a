"""Tables and plot of the engine's benchmark, from its records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.circuits import CIRCUITS
from benchmarks.engine import OURS
from benchmarks.measurement import Spread, marginal, ratios, spread
from benchmarks.records import Figure, of_kind
from benchmarks.targets import NAMES, TARGETS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Costs", "costs", "figures", "plot", "ratio_table", "sample_table"]

Costs = dict[tuple[str, str], dict[int, float]]
"""(circuit, method) to round to seconds for one sample."""

ROLES = (OURS, "kernel", "scheduler", "worker", "engine")


def costs(records: Sequence[Mapping[str, Any]], clock: str = "cpu") -> Costs:
    """Marginal seconds of a sample.

    Parameters
    ----------
    records
        Of one run.
    clock
        ``"cpu"`` or ``"wall"``.
    """
    found: Costs = {}
    for record in records:
        if record["kind"] == "cost":
            few, many = record["sizes"]
            each = marginal(record["small"][clock], few, record["large"][clock], many)
            found.setdefault((record["circuit"], record["method"]), {})[record["round"]] = each
    return found


def figures(records: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], Figure]:
    """Ratio of each peer's processor time to ours, by peer and circuit."""
    known = costs(records)
    found = {}
    for method, name in NAMES.items():
        for key in CIRCUITS:
            if (key, method) in known and (key, OURS) in known:
                found[method, key] = Figure(
                    name=f"{name}, {key}",
                    value=ratios(known[key, method], known[key, OURS]),
                    unit="x",
                    target=TARGETS.get(method, {}).get(key),
                    most=False,
                )
    return found


def number(value: float) -> str:
    """Three digits, as people write them."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return ""
    value = f"{number(figure.value.median)}x"
    if figure.target is None:
        return value
    if figure.reached:
        return f"{value} (≥ {figure.target:,g})"
    return f"{value} (**missed** {figure.target:,g} by {_short(figure)} %)"


def _short(figure: Figure) -> str:
    return f"{100 * (1 - figure.value.median / (figure.target or 1)):.2g}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def ratio_table(records: Sequence[Mapping[str, Any]]) -> str:
    """Ratios, target beside each: rows are peers, columns circuits."""
    known = figures(records)
    keys = [key for key in CIRCUITS if any(k == key for _, k in known)]
    rows = []
    for method, name in NAMES.items():
        cells = [_cell(known.get((method, key))) for key in keys]
        if any(cells):
            rows.append([name, *cells])
    return _table(["CPU of a sample, against", *(_column(key) for key in keys)], rows)


def _column(key: str) -> str:
    short = {"rc": "RC", "opamp": "op-amp", "rectifier": "rectifier", "ring": "ring oscillator"}
    kinds = "+".join(line.split()[0] for line in CIRCUITS[key].analyses)
    return f"{short.get(key, key.replace('sky', 'SKY'))} {kinds}"


def sample_table(records: Sequence[Mapping[str, Any]]) -> str:
    """Milliseconds of a sample: processor and wall, median and range; ratio and its range."""
    cpu, wall, known = costs(records), costs(records, "wall"), figures(records)
    rows = []
    for key in CIRCUITS:
        for method in [OURS, *NAMES]:
            if (key, method) not in cpu:
                continue
            figure = known.get((method, key))
            ratio = "" if figure is None else f"{_range(figure.value)}"
            target = "" if figure is None or figure.target is None else f"{figure.target:,g}"
            verdict = "" if figure is None else figure.verdict()
            milli = [_range(spread(1e3 * v for v in c[key, method].values())) for c in (cpu, wall)]
            rows.append([key, NAMES.get(method, f"**{OURS}**"), *milli, ratio, target, verdict])
    head = ["circuit", "way", "CPU, ms a sample", "wall, ms a sample", "ratio of CPU", "target", ""]
    return _table(head, rows)


def _range(value: Spread) -> str:
    return f"{number(value.median)} ({number(value.low)} to {number(value.high)})"


def role_table(records: Sequence[Mapping[str, Any]]) -> str:
    """Where our time of a sample goes: microseconds by process, medians over the rounds."""
    shares: dict[str, dict[str, list[float]]] = {}
    for record in of_kind(records, "cost"):
        if record["method"] == OURS:
            few, many = record["sizes"]
            small, large = (_by_role(record[size]["roles"]) for size in ("small", "large"))
            for role in set(small) | set(large):
                each = marginal(small.get(role, 0.0), few, large.get(role, 0.0), many)
                shares.setdefault(record["circuit"], {}).setdefault(role, []).append(1e6 * each)
    roles = [r for r in ROLES if any(r in found for found in shares.values())]
    rows = [
        [key, *(number(spread(found[r]).median) if r in found else "" for r in roles)]
        for key, found in shares.items()
    ]
    return _table(["us of CPU a sample", *roles], rows)


def _by_role(seconds: Mapping[str, float]) -> dict[str, float]:
    """Seconds with those of processes that had just ended: within a run only engines end."""
    found = dict(seconds)
    found["engine"] = found.get("engine", 0.0) + found.pop("other", 0.0)
    return found


def plot(records: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the ratios as bars on a logarithmic axis, one panel a circuit, targets as ticks."""
    import matplotlib as mpl

    mpl.use("agg")
    mpl.rcParams["svg.hashsalt"] = "benchmarks"  # the same figures give the same file
    from matplotlib import pyplot as plt

    known = figures(records)
    keys = [key for key in CIRCUITS if any(k == key for _, k in known)]
    counts = [sum((m, key) in known for m in NAMES) for key in keys]
    figure, axes = plt.subplots(
        len(keys),
        1,
        sharex=True,
        squeeze=False,
        figsize=(8, 1.1 + 0.26 * sum(counts) + 0.42 * len(keys)),
        gridspec_kw={"height_ratios": [count + 0.4 for count in counts]},
        layout="constrained",
    )
    for axis, key in zip(axes[:, 0], keys, strict=True):
        _panel(axis, key, {m: known[m, key] for m in NAMES if (m, key) in known})
    highest = max(f.value.high for f in known.values())
    lowest = min(f.value.low for f in known.values())
    axes[-1, 0].set_xlim(min(0.5, lowest / 1.5), highest * 8)
    axes[-1, 0].xaxis.set_major_formatter(lambda x, _: f"{x:,g}x")
    axes[-1, 0].set_xlabel(
        "processor time of a sample over that of spicelab_nb; thin line: range over the rounds\n"
        "thick tick: target; green: reached, red: missed, grey: none asked",
        fontsize=8,
    )
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=150)
    plt.close(figure)


def _panel(axis: Any, key: str, known: Mapping[str, Figure]) -> None:
    axis.set_xscale("log")
    axis.set_title(CIRCUITS[key].title, fontsize=9, loc="left")
    places = range(len(known))
    for place, figure in zip(places, known.values(), strict=True):
        value = figure.value
        colour = {True: "#2a7f4f", False: "#b5442e", None: "#7a8694"}[figure.reached]
        axis.barh(place, value.median - 1, left=1, height=0.62, color=colour)
        axis.plot([value.low, value.high], [place, place], color="black", linewidth=1)
        if figure.target is not None:
            axis.plot([figure.target] * 2, [place - 0.42, place + 0.42], color="black", linewidth=2)
        text = f"{number(value.median)}x"
        if figure.target is not None:
            text += f"  (target {figure.target:,g})"
        edge = max(value.high, figure.target or 0.0, 1.0)
        said = colour if figure.reached is False else "black"
        axis.text(edge * 1.12, place, text, va="center", fontsize=8, color=said)
    names = [NAMES[method].replace("`", "") for method in known]
    axis.set_yticks(list(places), names, fontsize=8)
    axis.set_ylim(len(known) - 0.4, -0.6)
    axis.axvline(1, color="black", linewidth=0.8)
    axis.tick_params(labelsize=8)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
