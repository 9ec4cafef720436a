"""Named bytes in a folder or a bucket: the few operations that a store is built from.

Two kinds: a folder of this machine (hard links and fsync) and anything fsspec reaches (conditional
puts). Names are relative and may hold one slash: ``chunks/000000000000-000000000100.npz``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from spicelab_nb.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["FolderObjects", "Objects", "RemoteObjects", "explain", "open_objects", "process_alive"]

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
_FULL = {errno.ENOSPC, errno.EDQUOT}
_MEMORY = threading.Lock()
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
            path.parent.mkdir(parents=True, exist_ok=True)
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
        with self._explained(self.root), self._temporary(self.root / "probe", b"?"):
            pass

    @contextlib.contextmanager
    def _temporary(self, target: Path, data: bytes) -> Iterator[Path]:
        path = target.with_name(f".tmp-{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex}")
        try:
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            except FileNotFoundError:
                target.parent.mkdir(parents=True, exist_ok=True)
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


class RemoteObjects:
    """Objects behind fsspec: a bucket, or the memory of this process.

    A new object is one conditional put (``If-None-Match: *`` on S3), which only one writer wins
    and which is there wholly or not at all.
    """

    def __init__(self, url: str, system: Any, root: str, options: Mapping[str, Any]) -> None:
        self._url = url
        self._options = dict(options)
        self._fs = system
        self.root = root

    @property
    def url(self) -> str:
        """The URL it was opened with."""
        return self._url

    @property
    def filesystem(self) -> Any:
        """The fsspec file system."""
        return self._fs

    def zarr_store(self, name: str) -> Any:
        """Give a folder of the bucket as a store for zarr."""
        import zarr

        system = self._fs
        if not system.async_impl:
            from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper

            system = AsyncFileSystemWrapper(system, asynchronous=True)
        elif not system.asynchronous:
            system = zarr.storage.FsspecStore.from_url(
                f"{self._url}/{name}", storage_options=self._options
            ).fs
        return zarr.storage.FsspecStore(system, path=self.path(name))

    def path(self, name: str) -> str:
        """Give the path of an object for the file system."""
        return f"{self.root}/{name}"

    def put_new(self, name: str, data: bytes) -> bool:
        """See :class:`Objects`."""
        with self._explained(name, "written"):
            try:
                # fsspec's memory looks first and writes then.
                with _MEMORY if self._in_memory() else contextlib.nullcontext():
                    self._fs.pipe_file(self.path(name), data, mode="create")
            except FileExistsError:
                return False
        return True

    def put(self, name: str, data: bytes) -> None:
        """See :class:`Objects`."""
        with self._explained(name, "written"):
            self._fs.pipe_file(self.path(name), data)

    def get(self, name: str) -> bytes | None:
        """See :class:`Objects`."""
        with self._explained(name, "read"):
            try:
                return bytes(self._fs.cat_file(self.path(name)))
            except FileNotFoundError:
                return None

    def tails(self, names: Sequence[str], length: int) -> list[tuple[bytes, int] | None]:
        """See :class:`Objects`."""
        sizes: dict[str, dict[str, int]] = {}
        for name in names:
            folder = name.rpartition("/")[0]
            if folder not in sizes:
                sizes[folder] = self.list(folder)
        found = [sizes[n.rpartition("/")[0]].get(n.rpartition("/")[2], 0) for n in names]
        with self._explained("objects", "read"):
            wanted = [i for i, size in enumerate(found) if size > 0]
            parts = self._fs.cat_ranges(
                [self.path(names[i]) for i in wanted],
                [max(0, found[i] - length) for i in wanted],
                [found[i] for i in wanted],
                on_error="return",
            )
            result: list[tuple[bytes, int] | None] = [None] * len(names)
            for i, part in zip(wanted, parts, strict=True):
                if isinstance(part, FileNotFoundError):
                    continue
                if isinstance(part, BaseException):
                    raise part
                result[i] = (bytes(part), found[i])
        return result

    def list(self, folder: str) -> dict[str, int]:
        """See :class:`Objects`."""
        path = self.path(folder)
        with self._explained(folder, "listed"):
            self._fs.invalidate_cache()
            try:
                entries = self._fs.ls(path, detail=True)
            except FileNotFoundError:
                return {}
        return {
            e["name"].rpartition("/")[2]: int(e["size"] or 0)
            for e in sorted(entries, key=lambda e: str(e["name"]))
            if e["type"] == "file" and e["name"].strip("/") != path.strip("/")
        }

    def move(self, name: str, target: str) -> bool:
        """See :class:`Objects`."""
        data = self.get(name)
        if data is None:
            return False
        self.put(target, data)
        self.remove(name)
        return True

    def remove(self, name: str) -> None:
        """See :class:`Objects`."""
        with self._explained(name, "removed"):
            self._fs.invalidate_cache()
            with contextlib.suppress(FileNotFoundError):
                self._fs.rm(self.path(name), recursive=True)

    def open_file(self, name: str) -> Any:
        """See :class:`Objects`."""
        return self._fs.open(self.path(name), "rb")

    def check_writable(self) -> None:
        """See :class:`Objects`."""
        name = f"probe-{uuid.uuid4().hex}"
        self.put(name, b"?")
        self.remove(name)

    def _in_memory(self) -> bool:
        return "memory" in self._fs.protocol

    @contextlib.contextmanager
    def _explained(self, name: str, action: str) -> Iterator[None]:
        try:
            yield
        except StoreError:
            raise
        except Exception as error:  # every protocol raises its own package's errors
            hint = (
                "Create the bucket, or give another store."
                if isinstance(error, FileNotFoundError)
                else "Look at the credentials, the end point and the network."
            )
            raise StoreError(
                f"{self._url}/{name} could not be {action} ({type(error).__name__}: {error}). "
                f"{hint}"
            ) from error
