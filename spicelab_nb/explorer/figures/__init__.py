"""Figures for a notebook: functions from a dataset to a HoloViews object."""

from __future__ import annotations

from spicelab_nb.explorer.figures.corners import corners
from spicelab_nb.explorer.figures.histogram import histogram
from spicelab_nb.explorer.figures.parallel import parallel
from spicelab_nb.explorer.figures.scatter import scatter
from spicelab_nb.explorer.figures.surface import surface
from spicelab_nb.explorer.figures.tornado import tornado
from spicelab_nb.explorer.figures.waveforms import bode, waveforms

__all__ = [
    "bode",
    "corners",
    "histogram",
    "parallel",
    "scatter",
    "surface",
    "tornado",
    "waveforms",
]
