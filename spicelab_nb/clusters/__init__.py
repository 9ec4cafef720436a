"""Where chunks run, and the registry of live clusters."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spicelab_nb.clusters.kind import ClusterKind as ClusterKind
    from spicelab_nb.clusters.kind import Condition as Condition
    from spicelab_nb.clusters.kind import known_kinds as known_kinds
    from spicelab_nb.clusters.live import cluster as cluster
    from spicelab_nb.clusters.live import current as current
    from spicelab_nb.clusters.live import get as get
    from spicelab_nb.clusters.live import set_current as set_current
    from spicelab_nb.clusters.record import Record as Record
    from spicelab_nb.clusters.registry import list_clusters as list_clusters
    from spicelab_nb.clusters.registry import prune as prune
    from spicelab_nb.clusters.registry import request_scale as request_scale
    from spicelab_nb.clusters.registry import request_stop as request_stop
    from spicelab_nb.clusters.registry import unreadable as unreadable
    from spicelab_nb.clusters.running import Cluster as Cluster

_HOMES = {
    "Cluster": "running",
    "ClusterKind": "kind",
    "Condition": "kind",
    "Record": "record",
    "cluster": "live",
    "current": "live",
    "get": "live",
    "known_kinds": "kind",
    "list_clusters": "registry",
    "prune": "registry",
    "request_scale": "registry",
    "request_stop": "registry",
    "set_current": "live",
    "unreadable": "registry",
}

__all__ = [
    "Cluster",
    "ClusterKind",
    "Condition",
    "Record",
    "cluster",
    "current",
    "get",
    "known_kinds",
    "list_clusters",
    "prune",
    "request_scale",
    "request_stop",
    "set_current",
    "unreadable",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
