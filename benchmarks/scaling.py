"""What 10,000 cores would ask of each part: ``python -m benchmarks.scaling``, some minutes.

The driver runs against an executor of 10,000 slots in a time of its own; the scheduler is a real
one, which is handed tasks that do nothing; the store is listed with as many chunks as there would
be. The figures go to ``docs/scaling.md``, between its markers.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import spicelab_nb as sl
from benchmarks import machine
from benchmarks.measurement import tree_seconds
from spicelab_nb.campaigns.driver import Driver
from spicelab_nb.campaigns.progress import Tally
from spicelab_nb.results.store import Store
from spicelab_nb.simulators.simulator import Batch
from spicelab_nb.testing.simulated import SimulatedExecutor, VirtualClock
from spicelab_nb.testing.stores import example_plan

if TYPE_CHECKING:
    from spicelab_nb.executors.executor import Chunk

PAGE = Path(__file__).resolve().parent.parent / "docs" / "scaling.md"
BEGIN, END = "<!-- scaling -->", "<!-- end of scaling -->"


class _Listed:
    url = "listed"

    def __init__(self, size: int) -> None:
        self.left = size

    def gaps(self, size: int) -> list[tuple[int, int]]:
        return [(0, size)] if self.left else []


class _Nothing:
    def release(self) -> None:
        """Nothing is warm."""


def driver(slots: int, seconds: float, points: int) -> dict[str, float]:
    """Drive a campaign of `points` on `slots`, each point taking `seconds`."""
    clock, store = VirtualClock(), _Listed(points)

    def done(chunk: Chunk) -> None:
        store.left -= len(chunk)

    executor = SimulatedExecutor(slots, seconds, clock=clock, done=done)
    made: Any = Driver
    used = time.process_time()
    run = made(
        name="simulated",
        task=_Nothing(),
        store=store,
        size=points,
        tally=Tally(points, specs={}, points_per_sample=1, clock=clock),
        open_executor=lambda: executor,
        clock=clock,
    )
    run.start()
    run.wait()
    used = time.process_time() - used
    if run.error is not None:
        raise run.error
    times = np.array([at for at, _ in executor.handed_out])
    most = np.searchsorted(times, times + 1 - 1e-9) - np.arange(len(times))
    chunks = len(times)
    return {
        "slots": slots,
        "seconds": seconds,
        "points": points,
        "chunks": chunks,
        "rate": float(most.max()),
        "longest": max(len(c) for _, c in executor.handed_out) * seconds,
        "span": max(executor.busy_until),
        "ideal": points * seconds / slots,
        "us": 1e6 * used / chunks,
    }


def _nothing(i: int) -> int:
    return i


def scheduler(tasks: int) -> dict[str, float]:
    """Hand a real scheduler tasks that do nothing, a few hundred at a time."""
    with sl.cluster("local", workers=2, dashboard=False) as cluster:
        client: Any = cluster.client
        client.gather(client.map(_nothing, range(100), pure=False))
        before, begun = tree_seconds(), time.perf_counter()
        for first in range(0, tasks, 250):
            client.gather(client.map(_nothing, range(first, first + 250), pure=False))
        passed, after = time.perf_counter() - begun, tree_seconds()
    spent = {k: 1e3 * (after[k] - before.get(k, 0.0)) / tasks for k in after}
    return {"tasks": tasks, "rate": tasks / passed, **spent}


def store(location: str, chunks: int) -> dict[str, float]:
    """Publish one chunk, put as many copies under other names, list them in a fresh process's way.

    The copies are not read: a listing looks at names and at the end of each object.
    """
    made = Store.open(location, create=True)
    made.create(example_plan(), 10 * chunks)
    batch = Batch(
        start=0, status=np.zeros(10, np.int8), measures={"f3db": np.arange(10.0)}, cpu=np.zeros(10)
    )
    values = {"R1": np.arange(10.0)}
    used = time.process_time()
    made.publish(batch, values=values, receipt={"worker": "here"})
    for i in range(1, 50):
        made.publish(
            Batch(start=10 * i, status=batch.status, measures=batch.measures, cpu=batch.cpu),
            values=values,
            receipt={"worker": "here"},
        )
    publish = (time.process_time() - used) / 50
    (first, *_) = made.chunks()
    data = made.objects.get(f"chunks/{first.name}") or b""
    for i in range(50, chunks):
        name = f"chunks/{10 * i:012d}-{10 * i + 10:012d}.npz"
        if location.startswith("s3://"):
            made.objects.put(name, data)
        else:
            (Path(location) / name).write_bytes(data)
    fresh = Store.open(location, create=False)
    begun = time.perf_counter()
    listed = len(fresh.chunks())
    cold = time.perf_counter() - begun
    begun = time.perf_counter()
    fresh.gaps(10 * chunks)
    warm = time.perf_counter() - begun
    if listed != chunks:
        raise ValueError(f"{listed} of {chunks} chunks were listed.")
    return {"chunks": chunks, "bytes": len(data), "publish": publish, "cold": cold, "warm": warm}


def _bucket() -> tuple[Any, str]:
    import logging

    import s3fs
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }
    s3fs.S3FileSystem().mkdir("scaling")
    return server, "s3://scaling/run"


def table() -> str:
    """Measure everything; gives the Markdown."""
    lines = [
        "| slots | a sample | samples | chunks | most asked in a second | longest chunk | done in "
        "| at best | client's CPU a chunk |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for slots, seconds, points in (
        (10_000, 1e-3, 10_000_000),
        (10_000, 1e-3, 100_000_000),
        (10_000, 1.0, 1_000_000),
        (10_000, 60.0, 100_000),
        (1000, 1e-3, 10_000_000),
    ):
        d = driver(slots, seconds, points)
        lines.append(
            f"| {slots:,} | {seconds:g} s | {points:,} | {d['chunks']:,.0f} | {d['rate']:.0f} | "
            f"{d['longest']:.1f} s | {d['span']:.0f} s | {d['ideal']:.0f} s | {d['us']:.0f} us |"
        )
    s = scheduler(5000)
    lines += [
        "",
        f"A scheduler and two workers on this machine took {s['rate']:.0f} empty tasks a second, "
        f"handed out 250 at a time. A task cost {s.get('scheduler', 0.0):.2f} ms of processor time "
        f"in the scheduler, {s.get('kernel', 0.0):.2f} ms in the client and "
        f"{s.get('worker', 0.0):.2f} ms in the workers.",
        "",
        "| chunks | where | bytes of one | publishing, CPU | listed the first time | again |",
        "|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as scratch:
        for chunks in (10_000, 100_000):
            f = store(f"{scratch}/{chunks}", chunks)
            lines.append(_row("folder", f))
    server, url = _bucket()
    try:
        lines.append(_row("bucket (moto, on loopback)", store(url, 2000)))
    finally:
        server.stop()
    told, now = machine.describe(), machine.conditions()
    lines += [
        "",
        f"Measured once on {now['time'][:10]}: {told['cpu']}, {told['cores']} cores, load "
        f"{now['load'][0]} at the end; Python {told['python']}; commit {told['commit']}.",
    ]
    return "\n".join(lines)


def _row(where: str, f: dict[str, float]) -> str:
    return (
        f"| {f['chunks']:,} | {where} | {f['bytes']:,} | {1e3 * f['publish']:.1f} ms | "
        f"{f['cold']:.2f} s | {f['warm']:.2f} s |"
    )


def main() -> None:
    """Measure, print, and fill the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--page", type=Path, default=PAGE)
    page = parser.parse_args().page
    text = table()
    print(text)
    whole = page.read_text(encoding="utf-8")
    before, _, rest = whole.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
