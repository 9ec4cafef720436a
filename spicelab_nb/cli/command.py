"""What can be typed, and how it ends: a result, or one clear sentence and an exit code."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import spicelab_nb
from spicelab_nb.errors import SpicelabError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

__all__ = ["main"]

FAILED, MISUSED, INTERRUPTED = 1, 2, 130
"""Exit codes: something went wrong; the command was not understood; Ctrl-C."""

UNATTENDED_WIDTH = 132
"""Columns where the output goes to a file or a pipe: tables should not be folded there."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments
        Without the program's name; None: those of this process.

    Returns
    -------
    int
        Exit code: 0 done, 1 failed, 130 interrupted. Arguments that make no sense end the process
        with 2, as argparse does.
    """
    options = _parser().parse_args(arguments)
    console = _console()
    try:
        return int(options.run(options, console))
    except SpicelabError as error:
        # A message may hold anything between brackets: it is no markup.
        _console(error=True).print(
            f"spicelab-nb {options.command}: {error}", style="red", markup=False, highlight=False
        )
        return FAILED
    except KeyboardInterrupt:
        _console(error=True).print("Interrupted.", style="red")
        return INTERRUPTED


def _console(*, error: bool = False) -> Console:
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() else UNATTENDED_WIDTH
    return Console(stderr=error, width=width, highlight=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spicelab-nb",
        description="Monte Carlo, sweeps and yield of SPICE circuits on a cluster.",
    )
    parser.add_argument("--version", action="version", version=spicelab_nb.__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_demo(commands.add_parser("demo", help="Monte Carlo of an operational amplifier"))
    _add_doctor(commands.add_parser("doctor", help="what is installed, and what is missing"))
    commands.add_parser("clusters", help="list this user's live clusters").set_defaults(
        run=_clusters
    )
    commands.add_parser(
        "prune", help="remove what clusters left behind whose owner is gone"
    ).set_defaults(run=_prune)
    return parser


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--samples", type=_count, default=1000, metavar="N", help="default 1000")
    parser.add_argument("--workers", type=_count, default=2, metavar="N", help="default 2")
    parser.add_argument("--engine", metavar="NAME", help="ngspice or neospice; default: the best")
    parser.add_argument("--seed", type=_natural, default=1, metavar="N", help="default 1")
    parser.add_argument("--store", metavar="DIR", help="default: a folder under campaigns/")
    parser.add_argument("--report", metavar="PATH", help="default: report.html in the store")
    parser.set_defaults(run=_demo)


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--deep", action="store_true", help="start a local cluster and simulate on it, too"
    )
    parser.add_argument("--engine", metavar="NAME", help="fail where this engine cannot be used")
    parser.add_argument(
        "--json", action="store_true", help="one line of JSON, for programs, instead of a table"
    )
    parser.set_defaults(run=_doctor)


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def _count(text: str) -> int:
    number = _natural(text)
    if number < 1:
        raise argparse.ArgumentTypeError("there has to be at least 1")
    return number


def _demo(options: argparse.Namespace, console: Console) -> int:
    from spicelab_nb.cli.demo import demo

    return demo(
        console,
        samples=options.samples,
        workers=options.workers,
        engine=options.engine,
        seed=options.seed,
        store=options.store,
        report=options.report,
    )


def _doctor(options: argparse.Namespace, console: Console) -> int:
    from spicelab_nb.cli.doctor import doctor

    return doctor(console, deep=options.deep, engine=options.engine, as_json=options.json)


def _clusters(options: argparse.Namespace, console: Console) -> int:
    from spicelab_nb.cli.listing import show_clusters

    return show_clusters(console)


def _prune(options: argparse.Namespace, console: Console) -> int:
    from spicelab_nb.cli.listing import prune_clusters

    return prune_clusters(console)
