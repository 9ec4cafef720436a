"""What the magic and the panel do with clusters, whether this kernel owns them or another does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from spicelab_nb import clusters
from spicelab_nb.clusters.record import hostname
from spicelab_nb.errors import ClusterError, ClusterNotFoundError, nearest

if TYPE_CHECKING:
    from spicelab_nb.clusters import Record

__all__ = ["find", "owned", "scale", "start", "stop", "stop_all"]


def find(name: str) -> Record:
    """The record of a live cluster, by its name or id.

    Raises
    ------
    ClusterNotFoundError
        There is none.
    """
    records = clusters.list_clusters()
    for record in records:
        if name in (record.id, record.name):
            return record
    hint = nearest(name, [record.name for record in records]) or " None is running."
    raise ClusterNotFoundError(f"There is no live cluster called {name!r}.{hint}")


def owned(record: Record) -> bool:
    """Whether this process started it."""
    return record.owner == os.getpid() and record.host == hostname()


def start(kind: str, *arguments: str, **options: Any) -> Any:
    """Start a cluster and make it the current one; gives the cluster.

    Parameters
    ----------
    kind
        As in ``sl.cluster``.
    arguments
        For ``address`` the scheduler's address; other kinds take none.
    options
        Those that are not None are handed on.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if kind == "address" and len(arguments) == 1:
        given["address"] = arguments[0]
    elif arguments:
        raise ClusterError(
            f"{' '.join(arguments)!r} means nothing to a cluster of kind {kind!r}. Options have "
            "names: %spicelab_cluster local --workers 2"
        )
    return clusters.cluster(kind, **given)


def scale(name: str, workers: int) -> str:
    """Ask for another number of workers; says what happens."""
    record = find(name)
    if owned(record):
        clusters.get(record.id).scale(workers)
    else:
        clusters.request_scale(record.id, workers)
    return f"Cluster {record.name!r} is going to have {workers} workers."


def stop(name: str) -> str:
    """Stop a cluster, or ask its owner to; says which."""
    record = find(name)
    if owned(record):
        clusters.get(record.id).close()
        return f"Cluster {record.name!r} is stopped."
    clusters.request_stop(record.id)
    return f"Cluster {record.name!r} is asked to stop: process {record.owner} owns it."


def stop_all() -> str:
    """Stop every live cluster of this user, those of other notebooks too; says what happened."""
    said = []
    for record in clusters.list_clusters():
        try:
            said.append(stop(record.id))
        except ClusterNotFoundError:
            said.append(f"Cluster {record.name!r} ended meanwhile.")
        except ClusterError as error:  # the others are stopped all the same
            said.append(f"Cluster {record.name!r} is not stopped: {error}")
    return "\n".join(said) or "There is no cluster to stop."
