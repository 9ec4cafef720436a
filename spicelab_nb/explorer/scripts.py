"""Bringing the scripts of figures into a notebook's page, from this machine alone."""

from __future__ import annotations

import sys

__all__ = ["in_kernel", "load_scripts"]


def in_kernel() -> bool:
    """Whether this process is a notebook's kernel, so that a page can answer."""
    kernel = sys.modules.get("ipykernel.kernelapp")
    return kernel is not None and bool(kernel.IPKernelApp.initialized())


def load_scripts() -> None:
    """Put Bokeh's and Panel's scripts into the output of the cell under way.

    Each display brings them along: a page that was loaded anew has them no more, and the kernel
    cannot know.
    """
    import panel as pn

    pn.config.inline = True
    if pn.extension._loaded:
        pn.io.notebook.load_notebook(inline=True)
    else:
        pn.extension(inline=True)
