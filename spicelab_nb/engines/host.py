"""The process in which an engine's library lives: ``python -m spicelab_nb.engines.host NAME``.

A SPICE library keeps state, may crash and may end its process, so it never shares one with a
notebook or a worker. This loop reads messages of points from a pipe and answers with vectors.
What it has to survive is told by its parent, :mod:`spicelab_nb.engines.hosted`; what it has to
end for by itself are its parent's death and its own time limit. For both it needs no Python
thread to get its turn: a library may hold the interpreter's lock for as long as it computes.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import select
import shutil
import signal
import struct
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from spicelab_nb.engines.engine import Analysis, Deck, Status
from spicelab_nb.engines.frames import read_frame, write_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Backend", "PointError", "ProcessLostError", "RawPlot", "main"]

PROGRESS = struct.Struct("<qq")
LOADING, IDLE = -1, -2
LOAD_LIMIT = 60.0
"""Least processor seconds that loading a deck may take: real design kits need seconds."""
QUIT = 70
"""Exit status after the deck made the engine end its process."""


class PointError(Exception):
    """A deck or a point failed; the text is the reason that a person reads."""


class ProcessLostError(PointError):
    """The same, and the library cannot be used any more in this process."""


class EngineQuitError(Exception):
    """The deck or a command told the engine to end its process."""


@dataclass(slots=True)
class RawPlot:
    """One plot as bytes.

    Parameters
    ----------
    layout
        ``(analysis, kind, scale names, vector names, complex)``.
    lengths
        Length of each axis.
    data
        The axes, then the vectors, one after the other, float64 or complex128.
    """

    layout: tuple[str, str, tuple[str, ...], tuple[str, ...], bool]
    lengths: tuple[int, ...]
    data: bytes


@dataclass(slots=True)
class Result:
    """What one point gave, before it is packed."""

    status: int = Status.OK
    reason: str = ""
    log: tuple[str, ...] = ()
    cpu: float = 0.0
    plots: list[RawPlot] = field(default_factory=list)
    meas: dict[str, float] = field(default_factory=dict)
    base_failed: bool = False
    replace: bool = False


class Backend(Protocol):
    """A library inside the host process."""

    holds_lock: bool
    """Whether the library keeps the interpreter's lock while it computes."""

    def load(self, deck: Deck, seed: int | None) -> None:
        """Load a deck and forget everything before; raises PointError."""

    def simulate(self, commands: Sequence[str]) -> tuple[list[RawPlot], dict[str, float]]:
        """Apply commands and run every analysis of the loaded deck; raises PointError."""

    def suspicious(self) -> bool:
        """Whether the last point left traces that could change the next one."""

    def take_log(self) -> tuple[str, ...]:
        """Last lines printed since the last call."""


def make_backend(name: str, library: str) -> Backend:
    """Load the library that this host is for."""
    if name == "ngspice":
        from spicelab_nb.engines.ngspice.backend import NgspiceBackend

        return NgspiceBackend(library)
    from spicelab_nb.engines.neospice import NeospiceBackend

    return NeospiceBackend()


class Desk:
    """The decks and files of this host, and which of them is loaded in which state."""

    def __init__(self, backend: Backend, mark: Callable[[int, int], None]) -> None:
        self.backend = backend
        self.mark = mark
        self.base: Deck | None = None
        self.loaded: Deck | None = None
        self.touched: tuple[str, ...] = ()
        self.written: dict[str, bytes] = {}
        self.placed: set[str] = set()

    def receive(self, packed: tuple[Any, ...]) -> Deck:
        """Unpack a deck; a file given as None is the one received last under that path."""
        text, files, setup, osdi, analyses, save, meas = packed
        contents = {k: self.written[k] if v is None else v for k, v in files.items()}
        self.written = contents
        return Deck(
            text=text,
            files=contents,
            setup=setup,
            osdi=osdi,
            analyses=tuple(Analysis(name=n, kind=k, command=c) for n, k, c in analyses),
            save=save,
            meas=meas,
        )

    def load(self, deck: Deck, seed: int | None) -> None:
        self.loaded = None
        self.place(deck)
        self.backend.load(deck, seed)
        self.loaded, self.touched = deck, ()

    def place(self, deck: Deck) -> None:
        """Make the working directory hold the files of this deck and no other."""
        for old in self.placed - set(deck.files):
            Path(old).unlink(missing_ok=True)
        for name, content in deck.files.items():
            path = Path(name)
            if path.is_absolute() or ".." in path.parts:
                raise PointError(
                    f"The deck's file {name!r} lies outside its folder; use a relative path."
                )
            if not path.exists() or path.read_bytes() != content:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        self.placed = set(deck.files)

    def ready(self, commands: Sequence[str], seed: int | None, limit: float) -> None:
        """Have the base deck loaded so that nothing of an earlier point is left in it.

        A point that sets exactly what the former one set overwrites it; any other starts from a
        fresh load.
        """
        targets = tuple(c.partition("=")[0] for c in commands)
        clean = self.loaded is self.base and self.touched in {(), targets}
        if not clean or seed is not None:
            assert self.base is not None  # noqa: S101 - a message always brings its deck first
            self.mark(LOADING, 0)
            arm(max(limit, LOAD_LIMIT))
            self.load(self.base, seed)
        self.touched = targets


def arm(seconds: float) -> None:
    """Let the kernel end this process after so much processor time of its own; 0 disarms.

    SIGPROF keeps its default action on purpose: it works while C code holds the lock.
    """
    signal.setitimer(signal.ITIMER_PROF, seconds)


def compute(desk: Desk, index: int, point: tuple[Any, ...], limit: float) -> Result:
    """Simulate one point and say what became of it."""
    commands, own, seed = point
    result = Result()
    start = time.process_time()
    backend = desk.backend
    stage = "load"
    try:
        if own is None:
            desk.ready(commands, seed, limit)
            stage = "point"
            desk.mark(index, 0)
            arm(limit)
        else:
            stage = "point"
            desk.mark(index, 0)
            arm(limit)
            desk.load(own, seed)
        result.plots, result.meas = backend.simulate(commands)
        if backend.suspicious():
            desk.loaded = None
    except PointError as error:
        result.status = Status.FAILED
        result.reason = str(error)
        result.base_failed = stage == "load"
        result.replace = isinstance(error, ProcessLostError)
        desk.loaded = None
    except EngineQuitError:
        if stage == "point":
            os._exit(QUIT)
        result.status = Status.FAILED
        result.reason = "The deck tells the engine to quit; take that line out."
        result.base_failed = result.replace = True
    finally:
        arm(0)
    log = backend.take_log()
    if result.status != Status.OK:
        result.log = log
    result.cpu = time.process_time() - start
    return result


def memory() -> int:
    """Resident bytes of this process."""
    with Path("/proc/self/statm").open("rb") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def watch(lifeline: int, root: str) -> None:
    """Leave as soon as the parent's end of the lifeline closes."""
    poll = select.poll()
    poll.register(lifeline, 0)
    parent = os.getppid()
    while not poll.poll(1000) and os.getppid() == parent:
        pass
    shutil.rmtree(root, ignore_errors=True)
    os._exit(0)


def main(arguments: list[str]) -> None:
    """Serve messages until the pipe closes."""
    name, library, root = arguments
    requests, replies = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what the library writes to its standard output must not reach the pipe
    threading.Thread(target=watch, args=(requests, root), daemon=True).start()
    with (Path(root) / "progress").open("r+b") as handle:
        board = mmap.mmap(handle.fileno(), PROGRESS.size)

    def mark(index: int, extra: int) -> None:
        PROGRESS.pack_into(board, 0, index, extra)

    mark(IDLE, 0)
    try:
        backend = make_backend(name, library)
    except (OSError, ImportError, AttributeError) as error:
        write_frame(replies, ("broken", str(error)))
        return
    if backend.holds_lock:
        # The watching thread would wait for the lock: let the kernel end us instead. Nothing is
        # ever written to this pipe, so its signal can only mean that the other end closed.
        lifeline = int(os.environ["SPICELAB_NB_LIFELINE"])
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC)
    write_frame(replies, ("ready", os.getpid()))
    desk = Desk(backend, mark)
    layouts: dict[Any, int] = {}
    while True:
        try:
            deck, points, limit = read_frame(requests)
        except EOFError:
            shutil.rmtree(root, ignore_errors=True)
            os._exit(0)
        if deck is not None:
            desk.base, desk.loaded = desk.receive(deck), None
        # Both ends keep account of the files by the order of decks: take all before the first runs.
        points = [(c, None if d is None else desk.receive(d), s) for c, d, s in points]
        results = []
        fresh: list[Any] = []
        for index, point in enumerate(points):
            result = compute(desk, index, point, limit)
            plots = []
            for plot in result.plots:
                number = layouts.get(plot.layout)
                if number is None:
                    number = layouts[plot.layout] = len(layouts)
                    fresh.append(plot.layout)
                plots.append((number, plot.lengths, plot.data))
            results.append(
                (
                    int(result.status),
                    result.reason,
                    result.log,
                    result.cpu,
                    plots,
                    result.meas,
                    result.base_failed,
                )
            )
            if result.replace or result.base_failed:
                break
        mark(IDLE, 0)
        write_frame(replies, ("done", fresh, results, memory(), result.replace))


if __name__ == "__main__":
    # Run the importable module, so that its exceptions are the ones that backends raise.
    from spicelab_nb.engines import host

    host.main(sys.argv[1:])
