"""What is written down about a live cluster, for other processes of the same user to read."""

from __future__ import annotations

import json
import os
import re
import socket
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import psutil

from spicelab_nb.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SCHEMA", "Record", "hostname", "process_start"]

SCHEMA = 1
"""Version of the record's format."""

ID = re.compile(r"[0-9a-f]{12}")

STALE = 120.0
"""Seconds without a heartbeat after which a cluster of another host counts as gone."""

_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "str | None": (str, type(None)),
    "float | None": (float, int, type(None)),
    "Mapping[str, Mapping[str, Any]]": (dict,),
}


def hostname() -> str:
    """Name of the machine, as records give it."""
    return socket.gethostname()


def process_start(pid: int) -> float | None:
    """When a running process started; None where there is none, or only its zombie.

    With the process id it names a process for good: ids are used again. On Linux seconds since
    boot, which no change of the clock moves; elsewhere seconds since 1970.
    """
    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return None
        if psutil.LINUX:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:  # noqa: PTH123 - not a file
                # The name in brackets may hold anything; the 22nd field is counted from its end.
                ticks = int(stat.read().rpartition(")")[2].split()[19])
            return ticks / os.sysconf("SC_CLK_TCK")
        return float(process.create_time())
    except (psutil.Error, OSError, ValueError, IndexError):
        return None


@dataclass(frozen=True, kw_only=True)
class Record:
    """One cluster, as its owner last described it. Never holds a secret.

    Parameters
    ----------
    id
        Twelve hexadecimal digits; names the record's file and the cluster's folder.
    name, kind
        What people call it; ``"local"``, ``"address"``, ...
    owner, owner_started
        Process id of the owner, and when that process started (:func:`process_start`).
    host
        Where the owner runs.
    state
        ``starting``, ``running``, ``scaling``, ``failed`` or ``closing``.
    started, heartbeat
        Seconds since 1970; the heartbeat is renewed every few seconds.
    workers, cores, memory
        Present now; memory in bytes.
    price_per_hour
        0 where it costs nothing, None where that is not known.
    spent
        What it has cost so far, as far as its price is known; in USD.
    address, dashboard
        Of the scheduler, where there is one.
    problem
        What is wrong, as a sentence; "" for nothing.
    campaigns
        Name to ``{"done": int, "total": int, "state": str}``.
    """

    id: str
    name: str
    kind: str
    owner: int
    owner_started: float
    host: str
    state: str
    started: float
    heartbeat: float
    workers: int = 0
    cores: int = 0
    memory: int = 0
    price_per_hour: float | None = 0.0
    spent: float = 0.0
    address: str | None = None
    dashboard: str | None = None
    problem: str = ""
    campaigns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def to_json(self) -> str:
        """The file's text."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Record:
        """Read a file's text; fields that this version does not know are left out.

        Raises
        ------
        ClusterError
            It is no record, or one of a later format.
        """
        try:
            data = json.loads(text)
        except ValueError as error:
            raise ClusterError(f"not JSON ({error})") from error
        if not isinstance(data, dict) or not isinstance(data.get("schema"), int):
            raise ClusterError("not a cluster record")
        if data["schema"] > SCHEMA:
            raise ClusterError(
                f"format {data['schema']}, of a later version of spicelab_nb (this reads {SCHEMA})"
            )
        given = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        for spec in fields(cls):
            if spec.name in given and not isinstance(given[spec.name], _TYPES[str(spec.type)]):
                raise ClusterError(f"its {spec.name!r} is not a {spec.type}")
        try:
            record = cls(**given)
        except TypeError as error:
            raise ClusterError(f"incomplete ({error})") from error
        if not ID.fullmatch(record.id):
            raise ClusterError("its id is not one")
        return record

    def alive(self, now: float) -> bool:
        """Whether its owner still runs; of another host, whether it was heard of lately."""
        if self.host != hostname():
            return now - self.heartbeat < STALE
        return process_start(self.owner) == self.owner_started
