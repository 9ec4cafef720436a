"""ngspice as an :class:`~spicelab_nb.engines.engine.Engine`."""

from __future__ import annotations

from spicelab_nb.engines.hosted import HostedEngine
from spicelab_nb.engines.ngspice.library import INSTALL, find_library, library_version
from spicelab_nb.errors import EngineNotFoundError

__all__ = ["Ngspice"]


class Ngspice(HostedEngine):
    """ngspice in a host process of its own.

    Parameters
    ----------
    library
        Path of the shared library; found by :func:`find_library` when not given.

    Raises
    ------
    EngineNotFoundError
        There is no such library.
    """

    def __init__(self, library: str | None = None) -> None:
        path = library or find_library()
        if path is None:
            raise EngineNotFoundError(
                "libngspice is not installed (or not where NGSPICE_LIBRARY_PATH says). "
                f"Install it: {INSTALL}"
            )
        super().__init__(name="ngspice", version=library_version(path), library=path, alters=True)
