"""What is simulated: netlist, parameters, analyses, measures."""

from spicelab_nb.circuits import measures as measure
from spicelab_nb.circuits.circuit import Circuit, CircuitNotice
from spicelab_nb.circuits.datasets import signal_unit, to_datasets
from spicelab_nb.circuits.numbers import parse_number, quantise, write_number
from spicelab_nb.circuits.parameters import Parameters
from spicelab_nb.circuits.setting import Setter

__all__ = [
    "Circuit",
    "CircuitNotice",
    "Parameters",
    "Setter",
    "measure",
    "parse_number",
    "quantise",
    "signal_unit",
    "to_datasets",
    "write_number",
]
