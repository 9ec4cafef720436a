"""What the view of a run shows, as plain JSON, and as static HTML where there are no widgets."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.campaigns.progress import Progress, duration
from spicelab_nb.cost.money import Money
from spicelab_nb.results.histogram import Histogram, histogram
from spicelab_nb.results.quantities import axis_scale, quantity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spicelab_nb.campaigns import Run
    from spicelab_nb.results.spec import Spec

__all__ = ["describe_histogram", "describe_progress", "measure_units", "static_html"]

STATES = {
    "waiting": "Waiting for workers",
    "running": "Running",
    "done": "Done",
    "cancelled": "Cancelled",
    "failed": "Stopped by an error",
    "partial": "Partly done",
    "stopped: budget": "Stopped: the budget is used up",
}
UNFINISHED = ("cancelled", "failed", "partial")


def describe_progress(
    name: str,
    progress: Progress,
    *,
    cancelling: bool = False,
    trouble: str = "",
    method: str = "",
    foreseen: str | None = None,
) -> dict[str, Any]:
    """Give what is shown of a snapshot. Texts are rounded, so that equal looks are equal.

    Parameters
    ----------
    name
        Of the run.
    progress
        The snapshot.
    cancelling
        Whether cancelling was asked for and has not ended the run yet.
    trouble
        What went wrong in the view itself.
    method
        Which engine computes, and which way.
    foreseen
        What the preview said of it; None where there was none.
    """
    p = progress
    going = p.state in ("waiting", "running")
    facts = [["Done", f"{p.done:,} of {p.total:,}"], ["Failed", f"{p.failed:,}"]]
    if p.retried:
        facts.append(["Handed out again", f"{p.retried:,} chunks"])
    if p.state == "running":
        facts += [["Rate", _rate(p.rate)], ["Time left", duration(p.eta)]]
    if going or p.elapsed >= 1:
        facts.append(["Elapsed", duration(p.elapsed)])
    if p.spent:
        facts.append(["Spent", str(Money(p.spent))])
    if foreseen is not None:
        facts.append(["Preview", foreseen])
    label = STATES.get(p.state, p.state)
    if going and cancelling:
        label = "Cancelling"
    elif p.state == "running" and p.done == p.total:
        label = "Gathering the results"
    return {
        "name": name,
        "state": p.state,
        "label": label,
        "total": p.total,
        "done": p.done,
        "failed": p.failed,
        # Never "100 %" before the last sample is there.
        "percent": math.floor(100 * p.done / p.total) if p.total else 100,
        "facts": facts,
        "yield": _yield(p),
        "note": trouble or p.error or p.notice,
        "method": method,
        "going": going,
        "cancelling": going and cancelling,
        "resumable": p.state in UNFINISHED and p.done < p.total,
    }


def _rate(rate: float) -> str:
    if not math.isfinite(rate):
        return "?"
    if rate >= 100:
        return f"{rate:,.0f}/s"
    return f"{rate:.2g}/s" if rate >= 1 else f"{60 * rate:.2g}/min"


def _yield(p: Progress) -> dict[str, Any] | None:
    y = p.running_yield
    if y is None:
        return None
    basis = f"95 % interval, the first {y.samples + y.failed:,} samples"
    if y.failed:
        # Bounds: all of the failed ones would have been bad, or all good.
        good, everything = round(y.value * y.samples), y.samples + y.failed
        basis += (
            f"; {y.failed:,} failed ones left out: {_share(good / everything)} "
            f"to {_share((good + y.failed) / everything)} had they all been bad or all good"
        )
    return {
        "text": _share(y.value),
        "interval": f"{_share(y.low)} to {_share(y.high)}",
        "basis": basis,
        "value": round(y.value, 4),
        "low": round(y.low, 4),
        "high": round(y.high, 4),
    }


def _share(fraction: float) -> str:
    """In percent; 100 % only where it is all of them."""
    digits = math.floor(1000 * fraction) if fraction > 0.5 else math.ceil(1000 * fraction)
    return f"{digits / 10:.1f} %"


def measure_units(run: Run) -> dict[str, str]:
    """Units of the measures: as planned, as simulating told, or else as their specs say."""
    planned = run.plan.simulator.get("measures")
    units = {name: spec.unit for name, spec in run.specs.items() if spec.unit}
    if isinstance(planned, dict):
        described = {k: v.get("unit") for k, v in planned.items() if isinstance(v, dict)}
        units.update({k: str(unit) for k, unit in described.items() if unit})
    units.update({k: unit for k, unit in run.live.units.items() if unit})
    return units


def describe_histogram(
    name: str,
    values: NDArray[np.float64],
    *,
    spec: Spec | None,
    unit: str = "",
    bins: Histogram | None = None,
) -> tuple[dict[str, Any], Histogram]:
    """Give a histogram as a drawing in a square of side 1, and its bins.

    Parameters
    ----------
    name, unit
        Of the measure.
    values
        ``(n,)`` float64, NaN where there is no value.
    spec
        Its limits are drawn, and bins with values beyond them marked.
    bins
        To count in the edges of an earlier histogram; None: choose them.

    Returns
    -------
    drawing : dict
        ``bars`` [left, right, height, beyond], ``ticks`` [x, text], ``limits`` [x, text], texts.
    bins : Histogram
        For the next call.
    """
    low, high = (spec.min, spec.max) if spec is not None else (None, None)
    edges = histogram(values, low=low, high=high).edges if bins is None else bins.edges
    fresh = Histogram(edges=edges, counts=np.zeros(len(edges) - 1, dtype=np.int64))
    bins = fresh.add(values)
    width = float(edges[-1] - edges[0])
    at = (edges - edges[0]) / width
    # By the values in a bin: one that lies on the upper limit keeps it, and is in the bin above.
    failing = values[:0] if spec is None else values[~spec.passes(values)]
    beyond = fresh.add(failing).counts > 0
    peak = int(bins.counts.max())
    heights = bins.counts / max(peak, 1)
    bars = [
        [round(float(at[i]), 4), round(float(at[i + 1]), 4), round(float(heights[i]), 4), bool(b)]
        for i, b in enumerate(beyond)
        if bins.counts[i]
    ]
    scale, shown_unit = axis_scale(float(np.abs(edges).max()), unit)
    ticks = [
        [round((t / scale - float(edges[0])) / width, 4), f"{t:.6g}"]
        for t in _ticks(float(edges[0]) * scale, float(edges[-1]) * scale)
    ]
    limits = [
        [round((limit - float(edges[0])) / width, 4), f"{side} {quantity(limit, unit)}"]
        for side, limit in (("min", low), ("max", high))
        if limit is not None and edges[0] <= limit <= edges[-1]
    ]
    counted = bins.total - bins.n_nan
    bad = counted - int(spec.passes(values).sum()) if spec is not None else 0
    hints = [f"{counted:,} values"]
    for count, where in ((bins.below, "below the range"), (bins.above, "above the range")):
        if count:
            hints.append(f"{count:,} {where}")
    if spec is not None:
        hints.append(f"{bad:,} beyond the spec")
    if bins.n_nan:
        hints.append(f"{bins.n_nan:,} without a value")
    drawing = {
        "measure": name,
        "axis": f"{name} ({shown_unit})" if shown_unit else name,
        "bars": bars,
        "ticks": ticks,
        "limits": limits,
        "peak": f"{peak:,}",
        "hint": ", ".join(hints),
        "label": f"Histogram of {name} from {quantity(float(edges[0]), unit)} to "
        f"{quantity(float(edges[-1]), unit)}: {', '.join(hints)}",
    }
    return drawing, bins


def _ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from `low` to `high`."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(n * power for n in (1, 2, 2.5, 5, 10) if n * power >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{k * step:.12g}") for k in range(first, last + 1)]


# ---- static HTML ------------------------------------------------------------------------------

_INK = "var(--jp-ui-font-color1, currentColor)"
_GOOD = "var(--jp-brand-color1, #1976d2)"
_BAD = "var(--jp-error-color1, #d32f2f)"
_LINE = "var(--jp-border-color1, #9e9e9e)"


def static_html(state: dict[str, Any], histograms: list[dict[str, Any]]) -> str:
    """Show the state where there are no widgets; no script, no style sheet, all text escaped."""
    facts = " &middot; ".join(
        f"{escape(label)} <b>{escape(text)}</b>" for label, text in state["facts"]
    )
    total = max(state["total"], 1)
    ok, failed = (
        100 * (state["done"] - state["failed"]) / total,
        100 * state["failed"] / total,
    )
    parts = [
        f"<div style='max-width:44em;color:{_INK}'>"
        f"<div><b>{escape(state['name'])}</b>: {escape(state['label'])}</div>"
        f"<div role='progressbar' aria-valuemin='0' aria-valuemax='{state['total']}' "
        f"aria-valuenow='{state['done']}' aria-label='{escape(state['name'], quote=True)}' "
        f"style='display:flex;height:8px;margin:4px 0;border:1px solid {_LINE}'>"
        f"<div style='width:{ok:.2f}%;background:{_GOOD}'></div>"
        f"<div style='width:{failed:.2f}%;background:{_BAD}'></div></div>"
        f"<div>{facts}</div>"
    ]
    y = state["yield"]
    if y is not None:
        parts.append(
            f"<div>Yield <b>{escape(y['text'])}</b>, {escape(y['interval'])} "
            f"<small>({escape(y['basis'])})</small></div>"
        )
    if state.get("method"):
        parts.append(f"<div><small>{escape(state['method'])}</small></div>")
    if state["note"]:
        parts.append(f"<div style='color:{_BAD}'>{escape(state['note'])}</div>")
    parts += [_figure(h) for h in histograms]
    return "".join(parts) + "</div>"


def _figure(h: dict[str, Any]) -> str:
    """One histogram as inline SVG."""
    left, width, top, height = 8, 384, 16, 90
    base = top + height
    shapes = [
        f"<rect x='{left + width * x0:.1f}' y='{base - height * y:.1f}' "
        f"width='{max(width * (x1 - x0) - 0.6, 0.4):.1f}' height='{height * y:.1f}' "
        f"fill='{_BAD if beyond else _GOOD}'/>"
        for x0, x1, y, beyond in h["bars"]
    ]
    shapes.append(f"<path d='M{left} {base}h{width}' stroke='{_LINE}'/>")
    for x, text in h["limits"]:
        side = "end" if x > 0.5 else "start"
        shapes.append(
            f"<path d='M{left + width * x:.1f} {top - 4}V{base}' stroke='{_BAD}' "
            "stroke-dasharray='4 3'/>"
            f"<text x='{left + width * x:.1f}' y='{top - 6}' text-anchor='{side}' "
            f"fill='{_BAD}'>{escape(text)}</text>"
        )
    shapes += [
        f"<text x='{left + width * x:.1f}' y='{base + 13}' text-anchor='middle' "
        f"fill='{_INK}'>{escape(text)}</text>"
        for x, text in h["ticks"]
    ]
    return (
        f"<div style='margin-top:6px'>{escape(h['axis'])} "
        f"<small>({escape(h['hint'])})</small><br>"
        f"<svg role='img' aria-label='{escape(h['label'], quote=True)}' width='400' height='124' "
        "viewBox='0 0 400 124' font-size='11' font-family='sans-serif'>"
        f"{''.join(shapes)}</svg></div>"
    )
