"""Who computes one sample: a circuit with its measures, or any Python function."""

from spicelab_nb.simulators.circuit import CircuitSimulator
from spicelab_nb.simulators.effects import IdleParameterWarning
from spicelab_nb.simulators.function import FunctionSimulator
from spicelab_nb.simulators.planning import (
    prepare_circuit,
    resolve_keep,
    resolve_measures,
    restore_simulator,
)
from spicelab_nb.simulators.proof import method
from spicelab_nb.simulators.simulator import Resources, Simulator

__all__ = [
    "CircuitSimulator",
    "FunctionSimulator",
    "IdleParameterWarning",
    "Resources",
    "Simulator",
    "method",
    "prepare_circuit",
    "resolve_keep",
    "resolve_measures",
    "restore_simulator",
]
