"""The panel of this user's clusters: who is there, and buttons for what can be done with them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import traitlets

from spicelab_nb import clusters
from spicelab_nb.errors import SpicelabError
from spicelab_nb.jupyter import cluster_actions
from spicelab_nb.jupyter.cluster_table import ClusterTable
from spicelab_nb.jupyter.live_widget import LiveWidget, assets
from spicelab_nb.jupyter.ticker import ticker

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ClusterPanel", "panel"]


class ClusterPanel(LiveWidget):
    """Shows every live cluster of this user and follows them; one for each kernel.

    What takes seconds (starting, stopping, joining) is done in a thread of its own, so that the
    notebook goes on; what went wrong is shown in the panel.
    """

    _esm = assets("elements.js", "cluster_panel.js")
    _css = assets("views.css")

    clusters: Any = traitlets.List().tag(sync=True)
    busy: Any = traitlets.List().tag(sync=True)
    problem = traitlets.Unicode("").tag(sync=True)

    interval = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.look()
        ticker.watch(self)

    def look(self) -> bool:
        """Bring what is shown up to date; False when the panel is closed."""
        with self._look_lock:
            if self.comm is None:
                return False
            now = list(ClusterTable.now().clusters)
            if now != self.clusters:
                self.clusters = now
            return True

    def fail(self, error: BaseException) -> None:
        """Show that the panel stopped, and why."""
        self.problem = f"The panel stopped: {error}. Display it again to go on."

    # -- what the buttons ask for --------------------------------------------------------------

    def asked(self, request: dict[str, Any]) -> None:
        """Start, stop, scale or use a cluster, in a thread of its own."""
        act = self._action(request)
        if act is not None:
            threading.Thread(target=self._carry_out, args=act, daemon=True).start()

    def _action(self, asked: dict[str, Any]) -> tuple[str, Callable[[], Any]] | None:
        """What to say meanwhile, and what to do."""
        name, workers = str(asked.get("cluster", "")), asked.get("workers")
        if asked.get("ask") == "start":
            label = str(asked.get("name") or "").strip() or None
            return "Starting a cluster", lambda: clusters.cluster(
                "local", workers=workers, name=label
            )
        # The page sends the id, which nobody knows a cluster by.
        called = next((c["name"] for c in self.clusters if c["id"] == name), name)
        if asked.get("ask") == "stop":
            return f"Stopping {called}", lambda: cluster_actions.stop(name)
        if asked.get("ask") == "use":
            return f"Joining {called}", lambda: clusters.set_current(name)
        if asked.get("ask") == "scale" and isinstance(workers, int):
            return f"Scaling {called}", lambda: cluster_actions.scale(name, workers)
        return None

    def _carry_out(self, label: str, act: Callable[[], Any]) -> None:
        with self._look_lock:
            self.problem = ""
            self.busy = [*self.busy, label]
        problem = ""
        try:
            act()
        except SpicelabError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 - shown in the panel, never lost with the thread
            problem = f"{label} failed: {type(error).__name__}: {error}"
        with self._look_lock:
            self.problem = problem
            left = list(self.busy)
            left.remove(label)
            self.busy = left
            self.look()

    # -- showing -------------------------------------------------------------------------------

    def fallback(self) -> dict[str, str]:
        """The table as it is now."""
        table = ClusterTable(tuple(self.clusters))
        return {"text/plain": repr(table), "text/html": table._repr_html_()}

    def show(self) -> None:
        """Display it here, too."""
        from IPython.display import display

        self.look()
        ticker.watch(self)
        data, metadata = self.bundle()
        display(data, metadata=metadata, raw=True)

    def close(self) -> None:
        """Stop following; clusters go on."""
        global _panel
        with _panel_lock:
            if _panel is self:
                _panel = None
        super().close()


_panel: ClusterPanel | None = None
_panel_lock = threading.RLock()


def panel() -> ClusterPanel:
    """Give the panel of this kernel."""
    global _panel
    with _panel_lock:
        if _panel is None:
            _panel = ClusterPanel()
        return _panel
