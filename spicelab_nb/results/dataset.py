"""The conventions of ``run.dataset``: dimensions, coordinates, attributes, status."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import StoreMismatchError
from spicelab_nb.results.overlap import Columns
from spicelab_nb.simulators.simulator import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import xarray as xr

    from spicelab_nb.results.chunk import ChunkData
    from spicelab_nb.results.plan import Plan
    from spicelab_nb.results.spec import Spec
    from spicelab_nb.results.store import Store
    from spicelab_nb.sampling.design import BoundDesign, Column

__all__ = ["assemble", "assemble_chunks", "design_coordinates"]

_VALUES_RTOL = 1e-12
"""How far a stored parameter value may be from the design's: another libm, never another draw."""


def assemble(
    store: Store,
    *,
    design: BoundDesign,
    specs: Mapping[str, Spec] | None = None,
    parameters: bool = True,
) -> xr.Dataset:
    """Read a store into the dataset of its campaign; see :func:`assemble_chunks`.

    Raises
    ------
    CorruptObjectError
        A chunk is damaged; ``store.verify()`` puts it aside.
    ChunkConflictError
        Two chunks hold the same samples with other bits.
    StoreMismatchError
        The chunks hold other parameter values than `design` draws.
    """
    plan = store.peek()
    return assemble_chunks(
        plan,
        store.read_all(),
        design=design,
        specs=specs,
        parameters=parameters,
        start=store.created().isoformat(),
        packages=store.packages(),
        where=store.url,
    )


def assemble_chunks(
    plan: Plan,
    chunks: Iterable[ChunkData],
    *,
    design: BoundDesign,
    specs: Mapping[str, Spec] | None = None,
    parameters: bool = True,
    start: str = "",
    packages: Mapping[str, str] | None = None,
    where: str = "the store",
) -> xr.Dataset:
    """Put chunks together into a dataset; the same samples in any cut and order give the same.

    Parameters
    ----------
    plan
        What was computed.
    chunks
        Any that are there, in any order; each is read once and not kept.
    design
        Where the points lie. What chunks hold beyond its size is left out.
    specs
        Measure name to limits, for the attributes.
    parameters
        False: leave them out, since nobody looks at them: they are drawn anew, all of them, and
        what chunks hold is compared with that.
    start
        When the campaign was started, ISO 8601.
    packages
        Name to version.
    where
        The store, for errors.

    Returns
    -------
    xarray.Dataset
        Dimensions of the design in its order; parameters as coordinates (``role: parameter``) on
        the dimensions that they depend on; measures (``units``, ``long_name``, ``spec_min``,
        ``spec_max``); ``status`` int8 (``flag_values``, ``flag_meanings``), ``not_run`` where no
        chunk is. Attributes say what made it. Hosts and times of chunks are not in it.
    """
    import xarray as xr

    columns = Columns(design.size, where)
    drawn = design.columns() if parameters else ()
    platforms = set()
    for chunk in chunks:
        if parameters:
            _check_values(chunk, design, drawn, where)
        columns.add(chunk)
        if (chunk.status == Status.OK).any():
            platforms.add(str(chunk.receipt.get("platform_digest", "")))
    dims = tuple(d.name for d in design.dimensions)
    shape = tuple(len(d) for d in design.dimensions)
    described = _described_measures(plan)
    names = [*columns.names, *sorted(set(described) - set(columns.measures))]
    if not names:
        # Nothing has said yet what it measures: no sample is ok. What is judged will be there.
        names = list(specs or {})
    variables: dict[str, Any] = {}
    for name in names:
        data = columns.measures.get(name)
        data = np.full(design.size, np.nan) if data is None else data
        attrs = _measure_attrs(
            name, columns.units.get(name, ""), described.get(name, {}), (specs or {}).get(name)
        )
        variables[name] = (dims, data.reshape(shape), attrs)
    variables["status"] = (dims, columns.status.reshape(shape), _status_attrs())
    attrs = _attrs(plan, specs or {}, start, packages or {}, sorted(platforms))
    return xr.Dataset(variables, _coordinates(design, drawn), attrs)


def design_coordinates(design: BoundDesign) -> dict[str, Any]:
    """Give the coordinates of a design: its dimensions, and its parameters on them.

    Returns
    -------
    dict
        Name to ``(dims, values, attrs)``, dimensions first.
    """
    return _coordinates(design, design.columns())


def _coordinates(design: BoundDesign, columns: Iterable[Column]) -> dict[str, Any]:
    coordinates: dict[str, Any] = {}
    for dimension in design.dimensions:
        attrs = {"units": dimension.unit} if dimension.unit else {}
        coordinates[dimension.name] = ((dimension.name,), np.asarray(dimension.values), attrs)
    for column in columns:
        unit = {"units": column.unit} if column.unit else {}
        attrs = {"role": "parameter", **unit}
        if column.name in coordinates:
            there = coordinates[column.name]
            coordinates[column.name] = (*there[:2], {**there[2], **attrs})
        else:
            coordinates[column.name] = (column.dims, np.asarray(column.values), attrs)
    return coordinates


def _check_values(
    chunk: ChunkData, design: BoundDesign, columns: Iterable[Column], where: str
) -> None:
    start, stop = chunk.ref.start, min(chunk.ref.stop, design.size)
    if start >= stop:
        return
    shape = tuple(len(d) for d in design.dimensions)
    place = np.unravel_index(np.arange(start, stop), shape)
    along = {d.name: k for d, k in zip(design.dimensions, place, strict=True)}
    drawn = {c.name: np.asarray(c.values)[tuple(along[d] for d in c.dims)] for c in columns}
    if set(drawn) != set(chunk.values):
        differing = ", ".join(sorted(set(drawn) ^ set(chunk.values)))
        raise StoreMismatchError(
            f"{chunk.ref.name} of {where} and the design do not set the same parameters: "
            f"{differing}. Open the store with the design that it was made with."
        )
    for name, expected in drawn.items():
        held = chunk.values[name][: stop - start]
        if np.asarray(expected).dtype.kind in "biuf":
            same = np.isclose(held, expected, rtol=_VALUES_RTOL, atol=0.0, equal_nan=True)
        else:
            same = held == np.asarray(expected).astype(np.str_)
        if not np.all(same):
            i = int(np.flatnonzero(~np.asarray(same))[0])
            raise StoreMismatchError(
                f"{chunk.ref.name} of {where} was computed with {name} = {held[i]} at point "
                f"{start + i}, and the design draws {expected[i]}. Open the store with the design "
                "and the version that it was made with."
            )


def _described_measures(plan: Plan) -> dict[str, Any]:
    found = plan.simulator.get("measures")
    if not isinstance(found, dict):
        return {}
    return {k: v if isinstance(v, dict) else {} for k, v in found.items()}


def _measure_attrs(
    name: str, unit: str, described: Mapping[str, Any], spec: Spec | None
) -> dict[str, Any]:
    unit = unit or str(described.get("unit") or getattr(spec, "unit", "") or "")
    attrs: dict[str, Any] = {
        "units": unit,
        "long_name": str(described.get("long_name") or name),
    }
    if spec is not None:
        for side in ("min", "max"):
            limit = getattr(spec, side)
            if limit is not None:
                attrs[f"spec_{side}"] = float(limit)
    return attrs


def _status_attrs() -> dict[str, Any]:
    return {
        "long_name": "how the sample ended",
        "flag_values": np.array([int(s) for s in Status], np.int8),
        "flag_meanings": " ".join(s.name.lower() for s in Status),
    }


def _attrs(
    plan: Plan,
    specs: Mapping[str, Spec],
    start: str,
    packages: Mapping[str, str],
    platforms: list[str],
) -> dict[str, Any]:
    simulator = plan.simulator
    engine = simulator.get("engine")
    engine = engine if isinstance(engine, dict) else {"name": engine or ""}
    limits = {
        name: {side: getattr(spec, side) for side in ("min", "max", "unit")}
        for name, spec in sorted(specs.items())
    }
    # Strings and numbers only: what every format of file takes.
    attrs: dict[str, Any] = {
        "plan_digest": plan.digest,
        "simulator": str(simulator.get("kind", "")),
        "circuit_digest": str(simulator.get("digest", "")),
        "engine": str(engine.get("name", "")),
        "engine_version": str(engine.get("version", "")),
        "seed": _seed(plan.design),
        "sampler": str((plan.design.get("draws") or {}).get("sampler", "")),
        "packages": " ".join(f"{k}={v}" for k, v in sorted(packages.items())),
        "specs": json.dumps(limits, sort_keys=True),
        "start": start,
        "platforms": " ".join(platforms),
    }
    return {k: v for k, v in attrs.items() if v not in ("", None)}


def _seed(design: Any) -> int | str | None:
    """Find the seed in a design's description; crossed designs hold it one level down.

    An integer too large for 64 bits is given as text, since no file format takes it.
    """
    if isinstance(design, list):
        parts = design
    elif isinstance(design, dict):
        seed = design.get("seed")
        if isinstance(seed, int):
            return seed if abs(seed) < 2**63 else str(seed)
        parts = list(design.values())
    else:
        return None
    return next((s for s in map(_seed, parts) if s is not None), None)
