"""The Dask client of a cluster: asked with a time limit, closed without a fuss."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["close_client", "connect", "workers_of"]

logger = logging.getLogger(__name__)

ANSWER_LIMIT = 5.0
"""Seconds within which a live scheduler answers a question."""


def connect(address: str, *, security: Any, timeout: float, name: str) -> Any:
    """Make a client, which becomes Dask's default one: dashboards and extensions find it there.

    Raises
    ------
    OSError
        Nobody answers, or the certificate is refused.
    """
    from distributed import client

    from spicelab_nb.clusters.loop_client import Client

    made = Client(
        address,
        security=security,
        timeout=timeout,
        # As a default client it would also set Dask's configuration, and of two clients that are
        # not closed in the reverse order the last would leave it set, for a client that is gone.
        set_as_default=False,
        name=f"spicelab_nb-{name}",
    )
    client._set_global_client(made)  # Dask has no public way to be the default and no more
    return made


def workers_of(client: Any, name: str) -> Mapping[str, Mapping[str, Any]] | None:
    """What the scheduler knows of its workers, by address; None where it does not answer."""
    if client is None or client.status != "running":
        return None
    try:
        identity = client.sync(
            client.scheduler.identity, n_workers=-1, callback_timeout=ANSWER_LIMIT
        )
    except (OSError, TimeoutError) as error:
        logger.info("The scheduler of %r does not answer: %s", name, error)
        return None
    return {
        address: worker
        for address, worker in identity["workers"].items()
        if worker.get("status", "running") in ("running", "paused")
    }


def _nothing(_: logging.LogRecord) -> bool:
    return False


def close_client(client: Any, name: str) -> None:
    """Disconnect; never raises."""
    if client is None:
        return
    noisy = logging.getLogger("distributed.client")
    lost = client.status != "running"
    if lost:
        # It is trying to reconnect, and would print a traceback of being told to give up. That
        # the scheduler is gone has been said.
        noisy.addFilter(_nothing)
    try:
        client.close(timeout=2)
    except Exception as error:  # noqa: BLE001 - its scheduler may be gone; nothing depends on it
        logger.debug("Closing the client of %r: %s", name, error)
    finally:
        if lost:
            noisy.removeFilter(_nothing)
