"""Samples and corners as tables, for a notebook or a linked view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.engines.engine import Status
from spicelab_nb.errors import MeasureError, nearest
from spicelab_nb.explorer.figures.axes import check, dataset_of
from spicelab_nb.explorer.points import passing
from spicelab_nb.results.spec import specs_of
from spicelab_nb.results.statistics import measures_of, summarize

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from spicelab_nb.results.spec import Spec

__all__ = ["corner_table", "table"]

_WHICH = ("all", "passing", "failing", "failed", "not_run")


def table(
    dataset: xr.Dataset,
    failures: pd.DataFrame | None = None,
    *,
    which: str = "all",
    names: Sequence[str] | None = None,
    start: int = 0,
    stop: int | None = None,
) -> pd.DataFrame:
    """List samples with their values, their status and the specs that they break.

    Parameters
    ----------
    dataset
        ``run.dataset``, or the run itself.
    failures
        ``run.failures``: gives the reasons of those that failed.
    which
        ``"all"``, ``"passing"`` (ok, and keeps every spec), ``"failing"`` (ok, and breaks one),
        ``"failed"`` (failed, timed out or crashed) or ``"not_run"``.
    names
        Parameters and measures to list; None: all of them.
    start, stop
        Of those, the rows to give: a page. None: to the end.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``point`` (the C-order index into the design). Columns: the dimensions, the
        parameters, the measures (NaN where there is none), ``status`` by name, ``breaks`` (the
        measures whose specs are not kept, joined with commas; empty for samples that are not ok)
        and, with `failures`, ``reason``; ``breaks_`` and ``reason_`` beside a measure or a
        parameter of that name. Names and reasons are as the circuit and the engine gave them:
        escape them where they are shown as HTML.

    Raises
    ------
    MeasureError
        `which` or a name is unknown.
    """
    import pandas as pd

    dataset = dataset_of(dataset)
    status = dataset["status"]
    flags = status.values.ravel()
    points = np.flatnonzero(_chosen(dataset, flags, which))[start:stop]
    dims = [str(d) for d in status.dims]
    columns: dict[str, Any] = {
        d: dataset[d].values[k]
        for d, k in zip(dims, np.unravel_index(points, status.shape), strict=True)
    }
    for name in _listed(dataset, names):
        columns.setdefault(name, _flat(dataset[name], status)[points])
    columns["status"] = [Status(int(f)).name.lower() for f in flags[points]]
    columns[_free("breaks", columns)] = _broken(dataset, points, flags)
    frame = pd.DataFrame(columns, index=pd.Index(points, name="point", dtype="int64"))
    if failures is not None:
        frame[_free("reason", columns)] = (
            failures["reason"].reindex(frame.index).fillna("").astype(str)
        )
    return frame


def _free(name: str, taken: Container[str]) -> str:
    while name in taken:
        name += "_"
    return name


def corner_table(dataset: xr.Dataset, names: Sequence[str] | None = None) -> pd.DataFrame:
    """Compare corners: yield and spread of each measure at each, the worst one marked.

    Parameters
    ----------
    dataset
        ``run.dataset`` with the dimension ``corner``, or the run itself.
    names
        Measures; None: all of them.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``measure`` and ``corner``: ``unit``, ``n`` (ok, with a value), ``failed``,
        ``min``, ``median``, ``max``, ``spec_min``, ``spec_max``, ``yield`` (share of the ok samples
        that keep the spec, NaN without one) and ``worst``: the corner of the lowest yield, of
        equal ones the corner with the value that is nearest to a limit or furthest beyond it.
        None is the worst of a measure without a spec.

    Raises
    ------
    MeasureError
        There are no corners, or no such measure.
    """
    import pandas as pd

    dataset = dataset_of(dataset)
    if "corner" not in dataset["status"].dims:
        raise MeasureError(
            f"There are no corners here, but {', '.join(map(str, dataset['status'].dims))}."
        )
    for name in names or ():
        check(dataset, name)
    specs = specs_of(dataset)
    records = []
    for name in names or measures_of(dataset):
        spec = specs.get(name)
        rows, badness = [], []
        for k, corner in enumerate(dataset["corner"].values):
            part = dataset.isel(corner=[k])
            values = _ok(part, name)
            found = {"measure": name, "corner": str(corner)} | _spread(part, name, values, spec)
            rows.append(found)
            badness.append((-found["yield"] if found["yield"] == found["yield"] else -2.0,
                            -_margin(values, spec)))  # fmt: skip
        if spec is not None and any(r["n"] or r["yield"] == 0 for r in rows):
            rows[max(range(len(rows)), key=badness.__getitem__)]["worst"] = True
        records += rows
    return pd.DataFrame.from_records(records).set_index(["measure", "corner"])


def _spread(
    part: xr.Dataset, name: str, values: NDArray[np.float64], spec: Spec | None
) -> dict[str, Any]:
    nan = float("nan")
    summary = summarize(part[[name, "status"]], specs={name: spec} if spec else {})
    row = summary[name]
    return {
        "unit": row.unit,
        "n": len(values),
        "failed": summary.failed,
        "min": float(values.min()) if len(values) else nan,
        "median": float(np.median(values)) if len(values) else nan,
        "max": float(values.max()) if len(values) else nan,
        "spec_min": nan if spec is None or spec.min is None else spec.min,
        "spec_max": nan if spec is None or spec.max is None else spec.max,
        "yield": row.yield_.value if row.yield_ else nan,
        "worst": False,
    }


def _margin(values: NDArray[np.float64], spec: Spec | None) -> float:
    """Give the least distance of a value from the limits, negative beyond them."""
    if spec is None or not len(values):
        return float("inf")
    low = float("inf") if spec.min is None else float(values.min()) - spec.min
    high = float("inf") if spec.max is None else spec.max - float(values.max())
    return min(low, high)


def _ok(part: xr.Dataset, name: str) -> NDArray[np.float64]:
    values = _flat(part[name], part["status"])
    good = (part["status"].values.ravel() == int(Status.OK)) & np.isfinite(values)
    return np.asarray(values[good], dtype=np.float64)


def _flat(variable: xr.DataArray, status: xr.DataArray) -> NDArray[Any]:
    return np.asarray(variable.broadcast_like(status).transpose(*status.dims).values).ravel()


def _listed(dataset: xr.Dataset, names: Sequence[str] | None) -> list[str]:
    parameters = [
        str(n)
        for n, c in dataset.coords.items()
        if c.attrs.get("role") == "parameter" and c.ndim > 0
    ]
    known = parameters + measures_of(dataset)
    for name in names or ():
        if name not in known:
            raise MeasureError(f"There is no parameter or measure {name!r}.{nearest(name, known)}")
    return known if names is None else list(names)


def _chosen(dataset: xr.Dataset, flags: NDArray[np.int8], which: str) -> NDArray[np.bool_]:
    if which not in _WHICH:
        raise MeasureError(f"which is one of {', '.join(_WHICH)}, not {which!r}.")
    if which == "all":
        return np.ones(len(flags), dtype=np.bool_)
    if which == "not_run":
        return np.asarray(flags == int(Status.NOT_RUN))
    ok = np.asarray(flags == int(Status.OK))
    if which == "failed":
        return np.asarray(~ok & (flags != int(Status.NOT_RUN)))
    good = passing(dataset)
    return good if which == "passing" else ok & ~good


def _broken(dataset: xr.Dataset, points: NDArray[np.intp], flags: NDArray[np.int8]) -> list[str]:
    status = dataset["status"]
    bad = {
        name: ~spec.passes(_flat(dataset[name], status)[points])
        for name, spec in specs_of(dataset).items()
    }
    ok = flags[points] == int(Status.OK)
    return [
        ", ".join(name for name, broken in bad.items() if broken[k]) if ok[k] else ""
        for k in range(len(points))
    ]
