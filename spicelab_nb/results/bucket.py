"""Objects behind fsspec: a bucket, or the memory of this process."""

from __future__ import annotations

import contextlib
import threading
import uuid
from typing import TYPE_CHECKING, Any

from spicelab_nb.errors import StoreError, StoreUnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["RemoteObjects"]

_MEMORY = threading.Lock()
_NETWORK = {"HTTPClientError", "ClientConnectionError", "EndpointConnectionError"}
"""Errors of botocore and aiohttp (neither is imported here) that say: nobody answers."""


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
            what = f"{self._url}/{name} could not be {action} ({type(error).__name__}: {error})."
            if _is_network(error):
                raise StoreUnreachableError(
                    f"{what} Nobody answers there: look at the network and the end point, then "
                    "run again. What is finished is kept, and only the rest is computed."
                ) from error
            hint = (
                "Create the bucket, or give another store."
                if isinstance(error, FileNotFoundError)
                else "Look at the credentials, the end point and the network."
            )
            raise StoreError(f"{what} {hint}") from error


def _is_network(error: BaseException) -> bool:
    """Whether it says that nobody answered, which may be different in a minute."""
    if isinstance(error, (ConnectionError, TimeoutError)):
        return True
    return any(kind.__name__ in _NETWORK for kind in type(error).__mro__)
