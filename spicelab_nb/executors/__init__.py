"""How chunks are run: one after the other in this process, or by the workers of Dask or Ray."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spicelab_nb.executors.executor import Chunk, Executor, Loss, Receipt, Task
from spicelab_nb.executors.serial import Serial

if TYPE_CHECKING:
    from spicelab_nb.executors.dask import Dask as Dask
    from spicelab_nb.executors.ray import Ray as Ray

__all__ = ["Chunk", "Dask", "Executor", "Loss", "Ray", "Receipt", "Serial", "Task"]


def __getattr__(name: str) -> Any:
    if name == "Dask":
        from spicelab_nb.executors.dask import Dask

        return Dask
    if name == "Ray":
        from spicelab_nb.executors.ray import Ray

        return Ray
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
