"""The view of a preview: sliders for workers, spot and deadline, the table, time against cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets

from spicelab_nb.cost.preview_table import as_html, as_text
from spicelab_nb.errors import SpicelabError
from spicelab_nb.jupyter.live_widget import LiveWidget, assets
from spicelab_nb.jupyter.preview_state import describe_preview

if TYPE_CHECKING:
    from spicelab_nb.cost.preview import Preview

__all__ = ["PreviewView"]


class PreviewView(LiveWidget):
    """Shows one preview; what the controls ask for is computed here, from the model.

    Parameters
    ----------
    preview
        As ``campaign.preview()`` gives it.
    """

    _esm = assets("elements.js", "preview_view.js")
    _css = assets("views.css")

    state: Any = traitlets.Dict().tag(sync=True)

    def __init__(self, preview: Preview) -> None:
        super().__init__()
        self.preview = preview
        self.look()

    def look(self) -> bool:
        """Show the preview as it is now; nothing changes by itself."""
        with self._look_lock:
            self.state = describe_preview(self.preview)
            return False

    def asked(self, request: dict[str, Any]) -> None:
        """Recompute under what the controls say."""
        if request.get("ask") != "set":
            return
        with self._look_lock:
            try:
                self.preview = self.preview.at(
                    workers=request.get("workers"),
                    spot=bool(request.get("spot")),
                    deadline=request.get("deadline"),
                )
                self.state = describe_preview(self.preview)
            except SpicelabError as error:
                self.state = {**self.state, "problem": str(error)}

    def fallback(self) -> dict[str, str]:
        """The table and the figure as they are now."""
        return {"text/plain": as_text(self.preview), "text/html": as_html(self.preview)}

    def show(self) -> None:
        """Display it here."""
        from IPython.display import display

        data, metadata = self.bundle()
        display(data, metadata=metadata, raw=True)
