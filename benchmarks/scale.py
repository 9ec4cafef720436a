"""A million samples of a trivial function: time, memory of the client and scheduler, the store.

Each round is a process of its own, so that the peak of its memory is the campaign's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measurement import peak_memory, spread
from benchmarks.records import Figure, of_kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.records import Settings, Write

__all__ = ["figures", "measure", "once"]

SIZE, QUICK_SIZE = 1_000_000, 100_000


def twice(x: float) -> float:
    """The trivial function."""
    return 2 * x


def once(size: int, store: str) -> dict[str, Any]:
    """Run and look at one campaign in this process; gives what it took."""
    import cloudpickle

    import spicelab_nb as sl

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    samples = sl.MonteCarlo(size, {"x": sl.Normal(mean=0.0, sd=1.0)}, seed=1)
    specs = {"value": sl.Spec(min=-4.0, max=4.0)}
    found: dict[str, Any] = {"size": size}

    def timed(name: str, look: Any) -> Any:
        begun = time.perf_counter()
        seen = look()
        found[name] = time.perf_counter() - begun
        return seen

    with sl.cluster("local", workers=2) as cluster:
        used, begun = time.process_time(), time.perf_counter()
        run = sl.Campaign(twice, samples, specs=specs, store=store).run(cluster)
        snapshots = []
        while run.active:
            at = time.perf_counter()
            run.progress  # noqa: B018 - what a view asks for
            snapshots.append(time.perf_counter() - at)
            time.sleep(0.1)
        run.wait()
        found["wall"], found["client"] = time.perf_counter() - begun, time.process_time() - used
        found["progress"] = sorted(snapshots)[len(snapshots) // 2]
        client: Any = cluster.client
        scheduler = client.run_on_scheduler(os.getpid)
        found["scheduler"] = peak_memory(scheduler)
    found["client_memory_run"] = peak_memory()
    dataset = timed("dataset", lambda: run.dataset)
    timed("summary", run.summary)
    timed("open", lambda: sl.open_run(store).progress)
    if not (dataset["value"].values == 2 * dataset["x"].values).all():
        raise ValueError("The samples are not what was asked for.")
    files = [p for p in Path(store).rglob("*") if p.is_file()]
    found["chunks"] = len(list((Path(store) / "chunks").iterdir()))
    found["bytes"] = sum(p.stat().st_size for p in files)
    found["client_memory"] = peak_memory()
    return found


def measure(settings: Settings, write: Write) -> None:
    """Run each round in a process of its own."""
    size = QUICK_SIZE if settings.quick else SIZE
    for turn in range(settings.rounds):
        with tempfile.TemporaryDirectory() as scratch:
            code = "import sys, json; from benchmarks.scale import once; "
            code += "print(json.dumps(once(int(sys.argv[1]), sys.argv[2])))"
            done = subprocess.run(
                [sys.executable, "-c", code, str(size), f"{scratch}/store"],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            write({"kind": "scale", "round": turn, **json.loads(done.stdout.splitlines()[-1])})


def figures(records: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """Memory, time, and what it takes to look at the results."""
    found = of_kind(records, "scale")

    def figure(name: str, key: str, unit: str, scale: float, target: float | None = None) -> Figure:
        return Figure(
            name=name, value=spread(r[key] * scale for r in found), unit=unit, target=target
        )

    return [
        figure("memory of the client at its peak, results read", "client_memory", "MB", 1e-6, 500),
        figure("the same until the run has ended", "client_memory_run", "MB", 1e-6),
        figure("memory of the scheduler at its peak", "scheduler", "MB", 1e-6),
        figure("wall time of the run", "wall", "s", 1.0),
        figure("processor time of the client", "client", "s", 1.0),
        figure("chunks", "chunks", "", 1.0),
        figure("the store, with the consolidated dataset", "bytes", "MB", 1e-6),
        figure("`run.dataset`", "dataset", "s", 1.0),
        figure("`run.summary()`", "summary", "s", 1.0),
        figure("`run.progress` while it runs", "progress", "ms", 1e3),
        figure("`open_run(store).progress`", "open", "s", 1.0),
    ]
