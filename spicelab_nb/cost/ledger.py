"""The ledger: what was started, where, at which price, until when; appended to, never changed.

One file for a user, ``ledger/ledger.jsonl`` in the data folder, mode 0600: one JSON object a line,
the newest last, each with a checksum of its own. A line is written in one call under a lock and is
on the disk (``fsync``) when `Ledger.append` returns; a process that is killed in the middle leaves
at most one torn line, which the next writer closes off and readers report and pass over.

Durations never come from the difference of two clock times, which jump: an entry's ``elapsed`` is
counted by its process with a clock that only goes forward, and its ``at`` says only which day it
belongs to.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import logging
import os
import socket
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spicelab_nb import config
from spicelab_nb.cost.money import USD, Money
from spicelab_nb.errors import CostError, LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Entry", "Ledger", "default_ledger", "ledger_path"]

logger = logging.getLogger(__name__)

KINDS = ("intent", "started", "rate", "alive", "ended", "run", "run-alive", "run-ended")
"""``intent`` is written before a cluster is launched, ``started`` when it is there, ``rate`` when
its price changes, ``alive`` each minute, ``ended`` when it is gone; ``run...`` are of campaigns."""

EARLIEST, LATEST = -60e9, 250e9
"""Seconds since 1970 between which days have a date, in every time zone: years 68 to 9892."""

REQUIRED = ("kind", "id", "at", "user", "host")


@dataclass(frozen=True)
class Entry:
    """One line of the ledger.

    Parameters
    ----------
    kind
        One of `KINDS`.
    id
        Of the cluster, or of the run, whose entry it is.
    at
        Seconds since 1970, as the writer's clock said.
    facts
        Everything else in it: ``elapsed`` (s since it was started), ``price_per_hour`` and
        ``spent`` (texts: decimals), ``currency``, ``name``, ``campaign``, ``plan``, ``user``, ...
    """

    kind: str
    id: str
    at: float
    facts: Mapping[str, Any]

    def get(self, name: str, default: Any = None) -> Any:
        """Give one of the facts."""
        return self.facts.get(name, default)


class Ledger:
    """Appends and reads; several processes may do both at once.

    Parameters
    ----------
    path
        Of the file; made, with its folder, by the first entry.
    clock
        Seconds since 1970.

    Examples
    --------
    >>> ledger = Ledger(Path(tempfile.mkdtemp()) / "ledger.jsonl")
    >>> ledger.append("intent", "0123456789ab", name="lab", price_per_hour="0.34")
    >>> [entry.kind for entry in ledger.read()[0]]
    ['intent']
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._read: tuple[tuple[int, int], list[Entry], list[str]] | None = None

    def append(self, kind: str, id: str, **facts: Any) -> None:
        """Write one entry; it is on the disk when this returns.

        Parameters
        ----------
        kind, id
            As in `Entry`.
        **facts
            JSON.

        Raises
        ------
        LedgerError
            It cannot be written.
        """
        if kind not in KINDS:
            raise LedgerError(f"The ledger has no entries of kind {kind!r}.")
        entry = {
            "kind": kind,
            "id": id,
            "at": round(self._clock(), 3),
            "user": _user(),
            "host": socket.gethostname(),
            **facts,
        }
        try:
            self._write(_line(entry))
        except OSError as error:
            raise LedgerError(
                f"What is spent cannot be written down in {self.path}: {error.strerror or error}. "
                "Free the disk or set SPICELAB_NB_DATA_DIR to a folder that can be written."
            ) from error

    def _write(self, line: bytes) -> None:
        fresh = not self.path.exists()
        if fresh:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            # Another open file for each call: the lock holds between threads, too, and goes with
            # its process.
            fcntl.flock(handle, fcntl.LOCK_EX)
            size = os.fstat(handle).st_size
            if size and os.pread(handle, 1, size - 1) != b"\n":
                # Somebody was killed in the middle of a line: theirs ends here.
                line = b"\n" + line
            while line:
                line = line[os.write(handle, line) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        if fresh:
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def read(self) -> tuple[list[Entry], list[str]]:
        """Give every entry in the order of writing, and what is wrong with other lines.

        Returns
        -------
        entries : list of Entry
        problems : list of str
            One sentence for each line that is torn, altered or not of the ledger; none of them is
            counted.

        Raises
        ------
        LedgerError
            The file is there and cannot be read.
        """
        try:
            found = self.path.stat()
            state = (found.st_ino, found.st_size)
            if self._read is None or self._read[0] != state:
                entries, problems = _parse(self.path.read_bytes(), self.path)
                self._read = (state, entries, problems)
        except FileNotFoundError:
            return [], []
        except OSError as error:
            raise LedgerError(
                f"The ledger {self.path} cannot be read: {error.strerror or error}."
            ) from error
        return list(self._read[1]), list(self._read[2])


def ledger_path() -> Path:
    """Where this user's ledger is: under the setting ``data_dir``, or the user's data folder."""
    base = config.load().data_dir
    if base is None:
        import platformdirs

        base = platformdirs.user_data_dir("spicelab_nb", appauthor=False)
    return Path(base).expanduser().absolute() / "ledger" / "ledger.jsonl"


_ledgers: dict[Path, Ledger] = {}


def default_ledger() -> Ledger:
    """Give the ledger of this user."""
    path = ledger_path()
    return _ledgers.setdefault(path, Ledger(path))


def note(kind: str, id: str, **facts: Any) -> None:
    """Append to this user's ledger; where that fails say so in the log and go on.

    For what has happened already, or costs nothing: it must not end because it cannot be
    written down. An intent that costs money uses `Ledger.append`, which raises.
    """
    try:
        default_ledger().append(kind, id, **facts)
    except LedgerError as error:
        logger.warning("%s", error)


def _user() -> str:
    with contextlib.suppress(KeyError, OSError, ImportError):
        return getpass.getuser()
    return str(os.geteuid())


def _line(entry: Mapping[str, Any]) -> bytes:
    text = json.dumps(entry, separators=(",", ":"), allow_nan=False)
    # The checksum is of the bytes before it, so that reading needs no canonical form.
    return f'{text[:-1]},"check":"{zlib.crc32(text[:-1].encode()):08x}"}}\n'.encode()


def _parse(data: bytes, path: Path) -> tuple[list[Entry], list[str]]:
    entries, problems = [], []
    lines = data.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entries.append(_entry(line))
        except ValueError as error:
            torn = number == len(lines)
            why = "it was being written when its process ended" if torn else str(error)
            problems.append(f"Line {number} of {path} is not counted: {why}.")
    return entries, problems


def _entry(line: bytes) -> Entry:
    body, mark, check = line.rpartition(b',"check":"')
    if not mark or check[-2:] != b'"}' or check[:-2] != f"{zlib.crc32(body):08x}".encode():
        raise ValueError("it is torn or was altered")
    facts = json.loads(body + b"}")
    if missing := [name for name in REQUIRED if name not in facts]:
        raise ValueError(f"it has no {missing[0]}")
    at = facts["at"]
    if not isinstance(at, int | float) or facts["kind"] not in KINDS or not _plausible(facts):
        raise ValueError("it is of a later version, or not of a ledger")
    return Entry(kind=facts["kind"], id=str(facts["id"]), at=float(at), facts=facts)


def _plausible(facts: Mapping[str, Any]) -> bool:
    """Whether its time is on a calendar and its amounts are money."""
    try:
        for name in ("spent", "price_per_hour"):
            Money(facts.get(name) or 0, facts.get("currency", USD))
    except CostError:
        return False
    return bool(EARLIEST <= facts["at"] <= LATEST)


def total_elapsed(entries: Iterable[Entry]) -> float:
    """The longest time, in seconds, that entries of one id speak of; never less than 0."""
    return max((float(e.get("elapsed") or 0.0) for e in entries), default=0.0)
