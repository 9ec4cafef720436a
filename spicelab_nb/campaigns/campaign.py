"""A campaign: what is simulated, at which points, measured how, against which specs."""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Mapping
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spicelab_nb import config
from spicelab_nb.campaigns.opening import begin
from spicelab_nb.circuits import Circuit
from spicelab_nb.errors import CampaignError, SpecError, nearest, suggests_arguments
from spicelab_nb.results.plan import Plan
from spicelab_nb.results.spec import Spec
from spicelab_nb.results.store import Store
from spicelab_nb.simulators import (
    FunctionSimulator,
    prepare_circuit,
    resolve_keep,
    resolve_measures,
)
from spicelab_nb.simulators.simulator import Output

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Sequence

    from spicelab_nb.campaigns.run import Run
    from spicelab_nb.campaigns.verification import Verification
    from spicelab_nb.circuits.measures import Measure
    from spicelab_nb.clusters import Cluster
    from spicelab_nb.cost.preview import Preview
    from spicelab_nb.cost.workload import Tariff
    from spicelab_nb.sampling.design import BoundDesign, Design, ParameterSpace
    from spicelab_nb.simulators.simulator import Simulator

__all__ = ["Campaign"]

RESERVED = frozenset({"sample", "status", "corner"})


class Campaign:
    r"""Simulate a circuit, or call a function, at many points and judge the results.

    Everything is checked here, before anything starts: names, values, measures, specs.

    Parameters
    ----------
    simulator
        A :class:`Circuit`, a Python function ``f(**parameters, seed) -> float | dict | Dataset``,
        or any object that follows the :class:`Simulator` protocol.
    samples
        :class:`MonteCarlo`, :class:`Sweep`, :class:`Corners`, or a product of them.
    measures
        For a circuit: name to a measure (``sl.measure.bandwidth("v(out)")``) or to a function of
        what ``circuit.simulate()`` gives. Without any, the deck's own ``.meas`` lines.
        For a function: names (or name to unit) of what it returns; optional.
    specs
        Measure name to :class:`Spec`. They judge; they are not part of what is computed.
    keep
        Signals whose waveforms are stored, as ngspice names them; default none.
    name
        Of the campaign, and of its folder; default the circuit's or function's.
    store
        Folder or fsspec URL; default ``campaigns/<name>/<first 8 of the plan's digest>``.
    engine
        ``"ngspice"`` or ``"neospice"``; default the best that is installed.
    cpu_limit
        Processor seconds that one sample may take in the engine.

    Raises
    ------
    CampaignError, SpecError, SamplingError, MeasureError, UnknownNameError, AmbiguousNameError
        What is wrong, where, and what there is instead.

    Examples
    --------
    >>> import spicelab_nb as sl
    >>> rc = sl.Circuit(
    ...     "* rc\nV1 in 0 ac 1\nR1 in out 1k\nC1 out 0 1u\n.ac dec 20 1 1e5\n.end\n"
    ... )
    >>> campaign = sl.Campaign(
    ...     rc,
    ...     sl.MonteCarlo(1000, {"R1": sl.Normal(rel=0.05), "C1": sl.Normal(rel=0.05)}, seed=1),
    ...     measures={"f3db": sl.measure.bandwidth("v(out)")},
    ...     specs={"f3db": sl.Spec(min=140, max=180, unit="Hz")},
    ...     name="rc",
    ... )
    """

    @suggests_arguments
    def __init__(
        self,
        simulator: Circuit | Callable[..., Any] | Simulator,
        samples: Design,
        *,
        measures: Mapping[str, Any] | Sequence[str] | None = None,
        specs: Mapping[str, Spec] | None = None,
        keep: Sequence[str] = (),
        name: str | None = None,
        store: str | os.PathLike[str] | None = None,
        engine: str | None = None,
        cpu_limit: float | None = None,
    ) -> None:
        if not hasattr(samples, "bind"):
            raise CampaignError(
                "The second argument says at which points to simulate: sl.MonteCarlo, sl.Sweep, "
                f"sl.Corners or a product of them, not {type(samples).__name__}."
            )
        settings = config.load()
        self.samples = samples
        self.specs: dict[str, Spec] = dict(specs or {})
        self.name = _folder_name(name if name is not None else _default_name(simulator))
        self._store = str(store) if store is not None else None
        self._root = settings.store
        self._engine = engine if engine is not None else settings.engine
        self._cpu_limit = settings.cpu_limit if cpu_limit is None else _seconds(cpu_limit)
        self._keep: tuple[str, ...] = ()
        self._source = simulator
        self._circuit_measures: dict[str, Measure] = {}
        self._function: Simulator | None = None
        if isinstance(simulator, Circuit):
            self._circuit_measures = resolve_measures(simulator, measures)
            self._keep = resolve_keep(simulator, keep)
            if not self._circuit_measures and not self._keep:
                raise CampaignError(
                    "Nothing would be left of this campaign: give measures=, keep= signals, or "
                    "put .meas lines into the netlist."
                )
            space: ParameterSpace = simulator.parameters
        else:
            self._function = _function_simulator(simulator, measures, keep)
            space = self._function.space
        self.design: BoundDesign = samples.bind(space)
        self.design = self.design.labelled(_units(space, self.design.parameters))
        self._check_draws()
        self._check_names()

    def _check_draws(self) -> None:
        """Refuse many samples of which nothing can make one another than the next."""
        if self.design.parameters or self.design.size == 1:
            return
        if isinstance(self._source, Circuit):
            if self._source.random:
                return
            why = f"{self._source.name!r} draws no numbers of its own"
        elif isinstance(self._function, FunctionSimulator):
            if self._function.takes_seed:
                return
            why = f"{self.name}() takes no seed to draw numbers from"
        else:
            return
        raise CampaignError(
            f"All {self.design.size} samples would be the same: nothing is varied, and {why}. Give "
            'distributions: sl.MonteCarlo(1000, {"R1": sl.Normal(rel=0.01)}).'
        )

    def _check_names(self) -> None:
        known = self.measures
        # A netlist knows no case: r1 and R1 side by side would be read as the same.
        fold = str.lower if isinstance(self._source, Circuit) else str
        varied = set(map(fold, self.design.parameters))
        for measure in known or ():
            if not measure.strip():
                raise CampaignError(f"A measure needs a name, not {measure!r}.")
            if measure in RESERVED or fold(measure) in varied:
                taken = "reserved" if measure in RESERVED else "the name of a varied parameter"
                raise CampaignError(f"A measure may not be called {measure!r}: that is {taken}.")
        for measure, spec in self.specs.items():
            if not isinstance(spec, Spec):
                raise SpecError(f"The spec for {measure!r} must be an sl.Spec, not {spec!r}.")
            if known is not None and measure not in known:
                raise SpecError(
                    f"The spec for {measure!r} judges no measure.{nearest(measure, known)}"
                )
        self._check_units()
        missing = sorted(getattr(self._function, "required", frozenset()) - set(self.parameters))
        if missing:
            raise CampaignError(
                f"The function needs {', '.join(missing)}: give each a distribution, "
                "a swept range, or a default in its signature."
            )

    def _check_units(self) -> None:
        """Refuse limits in another unit than the measure's: no value is ever converted."""
        outputs: Mapping[str, Any] = (
            self._circuit_measures if self._function is None else self._function.outputs or {}
        )
        for measure, spec in self.specs.items():
            unit = outputs[measure].unit if measure in outputs else ""
            if unit and spec.unit and unit != spec.unit:
                raise SpecError(
                    f"The spec for {measure!r} is in {spec.unit!r}, and the measure is in "
                    f"{unit!r}: give the limits in {unit!r}."
                )

    @property
    def parameters(self) -> tuple[str, ...]:
        """Canonical names of the parameters that vary."""
        return self.design.parameters

    @property
    def measures(self) -> tuple[str, ...] | None:
        """Names of the measures; None for a function that has not said what it returns."""
        if self._function is None:
            return tuple(self._circuit_measures)
        outputs = self._function.outputs
        return None if outputs is None else tuple(outputs)

    @property
    def method(self) -> str:
        """Which engine computes and whether samples are altered or loaded; "" for a function.

        Decided with the plan (``campaign.plan``): before, this says so and decides nothing.
        """
        if self._function is not None:
            return ""
        if "simulator" not in self.__dict__:
            return "alter or load: decided by proof when the plan is made"
        return str(getattr(self.simulator, "method", ""))

    @cached_property
    def simulator(self) -> Simulator:
        """Who computes: with its engine and path decided, by proof on a few samples."""
        if self._function is not None:
            return self._function
        assert isinstance(self._source, Circuit)  # noqa: S101 - told apart in __init__
        return prepare_circuit(
            self._source,
            measures=self._circuit_measures,
            keep=self._keep,
            design=self.design,
            engine=self._engine,
            cpu_limit=self._cpu_limit,
            decided=self._decided_path,
        )

    def _decided_path(self, undecided: Mapping[str, Any]) -> dict[str, Any] | None:
        """The path of an earlier run of this campaign, with its proof: nobody decides it again."""
        design = self.design.describe()
        for folder in self._candidates():
            try:
                plan = Store.open(folder, create=False).plan()
            except OSError:
                continue
            simulator = dict(plan.simulator)
            path = simulator.pop("path", None)
            if path and plan.design == design and simulator == undecided:
                return {**plan.proof, "path": str(path)}
        return None

    def _candidates(self) -> list[str]:
        if self._store is not None:
            return [self._store]
        if "://" in self._root:
            return []
        folder = Path(self._root) / self.name
        return sorted(str(p) for p in folder.iterdir()) if folder.is_dir() else []

    @cached_property
    def plan(self) -> Plan:
        """What identifies the results."""
        return Plan(
            simulator=self.simulator.describe(),
            design=self.design.describe(),
            inputs=dict(self.simulator.inputs()),
            proof=dict(getattr(self.simulator, "proof", {})),
        )

    @property
    def store(self) -> str:
        """Where the results are, or will be."""
        if self._store is not None:
            return self._store
        return f"{self._root.rstrip('/')}/{self.name}/{self.plan.digest[:8]}"

    @suggests_arguments
    def run(
        self,
        cluster: Cluster | None = None,
        *,
        chunk_length: int | None = None,
        budget: Any = None,
        reserve: bool = True,
    ) -> Run:
        """Start what is not computed yet; returns at once.

        Parameters
        ----------
        cluster
            Where; None: the current cluster, or a local one that is started for it.
        chunk_length
            Samples a chunk; None: it adapts to the measured time of a sample. The results do not
            depend on it.
        budget
            What the campaign may cost as a whole, in USD, what earlier runs of it cost included;
            0: nothing. Before the start the upper end of the preview's interval is reserved (which
            may measure a pilot first, where the cluster costs money). When it is spent no further
            chunk is handed out, the cluster is scaled down, and all that is finished is kept.
        reserve
            False: start although the upper end does not fit, and stop when the budget is spent.

        Returns
        -------
        Run
            Its ``progress`` moves while other cells run. A campaign that is finished already gives
            its results and starts nothing.

        Raises
        ------
        StoreMismatchError
            An explicit `store` holds another plan.
        StoreError
            The store cannot be written.
        BudgetError
            It may cost more than the budget (the message says what would fit), nobody knows what
            the cluster costs, or the budget is no amount.
        """
        return begin(
            name=self.name,
            store=self.store,
            plan=self.plan,
            design=self.design,
            simulator=self.simulator,
            specs=self.specs,
            cluster=cluster,
            chunk_length=chunk_length,
            budget=budget,
            reserve=reserve,
        )

    @suggests_arguments
    def preview(
        self,
        *,
        pilot: bool = True,
        seconds_per_sample: float | None = None,
        machines: Iterable[Any] | None = None,
        speed: Any = None,
        tariff: Tariff | None = None,
        chunk_length: int | None = None,
    ) -> Preview:
        """Say what the campaign will take, in time and money, at each place where it could run.

        Nothing is started. The first time up to 32 samples, or 30 s of them, are computed and timed
        in this process; they are results like all others and are kept in the store. After that a
        preview only reads and calculates.

        Parameters
        ----------
        pilot
            False: compute nothing; without an earlier pilot the preview says that it is guessing.
        seconds_per_sample
            What a sample takes here, where you know it: then nothing is computed either.
        machines
            Machine types to compare: names of the catalogue, or objects of
            ``spicelab_nb.cost`` (``MachineType``, ``OwnMachine``, ``Partition``). None: the
            cheapest of each provider; ``[]``: none.
        speed
            How many times as fast as here a place is: a number, a ``cost.Ratio`` with its
            uncertainty, or one by name of the place.
        tariff
            What clouds charge beside their machines, and how long these take to boot.
        chunk_length
            Samples a chunk, as it will be given to ``run``; None: it adapts.

        Returns
        -------
        Preview
            A table; ``.at(workers=, spot=, deadline=, budget=)`` recomputes it,
            ``.cheapest(deadline=)`` and ``.fastest(budget=)`` choose.

        Raises
        ------
        UnknownMachineError
            No such machine type has a price; lists the nearest.
        CostError, PriceError
            An argument, or a row of the catalogue, cannot be used.
        StoreMismatchError
            An explicit `store` holds another plan.
        """
        from spicelab_nb.campaigns.preview import make_preview

        return make_preview(
            name=self.name,
            store=self.store,
            plan=self.plan,
            design=self.design,
            simulator=self.simulator,
            specs=self.specs,
            pilot=pilot,
            seconds_per_sample=seconds_per_sample,
            machines=machines,
            speed=speed,
            tariff=tariff,
            chunk_length=chunk_length,
        )

    @suggests_arguments
    def verify(
        self, n: int = 5, *, rtol: float = 1e-3, atol: float | Mapping[str, float] = 0.0
    ) -> Verification:
        """Run a few samples again, here and in other ways, and compare.

        Each is loaded afresh, in an engine process of its own, and must give the same bits; where
        the other engine is installed (ngspice or neospice) it is run there too, and must agree
        within `rtol`. A Python function is called once more. What is compared with are the stored
        results, where there are any: then results that were altered, or that another machine
        computes differently, are found out. Else the samples are computed as planned.

        Parameters
        ----------
        n
            How many, all told: the nominal point; with results the extremes of each measure and one
            that failed; at least one at random, from one corner after the other. The same ones
            each time.
        rtol
            Largest relative difference asked of the other engine, and of samples that another
            platform or version of the engine computed. Engines step through a transient at times
            of their own: 1e-3 is ngspice's own ``reltol``.
        atol
            Absolute difference that is no difference to another engine, in the measure's unit, for
            measures near zero: one number, or one by measure.

        Returns
        -------
        Verification
            ``print`` it; its ``ok`` says whether nothing contradicts the results.

        Raises
        ------
        StoreMismatchError
            An explicit `store` holds another plan.
        """
        from spicelab_nb.campaigns.crosscheck import verify

        return verify(
            name=self.name,
            simulator=self.simulator,
            design=self.design,
            plan=self.plan,
            store=self.store,
            n=n,
            rtol=rtol,
            atol=atol,
        )

    def __repr__(self) -> str:
        measured = "?" if self.measures is None else ", ".join(self.measures)
        how = f"; {self.method}" if self.method else ""
        return f"Campaign({self.name!r}, {self.samples!r}, measures: {measured}{how})"

    def _repr_html_(self) -> str:
        return f"<pre style='white-space:pre-wrap'>{escape(repr(self))}</pre>"


def _units(space: ParameterSpace, names: Sequence[str]) -> dict[str, str]:
    """Units of parameters, where the space knows them."""
    unit = getattr(space, "unit", None)
    return {name: unit(name) for name in names} if unit is not None else {}


def _default_name(simulator: Any) -> str:
    name = getattr(simulator, "name", None) or getattr(simulator, "__name__", None)
    return str(name) if name and name != "<lambda>" else "campaign"


def _seconds(limit: Any) -> float:
    good = isinstance(limit, numbers.Real) and not isinstance(limit, bool)
    if not (good and 0 < limit < math.inf):
        raise CampaignError(f"cpu_limit is a number of seconds above 0, not {limit!r}.")
    return float(limit)


def _folder_name(name: str) -> str:
    """Make a name that every file system and object store takes."""
    if not name or name in {".", ".."} or len(name) > 100:
        raise CampaignError(f"{name!r} cannot name a campaign: give name=, 1 to 100 characters.")
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "campaign"


def _function_simulator(
    simulator: Any, measures: Mapping[str, Any] | Sequence[str] | None, keep: Sequence[str]
) -> Simulator:
    if keep:
        raise CampaignError(
            "keep= names signals of a circuit; "
            "a function keeps the arrays of the Dataset it returns."
        )
    if hasattr(simulator, "open") and hasattr(simulator, "describe"):
        if measures is not None:
            raise CampaignError("This simulator brings its own measures; leave measures= out.")
        return simulator  # type: ignore[no-any-return]
    if not callable(simulator):
        raise CampaignError(
            "The first argument is what is simulated: an sl.Circuit, a Python function, or a "
            f"simulator object, not {type(simulator).__name__}."
        )
    declared = None
    if isinstance(measures, Mapping):
        for name, unit in measures.items():
            if not isinstance(unit, str):
                raise CampaignError(
                    f"For a function, measures= gives the unit of what it returns as {name!r} "
                    f'("" for none), not {unit!r}.'
                )
        declared = {str(k): Output(unit=v) for k, v in measures.items()}
    elif measures is not None:
        declared = {str(k): Output() for k in measures}
    return FunctionSimulator(function=simulator, declared=declared)
