"""The failures of a run as its view shows them: by reason, each opening to its samples."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.simulators.reasons import gist

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

__all__ = ["describe_failures", "failures_html"]

MOST_REASONS = 20
MOST_SAMPLES = 5
"""Samples that a reason opens to; ``run.failures`` lists each."""

OWN = ("status", "code", "reason", "log", "attempts")
"""Columns of the table of failures that say what happened, not where."""


def describe_failures(table: pd.DataFrame, *, dims: Sequence[str]) -> list[dict[str, Any]]:
    """Give the reasons as plain JSON, the most frequent first.

    Parameters
    ----------
    table
        As ``run.failures`` gives it.
    dims
        Names of the run's dimensions: they say which sample it is, the other columns its values.

    Returns
    -------
    list of dict
        ``text`` (how many and why), ``samples`` (``title``, ``values``, ``reason``, ``log``) and
        ``more`` ("" where all samples are there).
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for i, (code, why) in enumerate(zip(table["code"], table["reason"], strict=True)):
        groups.setdefault((code, gist(why)), []).append(i)
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    described: list[dict[str, Any]] = []
    for (code, text), rows in ordered[:MOST_REASONS]:
        left = len(rows) - MOST_SAMPLES
        shown = table.iloc[rows[:MOST_SAMPLES]].to_dict("records")
        described.append(
            {
                "text": f"{len(rows):,} x {text or 'no reason given'}",
                "code": code,
                "samples": [_sample(row, dims) for row in shown],
                "more": f"and {left:,} more: run.failures lists each" if left > 0 else "",
            }
        )
    if len(ordered) > MOST_REASONS:
        rest = len(ordered) - MOST_REASONS
        described[-1]["more"] += f"; {rest:,} other reasons are in run.failures"
    return described


def _sample(row: dict[str, Any], dims: Sequence[str]) -> dict[str, str]:
    where = ", ".join(f"{name} {_text(row[name])}" for name in dims)
    times = int(row["attempts"])
    tries = f", after {times} attempts" if times > 1 else ""
    return {
        "title": f"{where}: {row['status']}{tries}",
        "values": ", ".join(
            f"{name} = {_text(value)}"
            for name, value in row.items()
            if name not in OWN and name not in dims
        ),
        "reason": str(row["reason"]),
        "log": str(row["log"]),
    }


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)


def failures_html(groups: Sequence[dict[str, Any]]) -> str:
    """Show them where there are no widgets; all text escaped."""
    if not groups:
        return ""
    parts = []
    for group in groups:
        samples = "".join(
            f"<li>{escape(s['title'])}<br><small>{escape(s['values'])}</small>"
            f"<br>{escape(s['reason'])}"
            + (f"<pre>{escape(s['log'])}</pre>" if s["log"] else "")
            + "</li>"
            for s in group["samples"]
        )
        more = f"<small>{escape(group['more'])}</small>" if group["more"] else ""
        parts.append(
            f"<details><summary>{escape(group['text'])}</summary><ul>{samples}</ul>{more}</details>"
        )
    return f"<div style='margin-top:6px'>Why samples failed:{''.join(parts)}</div>"
