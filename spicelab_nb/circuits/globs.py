"""Patterns of names: ``M*.delvto`` for every M at the top, ``*.M1.w`` for those one level down."""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING

from spicelab_nb.circuits.defaults import ALIASES, model_parameters
from spicelab_nb.circuits.settable import (
    element_value,
    formal,
    instance_parameter,
    model_parameter,
    named_on_card,
    param,
    set_on_card,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from spicelab_nb.circuits.scope import Device, Model
    from spicelab_nb.circuits.targets import Instance, Target

__all__ = ["is_glob", "matching"]

_GLOB = re.compile(r"[*?\[]")


def is_glob(name: str) -> bool:
    """Whether a name is a pattern."""
    return _GLOB.search(name) is not None


def matching(here: Instance, parts: list[str]) -> Iterator[Target]:
    """Everything that a pattern, cut at its dots, can mean at a place; lower case."""
    scope = here.scope
    for i in range(1, len(parts)):  # a device or model may have dots in its name
        head, tail = ".".join(parts[:i]), ".".join(parts[i:])
        devices = _select(scope.devices, head)
        plain = [d for d in devices if d.letter != "x"]
        yield from _of_devices(here, plain, tail, exact=not is_glob(head))
        for device in devices:
            if device.letter == "x":
                definition = scope.definition(device)
                if definition is not None and definition not in here.scopes:
                    inner = here.inside(device, definition)
                    yield from matching(inner, parts[i:])
                if tail == "m":
                    yield instance_parameter(here, device, tail)
        for model in _select(scope.models, head):
            names = dict.fromkeys(a.name for a in model.fields[3])
            if not is_glob(tail) and tail not in names:
                known = model_parameters(model.fields[1])
                names = {tail: None} if known is not None and tail in known else {}
            for name in names:
                if fnmatch.fnmatchcase(name, tail):
                    yield model_parameter(here, model, name)
    name = ".".join(parts)
    for found in fnmatch.filter(scope.params, name):
        yield param(here, found)
    if here.path:
        for found in fnmatch.filter(scope.formals, name):
            if found not in scope.params:
                yield formal(here, found)
    for device in _select(scope.devices, name):
        if device.letter in ALIASES:
            target = element_value(here, device)
            if target is not None:
                yield target


def _of_devices(
    here: Instance, devices: list[Device], tail: str, *, exact: bool
) -> Iterator[Target]:
    for device in devices:
        if is_glob(tail):
            for target in set_on_card(here, device):
                if target.kind == "instance" and fnmatch.fnmatchcase(
                    target.name.rpartition(".")[2].lower(), tail
                ):
                    yield target
        else:
            yield from named_on_card(here, device, tail)


def _select(table: dict[str, Device] | dict[str, Model], pattern: str) -> Iterable:  # type: ignore[type-arg]
    if not is_glob(pattern):
        return [table[pattern]] if pattern in table else []
    return [table[name] for name in table if fnmatch.fnmatchcase(name, pattern)]
