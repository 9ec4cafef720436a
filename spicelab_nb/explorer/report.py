"""The report of a run: one static HTML file that needs no network and no script."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import MeasureError
from spicelab_nb.explorer.drawing import Drawing, thinned
from spicelab_nb.explorer.envelope import envelope
from spicelab_nb.explorer.export import publish
from spicelab_nb.explorer.points import corner_values, most_correlated, point_values
from spicelab_nb.explorer.titles import figure_title
from spicelab_nb.results.histogram import bin_edges
from spicelab_nb.results.quantities import axis_scale
from spicelab_nb.results.statistics import measures_of

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from spicelab_nb.results.spec import Spec
    from spicelab_nb.results.summary import Summary

__all__ = ["write_report"]

_COLORS = ("#3b6ea5", "#e67e22", "#16a085", "#8e44ad", "#7f8c8d", "#2c3e50", "#d4ac0d", "#a04000")
_BLUE, _RED, _GREY = _COLORS[0], "#c0392b", "#7f8c8d"
_MEASURES, _FAILURES, _DOTS, _CURVE = 24, 200, 2000, 600
_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:24px auto;max-width:1180px;padding:0 16px;
color:#222;background:#fff}
h1{font-size:1.5em;margin:.2em 0}h2{font-size:1.15em;margin:1.6em 0 .5em}
table{border-collapse:collapse;font-size:14px}
th,td{text-align:left;padding:3px 10px;border-bottom:1px solid #ddd;vertical-align:top}
.wide{overflow-x:auto}.figures{display:flex;flex-wrap:wrap;gap:12px}
svg{max-width:100%;height:auto;font:11px system-ui,sans-serif}
svg text{fill:#333}svg .t{font-size:12.5px;font-weight:600}svg .s{font-size:11px}
pre{white-space:pre-wrap;margin:4px 0;font-size:12px;max-width:60em}
.lead{font-size:1.1em}.small{color:#555;font-size:13px}
"""


def write_report(
    path: str | os.PathLike[str],
    dataset: xr.Dataset,
    summary: Summary,
    *,
    title: str,
    notes: Sequence[str] = (),
    failures: pd.DataFrame | None = None,
    waveforms: Mapping[str, xr.Dataset] | None = None,
) -> Path:
    """Write a run's report.

    Parameters
    ----------
    path
        The HTML file; its folder is made. Written beside and moved, so that it is whole or not
        there.
    dataset
        ``run.dataset``.
    summary
        ``run.summary()``: it says which specs apply.
    title
        The run's name.
    notes
        Sentences to stand under the table: engine, store, how it was run.
    failures
        ``run.failures``; the first 200 are shown, with their reasons and last lines.
    waveforms
        ``run.waveforms``: analysis to dataset. None: none were kept.

    Returns
    -------
    pathlib.Path
        The file, absolute. Every name and line in it is escaped; it loads nothing.
    """
    specs = {row.name: row.spec for row in summary.rows if row.spec is not None}
    names = [*specs, *(n for n in measures_of(dataset) if n not in specs)]
    body = [
        f"<h1>{html.escape(title)}</h1>",
        f'<p class="lead">{html.escape(summary.headline)}</p>',
        _summary(summary),
        _list(notes),
        _histograms(dataset, names[:_MEASURES], specs),
        _scatters(dataset, [n for n in names[:_MEASURES] if n in specs] or names[:4], specs),
        _waveforms(waveforms or {}),
        _failures(failures),
        _origin(dataset),
    ]
    if len(names) > _MEASURES:
        body.insert(4, _list([f"Figures of the first {_MEASURES} of {len(names)} measures."]))
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(body)}</body></html>\n"
    )
    return publish(Path(path).absolute(), text)


def _section(title: str, content: str) -> str:
    return f"<h2>{html.escape(title)}</h2>{content}" if content else ""


def _list(lines: Sequence[str]) -> str:
    items = "".join(f"<li>{html.escape(str(line))}</li>" for line in lines)
    return f'<ul class="small">{items}</ul>' if items else ""


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Make a table of cells that are escaped already."""
    head = "".join(f"<th>{h}</th>" for h in header)
    body = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _summary(summary: Summary) -> str:
    cells = [[html.escape(c) for c in row] for row in summary.table()]
    header = [html.escape(h) for h in summary.header()]
    return _table(header, cells) + _list(summary.warnings())


def _label(variable: xr.DataArray, largest: float) -> tuple[float, str]:
    """Give what to multiply values with, and the axis label with its unit."""
    name = str(variable.attrs.get("long_name") or variable.name)
    scale, unit = axis_scale(largest, str(variable.attrs.get("units", "")))
    return scale, f"{name} ({unit})" if unit else name


def _histograms(dataset: xr.Dataset, names: Sequence[str], specs: Mapping[str, Spec]) -> str:
    figures = [_histogram(dataset, name, specs.get(name)) for name in names]
    content = "".join(f for f in figures if f)
    return _section("Measures", f'<div class="figures">{content}</div>' if content else "")


def _histogram(dataset: xr.Dataset, name: str, spec: Spec | None) -> str:
    groups = {k: v[np.isfinite(v)] for k, v in corner_values(dataset, name).items()}
    pooled = np.concatenate(list(groups.values()))
    if not len(pooled):
        return ""
    limits = (spec.min, spec.max) if spec else (None, None)
    edges = bin_edges(pooled, low=limits[0], high=limits[1])
    counts = {k: np.histogram(v, edges)[0] for k, v in groups.items()}
    scale, label = _label(dataset[name], float(np.abs(edges).max()))
    outside = int(np.count_nonzero((pooled < edges[0]) | (pooled > edges[-1])))
    title = figure_title(dataset, name, spec)
    if outside:
        title += f"{', ' if chr(10) in title else chr(10)}{outside} outside the range shown"
    x = edges * scale
    top = max(int(c.max()) for c in counts.values())
    drawing = Drawing(
        (x[0], x[-1]),
        (0, 1.08 * top or 1),
        x_label=label,
        y_label="samples",
        title=title,
        key=len(counts) > 1,
    )
    for k, (corner, heights) in enumerate(counts.items()):
        if len(counts) == 1:
            drawing.bars(x, heights, _BLUE)
        else:
            named = corner if k < len(_COLORS) else ""
            outline = np.repeat(x, 2)[1:-1], np.repeat(heights, 2)
            drawing.line(*outline, _COLORS[k % len(_COLORS)], name=named)
    for limit in limits:
        if limit is not None:
            drawing.limit(x=limit * scale, color=_RED)
    return drawing.svg()


def _scatters(dataset: xr.Dataset, names: Sequence[str], specs: Mapping[str, Spec]) -> str:
    figures = []
    for name in names:
        found = most_correlated(dataset, name)
        if found is None:
            continue
        parameter, rho = found
        xs, ys = point_values(dataset, parameter, name)
        total = len(xs)
        xs, ys = thinned([xs, ys], _DOTS)
        scale_x, label_x = _label(dataset[parameter], float(np.abs(xs).max()))
        scale_y, label_y = _label(dataset[name], float(np.abs(ys).max()))
        title = f"{name} follows {parameter} most: rank correlation {rho:+.2f}"
        title += f"\n{len(xs)} of {total} points drawn" if len(xs) < total else ""
        x, y = xs * scale_x, ys * scale_y
        drawing = Drawing(_padded(x), _padded(y), x_label=label_x, y_label=label_y, title=title)
        drawing.dots(x, y, _BLUE)
        spec = specs.get(name)
        for limit in (spec.min, spec.max) if spec else ():
            if limit is not None:
                drawing.limit(y=limit * scale_y, color=_RED)
        figures.append(drawing.svg())
    content = f'<div class="figures">{"".join(figures)}</div>' if figures else ""
    return _section("What matters most", content)


def _waveforms(waveforms: Mapping[str, xr.Dataset]) -> str:
    figures = []
    for analysis in waveforms:
        for signal, wave in waveforms[analysis].data_vars.items():
            if wave.ndim < 2 or not np.issubdtype(wave[wave.dims[-1]].dtype, np.number):
                continue
            parts = ("db", "phase") if wave.dtype.kind == "c" else (None,)
            figures += [_bundle(wave, f"{analysis}: {signal}", part) for part in parts]
    content = "".join(figures)
    return _section("Waveforms", f'<div class="figures">{content}</div>' if content else "")


def _bundle(wave: xr.DataArray, titled: str, part: str | None) -> str:
    try:
        e = envelope(wave, part=part)
    except MeasureError as error:
        return f'<p class="small">{html.escape(str(error))}</p>'
    step = -(-len(e.x) // _CURVE)
    scale_x, unit_x = (1.0, e.x_unit) if e.log_x else axis_scale(float(np.abs(e.x).max()), e.x_unit)
    known = np.concatenate([e.least, e.most])
    known = known[np.isfinite(known)]  # a response of 0 has no decibels
    if not len(known):
        return f'<p class="small">{html.escape(titled)}: no sample has any response.</p>'
    ends = np.array([known.min(), known.max()])
    scale_y, unit_y = axis_scale(float(np.abs(ends).max()), e.unit)
    left_out = f", {e.left_out or 'none'} of {e.n + e.left_out} not ok"
    drawing = Drawing(
        (float(e.x.min()) * scale_x, float(e.x.max()) * scale_x),
        _padded(ends * scale_y),
        x_label=f"{e.x_name} ({unit_x})" if unit_x else e.x_name,
        y_label=f"{'phase' if part == 'phase' else e.name} ({unit_y})",
        title=f"{titled}{', phase' if part == 'phase' else ''}\n{e.n} samples{left_out}; grey: "
        "exact minimum and maximum",
        log_x=e.log_x,
        key=True,
    )
    x = e.x[::step] * scale_x
    for k, ((low, high), (a, b)) in enumerate(zip(e.bands, e.quantiles, strict=True)):
        borders = low[::step] * scale_y, high[::step] * scale_y
        name = f"{100 * a:g} to {100 * b:g} %"
        drawing.band(x, *borders, _BLUE, opacity=min(0.25 * (k + 1), 0.8), name=name)
    # Thinning takes the least and the most of each stretch, so that no glitch is lost.
    drawing.line(x, np.minimum.reduceat(e.least, np.arange(0, len(e.x), step)) * scale_y, _GREY)
    drawing.line(x, np.maximum.reduceat(e.most, np.arange(0, len(e.x), step)) * scale_y, _GREY)
    drawing.line(x, e.median[::step] * scale_y, _BLUE, name="median")
    for (label, values), color in zip(e.worst, (_RED, *_COLORS[1:4]), strict=False):
        furthest = _furthest(values, e.median, step)
        drawing.line(
            e.x[furthest] * scale_x, values[furthest] * scale_y, color, dashed=True, name=label
        )
    return drawing.svg()


def _furthest(values: NDArray[Any], median: NDArray[Any], step: int) -> NDArray[np.intp]:
    """Of each stretch of `step` points take the one furthest from the median."""
    starts = np.arange(0, len(values), step)
    with np.errstate(invalid="ignore"):
        stray = np.nan_to_num(np.abs(values - median), posinf=np.inf)
    return np.array([a + int(np.argmax(stray[a : a + step])) for a in starts])


def _failures(failures: pd.DataFrame | None) -> str:
    if failures is None or not len(failures):
        return ""
    columns = [str(c) for c in failures.columns if c != "log"]
    header = [html.escape(str(failures.index.name or "point")), *map(html.escape, columns), "log"]
    rows = []
    for point, row in failures.head(_FAILURES).iterrows():
        log = str(row.get("log", "") or "")
        last = f"<details><summary>lines</summary><pre>{html.escape(log)}</pre></details>"
        cells = [html.escape(_cell(row[c])) for c in failures.columns if c != "log"]
        rows.append([html.escape(str(point)), *cells, last if log else ""])
    more = len(failures) - len(rows)
    note = _list([f"{more} more are in run.failures."]) if more > 0 else ""
    return _section(f"Failed samples ({len(failures)})", _table(header, rows) + note)


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)


def _origin(dataset: xr.Dataset) -> str:
    rows = [
        [html.escape(str(k)), html.escape(str(v))]
        for k, v in sorted(dataset.attrs.items(), key=lambda kv: str(kv[0]))
    ]
    if not rows:
        return ""
    return f"<details><summary>What made this</summary>{_table(['', ''], rows)}</details>"


def _padded(values: Any) -> tuple[float, float]:
    low, high = float(np.min(values)), float(np.max(values))
    pad = 0.04 * (high - low)
    return low - pad, high + pad
