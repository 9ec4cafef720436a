"""What a campaign will take: here, on the clusters that are alive, and on clouds' machines."""

from __future__ import annotations

import datetime
import math
import socket
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spicelab_nb import clusters
from spicelab_nb.campaigns.chunking import checked_length
from spicelab_nb.campaigns.opening import label
from spicelab_nb.campaigns.pilot import (
    Pilot,
    cores_here,
    describe,
    measure_pilot,
    read_pilot,
)
from spicelab_nb.cost.catalogue import Catalogue
from spicelab_nb.cost.history import RunCost, model_error, observed, past_runs
from spicelab_nb.cost.learning import LOCAL, REMOTE, Learnt, learn
from spicelab_nb.cost.ledger import default_ledger
from spicelab_nb.cost.machine import MachineType, OwnMachine
from spicelab_nb.cost.pilot import GUESS_DF, Ratio, pilot_statistics
from spicelab_nb.cost.preview import Place, Preview, Row
from spicelab_nb.cost.wording import between, time_text
from spicelab_nb.cost.workload import Tariff, Workload
from spicelab_nb.errors import CostError, LedgerError, StoreMissingError
from spicelab_nb.results.store import Store

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from spicelab_nb.clusters import Cluster, Record
    from spicelab_nb.cost.history import PastRun
    from spicelab_nb.cost.machine import Machine
    from spicelab_nb.cost.money import Money
    from spicelab_nb.results.plan import Plan
    from spicelab_nb.results.spec import Spec
    from spicelab_nb.sampling.design import BoundDesign
    from spicelab_nb.simulators.simulator import Simulator

__all__ = ["CLOUD", "make_preview", "row_of"]

CLOUD = Tariff(
    boot_s=90.0,
    teardown_s=20.0,
    boot_relative_sd=0.3,
    minimum_s=60.0,
    head_usd_h=0.085,
    disk_gib=40.0,
    disk_usd_gb_month=0.08,
    address_usd_h=0.005,
    storage_usd_gb_month=0.023,
    egress_usd_gb=0.09,
    put_usd=5e-6,
    get_usd=4e-7,
)
"""What a cloud charges beside its machines, unless the caller knows better."""

CLOUD_ASSUMED = (
    "Clouds: 110 s to boot and to end, a scheduler at 0.085 USD an hour, disks, addresses, storage "
    "for a month and download are in it; a virtual processor is taken to be as fast as one here, "
    "uncertain by 20 %."
)

ELSEWHERE = 0.20
"""Standard uncertainty of a cloud's speed, where nobody measured it."""

LOCAL_START = 3.0
"""Seconds in which a local cluster comes up."""

FIRST_RUN = 0.5
"""Seconds that the first run on a cluster takes longer: its workers have imported nothing yet."""

TASK_S = 0.003
"""Seconds that a scheduler and a worker need for a chunk beside computing and publishing it."""

GUESSED_S = 0.1
"""Seconds a sample, where nothing was measured and nothing is known."""

REGIONS = ("us-east-1", "us-central1", "eastus")
"""Of AWS, Google and Azure; where prices are compared unless others are asked for."""

SIZES = (8, 32)
"""Processors of the machine types that are compared; the cheapest of each kind."""


def make_preview(
    *,
    name: str,
    store: str,
    plan: Plan,
    design: BoundDesign,
    simulator: Simulator,
    specs: Mapping[str, Spec],
    pilot: bool,
    seconds_per_sample: float | None = None,
    machines: Any = None,
    speed: Any = None,
    tariff: Tariff | None = None,
    chunk_length: int | None = None,
    also: Record | None = None,
    today: datetime.date | None = None,
) -> Preview:
    """Make the preview of a campaign; see ``Campaign.preview``."""
    if seconds_per_sample is not None and not seconds_per_sample > 0:
        raise CostError(f"seconds_per_sample= is a time above 0, not {seconds_per_sample!r}.")
    length = checked_length(chunk_length)
    ratios = _Speeds(speed)
    chosen, note = _machines(machines, today or datetime.datetime.now(datetime.UTC).date())
    opened = _existing(store, plan)
    measured = read_pilot(opened) if opened is not None else None
    left = _left(opened, design)
    if measured is None and pilot and seconds_per_sample is None and left:
        opened = Store.open(store, create=True)
        opened.create(plan, design.size)
        if not opened.read_labels():
            label(opened, name, design, specs)
        measured = measure_pilot(simulator, design, opened)
        opened.write_pilot(describe(measured))
        left = _left(opened, design)
    workload, basis, problem = _workload(simulator, measured, left, seconds_per_sample)
    if workload is not None and length is not None:
        workload = replace(workload, chunk=length)
    start_s = measured.start_s if measured is not None else 0.0
    records = {record.id: record for record in clusters.list_clusters()}
    if also is not None:
        # It may have changed since it last wrote its record, or have none.
        records[also.id] = also
    past, trouble = _past()
    places: tuple[Place, ...] = ()
    if workload is not None:
        found = list(records.values())
        places = _places(workload, found, chosen, ratios, tariff or CLOUD, start_s, past)
    if workload is not None and measured is None and seconds_per_sample is None:
        places = tuple(replace(place, speed=_unsure(place.speed)) for place in places)
    ratios.check_used(place.name for place in places)
    cloud = any(place.where == "cloud" for place in places)
    assumed = [CLOUD_ASSUMED] if cloud and tariff is None else []
    return Preview(
        name=name,
        total=design.size,
        left=left,
        workload=workload,
        places=places,
        basis=basis,
        problem=problem,
        spent=None if trouble else _spent(past, plan, opened.url if opened is not None else store),
        notes=(*assumed, *([note] if note and cloud else []), *_experience(past, trouble)),
    )


def row_of(preview: Preview, cluster: Cluster | None) -> Row | None:
    """The row of a live cluster, or of this machine; None where there is none."""
    for row in preview.rows:
        machine = row.place.machine
        if cluster is None and row.place.where == "here":
            return row
        if cluster is not None and row.place.where == "cluster" and machine.name == cluster.name:
            return row
    return None


def _existing(store: str, plan: Plan) -> Store | None:
    """The store, if it is there; reading alone."""
    try:
        opened = Store.open(store, create=False)
    except StoreMissingError:
        return None
    if opened.digest() != plan.digest:
        # Says what differs.
        opened.check(plan)
    return opened


def _left(store: Store | None, design: BoundDesign) -> int:
    if store is None:
        return design.size
    return sum(stop - start for start, stop in store.gaps(design.size))


def _workload(
    simulator: Simulator, pilot: Pilot | None, left: int, declared: float | None
) -> tuple[Workload | None, str, str]:
    """What is to be computed; or why nothing can be said."""
    resources = getattr(simulator, "resources", None)
    cores = max(1, resources.cpus * resources.ranks) if resources is not None else 1
    memory = getattr(resources, "memory", None)
    gib = memory / 2**30 if memory else 1.0
    if declared is not None:
        made = Workload(
            samples=left,
            sample_s=declared,
            sample_relative_sd=0.15,
            sample_df=GUESS_DF,
            overhead_s=0.02,
            overhead_relative_sd=0.5,
            cores=cores,
            worker_gib=gib,
            guessed=True,
        )
        return made, f"A sample is said to take {time_text(declared)}; nothing was measured.", ""
    if pilot is None:
        made = Workload(
            samples=left,
            sample_s=GUESSED_S,
            overhead_s=0.02,
            overhead_relative_sd=0.5,
            cores=cores,
            worker_gib=gib,
            guessed=True,
        )
        return (
            made,
            f"This is a guess: nothing was measured, and a sample is taken to need "
            f"{time_text(GUESSED_S)}, up to ten times more or less. "
            "campaign.preview() measures a few.",
            "",
        )
    if pilot.failed == pilot.points:
        return (
            None,
            "",
            f"All {pilot.points} samples of the pilot failed, so nothing can be said about time or "
            f"cost. The first: {pilot.reason or 'no reason given'} "
            "campaign.run() and run.failures show each.",
        )
    seconds: dict[Hashable, Sequence[float]] = {k: list(v) for k, v in pilot.seconds.items()}
    statistics = pilot_statistics(seconds)
    low, high = statistics.mean_interval()
    basis = (
        f"A sample takes {time_text(statistics.mean_s)} "
        f"({between(time_text(low), time_text(high))}) here: a pilot of {pilot.points} samples, "
        "which are kept."
    )
    if pilot.failed:
        basis += f" {pilot.failed} of them failed: {pilot.reason}"
    made = Workload(
        samples=left,
        sample_s=statistics.mean_s,
        cv=statistics.cv,
        sample_relative_sd=min(statistics.mean_relative_sd, 2.0),
        sample_df=max(statistics.df, 1.0),
        overhead_s=pilot.publish_s + TASK_S,
        overhead_relative_sd=0.5,
        bytes_per_sample=pilot.bytes_per_sample,
        cores=cores,
        worker_gib=gib,
    )
    return made, basis, ""


# ---- places -----------------------------------------------------------------------------------


class _Speeds:
    """Speed ratios as a person gives them: one for all others, or by name."""

    def __init__(self, given: Any) -> None:
        self._by_name: dict[str, Ratio] = {}
        self._all: Ratio | None = None
        self._unused: set[str] = set()
        if isinstance(given, Mapping):
            self._by_name = {str(name): _ratio(value) for name, value in given.items()}
            self._unused = set(self._by_name)
        elif given is not None:
            self._all = _ratio(given)

    def of(self, name: str, default: Ratio, *aliases: str) -> Ratio:
        for key in (name, *aliases):
            if key in self._by_name:
                self._unused.discard(key)
                return self._by_name[key]
        return default if self._all is None else self._all

    def check_used(self, names: Iterable[str]) -> None:
        from spicelab_nb.errors import nearest

        for name in self._unused:
            raise CostError(f"speed= names no place {name!r}.{nearest(name, names)}")


def _ratio(value: Any) -> Ratio:
    if isinstance(value, Ratio):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CostError(
            "speed= says how many times as fast as here a place is: a number, a cost.Ratio, or "
            f'one by name ({{"c7g.2xlarge": 1.2}}), not {value!r}.'
        )
    return Ratio.declared(float(value))


def _places(
    workload: Workload,
    records: Sequence[Record],
    machines: Sequence[Machine],
    speeds: _Speeds,
    tariff: Tariff,
    start_s: float,
    past: Sequence[PastRun],
) -> tuple[Place, ...]:
    host = socket.gethostname()
    near = learn(observed(r for r in past if r.cluster_kind == "local" and r.host == host), LOCAL)
    found = [_here(workload, start_s, near)]
    found += [
        _cluster(record, workload, speeds, start_s, past, near)
        for record in records
        if record.cores and record.state in ("running", "scaling")
    ]
    for machine in machines:
        own = machine.provider == "own"
        name = machine.name if own else f"{machine.provider} {machine.name}"
        default = Ratio(value=1.0, relative_sd=ELSEWHERE, df=GUESS_DF)
        found.append(
            Place(
                name=name,
                where="cluster" if own else "cloud",
                machine=machine,
                tariff=_started(Tariff() if own else tariff, start_s),
                speed=speeds.of(name, default, machine.name, machine.provider),
            )
        )
    return tuple(found)


def _unsure(speed: Ratio) -> Ratio:
    """A ratio to a time that nobody measured: ten times more or less, nine times in ten."""
    return Ratio(value=speed.value, relative_sd=math.hypot(speed.relative_sd, 1.0), df=GUESS_DF)


def _started(tariff: Tariff, start_s: float) -> Tariff:
    return replace(tariff, boot_s=tariff.boot_s + start_s)


def _here(workload: Workload, start_s: float, near: Learnt) -> Place:
    import psutil

    memory = psutil.virtual_memory().total / 2**30
    start_s += LOCAL_START + FIRST_RUN
    boot_s, boot_sd = near.boot(start_s)
    return Place(
        name="this machine",
        where="here",
        machine=OwnMachine(
            cores=max(cores_here(), workload.cores), memory_gib=max(memory, workload.worker_gib)
        ),
        tariff=Tariff(boot_s=boot_s, boot_relative_sd=boot_sd),
        speed=near.speed,
        start_s=start_s,
        workers=max(1, cores_here() // workload.cores),
    )


def _cluster(
    record: Record,
    workload: Workload,
    speeds: _Speeds,
    start_s: float,
    past: Sequence[PastRun],
    near: Learnt,
) -> Place:
    workers = max(1, record.cores // workload.cores)
    if record.kind == "local":
        learnt = near
    else:
        there = (record.name, record.kind)
        learnt = learn(
            observed(r for r in past if (r.cluster, r.cluster_kind) == there),
            LOCAL if record.kind == "serial" else REMOTE,
        )
    if not any(r.cluster_id == record.id and r.done for r in past):
        start_s += FIRST_RUN
    boot_s, boot_sd = learnt.boot(start_s)
    cores = max(record.cores, workers * workload.cores)
    price = record.price_per_hour
    return Place(
        name=f"{record.name} ({record.kind})" if record.name != record.kind else record.name,
        where="cluster",
        machine=OwnMachine(
            name=record.name,
            cores=cores,
            memory_gib=max(record.memory / 2**30, workers * workload.worker_gib),
            usd_per_core_hour=(price or 0.0) / cores,
        ),
        workers=workers,
        tariff=Tariff(boot_s=boot_s, boot_relative_sd=boot_sd),
        speed=speeds.of(record.name, learnt.speed, record.kind),
        start_s=start_s,
        priced=price is not None,
    )


def _past() -> tuple[list[PastRun], str]:
    """Past runs, or why they cannot be read."""
    try:
        return past_runs(default_ledger().read()[0]), ""
    except LedgerError as error:
        return [], str(error)


def _spent(past: Sequence[PastRun], plan: Plan, store: str) -> Money:
    runs = [run for run in past if run.plan == plan.digest and run.store == store]
    return RunCost(runs=tuple(runs)).spent


def _experience(past: Sequence[PastRun], trouble: str) -> list[str]:
    """How far predictions were off so far."""
    if trouble:
        return [trouble]
    error = model_error(past)
    return [] if error is None else [str(error)]


def _machines(asked: Any, today: datetime.date) -> tuple[list[Machine], str]:
    """The machine types to compare, and what is to be said of their prices."""
    if asked is None:
        rows = _shortlist(Catalogue.load())
    elif isinstance(asked, str) or not isinstance(asked, Iterable):
        raise CostError(
            'machines= is a list of machine types: ["c7g.2xlarge", "n2-standard-8"], names of the '
            f"catalogue or objects of your own, not {asked!r}."
        )
    else:
        catalogue = Catalogue.load() if any(isinstance(m, str) for m in asked) else None
        rows = [catalogue.find(m) if catalogue and isinstance(m, str) else m for m in asked]
    of_catalogue = Catalogue(tuple(m for m in rows if isinstance(m, MachineType)))
    age = of_catalogue.age(today)
    warning = of_catalogue.warning(today)
    dated = "" if age is None else f"The oldest price is {age} days old. "
    return list(rows), f"{dated}{warning or ''}".strip()


def _shortlist(catalogue: Catalogue) -> list[Any]:
    """The cheapest general machine types of each provider, architecture and size."""
    best: dict[tuple[str, str, int], MachineType] = {}
    for row in catalogue:
        if row.region not in REGIONS or row.gpus or row.vcpu not in SIZES:
            continue
        key = (row.provider, row.architecture, row.vcpu)
        if key not in best or row.on_demand_usd_h < best[key].on_demand_usd_h:
            best[key] = row
    return sorted(best.values(), key=lambda row: (row.provider, row.vcpu, row.on_demand_usd_h))
