"""The chunk: samples ``[start, stop)`` as one immutable object (``docs/store-format.md``).

A chunk is an npz file (a zip archive, stored, with fixed times), so that the same data give the
same bytes. Strings are JSON members; nothing is a pickle.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import struct
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import CorruptObjectError, StoreError
from spicelab_nb.results.plan import canonical_json, parse_json
from spicelab_nb.simulators.simulator import Axis, Failure, Status, Wave

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from spicelab_nb.simulators.simulator import Batch

__all__ = ["CHUNK_VERSION", "ChunkData", "ChunkRef", "decode", "encode"]

CHUNK_VERSION = 1
CHUNK_FORMAT = "spicelab-nb chunk"

_NAME = re.compile(r"(\d{12})-(\d{12})\.npz")
_END = struct.Struct("<4s4H2LH")
TAIL_LENGTH = _END.size + 64
"""A chunk ends in the archive's end record with the plan's digest as its comment."""
_LIMIT = 2**31 - 2**20
_LATER = "Update spicelab_nb: the store was written by a later version."


@dataclass(frozen=True, order=True, slots=True)
class ChunkRef:
    """A chunk in the listing of a store: points ``start`` to ``stop - 1``."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def name(self) -> str:
        """Name of its object in the folder ``chunks``."""
        return f"{self.start:012d}-{self.stop:012d}.npz"

    @classmethod
    def parse(cls, name: str) -> ChunkRef | None:
        """Read an object's name; None where it is not a chunk's."""
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        start, stop = int(found[1]), int(found[2])
        return cls(start, stop) if start < stop else None


@dataclass(frozen=True, kw_only=True)
class ChunkData:
    """What a chunk holds.

    Parameters
    ----------
    ref
        Which points, n of them.
    status
        ``(n,)`` int8.
    measures
        Name to ``(n,)`` float64.
    units
        Measure name to unit, where the simulator said one.
    values
        Parameter name to ``(n,)``: float64, or str.
    waves
        Kept signals; empty unless asked for.
    failures
        One for each sample that is not ok.
    cpu
        ``(n,)`` float64, seconds.
    receipt
        Who computed it, when and how long: no part of the data.
    """

    ref: ChunkRef
    status: NDArray[np.int8]
    measures: Mapping[str, NDArray[np.float64]]
    units: Mapping[str, str]
    values: Mapping[str, NDArray[Any]]
    waves: tuple[Wave, ...]
    failures: tuple[Failure, ...]
    cpu: NDArray[np.float64]
    receipt: Mapping[str, Any]


def encode(
    batch: Batch, *, values: Mapping[str, NDArray[Any]], receipt: Mapping[str, Any], plan: str
) -> bytes:
    """Write a batch as a chunk's bytes; the same batch and receipt give the same bytes.

    Parameters
    ----------
    batch
        What was computed. Measures of samples that are not ok are stored as NaN.
    values
        Parameter name to ``(n,)``.
    receipt
        JSON: who computed it, when and how long.
    plan
        Digest of the plan.

    Raises
    ------
    StoreError
        Lengths do not fit, a status is ``NOT_RUN``, or it is larger than 2 GiB.
    """
    n = len(batch)
    status = np.ascontiguousarray(batch.status, dtype=np.int8)
    _check_batch(batch, values, status)
    ok = status == Status.OK
    members: dict[str, bytes] = {"status.npy": _npy(status)}
    names = list(batch.measures)
    matrix = np.full((len(names), n), np.nan)
    for row, name in zip(matrix, names, strict=True):
        column = np.asarray(batch.measures[name], dtype=np.float64)
        # One NaN for all: their sign and payload depend on the instruction that made them.
        np.copyto(row, column, where=ok & ~np.isnan(column))
    members["measures.npy"] = _npy(matrix)
    numbers = sorted(k for k, v in values.items() if np.asarray(v).dtype.kind in "biuf")
    sections = sorted(set(values) - set(numbers))
    table = np.empty((len(numbers), n))
    for row, name in zip(table, numbers, strict=True):
        row[:] = values[name]
    members["parameters.npy"] = _npy(table)
    members["sections.json"] = canonical_json(
        {k: [str(v) for v in np.asarray(values[k])] for k in sections}
    )
    waves = _encode_waves(batch.waves, members)
    header = {
        "format": CHUNK_FORMAT,
        "version": CHUNK_VERSION,
        "plan": plan,
        "start": batch.start,
        "stop": batch.start + n,
        "measures": names,
        "units": dict(batch.units),
        "parameters": numbers,
        "waves": waves,
        "sha256": {k: hashlib.sha256(v).hexdigest() for k, v in members.items()},
    }
    failures = [
        {
            "index": int(f.index),
            "status": int(f.status),
            "reason": f.reason,
            "code": f.code,
            "log": list(f.log),
            "attempts": int(f.attempts),
        }
        for f in batch.failures
    ]
    everything = {
        "header.json": canonical_json(header),
        **members,
        "failures.json": canonical_json(failures),
        "cpu.npy": _npy(np.asarray(batch.cpu, dtype=np.float64)),
        "receipt.json": canonical_json(receipt),
    }
    if sum(map(len, everything.values())) > _LIMIT:
        raise StoreError(
            f"Samples {batch.start} to {batch.start + n - 1} are more than 2 GiB in one chunk. "
            "Keep fewer signals or points, or run with shorter chunks."
        )
    return _archive(everything, comment=plan.encode("ascii"))


def _check_batch(batch: Batch, values: Mapping[str, Any], status: NDArray[np.int8]) -> None:
    n = len(status)
    lengths = {
        **{f"measure {k!r}": len(v) for k, v in batch.measures.items()},
        **{f"parameter {k!r}": len(v) for k, v in values.items()},
        **{f"signal {w.signal!r}": len(w.data) for w in batch.waves},
        "cpu": len(batch.cpu),
    }
    for what, length in lengths.items():
        if length != n:
            raise StoreError(f"A batch of {n} samples has {length} of {what}: nothing is stored.")
    if n == 0:
        raise StoreError("A batch without samples cannot be stored.")
    if ((status < Status.OK) | (status >= Status.NOT_RUN)).any():
        raise StoreError("A batch holds a sample that was not run: nothing is stored.")


def _encode_waves(waves: tuple[Wave, ...], members: dict[str, bytes]) -> list[dict[str, Any]]:
    axes: dict[bytes, str] = {}
    described = []
    for i, wave in enumerate(waves):
        listed = []
        for axis in wave.axes:
            data = _npy(np.asarray(axis.values, dtype=np.float64))
            member = axes.setdefault(data, f"axis-{len(axes):03d}.npy")
            members[member] = data
            listed.append({"name": axis.name, "unit": axis.unit, "member": member})
        member = f"wave-{i:03d}.npy"
        complex_ = np.iscomplexobj(wave.data)
        members[member] = _npy(np.asarray(wave.data, np.complex128 if complex_ else np.float64))
        described.append(
            {
                "analysis": wave.analysis,
                "signal": wave.signal,
                "unit": wave.unit,
                "axes": listed,
                "member": member,
            }
        )
    return described


def _npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array), (1, 0), allow_pickle=False)
    return buffer.getvalue()


def _archive(members: Mapping[str, bytes], comment: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
        archive.comment = comment
    return buffer.getvalue()


def fault(tail: bytes, size: int, plan: str) -> str:
    """Say what is wrong with a chunk, from its last bytes alone; "" when nothing seems to be.

    Parameters
    ----------
    tail
        The last :data:`TAIL_LENGTH` bytes.
    size
        Of the whole object.
    plan
        Digest of the plan that it should belong to.
    """
    if len(tail) < TAIL_LENGTH:
        return "it is truncated"
    magic, *_, cd_size, cd_offset, comment = _END.unpack_from(tail)
    if magic != b"PK\x05\x06" or comment != 64 or cd_offset + cd_size + TAIL_LENGTH != size:
        return "it is truncated"
    if tail[_END.size :] != plan.encode("ascii"):
        return "it belongs to another plan"
    return ""


def decode(source: Any, *, ref: ChunkRef, plan: str, where: str, waves: bool = False) -> ChunkData:
    """Read a chunk and verify everything that is read.

    Parameters
    ----------
    source
        Bytes, or a binary file that can seek.
    ref
        The points that its name promises.
    plan
        Digest of the plan that it must belong to.
    where
        Its path or URL, for errors.
    waves
        Whether to read the kept signals too.

    Raises
    ------
    CorruptObjectError
        It is truncated, altered, of another plan or of other points.
    StoreError
        It was written by a later version.
    """
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        # The archive reader forgives a cut comment and bytes before the first member.
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - TAIL_LENGTH))
        problem = fault(file.read(TAIL_LENGTH), size, plan)
        if problem == "it is truncated":
            raise ValueError(problem)  # noqa: TRY301 - said in full below
        file.seek(0)
        with zipfile.ZipFile(file) as archive:
            header = _read_header(archive, ref=ref, plan=plan, where=where)
            return _read_members(_Members(archive, header["sha256"]), header, ref, waves)
    except _Wrong as error:
        raise CorruptObjectError(f"{where} is no chunk of this store: {error}.") from None
    except StoreError:
        raise
    except (
        zipfile.BadZipFile, ValueError, KeyError, TypeError, IndexError, AttributeError,
        EOFError, NotImplementedError, RuntimeError, struct.error, UnicodeError,
    ) as error:  # fmt: skip
        raise CorruptObjectError(
            f"{where} is truncated or altered and is not read as data ({error!r}). "
            "store.verify() puts it aside, and a run of the campaign computes its samples again."
        ) from error


class _Wrong(Exception):  # noqa: N818 - never leaves this module
    """What is wrong with a chunk."""


def _read_header(
    archive: zipfile.ZipFile, *, ref: ChunkRef, plan: str, where: str
) -> dict[str, Any]:
    header: dict[str, Any] = json.loads(archive.read("header.json"))
    if header["format"] != CHUNK_FORMAT:
        raise _Wrong("it is not a chunk")
    if header["version"] != CHUNK_VERSION:
        raise StoreError(f"{where} has chunk version {header['version']}. {_LATER}")
    if header["plan"] != plan:
        raise _Wrong("it belongs to another plan")
    if (header["start"], header["stop"]) != (ref.start, ref.stop):
        raise _Wrong(f"it holds points {header['start']} to {header['stop'] - 1}")
    return header


class _Members:
    """Members of an archive, each checked against the header's digest."""

    def __init__(self, archive: zipfile.ZipFile, digests: Mapping[str, str]) -> None:
        self._archive = archive
        self._digests = digests

    def bytes(self, name: str) -> bytes:
        data = self._archive.read(name)
        expected = self._digests.get(name)
        if expected is not None and hashlib.sha256(data).hexdigest() != expected:
            raise ValueError(f"{name} is not what was written")
        return data

    def array(self, name: str, shape: tuple[int, ...] | None = None) -> NDArray[Any]:
        array: NDArray[Any] = np.lib.format.read_array(
            io.BytesIO(self.bytes(name)), allow_pickle=False
        )
        if shape is not None and array.shape != shape:
            raise ValueError(f"{name} has shape {array.shape}, not {shape}")
        return array


def _read_members(
    members: _Members, header: Mapping[str, Any], ref: ChunkRef, waves: bool
) -> ChunkData:
    n = len(ref)
    matrix = members.array("measures.npy", (len(header["measures"]), n))
    table = members.array("parameters.npy", (len(header["parameters"]), n))
    values: dict[str, NDArray[Any]] = dict(zip(header["parameters"], table, strict=True))
    for name, texts in json.loads(members.bytes("sections.json")).items():
        if len(texts) != n:
            raise ValueError(f"{name} has {len(texts)} values, not {n}")
        values[name] = np.array(texts, dtype=np.str_)
    failures = tuple(
        Failure(
            index=f["index"],
            status=Status(f["status"]),
            reason=f["reason"],
            log=tuple(f["log"]),
            attempts=f["attempts"],
            # Chunks written before there were codes have none; it is read from the reason.
            code=f.get("code", ""),
        )
        for f in json.loads(members.bytes("failures.json"))
    )
    return ChunkData(
        ref=ref,
        status=members.array("status.npy", (n,)),
        measures=dict(zip(header["measures"], matrix, strict=True)),
        units=header["units"],
        values={k: values[k] for k in sorted(values)},
        waves=tuple(_read_wave(members, w, n) for w in header["waves"]) if waves else (),
        failures=failures,
        cpu=members.array("cpu.npy", (n,)),
        receipt=parse_json(members.bytes("receipt.json")),
    )


def _read_wave(members: _Members, described: Mapping[str, Any], n: int) -> Wave:
    axes = tuple(
        Axis(name=a["name"], unit=a["unit"], values=members.array(a["member"]))
        for a in described["axes"]
    )
    return Wave(
        analysis=described["analysis"],
        signal=described["signal"],
        unit=described["unit"],
        axes=axes,
        data=members.array(described["member"], (n, *(len(a.values) for a in axes))),
    )
