"""What the sidebar is told of clusters."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from spicelab_nb.clusters import registry

if TYPE_CHECKING:
    from spicelab_nb.clusters.record import Record

__all__ = ["describe", "listing"]


def describe(record: Record) -> dict[str, Any]:
    """One cluster as JSON: the record's fields, and what a person can do with it."""
    link = record.dashboard or ""
    return {
        **asdict(record),
        # Nothing but a web address may become a link.
        "dashboard": link if link.startswith(("http://", "https://")) else "",
        "scalable": record.kind not in ("serial", "address"),
    }


def listing() -> dict[str, Any]:
    """Live clusters, orphans and files that are no records.

    What dead owners left behind on this machine is removed first: their workers ended with them.
    """
    registry.reap()
    return {
        "clusters": [describe(record) for record in registry.list_clusters()],
        "orphans": [describe(record) for record in registry.orphans()],
        "unreadable": [
            {"file": path.name, "why": why} for path, why in registry.unreadable().items()
        ],
    }
