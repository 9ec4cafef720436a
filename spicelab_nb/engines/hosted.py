"""An engine in a process of its own: points go there in messages, those that are lost again."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from spicelab_nb.engines.engine import Outcome, Status
from spicelab_nb.engines.frames import LOADING
from spicelab_nb.engines.process import HostLostError, HostProcess, process_key
from spicelab_nb.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spicelab_nb.engines.engine import Deck, Point

__all__ = ["HostedEngine"]

logger = logging.getLogger(__name__)

MESSAGE_SECONDS = 0.4
LONGEST_MESSAGE = 500


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
        self._host: HostProcess | None = None
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
            index = host.position
        except ValueError:  # asked from another thread just as the host is put away
            return None
        return None if index < 0 else index

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
                answer = host.exchange(deck, [w.point for w in batch], cpu_limit)
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
            except BaseException:
                # Interrupted: the next question must not be given the answer to this one.
                self.close()
                raise
            base_losses = 0
            for work, outcome in zip(batch, answer.outcomes, strict=False):
                outcomes[work.place] = (
                    replace(outcome, attempts=work.losses + 1) if work.losses else outcome
                )
                todo.popleft()  # a batch is always the front of the queue
            failure = answer.base_failure
            if failure is not None:
                self._fail_base(failure.reason, failure.log, 1, todo, outcomes)
            self._adapt(host, len(answer.outcomes))
            if host.spent:
                self.close()
        return [o for o in outcomes if o is not None]

    def _refuse(self, point: Point) -> str:
        if point.commands and not self._alters:
            return f"{self._name} cannot change a loaded circuit; give the point a deck of its own."
        for command in point.commands:
            # Four bytes are the most that a character takes.
            if len(command) >= 250 and len(command.encode()) >= 1000:
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
        first = todo[0].point.deck
        key = None if first is None else process_key(first)
        batch: list[_Work] = []
        for work in todo:
            deck = work.point.deck
            if work.losses or len(batch) >= self._length:
                break
            if deck is not first and key != (None if deck is None else process_key(deck)):
                break
            batch.append(work)
        return batch

    def _ready_host(self, deck: Deck) -> HostProcess:
        key = process_key(deck)
        if self._host is not None and self._host.key not in {None, key}:
            self.close()
        if self._host is None:
            self._host = HostProcess(self._name, self._library)
        self._host.key = key
        return self._host

    def _adapt(self, host: HostProcess, count: int) -> None:
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
