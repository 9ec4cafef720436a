"""One host process of an engine, from the parent's side: start, messages, loss, end."""

from __future__ import annotations

import mmap
import os
import platform
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spicelab_nb.engines.frames import HEADER, IDLE, LOADING, PROGRESS, QUIT, pack, unpack
from spicelab_nb.engines.messages import Answer, DeckSender, ReplyReader
from spicelab_nb.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spicelab_nb.engines.engine import Deck, Point

__all__ = ["HostLostError", "HostProcess", "process_key"]

GROWTH = 50 * 2**20
"""Bytes that a host may grow by before it is replaced."""
STANDSTILL = 120.0
"""Seconds without an answer and without any processor time, after which a host is given up."""
LOOK = 5.0
"""Seconds between two looks at a host that does not answer."""
PREFIX = "spicelab-nb-engine-"


class HostLostError(Exception):
    """The host process is gone; `index` says which point it was at."""

    def __init__(self, index: int, *, timeout: bool, reason: str, log: tuple[str, ...]) -> None:
        super().__init__(reason)
        self.index = index
        self.timeout = timeout
        self.reason = reason
        self.log = log


def process_key(deck: Deck) -> tuple[Any, ...]:
    """What cannot be undone in a process: a deck with another one needs another process."""
    return (deck.setup, tuple((path, deck.files.get(path)) for path in deck.osdi))


class HostProcess:
    """One host process and the pipes to it.

    Parameters
    ----------
    name
        Name of the engine.
    library
        Path of its shared library, or ``""``.

    Attributes
    ----------
    elapsed : float
        Wall seconds that the last message took.
    spent : bool
        Whether it should be replaced before the next message.

    Raises
    ------
    EngineError
        It did not start.
    """

    def __init__(self, name: str, library: str) -> None:
        self.key: tuple[Any, ...] | None = None
        self.elapsed = 0.0
        self.spent = False
        self.name = name
        self._deck: Deck | None = None
        self._sender = DeckSender()
        self._reader = ReplyReader()
        self._baseline = 0
        _sweep()
        self.root = Path(tempfile.mkdtemp(prefix=f"{_prefix()}{os.getpid()}-"))
        work = self.root / "work"
        work.mkdir()
        (self.root / "home").mkdir()
        with (self.root / "progress").open("w+b") as board:
            board.write(PROGRESS.pack(IDLE))
            board.flush()
            self.board = mmap.mmap(board.fileno(), PROGRESS.size)
        lifeline, self._lifeline = os.pipe()
        with (self.root / "stderr").open("wb") as errors:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "spicelab_nb.engines.host",
                    name,
                    library,
                    str(self.root),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=work,
                env=_environment(self.root / "home", lifeline),
                bufsize=0,
                close_fds=True,
                pass_fds=(lifeline,),
                start_new_session=True,
            )
        os.close(lifeline)
        assert self.process.stdin is not None  # noqa: S101 - asked for above
        assert self.process.stdout is not None  # noqa: S101 - asked for above
        self._requests = self.process.stdin.fileno()
        self._replies = self.process.stdout.fileno()
        os.set_blocking(self._requests, False)
        try:
            answer = self._receive()
        except HostLostError as lost:
            self.close()
            tail = " ".join(lost.log[-3:])
            raise EngineError(
                f"The process for {name} did not start: {lost.reason} {tail}".rstrip()
            ) from lost
        except BaseException:
            self.close()
            raise
        if answer[0] != "ready":
            self.close()
            raise EngineError(
                f"{name} could not be loaded from {library or 'its package'}: {answer[1]}"
            )

    @property
    def position(self) -> int:
        """Index of the point that is computed, `LOADING` or `IDLE`."""
        return int(PROGRESS.unpack_from(self.board)[0])

    def exchange(self, deck: Deck, points: Sequence[Point], limit: float) -> Answer:
        """Send points of one deck, wait, and decode what came back.

        Raises
        ------
        HostLostError
            The process ended, or stands still.
        """
        started = time.monotonic()
        packed = None
        if deck is not self._deck:
            packed = None if deck == self._deck else self._sender.pack(deck)
            self._deck = deck
        self._send(pack((packed, self._sender.pack_points(points), float(limit))))
        reply, resident, finished = self._receive(limit=limit)
        self.elapsed = time.monotonic() - started
        self._baseline = self._baseline or resident
        self.spent = finished or resident - self._baseline > GROWTH
        return self._reader.read(reply)

    def _send(self, frame: bytes) -> None:
        view = memoryview(frame)
        poll = select.poll()
        poll.register(self._requests, select.POLLOUT)
        while view:
            self._wait(poll)
            try:
                view = view[os.write(self._requests, view) :]
            except BrokenPipeError:
                raise self._lost("", timeout=False) from None

    def _receive(self, *, limit: float = 0.0) -> Any:
        poll = select.poll()
        poll.register(self._replies, select.POLLIN)
        parts = bytearray()
        size = None
        while size is None or len(parts) < size + HEADER.size:
            self._wait(poll)
            want = (HEADER.size if size is None else size + HEADER.size) - len(parts)
            part = os.read(self._replies, min(want, 1 << 20))
            if not part:
                raise self._lost("", timeout=False, limit=limit)
            parts += part
            if size is None and len(parts) == HEADER.size:
                (size,) = HEADER.unpack(parts)
        return unpack(memoryview(parts)[HEADER.size :])

    def _wait(self, poll: select.poll) -> None:
        """Wait for a pipe; give up where the process neither answers nor computes.

        Its own limit counts processor time and cannot end a process that gets none: one that was
        stopped, or that waits for a disk or a lock. Looks are counted, not the clock: after both
        ends were stopped and go on again no time has been lost.
        """
        quiet = 0.0
        before = None
        while not poll.poll(LOOK * 1000):
            now = _processor_time(self.process.pid)
            quiet = quiet + LOOK if now == before else 0.0
            before = now
            if quiet >= STANDSTILL:
                raise self._lost(
                    f"{self.name} stood still for {quiet:.0f} s: it got no processor time and gave "
                    "no answer. It was stopped, or waits for a disk.",
                    timeout=False,
                )

    def _lost(self, why: str, *, timeout: bool, limit: float = 0.0) -> HostLostError:
        if why:
            self.process.kill()
        code = self.process.wait()
        index = self.position
        if code == -signal.SIGPROF:
            timeout = True
            doing = "loading the deck" if index == LOADING else "this sample"
            why = f"{self.name} took more than {limit:g} s of processor time for {doing}."
            if index == LOADING:
                why = f"{self.name} did not finish loading the deck within its time limit."
        elif code == QUIT:
            why = f"The deck or a command told {self.name} to quit."
        elif not why and code < 0:
            why = f"{self.name} was ended by {signal.Signals(-code).name}."
        elif not why:
            why = f"{self.name} ended its process with status {code}."
        try:
            tail = (self.root / "stderr").read_bytes()[-4000:]
        except OSError:
            tail = b""
        log = tuple(tail.decode(errors="replace").splitlines()[-40:])
        return HostLostError(index, timeout=timeout, reason=why, log=log)

    def close(self) -> None:
        """End the process and take its directory away."""
        process = self.process
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        if process.poll() is None:
            process.kill()
            process.wait()
        self.board.close()
        shutil.rmtree(self.root, ignore_errors=True)


def _processor_time(pid: int) -> object:
    """Processor time that a process has had; something new each time where nobody tells."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return object()
    return fields[11:13]  # in user code and in the kernel, in ticks


def _environment(home: Path, lifeline: int) -> dict[str, str]:
    """What the host sees: one thread, and no settings of the person's own ngspice."""
    hidden = ("NGSPICE_", "SPICE_", "XDG_CONFIG")
    kept = {"SPICE_LIB_DIR", "SPICE_EXEC_DIR"}  # where an ngspice of one's own keeps its parts
    env = {k: v for k, v in os.environ.items() if k in kept or not k.startswith(hidden)}
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    env.update(dict.fromkeys(threads, "1"))
    package = str(Path(__file__).resolve().parents[2])
    env.update(
        HOME=str(home),
        OMP_WAIT_POLICY="passive",
        LC_ALL="C",
        PYTHONUTF8="1",
        PYTHONPATH=os.pathsep.join(p for p in (package, env.get("PYTHONPATH", "")) if p),
        SPICELAB_NB_LIFELINE=str(lifeline),
    )
    return env


def _prefix() -> str:
    """Start of the names of this machine's directories: a temporary folder may be shared."""
    return f"{PREFIX}{platform.node()}-"


def _sweep() -> None:
    """Take away what hosts left that ended with their parent, in the middle of a point."""
    for left in Path(tempfile.gettempdir()).glob(f"{_prefix()}*"):
        owner = left.name.removeprefix(_prefix()).partition("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(left, ignore_errors=True)
