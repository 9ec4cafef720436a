"""A preview as text, as static HTML, and its Pareto front as a figure."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from spicelab_nb.cost.wording import round_text, span_text, time_text
from spicelab_nb.cost.workload import Interruptions

if TYPE_CHECKING:
    from spicelab_nb.cost.preview import Preview, Row

__all__ = ["as_html", "as_text", "pareto_svg", "row_texts"]

HEADER = ("place", "workers", "time", "cost", "efficiency", "limited by")

_BLUE, _RED, _GREY = "#3b6ea5", "#c0392b", "#7f8c8d"


def row_texts(row: Row) -> tuple[str, str, str, str, str, str]:
    """Cells of one row, as in `HEADER`."""
    time = row.time_s
    return (
        row.label,
        str(row.workers),
        span_text(time.mean, time.lower, time.upper),
        cost_text(row),
        f"{100 * row.estimate.efficiency:.0f} %",
        row.estimate.limited_by,
    )


def cost_text(row: Row) -> str:
    """The cost of one row with its interval; "nothing", or "not known"."""
    cost = row.cost
    if cost is None:
        return "not known" if not row.place.priced else "never ends"
    mean, low, high = cost
    if not high:
        return "nothing"
    return f"{mean} ({str(low).split()[0]} to {str(high).split()[0]})"


def heading(preview: Preview) -> str:
    """What is previewed, one line."""
    done = preview.total - preview.left
    if preview.left == 0:
        return (
            f"{preview.name}: all {preview.total:,} samples are computed; nothing is left to pay."
        )
    so_far = f"; {done:,} are there already" if done else ""
    paid = f" Spent so far: {preview.spent}." if preview.spent else ""
    return (
        f"{preview.name}: {preview.left:,} of {preview.total:,} samples to compute{so_far}.{paid}"
    )


def notes(preview: Preview) -> list[str]:
    """What stands below the table."""
    found = []
    if preview.rows:
        found.append(
            "* no other place is both faster and cheaper. "
            "Intervals are meant to hold 9 times in 10."
        )
    if preview.deadline_s is not None and not any(row.fits for row in preview.rows):
        found.append(f"No place is done within {time_text(preview.deadline_s)} nine times in ten.")
    elif preview.budget is not None and not any(row.fits for row in preview.rows):
        found.append(f"No place stays within {preview.budget} nine times in ten.")
    if any(row.spot for row in preview.rows):
        assumed = Interruptions()
        found.append(
            f"Spot: {assumed.rate_per_h:g} interruptions of a worker an hour are assumed, and "
            f"{round_text(assumed.restart_s)} until its chunk begins again."
        )
    return [*found, *preview.notes]


def as_text(preview: Preview) -> str:
    """The table for a terminal."""
    lines = [heading(preview)]
    if preview.left == 0:
        return lines[0]
    lines.append(preview.problem or preview.basis)
    cells = [("", *HEADER)]
    cells += [
        ("-" if not row.fits else "*" if row.pareto else "", *row_texts(row))
        for row in preview.rows
    ]
    if len(cells) > 1:
        widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
        right = {2, 5}
        lines += [
            "  ".join(
                text.rjust(width) if i in right else text.ljust(width)
                for i, (text, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in cells
        ]
    said = notes(preview)
    if any(row.fits for row in preview.rows) and not all(row.fits for row in preview.rows):
        said.insert(1, "- not within the deadline or the budget nine times in ten.")
    return "\n".join([*lines, *said])


def as_html(preview: Preview) -> str:
    """The table and the figure: no script, no style sheet, all text escaped."""
    parts = [f"<div><b>{escape(heading(preview))}</b></div>"]
    if preview.left == 0:
        return parts[0]
    parts.append(f"<div>{escape(preview.problem or preview.basis)}</div>")
    if preview.rows:
        left = "style='text-align:left'"
        head = "".join(f"<th scope='col' {left}>{escape(t)}</th>" for t in ("", *HEADER))
        body = "".join(_html_row(row) for row in preview.rows)
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
        parts.append(pareto_svg(preview))
    parts += [f"<div><small>{escape(text)}</small></div>" for text in notes(preview)]
    return "".join(parts)


def _html_row(row: Row) -> str:
    faded = "" if row.fits else " style='opacity:.5'"
    cells = "".join(f"<td style='text-align:left'>{escape(t)}</td>" for t in row_texts(row))
    return f"<tr{faded}><td>{'*' if row.pareto else ''}</td>{cells}</tr>"


def pareto_svg(preview: Preview) -> str:
    """Time against cost of every candidate, the front as a line; "" without candidates."""
    from spicelab_nb.explorer.drawing import Drawing

    known = [row for row in preview.candidates if row.place.priced and row.cost is not None]
    if not known:
        return ""
    front = preview.front
    scale, unit = _time_unit(max(row.time_s.mean for row in known))
    times = [row.time_s.mean / scale for row in known]
    costs = [row.estimate.cost_usd.mean for row in known]
    # Beyond twice the dearest one worth a look there is nothing to choose.
    top = max([2 * row.estimate.cost_usd.mean for row in front] + [1e-4])
    shown = [(t, c) for t, c in zip(times, costs, strict=True) if c <= top]
    drawing = Drawing(
        (min(times), max(t for t, _ in shown)),
        (0.0, max(c for _, c in shown) or 1e-4),
        x_label=f"time ({unit})",
        y_label="cost (USD)",
        title=f"{preview.name}: time against cost\n"
        "blue: every machine type and number of workers; red: nothing is both faster and cheaper",
        log_x=True,
        height=300,
    )
    drawing.dots([t for t, _ in shown], [c for _, c in shown], _BLUE)
    ends = [(row.time_s.mean / scale, row.estimate.cost_usd.mean) for row in front]
    drawing.line([t for t, _ in ends], [c for _, c in ends], _RED)
    drawing.dots([t for t, _ in ends], [c for _, c in ends], _RED)
    return (
        "<div style='display:inline-block;background:#fff;color:#222;font:12px sans-serif'>"
        f"{drawing.svg()}</div>"
    )


def _time_unit(longest: float) -> tuple[float, str]:
    for scale, unit in ((86400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if longest >= 2 * scale:
            return scale, unit
    return 1.0, "s"
