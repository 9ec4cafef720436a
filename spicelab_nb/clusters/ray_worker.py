"""A worker of a Ray cluster: an actor that runs chunks, one at a time.

Nothing here imports Ray when it is imported: the actor's class is an ordinary one.
"""

from __future__ import annotations

import os
import pickle
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import cloudpickle

from spicelab_nb.clusters.memory import GLANCE, resident
from spicelab_nb.errors import ExecutorError
from spicelab_nb.executors.executor import Chunk
from spicelab_nb.executors.versions import RAY_PACKAGES, installed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spicelab_nb.executors.executor import Task

__all__ = ["WATCH", "Slot"]

WATCH = "watch"
"""The concurrency group in which an actor is watched while it computes."""


class Slot:
    """One slot of a cluster, in a process of its own: tasks, engines and stores stay warm in it.

    Parameters
    ----------
    path
        Folders that the owner finds modules in; those that are missing here are added.
    """

    def __init__(self, path: Sequence[str] = ()) -> None:
        sys.path.extend(folder for folder in path if folder not in sys.path)
        self._tasks: dict[str, Task] = {}

    def describe(self) -> dict[str, Any]:
        """Which process this is, where, and what is installed there."""
        return {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "packages": installed(RAY_PACKAGES),
        }

    def run(
        self, key: str, box: Sequence[Any], start: int, stop: int, attempt: int
    ) -> tuple[bool, bytes, str]:
        """Run one chunk.

        Parameters
        ----------
        key
            Of the task.
        box
            Holds a reference to the pickled task, which travels only where it is not known yet.
        start, stop, attempt
            The chunk.

        Returns
        -------
        tuple
            Whether it was computed; the receipt, or what was raised (empty where that does not
            pickle), as bytes: the driver between has no business with a user's classes; and what
            was raised as a sentence.
        """
        try:
            receipt = self._task(key, box)(Chunk(start, stop, attempt))
            return True, pickle.dumps(receipt), ""
        # Ray would take the last two as orders to its worker.
        except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001 - a Loss says it
            return False, _pickled(error), f"{type(error).__name__}: {error}"

    def _task(self, key: str, box: Sequence[Any]) -> Task:
        if key not in self._tasks:
            import ray

            try:
                self._tasks[key] = cloudpickle.loads(ray.get(box[0]))
            except ray.exceptions.RayError as error:
                raise ExecutorError(f"The task did not reach this worker: {error}") from error
            except Exception as error:
                raise ExecutorError(
                    f"The worker cannot unpickle the task ({type(error).__name__}: {error}). "
                    "Modules that it uses must be installed, in the same versions, where the "
                    "workers run."
                ) from error
        return self._tasks[key]

    def forget(self, key: str) -> None:
        """Let a task go, and what it made warm in this thread."""
        release = getattr(self._tasks.pop(key, None), "release", None)
        if release is not None:
            release()

    def watch(self, limit: int) -> int:
        """Return the bytes in use, by its children too, when they exceed `limit`; 0: no limit.

        It runs beside `run`. That it fails tells its caller that this process has ended.
        """
        if not limit:
            threading.Event().wait()
        while (used := resident(os.getpid())) <= limit:
            time.sleep(GLANCE)
        return used


def _pickled(error: BaseException) -> bytes:
    try:
        return bytes(cloudpickle.dumps(error))
    except Exception:  # noqa: BLE001 - its sentence travels in any case
        return b""
