"""From what a person asks for to a simulator whose every choice is made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spicelab_nb.circuits.measures import as_measures, canonical_signal, deck
from spicelab_nb.engines import find
from spicelab_nb.errors import CampaignError, MeasureError, nearest, warn_caller
from spicelab_nb.simulators.circuit import CircuitSimulator
from spicelab_nb.simulators.effects import (
    IdleParameterWarning,
    check_effects,
    idle_parameters,
)
from spicelab_nb.simulators.function import FunctionSimulator
from spicelab_nb.simulators.proof import prove
from spicelab_nb.simulators.session import signals_needed, unread_analyses
from spicelab_nb.simulators.trial import check_start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from spicelab_nb.circuits import Circuit
    from spicelab_nb.circuits.measures import Measure
    from spicelab_nb.sampling.design import BoundDesign
    from spicelab_nb.simulators.simulator import Simulator

__all__ = ["prepare_circuit", "resolve_keep", "resolve_measures", "restore_simulator"]


def resolve_measures(circuit: Circuit, measures: Any) -> dict[str, Measure]:
    """Settle what is measured, and from which analysis.

    Parameters
    ----------
    circuit
        With its analyses.
    measures
        Mapping of names to measures or Python functions; None: the deck's own ``.meas`` lines.

    Raises
    ------
    MeasureError
        A measure fits no analysis, or several; or there is nothing to measure.
    """
    if not circuit.analyses:
        raise MeasureError(
            "The circuit has no analysis: put .op, .dc, .ac, .tran or .noise into the netlist, "
            'or give analyses=["ac dec 20 10 1e6"] to sl.Circuit.'
        )
    lines = circuit.deck().meas
    if measures is None:
        names = [line.split()[2].lower() for line in lines]
        return {name: deck(name) for name in names}
    if not hasattr(measures, "items"):
        raise MeasureError(
            'measures= is a mapping of names to measures: {"f3db": sl.measure.bandwidth("v(out)")}.'
        )
    resolved = {}
    for name, measure in as_measures(measures).items():
        if isinstance(measure, deck):
            measure.check(lines)
        resolved[str(name)] = measure.resolve(circuit.analyses)
    _check_signals(circuit, resolved)
    return resolved


def _check_signals(circuit: Circuit, measures: Mapping[str, Measure]) -> None:
    nodes = circuit.nodes
    for name, measure in measures.items():
        for signal in measure.signals:
            _check_node(signal, nodes, f"The measure {name!r}")


def resolve_keep(circuit: Circuit, keep: Sequence[str]) -> tuple[str, ...]:
    """Canonical names of the signals to keep, checked against the circuit's nodes."""
    if isinstance(keep, str):
        raise CampaignError(f"keep= is a list of signals: keep=[{keep!r}].")
    signals = tuple(dict.fromkeys(canonical_signal(s) for s in keep))
    nodes = circuit.nodes
    for signal in signals:
        if signal.startswith("v(") and "," in signal:
            one, other = (part.strip() for part in signal[2:-1].split(",", 1))
            raise CampaignError(
                f"keep= takes signals of the engine, not the difference {signal}: keep v({one}) "
                f"and v({other}). A measure may take the difference as it is."
            )
        _check_node(signal, nodes, "keep=")
    return signals


def _check_node(signal: str, nodes: frozenset[str], who: str) -> None:
    """Refuse a voltage of a node that the netlist does not have.

    Nodes inside subcircuits (``x1.n1``) are only known to the engine, which checks them again.
    """
    if not (signal.startswith("v(") and signal.endswith(")")):
        return
    for node in signal[2:-1].split(","):
        if "." not in node and node.strip() not in nodes and node.strip() != "0":
            raise MeasureError(
                f"{who} asks for {signal}, but the circuit has no node {node!r}."
                f"{nearest(node, nodes)}"
            )


def prepare_circuit(
    circuit: Circuit,
    *,
    measures: Mapping[str, Measure],
    keep: tuple[str, ...],
    design: BoundDesign,
    engine: str | None,
    cpu_limit: float,
    decided: Callable[[dict[str, Any]], Mapping[str, Any] | None],
) -> CircuitSimulator:
    """Choose engine and path.

    Parameters
    ----------
    circuit, measures, keep, design
        What is simulated, measured and kept, and where; all resolved.
    engine
        Its name; None: the best that is installed.
    cpu_limit
        Processor seconds a sample.
    decided
        Told the simulator's description without a path, gives the proof (at least its ``path``)
        of an earlier run of the same plan, or None: then it is proved now.

    Raises
    ------
    EngineNotFoundError
        The engine is not installed.
    SimulationError
        Nothing of it can be simulated.
    CircuitError
        The engine does not react to a parameter that varies: it does not know it.
    """
    found = find(engine)
    try:
        simulator = CircuitSimulator(
            circuit=circuit,
            measures=measures,
            keep=keep,
            engine=found.name,
            engine_version=found.version,
            path="load",
            cpu_limit=cpu_limit,
        )
        undecided = simulator.describe()
        del undecided["path"]
        before = decided(undecided)
        if before is not None:
            return replace(simulator, path=before["path"], proof=before)
        save = signals_needed(measures.values(), keep)
        check_start(circuit, design, found, save=save, cpu_limit=cpu_limit)
        if not found.alters:
            check_effects(circuit, design, found, cpu_limit=cpu_limit)
        proof = prove(
            circuit,
            design,
            found,
            save=save,
            cpu_limit=cpu_limit,
            measures=measures,
            unread=unread_analyses(circuit.analyses, measures.values(), keep),
        )
        idle = idle_parameters(circuit, design, found, cpu_limit=cpu_limit) if found.alters else ()
        for name in idle:
            warn_caller(
                f"Nothing in {circuit.name!r} depends on {name}: every signal is the same whatever "
                "it is. Is another parameter meant, or is it hidden by one of the same name?",
                IdleParameterWarning,
            )
        return replace(simulator, path=proof.path, proof={**proof.describe(), "idle": list(idle)})
    finally:
        found.close()


def restore_simulator(
    description: Mapping[str, Any],
    inputs: Mapping[str, bytes],
    *,
    measures: Mapping[str, Any] | None = None,
    simulator: Any = None,
) -> Simulator:
    """Rebuild a run's simulator from its plan.

    Parameters
    ----------
    description, inputs
        Those of the plan.
    measures
        The measures that are Python functions, by name.
    simulator
        The simulator, where it is a Python function or an object of one's own.

    Raises
    ------
    MeasureError, CampaignError
        Something that only Python code can give is missing, or is not what the plan recorded.
    """
    if description.get("kind") == "circuit":
        if simulator is not None:
            raise CampaignError("This run simulates a circuit, which is in its store.")
        return CircuitSimulator.restore(description, inputs, as_measures(measures or {}))
    recorded = description.get("function", {}).get("name", description.get("kind", "?"))
    if simulator is None:
        raise CampaignError(
            f"This run simulates {recorded!r}, whose code is not in its store: "
            "hand it over with simulator=..."
        )
    if measures:
        raise CampaignError("Only measures of a circuit are handed over by measures=.")
    chosen = simulator
    if not (hasattr(simulator, "open") and hasattr(simulator, "describe")):
        chosen = FunctionSimulator.declared_as(simulator, description.get("measures", {}))
    if chosen.describe() != dict(description):
        raise CampaignError(
            f"The simulator handed over is not the {recorded!r} that the run was planned with: "
            "its source, closure or defaults differ. Start a new campaign to use it."
        )
    return chosen  # type: ignore[no-any-return]
