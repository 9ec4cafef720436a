"""Keys of designs: a name, a glob, or a tuple of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from spicelab_nb.errors import SamplingError, UnknownNameError

if TYPE_CHECKING:
    from spicelab_nb.sampling.design import ParameterSpace

__all__ = ["RESERVED", "Key", "check_key", "is_glob", "resolve"]

Key: TypeAlias = str | tuple[str, ...]
"""``"R1"``, ``"M*.delvto"`` or ``("R2", "R3")``."""

RESERVED = frozenset({"sample", "corner", "status"})
"""Names that the dataset uses itself."""


def is_glob(name: str) -> bool:
    """Whether a name has wildcards in it."""
    return any(c in name for c in "*?[")


def check_key(key: Any) -> None:
    """See whether a mapping's key can name parameters.

    Raises
    ------
    SamplingError
        It is neither a name nor a tuple of at least one.
    """
    names = key if isinstance(key, tuple) else (key,)
    if not names or not all(isinstance(n, str) and n.strip() for n in names):
        raise SamplingError(
            f"{key!r} names no parameter: a key is a name such as 'R1', a pattern such as "
            "'M*.delvto', or a tuple of names that share a value"
        )


def resolve(space: ParameterSpace, key: Key) -> tuple[str, ...]:
    """Give the canonical names that a key stands for, each once, in the key's order.

    Raises
    ------
    UnknownNameError, AmbiguousNameError
        From the space.
    SamplingError
        A name is one that the dataset uses itself.
    """
    found: list[str] = []
    for name in key if isinstance(key, tuple) else (key,):
        found += _one(space, name)
    for name in found:
        if name in RESERVED:
            raise SamplingError(
                f"A parameter called {name!r} cannot be varied: the dataset uses that name itself"
            )
    return tuple(dict.fromkeys(found))


def _one(space: ParameterSpace, name: str) -> tuple[str, ...]:
    if not is_glob(name):
        return (space.canonical(name),)
    if "*" not in name and "?" not in name:
        try:  # brackets may belong to a name as it is: "Xbus[3].R1"
            return (space.canonical(name),)
        except UnknownNameError:
            pass
    return space.expand(name)
