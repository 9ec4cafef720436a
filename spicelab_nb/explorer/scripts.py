"""Bringing the scripts of figures into a notebook's page, from this machine alone."""

from __future__ import annotations

import sys

__all__ = ["NO_ECHO", "in_kernel", "load_scripts"]

NO_ECHO = """<script>(function without_echo(left) {
  const found = window.Bokeh && Bokeh.Models
    && Bokeh.Models.get("panel.models.comm_manager.CommManager")
  if (!found) {
    if (left > 0) { setTimeout(without_echo, 50, left - 1) }
  } else if (!found.without_echo) {
    const told = found.prototype._document_changed
    found.without_echo = true
    found.prototype._document_changed = function (event) {
      if (event.sync !== false) { told.call(this, event) }
    }
  }
})(600)</script>"""
"""HTML that keeps a page from sending back to the kernel what the kernel has just changed.

Bokeh marks such changes as not to be sent; Panel's messenger (1.9) does not look at the mark, so
that every brush brought all that it had changed back, hundreds of kilobytes, and the kernel took
longer to look through that than to answer the brush.
"""


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
