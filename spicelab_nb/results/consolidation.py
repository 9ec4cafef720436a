"""Chunks into one Zarr v3 dataset that plain xarray and zarr open, by one writer at a time.

The marker ``consolidated.json`` is written last and names the group that counts. In a folder that
is ``dataset.zarr``, exchanged at once. A bucket has no rename: each consolidation writes a group
under a new name, and the marker, one small object, points from the old to the new. The chunks stay
the truth.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import itertools
import json
import os
import re
import shutil
import uuid
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from spicelab_nb.errors import StoreError
from spicelab_nb.results.bucket import RemoteObjects
from spicelab_nb.results.dataset import assemble, design_coordinates
from spicelab_nb.results.objects import FolderObjects, explain
from spicelab_nb.results.plan import canonical_json
from spicelab_nb.results.waveforms import Signal, WaveSource, axis_name, build_datasets
from spicelab_nb.simulators.simulator import Axis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    import xarray as xr
    from numpy.typing import NDArray

    from spicelab_nb.results.chunk import ChunkRef
    from spicelab_nb.results.objects import Objects
    from spicelab_nb.results.spec import Spec
    from spicelab_nb.results.store import Store
    from spicelab_nb.sampling.design import BoundDesign

__all__ = ["consolidate", "dataset_url", "is_consolidated", "open_consolidated"]

MARKER = "consolidated.json"
DATASET = "dataset.zarr"
_GENERATION = re.compile(r"dataset-[0-9a-f]{32}\.zarr")
MARKER_FORMAT = "spicelab-nb consolidation"
MARKER_VERSION = 1
BLOCK_BYTES = 4 * 2**20
"""Of one Zarr chunk of a signal: some hundred waveforms, one read to drill into one of them."""
BLOCK_POINTS = 2**16
"""Points in one Zarr chunk of a measure."""
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def consolidate(
    store: Store, *, design: BoundDesign, specs: Mapping[str, Spec] | None = None
) -> str:
    """Write measures and kept signals of all chunks that are there as one Zarr group.

    Does nothing when it is up to date. May be interrupted anywhere: the next call does it again.

    Parameters
    ----------
    store
        Where the chunks are.
    design
        Where the points lie.
    specs
        Limits, for the attributes of the measures.

    Returns
    -------
    str
        Path or URL of the Zarr group. Root: the campaign's dataset; ``waves/<analysis>``: one
        array a signal, chunked by rows of samples, its name in the attribute ``name``.

    Raises
    ------
    StoreLockedError
        Another process is consolidating.
    StoreError
        It cannot be written.
    """
    objects = store.objects
    with store.lock() as check_lock:
        if isinstance(objects, FolderObjects):
            objects.sweep("chunks")
        source = WaveSource(store, design)
        dataset = assemble(store, design=design, specs=specs)
        content = {
            "format": MARKER_FORMAT,
            "version": MARKER_VERSION,
            "plan": store.digest(),
            "points": design.size,
            "chunks": _listing_digest(source.refs),
            "attributes": hashlib.sha256(repr(_all_attrs(dataset)).encode()).hexdigest(),
        }
        there = _read_marker(objects)
        if there is None or any(there[1].get(k) != v for k, v in content.items()):
            content["id"] = uuid.uuid4().hex
            content["signals"] = [_describe_signal(s, design) for s in source.signals]
            with _explained(objects):
                if isinstance(objects, FolderObjects):
                    content["dataset"] = DATASET
                    _replace(objects, dataset, design, source, check_lock)
                    objects.put(MARKER, canonical_json(content))
                else:
                    fresh = f"dataset-{content['id']}.zarr"
                    content["dataset"] = fresh
                    _write(_zarr_store(objects, fresh), dataset, design, source)
                    check_lock()
                    objects.put(MARKER, canonical_json(content))
                    _clear(objects, {fresh, _dataset_name(there)})
            there = _read_marker(objects)
    return f"{store.url}/{_dataset_name(there)}"


def dataset_url(store: Store) -> str | None:
    """Path or URL of the consolidated Zarr group, whole though perhaps not up to date.

    Returns
    -------
    str or None
        None before the first consolidation. On a bucket the name changes with each; the group that
        this names stays until the one after the next.
    """
    there = _read_marker(store.objects)
    return None if there is None else f"{store.url}/{_dataset_name(there)}"


def _dataset_name(marker: tuple[bytes, dict[str, Any]] | None) -> str:
    """The group that a marker names; those of earlier versions named none."""
    return DATASET if marker is None else str(marker[1].get("dataset", DATASET))


def _clear(objects: Any, kept: set[str]) -> None:
    """Remove groups of earlier consolidations; the last one stays for those who read it."""
    system = objects.filesystem
    system.invalidate_cache()
    names = [str(path).rstrip("/").rpartition("/")[2] for path in system.ls(objects.root, False)]
    for name in names:
        if name not in kept and (name == DATASET or _GENERATION.fullmatch(name)):
            objects.remove(name)


def is_consolidated(store: Store, *, design: BoundDesign) -> bool:
    """Tell whether ``dataset.zarr`` holds all chunks that are there, for this design."""
    refs = [r for r in store.chunks() if r.start < design.size]
    return _current_marker(store, design, refs) is not None


def open_consolidated(
    store: Store, design: BoundDesign, source: WaveSource
) -> dict[str, xr.Dataset] | None:
    """Open the signals of ``dataset.zarr``, lazily; None when it is not up to date.

    Parameters
    ----------
    store, design
        As of :func:`~spicelab_nb.results.waveforms.waveforms`.
    source
        The chunks: read from when the dataset is replaced while it is open.
    """
    found = _current_marker(store, design, source.refs)
    if found is None:
        return None
    marker, content = found
    import zarr

    name = _dataset_name(found)
    group: Any = zarr.open_group(_zarr_store(store.objects, name), mode="r", zarr_format=3)
    paths: dict[tuple[str, str], str] = {}
    signals = []
    for entry in content["signals"]:
        axes = tuple(
            Axis(name=a["name"], unit=a["unit"], values=np.asarray(group[a["path"]][:]))
            for a in entry["axes"]
        )
        signal = Signal(
            analysis=entry["analysis"],
            name=entry["name"],
            unit=entry["unit"],
            axes=axes,
            dtype=np.dtype(entry["dtype"]),
        )
        paths[signal.key] = entry["path"]
        signals.append(signal)
    if store.objects.get(MARKER) != marker:
        return None
    shape = tuple(map(len, design.dimensions))

    def rows_of(signal: Signal) -> Callable[[NDArray[np.intp]], NDArray[Any]]:
        array = group[paths[signal.key]]

        def rows(points: NDArray[np.intp]) -> NDArray[Any]:
            data = _read_rows(array, points, shape)
            # A Zarr chunk that is gone reads as NaN: what was read counts only if the dataset
            # was not replaced meanwhile.
            if data is not None and store.objects.get(MARKER) == marker:
                return data
            return source.rows(points, (signal,))[signal.key]

        return rows

    return build_datasets(design, signals, rows_of)


def _read_rows(array: Any, points: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[Any] | None:
    """Read the rows of some points, which form a grid; None when the dataset is being replaced."""
    places = [np.unique(p) for p in np.unravel_index(points, shape)]
    inner = tuple(array.shape[len(shape) :])
    try:
        block = array.oindex[(*places, *(slice(None),) * len(inner))]
    except (OSError, ValueError, RuntimeError, KeyError):
        return None
    where = [
        np.searchsorted(p, i) for p, i in zip(places, np.unravel_index(points, shape), strict=True)
    ]
    rows: NDArray[Any] = np.asarray(block)[tuple(where)]
    return rows


# The marker


def _read_marker(objects: Objects) -> tuple[bytes, dict[str, Any]] | None:
    data = objects.get(MARKER)
    if data is None:
        return None
    try:
        content = json.loads(data)
        known = content["format"] == MARKER_FORMAT and content["version"] == MARKER_VERSION
        name = content.get("dataset", DATASET)
        known = known and (name == DATASET or _GENERATION.fullmatch(name) is not None)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return (data, content) if known else None


def _current_marker(
    store: Store, design: BoundDesign, refs: list[ChunkRef]
) -> tuple[bytes, dict[str, Any]] | None:
    found = _read_marker(store.objects)
    if found is None:
        return None
    expected = {
        "plan": store.digest(),
        "points": design.size,
        "chunks": _listing_digest(refs),
    }
    return found if all(found[1].get(k) == v for k, v in expected.items()) else None


def _listing_digest(refs: Iterable[ChunkRef]) -> str:
    return hashlib.sha256("\n".join(r.name for r in refs).encode()).hexdigest()


def _all_attrs(dataset: xr.Dataset) -> dict[str, Any]:
    return {"": dataset.attrs, **{str(k): v.attrs for k, v in dataset.variables.items()}}


# Writing


def stored_name(name: str) -> str:
    """Name an array so that any file system, bucket and xarray take it; differs where names do."""
    text = quote(name, safe="()@:+")
    # A lone dot or a leading double underscore means something to zarr.
    if text.strip(".") == "" or text.startswith("__"):
        text = f"%{ord(text[0]):02X}{text[1:]}"
    if len(text) > 180:
        text = f"{text[:150]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return text


def _describe_signal(signal: Signal, design: BoundDesign) -> dict[str, Any]:
    outer = [d.name for d in design.dimensions]
    group = f"waves/{stored_name(signal.analysis)}"
    return {
        "analysis": signal.analysis,
        "name": signal.name,
        "unit": signal.unit,
        "dtype": signal.dtype.str,
        "path": f"{group}/{stored_name(signal.name)}",
        "axes": [
            {
                "name": a.name,
                "unit": a.unit,
                "path": f"{group}/{stored_name(axis_name(signal, a, outer))}",
            }
            for a in signal.axes
        ],
    }


def _replace(
    objects: FolderObjects,
    dataset: xr.Dataset,
    design: BoundDesign,
    source: WaveSource,
    check_lock: Callable[[], None],
) -> None:
    """Put a new ``dataset.zarr`` in the place of the old one; the marker is gone meanwhile."""
    for left in objects.root.glob(".dataset-*.zarr"):
        shutil.rmtree(left)
    fresh = objects.root / f".dataset-{uuid.uuid4().hex}.zarr"
    try:
        _write(_zarr_store(objects, fresh.name), dataset, design, source)
        _sync_tree(fresh)
        check_lock()
        objects.remove(MARKER)
        _swap(fresh, objects.root / DATASET)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


@contextlib.contextmanager
def _explained(objects: Objects) -> Iterator[None]:
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        if isinstance(objects, FolderObjects):
            raise explain(error, objects.root / DATASET, objects.root) from error
        raise StoreError(
            f"{objects.url}/{DATASET} could not be written: {error}. The chunks are complete: "
            "consolidate again when the bucket can be reached."
        ) from error


def _zarr_store(objects: Objects, name: str) -> Any:
    if isinstance(objects, FolderObjects):
        return str(objects.root / name)
    assert isinstance(objects, RemoteObjects)  # noqa: S101 - there are two kinds
    return objects.zarr_store(name)


def _write(target: Any, dataset: xr.Dataset, design: BoundDesign, source: WaveSource) -> None:
    import zarr

    with warnings.catch_warnings():
        # Zarr warns that its consolidated metadata may change; xarray warns when they are missing.
        warnings.filterwarnings("ignore", "Consolidated metadata is currently not part")
        _write_dataset(target, dataset)
        by_analysis = itertools.groupby(
            sorted(source.signals, key=lambda s: s.analysis), key=lambda s: s.analysis
        )
        for analysis, signals in by_analysis:
            _write_signals(target, stored_name(analysis), design, source, tuple(signals))
        zarr.consolidate_metadata(target, zarr_format=3)


def _write_dataset(target: Any, dataset: xr.Dataset) -> None:
    prepared = _storable(dataset)
    encoding = {
        str(name): {"chunks": _block_shape(variable.shape, 1, BLOCK_POINTS)}
        for name, variable in prepared.variables.items()
        if variable.ndim and variable.dtype.kind in "biuf"
    }
    prepared.to_zarr(target, mode="w", zarr_format=3, consolidated=False, encoding=encoding)


def _storable(dataset: xr.Dataset) -> xr.Dataset:
    """Rename what a Zarr path would not take, the name kept as an attribute; text as objects."""
    names = [*map(str, dataset.variables), *(str(d) for d in dataset.dims)]
    changed = {n: stored_name(n) for n in names if stored_name(n) != n}
    prepared = dataset.rename(changed) if changed else dataset.copy(deep=False)
    for name, stored in changed.items():
        if stored in prepared.variables:
            prepared[stored].attrs["name"] = name
    for original, variable in dataset.variables.items():
        if variable.dtype.kind == "U":
            stored = changed.get(str(original), str(original))
            held = prepared[stored]
            # Zarr has no standard type for text of fixed length.
            text = held.dims, held.values.astype(object), held.attrs
            prepared = prepared.assign_coords({stored: text})
    return prepared


def _write_signals(
    target: Any,
    analysis: str,
    design: BoundDesign,
    source: WaveSource,
    signals: tuple[Signal, ...],
) -> None:
    import xarray as xr
    import zarr

    outer = tuple(d.name for d in design.dimensions)
    shape = tuple(map(len, design.dimensions))
    coords = design_coordinates(design)
    for signal in signals:
        for axis in signal.axes:
            name = axis_name(signal, axis, outer)
            coords[name] = ((name,), axis.values, {"units": axis.unit} if axis.unit else {})
    path = f"waves/{analysis}"
    _storable(xr.Dataset(coords=coords)).to_zarr(
        target, group=path, mode="w", zarr_format=3, consolidated=False
    )
    group = zarr.open_group(target, path=path, mode="r+", zarr_format=3)
    row = max(s.dtype.itemsize * int(np.prod(s.shape)) for s in signals)
    block = _block_shape(shape, row, BLOCK_BYTES)
    auxiliary = " ".join(stored_name(n) for n in coords if coords[n][0] != (n,))
    arrays = {}
    for signal in signals:
        attributes = {"name": signal.name, "long_name": signal.name, "units": signal.unit}
        arrays[signal.key] = group.create_array(
            stored_name(signal.name),
            shape=(*shape, *signal.shape),
            chunks=(*block, *(max(1, n) for n in signal.shape)),
            dtype=signal.dtype,
            fill_value=signal.missing,
            dimension_names=[stored_name(d) for d in signal.dims(design)],
            attributes={**attributes, **({"coordinates": auxiliary} if auxiliary else {})},
        )
    for region in _blocks(shape, block):
        grid = np.meshgrid(*(np.arange(r.start, r.stop) for r in region), indexing="ij")
        points = np.ravel_multi_index([g.ravel() for g in grid], shape).astype(np.intp)
        for key, rows in source.rows(points, signals).items():
            arrays[key][region] = rows.reshape(*grid[0].shape, *rows.shape[1:])


def _block_shape(shape: tuple[int, ...], row: int, target: int) -> tuple[int, ...]:
    """Choose how many points a Zarr chunk holds in each dimension.

    Parameters
    ----------
    shape
        Of the design. The first length is not looked at: it grows, and the chunks of what was
        written before must stay where they are.
    row
        Size of one point.
    target
        Size that a chunk should not exceed.
    """
    block = []
    room = max(1, target // max(1, row))
    for length in reversed(shape[1:]):
        block.append(max(1, min(length, room)))
        room = max(1, room // max(1, length))
    return (room, *reversed(block))


def _blocks(shape: tuple[int, ...], block: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    starts = [range(0, n, b) for n, b in zip(shape, block, strict=True)]
    for corner in itertools.product(*starts):
        yield tuple(slice(a, min(a + b, n)) for a, b, n in zip(corner, block, shape, strict=True))


def _swap(fresh: Path, place: Path) -> None:
    """Exchange two folders at once where the system can; else there is a moment with none."""
    if place.exists():
        exchange = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
        names = os.fsencode(fresh), os.fsencode(place)
        if exchange is not None and not exchange(
            _AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE
        ):
            return
        old = fresh.with_name(f".dataset-{uuid.uuid4().hex}.zarr")
        place.rename(old)
        fresh.rename(place)
        shutil.rmtree(old)
        return
    fresh.rename(place)


def _sync_tree(root: Path) -> None:
    """Bring files and folders to the disk; together, since each alone waits for the journal."""

    def sync(path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    with ThreadPoolExecutor(16, "store-sync") as pool:
        for done in [pool.submit(sync, path) for path in (root, *root.rglob("*"))]:
            done.result()
