"""A pilot: the first few samples of a campaign, computed here and timed, and kept as results."""

from __future__ import annotations

import logging
import os
import socket
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.results.platform import fingerprint
from spicelab_nb.simulators import CircuitSimulator
from spicelab_nb.simulators.simulator import Batch, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from spicelab_nb.results.store import Store
    from spicelab_nb.sampling.design import BoundDesign
    from spicelab_nb.simulators.simulator import Session, Simulator

__all__ = ["Pilot", "measure_pilot", "pilot_points", "read_pilot"]

logger = logging.getLogger(__name__)

MOST, SECONDS = 32, 30.0
"""Samples, and seconds, after which a pilot begins no other sample."""

QUICK = 0.02
"""Samples of a circuit that take less than this many seconds are timed several at once."""

NEIGHBOURS = 4
"""Points of a sweep that stand side by side in a pilot, so that they can be."""

STEADY = 0.5
"""Seconds for which quick samples are timed, again and again: a first time says little."""

MOST_ROUNDS = 50
"""That quick samples are timed at most."""

MOST_STRATA = 16
"""Corners that are told apart; with more of them each has too few samples."""


@dataclass(frozen=True, kw_only=True)
class Pilot:
    """What a pilot measured.

    Parameters
    ----------
    seconds
        Wall time of each sample, by corner (``"0"``, ``"1"``, ...: the point's place beside the
        ``sample`` dimension). Of quick samples that of one among its neighbours, again and again.
    points
        Computed, the one included that warmed up.
    failed
        How many of them are not ok.
    reason
        Why the first of those failed.
    start_s
        Until the first sample was done: what each worker needs before it is warm.
    publish_s
        Wall time of publishing one chunk.
    bytes_per_sample
        Of what was published.
    cores
        Processors of the machine.
    host, at
        Where and when (seconds since 1970).
    """

    seconds: Mapping[str, tuple[float, ...]]
    points: int
    failed: int
    reason: str
    start_s: float
    publish_s: float
    bytes_per_sample: float
    cores: int
    host: str
    at: float

    @property
    def measured(self) -> int:
        """Samples timed."""
        return sum(len(times) for times in self.seconds.values())


def read_pilot(store: Store) -> Pilot | None:
    """Give the pilot that was measured for this store's campaign; None where there is none."""
    found = store.read_pilot()
    if found is None:
        return None
    found.pop("plan", None)
    try:
        seconds = {str(k): tuple(map(float, v)) for k, v in found.pop("seconds").items()}
        return Pilot(seconds=seconds, **found)
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        logger.warning("%s/pilot.json is of another version (%s) and not used.", store.url, error)
        return None


def strata_of(design: BoundDesign) -> int:
    """How many corners are told apart when samples are timed; 1 for none."""
    dims = design.dimensions
    if not dims or dims[0].name != "sample":
        return 1
    others = design.size // len(dims[0])
    return others if others <= MOST_STRATA else 1


def pilot_points(design: BoundDesign, gaps: list[tuple[int, int]], most: int = MOST) -> list[int]:
    """Choose points for a pilot, ascending: spread over the corners, or over a sweep.

    Parameters
    ----------
    design
        Of the campaign.
    gaps
        Ranges ``(start, stop)`` that are not computed yet.
    most
        How many at most.
    """
    missing = _Missing(gaps, design.size)
    dims = design.dimensions
    if len(missing) <= most:
        return missing.at(np.arange(len(missing)))
    if dims and dims[0].name == "sample":
        others = design.size // len(dims[0])
        if others > most:
            # More corners than samples in a pilot: evenly chosen ones, each with another sample.
            corners = np.linspace(0, others - 1, most).round().astype(int)
            wanted = np.arange(most) % len(dims[0]) * others + corners
            found = missing.among(wanted)
            if found:
                return found
        # Samples are alike: the next ones, each with all of its corners.
        return missing.at(np.arange(most))
    starts = np.linspace(0, len(missing) - NEIGHBOURS, most // NEIGHBOURS or 1).astype(int)
    places = np.unique(starts[:, None] + np.arange(NEIGHBOURS))[:most]
    return missing.at(places[places < len(missing)])


class _Missing:
    """Points in ascending gaps, found without listing them all."""

    def __init__(self, gaps: list[tuple[int, int]], size: int) -> None:
        kept = [(a, min(b, size)) for a, b in gaps if a < size]
        self._starts = np.array([a for a, _ in kept], np.int64)
        self._stops = np.array([b for _, b in kept], np.int64)
        self._before = np.concatenate([[0], np.cumsum(self._stops - self._starts)])

    def __len__(self) -> int:
        return int(self._before[-1])

    def at(self, places: NDArray[np.int64]) -> list[int]:
        """The points at these places of the whole list."""
        gap = np.searchsorted(self._before, places, side="right") - 1
        found: list[int] = (self._starts[gap] + places - self._before[gap]).tolist()
        return found

    def among(self, points: NDArray[np.int64]) -> list[int]:
        """Those of some points that are missing, ascending, each once."""
        points = np.unique(points)
        gap = np.searchsorted(self._starts, points, side="right") - 1
        inside = (gap >= 0) & (points < self._stops[gap])
        found: list[int] = points[inside].tolist()
        return found


def measure_pilot(
    simulator: Simulator,
    design: BoundDesign,
    store: Store,
    *,
    most: int = MOST,
    seconds: float = SECONDS,
    clock: Callable[[], float] = time.perf_counter,
) -> Pilot:
    """Compute and time a few samples in this process, and publish them as ordinary chunks.

    Parameters
    ----------
    simulator, design
        Of the campaign.
    store
        It holds the plan already.
    most, seconds
        Samples and time at most; a sample that has begun is finished.
    clock
        Seconds.
    """
    points = pilot_points(design, store.gaps(design.size), most)
    begun = clock()
    session = simulator.open()
    try:
        # A person's own function is called once for a sample: it may count, log, or write files.
        repeat = isinstance(simulator, CircuitSimulator)
        timing = _Timing(session, design, store, clock, end=begun + seconds, repeat=repeat)
        return timing.measure(points, begun)
    finally:
        session.close()


class _Timing:
    """Runs a pilot's points on one session."""

    def __init__(
        self,
        session: Session,
        design: BoundDesign,
        store: Store,
        clock: Callable[[], float],
        end: float,
        repeat: bool,
    ) -> None:
        self._session = session
        self._design = design
        self._store = store
        self._clock = clock
        self._end = end
        self._repeat = repeat
        self._strata = strata_of(design)
        self._times: dict[str, list[float]] = {}
        self._points = 0
        self._failed = 0
        self._reason = ""
        self._publish: list[float] = []
        self._bytes = 0.0

    def measure(self, points: list[int], begun: float) -> Pilot:
        rest = list(points)
        start_s = 0.0
        if rest:
            # The first one pays for the engine's start; it is a result, and no measurement.
            first, wall = self._run(rest[:1])
            start_s = self._clock() - begun
            self._keep(first, [wall] if len(rest) == 1 else [])
            del rest[0]
        if rest and self._clock() < self._end:
            single, wall = self._run(rest[:1])
            self._keep(single, [wall])
            del rest[0]
            if self._repeat and wall < QUICK:
                self._measure_quick(rest, single.start)
            else:
                self._measure_slow(rest)
        if not self._times and self._points:
            self._times["0"] = [start_s]
        typical = float(np.median([t for times in self._times.values() for t in times] or [0.0]))
        return Pilot(
            seconds={name: tuple(times) for name, times in self._times.items()},
            points=self._points,
            failed=self._failed,
            reason=self._reason,
            start_s=max(0.0, start_s - typical),
            publish_s=float(np.median(self._publish or [0.0])),
            bytes_per_sample=self._bytes,
            cores=cores_here(),
            host=socket.gethostname(),
            at=round(time.time(), 3),
        )

    def _measure_slow(self, rest: list[int]) -> None:
        for point in rest:
            if self._clock() >= self._end:
                return
            batch, wall = self._run([point])
            self._keep(batch, [wall])

    def _measure_quick(self, rest: list[int], first: int) -> None:
        for block in _blocks(rest):
            batch, _ = self._run(block)
            self._keep(batch, [])
        # Timed when everything is warm, as in a chunk of thousands; the results are there already.
        self._times.clear()
        blocks = _blocks([first, *rest])
        rounds: list[list[float]] = []
        until = min(self._end, self._clock() + STEADY)
        while not rounds or (self._clock() < until and len(rounds) < MOST_ROUNDS):
            rounds.append([self._run(block)[1] / len(block) for block in blocks])
        each = np.array(rounds)
        # What varies: along a sweep the points; where all stand side by side, the machine.
        found = np.median(each, axis=0) if len(blocks) > 1 else each[:, 0]
        self._times["0"] = [float(seconds) for seconds in found]

    def _run(self, points: list[int]) -> tuple[Batch, float]:
        start, stop = points[0], points[-1] + 1
        values, seeds = self._design.draw(start, stop), self._design.seeds(start, stop)
        begun = self._clock()
        batch = self._session.run(start, values, seeds)
        return batch, max(self._clock() - begun, 1e-9)

    def _keep(self, batch: Batch, walls: list[float]) -> None:
        """Publish a batch, and note the time of a single sample."""
        self._points += len(batch)
        bad = int((np.asarray(batch.status) != Status.OK).sum())
        if bad and not self._reason and batch.failures:
            self._reason = batch.failures[0].reason
        self._failed += bad
        begun = self._clock()
        start, stop = batch.start, batch.start + len(batch)
        self._store.publish(
            batch,
            values=self._design.draw(start, stop),
            receipt={
                "worker": f"{socket.gethostname()}:{os.getpid()}",
                "attempt": 0,
                "started": time.time(),
                "wall": sum(walls),
                "cpu": float(batch.cpu.sum()),
                "platform": fingerprint(),
                "pilot": True,
            },
        )
        self._publish.append(self._clock() - begun)
        self._bytes = _bytes_per_sample(batch)
        for wall in walls:
            self._note(batch.start, wall)

    def _note(self, point: int, seconds: float) -> None:
        self._times.setdefault(str(point % self._strata), []).append(seconds)


def _blocks(points: list[int]) -> list[list[int]]:
    """Cut ascending points into runs of neighbours."""
    blocks: list[list[int]] = []
    for point in points:
        if blocks and blocks[-1][-1] + 1 == point:
            blocks[-1].append(point)
        else:
            blocks.append([point])
    return blocks


def _bytes_per_sample(batch: Batch) -> float:
    """Bytes of a sample's results, without what a chunk costs once."""
    waves = sum(wave.data.nbytes for wave in batch.waves) / max(len(batch), 1)
    return float(waves + 8 * (2 + len(batch.measures)) + 1)


def cores_here() -> int:
    """Processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def describe(pilot: Pilot) -> dict[str, Any]:
    """Give a pilot as JSON for the store."""
    return {**asdict(pilot), "seconds": {k: list(v) for k, v in pilot.seconds.items()}}
