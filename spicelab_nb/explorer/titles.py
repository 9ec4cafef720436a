"""What stands above a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spicelab_nb.engines.engine import Status
from spicelab_nb.results.statistics import summarize
from spicelab_nb.results.summary import limits_text

if TYPE_CHECKING:
    import xarray as xr

    from spicelab_nb.results.spec import Spec

__all__ = ["figure_title", "joined", "lost_samples", "plain"]


def figure_title(dataset: xr.Dataset, measure: str, spec: Spec | None) -> str:
    """Two lines: the measure, its yield and Cpk; its limits, and how many samples failed."""
    summary = summarize(dataset, specs={measure: spec} if spec else {})
    row = summary[measure]
    found, parts = [], []
    if row.yield_ is not None:
        where = " at every corner" if row.group else ""
        found.append(f"yield {row.yield_.text}{where}")
        if not np.isnan(row.cpk):
            found.append(f"Cpk {row.cpk:.2f}{' (not normal)' if row.warning else ''}")
        parts.append(f"spec {limits_text(spec, row.unit)}")
    parts.append(_failed(summary.failed, summary.total))
    if row.missing:
        parts.append(f"{row.missing} without a value")
    if summary.not_run:
        parts.append(f"{summary.not_run} not run")
    return "\n".join(
        [f"{measure}: {', '.join(found) or f'{row.n} samples'}", ", ".join(parts)]
    ).rstrip()


def lost_samples(dataset: xr.Dataset, drawn: int | None = None) -> str:
    """Say how many points failed, and how many others are not among those drawn, and why.

    Parameters
    ----------
    dataset
        With ``status``.
    drawn
        Points that are ok and have a value; None: all that are ok.
    """
    status = dataset["status"].values
    not_run = int(np.count_nonzero(status == int(Status.NOT_RUN)))
    ok = int(np.count_nonzero(status == int(Status.OK)))
    failed, missing = status.size - ok - not_run, 0 if drawn is None else ok - drawn
    parts = [_failed(failed, status.size)]
    if missing:
        parts.append(f"{missing} without a value")
    if not_run:
        parts.append(f"{not_run} not run")
    return ", ".join(parts)


def _failed(failed: int, total: int) -> str:
    return f"{failed or 'none'} of {total} failed"


def joined(*lines: str) -> str:
    """Put the lines of a title together, leaving out empty ones."""
    return "\n".join(line for line in lines if line)


def plain(title: str) -> str:
    """Keep the braces of names: HoloViews takes a title for a format."""
    return title.replace("{", "{{").replace("}", "}}")
