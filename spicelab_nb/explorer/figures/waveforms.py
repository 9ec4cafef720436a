"""Bundles of waveforms: exact minimum and maximum, quantile bands, the worst samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import MeasureError
from spicelab_nb.explorer.envelope import Envelope, envelope
from spicelab_nb.explorer.figures.axes import BLUE, GREY, SIZE, dimension, holoviews, largest
from spicelab_nb.explorer.titles import plain
from spicelab_nb.results.quantities import axis_scale

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["bode", "waveforms"]

_WORST = ("#c0392b", "#e67e22", "#8e44ad", "#16a085", "#2c3e50")
_BANDS = ((0.05, 0.95), (0.25, 0.75))
_BODE = {"frame_width": 520, "frame_height": 210, "fontsize": {"title": "10pt"}}


def _unsized(plot: Any, _: Any) -> None:
    # The frames are sized, so that they stand one below the other; Bokeh warns of a plot that is
    # said to be of fixed size besides.
    plot.state.sizing_mode = None


def waveforms(
    wave: xr.DataArray,
    *,
    part: str | None = None,
    quantiles: Sequence[tuple[float, float]] = _BANDS,
    worst: int | Sequence[Any] = 3,
) -> Any:
    """Waveforms of a campaign: exact minimum and maximum, quantile bands, the worst samples.

    Parameters
    ----------
    wave
        ``run.waveforms["ac"]["v(out)"]``: ``(sample, frequency)`` or ``(sample, time)``.
    part
        Of an AC response: ``"db"`` (default), ``"magnitude"``, ``"phase"``, ``"real"``, ``"imag"``.
    quantiles
        Bands, outermost first.
    worst
        How many of the samples furthest from the median to draw, or which.

    Returns
    -------
    holoviews.Overlay
        A handful of objects, however many samples there are.

    Raises
    ------
    MissingExtraError
        holoviews is not installed.
    MeasureError
        It is no array of waveforms, the part is unknown, there is no axis, or no sample is ok.
    """
    _check_wave(wave)
    hv = holoviews()
    e = envelope(wave, part=part, quantiles=quantiles, worst=worst)
    what = {"phase": "phase of "}.get(part or "", "")
    return hv.Overlay(_bundle(hv, e)).opts(
        title=plain(f"{what}{e.name}: {_counted(e)}"),
        logx=e.log_x,
        show_grid=True,
        legend_position="right",
        **(SIZE | {"width": 760}),
    )


def bode(
    wave: xr.DataArray,
    *,
    quantiles: Sequence[tuple[float, float]] = _BANDS,
    worst: int | Sequence[Any] = 3,
) -> Any:
    """Bode plot of a campaign: magnitude and phase over one frequency axis.

    Parameters
    ----------
    wave
        ``run.waveforms["ac"]["v(out)"]``: ``(sample, frequency)``, complex.
    quantiles
        Bands, outermost first.
    worst
        How many of the samples whose magnitude strays furthest from the median to draw, in both,
        or which.

    Returns
    -------
    holoviews.Layout
        Magnitude in dB above, phase in degrees below, unwrapped along the frequency and begun in
        the same turn for all samples; each as :func:`waveforms` draws it. Their frequency axes
        move together.

    Raises
    ------
    MissingExtraError
        holoviews is not installed.
    MeasureError
        It is no array of waveforms, or a real one, there is no axis, or no sample is ok.
    """
    _check_wave(wave)
    hv = holoviews()
    if wave.dtype.kind != "c":
        raise MeasureError(
            f"{wave.name} is real: a Bode plot is of an AC response. waveforms() draws this."
        )
    magnitude = envelope(wave, part="db", quantiles=quantiles, worst=worst)
    chosen = [label for label, _ in magnitude.worst]
    phase = envelope(wave, part="phase", quantiles=quantiles, worst=chosen)
    upper = hv.Overlay(_bundle(hv, magnitude, "magnitude")).opts(
        title=plain(f"{magnitude.name}: {_counted(magnitude)}"), legend_position="right"
    )
    lower = hv.Overlay(_bundle(hv, phase, "phase")).opts(show_legend=False)
    both = [
        o.opts(logx=magnitude.log_x, show_grid=True, hooks=[_unsized], **_BODE)
        for o in (upper, lower)
    ]
    return hv.Layout(both).cols(1).opts(shared_axes=True)


def _bundle(hv: ModuleType, e: Envelope, name: str = "") -> list[Any]:
    """Draw an envelope; `name` is that of the vertical axis."""
    scale_x, unit_x = (1.0, e.x_unit) if e.log_x else axis_scale(largest(e.x), e.x_unit)
    scale_y, unit_y = axis_scale(max(largest(e.least), largest(e.most)), e.unit)
    x, kdim = e.x * scale_x, dimension(hv, e.x_name, unit_x)
    vdim = dimension(hv, name or e.name, unit_y)
    parts: list[Any] = []

    def shown(values: NDArray[np.float64]) -> NDArray[np.float64]:
        # A response of 0 has no decibels, and an axis that reaches there shows nothing else.
        return np.where(np.isfinite(values), values * scale_y, np.nan)

    for k, ((low, high), (a, b)) in enumerate(zip(e.bands, e.quantiles, strict=True)):
        # With one edge only, the area would be closed across the plot.
        edges = np.where(np.isfinite(low + high), [shown(low), shown(high)], np.nan)
        area = hv.Area(
            (x, *edges),
            kdims=[kdim],
            vdims=[vdim, f"{vdim.name}, upper"],
            label=f"{100 * a:g} to {100 * b:g} %",
        )
        parts.append(area.opts(color=BLUE, alpha=min(0.2 + 0.2 * k, 0.8), line_alpha=0))

    def curve(values: Any, label: str, **style: Any) -> Any:
        line = hv.Curve((x, shown(values)), kdims=[kdim], vdims=[vdim], label=label)
        return line.opts(**style)

    parts.append(curve(e.median, "median", color=BLUE, line_width=2))
    parts.append(curve(e.least, "minimum", color=GREY, line_width=1))
    parts.append(curve(e.most, "maximum", color=GREY, line_width=1))
    for k, (label, values) in enumerate(e.worst):
        color = _WORST[k % len(_WORST)]
        parts.append(curve(values, label, color=color, line_width=1, line_dash="dashed"))
    return parts


def _counted(e: Envelope) -> str:
    left_out = f", {e.left_out or 'none'} of {e.n + e.left_out} not ok"
    return f"{e.n} samples{left_out}"


def _check_wave(wave: Any) -> None:
    import xarray as xr

    if not isinstance(wave, xr.DataArray):
        raise MeasureError(
            'Waveforms are drawn of one kept signal, run.waveforms["ac"]["v(out)"], not of '
            f"{type(wave).__name__}."
        )
