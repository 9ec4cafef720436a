"""A circuit on a warm engine: batches of values in, measures and kept waveforms out."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.circuits.datasets import axis_label, signal_unit, to_datasets
from spicelab_nb.circuits.measures.meas import Deck as DeckMeasure
from spicelab_nb.circuits.measures.python import Function
from spicelab_nb.engines import find
from spicelab_nb.engines.engine import Analysis, Deck, Engine, Outcome, Point, Status
from spicelab_nb.engines.stack import stacks
from spicelab_nb.errors import MeasureError
from spicelab_nb.simulators.function import last_lines
from spicelab_nb.simulators.grid import time_grid
from spicelab_nb.simulators.simulator import Axis, Batch, Failure, Wave

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from spicelab_nb.circuits import Circuit
    from spicelab_nb.circuits.measures import Measure
    from spicelab_nb.engines.engine import Plot
    from spicelab_nb.sampling.design import Value
    from spicelab_nb.simulators.circuit import CircuitSimulator

__all__ = ["CircuitSession", "Feeder", "engine_seed", "signals_needed", "unread_analyses"]

WARM_DECKS = 3
"""How many decks (corners by ``.lib`` section) keep an engine process of their own."""


def signals_needed(measures: Iterable[Measure], keep: Sequence[str]) -> tuple[str, ...]:
    """Signals that the engine has to return; () for all of them.

    All are needed where a Python function may ask for any, or where a ``.meas`` line of the deck
    is computed by the engine from signals that only it knows; and for noise, whose signals other
    analyses of the deck do not have.
    """
    needed = set(keep)
    for measure in measures:
        if isinstance(measure, Function | DeckMeasure):
            return ()
        needed.update(measure.signals)
    if any(s.startswith(("inoise", "onoise")) for s in needed):
        return ()
    return tuple(sorted(needed))


def unread_analyses(
    analyses: Sequence[Analysis], measures: Iterable[Measure], keep: Sequence[str]
) -> frozenset[str]:
    """Names of the operating points that nothing is read from, and that are computed anyway.

    An ``.ac`` or ``.noise`` begins by computing the very operating point of an ``.op``, and fails
    where that fails: then the ``.op`` is run for those who look at it only.

    Parameters
    ----------
    analyses
        Those of the circuit.
    measures
        Resolved to them.
    keep
        Signals to keep; they are kept of every analysis.
    """
    read: set[str] = set()
    for measure in measures:
        if isinstance(measure, Function) or (
            isinstance(measure, DeckMeasure) or measure.analysis is None
        ):
            return frozenset()
        read.add(measure.analysis)
    if keep or not any(a.kind in {"ac", "noise"} for a in analyses):
        return frozenset()
    return frozenset(a.name for a in analyses if a.kind == "op") - read


def engine_seed(seed: np.uint64) -> int:
    """Give the positive 31-bit integer that ngspice's ``setseed`` takes, for a point's seed."""
    return int(seed % np.uint64(2**31 - 1)) + 1


class Feeder:
    """Turns parameter values into what an engine is given.

    Parameters
    ----------
    circuit
        The circuit, at its nominal values.
    names
        Parameters that vary.
    save
        Signals to return.
    path
        ``"alter"``: what cannot be altered (a section) chooses the deck, the rest is altered in it.
        ``"load"``: each point has a deck of its own.
    unread
        Names of analyses that are not run.
    """

    def __init__(
        self,
        circuit: Circuit,
        names: Sequence[str],
        *,
        save: tuple[str, ...],
        path: str,
        unread: frozenset[str] = frozenset(),
    ) -> None:
        self._circuit = circuit
        self._save = save
        self._unread = unread
        alters = path == "alter"
        self.altered = tuple(n for n in names if alters and circuit.alterable(n))
        self.loaded = tuple(n for n in names if n not in self.altered)
        self.choosing = self.loaded if alters else ()
        self._alters = alters
        self._decks: OrderedDict[tuple[Value, ...], tuple[Circuit, Deck, Any]] = OrderedDict()

    def key(self, values: Mapping[str, Value]) -> tuple[Value, ...]:
        """What two points must have in common to share a loaded deck."""
        return tuple(values[n] for n in self.choosing)

    def deck(self, key: tuple[Value, ...]) -> Deck:
        """The deck that points of this key share."""
        return self._prepared(key)[1]

    def point(self, key: tuple[Value, ...], values: Mapping[str, Value], seed: int) -> Point:
        """What the engine is told for one point."""
        return self.points(key, {n: [v] for n, v in values.items()}, [0], [seed])[0]

    def points(
        self,
        key: tuple[Value, ...],
        values: Mapping[str, Sequence[Value]],
        members: Sequence[int],
        seeds: Sequence[int],
    ) -> list[Point]:
        """What the engine is told for points of this key.

        Parameters
        ----------
        key
            What they have in common.
        values
            A column for each parameter.
        members
            Which rows of the columns.
        seeds
            One for each row, for decks that draw numbers of their own.
        """
        if self._alters:
            setter = self._prepared(key)[2]
            if setter is None:
                return [Point() for _ in members]
            columns = {n: [values[n][i] for i in members] for n in setter.names}
            return [Point(commands=told) for told in setter.table(columns)]
        points = []
        for i in members:
            row = {n: column[i] for n, column in values.items()}
            own = self._deck(self._circuit.with_values(row))
            points.append(Point(deck=own, seed=seeds[i] if self._circuit.random else None))
        return points

    def _deck(self, circuit: Circuit) -> Deck:
        deck = circuit.deck(save=self._save)
        if not self._unread:
            return deck
        return replace(deck, analyses=tuple(a for a in deck.analyses if a.name not in self._unread))

    def _prepared(self, key: tuple[Value, ...]) -> tuple[Circuit, Deck, Any]:
        if key not in self._decks:
            chosen = dict(zip(self.loaded, key, strict=True)) if key else {}
            circuit = self._circuit.with_values(chosen) if chosen else self._circuit
            setter = circuit.setter(self.altered) if self.altered else None
            self._decks[key] = (circuit, self._deck(circuit), setter)
            while len(self._decks) > 8 * WARM_DECKS:
                self._decks.popitem(last=False)
        self._decks.move_to_end(key)
        return self._decks[key]


class CircuitSession:
    """Runs batches of one circuit; see :class:`~.simulator.Session`.

    Parameters
    ----------
    simulator
        What to compute.
    engine
        A first engine, warm; more are started where several decks are in use.
    """

    def __init__(self, simulator: CircuitSimulator, engine: Engine) -> None:
        self._simulator = simulator
        self._spare: Engine | None = engine
        self._engines: OrderedDict[tuple[Value, ...], Engine] = OrderedDict()
        self._feeder: Feeder | None = None
        self._names: tuple[str, ...] | None = None
        self._save = signals_needed(simulator.measures.values(), simulator.keep)
        self._unread = unread_analyses(
            simulator.circuit.analyses, simulator.measures.values(), simulator.keep
        )

    def run(
        self, start: int, values: Mapping[str, NDArray[Any]], seeds: NDArray[np.uint64]
    ) -> Batch:
        """Simulate a batch; see :class:`~.simulator.Session`."""
        outcomes = self._simulate(values, seeds)
        return self._batch(start, outcomes)

    def _simulate(
        self, values: Mapping[str, NDArray[Any]], seeds: NDArray[np.uint64]
    ) -> list[Outcome]:
        names = tuple(values)
        if self._feeder is None or names != self._names:
            self._names = names
            self._feeder = Feeder(
                self._simulator.circuit,
                names,
                save=self._save,
                path=self._simulator.path,
                unread=self._unread,
            )
        feeder = self._feeder
        columns = {n: values[n].tolist() for n in names}
        drawn = self._simulator.circuit.random
        told = [engine_seed(seed) if drawn else 0 for seed in seeds]
        outcomes: list[Outcome | None] = [None] * len(seeds)
        for key, members in _groups(feeder, columns, len(seeds)).items():
            points = feeder.points(key, columns, members, told)
            found = self._engine(key).run(
                feeder.deck(key), points, cpu_limit=self._simulator.cpu_limit
            )
            for i, outcome in zip(members, found, strict=True):
                outcomes[i] = outcome
        return [o for o in outcomes if o is not None]

    def _engine(self, key: tuple[Value, ...]) -> Engine:
        if key in self._engines:
            self._engines.move_to_end(key)
            return self._engines[key]
        if self._spare is not None:
            engine, self._spare = self._spare, None
        elif len(self._engines) >= WARM_DECKS:
            engine = self._engines.popitem(last=False)[1]
        else:
            engine = find(self._simulator.engine)
        self._engines[key] = engine
        return engine

    def _batch(self, start: int, outcomes: list[Outcome]) -> Batch:
        n = len(outcomes)
        status = np.fromiter((o.status for o in outcomes), np.int8, n)
        failures = {
            i: Failure(
                index=start + i,
                status=o.status,
                reason=o.reason,
                log=o.log,
                attempts=o.attempts,
            )
            for i, o in enumerate(outcomes)
            if o.status != Status.OK
        }
        good = np.flatnonzero(status == Status.OK).tolist()
        measures = {name: np.full(n, np.nan) for name in self._simulator.measures}
        for name, measure in self._simulator.measures.items():
            self._evaluate(name, measure, outcomes, good, measures[name], failures, start)
        for i in failures:
            if status[i] == Status.OK:
                status[i] = Status.FAILED
        return Batch(
            start=start,
            status=status,
            measures=measures,
            waves=_waves(self._simulator, outcomes, status),
            failures=tuple(failures[i] for i in sorted(failures)),
            cpu=np.array([o.cpu for o in outcomes]),
        )

    def _evaluate(
        self,
        name: str,
        measure: Measure,
        outcomes: list[Outcome],
        good: list[int],
        column: NDArray[np.float64],
        failures: dict[int, Failure],
        start: int,
    ) -> None:
        if not good:
            return
        if not isinstance(measure, Function):
            column[good] = measure.of_outcomes([outcomes[i] for i in good])
            return
        for i in good:
            try:
                column[i] = measure.of_mapping(to_datasets(outcomes[i].plots))
            except (Exception, SystemExit) as error:  # noqa: BLE001 - its sample is marked
                failures.setdefault(
                    i,
                    Failure(
                        index=start + i,
                        status=Status.FAILED,
                        reason=f"The measure {name!r} raised {type(error).__name__}: {error}",
                        log=last_lines(error),
                    ),
                )

    def close(self) -> None:
        """End the engines."""
        if self._spare is not None:
            self._spare.close()
        for engine in self._engines.values():
            engine.close()
        self._spare = None
        self._engines.clear()


def _groups(
    feeder: Feeder, columns: Mapping[str, list[Value]], count: int
) -> dict[tuple[Value, ...], Sequence[int]]:
    """Rows by the deck that they share."""
    if not feeder.choosing:
        return {(): range(count)}
    groups: dict[tuple[Value, ...], list[int]] = {}
    for i in range(count):
        groups.setdefault(feeder.key({n: columns[n][i] for n in feeder.choosing}), []).append(i)
    return dict(groups)


def _waves(
    simulator: CircuitSimulator, outcomes: list[Outcome], status: NDArray[np.int8]
) -> tuple[Wave, ...]:
    if not simulator.keep:
        return ()
    good = np.flatnonzero(status == Status.OK)
    joined = list(stacks([outcomes[i] for i in good.tolist()]))
    if not joined:
        return ()
    waves = []
    for analysis, plot in joined[0].plots.items():
        grid = _grid(simulator, plot)
        for signal in simulator.keep:
            if signal not in plot.vectors:
                continue
            shape = tuple(len(v) for _, v in grid)
            data = np.full((len(outcomes), *shape), np.nan, plot.vectors[signal].dtype)
            first = 0
            for stack in joined:
                own = stack.plots[analysis]
                _check_grid(own, grid)
                data[good[first : first + stack.count]] = _on_grid(own, signal, grid)
                first += stack.count
            waves.append(
                Wave(
                    analysis=analysis,
                    signal=signal,
                    axes=tuple(
                        Axis(name=name, values=v, unit=axis_label(name)[0]) for name, v in grid
                    ),
                    data=data,
                    unit=signal_unit(signal),
                )
            )
    return tuple(waves)


def _grid(simulator: CircuitSimulator, plot: Plot) -> list[tuple[str, NDArray[np.float64]]]:
    if plot.kind == "tran":
        command = next(a.command for a in simulator.circuit.analyses if a.name == plot.analysis)
        return [("time", time_grid(command))]
    return [(name, np.asarray(plot.axes[name])) for name in plot.scale]


def _check_grid(plot: Plot, grid: list[tuple[str, NDArray[np.float64]]]) -> None:
    """Refuse samples whose analysis has points of its own: they cannot lie in one array."""
    if plot.kind != "tran" and not all(np.array_equal(plot.axes[name], v) for name, v in grid):
        raise MeasureError(
            f"The points of {plot.analysis!r} change with what is varied, so that its waveforms "
            "do not lie on one grid: keep none (keep=[]), or give the analysis fixed limits."
        )


def _on_grid(plot: Plot, signal: str, grid: list[tuple[str, NDArray[np.float64]]]) -> NDArray[Any]:
    """A signal of a stack of samples, ``(count, points)``, on the grid."""
    rows = plot.vectors[signal]
    if plot.kind == "tran":
        return np.stack([np.interp(grid[0][1], plot.axes["time"], row.real) for row in rows])
    return rows
