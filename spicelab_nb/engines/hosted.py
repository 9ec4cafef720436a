"""The parent's side of an engine that lives in a process of its own."""

from __future__ import annotations

import logging
import mmap
import os
import platform
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.engines.engine import Outcome, Plot, Status
from spicelab_nb.engines.frames import HEADER, pack, unpack
from spicelab_nb.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spicelab_nb.engines.engine import Deck, Point

__all__ = ["HostedEngine"]

logger = logging.getLogger(__name__)

PROGRESS = struct.Struct("<qq")
LOADING, IDLE = -1, -2
QUIT = 70
START_LIMIT = 120.0
GROWTH = 50 * 2**20
"""Bytes that a host may grow by before it is replaced: ngspice leaks 2-3 kB a run."""
MESSAGE_SECONDS = 0.4
LONGEST_MESSAGE = 500
PREFIX = "spicelab-nb-engine-"


class HostLostError(Exception):
    """The host process is gone; `index` says which point it was at."""

    def __init__(self, index: int, *, timeout: bool, reason: str, log: tuple[str, ...]) -> None:
        super().__init__(reason)
        self.index = index
        self.timeout = timeout
        self.reason = reason
        self.log = log


@dataclass(slots=True, eq=False)
class _Work:
    """A point on its way: its place in the result, and how often its process was lost."""

    place: int
    point: Point
    losses: int = 0


class HostedEngine:
    """An engine whose library runs in a host process.

    The base of both engines of this package; see :class:`spicelab_nb.engines.engine.Engine` for
    what a caller may rely on.

    Parameters
    ----------
    name
        Name of the engine, as :func:`spicelab_nb.engines.find` takes it.
    version
        What the engine says of itself.
    library
        Path of the shared library, or ``""``.
    alters
        Whether points with commands are understood.
    """

    def __init__(self, *, name: str, version: str, library: str = "", alters: bool) -> None:
        self._name = name
        self._version = version
        self._library = library
        self._alters = alters
        self._host: _Host | None = None
        self._length = 8

    @property
    def name(self) -> str:
        """Name of the engine."""
        return self._name

    @property
    def version(self) -> str:
        """What the engine says of itself."""
        return self._version

    @property
    def alters(self) -> bool:
        """Whether points with commands are understood."""
        return self._alters

    @property
    def process(self) -> int | None:
        """Process id of the host, or None when none is running."""
        return None if self._host is None else self._host.process.pid

    @property
    def position(self) -> int | None:
        """Which point of the message in hand the host is at; None when it is at none."""
        host = self._host
        if host is None:
            return None
        try:
            index, _ = PROGRESS.unpack_from(host.board)
        except ValueError:  # asked from another thread just as the host is put away
            return None
        return None if index < 0 else int(index)

    def __repr__(self) -> str:
        return f"<{self._name} {self._version}>"

    def close(self) -> None:
        """End the host process; may be called twice."""
        host, self._host = self._host, None
        if host is not None:
            host.close()

    def __enter__(self) -> HostedEngine:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_host", None) is not None:
            self.close()

    def run(self, deck: Deck, points: Sequence[Point], *, cpu_limit: float) -> list[Outcome]:
        """Simulate points of one deck; see :meth:`Engine.run`."""
        if not cpu_limit > 0:
            raise ValueError(f"cpu_limit must be more than 0 seconds, not {cpu_limit!r}")
        outcomes: list[Outcome | None] = [None] * len(points)
        todo: deque[_Work] = deque()
        for place, point in enumerate(points):
            refusal = self._refuse(point)
            if refusal:
                outcomes[place] = Outcome(status=Status.FAILED, reason=refusal)
            else:
                todo.append(_Work(place, point))
        base_losses = 0
        while todo:
            batch = self._batch(todo)
            host = self._ready_host(batch[0].point.deck or deck)
            try:
                answers, base_failure = host.exchange(deck, [w.point for w in batch], cpu_limit)
            except HostLostError as lost:
                self.close()
                logger.info("engine host lost: %s", lost.reason)
                if lost.index == LOADING:
                    base_losses += 1
                    if base_losses > 1 or lost.timeout:
                        self._fail_base(lost.reason, lost.log, base_losses, todo, outcomes)
                elif lost.index >= 0:
                    self._lose(batch[lost.index], lost, todo, outcomes)
                else:
                    base_losses += 1
                    if base_losses > 3:
                        raise EngineError(f"{self._name} ends again and again: {lost}") from lost
                continue
            base_losses = 0
            for work, answer in zip(batch, answers, strict=False):
                attempts = work.losses + 1
                outcomes[work.place] = (
                    answer if attempts == 1 else replace(answer, attempts=attempts)
                )
                todo.popleft()  # a batch is always the front of the queue
            if base_failure is not None:
                self._fail_base(base_failure.reason, base_failure.log, 1, todo, outcomes)
            self._adapt(host, len(answers))
            if host.spent:
                self.close()
        return [o for o in outcomes if o is not None]

    def _refuse(self, point: Point) -> str:
        if point.commands and not self._alters:
            return f"{self._name} cannot change a loaded circuit; give the point a deck of its own."
        for command in point.commands:
            if len(command.encode()) >= 1000:
                return (
                    f"A command of {len(command.encode())} bytes would be cut silently by "
                    f"{self._name}; split it below 1000: {command[:60]}..."
                )
            if "\n" in command:
                return f"A command must be one line: {command[:60]!r}"
        return ""

    def _batch(self, todo: deque[_Work]) -> list[_Work]:
        """Take the next points for one message; one that lost a process goes alone."""
        if todo[0].losses:
            return [todo[0]]
        key = None
        batch: list[_Work] = []
        for work in todo:
            deck = work.point.deck
            own = None if deck is None else _host_key(deck)
            if work.losses or len(batch) >= self._length or (batch and own != key):
                break
            key = own
            batch.append(work)
        return batch

    def _ready_host(self, deck: Deck) -> _Host:
        key = _host_key(deck)
        if self._host is not None and self._host.key not in {None, key}:
            self.close()
        if self._host is None:
            self._host = _Host(self._name, self._library)
        self._host.key = key
        return self._host

    def _adapt(self, host: _Host, count: int) -> None:
        if count:
            wanted = MESSAGE_SECONDS * count / max(host.elapsed, 1e-6)
            self._length = int(min(max(wanted, 1), 4 * self._length, LONGEST_MESSAGE))

    def _lose(
        self,
        work: _Work,
        lost: HostLostError,
        todo: deque[_Work],
        outcomes: list[Outcome | None],
    ) -> None:
        work.losses += 1
        if lost.timeout:
            status, reason = Status.TIMEOUT, lost.reason
        elif work.losses > 1:
            status = Status.CRASHED
            reason = f"{lost.reason} It was tried twice, the second time alone in a fresh engine."
        else:
            return
        todo.remove(work)
        outcomes[work.place] = Outcome(
            status=status, reason=reason, log=lost.log, attempts=work.losses
        )

    def _fail_base(
        self,
        reason: str,
        log: tuple[str, ...],
        attempts: int,
        todo: deque[_Work],
        outcomes: list[Outcome | None],
    ) -> None:
        """Record that the deck does not load on every point that needs it."""
        failure = Outcome(status=Status.FAILED, reason=reason, log=log, attempts=attempts)
        for work in [w for w in todo if w.point.deck is None]:
            todo.remove(work)
            outcomes[work.place] = failure


def _host_key(deck: Deck) -> tuple[Any, ...]:
    """What cannot be undone in a process: another needs another process."""
    return (deck.setup, tuple((path, deck.files.get(path)) for path in deck.osdi))


class _Host:
    """One host process and the pipes to it."""

    def __init__(self, name: str, library: str) -> None:
        self.key: tuple[Any, ...] | None = None
        self.deck: Deck | None = None
        self.sent: dict[str, bytes] = {}
        self.layouts: list[Any] = []
        self.elapsed = 0.0
        self.baseline = 0
        self.spent = False
        self.name = name
        _sweep()
        self.root = Path(tempfile.mkdtemp(prefix=f"{_prefix()}{os.getpid()}-"))
        work = self.root / "work"
        work.mkdir()
        (self.root / "home").mkdir()
        with (self.root / "progress").open("w+b") as board:
            board.write(PROGRESS.pack(IDLE, 0))
            board.flush()
            self.board = mmap.mmap(board.fileno(), PROGRESS.size)
        lifeline, self.lifeline = os.pipe()
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
        self.requests = self.process.stdin.fileno()
        self.replies = self.process.stdout.fileno()
        os.set_blocking(self.requests, False)
        try:
            answer = self._receive(START_LIMIT)
        except HostLostError as lost:
            self.close()
            tail = " ".join(lost.log[-3:])
            raise EngineError(
                f"The process for {name} did not start: {lost.reason} {tail}".rstrip()
            ) from lost
        if answer[0] != "ready":
            self.close()
            raise EngineError(
                f"{name} could not be loaded from {library or 'its package'}: {answer[1]}"
            )

    def exchange(
        self, deck: Deck, points: list[Point], limit: float
    ) -> tuple[list[Outcome], Outcome | None]:
        """Send points, wait, and decode what came back.

        Returns
        -------
        tuple
            Outcomes, perhaps of fewer points than were sent; and the one that tells why the base
            deck does not load, if so.
        """
        started = time.monotonic()
        packed = None
        if deck is not self.deck:
            packed = None if deck == self.deck else self._pack(deck)
            self.deck = deck
        message = [
            (p.commands, None if p.deck is None else self._pack(p.deck), p.seed) for p in points
        ]
        wall = 60 + 20 * limit
        self._send(pack((packed, message, float(limit))), wall)
        _, fresh, results, resident, finished = self._receive(wall, limit=limit)
        self.elapsed = time.monotonic() - started
        self.layouts.extend(fresh)
        self.baseline = self.baseline or resident
        self.spent = finished or resident - self.baseline > GROWTH
        outcomes = [self._decode(result) for result in results]
        failed = outcomes[-1] if results and results[-1][-1] else None
        return outcomes, failed

    def _pack(self, deck: Deck) -> tuple[Any, ...]:
        files = {
            path: None if self.sent.get(path) == content else content
            for path, content in deck.files.items()
        }
        self.sent = dict(deck.files)
        return (
            deck.text,
            files,
            tuple(deck.setup),
            tuple(deck.osdi),
            [(a.name, a.kind, a.command) for a in deck.analyses],
            tuple(deck.save),
            tuple(deck.meas),
        )

    def _decode(self, result: tuple[Any, ...]) -> Outcome:
        status, reason, log, cpu, plots, meas, _ = result
        made: dict[str, Plot] = {}
        for number, lengths, data in plots:
            analysis, kind, scale, names, is_complex = self.layouts[number]
            offset = 0
            axes = {}
            for axis, length in zip(scale, lengths, strict=True):
                axes[axis] = np.frombuffer(data, np.float64, length, offset)
                offset += 8 * length
            count = int(np.prod(lengths)) if lengths else 1
            dtype: Any = np.complex128 if is_complex else np.float64
            block = np.frombuffer(data, dtype, count * len(names), offset)
            block = block.reshape((len(names), *lengths))
            made[analysis] = Plot(
                analysis=analysis,
                kind=kind,
                scale=scale,
                axes=axes,
                vectors=dict(zip(names, block, strict=True)),
            )
        return Outcome(
            status=Status(status), plots=made, meas=meas, reason=reason, log=log, cpu=cpu
        )

    def _send(self, frame: bytes, wall: float) -> None:
        view = memoryview(frame)
        poll = select.poll()
        poll.register(self.requests, select.POLLOUT)
        while view:
            if not poll.poll(wall * 1000):
                raise self._lost("It stopped reading.", timeout=False)
            try:
                view = view[os.write(self.requests, view) :]
            except BrokenPipeError:
                raise self._lost("", timeout=False) from None

    def _receive(self, wall: float, *, limit: float = 0.0) -> Any:
        """Read one answer; give up when one point stands still for `wall` seconds."""
        poll = select.poll()
        poll.register(self.replies, select.POLLIN)
        parts = bytearray()
        size = None
        at: tuple[int, int] | None = None
        while size is None or len(parts) < size + HEADER.size:
            if not poll.poll(wall * 1000):
                now = PROGRESS.unpack_from(self.board)
                if now != at:
                    at = now
                    continue
                raise self._lost(f"It stood still for {wall:.0f} s.", timeout=True)
            want = (HEADER.size if size is None else size + HEADER.size) - len(parts)
            part = os.read(self.replies, min(want, 1 << 20))
            if not part:
                raise self._lost("", timeout=False, limit=limit)
            parts += part
            if size is None and len(parts) == HEADER.size:
                (size,) = HEADER.unpack(parts)
        return unpack(bytes(parts[HEADER.size :]))

    def _lost(self, why: str, *, timeout: bool, limit: float = 0.0) -> HostLostError:
        if why:
            self.process.kill()
        code = self.process.wait()
        index, _ = PROGRESS.unpack_from(self.board)
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
        if self.lifeline >= 0:
            os.close(self.lifeline)
            self.lifeline = -1
        if process.poll() is None:
            process.kill()
            process.wait()
        self.board.close()
        shutil.rmtree(self.root, ignore_errors=True)


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


_swept = False


def _sweep() -> None:
    """Take away what hosts left whose parent was killed before it could, once a process."""
    global _swept
    if _swept:
        return
    _swept = True
    for left in Path(tempfile.gettempdir()).glob(f"{_prefix()}*"):
        owner = left.name.removeprefix(_prefix()).partition("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(left, ignore_errors=True)
