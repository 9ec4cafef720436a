"""What a notebook adds: magics, live views, and how our objects are displayed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spicelab_nb.jupyter.campaign_view import CampaignView as CampaignView
    from spicelab_nb.jupyter.cluster_panel import ClusterPanel as ClusterPanel
    from spicelab_nb.jupyter.extension import load as load
    from spicelab_nb.jupyter.extension import unload as unload
    from spicelab_nb.jupyter.preview_view import PreviewView as PreviewView

_HOMES = {
    "CampaignView": "campaign_view",
    "ClusterPanel": "cluster_panel",
    "PreviewView": "preview_view",
    "load": "extension",
    "unload": "extension",
}

__all__ = ["CampaignView", "ClusterPanel", "PreviewView", "load", "unload"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
