"""Samples of circuits: a campaign's marginal cost of a sample against that of other ways.

Ours is a campaign on ``sl.cluster("local", workers=1)``, through the public interface: this
process, the scheduler, the worker and the engine's host together, with measures and store. Each
cost is that of a larger number of samples less that of a smaller one, for peers as well.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import spicelab_nb as sl
from benchmarks import environment
from benchmarks.circuits import CIRCUITS
from benchmarks.measurement import Meter, interleaved
from benchmarks.peers import COMPARED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.circuits import BenchCircuit
    from benchmarks.records import Settings, Write

__all__ = ["OURS", "SIZES", "campaign", "differences", "measure", "rows_of"]

OURS = "spicelab_nb"

SIZES: dict[str, dict[str, tuple[int, int]]] = {
    "rc": {
        OURS: (10_000, 50_000),
        "process": (20, 320),
        "control": (500, 8500),
        "sedes": (500, 6500),
        "sedes-loop": (500, 8500),
        "spicelib": (20, 220),
        "spicelab": (20, 220),
    },
    "opamp": {
        OURS: (6000, 30_000),
        "process": (20, 320),
        "control": (500, 5500),
        "sedes": (500, 4500),
        "sedes-loop": (500, 5500),
        "spicelib": (20, 220),
    },
    "rectifier": {
        OURS: (200, 1000),
        "process": (10, 160),
        "control": (20, 320),
        "sedes": (20, 320),
        "sedes-loop": (20, 320),
        "spicelib": (10, 110),
    },
    "ring": {
        OURS: (50, 250),
        "process": (2, 22),
        "control": (5, 35),
        "sedes": (5, 35),
        "spicelib": (2, 22),
    },
    "sky130": {
        OURS: (4000, 20_000),
        "process": (1, 3),
        "control": (100, 2100),
        "sedes": (1, 3),
        "sedes-loop": (100, 2100),
    },
    "sky130-steps": {
        OURS: (10, 40),
        "process": (1, 3),
        "control": (50, 550),
    },
}
"""Numbers of samples that are timed, by circuit and method; differences of a second or more of
processor time, since a process's is known to 10 ms."""

OTHER_DRAWS = {"spicelab": 0.25}
"""Peers that draw values of their own: medians over few samples are compared, this closely."""

INTERPOLATED = {"control": 1e-2, "sedes-loop": 1e-2}
"""Peers whose values come from ngspice's meas, which interpolates on a linear axis."""

MEDIAN_OF = 100
"""Samples of ours that such a median is compared with."""

LIMIT = 300.0
"""Seconds that one run may take."""


def campaign(circuit: BenchCircuit, count: int, store: str) -> sl.Campaign:
    """The campaign that is timed."""
    models = environment.sky130_models() if circuit.real_models else None
    netlist = sl.Circuit(circuit.netlist(models), include_paths=[models] if models else [])
    varied: dict[Any, Any] = {
        v.names if len(v.names) > 1 else v.names[0]: (
            sl.Normal(rel=v.rel) if v.rel else sl.Normal(sd=v.sd)
        )
        for v in circuit.varied.values()
    }
    return sl.Campaign(
        netlist,
        sl.MonteCarlo(count, varied, seed=1),
        measures={
            name: getattr(sl.measure, kind)(signal, **options)
            for name, (kind, signal, options) in circuit.measures.items()
        },
        engine="ngspice",
        name=circuit.key,
        store=store,
    )


def rows_of(circuit: BenchCircuit, count: int) -> list[list[float]]:
    """The values of our first samples, in the order of the template: a row a sample."""
    drawn = campaign(circuit, count, "unused").design.draw(0, count)
    columns = [drawn[v.names[0]].tolist() for v in circuit.varied.values()]
    return [list(row) for row in zip(*columns, strict=True)]


def ours(circuit: BenchCircuit, count: int, cluster: Any) -> tuple[dict[str, Any], Any]:
    """Cost of one campaign, and its dataset. The plan, with its proof, is made before."""
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    try:
        chosen = campaign(circuit, count, str(folder / "store"))
        path = chosen.plan.simulator["path"]
        with Meter() as meter:
            run = chosen.run(cluster).wait(LIMIT)
        dataset = run.dataset.load()
    finally:
        shutil.rmtree(folder)
    if int(dataset.status.values.astype(int).sum()):
        raise RuntimeError(f"{circuit.key}: samples of ours failed: {run.failures}")
    return {"cpu": meter.cpu, "wall": meter.wall, "roles": meter.by_role, "path": path}, dataset


def peer(method: str, circuit: BenchCircuit, rows: list[list[float]]) -> dict[str, Any]:
    """Cost and first values of one run of a peer, in a process of its own."""
    models = environment.sky130_models()
    command = [str(environment.peer_python()), "-m", "benchmarks.peers"]
    done = subprocess.run(
        [*command, method, circuit.key, str(len(rows)), str(models)],
        input=json.dumps(rows),
        env=environment.peer_environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{method} on {circuit.key} failed: {done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def differences(
    circuit: BenchCircuit, method: str, theirs: Mapping[str, list[float]], dataset: Any
) -> dict[str, float]:
    """Greatest relative difference of a peer's values from ours, by measure.

    Raises
    ------
    RuntimeError
        One is above the circuit's tolerance: something else was computed.
    """
    found = {}
    for name, values in theirs.items():
        if method in OTHER_DRAWS:
            mine, allowed = [float(dataset[name].median())], OTHER_DRAWS[method]
        else:
            mine = dataset[name].values[: len(values)].tolist()
            allowed = max(circuit.tolerance, INTERPOLATED.get(method, 0.0))
        pairs = zip(values, mine, strict=True)
        found[name] = max(abs(a - b) / abs(b) for a, b in pairs)
        if not found[name] <= allowed or math.isnan(found[name]):
            raise RuntimeError(
                f"{method} on {circuit.key} gives another {name} than ours, by a factor of up to "
                f"1 {found[name]:+.3g}: {values} instead of {mine}."
            )
    return found


def sizes_of(key: str, method: str, *, quick: bool) -> tuple[int, int]:
    """The two numbers of samples; a third of them where it shall be quick."""
    few, many = SIZES[key][method]
    if not quick:
        return few, many
    few = max(1, few // 3)
    return few, max(few + 1, many // 3)


def measure(settings: Settings, write: Write) -> None:
    """Time every way on every circuit, round by round."""
    environment.check()
    circuits = settings.circuits
    write({"kind": "peers", "versions": environment.peer_versions()})
    pairs = [(key, method) for key in circuits for method in SIZES[key]]
    with sl.cluster("local", workers=1) as cluster:
        datasets, rows = {}, {}
        for key in circuits:
            # Warms up, and gives what everybody else's results are compared with.
            few = MEDIAN_OF if set(OTHER_DRAWS) & set(SIZES[key]) else COMPARED
            datasets[key] = ours(CIRCUITS[key], few, cluster)[1]
            most = max(sizes_of(key, m, quick=settings.quick)[1] for m in SIZES[key] if m != OURS)
            rows[key] = rows_of(CIRCUITS[key], most)
            print(f"{key}: ready", flush=True)
        for turn, (key, method) in interleaved(pairs, settings.rounds):
            circuit, sizes = CIRCUITS[key], sizes_of(key, method, quick=settings.quick)
            runs: dict[int, dict[str, Any]] = {}
            # The smaller first in one round, the larger in the next.
            for size in sizes if turn % 2 else reversed(sizes):
                if method == OURS:
                    runs[size], _ = ours(circuit, size, cluster)
                else:
                    runs[size] = peer(method, circuit, rows[key][:size])
                    values = runs[size].pop("values")
                    runs[size]["differences"] = differences(circuit, method, values, datasets[key])
            small, large = (runs[size] for size in sizes)
            write(
                {
                    "kind": "cost",
                    "round": turn,
                    "circuit": key,
                    "method": method,
                    "sizes": list(sizes),
                    "small": small,
                    "large": large,
                }
            )
            each = (large["cpu"] - small["cpu"]) / (sizes[1] - sizes[0])
            told = f"round {turn + 1}: {key:12} {method:12} {1e3 * each:10.3f} ms of CPU a sample"
            print(told, flush=True)
