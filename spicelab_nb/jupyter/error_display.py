"""How our errors look in a notebook: the line of the cell that failed, and one clear paragraph.

The cell still counts as failed and the exception is the same one: nbval, nbconvert and "restart
and run all" stop there as ever. ``%tb`` with ``%xmode Verbose`` shows everything.
"""

from __future__ import annotations

import linecache
import traceback
from typing import TYPE_CHECKING

from spicelab_nb.errors import SpicelabError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["install", "remove"]

_RED, _DIM, _PLAIN = "\x1b[31m", "\x1b[2m", "\x1b[0m"


def install(shell: InteractiveShell) -> None:
    """Show every error of ours in this way, in this shell."""

    def render(error: SpicelabError) -> list[str]:
        if shell.InteractiveTB.mode == "Verbose":
            kind, trace = type(error), error.__traceback__
            lines: list[str] = shell.InteractiveTB.structured_traceback(kind, error, trace)
            return lines
        return _paragraph(error)

    SpicelabError._render_traceback_ = render  # type: ignore[attr-defined]


def remove() -> None:
    """Show them with their whole traceback again."""
    if "_render_traceback_" in vars(SpicelabError):
        del SpicelabError._render_traceback_  # type: ignore[attr-defined]


def _paragraph(error: SpicelabError) -> list[str]:
    lines = []
    for frame in traceback.extract_tb(error.__traceback__):
        # Cells, unlike modules, are known to linecache under names made up for them.
        if "ipykernel_" in frame.filename or frame.filename.startswith("<ipython-input"):
            source = linecache.getline(frame.filename, frame.lineno or 0).strip()
            # Of a magic IPython knows only the call it made of the line; the line is in view.
            if source and not source.startswith("get_ipython()"):
                lines = [f"{_DIM}line {frame.lineno}:{_PLAIN} {source}", ""]
    return [*lines, f"{_RED}{type(error).__name__}{_PLAIN}: {error}"]
