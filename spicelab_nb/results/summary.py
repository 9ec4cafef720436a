"""The summary table of a run: per measure, per corner, all specs together."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spicelab_nb.results.quantities import quantity

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from spicelab_nb.results.spec import Spec

__all__ = ["MeasureRow", "Summary", "Yield", "clopper_pearson"]


def clopper_pearson(passed: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact confidence interval of a probability.

    Parameters
    ----------
    passed, n
        Successes in n independent trials.
    confidence
        In (0, 1). The interval covers the probability at least this often, whatever it is.

    Returns
    -------
    tuple of float
        Lower and upper limit; (0, 1) for n = 0.

    References
    ----------
    C. J. Clopper and E. S. Pearson, The use of confidence or fiducial limits illustrated in the
    case of the binomial, Biometrika 26 (1934).
    """
    from scipy.special import betaincinv

    if not 0 <= passed <= n:
        raise ValueError(f"passed has to lie between 0 and n = {n}, not {passed}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence has to lie between 0 and 1, not {confidence}")
    tail = (1 - confidence) / 2
    low = float(betaincinv(passed, n - passed + 1, tail)) if passed > 0 else 0.0
    high = float(betaincinv(passed + 1, n - passed, 1 - tail)) if passed < n else 1.0
    return low, high


@dataclass(frozen=True, kw_only=True)
class Yield:
    """How many samples keep their limits, those that failed apart.

    Parameters
    ----------
    passed
        Samples that are ok and keep the limits; a measure that does not exist does not.
    ok, failed, not_run
        How many samples there are of each; timed-out and crashed ones count as failed.
    confidence
        Of `interval`.
    random
        Whether they are independent random draws; without, there is no interval.
    """

    passed: int
    ok: int
    failed: int = 0
    not_run: int = 0
    confidence: float = 0.95
    random: bool = True

    @property
    def value(self) -> float:
        """Share of the ok samples that pass; NaN without one."""
        return self.passed / self.ok if self.ok else float("nan")

    @property
    def interval(self) -> tuple[float, float] | None:
        """Clopper-Pearson interval of `value`; None for points that are not random."""
        return clopper_pearson(self.passed, self.ok, self.confidence) if self.random else None

    @property
    def bounds(self) -> tuple[float, float]:
        """The share if all failed samples were bad, and if all were good."""
        run = self.ok + self.failed
        if not run:
            return (0.0, 1.0)
        return self.passed / run, (self.passed + self.failed) / run

    @property
    def text(self) -> str:
        """Value and interval: ``"91.3 % (89.4 to 93.0 %)"``."""
        if not self.ok:
            return "-"
        text = percent(self.value, self.ok)
        if self.interval:
            low, high = (percent(x, self.ok) for x in self.interval)
            text += f" ({low[:-2]} to {high})"
        return text

    def __str__(self) -> str:
        text = self.text
        if self.failed:
            low, high = (percent(x, self.ok) for x in self.bounds)
            text += f"; {low[:-2]} to {high} with the {self.failed} failed"
        return text


def percent(share: float, n: int) -> str:
    """Write a share of n with as many decimals as n carries: never 100 % for 9,999 of 10,000."""
    decimals = 1 if n <= 1000 else 2 if n <= 10_000 else 3
    text = f"{100 * share:.{decimals}f}"
    while share < 1 and float(text) == 100 and decimals < 12:
        decimals += 1
        text = f"{100 * share:.{decimals}f}"
    return f"{text} %"


@dataclass(frozen=True, kw_only=True)
class MeasureRow:
    """One measure, over all samples or at one corner.

    Parameters
    ----------
    name, group, unit, long_name
        `group` is the corner; "" where there is one group only, "every" over all corners.
    n, missing
        Samples that are ok: with a finite value, and without (the measure does not exist there).
    mean, sd, least, most, quantiles
        Of the finite values, in `unit`; sd with ``ddof=1``. NaN for mean, sd and quantiles over
        several corners, where they would mean nothing.
    spec
        Its limits.
    cp, cpk
        Capability; over several corners the least.
    yield_
        None without a spec.
    warning
        Why Cpk should not be trusted, or "".
    """

    name: str
    group: str
    unit: str
    long_name: str
    n: int
    missing: int
    mean: float
    sd: float
    least: float
    most: float
    quantiles: tuple[float, ...]
    spec: Spec | None
    cp: float
    cpk: float
    yield_: Yield | None
    warning: str


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a run came to: a table in text, HTML and pandas.

    Parameters
    ----------
    rows
        One for each measure and corner.
    together
        Corner to the yield of all specs at once; empty without specs.
    total, ok, failed, not_run
        Points of the design by how they ended.
    confidence
        Of the intervals.
    random
        Whether intervals hold at all.
    quantiles
        Which ones `rows` give.
    notes
        What a reader has to know beside the numbers.
    """

    rows: tuple[MeasureRow, ...]
    together: Mapping[str, Yield] = field(default_factory=dict)
    total: int
    ok: int
    failed: int
    not_run: int
    confidence: float
    random: bool
    quantiles: tuple[float, ...]
    notes: tuple[str, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """Corners, ``""`` alone where there are none; ``"every"`` comes last."""
        return tuple(dict.fromkeys(row.group for row in self.rows))

    @property
    def yield_(self) -> Yield | None:
        """Yield of all specs, over every corner; None without specs."""
        return list(self.together.values())[-1] if self.together else None

    def __getitem__(self, name: str) -> MeasureRow:
        """Give a measure's row; with corners the one over all of them.

        Raises
        ------
        KeyError
            There is no such measure.
        """
        found = [row for row in self.rows if row.name == name]
        if not found:
            raise KeyError(f"no measure {name!r} in this summary")
        return found[-1]

    @property
    def headline(self) -> str:
        """One sentence: how many points, and the yield of all specs."""
        parts = [f"{self.ok} of {self.total} ok"]
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.not_run:
            parts.append(f"{self.not_run} not run")
        text = ", ".join(parts)
        if self.yield_ is not None:
            text += f"; yield of all specs {self.yield_}"
        return text

    def header(self) -> list[str]:
        """Column titles of `table`."""
        shown = [f"{100 * q:g} %" for q in self.quantiles]
        interval = f"yield ({100 * self.confidence:g} % interval)" if self.random else "yield"
        titles = ["measure", "mean", "sd", *shown, "spec", "Cpk", interval]
        return ["corner", *titles] if self.groups != ("",) else titles

    def table(self) -> list[list[str]]:
        """Cells as text, one list for each row; the last row of a corner is all specs together."""
        lines = []
        cornered = self.groups != ("",)
        for group in self.groups:
            part = [_cells(row) for row in self.rows if row.group == group]
            if group in self.together:
                blank = [""] * (len(self.header()) - 2 - cornered)
                part.append(["all specs", *blank, str(self.together[group])])
            lines += [[group, *cells] if cornered else cells for cells in part]
        return lines

    def warnings(self) -> list[str]:
        """Warnings of single measures, then `notes`."""
        found: dict[str, None] = {}  # in order, each once
        for row in self.rows:
            where = f"{row.name}{f' at {row.group}' if row.group else ''}"
            if row.warning:
                found[f"{where}: {row.warning}."] = None
            if row.missing:
                lost = "; this fails its spec" if row.spec else ""
                which = (
                    "1 sample that is" if row.missing == 1 else f"{row.missing} samples that are"
                )
                found[f"{where}: does not exist in {which} ok{lost}."] = None
        return [*found, *self.notes]

    def __repr__(self) -> str:
        header, table = self.header(), self.table()
        widths = [max(len(r[k]) for r in [header, *table]) for k in range(len(header))]
        lines = [
            "  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip()
            for r in [header, *table]
        ]
        rule = "-" * max(len(line) for line in lines)
        return "\n".join(
            [self.headline, "", lines[0], rule, *lines[1:]]
            + ([""] if self.warnings() else [])
            + [f"! {w}" for w in self.warnings()]
        )

    def _repr_html_(self) -> str:
        cell = 'style="text-align:left;padding:2px 8px"'
        head = "".join(f"<th {cell}>{html.escape(c)}</th>" for c in self.header())
        body = "".join(
            "<tr>" + "".join(f"<td {cell}>{html.escape(c)}</td>" for c in line) + "</tr>"
            for line in self.table()
        )
        notes = "".join(f"<li>{html.escape(w)}</li>" for w in self.warnings())
        return (
            f'<div class="spicelab-summary"><p>{html.escape(self.headline)}</p>'
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            + (f"<ul>{notes}</ul>" if notes else "")
            + "</div>"
        )

    def to_pandas(self) -> pd.DataFrame:
        """Numbers, one row a measure (and corner), ``all specs`` included."""
        import pandas as pd

        records = []
        for group in self.groups:
            records += [self._record(row) for row in self.rows if row.group == group]
            if group in self.together:
                records.append(
                    {"corner": group, "measure": "all specs", **_yield(self.together[group])}
                )
        frame = pd.DataFrame.from_records(records)
        keys = ["measure"] if self.groups == ("",) else ["corner", "measure"]
        return frame.drop(columns=["corner"] if len(keys) == 1 else []).set_index(keys)

    def _record(self, row: MeasureRow) -> dict[str, object]:
        limits = (row.spec.min, row.spec.max) if row.spec else (None, None)
        return {
            "corner": row.group,
            "measure": row.name,
            "unit": row.unit,
            "n": row.n,
            "missing": row.missing,
            "mean": row.mean,
            "sd": row.sd,
            "min": row.least,
            **{f"q{100 * q:g}": v for q, v in zip(self.quantiles, row.quantiles, strict=True)},
            "max": row.most,
            "spec_min": limits[0],
            "spec_max": limits[1],
            "cp": row.cp,
            "cpk": row.cpk,
            **(_yield(row.yield_) if row.yield_ else {}),
            "warning": row.warning,
        }


def _yield(y: Yield) -> dict[str, object]:
    low, high = y.interval or (float("nan"), float("nan"))
    return {
        "yield": y.value,
        "yield_low": low,
        "yield_high": high,
        "yield_if_failed_bad": y.bounds[0],
        "yield_if_failed_good": y.bounds[1],
        "passed": y.passed,
        "ok": y.ok,
        "failed": y.failed,
    }


def _cells(row: MeasureRow) -> list[str]:
    return [
        row.name,
        quantity(row.mean, row.unit),
        quantity(row.sd, row.unit, 3),
        *(quantity(x, row.unit) for x in row.quantiles),
        limits_text(row.spec, row.unit),
        ("" if row.spec is None else "-" if row.cpk != row.cpk else f"{row.cpk:.2f}")
        + (" !" if row.warning else ""),
        "" if row.yield_ is None else row.yield_.text,
    ]


def limits_text(spec: Spec | None, unit: str) -> str:
    """Write limits: ``"1 kHz to 2 kHz"``, ``">= 60 dB"``."""
    if spec is None:
        return ""
    if spec.min is None:
        return f"<= {quantity(spec.max or 0.0, unit)}"
    if spec.max is None:
        return f">= {quantity(spec.min, unit)}"
    return f"{quantity(spec.min, unit)} to {quantity(spec.max, unit)}"
