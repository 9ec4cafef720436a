"""How a cluster looks, as text and as static HTML."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from spicelab_nb.cost.money import Money

if TYPE_CHECKING:
    from spicelab_nb.clusters.record import Record

__all__ = ["as_html", "as_text"]


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count else "no limit"


def _price(record: Record) -> str:
    if record.price_per_hour is None:
        return "not known"
    if not record.price_per_hour and not record.spent:
        return "nothing"
    return f"{Money(record.price_per_hour)} an hour; {Money(record.spent)} so far"


def as_text(record: Record) -> str:
    """One line."""
    parts = [
        f"{record.name!r}",
        record.kind,
        record.state,
        f"workers={record.workers}",
        f"cores={record.cores}",
    ]
    if record.memory:
        parts.append(f"memory={_size(record.memory)}")
    if record.dashboard:
        parts.append(f"dashboard={record.dashboard}")
    if record.problem:
        parts.append(f"problem={record.problem!r}")
    return f"<Cluster {' '.join(parts)}>"


def as_html(record: Record) -> str:
    """Make a small table; everything in it is escaped."""
    rows = {
        "kind": record.kind,
        "state": record.state,
        "workers": str(record.workers),
        "cores": str(record.cores),
        "memory": _size(record.memory),
        "costs": _price(record),
    }
    if record.address:
        rows["scheduler"] = record.address
    if record.problem:
        rows["problem"] = record.problem
    for name, entry in record.campaigns.items():
        rows[f"campaign {name}"] = f"{entry.get('done')} of {entry.get('total')}, " + str(
            entry.get("state")
        )
    cells = "".join(
        f"<tr><th scope='row' style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left'>{escape(value)}</td></tr>"
        for name, value in rows.items()
    )
    if record.dashboard and record.dashboard.startswith(("http://", "https://", "/")):
        link = escape(record.dashboard, quote=True)
        cells += (
            "<tr><th scope='row' style='text-align:left'>dashboard</th>"
            f"<td style='text-align:left'><a href='{link}' target='_blank' rel='noopener'>"
            f"{link}</a></td></tr>"
        )
    caption = f"<caption style='text-align:left'>Cluster <b>{escape(record.name)}</b></caption>"
    return f"<table>{caption}<tbody>{cells}</tbody></table>"
