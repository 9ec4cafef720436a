"""Follows a run in a terminal: a live bar, or a plain line now and then where nobody watches."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from spicelab_nb.campaigns.progress import duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console, RenderableType

    from spicelab_nb.campaigns.progress import Progress
    from spicelab_nb.campaigns.run import Run

__all__ = ["follow"]

FRAME = 0.1
"""Seconds between two looks at a run."""


def follow(
    run: Run,
    console: Console | None = None,
    *,
    interval: float = 5.0,
    clock: Callable[[], float] = time.monotonic,
) -> Run:
    """Show how far a run is until it has ended.

    An interrupt (Ctrl-C) stops the showing, not the run.

    Parameters
    ----------
    run
        Under way, or ended already.
    console
        Where; default the standard output. A terminal gets a bar that moves, a file or a pipe a
        line every `interval` seconds.
    interval
        Seconds between two lines where there is no terminal.
    clock
        Monotonic seconds.

    Returns
    -------
    Run
        Itself, ended.

    Raises
    ------
    SpicelabError
        The run failed, as ``run.wait()`` raises it.
    """
    from rich.console import Console

    out = console if console is not None else Console()
    if out.is_terminal:
        _bar(run, out)
    else:
        _lines(run, out, interval, clock)
    return run.wait()


def _ended(run: Run) -> bool:
    """Wait one frame for the end."""
    try:
        run.wait(FRAME)
    except TimeoutError:
        # What ended a run may itself be a TimeoutError: a cluster that did not start.
        return not run.active
    return True


def _lines(run: Run, out: Console, interval: float, clock: Callable[[], float]) -> None:
    def say() -> None:
        out.print(f"{run.name}: {run.progress}", markup=False, highlight=False, soft_wrap=True)

    say()
    due = clock() + interval
    try:
        while not _ended(run):
            if clock() >= due:
                say()
                due = clock() + interval
    finally:
        say()


def _bar(run: Run, out: Console) -> None:
    from rich.live import Live

    with Live(
        _line(run.name, run.progress), console=out, auto_refresh=False, transient=False
    ) as live:
        try:
            while not _ended(run):
                live.update(_line(run.name, run.progress), refresh=True)
        finally:
            live.update(_line(run.name, run.progress), refresh=True)


def _line(name: str, p: Progress) -> RenderableType:
    """One row: name, bar, counts, rate, time left; below it the yield."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    row = Table.grid(padding=(0, 1))
    colour = {"done": "green", "failed": "red", "cancelled": "yellow"}.get(p.state, "cyan")
    counts = f"{p.done:,} of {p.total:,}"
    if p.state == "running":
        rate = f"{p.rate:,.3g}/s" if p.rate == p.rate else "?/s"
        rest = f"{rate}, {duration(p.eta)} left"
    else:
        rest = f"{p.state}, {duration(p.elapsed)}"
    row.add_row(
        Text(name, style="bold"),
        ProgressBar(total=max(p.total, 1), completed=p.done, width=32, complete_style=colour,
                    finished_style=colour),
        Text(counts),
        Text(f"{p.failed:,} failed", style="red") if p.failed else Text(""),
        Text(rest, style="dim"),
    )  # fmt: skip
    y = p.running_yield
    if y is None:
        return row
    text = (
        f"yield {y.value:.1%} (95 %: {y.low:.1%} to {y.high:.1%}, first {y.samples + y.failed:,})"
    )
    return Group(row, Text(text, style="dim"))
