"""One writer at a time: the lock under which a store is consolidated."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import logging
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from spicelab_nb.errors import StoreError, StoreLockedError
from spicelab_nb.results.objects import FolderObjects, process_alive
from spicelab_nb.results.plan import canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spicelab_nb.results.objects import Objects

__all__ = ["LEASE_SECONDS", "hold_lock"]

logger = logging.getLogger(__name__)

LEASE_SECONDS = 120.0
"""How long a lock in a bucket outlives a holder that no longer renews it."""

_NO_FLOCK = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


@contextlib.contextmanager
def hold_lock(
    objects: Objects, *, lease: float = LEASE_SECONDS, clock: Callable[[], float] = time.time
) -> Iterator[Callable[[], None]]:
    """Hold the store's lock; yields a function that raises if it has been lost meanwhile.

    In a folder the kernel holds it (``flock``) and gives it back when the process ends, however it
    ends. Where that is not to be had, it is a lease: an object that its holder renews.

    Raises
    ------
    StoreLockedError
        Somebody else holds it; says who and since when.
    """
    if isinstance(objects, FolderObjects):
        descriptor = _flock(objects)
        if descriptor is not None:
            try:
                yield lambda: None
            finally:
                os.close(descriptor)
            return
    with _Lease(objects, lease, clock) as held:
        yield held.check


def _identity() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid()}


def _flock(objects: FolderObjects) -> int | None:
    """Take the kernel's lock; None where the file system has none."""
    path = objects.root / "lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise StoreError(
            f"{path} could not be written ({error.strerror}): the store cannot be consolidated."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            holder = os.pread(descriptor, 1000, 0)
            os.close(descriptor)
            raise _locked(objects.url, holder) from error
        os.close(descriptor)
        if error.errno in _NO_FLOCK:
            return None
        raise StoreError(f"{path} could not be locked: {error.strerror}.") from error
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, canonical_json({**_identity(), "since": time.time()}), 0)
    except OSError as error:
        # Only the message of somebody who has to wait depends on it.
        logger.warning("%s is locked, but cannot say by whom: %s", path, error)
    return descriptor


def _locked(url: str, holder: bytes) -> StoreLockedError:
    try:
        known = json.loads(holder)
        since = time.strftime("%H:%M:%S", time.localtime(known["since"]))
        who = f"process {known['pid']} on {known['host']} since {since}"
    except (ValueError, KeyError, TypeError):
        who = "another process"
    return StoreLockedError(
        f"The store {url} is being consolidated by {who}. Wait for it, or end that process; "
        "results can be read and added meanwhile."
    )


class _Lease:
    """A lock as numbered objects: the next number is taken by one conditional put.

    The number that is highest holds the lock until it is released or has not been renewed for
    `lease` seconds; then the next number may be taken, which only one can.
    """

    def __init__(self, objects: Objects, lease: float, clock: Callable[[], float]) -> None:
        self._objects = objects
        self._lease = lease
        self._clock = clock
        self._number = 0
        self._since = clock()
        self._ended = threading.Event()
        self._renewer = threading.Thread(target=self._renew, name="store-lease", daemon=True)

    def __enter__(self) -> _Lease:
        highest = self._highest()
        if highest:
            held = self._objects.get(_lease_name(highest)) or b"{}"
            if not self._given_up(held):
                raise _locked(self._objects.url, held)
        self._number = highest + 1
        if not self._objects.put_new(_lease_name(self._number), self._content()):
            raise _locked(self._objects.url, b"")
        for number in range(max(1, highest - 3), self._number):
            self._objects.remove(_lease_name(number))
        self._renewer.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._renewer.join()
        if self._highest() == self._number:
            self._objects.put(_lease_name(self._number), self._content(released=True))

    def check(self) -> None:
        """Raise if the lease ran out and somebody else has taken the lock."""
        if self._highest() != self._number:
            raise StoreLockedError(
                f"The lock of {self._objects.url} was lost: this process did not renew it for "
                f"{self._lease:.0f} s and another has taken it. Nothing was replaced."
            )

    def _highest(self) -> int:
        numbers = [n[:-5] for n in self._objects.list("lock-leases") if n.endswith(".json")]
        return max((int(n) for n in numbers if n.isdigit()), default=0)

    def _given_up(self, held: bytes) -> bool:
        try:
            known = json.loads(held)
            if known["released"] or known["expires"] < self._clock():
                return True
            same_host = known["host"] == socket.gethostname()
            return bool(same_host and not process_alive(int(known["pid"])))
        except (ValueError, KeyError, TypeError):
            return True

    def _content(self, *, released: bool = False) -> bytes:
        return canonical_json(
            {
                **_identity(),
                "since": self._since,
                "expires": self._clock() + self._lease,
                "released": released,
            }
        )

    def _renew(self) -> None:
        while not self._ended.wait(self._lease / 4):
            try:
                if self._highest() == self._number:
                    self._objects.put(_lease_name(self._number), self._content())
            except StoreError as error:
                logger.warning("The lock could not be renewed, trying again: %s", error)


def _lease_name(number: int) -> str:
    return f"lock-leases/{number:08d}.json"
