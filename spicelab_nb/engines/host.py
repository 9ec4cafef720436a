"""The process in which an engine's library lives: ``python -m spicelab_nb.engines.host NAME``.

A SPICE library keeps state, may crash and may end its process, so it never shares one with a
notebook or a worker. This loop reads messages of points from a pipe and answers with vectors.
What it has to survive is told by its parent, :mod:`spicelab_nb.engines.hosted`; what it has to
end for by itself are its parent's death and its own time limit. For both it needs no Python
thread to get its turn: a library may hold the interpreter's lock for as long as it computes.
"""

from __future__ import annotations

import enum
import fcntl
import mmap
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from spicelab_nb.engines.frames import IDLE, LOADING, PROGRESS, QUIT, read_frame, write_frame
from spicelab_nb.engines.messages import DeckReceiver, RawPlot, ReplyWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spicelab_nb.engines.engine import Deck

__all__ = ["Backend", "EngineQuitError", "PointError", "ProcessLostError", "RawPlot", "main"]

LOAD_LIMIT = 60.0
"""Least processor seconds that loading a deck may take: real design kits need seconds."""


class PointError(Exception):
    """A deck or a point failed; the text is the reason that a person reads."""


class ProcessLostError(PointError):
    """The same, and the library cannot be used any more in this process."""


class EngineQuitError(Exception):
    """The deck or a command told the engine to end its process."""


class Backend(Protocol):
    """A library inside the host process."""

    def load(self, deck: Deck, seed: int | None) -> None:
        """Load a deck and forget everything before; raises PointError."""

    def simulate(self, commands: Sequence[str]) -> tuple[list[RawPlot], dict[str, float]]:
        """Apply commands and run every analysis of the loaded deck; raises PointError."""

    def suspicious(self) -> bool:
        """Whether the last point left traces that could change the next one."""

    def take_log(self) -> tuple[str, ...]:
        """Last lines printed since the last point."""

    def forget(self) -> None:
        """Let go of what was printed, and of whatever else a point leaves."""


def make_backend(name: str, library: str) -> Backend:
    """Load the library that this host is for."""
    if name == "ngspice":
        from spicelab_nb.engines.ngspice.backend import NgspiceBackend

        return NgspiceBackend(library)
    from spicelab_nb.engines.neospice import NeospiceBackend

    return NeospiceBackend()


class Desk:
    """The decks and files of this host, and which of them is loaded in which state."""

    def __init__(self, backend: Backend, mark: Callable[[int], None]) -> None:
        self.backend = backend
        self.mark = mark
        self.base: Deck | None = None
        self.loaded: Deck | None = None
        self.touched: tuple[str, ...] = ()
        self.placed: set[str] = set()

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
        targets = tuple([c.partition("=")[0] for c in commands])
        clean = self.loaded is self.base and self.touched in {(), targets}
        if not clean or seed is not None:
            assert self.base is not None  # noqa: S101 - a message always brings its deck first
            self.mark(LOADING)
            arm(max(limit, LOAD_LIMIT))
            self.load(self.base, seed)
        self.touched = targets


def arm(seconds: float) -> None:
    """Let the kernel end this process after so much processor time of its own; 0 disarms.

    SIGPROF keeps its default action on purpose: it works while C code holds the lock.
    """
    signal.setitimer(signal.ITIMER_PROF, seconds)


class Next(enum.Enum):
    """What follows a point."""

    POINT = enum.auto()
    MESSAGE = enum.auto()
    PROCESS = enum.auto()
    """This one cannot be used any more."""


def compute(
    desk: Desk, index: int, point: tuple[Any, ...], limit: float, reply: ReplyWriter
) -> Next:
    """Simulate one point and add what became of it to the reply."""
    commands, own, seed = point
    backend = desk.backend
    start = time.process_time()
    loading = own is None
    try:
        if own is None:
            desk.ready(commands, seed, limit)
            loading = False
        desk.mark(index)
        arm(limit)
        if own is not None:
            desk.load(own, seed)
        plots, meas = backend.simulate(commands)
        if backend.suspicious():
            desk.loaded = None
        backend.forget()
        reply.add(plots, meas, time.process_time() - start)
    except PointError as error:
        reason = str(error)
        then = Next.MESSAGE if loading else Next.POINT
        if isinstance(error, ProcessLostError):
            then = Next.PROCESS
    except EngineQuitError:
        if not loading:
            os._exit(QUIT)
        reason = "The deck tells the engine to quit; take that line out."
        then = Next.PROCESS
    else:
        return Next.POINT
    desk.loaded = None
    log = backend.take_log()
    backend.forget()
    reply.fail(reason, log, time.process_time() - start, base=loading)
    return then


def memory() -> int:
    """Resident bytes of this process."""
    with Path("/proc/self/statm").open("rb") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def follow_parent() -> None:
    """Let the kernel end this process when the parent's end of the lifeline closes.

    Nothing is ever written to that pipe, so its signal can only mean that. A thread that watches
    would not do: a library may hold the interpreter's lock, and memory is slower in a process with
    threads (glibc locks it, a tenth of a transient analysis). Between messages the signal waits:
    there the end of the requests is noticed, and what was written is taken away.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGIO})
    lifeline = int(os.environ["SPICELAB_NB_LIFELINE"])
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC)


def main(arguments: list[str]) -> None:
    """Serve messages until the pipe closes."""
    name, library, root = arguments
    requests, replies = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what the library writes to its standard output must not reach the pipe
    follow_parent()
    with (Path(root) / "progress").open("r+b") as handle:
        board = mmap.mmap(handle.fileno(), PROGRESS.size)

    def mark(index: int) -> None:
        PROGRESS.pack_into(board, 0, index)

    mark(IDLE)
    try:
        backend = make_backend(name, library)
    except (OSError, ImportError, AttributeError) as error:
        write_frame(replies, ("broken", str(error)))
        return
    write_frame(replies, ("ready", os.getpid()))
    desk = Desk(backend, mark)
    receiver = DeckReceiver()
    layouts: dict[Any, int] = {}
    while True:
        try:
            deck, points, limit = read_frame(requests)
        except EOFError:
            shutil.rmtree(root, ignore_errors=True)
            os._exit(0)
        if deck is not None:
            desk.base, desk.loaded = receiver.unpack(deck), None
        # Both ends keep account of the files by the order of decks: take all before the first runs.
        points = [(c, None if d is None else receiver.unpack(d), s) for c, d, s in points]
        reply = ReplyWriter(layouts)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGIO})
        then = Next.POINT
        for index, point in enumerate(points):
            then = compute(desk, index, point, limit, reply)
            if then is not Next.POINT:
                break
        arm(0)
        mark(IDLE)
        write_frame(replies, (reply.packed(), memory(), then is Next.PROCESS))
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGIO})


if __name__ == "__main__":
    # Run the importable module, so that its exceptions are the ones that backends raise.
    from spicelab_nb.engines import host

    host.main(sys.argv[1:])
