"""Which values: distributions, Monte Carlo, sweeps, corners."""

from __future__ import annotations

from spicelab_nb.sampling.continuous import LogNormal, Normal, Triangular, Uniform
from spicelab_nb.sampling.corners import Corners
from spicelab_nb.sampling.crossing import Crossed
from spicelab_nb.sampling.design import (
    BoundDesign,
    Column,
    Design,
    Dimension,
    ParameterSpace,
    Value,
)
from spicelab_nb.sampling.distribution import Distribution, restore_distribution
from spicelab_nb.sampling.montecarlo import MonteCarlo
from spicelab_nb.sampling.points import Points, restore
from spicelab_nb.sampling.rounding import quantise
from spicelab_nb.sampling.sweep import Sweep
from spicelab_nb.sampling.tabulated import Discrete, Empirical
from spicelab_nb.sampling.truncated import Truncated

__all__ = [
    "BoundDesign",
    "Column",
    "Corners",
    "Crossed",
    "Design",
    "Dimension",
    "Discrete",
    "Distribution",
    "Empirical",
    "LogNormal",
    "MonteCarlo",
    "Normal",
    "ParameterSpace",
    "Points",
    "Sweep",
    "Triangular",
    "Truncated",
    "Uniform",
    "Value",
    "quantise",
    "restore",
    "restore_distribution",
]
