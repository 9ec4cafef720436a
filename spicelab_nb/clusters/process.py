"""The command that a local cluster's scheduler and workers run.

``python -m spicelab_nb.clusters.process FOLDER scheduler`` or ``... FOLDER worker NUMBER``;
everything else is in ``FOLDER/start.json``, so that a process title shows nothing but a path.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

from spicelab_nb.clusters import leash, pacing
from spicelab_nb.clusters.certificates import Credentials
from spicelab_nb.clusters.memory import leave_note, watch_memory
from spicelab_nb.clusters.registry import write_file

__all__ = ["main"]

HOST = "127.0.0.1"


def main() -> None:
    """Run what the command line names until it is told to end, or the owner is gone."""
    folder, role, *number = sys.argv[1:]
    start = json.loads((Path(folder) / "start.json").read_text(encoding="utf-8"))
    leash.follow(start["owner"])
    # The search path came in PYTHONPATH; programs that are started from here get the user's own.
    if start["pythonpath"] is None:
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environ["PYTHONPATH"] = start["pythonpath"]
    pacing.slow_down()
    if role == "scheduler":
        asyncio.run(_scheduler(Path(folder), start))
    else:
        asyncio.run(_worker(Path(folder), start, int(number[0])))
    sys.stdout.flush()
    sys.stderr.flush()
    # A worker's thread may still compute a chunk that nobody waits for.
    os._exit(0)


async def _scheduler(folder: Path, start: dict[str, Any]) -> None:
    import dask
    from distributed import Scheduler

    class ChunkScheduler(Scheduler):
        def is_rootish(self, ts: Any) -> bool:
            # Keep chunks in the scheduler's queue until a thread is free: a worker that dies then
            # takes along only what it was running.
            key = ts.key[0] if isinstance(ts.key, tuple) else ts.key
            return str(key).startswith("spicelab_nb-") or bool(super().is_rootish(ts))

        def heartbeat_worker(self, *args: Any, **options: Any) -> dict[str, Any]:
            answer = super().heartbeat_worker(*args, **options)
            if "heartbeat-interval" in answer:
                interval = max(answer["heartbeat-interval"], pacing.HEARTBEAT_SECONDS)
                answer["heartbeat-interval"] = interval
            return answer

    with dask.config.set(
        {
            # A chunk whose worker died is reported at once; the campaign decides what next.
            "distributed.scheduler.allowed-failures": 0,
            "distributed.scheduler.worker-saturation": 1.0,
        }
    ):
        async with ChunkScheduler(
            host=HOST,
            port=0,
            protocol="tls",
            security=Credentials.within(folder).security(),
            dashboard=start["dashboard"],
            dashboard_address=f"{HOST}:0",
        ) as scheduler:
            write_file(folder / "scheduler.json", json.dumps({"address": scheduler.address}))
            await _until_told(scheduler.finished())
            await _close(scheduler.close())


async def _worker(folder: Path, start: dict[str, Any], number: int) -> None:
    import dask
    from distributed import Worker

    # A worker that holds much of its memory goes on working; at its limit it is ended. Dask would
    # hand it nothing any more, and a campaign whose simulator needs much would stand still.
    dask.config.set({"distributed.worker.memory.pause": False})

    # Importing takes as long as the scheduler needs to come up: both go on side by side.
    threading.Thread(target=_warm_up, name="warm-up", daemon=True).start()
    address = await _scheduler_address(folder / "scheduler.json", start["timeout"])
    async with Worker(
        address,
        name=f"{start['name']}-{number}",
        nthreads=start["threads"],
        memory_limit=start["memory_limit"],
        local_directory=start["scratch"],
        security=Credentials.within(folder).security(),
        host=HOST,
        protocol="tls",
        dashboard=False,
        dashboard_address=f"{HOST}:0",
        # The scheduler's end is the cluster's end; there is nothing to reconnect to.
        death_timeout=start["timeout"],
    ) as worker:
        mine = os.getpid()
        write_file(folder / f"joined-{mine}", worker.address)
        watch_memory(start["memory_limit"], partial(leave_note, folder, mine, worker.address))
        await _until_told(worker.finished())
        await _close(worker.close(timeout=1, executor_wait=False))


def _warm_up() -> None:
    from spicelab_nb.executors.payload import warm_up

    warm_up()


async def _scheduler_address(path: Path, timeout: float) -> str:
    end = time.monotonic() + timeout
    while True:
        with contextlib.suppress(FileNotFoundError):
            return str(json.loads(path.read_text(encoding="utf-8"))["address"])
        if time.monotonic() > end:
            sys.exit(f"The scheduler gave no address within {timeout:g} s.")
        await asyncio.sleep(0.02)


async def _until_told(finished: Any) -> None:
    """Wait for SIGTERM, or for the server to end by itself."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    waiting = [asyncio.ensure_future(told.wait()), asyncio.ensure_future(finished)]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    waiting[0].cancel()


async def _close(closing: Any) -> None:
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(closing, 2)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
