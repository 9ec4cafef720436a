"""How far two outcomes of one point are apart: every bit counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.circuits.datasets import to_datasets
from spicelab_nb.circuits.measures.python import Function
from spicelab_nb.engines.engine import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from spicelab_nb.circuits.measures import Measure
    from spicelab_nb.engines.engine import Outcome

__all__ = ["Divergence", "divergence", "measure_differences"]


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where two outcomes differ most.

    Parameters
    ----------
    size
        Relative to the signal's largest magnitude; infinite where they cannot be compared: other
        status, other time points.
    where
        ``"v(out) of ac"``, or in words.
    """

    size: float
    where: str


def divergence(one: Outcome, other: Outcome) -> Divergence | None:
    """Compare statuses, axes, signals and the engine's own ``.meas`` results, bit for bit.

    Returns
    -------
    Divergence or None
        The largest difference; None where every bit is the same.
    """
    return max(_differences(one, other), key=lambda d: d.size, default=None)


def _differences(one: Outcome, other: Outcome) -> Iterator[Divergence]:
    if one.status != other.status:
        yield Divergence(
            float("inf"), f"how they end ({one.status.name.lower()}, {other.status.name.lower()})"
        )
        return
    if set(one.plots) != set(other.plots):
        yield Divergence(float("inf"), "the analyses that gave results")
        return
    for analysis, plot in other.plots.items():
        mine = one.plots[analysis]
        for name, axis in plot.axes.items():
            length = len(mine.axes.get(name, ()))
            if length != len(axis):
                yield Divergence(
                    float("inf"), f"the {name} points of {analysis} ({length}, {len(axis)})"
                )
                return
            yield from _one(f"the {name} points of {analysis}", mine.axes[name], axis)
        for signal in {**mine.vectors, **plot.vectors}:
            yield from _one(
                f"{signal} of {analysis}", mine.vectors.get(signal), plot.vectors.get(signal)
            )
    for name in {**one.meas, **other.meas}:
        a, b = (np.float64(o.meas.get(name, np.nan)) for o in (one, other))
        if not (np.isnan(a) and np.isnan(b)):
            yield from _one(f".meas {name}", a, b)


def _one(where: str, a: Any, b: Any) -> Iterator[Divergence]:
    if a is None or b is None or np.shape(a) != np.shape(b) or a.dtype != b.dtype:
        yield Divergence(float("inf"), where)
    elif a.tobytes() != b.tobytes():
        yield Divergence(_relative(a, b), where)


def _relative(a: Any, b: Any) -> float:
    gap = float(np.max(np.abs(a - b)))
    if np.isnan(gap):
        return float("inf")
    # Bits that differ in value by nothing (signed zeros) still are a difference.
    return max(gap / (float(np.max(np.abs(b))) or 1.0), 1e-300)


def measure_differences(
    measures: Mapping[str, Measure], ones: Sequence[Outcome], others: Sequence[Outcome]
) -> dict[str, float]:
    """Give what becomes of the measures where outcomes differ.

    Parameters
    ----------
    measures
        By name.
    ones, others
        Outcomes of the same points.

    Returns
    -------
    dict
        Measure to the largest relative difference; only those whose bits differ. Infinite where one
        is NaN. A Python function that raises is left out.
    """
    pairs = [(a, b) for a, b in zip(ones, others, strict=True) if a.status == b.status == Status.OK]
    found: dict[str, float] = {}
    for name, measure in measures.items():
        if not pairs:
            break
        try:
            a = _values(measure, [pair[0] for pair in pairs])
            b = _values(measure, [pair[1] for pair in pairs])
        except Exception:  # noqa: BLE001, S112 - a person's function; its samples will be marked
            continue
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        if not same.all():
            with np.errstate(all="ignore"):
                relative = np.abs(a - b) / np.maximum(np.abs(a), np.abs(b))
            found[name] = float(np.max(np.where(same, 0.0, np.nan_to_num(relative, nan=np.inf))))
    return found


def _values(measure: Measure, outcomes: Sequence[Outcome]) -> NDArray[np.float64]:
    if isinstance(measure, Function):
        return np.array([measure.of_mapping(to_datasets(o.plots)) for o in outcomes], np.float64)
    return np.asarray(measure.of_outcomes(outcomes), np.float64)
