"""A run as one static HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from spicelab_nb.explorer.report import write_report

if TYPE_CHECKING:
    import os

    from spicelab_nb.campaigns.run import Run

__all__ = ["report"]


def report(run: Run, path: str | os.PathLike[str] | None) -> Path:
    """Write a run's report; see ``Run.report``."""
    return write_report(
        Path(path) if path is not None else _default_path(run),
        run.dataset,
        run.summary(),
        title=run.name,
        notes=_notes(run),
        failures=run.failures,
        waveforms=run.waveforms or None,
    )


def _default_path(run: Run) -> Path:
    folder = Path(run.store)
    return folder / "report.html" if folder.is_dir() else Path(f"{run.name}-report.html")


def _notes(run: Run) -> list[str]:
    notes = [str(run.progress)]
    if run.method:
        notes.append(run.method)
    notes.append(f"Plan {run.plan.digest[:16]}, in {run.store}")
    return notes
