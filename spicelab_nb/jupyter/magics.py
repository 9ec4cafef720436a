"""The magics: each parses its line and calls one function."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.utils.process import arg_split  # type: ignore[attr-defined] # a name made there by platform

from spicelab_nb.jupyter import magic_actions
from spicelab_nb.jupyter.cluster_options import take_options

if TYPE_CHECKING:
    import argparse

__all__ = ["SpicelabMagics"]

_QUOTED_VALUE = re.compile(r"""(?<!\S)(--[\w-]+)=("[^"]*"|'[^']*')(?!\S)""")
"""``--name="my lab"``: quotes that begin within a word are not seen as such."""


def _parse(magic: Any, line: str) -> argparse.Namespace:
    # Intermixed: in `address --name lab tcp://...` words stand on both sides of an option.
    parsed: argparse.Namespace = magic.parser.parse_intermixed_args(_words(line))
    return parsed


def _words(line: str) -> list[str]:
    line = _QUOTED_VALUE.sub(r"\1 \2", line)
    return [_unquoted(word) for word in arg_split(line, strict=False)]


def _unquoted(word: str) -> str:
    whole = len(word) > 1 and word[0] == word[-1] and word[0] in "'\""
    return word[1:-1] if whole else word


@magics_class
class SpicelabMagics(Magics):
    """``%spicelab_cluster``, ``%%spicelab_circuit``, ``%spicelab_run`` and what they cost."""

    @magic_arguments()
    @argument(
        "words",
        nargs="*",
        help="nothing (the panel) | local | address ADDRESS | serial | list | use NAME | "
        "scale NAME N | stop NAME | prune",
    )
    @argument("--workers", "-n", type=int, help="how many worker processes to start")
    @argument("--name", help="what to call the new cluster")
    @argument("--threads", "--threads-per-worker", type=int, help="chunks a worker runs at once")
    @argument("--memory", "--memory-limit", help='of each worker: "2 GB"')
    @argument("--all", action="store_true", help="with stop: every live cluster of yours")
    @line_magic
    def spicelab_cluster(self, line: str) -> Any:
        """Show, start and stop clusters.

        ``%spicelab_cluster local --workers 2`` starts one on this machine and makes it current.
        Any other option of the kind is given as ``--timeout 30``.
        """
        words, options = take_options(_words(line))
        args = SpicelabMagics.spicelab_cluster.parser.parse_intermixed_args(words)
        return magic_actions.cluster(self.shell, args, options)

    @magic_arguments()
    @argument("name", help="the variable that will hold the circuit")
    @argument("--include", action="append", default=[], help="a folder of included files")
    @argument("--setup", action="append", default=[], help='a set-up line: "set ngbehavior=hsa"')
    @argument("--osdi", action="append", default=[], help="a compiled Verilog-A model")
    @cell_magic
    def spicelab_circuit(self, line: str, cell: str) -> Any:
        """Make a circuit of the netlist in this cell; its first line is the title."""
        args = _parse(SpicelabMagics.spicelab_circuit, line)
        return magic_actions.circuit(self.shell, args, cell)

    @magic_arguments()
    @argument("campaign", nargs="+", help="a variable that holds a campaign, or an expression")
    @argument("--no-pilot", action="store_true", help="compute nothing: guess where need be")
    @line_magic
    def spicelab_preview(self, line: str) -> Any:
        """Show what a campaign will take, in time and money, at each place where it could run."""
        args = _parse(SpicelabMagics.spicelab_preview, line)
        return magic_actions.preview(self.shell, args)

    @line_magic
    def spicelab_cost(self, line: str) -> Any:
        """Show what was spent: by campaign, cluster and day."""
        return magic_actions.cost(line)

    @magic_arguments()
    @argument("campaign", nargs="+", help="a variable that holds a campaign, or an expression")
    @argument("--as", dest="variable", default="run", help="the variable for the run: run")
    @argument("--cluster", help="the name of a live cluster; default the current one")
    @argument("--budget", help="what the campaign may cost as a whole, in USD")
    @argument("--wait", action="store_true", help="give the prompt back when the run has ended")
    @line_magic
    def spicelab_run(self, line: str) -> Any:
        """Run a campaign in the background and follow it; the prompt is back at once."""
        args = _parse(SpicelabMagics.spicelab_run, line)
        return magic_actions.run(self.shell, args)

    @magic_arguments()
    @argument("run", nargs="+", help="a variable that holds a run, or an expression")
    @argument("--measure", help="the one shown first")
    @line_magic
    def spicelab_explore(self, line: str) -> Any:
        """Look at a run's results: linked views over one selection of samples."""
        args = _parse(SpicelabMagics.spicelab_explore, line)
        return magic_actions.explore(self.shell, args)
