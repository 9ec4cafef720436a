"""What a worker and its children hold in memory, and the end of one that holds too much.

A worker is ended before the machine runs out: what the system ends then may be the notebook. The
watch runs in the worker, so that it sees a fast growth in time, and leaves a note that says why.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from spicelab_nb.clusters.registry import write_file

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["amount", "leave_note", "overdrawn", "read_note", "resident", "watch_memory"]

GLANCE = 0.1
"""Seconds between two looks; one costs less than 0.1 ms."""

_PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident(pid: int) -> int:
    """Resident bytes of a process and all that it started; 0 where it has ended.

    Source: ``/proc/PID/statm`` and ``/proc/PID/task/*/children`` where there are any, else psutil.
    Pages that several of them share count for each.
    """
    if not (_PROC / str(pid) / "task").exists():
        return _resident_elsewhere(pid)
    total, ahead = 0, [pid]
    # Plain calls: ten times a second in each worker, pathlib would take four times as long.
    while ahead:
        folder = f"/proc/{ahead.pop()}"
        try:
            total += int(_read(f"{folder}/statm").split()[1]) * _PAGE
            for task in os.listdir(f"{folder}/task"):  # noqa: PTH208 - see above
                ahead += map(int, _read(f"{folder}/task/{task}/children").split())
        except (OSError, IndexError, ValueError):
            continue  # it ended between two looks
    return total


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 1 << 16)
    finally:
        os.close(descriptor)


def _resident_elsewhere(pid: int) -> int:
    total = 0
    try:
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            total += int(each.memory_info().rss)
    except psutil.Error:
        return total
    return total


def amount(size: float) -> str:
    """A number of bytes as a person writes it: ``"2.1 GiB"``."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def overdrawn(used: int, limit: int) -> str:
    """How a worker ended that held more than it may, to follow its name in a sentence."""
    return (
        f"was ended because it used {amount(used)} of the {amount(limit)} of memory that it may use"
    )


def watch_memory(limit: int, note: Callable[[str], None]) -> None:
    """End this process and its group when they hold more than `limit` bytes.

    Parameters
    ----------
    limit
        Bytes; 0: no limit.
    note
        Told why, before the end.
    """
    if limit:
        threading.Thread(target=_watch, args=(limit, note), name="memory", daemon=True).start()


def _watch(limit: int, note: Callable[[str], None]) -> None:
    mine, stop = os.getpid(), threading.Event()
    while not stop.wait(GLANCE):
        used = resident(mine)
        if used > limit:
            try:
                note(overdrawn(used, limit))
            finally:
                if os.getpgrp() == mine:
                    os.killpg(mine, signal.SIGKILL)
                os._exit(1)


def leave_note(folder: Path, pid: int, address: str, how: str) -> None:
    """Write down how the worker at `address` ended, for whoever asks why its chunks were lost."""
    write_file(folder / f"ended-{pid}", json.dumps({"address": address, "how": how}))


def read_note(folder: Path, address: str) -> str:
    """How the worker at `address` ended; "" where no note says so."""
    for path in folder.glob("ended-*"):
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # being written, or removed with its cluster
        if said["address"] == address:
            return str(said["how"])
    return ""
