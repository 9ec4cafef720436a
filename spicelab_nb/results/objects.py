"""Named bytes in a folder or a bucket: the few operations that a store is built from.

Two kinds: a folder of this machine (hard links and fsync) and anything fsspec reaches (conditional
puts). Names are relative and may hold one slash: ``chunks/000000000000-000000000100.npz``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from spicelab_nb.errors import StoreError, StoreMissingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["FolderObjects", "Objects", "explain", "open_objects", "process_alive"]

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
_FULL = {errno.ENOSPC, errno.EDQUOT}
_LEFT_SECONDS = 3600.0


class Objects(Protocol):
    """Named bytes. Safe from several threads and processes; nothing is half-written for readers."""

    @property
    def url(self) -> str:
        """Where they are, as a person would write it."""

    def put_new(self, name: str, data: bytes) -> bool:
        """Write an object unless there is one of that name; False when there is.

        When it returns, the object survives a loss of power, as far as the medium can tell.

        Raises
        ------
        StoreError
            It cannot be written: read-only, full, unreachable.
        """

    def put(self, name: str, data: bytes) -> None:
        """Write or replace an object, atomically for readers."""

    def get(self, name: str) -> bytes | None:
        """Give an object's bytes; None where there is none."""

    def tails(self, names: Sequence[str], length: int) -> list[tuple[bytes, int] | None]:
        """Give the last `length` bytes and the size of each object; None where there is none."""

    def list(self, folder: str) -> dict[str, int]:
        """Give names (without the folder) and sizes of the objects in a folder, sorted by name."""

    def move(self, name: str, target: str) -> bool:
        """Rename an object; False when it is not there."""

    def remove(self, name: str) -> None:
        """Remove an object or a whole folder; nothing happens when it is not there."""

    def open_file(self, name: str) -> Any:
        """Open an object for reading, seekable; for reading a part of a large one."""

    def check_writable(self) -> None:
        """Write and remove an object, to know before anything is computed.

        Raises
        ------
        StoreError
            What is in the way, and what to do.
        """


def open_objects(
    location: str | os.PathLike[str], options: Mapping[str, Any] | None = None
) -> Objects:
    """Reach a folder or an fsspec URL; creates nothing.

    Parameters
    ----------
    location
        A path, ``file://``, ``memory://``, ``s3://bucket/prefix``, ...
    options
        For fsspec: end point, profile. Never shown.

    Raises
    ------
    StoreError
        The protocol is unknown or its package is missing.
    """
    text = os.fspath(location)
    scheme = text.partition("://")[0] if "://" in text else ""
    if scheme in {"", "file", "local"}:
        path = url2pathname(urlsplit(text).path) if scheme else text
        return FolderObjects(Path(path).expanduser().absolute())
    import fsspec

    try:
        system, root = fsspec.url_to_fs(text, **dict(options or {}))
    except ImportError as error:
        extra = ' (pip install "spicelab-nb[s3]")' if scheme in {"s3", "s3a"} else ""
        raise StoreError(
            f"A store at {scheme}:// needs a package that is not installed{extra}: {error}"
        ) from error
    except ValueError as error:
        raise StoreError(f"No store can be reached at {text!r}: {error}") from error
    from spicelab_nb.results.bucket import RemoteObjects

    return RemoteObjects(text.rstrip("/"), system, str(root).rstrip("/"), options or {})


class FolderObjects:
    """Objects that are files of this machine, or of a file system that it mounts.

    A new object is written under a temporary name in the same folder, brought to the disk, linked
    to its name (which never replaces one) and the folder brought to the disk. On file systems
    without hard links the file is written under its own name, so that a crash may leave a
    truncated one: readers must recognise that.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def url(self) -> str:
        """The folder's absolute path."""
        return str(self.root)

    def put_new(self, name: str, data: bytes) -> bool:
        """See :class:`Objects`."""
        target = self.root / name
        with self._explained(target):
            with self._temporary(target, data) as temporary:
                try:
                    os.link(temporary, target)
                except FileExistsError:
                    return False
                except OSError as error:
                    if error.errno not in _NO_LINKS:
                        raise
                    if not _write_exclusive(target, data):
                        return False
            _sync_folder(target.parent)
        return True

    def put(self, name: str, data: bytes) -> None:
        """See :class:`Objects`."""
        target = self.root / name
        with self._explained(target):
            with self._temporary(target, data) as temporary:
                temporary.replace(target)
            _sync_folder(target.parent)

    def get(self, name: str) -> bytes | None:
        """See :class:`Objects`."""
        try:
            return (self.root / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StoreError(f"{self.root / name} cannot be read: {error.strerror}.") from error

    def tails(self, names: Sequence[str], length: int) -> list[tuple[bytes, int] | None]:
        """See :class:`Objects`."""
        return [self._tail(self.root / name, length) for name in names]

    def _tail(self, path: Path, length: int) -> tuple[bytes, int] | None:
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror}.") from error
        try:
            size = os.fstat(descriptor).st_size
            return os.pread(descriptor, length, max(0, size - length)), size
        finally:
            os.close(descriptor)

    def list(self, folder: str) -> dict[str, int]:
        """See :class:`Objects`."""
        try:
            with os.scandir(self.root / folder) as entries:
                # Temporary files are no objects. Nothing needs the size of a file.
                names = (e.name for e in entries if e.name[0] != "." and e.is_file())
                return dict.fromkeys(sorted(names), -1)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise StoreError(f"{self.root / folder} cannot be read: {error.strerror}.") from error

    def move(self, name: str, target: str) -> bool:
        """See :class:`Objects`."""
        path = self.root / target
        with self._explained(path):
            path.parent.mkdir(exist_ok=True)
            try:
                (self.root / name).rename(path)
            except FileNotFoundError:
                return False
        return True

    def remove(self, name: str) -> None:
        """See :class:`Objects`."""
        import shutil

        path = self.root / name
        with self._explained(path), contextlib.suppress(FileNotFoundError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def open_file(self, name: str) -> Any:
        """See :class:`Objects`."""
        return (self.root / name).open("rb")

    def sweep(self, folder: str) -> int:
        """Remove temporary files that killed writers of this host left in a folder.

        Returns
        -------
        int
            How many; those younger than an hour stay, in case two hosts have one name.
        """
        host, removed = socket.gethostname(), 0
        for path in (self.root / folder).glob(f".tmp-{host}-*"):
            pid = path.name.removeprefix(f".tmp-{host}-").partition("-")[0]
            with contextlib.suppress(FileNotFoundError):
                old = time.time() - path.stat().st_mtime > _LEFT_SECONDS
                if old and pid.isdigit() and not process_alive(int(pid)):
                    path.unlink()
                    removed += 1
        return removed

    def check_writable(self) -> None:
        """See :class:`Objects`."""
        with self._explained(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            with self._temporary(self.root / "probe", b"?"):
                pass

    @contextlib.contextmanager
    def _temporary(self, target: Path, data: bytes) -> Iterator[Path]:
        path = target.with_name(f".tmp-{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex}")
        try:
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            except FileNotFoundError:
                # Never the root: a store that was moved away, or its disk unmounted, must not be
                # begun anew in its old place.
                if target.parent == self.root:
                    raise
                target.parent.mkdir(exist_ok=True)
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            _write(descriptor, data)
            yield path
        finally:
            with contextlib.suppress(OSError):
                path.unlink()

    @contextlib.contextmanager
    def _explained(self, path: Path) -> Iterator[None]:
        try:
            yield
        except StoreError:
            raise
        except OSError as error:
            raise explain(error, path, self.root) from error


def process_alive(pid: int) -> bool:
    """Tell whether a process of this host is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _write(descriptor: int, data: bytes) -> None:
    """Write all of it, bring it to the disk, close."""
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_exclusive(target: Path, data: bytes) -> bool:
    """Write a file under its own name, where links are not to be had."""
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return False
    mine = os.fstat(descriptor).st_ino
    try:
        _write(descriptor, data)
    except OSError:
        target.unlink(missing_ok=True)
        raise
    # Somebody may have taken the growing file for a damaged one and put it aside.
    try:
        return target.stat().st_ino == mine
    except FileNotFoundError:
        return False


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def explain(error: OSError, path: Path, root: Path) -> StoreError:
    """Say what a system error means for a store, and what to do; keeps its number."""
    if error.errno == errno.ENOENT and not root.exists():
        return StoreMissingError(
            f"The folder {root} is no longer there: was it moved, or its disk unmounted? Bring it "
            "back, then run again: what is finished is kept, and only the rest is computed."
        )
    if error.errno in _FULL:
        sentence = (
            f"The disk is full: {path} could not be written. Nothing half-written counts; free "
            "some space and run again, and only what is missing is computed."
        )
    elif error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        sentence = (
            f"The folder {root} cannot be written ({error.strerror}). Make it writable, or give "
            "another folder with store=."
        )
    elif error.errno in {errno.ENOTDIR, errno.EEXIST}:
        sentence = f"{root} cannot hold a store: something on its path is a file, not a folder."
    else:
        sentence = f"{path} could not be written: {error.strerror or error!r}."
    made = StoreError(sentence)
    made.errno = error.errno
    return made
