"""Processor time of a process tree, rounds that interleave methods, medians and ratios.

Linux counts for each process what it used itself, and what those of its children used that have
ended and were waited for. The sum over a tree therefore loses nothing when a process of it ends.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

__all__ = [
    "Meter",
    "Spread",
    "forget_peak",
    "interleaved",
    "marginal",
    "peak_memory",
    "ratios",
    "role_of",
    "spread",
    "thread_seconds",
    "tree_seconds",
]

T = TypeVar("T")

ROLES = (
    ("engine", "spicelab_nb.engines.host"),
    ("scheduler", " scheduler"),
    ("worker", "spicelab_nb.clusters.process"),
    ("ray scheduler", "raylet"),
    ("ray scheduler", "gcs_server"),
    ("worker", "ray::"),
    ("ray helpers", "/ray/"),
)
"""A process is the first role whose mark stands in its command line."""
CHILDREN = {"worker": "engine"}
"""What the children of a role are, where all are of one kind: those that ended count for that."""


def role_of(process: psutil.Process) -> str:
    """``kernel`` (this process), ``scheduler``, ``worker``, ``engine``, ..., or ``other``."""
    if process.pid == os.getpid():
        return "kernel"
    line = " ".join(process.cmdline())
    if not line and (parent := process.parent()) is not None:
        # It has ended and nobody has fetched its status yet: its command line is gone before it is.
        above = role_of(parent)
        return CHILDREN.get(above, above)
    return next((role for role, mark in ROLES if mark in line), "other")


def tree_seconds(
    root: int | None = None, *, roles: Callable[[psutil.Process], str] = role_of
) -> dict[str, float]:
    """Processor seconds that a process and all below it have used since they started, by role.

    Parameters
    ----------
    root
        Process id; None: this process.
    roles
        Names the part that a process plays. Children that ended count for what their parent's
        children are, or for their parent's.
    """
    top = psutil.Process(root)
    seconds: defaultdict[str, float] = defaultdict(float)
    for process in [top, *top.children(recursive=True)]:
        try:
            role, used = roles(process), process.cpu_times()
        except psutil.NoSuchProcess:
            continue  # it ended a moment ago: its parent has its time by the next look
        seconds[role] += used.user + used.system
        seconds[CHILDREN.get(role, role)] += used.children_user + used.children_system
    return dict(seconds)


def thread_seconds() -> dict[str, float]:
    """Processor seconds of each thread of this process that lives, by its name in Python."""
    used = {
        thread.id: thread.user_time + thread.system_time for thread in psutil.Process().threads()
    }
    seconds: defaultdict[str, float] = defaultdict(float)
    for thread in threading.enumerate():
        told = Path(f"/proc/self/task/{thread.native_id}/schedstat")
        if told.exists():  # in nanoseconds; else in hundredths of a second
            seconds[thread.name] += int(told.read_text(encoding="ascii").split()[0]) * 1e-9
        else:
            seconds[thread.name] += used.get(thread.native_id, 0.0)
    return dict(seconds)


@dataclass
class Meter:
    """Processor and wall seconds of a ``with`` block, over this process and all below it.

    Parameters
    ----------
    root
        Process id at the top of the tree; None: this process.

    Attributes
    ----------
    wall : float
        Seconds.
    by_role : dict of str to float
        Processor seconds, by `role_of`.

    Examples
    --------
    >>> with Meter() as meter:
    ...     _ = sum(range(1000))
    >>> meter.cpu >= 0
    True
    """

    root: int | None = None
    wall: float = 0.0
    by_role: dict[str, float] = field(default_factory=dict)

    @property
    def cpu(self) -> float:
        """Processor seconds of all roles together."""
        return sum(self.by_role.values())

    def __enter__(self) -> Self:
        self._before = tree_seconds(self.root)
        self._begun = time.perf_counter()
        return self

    def __exit__(self, *exc: object) -> None:
        self.wall = time.perf_counter() - self._begun
        after = tree_seconds(self.root)
        # The time of a process that ended in between may have moved to its parent's role: a role
        # may come out negative, the sum never does.
        roles = sorted(set(after) | set(self._before))
        self.by_role = {r: after.get(r, 0.0) - self._before.get(r, 0.0) for r in roles}


def peak_memory(pid: int | None = None) -> int:
    """Most resident bytes that a process ever had (or had since `forget_peak`)."""
    status = Path(f"/proc/{pid or os.getpid()}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def forget_peak(pid: int | None = None) -> None:
    """Let `peak_memory` of a process start anew from what it has now."""
    Path(f"/proc/{pid or os.getpid()}/clear_refs").write_text("5", encoding="ascii")


def interleaved(methods: Sequence[T], rounds: int) -> Iterator[tuple[int, T]]:
    """Give ``(round, method)``: each method once a round, each round starting with another.

    What else the machine does comes and goes: methods are compared within a round, and none of
    them always comes after the same other.
    """
    for turn in range(rounds):
        for place in range(len(methods)):
            yield turn, methods[(turn + place) % len(methods)]


def marginal(small: float, few: int, large: float, many: int) -> float:
    """What one more costs: `few` cost `small` and `many` cost `large`, start-up taken out.

    Raises
    ------
    ValueError
        The sizes are not ascending.
    """
    if not 0 <= few < many:
        raise ValueError(f"Two ascending sizes are needed, not {few} and {many}.")
    return (large - small) / (many - few)


@dataclass(frozen=True)
class Spread:
    """Median and range of some values."""

    median: float
    low: float
    high: float
    count: int

    def __format__(self, spec: str) -> str:
        """``median (low to high)``, each in the format given."""
        spec = spec or ".3g"
        return f"{self.median:{spec}} ({self.low:{spec}} to {self.high:{spec}})"


def spread(values: Iterable[float]) -> Spread:
    """Median, least and greatest.

    Raises
    ------
    ValueError
        There are no values.
    """
    known = sorted(values)
    if not known:
        raise ValueError("There is nothing to take the median of.")
    return Spread(statistics.median(known), known[0], known[-1], len(known))


def ratios(of: Mapping[int, float], to: Mapping[int, float]) -> Spread:
    """Spread of ``of / to``, round by round, over the rounds that have both.

    Parameters
    ----------
    of, to
        Round to cost.

    Raises
    ------
    ValueError
        No round has both.
    """
    return spread(of[turn] / to[turn] for turn in sorted(set(of) & set(to)))
