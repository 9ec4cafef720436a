"""The store of one campaign: plan, sizes and chunks, in a folder or a bucket.

The listing of its chunks is the truth about what has been computed. See ``docs/store-format.md``.
"""

from __future__ import annotations

import hashlib
import logging
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from spicelab_nb.errors import (
    CorruptObjectError,
    StoreError,
    StoreMismatchError,
    StoreMissingError,
)
from spicelab_nb.results import chunk as chunks_format
from spicelab_nb.results.chunk import ChunkData, ChunkRef, decode, encode, fault
from spicelab_nb.results.locks import LEASE_SECONDS, hold_lock
from spicelab_nb.results.manifest import STORE_VERSION, read_manifest, write_manifest
from spicelab_nb.results.objects import FolderObjects, Objects, open_objects
from spicelab_nb.results.overlap import check_agreement
from spicelab_nb.results.plan import Plan, canonical_json, parse_json
from spicelab_nb.results.platform import fingerprint, fingerprint_digest

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from spicelab_nb.simulators.simulator import Batch

__all__ = ["STORE_VERSION", "Store"]

logger = logging.getLogger(__name__)

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SIZE = re.compile(r"(\d{12})\.json")
_WHOLE = 8 * 2**20
"""Up to this size a chunk in a bucket is fetched whole even when only a part is wanted."""
_READERS = 16


class Store:
    """One campaign's results, where several processes write chunks and any number read.

    Use :meth:`open`. It can be pickled: what travels is where it is. Safe to use from several
    threads.
    """

    def __init__(self, objects: Objects, options: Mapping[str, Any]) -> None:
        self._objects = objects
        self._options = dict(options)
        self._digest: str | None = None
        self._planned = False
        self._sound: dict[str, int] = {}
        self._warned: set[str] = set()

    @classmethod
    def open(
        cls,
        location: str | os.PathLike[str],
        *,
        create: bool,
        expected: bool = False,
        options: Mapping[str, Any] | None = None,
    ) -> Store:
        """Open a store.

        Parameters
        ----------
        location
            A folder, or an fsspec URL: ``file://``, ``memory://``, ``s3://bucket/prefix``.
        create
            True: it may be new, and must be writable. False: it must hold a plan.
        expected
            The caller knows that it held one: if there is none, it was moved or is unmounted.
        options
            For fsspec (end point, profile), where its configuration and the environment do not
            say; they travel with a pickled store and are never shown.

        Raises
        ------
        StoreError
            It is not there, cannot be read or, with `create`, cannot be written.
        """
        store = cls(open_objects(location, options), options or {})
        store._planned = expected
        if create:
            store._objects.check_writable()
        elif expected:
            store._check_there()
        elif store._objects.get("manifest.json") is None:
            raise StoreMissingError(
                f"There is no campaign in {store.url}: it has no manifest.json. Check the path, "
                "or run a campaign with this store first."
            )
        else:
            store._planned = True
        return store

    def __repr__(self) -> str:
        return f"Store({self.url!r})"

    def __reduce__(self) -> Any:
        return _reopen, (self.url, self._options, self._planned)

    @property
    def url(self) -> str:
        """Absolute path or URL."""
        return self._objects.url

    @property
    def objects(self) -> Objects:
        """The folder or bucket below."""
        return self._objects

    # Plan and size

    def create(self, plan: Plan, size: int) -> None:
        """Write the plan, unless it is there, and the number of points.

        Parameters
        ----------
        plan
            What will be computed.
        size
            Number of points of the design: the product of its dimensions.

        Raises
        ------
        StoreMismatchError
            The store holds another plan; the message names what differs.
        """
        there = self._objects.get("manifest.json")
        if there is None:
            self._check_vacant()
            # Inputs go first: a store with a manifest has all that its plan names.
            for digest, content in plan.inputs.items():
                self._objects.put_new(f"inputs/{digest}", content)
            if not self._objects.put_new("manifest.json", write_manifest(plan)):
                there = self._objects.get("manifest.json")
        if there is not None:
            self._check_same(plan, there)
        self._digest, self._planned = plan.digest, True
        self.extend(size)

    def check(self, plan: Plan) -> None:
        """Refuse another plan than the one that is here.

        Raises
        ------
        StoreMismatchError
            It is another; says what differs.
        """
        there = self._objects.get("manifest.json")
        if there is not None:
            self._check_same(plan, there)

    def _check_vacant(self) -> None:
        held = self._objects.get("dataset.zarr/zarr.json")
        if held is not None or any(map(ChunkRef.parse, self._objects.list("chunks"))):
            raise StoreError(
                f"{self.url} has no manifest.json, but chunks or a dataset.zarr of something else. "
                "Give another store, or move them away."
            )

    def _check_same(self, plan: Plan, manifest: bytes) -> None:
        there = read_manifest(manifest, self.url)[0]
        if there.digest != plan.digest:
            raise StoreMismatchError(
                f"The store {self.url} holds another campaign: {there.difference(plan)} "
                "Give another store (or none, for a new one beside it), or undo the change."
            )

    def plan(self) -> Plan:
        """Read the plan with its inputs, each verified.

        Raises
        ------
        CorruptObjectError
            The manifest or an input is damaged or missing.
        StoreError
            There is no manifest.
        """
        plan, manifest = self._manifest()
        inputs = {}
        for digest in manifest["inputs"]:
            if not _DIGEST.fullmatch(digest):
                raise CorruptObjectError(f"{self.url}/manifest.json names no digest: {digest!r}.")
            content = self._objects.get(f"inputs/{digest}")
            if content is None or hashlib.sha256(content).hexdigest() != digest:
                raise CorruptObjectError(
                    f"{self.url}/inputs/{digest} is missing or altered. Hand the campaign's "
                    "circuit to resume, or restore the file."
                )
            inputs[digest] = content
        return replace(plan, inputs=inputs)

    def peek(self) -> Plan:
        """Read the plan without its inputs, which may be large."""
        return self._manifest()[0]

    def digest(self) -> str:
        """Give the plan's digest; read once."""
        if self._digest is None:
            self._digest = self._manifest()[0].digest
        return self._digest

    def created(self) -> datetime:
        """Tell when the manifest was written."""
        return datetime.fromisoformat(self._manifest()[1]["created"])

    def packages(self) -> dict[str, str]:
        """Give the versions of Python and packages with which the plan was made."""
        return dict(self._manifest()[1]["packages"])

    def _manifest(self) -> tuple[Plan, dict[str, Any]]:
        data = self._objects.get("manifest.json")
        if data is None:
            self._check_there()
            raise StoreMissingError(f"There is no campaign in {self.url}: it has no manifest.json.")
        return read_manifest(data, self.url)

    def _check_there(self) -> None:
        """Raise if a store that had a plan has none any more.

        Its folder may be the point where a disk was mounted: chunks written there now would be
        out of sight when it is mounted again.
        """
        if not self._planned:
            return
        if isinstance(self._objects, FolderObjects):
            there = (self._objects.root / "manifest.json").is_file()
        else:
            there = self._objects.get("manifest.json") is not None
        if not there:
            raise StoreMissingError(
                f"{self.url} is no longer there, or empty: was it moved, or its disk unmounted? "
                "Bring it back, then run again: what is finished is kept, and only the rest is "
                "computed."
            )

    def size(self) -> int:
        """Give the number of points: the largest ever asked for; 0 before any."""
        found = [_SIZE.fullmatch(name) for name in self._objects.list("sizes")]
        return max((int(m[1]) for m in found if m), default=0)

    def extend(self, size: int) -> None:
        """Raise the number of points; a smaller one changes nothing."""
        if size > self.size():
            content = canonical_json({"format": "spicelab-nb size", "version": 1, "points": size})
            self._objects.put_new(f"sizes/{size:012d}.json", content)

    # Chunks

    def publish(
        self, batch: Batch, *, values: Mapping[str, NDArray[Any]], receipt: Mapping[str, Any]
    ) -> bool:
        """Write a batch as one immutable chunk; when this returns it is safe.

        Parameters
        ----------
        batch
            What was computed.
        values
            Canonical parameter name to ``(n,)``, as drawn.
        receipt
            JSON about who computed it and how: ``worker``, ``attempt``, ``started``, ``wall``,
            ``cpu``. ``platform`` is added where it is missing.

        Returns
        -------
        bool
            True if it was written; False if the same data was there already.

        Raises
        ------
        ChunkConflictError
            The same points are there with other bits.
        StoreError
            It cannot be written: full disk, lost permission.
        StoreMissingError, StoreUnreachableError
            It was there, and is not now: moved, unmounted, no network. It may come back.
        """
        ref = ChunkRef(batch.start, batch.start + len(batch))
        receipt = {"platform": fingerprint(), **receipt}
        receipt["platform_digest"] = fingerprint_digest(receipt["platform"])
        data = encode(batch, values=values, receipt=receipt, plan=self.digest())
        if isinstance(self._objects, FolderObjects):
            self._check_there()
        for _ in range(3):
            if self._objects.put_new(f"chunks/{ref.name}", data):
                return True
            there = self._objects.get(f"chunks/{ref.name}")
            if there is None:  # put aside by somebody meanwhile
                continue
            try:
                self._check_agreement(data, there, ref)
            except CorruptObjectError as error:
                logger.warning("%s It is written anew.", error)
                self.put_aside(ref)
                continue
            return False
        raise StoreError(f"{self._path(ref)} could not be written: others keep replacing it.")

    def _check_agreement(self, mine: bytes, there: bytes, ref: ChunkRef) -> None:
        plan, where = self.digest(), self._path(ref)
        theirs = decode(there, ref=ref, plan=plan, where=where, waves=True)
        check_agreement(
            decode(mine, ref=ref, plan=plan, where="this batch", waves=True), theirs, self.url
        )

    def chunks(self) -> list[ChunkRef]:
        """List the chunks that are there, by their points.

        Objects that are no chunks of this plan, and truncated ones, are not in it.
        """
        named = {n: r for n in self._objects.list("chunks") if (r := ChunkRef.parse(n))}
        if not named:
            self._check_there()
        # Several threads list: what one has just seen must not be lost to another's older list.
        sound = {name for name in named if name in self._sound}
        for name in [n for n in tuple(self._sound) if n not in named]:
            self._sound.pop(name, None)
        unknown = [n for n in named if n not in sound]
        plan = self.digest() if unknown else ""
        ends = self._objects.tails([f"chunks/{n}" for n in unknown], chunks_format.TAIL_LENGTH)
        for name, end in zip(unknown, ends, strict=True):
            problem = fault(*end, plan) if end is not None else "it is gone"
            if not problem and end is not None:
                self._sound[name] = end[1]
                sound.add(name)
            elif name not in self._warned:
                self._warned.add(name)
                logger.warning("%s/chunks/%s is not read as data: %s.", self.url, name, problem)
        return sorted(ref for name, ref in named.items() if name in sound)

    def gaps(self, size: int | None = None) -> list[tuple[int, int]]:
        """List the points ``[start, stop)`` below `size` that no chunk holds.

        Parameters
        ----------
        size
            Number of points; None: :meth:`size`.
        """
        size = self.size() if size is None else size
        found, reached = [], 0
        for ref in self.chunks():
            if ref.start >= size:
                break
            if ref.start > reached:
                found.append((reached, ref.start))
            reached = max(reached, ref.stop)
        if reached < size:
            found.append((reached, size))
        return found

    def read(self, ref: ChunkRef, *, waves: bool = False) -> ChunkData:
        """Read a chunk, verifying all that is read.

        Raises
        ------
        CorruptObjectError
            It is truncated, altered, or not of this plan and these points.
        """
        name, where = f"chunks/{ref.name}", self._path(ref)
        partly = isinstance(self._objects, FolderObjects) or (
            self._sound.get(ref.name, 0) > _WHOLE and not waves
        )
        try:
            if partly:
                with self._objects.open_file(name) as file:
                    return decode(file, ref=ref, plan=self.digest(), where=where, waves=waves)
            data = self._objects.get(name)
        except FileNotFoundError:
            data = None
        except StoreError:
            raise
        except OSError as error:
            raise StoreError(f"{where} could not be read: {error}.") from error
        if data is None:
            raise StoreError(f"{where} is no longer there: list the chunks again.")
        return decode(data, ref=ref, plan=self.digest(), where=where, waves=waves)

    def read_all(
        self, refs: Iterable[ChunkRef] | None = None, *, waves: bool = False
    ) -> Iterator[ChunkData]:
        """Read many chunks in their order; from a bucket several at a time.

        Parameters
        ----------
        refs
            None: all that are there.
        waves
            Whether to read the kept signals too.
        """
        wanted = iter(self.chunks() if refs is None else refs)
        if isinstance(self._objects, FolderObjects):
            for ref in wanted:
                yield self.read(ref, waves=waves)
            return
        with ThreadPoolExecutor(_READERS, "store-read") as pool:
            while batch := list(islice(wanted, _READERS)):
                yield from pool.map(lambda ref: self.read(ref, waves=waves), batch)

    def put_aside(self, ref: ChunkRef) -> str | None:
        """Rename a chunk away, so that its points are computed again; nothing is deleted.

        Returns
        -------
        str or None
            Its new name; None if it was not there.
        """
        target = f"aside/{ref.name}.{uuid.uuid4().hex[:8]}"
        self._sound.pop(ref.name, None)
        return target if self._objects.move(f"chunks/{ref.name}", target) else None

    def verify(self) -> list[str]:
        """Read every chunk to the last byte and put aside those that are damaged or foreign.

        Returns
        -------
        list of str
            New names of the chunks that were put aside; their points are gaps again.
        """
        self._sound.clear()
        moved = []
        for name in self._objects.list("chunks"):
            ref = ChunkRef.parse(name)
            if ref is None:
                continue
            try:
                self.read(ref, waves=True)
            except CorruptObjectError as error:
                target = self.put_aside(ref)
                logger.warning("%s Put aside as %s.", error, target)
                if target is not None:
                    moved.append(target)
        return moved

    def platforms(self) -> list[dict[str, Any]]:
        """Tell on which platforms the chunks were computed; more than one: a mixed run.

        Returns
        -------
        list of dict
            ``platform`` (see :func:`~spicelab_nb.results.platform.fingerprint`), ``digest``,
            ``chunks``, ``points``; most points first.
        """
        found: dict[str, dict[str, Any]] = {}
        for data in self.read_all():
            digest = str(data.receipt.get("platform_digest", ""))
            entry = found.setdefault(
                digest,
                {
                    "platform": data.receipt.get("platform"),
                    "digest": digest,
                    "chunks": 0,
                    "points": 0,
                },
            )
            entry["chunks"] += 1
            entry["points"] += len(data.ref)
        return sorted(found.values(), key=lambda e: (-e["points"], e["digest"]))

    # Labels and lock

    def write_labels(self, labels: Mapping[str, Any]) -> None:
        """Replace the labels: name, specs, cluster; JSON that changes no result."""
        self._objects.put("labels.json", canonical_json(labels))

    def read_labels(self) -> dict[str, Any]:
        """Read the labels; empty before any.

        Raises
        ------
        CorruptObjectError
            They are damaged.
        """
        data = self._objects.get("labels.json")
        if data is None:
            return {}
        try:
            return dict(parse_json(data))
        except (ValueError, TypeError) as error:
            raise CorruptObjectError(
                f"{self.url}/labels.json is damaged ({error}). Remove it: it holds name and specs, "
                "no results."
            ) from error

    def write_pilot(self, measured: Mapping[str, Any]) -> None:
        """Replace what a pilot measured of a sample's time: JSON that changes no result."""
        self._objects.put("pilot.json", canonical_json({"plan": self.digest(), **measured}))

    def read_pilot(self) -> dict[str, Any] | None:
        """Read it; None before any, or where it cannot be used: a pilot can be measured again."""
        data = self._objects.get("pilot.json")
        if data is None:
            return None
        try:
            measured = dict(parse_json(data))
        except (ValueError, TypeError) as error:
            logger.warning("%s/pilot.json is damaged (%s) and not used.", self.url, error)
            return None
        return measured if measured.get("plan") == self.digest() else None

    def lock(self, *, lease: float = LEASE_SECONDS) -> AbstractContextManager[Callable[[], None]]:
        """Hold the lock of the one process that consolidates; see :func:`~.locks.hold_lock`.

        Raises
        ------
        StoreLockedError
            Another process holds it, when entered.
        """
        return hold_lock(self._objects, lease=lease)

    def _path(self, ref: ChunkRef) -> str:
        return f"{self.url}/chunks/{ref.name}"


def _reopen(url: str, options: Mapping[str, Any], planned: bool) -> Store:
    store = Store(open_objects(url, options), options)
    store._planned = planned
    return store
