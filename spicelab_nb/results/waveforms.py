"""Kept signals as labelled arrays that are read when they are looked at."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import ChunkConflictError
from spicelab_nb.results.dataset import design_coordinates
from spicelab_nb.results.overlap import check_agreement
from spicelab_nb.simulators.simulator import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import xarray as xr
    from numpy.typing import NDArray

    from spicelab_nb.results.chunk import ChunkData, ChunkRef
    from spicelab_nb.results.store import Store
    from spicelab_nb.sampling.design import BoundDesign
    from spicelab_nb.simulators.simulator import Axis, Wave

__all__ = ["Signal", "WaveSource", "build_datasets", "waveforms"]

_CACHED_CHUNKS = 4


def waveforms(store: Store, *, design: BoundDesign) -> dict[str, xr.Dataset]:
    """Open the kept signals of a store, lazily.

    They are read from ``dataset.zarr`` where it is up to date, else from the chunks; a reader that
    is overtaken by a consolidation goes on with the chunks.

    Parameters
    ----------
    store
        Where the chunks are.
    design
        Where the points lie.

    Returns
    -------
    dict
        Analysis to dataset: one variable a signal, under the signal's own name (``"v(/out)"``),
        on the design's dimensions and then the signal's (``frequency``, ``time``, a source's
        name); NaN where a sample is not ok or not there. Empty where nothing was kept.

    Raises
    ------
    ChunkConflictError
        When read: two chunks hold the same samples with other bits.
    """
    from spicelab_nb.results.consolidation import open_consolidated

    source = WaveSource(store, design)
    found = open_consolidated(store, design, source)
    return build_datasets(design, source.signals, source.rows_of) if found is None else found


@dataclass(frozen=True, kw_only=True)
class Signal:
    """A kept signal of a campaign: ``analysis``, ``name``, ``unit``, ``axes`` and element type."""

    analysis: str
    name: str
    unit: str
    axes: tuple[Axis, ...]
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, wave: Wave) -> Signal:
        """Take what is the same for all samples from a chunk's wave."""
        return cls(
            analysis=wave.analysis,
            name=wave.signal,
            unit=wave.unit,
            axes=wave.axes,
            dtype=wave.data.dtype,
        )

    @property
    def key(self) -> tuple[str, str]:
        """Analysis and name."""
        return self.analysis, self.name

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(len(a.values) for a in self.axes)

    @property
    def missing(self) -> complex | float:
        """What stands where there is nothing."""
        return complex(math.nan, math.nan) if self.dtype.kind == "c" else math.nan

    def dims(self, design: BoundDesign) -> tuple[str, ...]:
        """Names of all dimensions; an axis that is called like one of the design is told apart."""
        outer = tuple(d.name for d in design.dimensions)
        return (*outer, *(axis_name(self, axis, outer) for axis in self.axes))


def axis_name(signal: Signal, axis: Axis, outer: Iterable[str]) -> str:
    """Name an axis so that it is none of the design's dimensions."""
    return f"{signal.analysis}_{axis.name}" if axis.name in outer else axis.name


class WaveSource:
    """Kept signals of any points, from the chunks that were there when it was made.

    Each chunk is read at most once for neighbouring points; a few stay in memory.
    """

    def __init__(self, store: Store, design: BoundDesign) -> None:
        self._store = store
        self._design = design
        self._refs = [r for r in store.chunks() if r.start < design.size]
        self._starts = np.array([r.start for r in self._refs])
        self._longest = max((len(r) for r in self._refs), default=0)
        self._cache: OrderedDict[ChunkRef, ChunkData] = OrderedDict()
        self._lock = threading.Lock()
        self._signals: tuple[Signal, ...] | None = None

    @property
    def refs(self) -> list[ChunkRef]:
        """The chunks."""
        return self._refs

    @property
    def signals(self) -> tuple[Signal, ...]:
        """The kept signals, as the first chunk with a sample that is ok has them."""
        if self._signals is None:
            self._signals = self._find_signals()
        return self._signals

    def _find_signals(self) -> tuple[Signal, ...]:
        if self._store.peek().simulator.get("keep") == []:
            return ()
        for ref in self._refs:
            if (self._store.read(ref).status == Status.OK).any():
                return tuple(map(Signal.of, self._read(ref).waves))
        return ()

    def rows_of(self, signal: Signal) -> Callable[[NDArray[np.intp]], NDArray[Any]]:
        """Give a function from point indices to this signal's rows."""
        return lambda points: self.rows(points, (signal,))[signal.key]

    def rows(
        self, points: NDArray[np.intp], signals: tuple[Signal, ...]
    ) -> dict[tuple[str, str], NDArray[Any]]:
        """Read signals of some points.

        Parameters
        ----------
        points
            ``(k,)``, in any order.
        signals
            Which.

        Returns
        -------
        dict
            A signal's key to ``(k, *axes)``.
        """
        order = np.argsort(points, kind="stable")
        wanted = points[order]
        out = {s.key: np.full((len(points), *s.shape), s.missing, s.dtype) for s in signals}
        held = np.full(len(points), Status.NOT_RUN, np.int8)
        if not len(points):
            return out
        before: list[ChunkData] = []
        low = int(np.searchsorted(self._starts, wanted[0] - self._longest, side="right"))
        for ref in self._refs[low:]:
            if ref.start > wanted[-1]:
                break
            a, b = np.searchsorted(wanted, (ref.start, ref.stop))
            if a == b:
                continue
            chunk = self._read(ref)
            before = [c for c in before if c.ref.stop > ref.start]
            for other in before:
                check_agreement(chunk, other, self._store.url)
            before.append(chunk)
            rows = wanted[a:b] - ref.start
            better = chunk.status[rows] < held[a:b]
            ok = np.flatnonzero(better & (chunk.status[rows] == Status.OK))
            for signal, wave in self._match(chunk, signals):
                out[signal.key][order[a:b][ok]] = wave.data[rows[ok]]
            held[a:b][better] = chunk.status[rows][better]
        return out

    def _match(
        self, chunk: ChunkData, signals: tuple[Signal, ...]
    ) -> Iterable[tuple[Signal, Wave]]:
        waves = {(w.analysis, w.signal): w for w in chunk.waves}
        for signal in signals:
            wave = waves.get(signal.key)
            if wave is None:
                continue
            mine, theirs = ([a.values for a in x.axes] for x in (signal, wave))
            if len(mine) != len(theirs) or not all(map(np.array_equal, mine, theirs)):
                raise ChunkConflictError(
                    f"{chunk.ref.name} of {self._store.url} holds {signal.name} on other axes "
                    f"({signal.analysis}) than the chunks before it: one campaign has one grid. "
                    "Give the analysis limits that no parameter moves, or keep nothing (keep=[])."
                )
            yield signal, wave

    def _read(self, ref: ChunkRef) -> ChunkData:
        with self._lock:
            if ref in self._cache:
                self._cache.move_to_end(ref)
                return self._cache[ref]
        data = self._store.read(ref, waves=True)
        with self._lock:
            self._cache[ref] = data
            while len(self._cache) > _CACHED_CHUNKS:
                self._cache.popitem(last=False)
        return data


def build_datasets(
    design: BoundDesign,
    signals: Iterable[Signal],
    rows_of: Callable[[Signal], Callable[[NDArray[np.intp]], NDArray[Any]]],
) -> dict[str, xr.Dataset]:
    """Wrap signals, which are read when looked at, into one dataset for each analysis.

    Parameters
    ----------
    design
        Where the points lie.
    signals
        Which.
    rows_of
        Gives for a signal the function from point indices to rows.
    """
    import xarray as xr
    from xarray.core import indexing

    lazy = _lazy_array_class()
    coordinates = design_coordinates(design)
    outer = tuple(d.name for d in design.dimensions)
    found: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    for signal in signals:
        variables, coords = found.setdefault(signal.analysis, ({}, dict(coordinates)))
        for axis in signal.axes:
            attrs = {"units": axis.unit} if axis.unit else {}
            name = axis_name(signal, axis, outer)
            coords[name] = ((name,), np.asarray(axis.values), attrs)
        array = lazy(tuple(map(len, design.dimensions)), signal, rows_of(signal))
        attrs = {"units": signal.unit, "long_name": signal.name}
        variables[signal.name] = xr.Variable(
            signal.dims(design), indexing.LazilyIndexedArray(array), attrs
        )
    return {
        analysis: xr.Dataset(variables, coords, {"analysis": analysis})
        for analysis, (variables, coords) in found.items()
    }


def _lazy_array_class() -> Any:
    """Make the class on first use, since its base would import xarray with this module."""
    from xarray.backends import BackendArray
    from xarray.core import indexing

    class LazyRows(BackendArray):
        """A signal over a design, read by points."""

        def __init__(
            self,
            outer: tuple[int, ...],
            signal: Signal,
            rows: Callable[[NDArray[np.intp]], NDArray[Any]],
        ) -> None:
            self._outer = outer
            self._rows = rows
            self.shape = (*outer, *signal.shape)
            self.dtype = signal.dtype

        def __getitem__(self, key: Any) -> Any:
            return indexing.explicit_indexing_adapter(
                key, self.shape, indexing.IndexingSupport.OUTER, self._get
            )

        def _get(self, key: tuple[Any, ...]) -> Any:
            n = len(self._outer)
            places = [np.arange(length)[k] for length, k in zip(self._outer, key[:n], strict=True)]
            shape = tuple(s for p in places for s in p.shape)
            mesh = np.meshgrid(*map(np.atleast_1d, places), indexing="ij")
            points = np.ravel_multi_index([m.ravel() for m in mesh], self._outer)
            rows = self._rows(points.astype(np.intp))
            for axis, k in reversed(list(enumerate(key[n:], start=1))):
                rows = rows[(slice(None),) * axis + (k,)]
            return rows.reshape((*shape, *rows.shape[1:]))

    return LazyRows
