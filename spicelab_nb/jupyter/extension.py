"""``%load_ext spicelab_nb``: registers magics, completions and displays, and takes them back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["load", "unload"]


def load(ipython: InteractiveShell) -> None:
    """Register everything; loading twice is loading once.

    Parameters
    ----------
    ipython
        The shell that ``%load_ext`` hands over.
    """
    from spicelab_nb.jupyter import completion, displays, error_display
    from spicelab_nb.jupyter.magics import SpicelabMagics

    ipython.register_magics(SpicelabMagics)
    completion.install(ipython)
    displays.install(ipython)
    error_display.install(ipython)


def unload(ipython: InteractiveShell) -> None:
    """Take back what changes how things look; magics stay, as IPython cannot remove them."""
    from spicelab_nb.jupyter import displays, error_display

    displays.remove(ipython)
    error_display.remove()
