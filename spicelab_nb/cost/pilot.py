"""From a few measured samples to the time of all of them, with an interval: pure statistics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from spicelab_nb.errors import CostError

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

__all__ = [
    "EXACT",
    "PilotStatistics",
    "Ratio",
    "TotalTime",
    "measured_ratio",
    "pilot_statistics",
    "ratio_from_past",
]

LEVEL = 0.90
"""Share of outcomes inside an interval."""

GUESS_DF = 3.0
"""Degrees of freedom of a declared uncertainty: nobody knows it better than from a few cases."""


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """How many times as fast a place is as where the pilot ran.

    Parameters
    ----------
    value
        2.0: samples take half the pilot's time there.
    relative_sd
        Its standard uncertainty, as a share of it.
    df
        Degrees of freedom of that uncertainty.
    measured
        False: declared, or assumed.
    """

    value: float = 1.0
    relative_sd: float = 0.0
    df: float = math.inf
    measured: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.value) and self.value > 0):
            raise CostError(f"A speed ratio must be more than 0 and finite, not {self.value!r}.")
        if not (math.isfinite(self.relative_sd) and self.relative_sd >= 0):
            raise CostError(
                "The uncertainty of a speed ratio must be 0 or more and finite, "
                f"not {self.relative_sd!r}."
            )
        if not self.df > 0:
            raise CostError(f"Degrees of freedom are more than 0, not {self.df!r}.")

    @classmethod
    def declared(cls, value: float, relative_sd: float = 0.15) -> Ratio:
        """Give a ratio that somebody states, uncertain by 15 % unless they know better."""
        return cls(value=value, relative_sd=relative_sd, df=GUESS_DF)


EXACT = Ratio()
"""The same machine, and nothing beside the work."""


def measured_ratio(here_s: Sequence[float], there_s: Sequence[float]) -> Ratio:
    """Speed ratio from the same work timed here and there, several times each.

    Parameters
    ----------
    here_s, there_s
        Seconds; at least two of each.

    Raises
    ------
    CostError
        Fewer than two times of a place, or a time that is not more than 0.
    """
    logs = []
    for name, times in (("here", here_s), ("there", there_s)):
        values = np.asarray(times, dtype=float)
        if values.size < 2 or not (np.isfinite(values).all() and (values > 0).all()):
            raise CostError(
                f"A measured speed ratio needs two or more times above 0 s of each place; "
                f"{name}: {list(times)}."
            )
        logs.append(np.log(values))
    here, there = logs
    parts = [float(x.var(ddof=1)) / x.size for x in logs]
    variance = sum(parts)
    df = _welch([(v, x.size - 1.0) for v, x in zip(parts, logs, strict=True)])
    return Ratio(
        value=math.exp(float(here.mean() - there.mean())),
        relative_sd=math.sqrt(variance),
        df=df,
        measured=True,
    )


def ratio_from_past(
    predicted_s: Sequence[float], taken_s: Sequence[float], *, ratio: Ratio = EXACT
) -> Ratio:
    """Speed ratio of a place from runs that were made there, for the next one.

    Parameters
    ----------
    predicted_s
        What was predicted for each with `ratio`, seconds.
    taken_s
        What each took.
    ratio
        That the predictions were made with.

    Returns
    -------
    Ratio
        Its uncertainty is that of one further run: ``s sqrt(1 + 1/n)`` of the logarithms. With one
        past run nothing is known of the spread, and it is taken as declared.

    Raises
    ------
    CostError
        There are no past runs, not as many of both, or a time is not more than 0.
    """
    predicted, taken = np.asarray(predicted_s, dtype=float), np.asarray(taken_s, dtype=float)
    both = np.concatenate([predicted, taken])
    if (
        predicted.size != taken.size
        or not predicted.size
        or not (np.isfinite(both).all() and (both > 0).all())
    ):
        raise CostError(
            "A ratio from past runs needs as many predicted times as taken ones, all above 0 s, "
            f"not {list(predicted_s)} and {list(taken_s)}."
        )
    logs = np.log(predicted) - np.log(taken)
    value = ratio.value * math.exp(float(logs.mean()))
    if logs.size == 1:
        return Ratio.declared(value)
    spread = float(logs.std(ddof=1)) * math.sqrt(1.0 + 1.0 / logs.size)
    return Ratio(value=value, relative_sd=spread, df=logs.size - 1.0, measured=True)


@dataclass(frozen=True, kw_only=True)
class PilotStatistics:
    """What a pilot says of one sample's time.

    Parameters
    ----------
    measured
        Samples measured.
    mean_s, sd_s
        Of one sample drawn from all corners in the campaign's proportions, seconds.
    mean_relative_sd
        Standard uncertainty of the mean, as a share of it.
    df
        Degrees of freedom of `mean_relative_sd`.
    """

    measured: int
    mean_s: float
    sd_s: float
    mean_relative_sd: float
    df: float

    @property
    def cv(self) -> float:
        """Coefficient of variation of one sample's time."""
        return self.sd_s / self.mean_s if self.mean_s > 0 else 0.0

    def mean_interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Bounds of the mean: ``mean +- t s / sqrt(n)``, seconds, not below 0."""
        half = _t(self.df, level) * self.mean_relative_sd * self.mean_s
        return max(self.mean_s - half, 0.0), self.mean_s + half

    def total(self, samples: int, *, kept: bool = True, level: float = LEVEL) -> TotalTime:
        """Time of `samples` samples one after the other, with its prediction interval.

        Parameters
        ----------
        samples
            N, of the whole campaign.
        kept
            Whether the pilot's samples are kept as results: then only the N - n others are
            uncertain, ``t s sqrt((N - n) + (N - n)^2 / n)``; else all, ``t s sqrt(N + N^2 / n)``.
        level
            Of the interval.
        """
        n = self.measured
        open_samples = max(samples - n, 0) if kept else samples
        half = _t(self.df, level) * math.sqrt(
            open_samples * self.sd_s**2 + (open_samples * self.mean_relative_sd * self.mean_s) ** 2
        )
        mean = samples * self.mean_s
        done = mean - open_samples * self.mean_s
        return TotalTime(mean=mean, lower=max(mean - half, done), upper=mean + half)


@dataclass(frozen=True, kw_only=True)
class TotalTime:
    """Seconds that samples take one after the other; the bounds hold 90 % of cases."""

    mean: float
    lower: float
    upper: float


def pilot_statistics(
    seconds: Sequence[float] | Mapping[Hashable, Sequence[float]],
    *,
    weights: Mapping[Hashable, float] | None = None,
) -> PilotStatistics:
    """Mean and spread of a sample's time, from measured ones.

    Parameters
    ----------
    seconds
        Of each measured sample; or of each, by corner.
    weights
        Share of each corner in the campaign; None: as many samples of each.

    Raises
    ------
    CostError
        Nothing was measured, a time cannot be one, or a corner has no weight.
    """
    strata: Mapping[Hashable, Sequence[float]] = (
        seconds if isinstance(seconds, Mapping) else {"": seconds}
    )
    groups = {key: np.asarray(values, dtype=float) for key, values in strata.items()}
    groups = {key: values for key, values in groups.items() if values.size}
    if not groups:
        raise CostError("Nothing was measured: no sample of the pilot finished. Look at why first.")
    for key, values in groups.items():
        if not (np.isfinite(values).all() and (values >= 0).all()):
            where = f" of corner {key!r}" if key != "" else ""
            raise CostError(f"A measured time{where} is negative or not finite: {values.tolist()}.")
    share = _shares(groups.keys(), weights)
    means = {key: float(values.mean()) for key, values in groups.items()}
    variances = _variances(groups)
    shared = all(values.size == 1 for values in groups.values())
    mean = sum(share[key] * means[key] for key in groups)
    within = sum(share[key] * variances[key][0] for key in groups)
    between = sum(share[key] * (means[key] - mean) ** 2 for key in groups)
    parts = [
        (share[key] ** 2 * variances[key][0] / values.size, variances[key][1])
        for key, values in groups.items()
    ]
    error = math.sqrt(sum(part for part, _ in parts))
    return PilotStatistics(
        measured=sum(values.size for values in groups.values()),
        mean_s=mean,
        sd_s=math.sqrt(within + between),
        mean_relative_sd=error / mean if mean > 0 else 0.0,
        df=min(_welch(parts), max(df for _, df in variances.values()) if shared else math.inf),
    )


def _shares(
    corners: Iterable[Hashable], weights: Mapping[Hashable, float] | None
) -> dict[Hashable, float]:
    names = list(corners)
    if weights is None:
        return dict.fromkeys(names, 1.0 / len(names))
    missing = [name for name in names if not weights.get(name, 0.0) > 0]
    if missing:
        raise CostError(f"Corners were measured that have no weight: {missing}.")
    total = sum(weights[name] for name in names)
    return {name: weights[name] / total for name in names}


def _variances(groups: Mapping[Hashable, np.ndarray]) -> dict[Hashable, tuple[float, float]]:
    """Variance and its degrees of freedom for each corner; a single sample borrows the others'."""
    own = {key: float(v.var(ddof=1)) for key, v in groups.items() if v.size > 1}
    pooled_df = float(sum(v.size - 1 for v in groups.values()))
    if own:
        pooled = sum(own[key] * (groups[key].size - 1) for key in own) / pooled_df
    else:
        # One sample of each corner: their spread is the best that is known of a sample's.
        every = np.concatenate(list(groups.values()))
        pooled = float(every.var(ddof=1)) if every.size > 1 else float(every[0]) ** 2
        pooled_df = max(float(every.size - 1), 1.0)
    return {
        key: (own[key], values.size - 1.0) if key in own else (pooled, pooled_df)
        for key, values in groups.items()
    }


def _welch(parts: Sequence[tuple[float, float]]) -> float:
    """Degrees of freedom of a sum of variances (variance, df): Welch and Satterthwaite."""
    total = sum(variance for variance, _ in parts)
    below = sum(variance**2 / df for variance, df in parts if variance > 0)
    return total**2 / below if below > 0 else max((df for _, df in parts), default=math.inf)


def _t(df: float, level: float) -> float:
    """Two-sided quantile of Student's distribution."""
    return float(stdtrit(min(df, 1e6), 0.5 + level / 2.0))
