"""How often Dask's own processes look around when nobody asked them to: less than by default.

Dask watches what its tasks spend their time on (a stack of every thread, a hundred times a
second), its event loop (fifty times) and its memory (ten times). For chunks of half a second and
more that is several per cent of a core in each process, whether a campaign runs or not. What tells
that a worker died is a broken connection, and that does not wait for any of this.
"""

from __future__ import annotations

from typing import Any

__all__ = ["HEARTBEAT_SECONDS", "slow_down"]

HEARTBEAT_SECONDS = 2.0
"""Between two reports of a worker to its scheduler, at least."""

PACE: dict[str, Any] = {
    "distributed": {
        "worker": {
            "profile": {"enabled": False},
            # Our own watch ends a worker that holds too much; Dask's only moves results to disk.
            "memory": {"monitor-interval": "1s"},
        },
        "admin": {
            # Below the limit (3 s) above which Dask reports that an event loop was held up.
            "tick": {"interval": "1s", "cycle": "10s"},
            "system-monitor": {"interval": "2s", "log-length": 1800},
        },
    }
}


def slow_down() -> None:
    """Take these as Dask's defaults in this process: what a person has configured stays."""
    import dask
    import distributed  # noqa: F401 - brings the defaults that ours replace

    dask.config.update_defaults(PACE)
