"""Campaigns in the browser's notebooks that go on only as far as a test lets them."""

from __future__ import annotations

from pathlib import Path

CODE = """\
    import os, pathlib, time
    time.sleep(0.01)  # or chunks would be of hundreds
    begun = os.open("{path}.begun", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(begun, b".")
    mine = os.lseek(begun, 0, os.SEEK_CUR)
    os.close(begun)
    while mine > int(pathlib.Path("{path}").read_text() or 0):
        time.sleep(0.01)
"""


class Hold:
    """Lets so many samples begin, in whatever processes they are computed.

    Parameters
    ----------
    path
        Of a file that says how many.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.let(0)

    @property
    def code(self) -> str:
        """What a sample's function begins with."""
        return CODE.format(path=self._path)

    def let(self, samples: int) -> None:
        """Let as many begin, those before counted."""
        self._path.write_text(str(samples))

    def open(self) -> None:
        """Let all begin."""
        self.let(10**9)
