"""What a run has done so far: counted as receipts come in, shown as snapshots."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.cost.money import Money
from spicelab_nb.errors import CorruptObjectError
from spicelab_nb.results.statistics import clopper_pearson
from spicelab_nb.simulators.simulator import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from spicelab_nb.results.spec import Spec
    from spicelab_nb.results.store import Store
    from spicelab_nb.sampling.design import BoundDesign

__all__ = ["Progress", "Tally", "YieldSoFar", "duration", "tally_of"]


@dataclass(frozen=True, kw_only=True)
class YieldSoFar:
    """The running yield, on the contiguous prefix of finished samples.

    Slow samples and those that hang arrive last: the samples that happen to be there are not a
    fair draw, the first k are.

    Parameters
    ----------
    value, low, high
        The estimate and its Clopper-Pearson interval at 95 %, as fractions.
    samples
        How many samples it rests on: the length of the prefix, failed samples left out.
    failed
        How many of the prefix failed.
    """

    value: float
    low: float
    high: float
    samples: int
    failed: int


@dataclass(frozen=True, kw_only=True, repr=False)
class Progress:
    """A snapshot of a run.

    Parameters
    ----------
    state
        ``"waiting"``, ``"running"``, ``"done"``, ``"cancelled"``, ``"failed"`` or ``"partial"``.
    total, done, failed
        Samples; `done` counts the failed ones too.
    retried
        Chunks that were lost and handed out again.
    rate
        Samples a second over the last half minute; NaN before the first.
    eta
        Seconds left at that rate; NaN when unknown, 0 when done.
    elapsed
        Seconds since the run was started in this kernel.
    spent
        USD spent on the campaign so far, earlier runs included; 0 where it costs nothing.
    running_yield
        None without specs, for a design that is not random, or before the first sample.
    error
        What ended a failed or stopped run, as one sentence; "" otherwise.
    notice
        What a person should know meanwhile: how much of the budget is spent; "" for nothing.
    """

    state: str
    total: int
    done: int
    failed: int
    retried: int
    rate: float
    eta: float
    elapsed: float
    spent: float
    running_yield: YieldSoFar | None
    error: str = ""
    notice: str = ""

    def __repr__(self) -> str:
        return f"<Progress: {self}>"

    def __str__(self) -> str:
        share = 100 * self.done / self.total if self.total else 100.0
        parts = [f"{self.done} of {self.total} ({share:.0f} %)", self.state]
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.state == "running" and np.isfinite(self.rate):
            parts.append(f"{self.rate:.3g}/s")
            parts.append(f"{duration(self.eta)} left")
        y = self.running_yield
        if y is not None:
            parts.append(f"yield {y.value:.1%} [{y.low:.1%}, {y.high:.1%}]")
        if self.spent:
            parts.append(f"{Money(self.spent)} spent")
        if self.error or self.notice:
            parts.append(self.error or self.notice)
        return ", ".join(parts)


def duration(seconds: float) -> str:
    """Write a time for people: ``"12 s"``, ``"3 min 20 s"``, ``"2 h 05 min"``."""
    if not np.isfinite(seconds):
        return "?"
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


@dataclass
class _Marks:
    """Times and counts of the last half minute, for a rate that follows changes."""

    window: float = 30.0
    marks: list[tuple[float, int]] = field(default_factory=list)

    def add(self, now: float, done: int) -> None:
        self.marks.append((now, done))
        while len(self.marks) > 2 and self.marks[1][0] < now - self.window:
            self.marks.pop(0)

    def rate(self, now: float) -> float:
        if len(self.marks) < 2 or now <= self.marks[0][0]:
            return float("nan")
        return (self.marks[-1][1] - self.marks[0][1]) / (now - self.marks[0][0])


class Tally:
    """Counts what is done; written by the driver, read by anybody, from any thread.

    Parameters
    ----------
    total
        Points of the design.
    specs
        By measure.
    points_per_sample
        How many points (corners) share one random draw: a sample is good where all of them are.
        0 for a design without random draws, whose yield has no interval.
    price
        Money an hour for the cluster.
    spent
        Gives what is spent so far; None: the price times the time.
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        total: int,
        *,
        specs: Mapping[str, Spec],
        points_per_sample: int,
        price: float = 0.0,
        spent: Callable[[], float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._begun = clock()
        self._ended: float | None = None
        self._specs = dict(specs)
        self._random = points_per_sample > 0
        self._points = max(1, points_per_sample)
        self._price = price
        self._spent = spent
        self._notice = ""
        self._status = np.full(total, Status.NOT_RUN, np.int8)
        self._measures: dict[str, NDArray[np.float64]] = {}
        self._units: dict[str, str] = {}
        self._done = 0
        self._failed = 0
        self._retried = 0
        self._prefix = 0
        self._prefix_failed = 0
        self._prefix_good = 0
        self._marks = _Marks()
        self._state = "waiting"
        self._error = ""

    def begin(self) -> None:
        """Note that the first chunks are about to be handed out."""
        with self._lock:
            self._state = "running"
            self._marks.add(self._clock(), self._done)

    def end(self, state: str, error: str = "") -> None:
        """Note how the run ended."""
        with self._lock:
            self._state, self._error = state, error
            self._ended = self._clock()

    def notice(self, text: str) -> None:
        """Show this from now on."""
        with self._lock:
            self._notice = text

    def retry(self) -> None:
        """Note that a chunk was lost and is handed out again."""
        with self._lock:
            self._retried += 1

    def add(
        self,
        start: int,
        status: NDArray[np.int8],
        measures: Mapping[str, NDArray[np.float64]],
        units: Mapping[str, str],
        *,
        earlier: bool = False,
    ) -> None:
        """Count a chunk; one that was counted before changes nothing.

        Parameters
        ----------
        start, status, measures, units
            As in a receipt.
        earlier
            True for chunks found in the store: they say nothing of the rate.
        """
        with self._lock:
            stop = start + len(status)
            fresh = self._status[start:stop] == Status.NOT_RUN
            self._status[start:stop] = status
            for name, values in measures.items():
                if name not in self._measures:
                    self._measures[name] = np.full(len(self._status), np.nan)
                self._measures[name][start:stop] = values
            self._units.update(units)
            self._done += int(fresh.sum())
            self._failed += int((fresh & (status != Status.OK)).sum())
            self._advance_prefix()
            if not earlier:
                self._marks.add(self._clock(), self._done)
            else:
                self._marks.marks = [(self._clock(), self._done)]

    def add_stored(self, store: Store) -> None:
        """Count every chunk of a store that was not counted yet.

        Raises
        ------
        CorruptObjectError
            One is damaged.
        """
        total = len(self._status)
        for data in store.read_all([ref for ref in store.chunks() if ref.start < total]):
            keep = min(data.ref.stop, total) - data.ref.start
            self.add(
                data.ref.start,
                data.status[:keep],
                {k: v[:keep] for k, v in data.measures.items()},
                data.units,
                earlier=True,
            )

    def _advance_prefix(self) -> None:
        whole = self._reach() // self._points * self._points
        if whole == 0:
            return
        part = slice(self._prefix, self._prefix + whole)
        ok = self._status[part] == Status.OK
        good = ok.copy()
        for name, spec in self._specs.items():
            if name in self._measures:
                good &= spec.passes(self._measures[name][part])
            else:
                good[:] = False
        self._prefix_failed += int((~ok.reshape(-1, self._points).all(axis=1)).sum())
        self._prefix_good += int(good.reshape(-1, self._points).all(axis=1).sum())
        self._prefix += whole

    def _reach(self) -> int:
        """How many points behind the prefix are finished without a gap.

        Looks no further than it has to: each chunk of a million would else look at all of them.
        """
        begun = reached = self._prefix
        step = 1024
        while reached < len(self._status):
            missing = self._status[reached : reached + step] == Status.NOT_RUN
            if missing.any():
                return reached + int(missing.argmax()) - begun
            reached += len(missing)
            step *= 2
        return reached - begun

    @property
    def measures(self) -> dict[str, NDArray[np.float64]]:
        """Copies of the measures of the samples that are ok so far, for a live histogram."""
        with self._lock:
            ok = self._status == Status.OK
            return {name: values[ok] for name, values in self._measures.items()}

    @property
    def units(self) -> dict[str, str]:
        """Units that only simulating told."""
        with self._lock:
            return dict(self._units)

    @property
    def state(self) -> str:
        """As in :class:`Progress`."""
        return self._state

    def snapshot(self) -> Progress:
        """Everything there is to show, at one moment."""
        spent = None if self._spent is None else self._spent()
        with self._lock:
            now = self._ended if self._ended is not None else self._clock()
            rate = self._marks.rate(now)
            left = len(self._status) - self._done
            eta = 0.0 if left == 0 else left / rate if rate > 0 else float("nan")
            elapsed = now - self._begun
            return Progress(
                state=self._state,
                total=len(self._status),
                done=self._done,
                failed=self._failed,
                retried=self._retried,
                rate=rate,
                eta=eta,
                elapsed=elapsed,
                spent=self._price * elapsed / 3600 if spent is None else spent,
                running_yield=self._running_yield(),
                error=self._error,
                notice=self._notice,
            )

    def _running_yield(self) -> YieldSoFar | None:
        counted = self._prefix // self._points - self._prefix_failed
        if not self._specs or not self._random or counted == 0:
            return None
        low, high = clopper_pearson(self._prefix_good, counted)
        return YieldSoFar(
            value=self._prefix_good / counted,
            low=low,
            high=high,
            samples=counted,
            failed=self._prefix_failed,
        )

    def counts(self) -> dict[str, Any]:
        """What a cluster's record says of the campaign."""
        p = self.snapshot()
        return {"done": p.done, "total": p.total, "state": p.state}


def tally_of(
    store: Store,
    design: BoundDesign,
    specs: Mapping[str, Spec],
    *,
    spent: Callable[[], float] | None = None,
) -> Tally:
    """Count what a store has already.

    Parameters
    ----------
    store, design, specs
        Of a run.
    spent
        Gives what is spent on it so far, in USD; None: nothing.
    """
    try:
        return _count(store, design, specs, spent)
    except CorruptObjectError:
        # Nothing is deleted: what is damaged is put aside, and its samples are missing again.
        store.verify()
        return _count(store, design, specs, spent)


def _count(
    store: Store,
    design: BoundDesign,
    specs: Mapping[str, Spec],
    spent: Callable[[], float] | None,
) -> Tally:
    dims = design.dimensions
    random = bool(dims) and dims[0].name == "sample"
    per_sample = design.size // len(dims[0]) if random else 0
    tally = Tally(design.size, specs=specs, points_per_sample=per_sample, spent=spent)
    tally.add_stored(store)
    return tally
