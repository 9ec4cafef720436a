"""Two network namespaces of a test's own, joined by a cable that can be pulled."""

import os
import subprocess
import sys
import time
from pathlib import Path

NEAR, FAR = "10.77.0.1", "10.77.0.2"


def why_not():
    """Why namespaces cannot be made here; "" where they can."""
    for command in (["unshare", "--net", "true"], ["ip", "-V"]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return f"{command[0]} is not installed: apt-get install iproute2 util-linux"
        if done.returncode:
            return f"network namespaces are not permitted here: {done.stderr.strip()}"
    return ""


class Cable:
    """The cable, with a namespace at each end; the namespaces end with this process."""

    def __init__(self):
        self._processes = []
        # They read until their input is closed, which the end of this process does for certain.
        self._near, self._far = (self._hold(), self._hold())
        for end in (self._near, self._far):
            self._at(end, "ip", "link", "set", "lo", "up")
        self._at(
            self._near,
            *("ip", "link", "add", "cable", "type", "veth"),
            *("peer", "name", "cable", "netns", str(self._far)),
        )
        for end, address in ((self._near, NEAR), (self._far, FAR)):
            self._at(end, "ip", "address", "add", f"{address}/30", "dev", "cable")
            self._at(end, "ip", "link", "set", "cable", "up")

    def _hold(self):
        holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)
        self._processes.append(holder)
        here, end = Path("/proc/self/ns/net").readlink(), time.monotonic() + 30
        while Path(f"/proc/{holder.pid}/ns/net").readlink() == here:
            assert holder.poll() is None, "unshare failed"
            assert time.monotonic() < end
            time.sleep(0.01)
        return holder.pid

    def _at(self, end, *command):
        subprocess.run([*self._prefix(end), *command], check=True, capture_output=True, text=True)

    @staticmethod
    def _prefix(end):
        return ("nsenter", "--target", str(end), "--net", "--")

    @property
    def near(self):
        """What runs a command at the near end."""
        return self._prefix(self._near)

    @property
    def far(self):
        """What runs a command at the far end."""
        return self._prefix(self._far)

    def pull(self):
        """Cut it: what is sent is lost, and nobody is told."""
        self._at(self._far, "ip", "link", "set", "cable", "down")

    def plug(self):
        """Join it again."""
        self._at(self._far, "ip", "link", "set", "cable", "up")

    def run(self, prefix, *command, log, environment=None):
        """Start a command at one end, ended by `close`."""
        with log.open("ab") as file:
            process = subprocess.Popen(
                # It ends with this process, however that ends.
                ["setpriv", "--pdeathsig", "KILL", *prefix, *command],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env={**os.environ, **(environment or {})},
            )
        self._processes.append(process)
        return process

    def close(self):
        """End everything at both ends."""
        for process in reversed(self._processes):
            process.kill()
            process.wait()
            if process.stdin is not None:
                process.stdin.close()


def scheduler(address):
    """The command of a Dask scheduler."""
    host, _, port = address.removeprefix("tcp://").partition(":")
    options = ("--host", host, "--port", port, "--no-dashboard", "--no-show")
    return (sys.executable, "-m", "dask", "scheduler", *options)


def worker(scheduler_address, name, folder, *, host=None):
    """The command of a Dask worker with one thread and no nanny."""
    options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--name", name)
    where = ("--local-directory", str(folder), *(("--host", host) if host else ()))
    return (sys.executable, "-m", "dask", "worker", scheduler_address, *options, *where)
