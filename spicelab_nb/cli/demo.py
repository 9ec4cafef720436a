"""``spicelab-nb demo``: a thousand op-amps on a local cluster, from netlist to yield."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import spicelab_nb as sl
from spicelab_nb.errors import CampaignError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from spicelab_nb.campaigns import Campaign, Run
    from spicelab_nb.results.summary import Summary

__all__ = ["demo"]

SHOWN_FAILURES = 5

UNBOUND = 1000
"""Columns, more than any table needs."""


def demo(
    console: Console,
    *,
    samples: int = 1000,
    workers: int = 2,
    engine: str | None = None,
    seed: int = 1,
    store: str | None = None,
    report: str | None = None,
) -> int:
    """Run the demo's campaign, following it, and print what came out.

    Parameters
    ----------
    console
        Where to print.
    samples, workers, seed
        How many, on how many, drawn from which seed.
    engine
        ``"ngspice"`` or ``"neospice"``; None: the best that is installed.
    store, report
        Where results and report go; None: the campaign's own folder.

    Returns
    -------
    int
        Exit code; 0 also where single samples failed: they are listed.
    """
    from spicelab_nb.campaigns.console import follow
    from spicelab_nb.cli.opamp import campaign as opamp

    campaign = opamp(samples, seed=seed, engine=engine, store=store)
    console.print(
        f"[bold]Two-stage CMOS operational amplifier[/], 8 transistors (BSIM3): {samples} samples "
        f"of {len(campaign.parameters)} parameters."
    )
    _say_engine(console, campaign)
    console.print(f"Starting a local Dask cluster with {workers} workers ...")
    with sl.cluster("local", workers=workers) as cluster:
        if cluster.dashboard_link:
            console.print(f"Its dashboard: {cluster.dashboard_link}", markup=False)
        run = campaign.run(cluster)
        try:
            follow(run, console)
        except KeyboardInterrupt:
            run.cancel()
            console.print("Cancelled. What is finished is kept: the same command goes on from it.")
            raise
    show(console, run)
    try:
        written = run.report(report)
    except OSError as error:
        raise CampaignError(
            f"The report cannot be written to {report or run.store}: {error.strerror or error}. "
            f"The results are there: sl.open_run({run.store!r}).report(PATH) writes it elsewhere."
        ) from error
    console.print(f"\nReport with histograms: {Path(written).resolve()}", soft_wrap=True)
    console.print(f"Results:                {_where(run.store)}", soft_wrap=True)
    return 0


def _say_engine(console: Console, campaign: Campaign) -> None:
    """Print who computes, and which way, before anything starts."""
    from spicelab_nb.engines import available

    simulator = campaign.plan.simulator
    engine = simulator["engine"]
    console.print(f"Engine: [bold]{engine['name']} {engine['version']}[/]")
    for info in available():
        if info.name == "ngspice" and engine["name"] != "ngspice":
            why = f"{info.problem}; get it with: {info.install_hint}" if info.problem else "as told"
            console.print(f"        not ngspice, the reference engine ({why})", style="yellow")
    proof = getattr(campaign.simulator, "proof", {})
    if simulator["path"] == "alter":
        how = "values are set in the loaded circuit; proved bit for bit against fresh loads"
    else:
        how = f"each sample is loaded afresh. {proof.get('reason', '')}".rstrip()
    console.print(f"Path:   {simulator['path']} ({how})", markup=False)


def show(console: Console, run: Run) -> None:
    """Print the summary of a run, and its failed samples apart."""
    summary = run.summary()
    console.print()
    console.print(summary.headline, style="bold", markup=False)
    for table in _tables(console, summary):
        console.print(table)
    for warning in summary.warnings():
        console.print(f"! {warning}", style="yellow", markup=False)
    _show_failures(console, run, summary)


def _tables(console: Console, summary: Summary) -> list[Table]:
    """Give one table where it fits the console, else one of numbers and one of verdicts."""
    header = summary.header()
    # Least and most say little of a thousand samples, and a terminal is narrow.
    shown = [k for k, title in enumerate(header) if title not in {"min", "max"}]
    whole = _table(summary, shown)
    if (
        console.measure(whole, options=console.options.update(width=UNBOUND)).maximum
        <= console.width
    ):
        return [whole]
    verdict = header.index("spec")
    return [
        _table(summary, [k for k in shown if k < verdict]),
        _table(summary, [k for k in shown if k == 0 or k >= verdict]),
    ]


def _table(summary: Summary, columns: list[int]) -> Table:
    from rich.table import Table
    from rich.text import Text

    header = summary.header()
    table = Table()
    for k in columns:
        table.add_column(header[k], justify="left" if k == 0 else "right")
    for cells in summary.table():
        row = [cells[k] for k in columns]
        if not any(row[1:]):  # all specs together have no mean
            continue
        if row[0] == "all specs":
            table.add_section()
        table.add_row(*map(Text, row))
    return table


def _show_failures(console: Console, run: Run, summary: Summary) -> None:
    if not summary.failed:
        console.print("Failed samples: none.")
        return
    console.print(f"Failed samples: {summary.failed}, left out of the numbers above.", style="red")
    for sample, row in run.failures.head(SHOWN_FAILURES).iterrows():
        console.print(f"  {sample}: {row['status']}, {row['reason']}", markup=False)
    if summary.failed > SHOWN_FAILURES:
        console.print("  ... all of them: sl.open_run(store).failures")


def _where(store: str) -> str:
    return store if "://" in store else str(Path(store).resolve())
