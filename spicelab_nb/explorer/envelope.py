"""What a bundle of waveforms comes to: exact minimum and maximum, quantiles, worst samples.

Thousands of curves are never drawn one by one. Bands alone would hide a glitch in one sample of
ten thousand; the exact minimum and maximum, and the worst samples on top, do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.circuits.measures.crossings import phase_degrees
from spicelab_nb.errors import MeasureError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["Envelope", "envelope", "part_of"]

_COLUMNS = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class Envelope:
    """A bundle of waveforms at a glance.

    Parameters
    ----------
    x
        ``(p,)``: time, frequency or the swept value.
    x_name, x_unit, name, unit
        Of the axis and of the signal, for labels.
    log_x
        Whether x is a frequency, to be drawn on a logarithmic axis.
    least, most, median
        ``(p,)``, exact.
    quantiles, bands
        Pairs such as (0.05, 0.95), outermost first, and for each a pair of ``(p,)``.
    worst
        Labels of the samples that stray furthest, furthest first, and their curves ``(k, p)``.
    n, left_out
        Curves in it, and curves left out since their sample is not ok.
    """

    x: NDArray[np.float64]
    x_name: str
    x_unit: str
    name: str
    unit: str
    log_x: bool
    least: NDArray[np.float64]
    most: NDArray[np.float64]
    median: NDArray[np.float64]
    quantiles: tuple[tuple[float, float], ...]
    bands: tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]
    worst: tuple[tuple[str, NDArray[np.float64]], ...]
    n: int
    left_out: int


def envelope(
    wave: xr.DataArray,
    *,
    part: str | None = None,
    quantiles: Sequence[tuple[float, float]] = ((0.05, 0.95), (0.25, 0.75)),
    worst: int | Sequence[Any] = 3,
) -> Envelope:
    """Reduce a bundle of waveforms to what can be looked at.

    Parameters
    ----------
    wave
        ``(sample, time)`` or ``(sample, frequency)``: the last dimension is the axis, all others
        number the curves. Complex for an AC response.
    part
        Of a complex signal: ``"db"`` (the default), ``"magnitude"``, ``"phase"`` (degrees,
        unwrapped), ``"real"`` or ``"imag"``.
    quantiles
        Pairs for the bands, outermost first.
    worst
        How many of the curves furthest from the median to give (in units of the outer band's
        width there), or which samples.

    Raises
    ------
    MeasureError
        The part is unknown, there is no axis, or no sample is ok.
    """
    if wave.ndim < 2:
        raise MeasureError(
            f"A bundle of waveforms has the dimensions (sample, axis), not {wave.dims}."
        )
    axis = str(wave.dims[-1])
    x = np.asarray(wave[axis].values, dtype=np.float64)
    y, unit = part_of(np.asarray(wave.values).reshape(-1, len(x)), part, wave)
    kept = np.asarray(~np.isnan(y).any(axis=1))
    labels = _labels(wave)
    y, kept_labels = y[kept], [label for label, keep in zip(labels, kept, strict=True) if keep]
    if not len(y):
        raise MeasureError(f"There is no waveform of {wave.name} yet: no sample is ok.")
    levels = sorted({q for pair in quantiles for q in pair} | {0.5})
    at = np.empty((len(levels), len(x)))
    for start in range(0, len(x), _COLUMNS):  # a few columns at a time: quantile copies its input
        block = np.ascontiguousarray(y[:, start : start + _COLUMNS].T)
        with np.errstate(invalid="ignore"):  # between decibels of 0 there is nothing
            at[:, start : start + _COLUMNS] = np.quantile(block, levels, axis=1)
    by_level = dict(zip(levels, at, strict=True))
    bands = tuple((by_level[a], by_level[b]) for a, b in quantiles)
    chosen = _worst(y, by_level[0.5], bands, worst, kept_labels)
    return Envelope(
        x=x,
        x_name=axis,
        x_unit=str(wave[axis].attrs.get("units", "")),
        name=str(wave.attrs.get("long_name") or wave.name or "signal"),
        unit=unit,
        log_x=axis == "frequency" and bool(x[0] > 0) and bool(x[-1] / x[0] >= 10),
        least=y.min(axis=0),
        most=y.max(axis=0),
        median=by_level[0.5],
        quantiles=tuple((float(a), float(b)) for a, b in quantiles),
        bands=bands,
        worst=tuple((kept_labels[i], y[i].copy()) for i in chosen),
        n=len(y),
        left_out=int(len(kept) - len(y)),
    )


def part_of(
    y: NDArray[Any], part: str | None, wave: xr.DataArray
) -> tuple[NDArray[np.float64], str]:
    """Take a part of waveforms ``(k, p)``, and its unit; `wave` is what they are of.

    Raises
    ------
    MeasureError
        There is no such part.
    """
    # Attributes survive arithmetic in xarray, so that the unit is set anew for each part.
    unit = str(wave.attrs.get("units", ""))
    if not np.iscomplexobj(y):
        if part not in {None, "real", "magnitude"}:
            raise MeasureError(f"{wave.name} is real: it has no part {part!r}.")
        return np.asarray(y, dtype=np.float64), unit
    with np.errstate(all="ignore"):
        if part in {None, "db"}:
            return 20 * np.log10(np.abs(y)), "dB"
        if part == "phase":
            return _same_turn(phase_degrees(np.ascontiguousarray(y))), "deg"
        if part == "magnitude":
            return np.abs(y), unit
    if part in {"real", "imag"}:
        return np.ascontiguousarray(getattr(y, part)), unit
    raise MeasureError(f"part is db, magnitude, phase, real or imag, not {part!r}.")


def _same_turn(phase: NDArray[np.float64]) -> NDArray[np.float64]:
    """Let all curves begin in the same turn: an inverting amplifier's at 180, not some at -180."""
    first = phase[:, 0]
    known = first[np.isfinite(first)]
    if not len(known):
        return phase
    middle = np.degrees(np.angle(np.mean(np.exp(1j * np.radians(known)))))
    return np.asarray(phase - 360.0 * np.rint((first - middle) / 360.0)[:, np.newaxis])


def _labels(wave: xr.DataArray) -> list[str]:
    dims = wave.dims[:-1]
    values = [wave[d].values if d in wave.coords else np.arange(wave.sizes[d]) for d in dims]
    return [
        ", ".join(f"{d} {values[k][i]}" for k, (d, i) in enumerate(zip(dims, index, strict=True)))
        for index in np.ndindex(*(wave.sizes[d] for d in dims))
    ]


def _worst(
    y: NDArray[np.float64],
    median: NDArray[np.float64],
    bands: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
    worst: int | Sequence[Any],
    labels: Sequence[str],
) -> list[int]:
    if not isinstance(worst, int):
        wanted = {f"sample {s}" for s in worst}
        return [i for i, label in enumerate(labels) if label in wanted or label in worst]
    if worst <= 0:
        return []
    with np.errstate(invalid="ignore"):
        spread = bands[0][1] - bands[0][0] if bands else np.ones_like(median)
    spread = np.where(np.isfinite(spread), spread, 0.0)
    floor = 0.01 * float(np.max(spread)) or 1.0
    with np.errstate(all="ignore"):
        stray = np.abs(y - median)
        stray /= np.maximum(spread, floor)
        far = np.nan_to_num(stray, posinf=np.inf).max(axis=1)
    return [int(i) for i in np.argsort(-far, kind="stable")[:worst]]
