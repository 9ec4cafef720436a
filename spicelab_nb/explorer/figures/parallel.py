"""Parallel coordinates: every sample a line across its parameters and measures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.engines.engine import Status
from spicelab_nb.errors import MeasureError
from spicelab_nb.explorer.figures.axes import BLUE, RED, SIZE, check, dataset_of, holoviews
from spicelab_nb.explorer.grid import is_logarithmic
from spicelab_nb.explorer.points import correlations, parameters_of, passing
from spicelab_nb.explorer.titles import joined, lost_samples, plain
from spicelab_nb.results.quantities import quantity
from spicelab_nb.results.spec import specs_of
from spicelab_nb.results.statistics import measures_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["parallel"]

_LINES, _STRANDS, _AXES = 1000, 60, 10


def parallel(dataset: xr.Dataset, names: Sequence[str] | None = None) -> Any:
    """Parallel coordinates: each sample is a line, red where it breaks a spec.

    Parameters
    ----------
    dataset
        ``run.dataset``, or the run itself.
    names
        Axes, from left to right: parameters and measures. None: the parameters that the measures
        follow most, then the measures, 10 in all.

    Returns
    -------
    holoviews.Overlay
        Two paths, one of the samples that keep every spec and one of those that do not, each of
        at most 60 strands whose lines are separated by gaps; 1000 lines at most, up to half of them
        failing ones (more where there are fewer passing ones), evenly chosen, and the title says
        how many of how many. Each axis goes from the least
        to the most value drawn, which stand at its ends; limits within are marked.

    Raises
    ------
    MissingExtraError
        holoviews is not installed.
    MeasureError
        There is no such measure or numeric parameter, or fewer than two axes.
    """
    dataset = dataset_of(dataset)
    hv = holoviews()
    names = _chosen(dataset) if names is None else list(dict.fromkeys(names))
    for name in names:
        check(dataset, name, and_parameters=True)
    if len(names) < 2:
        raise MeasureError(f"Parallel coordinates take two axes or more, not {len(names)}.")
    status = dataset["status"]
    values = np.column_stack(
        [
            np.asarray(
                dataset[n].broadcast_like(status).transpose(*status.dims).values, dtype=float
            ).ravel()
            for n in names
        ]
    )
    whole = (status.values.ravel() == int(Status.OK)) & np.isfinite(values).all(axis=1)
    good = passing(dataset)
    groups = [np.flatnonzero(whole & good), np.flatnonzero(whole & ~good)]
    drawn = _bounded(*groups)
    shown = values[np.concatenate(drawn)]
    scales = [_Scale(shown[:, k]) for k in range(len(names))]
    at = np.column_stack([s.place(values[:, k]) for k, s in enumerate(scales)])
    specs = specs_of(dataset)
    said = [
        f"{len(group)} {what}" + (f", {len(part)} of them drawn" if len(part) < len(group) else "")
        for part, group, what in zip(drawn, groups, _wording(bool(specs)), strict=True)
        if what
    ]
    lost = lost_samples(dataset, int(np.count_nonzero(whole)))
    parts = [
        hv.Segments([(k, 0, k, 1) for k in range(len(names))]).opts(color="#999999"),
        *_lines(hv, at, drawn, bool(specs)),
        *_ends(hv, dataset, names, scales),
    ]
    marks = _marks(names, scales, specs)
    if marks:
        parts.append(hv.Segments(marks).opts(color=RED, line_width=3))
    wide = 120 + 90 * len(names)
    return hv.Overlay(parts).opts(
        title=plain(joined("; ".join(said), lost)),
        xticks=[(k, _wrapped(n)) for k, n in enumerate(names)],
        xlim=(-0.6, len(names) - 0.4),
        ylim=(-0.12, 1.12),
        yaxis=None,
        xlabel="",
        show_legend=False,
        **(SIZE | {"width": max(wide, 400)}),
    )


class _Scale:
    """Where values lie on an axis: 0 at its least, 1 at its most."""

    def __init__(self, values: NDArray[np.float64]) -> None:
        distinct = np.unique(values)
        self.log = is_logarithmic(distinct) and len(distinct) < len(values)
        self.low, self.high = (
            (float(distinct[0]), float(distinct[-1])) if len(distinct) else (np.nan, np.nan)
        )

    def place(self, values: Any) -> NDArray[np.float64]:
        v = np.asarray(values, dtype=np.float64)
        if not self.high > self.low:
            return np.full(v.shape, 0.5)
        if self.log:
            with np.errstate(all="ignore"):
                return np.asarray(np.log(v / self.low) / np.log(self.high / self.low))
        return np.asarray((v - self.low) / (self.high - self.low))


def _chosen(dataset: xr.Dataset) -> list[str]:
    measures = measures_of(dataset)[: _AXES - 2]
    followed: dict[str, float] = {}
    for measure in measures:
        for name, rho in correlations(dataset, measure).items():
            followed[name] = max(followed.get(name, 0.0), abs(rho))
    known = [n for n in parameters_of(dataset) if n in followed] or parameters_of(dataset)
    best = sorted(known, key=lambda n: -followed.get(n, 0.0))[: _AXES - len(measures)]
    return [n for n in known if n in best] + measures


def _bounded(*groups: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Take evenly from passing and failing: no more than half the lines for the latter."""
    good, bad = groups
    some_bad = min(len(bad), max(_LINES // 2, _LINES - len(good)))
    some_good = min(len(good), _LINES - some_bad)
    return [
        group[np.linspace(0, len(group) - 1, some).astype(np.intp)] if some else group[:0]
        for group, some in ((good, some_good), (bad, some_bad))
    ]


def _wording(judged: bool) -> tuple[str, str]:
    return ("keep every spec (blue)", "do not (red)") if judged else ("samples", "")


def _lines(
    hv: ModuleType, at: NDArray[np.float64], drawn: Sequence[NDArray[np.intp]], judged: bool
) -> list[Any]:
    count = at.shape[1]
    x = np.append(np.arange(count, dtype=float), np.nan)
    paths = []
    for rows, color, label in zip(drawn, (BLUE, RED), ("passing", "failing"), strict=True):
        # Lines end in a gap and are drawn many at a stroke: one object for each would take seconds,
        # and a single stroke for all would not show where they lie densely.
        strands = [
            np.column_stack(
                [
                    np.tile(x, len(some)),
                    np.column_stack([at[some], np.full(len(some), np.nan)]).ravel(),
                ]
            )
            for some in (rows[k::_STRANDS] for k in range(min(_STRANDS, len(rows))))
        ]
        alpha = float(np.clip(60 / max(len(rows), 1), 0.12, 0.6))
        path = hv.Path(strands, label=label)
        paths.append(path.opts(color=color, alpha=alpha, line_width=1))
    return paths if judged else paths[:1]


def _ends(
    hv: ModuleType, dataset: xr.Dataset, names: Sequence[str], scales: Sequence[_Scale]
) -> list[Any]:
    texts = []
    for k, (name, scale) in enumerate(zip(names, scales, strict=True)):
        unit = str(dataset[name].attrs.get("units", ""))
        texts.append((k, 1.06, quantity(float(scale.high), unit)))
        texts.append((k, -0.06, quantity(float(scale.low), unit)))
    return [hv.Labels(texts).opts(text_font_size="8pt", text_color="#333333")]


def _marks(names: Sequence[str], scales: Sequence[_Scale], specs: Any) -> list[tuple[float, ...]]:
    marks: list[tuple[float, ...]] = []
    for k, (name, scale) in enumerate(zip(names, scales, strict=True)):
        spec = specs.get(name)
        for limit in (spec.min, spec.max) if spec else ():
            if limit is not None and scale.low <= limit <= scale.high:
                place = float(scale.place(limit))
                marks.append((k - 0.12, place, k + 0.12, place))
    return marks


def _wrapped(name: str) -> str:
    return name if len(name) <= 14 else f"{name[:13]}\N{HORIZONTAL ELLIPSIS}"
