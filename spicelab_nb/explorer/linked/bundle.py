"""All waveforms of one signal, read in blocks: their envelope, and any of them at once.

A bundle is read once and kept as differences from its first curve in single precision, which are
finer than any screen, at a quarter of what a complex response takes. Minimum and maximum are taken
in double precision from what was read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import MeasureError
from spicelab_nb.explorer.envelope import Envelope, part_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["Bundle", "read_bundle"]

BLOCK_BYTES = 8 * 2**20
"""How much of a waveform's rows is in memory at once while it is read."""
MOST_VALUES = 40_000_000
"""Values that are kept for bands and drawing; of larger bundles evenly chosen curves."""
_COLUMNS = 64
_BANDS = ((0.05, 0.95), (0.25, 0.75))


@dataclass(frozen=True, kw_only=True, eq=False)
class Bundle:
    """Waveforms of one signal, in one part.

    Parameters
    ----------
    envelope
        Of all of them; without worst samples.
    points
        ``(m,)``, ascending: the design's points whose curves are kept here.
    worst
        Points whose curves stray furthest from the median, furthest first.
    """

    envelope: Envelope
    points: NDArray[np.intp]
    worst: tuple[int, ...]
    wave: xr.DataArray
    part: str | None
    _reference: NDArray[np.float64]
    _differences: NDArray[np.float32]

    @property
    def whole(self) -> bool:
        """Whether every curve that there is is kept, so that bands are of all of them."""
        return len(self.points) == self.envelope.n

    def curves(self, points: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Give the waveforms of some points.

        Returns
        -------
        points, curves
            Those that have a waveform ``(k,)``, and ``(k, p)`` float64. What is not kept here is
            read from the store.
        """
        kept = np.isin(points, self.points)
        if not self.whole and not kept.all():
            return self._read(points)
        there = points[kept]
        rows = np.searchsorted(self.points, there)
        return there, self._reference + self._differences[rows]

    def spread(
        self, points: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Least and greatest over the kept curves of some points; None without one."""
        rows = np.searchsorted(self.points, points[np.isin(points, self.points)])
        if not len(rows):
            return None
        part = self._differences[rows]
        return self._reference + part.min(axis=0), self._reference + part.max(axis=0)

    def _read(self, points: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        import xarray as xr

        outer = [str(d) for d in self.wave.dims[:-1]]
        places = np.unravel_index(points, tuple(self.wave.sizes[d] for d in outer))
        where = {d: xr.DataArray(p, dims="_point") for d, p in zip(outer, places, strict=True)}
        rows = self.wave.isel(where).transpose("_point", ...).values
        curves, _ = part_of(rows, self.part, self.wave)
        if self.part == "phase":
            curves = _turned(curves, self._reference)
        there = ~np.isnan(curves).any(axis=1)
        return points[there], curves[there]


def read_bundle(
    wave: xr.DataArray,
    *,
    part: str | None = None,
    quantiles: Sequence[tuple[float, float]] = _BANDS,
    worst: int = 3,
) -> Bundle:
    """Read all waveforms of a signal, block by block.

    Parameters
    ----------
    wave
        The design's dimensions, then one axis; still unread.
    part
        Of a complex signal, as in :func:`spicelab_nb.explorer.waveforms`.
    quantiles
        Of the bands, outermost first.
    worst
        How many points to name.

    Raises
    ------
    MeasureError
        The part is unknown, or no sample is ok.
    """
    axis = str(wave.dims[-1])
    x = np.asarray(wave[axis].values, dtype=np.float64)
    total = math.prod(wave.shape[:-1])
    step = -(-total * len(x) // MOST_VALUES)
    least, most = np.full(len(x), np.inf), np.full(len(x), -np.inf)
    # In place from the beginning: joining blocks at the end would take it all twice.
    differences = np.empty((-(-total // step), len(x)), dtype=np.float32)
    filled = 0
    points: list[NDArray[np.intp]] = []
    reference: NDArray[np.float64] | None = None
    count, unit = 0, ""
    for first, block in _blocks(wave):
        y, unit = part_of(block, part, wave)
        there = np.flatnonzero(~np.isnan(y).any(axis=1))
        if not len(there):
            continue
        y = y if len(there) == len(y) else y[there]
        if reference is None:
            # A response of 0 has no decibels to take differences from.
            reference = np.where(np.isfinite(y[0]), y[0], 0.0)
        if part == "phase":
            y = _turned(y, reference)
        np.minimum(least, y.min(axis=0), out=least)
        np.maximum(most, y.max(axis=0), out=most)
        count += len(there)
        chosen = np.flatnonzero((first + there) % step == 0)
        points.append(first + there[chosen])
        room = differences[filled : filled + len(chosen)]
        np.subtract(y[chosen], reference, out=room, casting="same_kind")
        filled += len(chosen)
    if reference is None or not filled:
        raise MeasureError(f"There is no waveform of {wave.name} yet: no sample is ok.")
    differences = differences[:filled]
    levels = sorted({q for pair in quantiles for q in pair} | {0.5})
    at = dict(zip(levels, reference + _quantiles(differences, levels), strict=True))
    numbers = np.concatenate(points)
    with np.errstate(invalid="ignore"):
        outer = at[quantiles[0][1]] - at[quantiles[0][0]]
    strays = _furthest(differences, at[0.5] - reference, outer, worst)
    envelope = Envelope(
        x=x,
        x_name=axis,
        x_unit=str(wave[axis].attrs.get("units", "")),
        name=str(wave.attrs.get("long_name") or wave.name or "signal"),
        unit=unit,
        log_x=axis == "frequency" and bool(x[0] > 0) and bool(x[-1] / x[0] >= 10),
        least=least,
        most=most,
        median=at[0.5],
        quantiles=tuple((float(a), float(b)) for a, b in quantiles),
        bands=tuple((at[a], at[b]) for a, b in quantiles),
        worst=(),
        n=count,
        left_out=total - count,
    )
    return Bundle(
        envelope=envelope,
        points=numbers,
        worst=tuple(int(numbers[i]) for i in strays),
        wave=wave,
        part=part,
        _reference=reference,
        _differences=differences,
    )


def _turned(phase: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Let curves begin in the turn of the first one of all, in whichever block they were read."""
    return np.asarray(phase - 360.0 * np.rint((phase[:, :1] - reference[0]) / 360.0))


def _blocks(wave: xr.DataArray) -> Iterator[tuple[int, NDArray[Any]]]:
    """Give rows ``(k, p)`` and the number of the first, whole slices of the outermost dimension."""
    inner = math.prod(wave.shape[1:-1])
    each = max(1, inner * wave.shape[-1] * wave.dtype.itemsize)
    length = max(1, BLOCK_BYTES // each)
    dim = wave.dims[0]
    for start in range(0, wave.shape[0], length):
        rows = wave.isel({dim: slice(start, start + length)}).values
        yield start * inner, rows.reshape(-1, wave.shape[-1])


def _quantiles(rows: NDArray[np.float32], levels: Sequence[float]) -> NDArray[np.float64]:
    """``(levels, p)``, a few columns at a time: sorting copies them."""
    at = np.empty((len(levels), rows.shape[1]))
    place = np.asarray(levels) * (len(rows) - 1)
    low = np.floor(place).astype(np.intp)
    high = np.minimum(low + 1, len(rows) - 1)
    share = (place - low)[:, np.newaxis]
    for start in range(0, rows.shape[1], _COLUMNS):
        block = np.ascontiguousarray(rows[:, start : start + _COLUMNS].T)
        block.sort(axis=1)
        below, above = block[:, low].T.astype(np.float64), block[:, high].T.astype(np.float64)
        with np.errstate(invalid="ignore"):  # between decibels of 0 there is nothing
            at[:, start : start + _COLUMNS] = below + share * (above - below)
    return at


def _furthest(
    rows: NDArray[np.float32],
    median: NDArray[np.float64],
    band: NDArray[np.float64],
    count: int,
) -> NDArray[np.intp]:
    """Rows that stray furthest from the median, in units of the outer band's width there."""
    known = np.isfinite(median)  # elsewhere the response of half of them is 0: no decibels
    band = np.where(np.isfinite(band), band, 0.0)
    floor = 0.01 * float(np.max(band)) or 1.0
    weight = (1 / np.maximum(band, floor)).astype(np.float32)
    middle = np.where(known, median, 0.0).astype(np.float32)
    far = np.empty(len(rows))
    for start in range(0, len(rows), 1024):
        part = np.abs(rows[start : start + 1024] - middle)
        part *= weight
        part[:, ~known] = 0.0
        far[start : start + 1024] = part.max(axis=1)
    return np.argsort(-far, kind="stable")[:count]
