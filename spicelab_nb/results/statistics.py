"""Yield, capability and spread of measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spicelab_nb.engines.engine import Status
from spicelab_nb.errors import SpecError, nearest
from spicelab_nb.results.spec import Spec, specs_of
from spicelab_nb.results.summary import MeasureRow, Summary, Yield, clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import xarray as xr
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Capability",
    "MeasureRow",
    "Summary",
    "Yield",
    "anderson_darling",
    "capability",
    "clopper_pearson",
    "is_random",
    "measures_of",
    "prefix_yield",
    "summarize",
]

_MOST_GROUPS = 64
_NORMAL_FROM = 8
_ALPHA = 0.01


@dataclass(frozen=True, kw_only=True)
class Capability:
    """How a process lies within its limits, if it is normal.

    Parameters
    ----------
    cp
        ``(max - min) / (6 sd)``; NaN with one limit.
    cpk
        Distance of the mean from the nearer limit over ``3 sd``; sd with ``ddof=1``. NaN with
        fewer than two values, or where all are equal.
    """

    cp: float
    cpk: float


def capability(values: ArrayLike, spec: Spec) -> Capability:
    """Cp and Cpk of finite values."""
    v = np.asarray(values, dtype=np.float64)
    sd = float(np.std(v, ddof=1)) if len(v) > 1 else float("nan")
    if not sd > 0:
        return Capability(cp=float("nan"), cpk=float("nan"))
    mean = float(np.mean(v))
    sides = []
    if spec.max is not None:
        sides.append((spec.max - mean) / (3 * sd))
    if spec.min is not None:
        sides.append((mean - spec.min) / (3 * sd))
    both = spec.min is not None and spec.max is not None
    cp = (spec.max - spec.min) / (6 * sd) if both else float("nan")  # type: ignore[operator]
    return Capability(cp=cp, cpk=min(sides))


def anderson_darling(values: ArrayLike) -> float:
    """Probability that normal data look as little normal as these, mean and sd estimated.

    Parameters
    ----------
    values
        ``(n,)`` finite; at least 8, not all equal.

    Returns
    -------
    float
        p value; NaN where there are too few.

    References
    ----------
    R. B. D'Agostino and M. A. Stephens (eds.), Goodness-of-Fit Techniques (1986), table 4.9: the
    statistic for n values with both parameters estimated, and its p value.
    """
    from scipy.special import log_ndtr

    v = np.sort(np.asarray(values, dtype=np.float64))
    n = len(v)
    sd = float(np.std(v, ddof=1)) if n > 1 else 0.0
    if n < _NORMAL_FROM or not sd > 0:
        return float("nan")
    z = (v - np.mean(v)) / sd
    weights = 2 * np.arange(1, n + 1) - 1
    a2 = -n - float(np.sum(weights * (log_ndtr(z) + log_ndtr(-z[::-1])))) / n
    a2 *= 1 + 0.75 / n + 2.25 / n**2
    if a2 >= 0.6:
        p = np.exp(1.2937 - 5.709 * a2 + 0.0186 * a2**2) if a2 < 153 else 0.0
    elif a2 > 0.34:
        p = np.exp(0.9177 - 4.279 * a2 - 1.38 * a2**2)
    elif a2 > 0.2:
        p = 1 - np.exp(-8.318 + 42.796 * a2 - 59.938 * a2**2)
    else:
        p = 1 - np.exp(-13.436 + 101.14 * a2 - 223.73 * a2**2)
    return float(p)


def measures_of(dataset: xr.Dataset) -> list[str]:
    """Names of the measures of a dataset, in its order: what is not ``status``."""
    return [
        str(name)
        for name, v in dataset.data_vars.items()
        if name != "status" and v.dtype.kind == "f"
    ]


def is_random(dataset: xr.Dataset) -> bool:
    """Say whether its points are independent random draws, so that a binomial interval holds.

    There is a dimension ``sample``, and ``attrs["sampler"]`` is ``"random"`` or not set: no
    binomial interval fits Latin hypercube or Sobol points, or a sweep.
    """
    return "sample" in dataset.dims and dataset.attrs.get("sampler", "random") == "random"


def summarize(
    dataset: xr.Dataset,
    *,
    specs: Mapping[str, Spec] | None = None,
    quantiles: Sequence[float] = (0.05, 0.5, 0.95),
    confidence: float = 0.95,
    random: bool | None = None,
    prefix: bool = False,
) -> Summary:
    """Summarise a run's dataset: per measure, per corner, and all specs together.

    Parameters
    ----------
    dataset
        Measures and ``status``, by the conventions of ``run.dataset``.
    specs
        Measure name to limits; None: those in the dataset's attributes.
    quantiles
        Which to give, each in [0, 1].
    confidence
        Of the yield's interval.
    random
        Whether the points are independent random draws; None: see :func:`is_random`.
    prefix
        Take the contiguous first samples only: while a run goes on, slow samples arrive last.

    Returns
    -------
    Summary
        A table. Where there are other dimensions beside ``sample`` (``corner``) there is a row for
        each of their points, and one over all of them in which a sample is good only if it is
        good at every one; statistics are over the samples that are ok.

    Raises
    ------
    SpecError
        A spec is for no measure of the dataset.
    """
    specs = specs_of(dataset) if specs is None else dict(specs)
    names = measures_of(dataset)
    for name in specs:
        if name not in names:
            raise SpecError(
                f"There is a spec for {name!r}, but no such measure.{nearest(name, names)}"
            )
    if prefix:
        dataset = _prefix(dataset)
    random = is_random(dataset) if random is None else random
    make = _Maker(specs, tuple(quantiles), confidence, random)
    rows: list[MeasureRow] = []
    together: dict[str, Yield] = {}
    groups = list(_groups(dataset))
    for label, part in groups:
        status, values = _columns(part, names)
        rows += [make.row(part, name, label, status, values[name]) for name in names]
        if specs:
            together[label] = make.together(status, values)
    if not groups or len(groups) > 1:
        label = "every" if groups else ""
        overall_rows, overall = make.overall(dataset, names, label, rows)
        rows = [*rows, *overall_rows]
        if specs:
            together[label] = overall
    status = dataset["status"].values.ravel()
    ok, failed, not_run = _tally(status)
    return Summary(
        rows=tuple(rows),
        together=together,
        total=status.size,
        ok=ok,
        failed=failed,
        not_run=not_run,
        confidence=confidence,
        random=random,
        quantiles=tuple(quantiles),
        notes=_notes(dataset, random, not_run, prefix, failed),
    )


def prefix_yield(
    dataset: xr.Dataset, *, specs: Mapping[str, Spec] | None = None, confidence: float = 0.95
) -> Yield:
    """Yield of all specs on the contiguous first samples, over all corners.

    Slow and hung samples arrive last: what has arrived out of order says nothing about the yield.
    """
    summary = summarize(dataset, specs=specs, confidence=confidence, prefix=True)
    if summary.yield_ is None:
        raise SpecError("There is no spec, so there is no yield.")
    return summary.yield_


def _prefix(dataset: xr.Dataset) -> xr.Dataset:
    if "sample" not in dataset.dims:
        return dataset
    status = dataset["status"]
    others = [d for d in status.dims if d != "sample"]
    missing = (status == int(Status.NOT_RUN)).any(others).values
    length = int(np.argmax(missing)) if missing.any() else len(missing)
    return dataset.isel(sample=slice(0, length))


def _groups(dataset: xr.Dataset) -> Iterator[tuple[str, xr.Dataset]]:
    """Give a label and a part for each point of the dimensions beside ``sample``."""
    others = [d for d in dataset["status"].dims if d != "sample"]
    if "sample" not in dataset.dims or not others:
        yield "", dataset
        return
    shape = [dataset.sizes[d] for d in others]
    if np.prod(shape) > _MOST_GROUPS:
        return
    for index in np.ndindex(*shape):
        part = dataset.isel(dict(zip(others, index, strict=True)))
        label = ", ".join(
            str(part[d].item()) if d == "corner" else f"{d}={part[d].item()}" for d in others
        )
        yield label, part


def _columns(
    part: xr.Dataset, names: Sequence[str]
) -> tuple[NDArray[np.int8], dict[str, NDArray[np.float64]]]:
    status = part["status"]
    values = {
        n: np.asarray(part[n].broadcast_like(status).transpose(*status.dims).values, dtype=float)
        for n in names
    }
    return status.values.ravel(), {n: v.ravel() for n, v in values.items()}


def _tally(status: NDArray[np.int8]) -> tuple[int, int, int]:
    ok = int(np.count_nonzero(status == int(Status.OK)))
    not_run = int(np.count_nonzero(status == int(Status.NOT_RUN)))
    return ok, status.size - ok - not_run, not_run


@dataclass(frozen=True)
class _Maker:
    specs: Mapping[str, Spec]
    quantiles: tuple[float, ...]
    confidence: float
    random: bool

    def yield_of(self, status: NDArray[np.int8], good: NDArray[np.bool_]) -> Yield:
        ok, failed, not_run = _tally(status)
        return Yield(
            passed=int(np.count_nonzero(good & (status == int(Status.OK)))),
            ok=ok,
            failed=failed,
            not_run=not_run,
            confidence=self.confidence,
            random=self.random,
        )

    def row(
        self,
        part: xr.Dataset,
        name: str,
        group: str,
        status: NDArray[np.int8],
        values: NDArray[np.float64],
    ) -> MeasureRow:
        spec = self.specs.get(name)
        ok = values[status == int(Status.OK)]
        v = ok[np.isfinite(ok)]
        nan = float("nan")
        able = capability(v, spec) if spec else Capability(cp=nan, cpk=nan)
        attrs = part[name].attrs
        return MeasureRow(
            name=name,
            group=group,
            unit=str(attrs.get("units", "") or (spec.unit if spec else "")),
            long_name=str(attrs.get("long_name") or name),
            n=len(v),
            missing=len(ok) - len(v),
            mean=float(np.mean(v)) if len(v) else nan,
            sd=float(np.std(v, ddof=1)) if len(v) > 1 else nan,
            least=float(np.min(v)) if len(v) else nan,
            most=float(np.max(v)) if len(v) else nan,
            quantiles=tuple(float(q) for q in np.quantile(v, self.quantiles))
            if len(v)
            else (nan,) * len(self.quantiles),
            spec=spec,
            cp=able.cp,
            cpk=able.cpk,
            yield_=self.yield_of(status, spec.passes(values)) if spec else None,
            warning=_normality(v) if spec and self.random else "",
        )

    def together(
        self, status: NDArray[np.int8], values: Mapping[str, NDArray[np.float64]]
    ) -> Yield:
        good = np.ones(status.shape, dtype=np.bool_)
        for name, spec in self.specs.items():
            good &= spec.passes(values[name])
        return self.yield_of(status, good)

    def overall(
        self, dataset: xr.Dataset, names: Sequence[str], label: str, rows: Sequence[MeasureRow]
    ) -> tuple[list[MeasureRow], Yield]:
        """Judge each sample over every corner: good only where it is good at every one."""
        full = dataset["status"].transpose("sample", ...)
        n = full.sizes["sample"]
        each = full.values.reshape(n, -1)
        not_run = (each == int(Status.NOT_RUN)).any(axis=1)
        bad = ((each != int(Status.OK)) & (each != int(Status.NOT_RUN))).any(axis=1)
        status = np.where(
            bad, int(Status.FAILED), np.where(not_run, int(Status.NOT_RUN), int(Status.OK))
        ).astype(np.int8)
        nan = float("nan")
        result, everything = [], np.ones(n, dtype=np.bool_)
        for name in names:
            spec = self.specs.get(name)
            values = dataset[name].broadcast_like(full).transpose("sample", ...).values
            v = values.reshape(n, -1)
            finite = v[(each == int(Status.OK)) & np.isfinite(v)]
            good = np.asarray(spec.passes(v).all(axis=1)) if spec else np.ones(n, dtype=np.bool_)
            everything &= good
            known = [r for r in rows if r.name == name and not np.isnan(r.cpk)]
            attrs = dataset[name].attrs
            result.append(
                MeasureRow(
                    name=name,
                    group=label,
                    unit=str(attrs.get("units", "") or (spec.unit if spec else "")),
                    long_name=str(attrs.get("long_name") or name),
                    n=len(finite),
                    missing=int(np.count_nonzero(each == int(Status.OK))) - len(finite),
                    mean=nan,
                    sd=nan,
                    least=float(np.min(finite)) if len(finite) else nan,
                    most=float(np.max(finite)) if len(finite) else nan,
                    quantiles=(nan,) * len(self.quantiles),
                    spec=spec,
                    cp=min((r.cp for r in known), default=nan),
                    cpk=min((r.cpk for r in known), default=nan),
                    yield_=self.yield_of(status, good) if spec else None,
                    warning="",
                )
            )
        return result, self.yield_of(status, everything)


def _normality(values: NDArray[np.float64]) -> str:
    p = anderson_darling(values)
    if not p < _ALPHA:
        return ""
    shown = f"p = {p:.2g}" if p >= 1e-6 else "p < 1e-6"
    return f"not normal (Anderson-Darling, {shown}): Cpk does not tell the yield; trust the count"


def _notes(
    dataset: xr.Dataset, random: bool, not_run: int, prefix: bool, failed: int
) -> tuple[str, ...]:
    notes = []
    if failed:
        notes.append(
            f"{failed} failed, left out of every number; the yield's bounds count all of them as "
            "bad, and all as good."
        )
    if not_run and not prefix:
        notes.append(
            f"{not_run} have not run yet. Slow ones arrive last, so that numbers may still shift."
        )
    if not random:
        sampler = dataset.attrs.get("sampler")
        what = f"{sampler} points" if sampler and "sample" in dataset.dims else "chosen points"
        notes.append(f"These are {what}, not independent random draws: no interval is given.")
    return tuple(notes)
