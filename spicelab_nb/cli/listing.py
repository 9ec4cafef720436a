"""Live clusters as a table, and clearing away what dead ones left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from spicelab_nb import clusters

if TYPE_CHECKING:
    from rich.console import Console

    from spicelab_nb.clusters import Record

__all__ = ["prune_clusters", "show_clusters"]


def show_clusters(console: Console) -> int:
    """Print this user's live clusters, whoever started them; 0."""
    from rich.table import Table
    from rich.text import Text

    records = clusters.list_clusters()
    if not records:
        console.print('No live cluster. One is started with sl.cluster("local").')
    else:
        table = Table("name", "kind", "state", "workers", "campaigns", "owner", "age", box=None)
        now = time.time()
        for record in records:
            # Text: names are other people's, brackets in them are no markup.
            table.add_row(*(Text(cell) for cell in _cells(record, now)))
        console.print(table)
    for path, problem in clusters.unreadable().items():
        console.print(f"{path} cannot be read: {problem}", style="yellow", markup=False)
    return 0


def _cells(record: Record, now: float) -> list[str]:
    from spicelab_nb.campaigns.progress import duration

    campaigns = [
        f"{name} {entry.get('done')}/{entry.get('total')}"
        for name, entry in record.campaigns.items()
    ]
    return [
        record.name,
        record.kind,
        record.state + (f": {record.problem}" if record.problem else ""),
        f"{record.workers} ({record.cores} cores)",
        ", ".join(campaigns) or "-",
        f"process {record.owner} on {record.host}",
        duration(now - record.started),
    ]


def prune_clusters(console: Console) -> int:
    """Remove records whose owner is gone and print their names; 0."""
    removed = clusters.prune()
    for name in removed:
        console.print(f"removed {name}", markup=False)
    if not removed:
        console.print("Nothing to remove.")
    return 0
