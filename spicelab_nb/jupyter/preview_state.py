"""What the view of a preview shows, as plain JSON, computed here: controls, table, plot."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from spicelab_nb.cost.preview_table import HEADER, heading, notes, row_texts
from spicelab_nb.cost.wording import round_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spicelab_nb.cost.preview import Preview, Row

__all__ = ["deadlines", "describe_preview", "worker_steps"]

_ROUND_S = (
    1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1200, 1800, 2700,
    3600, 5400, 7200, 10800, 14400, 21600, 28800, 43200, 64800, 86400, 172800, 259200, 604800,
    1209600, 2592000,
)  # fmt: skip


LEGEND = (
    "Green: this machine; orange: clusters that are alive; blue: clouds. The line joins what is "
    "neither slower nor dearer than anything else, at any number of workers."
)


def worker_steps(preview: Preview) -> list[int]:
    """Numbers of workers that the slider offers: doubling, up to what is of any use."""
    most = max((row.workers for row in preview.candidates), default=1)
    return [2**k for k in range(20) if 2**k <= most]


def deadlines(preview: Preview) -> list[int]:
    """Round times, in seconds, from the fastest candidate to the slowest."""
    times = [row.time_s.upper for row in preview.candidates if math.isfinite(row.time_s.upper)]
    if not times:
        return []
    low, high = min(times), max(times)
    return [s for s in _ROUND_S if 0.5 * low <= s <= 1.5 * high]


def describe_preview(preview: Preview, *, trouble: str = "") -> dict[str, Any]:
    """Give what is shown of a preview.

    Parameters
    ----------
    preview
        Under the wishes that the controls hold.
    trouble
        What went wrong in the view itself.
    """
    rows = preview.rows
    best = preview.cheapest(preview.deadline_s) if rows else None
    return {
        "heading": heading(preview),
        "basis": preview.basis,
        "problem": trouble or preview.problem,
        "header": list(HEADER),
        "rows": [
            {
                "cells": list(row_texts(row)),
                "front": row.pareto,
                "fits": row.fits,
                "where": row.place.where,
            }
            for row in rows
        ],
        "advice": _advice(preview, best),
        "notes": [
            *notes(preview)[: 1 if rows else 0],
            *([LEGEND] if rows else []),
            *notes(preview)[1 if rows else 0 :],
        ],
        "plot": _plot(preview, rows),
        "workers": [["balanced", None], *([str(n), n] for n in worker_steps(preview))],
        "deadlines": [["none", None], *([round_text(s), s] for s in deadlines(preview))],
        "spot": any(place.machine.sells_spot() for place in preview.places),
    }


def _advice(preview: Preview, best: Row | None) -> str:
    if best is None:
        limit = None if preview.deadline_s is None else round_text(preview.deadline_s)
        return f"Nothing is done within {limit} nine times in ten." if limit else ""
    name, workers, time, cost, *_ = row_texts(best)
    limit = ""
    if preview.deadline_s is not None:
        limit = f" within {round_text(preview.deadline_s)}"
    many = "1 worker" if workers == "1" else f"{workers} workers"
    return f"Cheapest{limit}: {name}, {many}: {time}, {cost}."


def _plot(preview: Preview, rows: Sequence[Row]) -> dict[str, Any]:
    """Points in a unit square: the logarithm of the time to the right, the cost upwards."""
    known = [row for row in rows if row.cost is not None]
    if not known:
        return {}
    front = [row for row in preview.front if row.cost is not None]
    both = [*known, *front]
    logs = [math.log10(max(row.time_s.mean, 1e-3)) for row in both]
    low, high = min(logs), max(logs)
    low, high = low - 0.05 * (high - low) - 0.02, high + 0.05 * (high - low) + 0.02
    costs = sorted(row.estimate.cost_usd.mean for row in known)
    dearest = max(row.estimate.cost_usd.mean for row in front or known)
    # One very dear place must not press all others flat: it stands at the upper edge.
    top = 1.08 * min(costs[-1], max(3 * costs[len(costs) // 2], dearest)) or 0.01

    def place(row: Row) -> tuple[float, float]:
        x = (math.log10(max(row.time_s.mean, 1e-3)) - low) / (high - low)
        return round(x, 4), round(min(row.estimate.cost_usd.mean / top, 1.0), 4)

    return {
        "points": [
            [*place(row), f"{row.label}, {row.workers} workers: {row_texts(row)[2]}, "
             f"{row_texts(row)[3]}", row.place.where, row.pareto]
            for row in known
        ],
        "front": [[x, y] for x, y in map(place, front) if y < 1.0],
        "x": [
            [round((math.log10(s) - low) / (high - low), 4), round_text(s)]
            for s in _ROUND_S
            if low <= math.log10(s) <= high
        ],
        "y": [[round(k * _step(top) / top, 4), f"{k * _step(top):.4g}"]
              for k in range(math.floor(top / _step(top)) + 1)],
        "label": "Time against cost: "
        + "; ".join(f"{row.label} {row_texts(row)[2]} {row_texts(row)[3]}" for row in known),
    }  # fmt: skip


def _step(top: float) -> float:
    rough = top / 4
    power = 10.0 ** math.floor(math.log10(rough))
    return next(n * power for n in (1, 2, 2.5, 5, 10) if n * power >= rough)
