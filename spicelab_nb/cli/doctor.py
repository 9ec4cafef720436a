"""``spicelab-nb doctor``: what is installed, what is missing, and the command that installs it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from spicelab_nb.cli.findings import (
    Finding,
    Grade,
    engine_findings,
    grounds,
    jupyter_findings,
    settings_finding,
)
from spicelab_nb.errors import SpicelabError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

__all__ = ["doctor"]

MARKS = {
    Grade.GOOD: ("ok", "green"),
    Grade.MISSING: ("-", "yellow"),
    Grade.BAD: ("FAIL", "bold red"),
}


def doctor(
    console: Console, *, deep: bool = False, engine: str | None = None, as_json: bool = False
) -> int:
    """Look at everything that campaigns need, and print it.

    Parameters
    ----------
    console
        Where to print.
    deep
        Also start a local cluster and simulate on it.
    engine
        An engine that has to be there; None: any one is enough.
    as_json
        Print one line of JSON for programs: ``healthy``, and ``findings`` with ``what``, ``grade``
        (``good``, ``missing``, ``bad``), ``text`` and ``install``.

    Returns
    -------
    int
        0 where campaigns can run; 1 where something they need is missing.
    """
    from rich.console import Console

    told = Console(quiet=True) if as_json else console
    findings = [*grounds(), settings_finding(), *engine_findings(engine), *jupyter_findings()]
    _show(told, findings)
    if deep:
        told.print("Starting a local cluster ...")
        found = cluster_finding(engine)
        _show(told, [found])
        findings.append(found)
    bad = [f for f in findings if f.grade is Grade.BAD]
    if as_json:
        data = {"healthy": not bad, "findings": [_plain(f) for f in findings]}
        # print() would fold the line, and take brackets for markup.
        console.out(json.dumps(data), highlight=False)
    elif bad:
        console.print(f"\n{len(bad)} to mend: {', '.join(f.what for f in bad)}.", style="bold red")
    else:
        console.print("\nCampaigns can run here.", style="bold green")
    return 1 if bad else 0


def _plain(finding: Finding) -> dict[str, str]:
    return {
        "what": finding.what,
        "grade": finding.grade.value,
        "text": finding.text,
        "install": finding.install,
    }


def cluster_finding(engine: str | None = None) -> Finding:
    """Start a cluster of one worker and simulate four samples of a low-pass on it."""
    import tempfile

    import spicelab_nb as sl

    netlist = "* rc\nV1 in 0 ac 1\nR1 in out 1k\nC1 out 0 1u\n.ac dec 10 1 1e5\n.end\n"
    try:
        with tempfile.TemporaryDirectory(prefix="spicelab-nb-doctor-") as folder:
            campaign = sl.Campaign(
                sl.Circuit(netlist),
                sl.MonteCarlo(4, {"R1": sl.Normal(rel=0.01)}),
                measures={"f3db": sl.measure.bandwidth("v(out)")},
                name="doctor",
                store=f"{folder}/store",
                engine=engine,
            )
            with sl.cluster("local", workers=1) as cluster:
                progress = campaign.run(cluster).wait(120).progress
    except (SpicelabError, TimeoutError) as error:
        return Finding(what="local cluster", grade=Grade.BAD, text=str(error))
    if progress.failed:
        text = f"{progress.failed} of {progress.total} samples failed"
        return Finding(what="local cluster", grade=Grade.BAD, text=text)
    return Finding(
        what="local cluster", grade=Grade.GOOD, text=f"started, {progress.done} samples simulated"
    )


def _show(console: Console, findings: Sequence[Finding]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for finding in findings:
        mark, style = MARKS[finding.grade]
        said = finding.text if not finding.install else f"{finding.text}\n{finding.install}"
        table.add_row(Text(mark, style=style), Text(finding.what), Text(said))
    console.print(table)
