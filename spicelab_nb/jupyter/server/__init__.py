"""The Jupyter server's part: the registry of clusters over HTTP, for the sidebar.

It starts nothing and owns nothing: it reads records and leaves requests beside them, which the
kernels that own the clusters do. It imports neither Dask nor anything of a notebook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

__all__: list[str] = []


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "spicelab_nb.jupyter.server"}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    from spicelab_nb.jupyter.server.handlers import routes

    server.web_app.add_handlers(".*$", routes(server.web_app.settings["base_url"]))
    server.log.info("spicelab_nb: the clusters of this user are served to the sidebar")
