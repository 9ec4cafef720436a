"""A circuit with its measures as a simulator."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spicelab_nb.circuits import Circuit
from spicelab_nb.circuits.measures import Measure, function, restore
from spicelab_nb.engines import find
from spicelab_nb.errors import EngineError, MeasureError, nearest
from spicelab_nb.simulators.proof import method
from spicelab_nb.simulators.simulator import Output, Resources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spicelab_nb.sampling.design import ParameterSpace
    from spicelab_nb.simulators.session import CircuitSession

__all__ = ["CircuitSimulator"]

PATHS = ("alter", "load")


@dataclass(frozen=True, kw_only=True)
class CircuitSimulator:
    """A circuit with its measures, on one engine and one path, all of them decided.

    Parameters
    ----------
    circuit
        What is simulated.
    measures
        By name, each resolved to one analysis of the circuit.
    keep
        Signals whose waveforms are kept, lower case.
    engine, engine_version
        Which engine computes; a machine with another one refuses.
    path
        ``"alter"``: values are set in the loaded circuit; ``"load"``: each sample is loaded afresh.
    proof
        What the path was decided by, for people: which samples were compared, how they differed
        and because of what; see :class:`~.proof.Proof`. Not part of the identity.
    cpu_limit
        Processor seconds that one sample may take in the engine.
    resources
        What one sample needs.
    """

    circuit: Circuit
    measures: Mapping[str, Measure]
    keep: tuple[str, ...] = ()
    engine: str
    engine_version: str
    path: str
    proof: Mapping[str, Any] = field(default_factory=dict)
    cpu_limit: float = 60.0
    resources: Resources = field(default_factory=Resources)

    @property
    def space(self) -> ParameterSpace:
        """Every name in the circuit that can be set."""
        return self.circuit.parameters

    @property
    def outputs(self) -> Mapping[str, Output]:
        """The measures, with their units."""
        return {
            name: Output(unit=m.unit, long_name=m.long_name) for name, m in self.measures.items()
        }

    def describe(self) -> dict[str, Any]:
        """Circuit, engine, path, measures and kept signals; Python measures by source digest."""
        return {
            "kind": "circuit",
            "circuit": self.circuit.describe(),
            "digest": self.circuit.digest,
            "engine": {"name": self.engine, "version": self.engine_version},
            "path": self.path,
            "measures": {name: m.describe() for name, m in self.measures.items()},
            # In which order they were asked for changes nothing.
            "keep": sorted(self.keep),
            "cpu_limit": self.cpu_limit,
        }

    @property
    def method(self) -> str:
        """Who computes the samples and which way, as a sentence for people."""
        return method(self.describe(), self.proof)

    def inputs(self) -> Mapping[str, bytes]:
        """The netlist and the files it includes."""
        return self.circuit.inputs()

    @classmethod
    def restore(
        cls,
        description: Mapping[str, Any],
        inputs: Mapping[str, bytes],
        functions: Mapping[str, Measure] | None = None,
    ) -> CircuitSimulator:
        """Rebuild what `describe` described.

        Parameters
        ----------
        description, inputs
            As `describe` and `inputs` gave them.
        functions
            The measures that are Python functions, by name: their code is not in a store.

        Raises
        ------
        MeasureError
            A Python measure is missing from `functions`, or differs from the one recorded.
        """
        handed = dict(functions or {})
        unknown = set(handed) - set(description["measures"])
        if unknown:
            name = min(unknown)
            raise MeasureError(
                f"The plan has no measure {name!r}.{nearest(name, description['measures'])}"
            )
        measures = {
            name: _restore_measure(name, recorded, handed.get(name))
            for name, recorded in description["measures"].items()
        }
        return cls(
            circuit=Circuit.restore(description["circuit"], inputs),
            measures=measures,
            keep=tuple(description["keep"]),
            engine=description["engine"]["name"],
            engine_version=description["engine"]["version"],
            path=description["path"],
            cpu_limit=description["cpu_limit"],
        )

    def open(self) -> CircuitSession:
        """Start the engine.

        Raises
        ------
        EngineNotFoundError
            It is not installed on this machine.
        EngineError
            It is there in another version than the plan's.
        """
        from spicelab_nb.simulators.session import CircuitSession

        engine = find(self.engine)
        if engine.version != self.engine_version:
            engine.close()
            raise EngineError(
                f"The plan was made with {self.engine} {self.engine_version}, this machine has "
                f"{self.engine} {engine.version}: install the same version, or start a new "
                "campaign (another store) with the one that is here."
            )
        return CircuitSession(self, engine)


def _restore_measure(name: str, recorded: Mapping[str, Any], handed: Measure | None) -> Measure:
    if recorded.get("measure") != function.name:
        return restore(recorded)
    if handed is None:
        raise MeasureError(
            f"The measure {name!r} is the Python function {recorded['function']!r}, whose code is "
            f"not in the store: hand it over with measures={{{name!r}: ...}}."
        )
    if handed.describe() != dict(recorded):
        raise MeasureError(
            f"The measure {name!r} handed over is not the function {recorded['function']!r} that "
            "the run was planned with: its source, closure or defaults differ. Start a new "
            "campaign to use it."
        )
    return handed
