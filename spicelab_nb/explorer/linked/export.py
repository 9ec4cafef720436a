"""The views of an explorer as one static page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from spicelab_nb.explorer.export import write_figure

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from spicelab_nb.explorer.linked.explorer import Explorer

__all__ = ["write_page"]


def write_page(explorer: Explorer, path: str | os.PathLike[str]) -> Path:
    """Write every view with the selection as it is now; see ``Explorer.save``."""
    import panel as pn

    page = explorer.page()
    page.unwatch()  # it is looked at once, and would be drawn with every selection to come
    parts: list[Any] = [page.headline(), page.state]
    views = [v for v in page.views if v is not page.resimulation]
    if not explorer.columns.measures:
        views = []
    above: list[Any] = []
    for index, view in enumerate(views):
        panes = list(page.opened(view).select(pn.pane.base.PaneBase))
        if index < 2:
            above += panes
            continue
        if above:
            parts.append(pn.Row(*above, sizing_mode="stretch_width"))
            above = []
        parts.append(pn.pane.HTML(f"<h3 style='margin:18px 0 0'>{escape(view.title)}</h3>"))
        parts += panes
    column = pn.Column(*parts, sizing_mode="stretch_width", max_width=1200, min_width=640)
    return write_figure(column, path, title=explorer.name)
