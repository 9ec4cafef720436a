"""The command line: ``spicelab-nb demo | doctor | clusters | prune``."""

from spicelab_nb.cli.command import main

__all__ = ["main"]
