"""The live clusters of this user: one JSON file for each, and requests left beside it.

The folder is ``spicelab_nb/clusters`` in Jupyter's runtime folder (or in the setting
``runtime_dir``), mode 0700; every file is written whole and put in place at once, mode 0600.
Anybody of the same user may read a record and leave a request; only a cluster's owner changes
its record.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from spicelab_nb import config
from spicelab_nb.clusters.record import ID, Record, hostname
from spicelab_nb.errors import ClusterError, ClusterNotFoundError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "find",
    "folder",
    "list_clusters",
    "orphans",
    "prune",
    "reap",
    "request_scale",
    "request_stop",
    "scratch_folder",
    "unreadable",
    "write_file",
]

GRACE = 60.0
"""Seconds that a file which is no record is left alone: it may be one in the making."""


def folder() -> Path:
    """Where records are; made, for this user alone, if it is not there.

    Raises
    ------
    ClusterError
        It cannot be made, or belongs to somebody else.
    """
    base = config.load().runtime_dir or _jupyter_runtime_dir()
    path = Path(base).expanduser() / "spicelab_nb" / "clusters"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.stat().st_uid != os.geteuid():
            raise ClusterError(
                f"The folder of cluster records, {path}, belongs to another user. "
                "Set SPICELAB_NB_RUNTIME_DIR to a folder of your own."
            )
        path.chmod(0o700)
    except OSError as error:
        raise ClusterError(
            f"The folder of cluster records cannot be used: {error}. "
            "Set SPICELAB_NB_RUNTIME_DIR to a folder that can be written."
        ) from error
    return path


def _jupyter_runtime_dir() -> str:
    from jupyter_core.paths import jupyter_runtime_dir

    return str(jupyter_runtime_dir())


def scratch_folder(cluster_id: str) -> Path:
    """Where one cluster's workers may write what does not fit in memory."""
    return Path(tempfile.gettempdir()) / f"spicelab_nb-{cluster_id}"


def write_file(path: Path, text: str) -> None:
    """Write a file whole, mode 0600, replacing it at once: readers see the old or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def save(record: Record, base: Path) -> None:
    """Write a cluster's record (its owner does), in the folder of records that it began with."""
    write_file(base / f"{record.id}.json", record.to_json())


def remove(cluster_id: str, base: Path) -> None:
    """Remove everything that a cluster kept."""
    if not ID.fullmatch(cluster_id):
        raise ClusterError(f"{cluster_id!r} is no cluster's id.")
    for ending in ("json", "stop", "scale"):
        (base / f"{cluster_id}.{ending}").unlink(missing_ok=True)
    shutil.rmtree(base / cluster_id, ignore_errors=True)
    shutil.rmtree(scratch_folder(cluster_id), ignore_errors=True)


def _read() -> tuple[list[Record], dict[Path, str]]:
    records, problems = [], {}
    for path in sorted(folder().glob("*.json")):
        try:
            record = Record.from_json(path.read_text(encoding="utf-8"))
            if record.id == path.stem:
                records.append(record)
            else:
                problems[path] = f"it describes another cluster ({record.id})"
        except FileNotFoundError:
            continue
        except (ClusterError, OSError, UnicodeDecodeError, RecursionError) as error:
            problems[path] = str(error)
    return records, problems


def list_clusters() -> list[Record]:
    """Every live cluster of this user, whoever started it, the oldest first.

    Records that cannot be read are left out (:func:`unreadable` names them), and so are those
    whose owner is gone (:func:`prune` removes them).
    """
    now = time.time()
    return sorted((r for r in _read()[0] if r.alive(now)), key=lambda r: (r.started, r.id))


def unreadable() -> dict[Path, str]:
    """Files among the records that cannot be read, and why."""
    return _read()[1]


def orphans() -> list[Record]:
    """Clusters that nobody looks after any more: their owner ended, or has long been silent."""
    now = time.time()
    return sorted((r for r in _read()[0] if not r.alive(now)), key=lambda r: (r.started, r.id))


def reap() -> list[str]:
    """Remove the records of this machine's dead owners, whose workers ended with them.

    Returns
    -------
    list of str
        Names of the clusters that were removed.
    """
    base = folder()
    dead = [record for record in orphans() if record.host == hostname()]
    for record in dead:
        remove(record.id, base)
    return [record.name for record in dead]


def prune() -> list[str]:
    """Remove what clusters left behind whose owner is gone, and records that cannot be read.

    Returns
    -------
    list of str
        Names of the clusters, or of the files, that were removed.
    """
    now = time.time()
    base = folder()
    records, problems = _read()
    removed = []
    for record in records:
        if not record.alive(now):
            remove(record.id, base)
            removed.append(record.name)
    known = {record.id for record in records if record.alive(now)}
    known |= {path.stem for path in problems}
    for path in problems:
        if _old(path, now):
            path.unlink(missing_ok=True)
            removed.append(path.name)
    for path in base.iterdir():
        stem = path.name.lstrip(".").partition(".")[0]
        if stem not in known and path.suffix != ".json" and _old(path, now):
            if ID.fullmatch(path.name):
                remove(path.name, base)
            elif path.is_file():
                path.unlink(missing_ok=True)
            removed.append(path.name)
    return removed


def _old(path: Path, now: float) -> bool:
    try:
        return now - path.stat().st_mtime > GRACE
    except OSError:
        return False


def find(name: str) -> Record:
    """The live cluster of that name or id.

    Raises
    ------
    ClusterNotFoundError
        There is none; lists those that are.
    """
    records = list_clusters()
    for record in records:
        if name in (record.id, record.name):
            return record
    hint = nearest(name, [r.name for r in records]) or ' Start one with sl.cluster("local").'
    raise ClusterNotFoundError(f"No live cluster is called {name!r}.{hint}")


def request_stop(name: str) -> None:
    """Ask the owner of a cluster (by name or id) to close it; done within a second or two.

    Raises
    ------
    ClusterNotFoundError
        No such cluster is alive.
    """
    write_file(folder() / f"{find(name).id}.stop", "{}")


def request_scale(name: str, workers: int) -> None:
    """Ask the owner of a cluster (by name or id) for another number of workers.

    Raises
    ------
    ClusterNotFoundError
        No such cluster is alive.
    ClusterError
        `workers` is no number of workers.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 0:
        raise ClusterError(f"A cluster has 0 or more workers, not {workers!r}.")
    write_file(folder() / f"{find(name).id}.scale", json.dumps({"workers": workers}))


def take_requests(cluster_id: str, base: Path) -> Mapping[str, int | None]:
    """What was asked of a cluster since last time: ``{"stop": None, "scale": 4}`` or parts."""
    asked: dict[str, int | None] = {}
    stop, scale = (base / f"{cluster_id}.{kind}" for kind in ("stop", "scale"))
    if stop.exists():
        stop.unlink(missing_ok=True)
        asked["stop"] = None
    # Half of a request, or none that makes sense, is dropped: its writer can ask again.
    with contextlib.suppress(FileNotFoundError, ValueError, TypeError, KeyError):
        text = scale.read_text(encoding="utf-8")
        scale.unlink(missing_ok=True)
        workers = json.loads(text)["workers"]
        if isinstance(workers, int) and workers >= 0:
            asked["scale"] = workers
    return asked
