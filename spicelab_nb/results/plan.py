"""What a store holds the results of: simulator and design, as canonical JSON with a digest."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import CorruptObjectError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["PLAN_VERSION", "Plan", "canonical_json", "parse_json", "plain"]

PLAN_VERSION = 1
"""Version of the plan's format: part of the digest."""

_ABSENT = object()
_NON_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def plain(value: Any, where: str = "value") -> Any:
    """Reduce a value to what JSON has, the same for every way of writing it.

    Parameters
    ----------
    value
        Mappings with string keys, sequences, NumPy arrays and scalars, strings, numbers, None.
    where
        What it is called in an error.

    Raises
    ------
    StoreError
        Something in it is none of these; the message says where.
    """
    if value is None or isinstance(value, bool | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist(), where)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, list | tuple):
        return [plain(v, f"{where}[{i}]") for i, v in enumerate(value)]
    if hasattr(value, "items"):
        for key in value:
            if not isinstance(key, str):
                raise StoreError(
                    f"{where} cannot be written as JSON: its key {key!r} is not a string."
                )
        return {str(k): plain(v, f"{where}.{k}") for k, v in value.items()}
    raise StoreError(
        f"{where} cannot be written as JSON: {type(value).__name__} is none of mapping, list, "
        "string, number or None."
    )


def canonical_json(value: Any) -> bytes:
    """Write a value as the one JSON text that stands for it: sorted keys, no spaces, ASCII.

    Numbers that JSON has not are written as ``{"$float": "inf"}`` (``"-inf"``, ``"nan"``).
    """
    text = json.dumps(_marked(plain(value)), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def parse_json(data: bytes | str) -> Any:
    """Read what :func:`canonical_json` wrote."""
    return json.loads(data, object_hook=_unmarked)


def _marked(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": repr(value)}
    if isinstance(value, dict):
        return {k: _marked(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_marked(v) for v in value]
    return value


def _unmarked(value: dict[str, Any]) -> Any:
    if set(value) == {"$float"}:
        return _NON_FINITE[value["$float"]]
    return value


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What identifies a campaign's results. Specs, name, cluster and size are not in it.

    Parameters
    ----------
    simulator
        ``Simulator.describe()``.
    design
        ``BoundDesign.describe()``; without n where the design is extensible.
    inputs
        Contents that `simulator` names by SHA-256 only, by that digest. They are kept in the store
        as objects of their own and are no part of the JSON.
    proof
        What the simulator's path was decided by, for people. It is kept in the manifest and, like
        `inputs`, identifies nothing.

    Raises
    ------
    StoreError
        Something in it cannot be written as JSON, or an input's digest is not its name.
    """

    simulator: Mapping[str, Any]
    design: Mapping[str, Any]
    inputs: Mapping[str, bytes] = field(default_factory=dict, compare=False)
    proof: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "simulator", plain(self.simulator, "simulator"))
        object.__setattr__(self, "design", plain(self.design, "design"))
        object.__setattr__(self, "inputs", dict(self.inputs))
        object.__setattr__(self, "proof", plain(self.proof, "proof"))
        for digest, content in self.inputs.items():
            if hashlib.sha256(content).hexdigest() != digest:
                raise StoreError(f"The input named {digest!r} is not the SHA-256 of its content.")
        object.__setattr__(self, "_digest", hashlib.sha256(self.to_json()).hexdigest())

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON of version, simulator and design; 64 digits."""
        return str(self._digest)  # type: ignore[attr-defined]

    def to_json(self) -> bytes:
        """Canonical JSON of ``{"version", "simulator", "design"}``: what the digest is over."""
        return canonical_json(
            {"version": PLAN_VERSION, "simulator": self.simulator, "design": self.design}
        )

    @classmethod
    def from_json(
        cls,
        data: bytes | str,
        inputs: Mapping[str, bytes] | None = None,
        proof: Mapping[str, Any] | None = None,
    ) -> Plan:
        """Read what `to_json` wrote.

        Raises
        ------
        CorruptObjectError
            It is not a plan.
        StoreError
            It was written by a later version.
        """
        try:
            parts = parse_json(data)
            version, simulator, design = parts["version"], parts["simulator"], parts["design"]
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptObjectError(f"This is not a plan: {error!r}") from error
        if version != PLAN_VERSION:
            raise StoreError(
                f"The plan has format version {version}; this spicelab_nb reads {PLAN_VERSION}. "
                "Update spicelab_nb."
            )
        return cls(simulator=simulator, design=design, inputs=inputs or {}, proof=proof or {})

    def difference(self, other: Plan) -> str:
        """Name what differs from another plan, in one sentence; "" when nothing does.

        Parameters
        ----------
        other
            The plan asked for; this one is what is there.
        """
        mine = {"simulator": self.simulator, "design": self.design}
        theirs = {"simulator": other.simulator, "design": other.design}
        found = list(_differences(mine, theirs, ""))
        if not found:
            return ""
        shown = "; ".join(found[:4])
        more = f"; and {len(found) - 4} more" if len(found) > 4 else ""
        return f"{shown}{more}."


def _differences(mine: Any, theirs: Any, path: str) -> Iterator[str]:
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for key in sorted(mine.keys() | theirs.keys()):
            below = f"{path}.{key}" if path else key
            yield from _differences(mine.get(key, _ABSENT), theirs.get(key, _ABSENT), below)
    elif isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
        for i, (a, b) in enumerate(zip(mine, theirs, strict=True)):
            yield from _differences(a, b, f"{path}[{i}]")
    elif mine is _ABSENT:
        yield f"{path} is {_shown(theirs)} here and missing there"
    elif theirs is _ABSENT:
        yield f"{path} is missing here and {_shown(mine)} there"
    elif canonical_json(mine) != canonical_json(theirs):
        yield f"{path} is {_shown(theirs)} here and {_shown(mine)} there"


def _shown(value: Any) -> str:
    text = canonical_json(value).decode()
    return text if len(text) <= 60 else f"{text[:57]}..."
