"""What distributing costs: a campaign of samples of 1 ms against its chunks in a plain process.

A sample is a loop that takes a thousandth of a second of its thread's processor time. A campaign of
them runs on a cluster of two workers that is up and warm, and every process is counted: kernel,
scheduler, workers. Then the same chunks, as the store lists them, are computed and published one
after the other by the same calls in one process. The overhead is what the first costs more.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle

import spicelab_nb as sl
from benchmarks.measurement import Meter, marginal, spread, tree_seconds
from benchmarks.records import Figure, of_kind
from spicelab_nb.campaigns.task import ChunkTask
from spicelab_nb.executors.executor import Chunk
from spicelab_nb.results.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.records import Settings, Write

__all__ = ["details", "figures", "measure"]

SIZES, QUICK_SIZES = (4000, 40_000), (2000, 8000)
IDLE_SECONDS = 20.0

PLAIN = """
import sys, time, cloudpickle
with open(sys.argv[1], "rb") as file:
    task, warm, chunks = cloudpickle.load(file)
task(warm)
begun = time.process_time()
for chunk in chunks:
    task(chunk)
print(time.process_time() - begun)
"""


def millisecond(x: float) -> float:
    """Take a thousandth of a second of this thread's processor time."""
    end = time.thread_time() + 1e-3
    while time.thread_time() < end:
        pass
    return x


def campaign(size: int, seed: int, store: Path) -> sl.Campaign:
    """A campaign of `size` samples of 1 ms."""
    samples = sl.MonteCarlo(size, {"x": sl.Normal(mean=0.0, sd=1.0)}, seed=seed)
    return sl.Campaign(millisecond, samples, store=store, name="overhead")


def plain(size: int, seed: int, chunks: Sequence[Chunk], folder: Path) -> float:
    """Compute and publish chunks in a process of their own; gives its processor seconds."""
    tasks = []
    for name, points in (("warm", 10), ("plain", size)):
        made = campaign(points, seed, folder / name)
        store = Store.open(str(folder / name), create=True)
        store.create(made.plan, points)
        tasks.append(
            ChunkTask(
                simulator=made.simulator,
                design=made.design,
                store=store.url,
                plan_digest=made.plan.digest,
            )
        )
    path = folder / "task.pickle"
    # What a process pays once (imports) is paid by a chunk of another campaign.
    script = PLAIN.replace("task, warm, chunks = ", "first, task, warm, chunks = ")
    script = script.replace("task(warm)", "first(warm)")
    path.write_bytes(cloudpickle.dumps((*tasks, Chunk(0, 10), list(chunks))))
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def measure(settings: Settings, write: Write) -> None:
    """Idle cost first, then campaigns of two sizes with their chunks in a plain process."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with sl.cluster("local", workers=2) as cluster, tempfile.TemporaryDirectory() as scratch:
        campaign(200, 0, Path(scratch) / "warm").run(cluster).wait()
        before, begun = tree_seconds(), time.perf_counter()
        time.sleep(IDLE_SECONDS)
        passed, after = time.perf_counter() - begun, tree_seconds()
        idle = {role: (after[role] - before.get(role, 0.0)) / passed for role in after}
        write({"kind": "idle", "cores": idle})
        for turn in range(settings.rounds):
            for size in QUICK_SIZES if settings.quick else SIZES:
                folder = Path(scratch) / f"{turn}-{size}"
                folder.mkdir()
                seed = turn + 1
                with Meter() as meter:
                    run = campaign(size, seed, folder / "campaign").run(cluster).wait()
                refs = Store.open(run.store, create=False).chunks()
                alone = plain(size, seed, [Chunk(r.start, r.stop) for r in refs], folder)
                write(
                    {
                        "kind": "overhead",
                        "round": turn,
                        "size": size,
                        "chunks": len(refs),
                        "longest": max(map(len, refs)),
                        "wall": meter.wall,
                        "campaign": meter.by_role,
                        "plain": alone,
                    }
                )


def figures(records: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """The overhead in all, that of one more sample, and what a cluster costs that does nothing."""
    found = of_kind(records, "overhead")
    largest, least = max(r["size"] for r in found), min(r["size"] for r in found)
    of = {(r["round"], r["size"]): r for r in found}
    rounds = sorted({r["round"] for r in found})

    def cost(turn: int, size: int) -> float:
        return float(sum(of[turn, size]["campaign"].values()))

    whole = spread(100 * (cost(t, largest) / of[t, largest]["plain"] - 1) for t in rounds)
    each = spread(
        100
        * (
            marginal(cost(t, least), least, cost(t, largest), largest)
            / marginal(of[t, least]["plain"], least, of[t, largest]["plain"], largest)
            - 1
        )
        for t in rounds
    )
    idle = of_kind(records, "idle")[0]["cores"]
    return [
        Figure(
            name="overhead of one more sample of 1 ms on two workers",
            value=each,
            unit="%",
            target=5.0,
        ),
        Figure(
            name=f"the same of a whole campaign of {largest:,}, its start and end included",
            value=whole,
            unit="%",
        ),
        *(
            Figure(
                name=f"{role} that does nothing, of a core"
                + (" (both)" if role == "worker" else ""),
                value=spread([100 * share]),
                unit="%",
            )
            for role, share in sorted(idle.items())
        ),
    ]


def details(records: Sequence[Mapping[str, Any]]) -> str:
    """Where the processor time of the larger campaigns went."""
    found = of_kind(records, "overhead")
    largest = max(r["size"] for r in found)
    rows = [
        f"| {r['round']} | {r['chunks']} | {r['wall']:.1f} | {r['plain']:.2f} | "
        + " | ".join(f"{r['campaign'].get(k, 0.0):.2f}" for k in ("kernel", "scheduler", "worker"))
        + " |"
        for r in found
        if r["size"] == largest
    ]
    head = "| round | chunks | wall | plain process | kernel | scheduler | workers |"
    return "\n".join(
        [f"Processor seconds of campaigns of {largest:,}:", "", head, "|---|" + "---|" * 6, *rows]
    )
