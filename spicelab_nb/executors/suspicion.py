"""On somebody else's scheduler: a chunk whose worker dies is lost at once, and tried by us alone.

Dask gives a task whose worker died to another worker, three times as a rule. A sample that ends
every worker would cost four of them at each of its tries.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from distributed import SchedulerPlugin

if TYPE_CHECKING:
    from distributed import Scheduler

__all__ = ["OneDeath", "count_one_death"]

logger = logging.getLogger(__name__)

OURS = "spicelab_nb-"
"""With what the keys of chunks begin."""


class OneDeath(SchedulerPlugin):
    """Takes a chunk's worker for its last one; the tasks of others are left alone."""

    name = "spicelab_nb-one-death"
    idempotent = True

    async def start(self, scheduler: Scheduler) -> None:
        """Remember the scheduler."""
        self._scheduler: Any = scheduler

    def transition(self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any) -> None:
        """Count a chunk that is being handed out as one that has used up its failures."""
        del start, args, kwargs
        if finish == "processing" and str(key[0] if isinstance(key, tuple) else key).startswith(
            OURS
        ):
            self._scheduler.tasks[key].suspicious = self._scheduler.allowed_failures


def count_one_death(client: Any) -> None:
    """Put the plug-in on the scheduler of `client`; without it tries take longer, no more."""
    try:
        client.register_plugin(OneDeath())
    except Exception as error:  # noqa: BLE001 - it may not have this package, or take no plug-ins
        logger.info("Chunks that end their worker are tried by Dask as well: %s", error)
