"""Child processes of a cluster: started with a leash and a log file, ended for certain."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

__all__ = ["Child", "end_all"]

TAIL = 12
"""Lines of a log that an error quotes."""


class Child:
    """One process of our own, in a session of its own (an interrupt of the notebook is not its).

    Parameters
    ----------
    command
        Program and arguments.
    log
        File that its output is appended to.
    environment
        Its environment.
    pass_fds
        Open files that it inherits, under the same numbers.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str],
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.log = log
        self.started = time.monotonic()
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._popen = subprocess.Popen(
                command,
                # The leash: it breaks when this process ends, however that comes about.
                stdin=subprocess.PIPE,
                stdout=handle,
                stderr=handle,
                env=dict(environment),
                start_new_session=True,
                pass_fds=tuple(pass_fds),
            )
        finally:
            os.close(handle)
        self.pid = self._popen.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._popen.poll() is None

    def ended_how(self) -> str:
        """How it ended, for a sentence."""
        code = self._popen.poll()
        if code is None:
            return "is running"
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"was ended by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    def last_lines(self) -> str:
        """The end of its log."""
        try:
            with self.log.open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - 8192))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return ""
        return "\n".join(text.strip().splitlines()[-TAIL:])

    def tell(self) -> None:
        """Ask it to end."""
        if self.running:
            self._popen.terminate()

    def kill(self) -> None:
        """End it and everything in its process group, now."""
        if self.running:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()
        self.release()

    def release(self) -> None:
        """Give back the pipe of a process that has ended."""
        if self._popen.stdin is not None:
            with contextlib.suppress(OSError):
                self._popen.stdin.close()


def end_all(children: Iterable[Child], *, limit: float = 4.0) -> None:
    """Ask all to end, and after `limit` seconds end those that did not."""
    children = list(children)
    for child in children:
        child.tell()
    end = time.monotonic() + limit
    while any(child.running for child in children) and time.monotonic() < end:
        time.sleep(0.01)
    for child in children:
        child.kill()
