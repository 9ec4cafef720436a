"""What came of running some samples again: per measure, how far they differ, and where."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from spicelab_nb.results.quantities import quantity

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Check", "Comparison", "StatusChange", "Verification"]

_HEADER = ("check", "by", "measure", "asked", "same bits", "difference", "relative", "at", "")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One measure (or kept signal) in one check.

    Parameters
    ----------
    measure, unit
        Its name; ``"v(out) of ac"`` for a kept signal.
    compared
        How many samples have a value to compare: they are ok both times.
    differing
        Of how many of them the bits differ.
    absolute, relative
        The largest difference in `unit`, and relative to the larger of the two values (for a
        signal: to its largest magnitude). Infinite where one is NaN and the other is not.
    where
        The sample where the difference is largest relative to what was asked; "" where all bits
        agree.
    reference, found
        The values there: the run's, and the repetition's. NaN for signals.
    rtol
        What was asked: 0 for the same bits.
    ok
        Whether every sample kept what was asked.
    """

    measure: str
    unit: str
    compared: int
    differing: int
    absolute: float
    relative: float
    where: str
    reference: float
    found: float
    rtol: float
    ok: bool


@dataclass(frozen=True, kw_only=True)
class StatusChange:
    """A sample that ended otherwise than in the run.

    Parameters
    ----------
    where
        Which one.
    reference, found
        ``"ok"``, ``"failed"``, ``"timeout"``, ``"crashed"``: of the run, and of the repetition.
    reason
        Why the one that failed did.
    """

    where: str
    reference: str
    found: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Check:
    """One way of running the samples again.

    Parameters
    ----------
    kind
        ``"fresh load"``, ``"other engine"`` or, for a function, ``"called again"``.
    by
        Engine and version, or the function.
    rtol
        What is asked of the samples: 0 for the same bits.
    comparisons
        One for each measure.
    statuses
        Samples that ended otherwise.
    problem
        Why it could not be done; "" where it was. Nothing is concluded from it then.
    """

    kind: str
    by: str
    rtol: float
    comparisons: tuple[Comparison, ...] = ()
    statuses: tuple[StatusChange, ...] = ()
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing contradicts the run.

        A sample that ends otherwise does where the same engine loads it afresh. With another
        engine it is only told: one may converge where the other does not.
        """
        same = not self.statuses or self.kind == "other engine"
        return same and all(c.ok for c in self.comparisons)


@dataclass(frozen=True, kw_only=True, repr=False)
class Verification:
    """Some samples of a campaign, run again in other ways.

    Parameters
    ----------
    name
        Of the campaign.
    samples
        Which ones were run again.
    stored
        Whether they were compared with what the store holds; else with samples computed now, as
        planned.
    checks
        The ways.
    damage
        What is wrong with the store itself: damaged chunks, values of another design.
    notes
        What else a reader should know: several platforms, an engine that cannot run the circuit.
    """

    name: str
    samples: tuple[str, ...]
    stored: bool
    checks: tuple[Check, ...]
    damage: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether at least one check was done, and none contradicts the results.

        A fresh load of the same engine version on the same platform must give the same bits;
        everything else must agree within `Comparison.rtol`.
        """
        done = [c for c in self.checks if not c.problem]
        return bool(done) and not self.damage and all(c.ok for c in done)

    @property
    def headline(self) -> str:
        """One sentence."""
        what = "as stored" if self.stored else "computed now as planned"
        done = [c for c in self.checks if not c.problem]
        if not done and not self.damage:
            verdict = "NOTHING COULD BE CHECKED"
        else:
            verdict = "ok" if self.ok else "DIFFERENT"
        return (
            f"{self.name}: {verdict}. {len(self.samples)} samples {what} "
            f"({'; '.join(self.samples)}), run again."
        )

    def remarks(self) -> list[str]:
        """What the table does not say, one sentence each; contradictions first."""
        found = list(self.damage)
        for check in self.checks:
            found += [
                f"{c.measure} at {c.where} is {c.reference!r}, and by {check.kind} {c.found!r}."
                for c in check.comparisons
                if not c.ok and not math.isnan(c.reference + c.found)
            ]
            found += [
                f"{s.where} is {s.reference}, and by {check.kind} ({check.by}) {s.found}: "
                f"{s.reason}"
                for s in check.statuses
            ]
            if check.problem:
                found.append(f"{check.kind} was not done: {check.problem}")
        return [*found, *self.notes]

    def table(self) -> list[list[str]]:
        """Cells as text, one list for each measure of each check."""
        return [
            [
                check.kind,
                check.by,
                c.measure,
                "same bits" if c.rtol == 0 else f"{c.rtol:g}",
                f"{c.compared - c.differing} of {c.compared}",
                quantity(c.absolute, c.unit) if c.differing else "",
                f"{c.relative:.1e}" if c.differing else "",
                c.where,
                "ok" if c.ok else "DIFFERENT",
            ]
            for check in self.checks
            for c in check.comparisons
        ]

    def __repr__(self) -> str:
        lines = [self.headline]
        table = self.table()
        if table:
            rows = [list(_HEADER), *table]
            widths = [max(len(r[k]) for r in rows) for k in range(len(_HEADER))]
            text = [
                "  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows
            ]
            lines += ["", text[0], "-" * max(map(len, text)), *text[1:]]
        remarks = self.remarks()
        return "\n".join(lines + ([""] if remarks else []) + [f"! {r}" for r in remarks])

    def _repr_html_(self) -> str:
        cell = 'style="text-align:left;padding:2px 8px"'
        head = "".join(f'<th scope="col" {cell}>{escape(c)}</th>' for c in _HEADER)
        body = "".join(
            "<tr>" + "".join(f"<td {cell}>{escape(c)}</td>" for c in row) + "</tr>"
            for row in self.table()
        )
        remarks = "".join(f"<li>{escape(r)}</li>" for r in self.remarks())
        return (
            f'<div class="spicelab-verification"><p>{escape(self.headline)}</p>'
            + (
                f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
                if body
                else ""
            )
            + (f"<ul>{remarks}</ul>" if remarks else "")
            + "</div>"
        )

    def to_pandas(self) -> pd.DataFrame:
        """Numbers, one row for each check and measure; indexed by both."""
        import pandas as pd

        columns = [
            "check", "by", "measure", "unit", "compared", "differing", "absolute", "relative",
            "where", "reference", "found", "rtol", "ok",
        ]  # fmt: skip
        rows: list[dict[str, Any]] = [
            {"check": check.kind, "by": check.by, **vars(c)}
            for check in self.checks
            for c in check.comparisons
        ]
        return pd.DataFrame(rows, columns=columns).set_index(["check", "measure"])
