"""What the live views share: they look by themselves, and hear what is asked of them."""

from __future__ import annotations

import threading
from importlib.resources import files
from typing import Any

import anywidget

from spicelab_nb.jupyter.ticker import ticker

__all__ = ["LiveWidget", "assets"]


def assets(*names: str) -> str:
    """Join files of this package's ``static`` folder."""
    folder = files("spicelab_nb.jupyter") / "static"
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


class LiveWidget(anywidget.AnyWidget):
    """A widget that the ticker keeps up to date.

    The front end only sends requests and never changes what is synchronised, so that several
    threads may write here: the ticker, the kernel's main thread and, where Jupyter has subshells,
    the thread in which requests are handled while a cell runs.
    """

    interval = 1.0

    def __init__(self) -> None:
        super().__init__()
        self._look_lock = threading.RLock()
        _hear_while_busy(self.comm)
        self.on_msg(self._on_message)

    def look(self) -> bool:
        """Bring what is shown up to date; False when nothing will change any more."""
        raise NotImplementedError

    def asked(self, request: dict[str, Any]) -> None:
        """Do what a button asks for; returns at once."""
        raise NotImplementedError

    def fallback(self) -> dict[str, str]:
        """Text and static HTML for those who cannot show a widget."""
        raise NotImplementedError

    def _on_message(self, view: Any, content: Any, buffers: Any) -> None:
        del view, buffers
        if isinstance(content, dict):
            # The answer first: it tells the front end that the kernel listens.
            self.send({"heard": content.get("id")})
            self.asked(content)

    def bundle(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The widget with its fallbacks, and metadata, as displays want them."""
        with self._look_lock:
            made: Any = super()._repr_mimebundle_() or {}
            data, metadata = made if isinstance(made, tuple) else (made, {})
            return {**data, **self.fallback()}, metadata

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        del options
        return self.bundle()

    def close(self) -> None:
        """Stop following; what is shown goes on."""
        ticker.forget(self)
        super().close()


def _hear_while_busy(comm: Any) -> None:
    """Let requests be handled where the front end sends them: a subshell, where there is one.

    ipykernel 7.4 hands what the front end sends to the loop that last wrote to the comm, which is
    the one that runs cells. A view is written to by a thread, and its requests are safe in any.
    Where ipykernel has no such routing this changes nothing: requests wait for the cell's end, and
    the view says so.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = None
