"""The head of a Ray of our own: Ray's own command, and what it waits for in vain taken out.

Ray gives its processes half a minute and less to start, in numbers that cannot be set, and starts
some that are of no use here. What is changed for that is changed in this process alone, and only
where Ray is built as expected: another Ray starts as it always does.
"""

from __future__ import annotations

import inspect
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["run_head"]

OBJECT_STORE = 128 * 1024 * 1024
"""Bytes of shared memory for tasks and receipts, which are small; Ray's least is 75 MiB."""


def run_head(start: Mapping[str, Any]) -> None:
    """Run Ray's own command, which ends when one of its processes does.

    Parameters
    ----------
    start
        ``workers``; ``scratch``, a folder for Ray's files; and ``patience``, seconds.
    """
    from ray.scripts import scripts

    _be_patient(float(start["patience"]))
    _without_dashboard()
    port = _free_port()
    _without_waiting_for_agents(port)
    sys.argv = [
        "ray",
        "start",
        "--head",
        "--block",
        "--port=0",
        "--node-ip-address=127.0.0.1",
        f"--num-cpus={start['workers']}",
        "--num-gpus=0",
        f"--object-store-memory={OBJECT_STORE}",
        f"--temp-dir={start['scratch']}",
        "--include-dashboard=false",
        "--include-log-monitor=false",
        "--no-monitor",
        "--disable-usage-stats",
        "--dashboard-port=0",
        f"--runtime-env-agent-port={port}",
    ]
    scripts.main()


def _free_port() -> int:
    """One that is free now. Should another process be quicker, the start fails and is repeated."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def _be_patient(limit: float) -> None:
    """Wait longer than the 30 s in which Ray wants to see its own machine start.

    That limit is a number in its code, and half a dozen Python processes start within it: a busy
    machine takes longer. A Ray that looks for its machine in another way keeps its limit.
    """
    from ray._private import services

    impatient = getattr(services, "get_node", None)
    if impatient is None:
        return
    end = time.monotonic() + limit
    ours = psutil.Process()

    def get_node(*args: Any, **options: Any) -> Any:
        while True:
            try:
                return impatient(*args, **options)
            except RuntimeError:
                if time.monotonic() > end:
                    raise
                for child in ours.children():
                    if child.status() == psutil.STATUS_ZOMBIE:
                        sys.exit(f"{child.name()} ended while Ray was starting.")
                time.sleep(0.1)

    services.get_node = get_node


def _without_dashboard() -> None:
    """Leave out the process that serves the dashboard, and Ray's waiting for it.

    Ray starts it also where it has been told to have none, for its reports of usage, which are
    turned off.
    """
    from ray._private import services

    def start_api_server(*args: Any, **options: Any) -> tuple[str, None]:
        del args, options
        return "", None

    if hasattr(services, "start_api_server"):
        services.start_api_server = start_api_server


def _without_waiting_for_agents(runtime_env_port: int) -> None:
    """Write the files that Ray's helpers write when they are up, before Ray waits for them.

    It waits 15 s for each, and ends when one comes later, on a busy machine. We know what they
    will write: the port that was given, and -1 for those that have none without the dashboard.
    """
    from ray import _raylet
    from ray._private import services

    untyped: Any = _raylet
    begin = getattr(services, "start_raylet", None)
    names = {
        "RUNTIME_ENV_AGENT_PORT_NAME": runtime_env_port,
        "METRICS_AGENT_PORT_NAME": -1,
        "METRICS_EXPORT_PORT_NAME": -1,
        "DASHBOARD_AGENT_LISTEN_PORT_NAME": -1,
    }
    known = [getattr(untyped, name, None) for name in (*names, "persist_port")]
    if begin is None or None in known:
        return
    signature = inspect.signature(begin)

    def start_raylet(*args: Any, **options: Any) -> Any:
        given = signature.bind(*args, **options).arguments
        for name, port in names.items():
            untyped.persist_port(
                given["session_dir"], given["node_id"], getattr(untyped, name), port
            )
        return begin(*args, **options)

    services.start_raylet = start_raylet
