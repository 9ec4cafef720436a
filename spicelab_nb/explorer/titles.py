"""What stands above a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spicelab_nb.results.statistics import summarize
from spicelab_nb.results.summary import limits_text

if TYPE_CHECKING:
    import xarray as xr

    from spicelab_nb.results.spec import Spec

__all__ = ["figure_title"]


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
    if summary.failed:
        parts.append(f"{summary.failed} of {summary.total} failed")
    if row.missing:
        parts.append(f"{row.missing} without a value")
    if summary.not_run:
        parts.append(f"{summary.not_run} not run")
    return "\n".join(
        [f"{measure}: {', '.join(found) or f'{row.n} samples'}", ", ".join(parts)]
    ).rstrip()
