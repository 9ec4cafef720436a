"""SPICE engines: deck text and settings in, vectors or a reason out."""

from spicelab_nb.engines.engine import Analysis, Deck, Engine, Outcome, Plot, Point, Status
from spicelab_nb.engines.finding import EngineInfo, available, find

__all__ = [
    "Analysis",
    "Deck",
    "Engine",
    "EngineInfo",
    "Outcome",
    "Plot",
    "Point",
    "Status",
    "available",
    "find",
]
