"""The live clusters as a table: text, static HTML, and what the panel shows."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from spicelab_nb import clusters
from spicelab_nb.cost.money import Money
from spicelab_nb.jupyter.cluster_actions import owned

if TYPE_CHECKING:
    from spicelab_nb.clusters import Record

__all__ = ["ClusterTable", "describe_cluster"]

HEADER = ("", "name", "kind", "state", "workers", "cores", "memory", "costs", "campaigns")


def describe_cluster(record: Record, *, current: bool) -> dict[str, Any]:
    """Give what is shown of a cluster, as JSON."""
    link = record.dashboard or ""
    return {
        "id": record.id,
        "name": record.name,
        "kind": record.kind,
        "state": record.state,
        "workers": record.workers,
        "cores": record.cores,
        "memory": f"{record.memory / 1e9:.1f} GB" if record.memory else "no limit",
        "costs": _costs(record),
        "campaigns": [
            f"{name}: {entry.get('done') or 0:,} of {entry.get('total') or 0:,}, "
            f"{entry.get('state')}"
            for name, entry in record.campaigns.items()
        ],
        # Nothing but a web address may become a link.
        "dashboard": link if link.startswith(("http://", "https://")) else "",
        "problem": record.problem,
        "current": current,
        "mine": owned(record),
        "owner": f"process {record.owner} on {record.host}",
        "scalable": record.kind not in ("serial", "address"),
    }


def _costs(record: Record) -> str:
    """What it has cost so far, and costs an hour."""
    if record.price_per_hour is None:
        return "not known"
    if not record.price_per_hour and not record.spent:
        return "nothing"
    return f"{Money(record.spent)} so far, {Money(record.price_per_hour)} an hour"


@dataclass(frozen=True)
class ClusterTable:
    """Every live cluster of this user at one moment.

    Parameters
    ----------
    clusters
        As `describe_cluster` gives them.
    """

    clusters: tuple[dict[str, Any], ...]

    @classmethod
    def now(cls) -> ClusterTable:
        """Look at the registry."""
        chosen = clusters.current()
        return cls(
            tuple(
                describe_cluster(record, current=chosen is not None and chosen.id == record.id)
                for record in clusters.list_clusters()
            )
        )

    def rows(self) -> list[tuple[str, ...]]:
        """Cells as text."""
        return [
            (
                "*" if c["current"] else "",
                c["name"],
                c["kind"],
                c["state"],
                str(c["workers"]),
                str(c["cores"]),
                c["memory"],
                c["costs"],
                "; ".join(c["campaigns"]) or "-",
            )
            for c in self.clusters
        ]

    def __repr__(self) -> str:
        if not self.clusters:
            return "No cluster is running. Start one: %spicelab_cluster local --workers 2"
        lines = [HEADER, *self.rows()]
        widths = [max(len(line[i]) for line in lines) for i in range(len(HEADER))]
        return "\n".join(
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    def _repr_html_(self) -> str:
        if not self.clusters:
            return f"<p>{escape(repr(self))}</p>"
        left = "style='text-align:left'"
        head = "".join(f"<th scope='col' {left}>{escape(text)}</th>" for text in HEADER)
        body = "".join(
            "<tr>" + "".join(f"<td {left}>{escape(text)}</td>" for text in row) + "</tr>"
            for row in self.rows()
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
