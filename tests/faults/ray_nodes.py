"""A Ray of two machines: a node at each end of a cable."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

PORT = 6379
OPTIONS = (
    "--block",
    "--num-gpus=0",
    "--object-store-memory=80000000",
    "--include-log-monitor=false",
    "--disable-usage-stats",
)


class Nodes:
    """Nodes of one Ray, ended with their processes by `close`.

    Parameters
    ----------
    cable
        Joins the namespaces that they are in.
    """

    def __init__(self, cable):
        self._cable = cable
        # Ray's sockets want a short path.
        self.folder = Path(tempfile.mkdtemp(prefix="n"))
        token = self.folder / "token"
        token.write_text("1" * 64)
        token.chmod(0o600)
        self.environment = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_DEFAULT_PYTHON_VERSION_MATCH_LEVEL": "minor",
            "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
        }
        self._started = []

    def head(self, place, address, *, cpus):
        """Start the head at one end; gives Ray's address."""
        self._start(
            place,
            "head",
            "--head",
            f"--node-ip-address={address}",
            f"--port={PORT}",
            f"--num-cpus={cpus}",
            f"--temp-dir={self.folder / 'r'}",
            "--include-dashboard=false",
        )
        return f"{address}:{PORT}"

    def join(self, place, address, head, *, cpus):
        """Let the machine at one end become part of the Ray whose head is elsewhere."""
        self._start(
            place,
            "node",
            f"--address={head}",
            f"--node-ip-address={address}",
            f"--num-cpus={cpus}",
        )

    def _start(self, place, log, *options):
        self._started.append(
            self._cable.run(
                place,
                *(sys.executable, "-m", "ray.scripts.scripts", "start"),
                *(*options, *OPTIONS),
                log=self.folder / f"{log}.log",
                environment=self.environment,
            )
        )

    def alive(self, place, head):
        """Addresses of the nodes that the head counts as alive; asked from one end."""
        script = (
            "from ray._raylet import GcsClient; import ray\n"
            f"found = GcsClient(address={head!r}).get_all_node_info(timeout=5)\n"
            "print(*[n.node_manager_address for n in found.values() if n.state == 0])"
        )
        done = subprocess.run(
            [*place, sys.executable, "-c", script],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.stdout.split()

    def close(self):
        """End every process of every node."""
        below = []
        for process in self._started:
            if process.poll() is None:
                below += [psutil.Process(process.pid), *psutil.Process(process.pid).children(True)]
        for process in below:
            if process.is_running():
                process.kill()
        psutil.wait_procs(below, timeout=20)
