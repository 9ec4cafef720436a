"""Figures as files: one HTML page that needs no network."""

from __future__ import annotations

import html
import io
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spicelab_nb.errors import MeasureError
from spicelab_nb.explorer.figures.axes import holoviews

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["publish", "write_figure"]


def write_figure(figure: Any, path: str | os.PathLike[str], *, title: str = "") -> Path:
    """Write a figure as static HTML.

    Parameters
    ----------
    figure
        What the functions of :mod:`spicelab_nb.explorer` give, any other HoloViews object, or one
        of Panel's. Zooming and hovering work in the file; what asks a kernel (sliders, selections
        across figures) stays as it is.
    path
        The HTML file; its folder is made. Written beside and moved, so that it is whole or not
        there.
    title
        Of the page; default the file's name.

    Returns
    -------
    pathlib.Path
        The file, absolute. Scripts and styles are in it: it loads nothing, and weighs a few MB.

    Raises
    ------
    MissingExtraError
        holoviews is not installed.
    MeasureError
        It is neither a HoloViews nor a Panel object.
    """
    hv = holoviews()
    path = Path(path).absolute()
    return publish(path, _html(hv, figure, title or path.stem))


def _html(hv: ModuleType, figure: Any, title: str) -> str:
    if isinstance(figure, hv.core.Dimensioned):
        return _page(hv.render(figure, backend="bokeh"), title)
    if hasattr(figure, "get_root"):
        return _panel_page(figure, title)
    raise MeasureError(
        "What is written is a figure of the explorer, or any HoloViews or Panel object, not "
        f"{type(figure).__name__}."
    )


def _page(model: Any, title: str) -> str:
    # Not bokeh.embed.file_html: once Panel is imported, that page asks for scripts of Panel's.
    from bokeh.embed import json_item
    from bokeh.resources import Resources

    kinds = {type(m).__module__ for m in model.references()}
    components: list[Any] = ["bokeh"]
    if any(k.startswith("bokeh.models.widgets") for k in kinds):
        components += ["bokeh-widgets", "bokeh-tables"]
    scripts = "".join(
        f"<script>{text}</script>"
        for text in Resources(mode="inline", components=components).js_raw
    )
    # No text of the figure ends the script that holds it.
    item = json.dumps(json_item(model)).replace("<", "\\u003c")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title>{scripts}</head>"
        '<body><div id="figure"></div>'
        f'<script>Bokeh.embed.embed_item({item}, "figure")</script></body></html>\n'
    )


def _panel_page(figure: Any, title: str) -> str:
    from bokeh.document import Document
    from bokeh.models import ImportedStyleSheet, InlineStyleSheet
    from bokeh.models.ui import UIElement
    from bokeh.resources import INLINE
    from panel.io.resources import CDN_DIST, DIST_DIR
    from panel.io.save import save

    document = Document()
    root = figure.get_root(document)
    document.add_root(root)

    def inline(sheet: Any) -> Any:
        if not isinstance(sheet, ImportedStyleSheet) or not sheet.url.startswith(CDN_DIST):
            return sheet
        file = Path(DIST_DIR) / sheet.url.removeprefix(CDN_DIST).split("?")[0]
        return InlineStyleSheet(css=file.read_text(encoding="utf-8"))

    for model in root.select({"type": UIElement}):
        model.stylesheets = [inline(sheet) for sheet in model.stylesheets]
    page = io.StringIO()
    no_icons = {"apple_icon": "", "app_favicon": ""}
    save(document, page, title=title, resources=INLINE, template_variables=no_icons)
    return page.getvalue()


def publish(path: Path, text: str) -> Path:
    """Write a file beside its place and move it there, so that it is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path
