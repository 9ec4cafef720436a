"""What a parameter's name means in a netlist."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from spicelab_nb.circuits import settable, targets
from spicelab_nb.circuits.defaults import ALIASES, instance_parameters, model_parameters
from spicelab_nb.circuits.globs import is_glob, matching
from spicelab_nb.circuits.sections import section, section_names
from spicelab_nb.circuits.targets import Instance, Target
from spicelab_nb.errors import AmbiguousNameError, UnknownNameError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spicelab_nb.circuits.scope import Device, LibReference, Model, Netlist

__all__ = ["Names"]

_PREFIX = re.compile(r"(?:(?P<path>.+?)\.)?(?P<kind>param|model|device):(?P<rest>.+)", re.I | re.S)
_KINDS = {"param": ("param", "formal"), "model": ("model",), "device": ("value", "instance")}
MOST_NAMES = 20_000
"""How many names are searched for the nearest to an unknown one."""


class Names:
    """Resolves names in a netlist.

    Parameters
    ----------
    netlist
        Where they are looked up.
    title
        What the netlist is called in messages.
    """

    def __init__(self, netlist: Netlist, title: str) -> None:
        self._netlist = netlist
        self._title = title
        self.top = Instance((), (), (netlist.top,))
        self._resolved: dict[str, Target] = {}

    # One name

    def resolve(self, name: str) -> Target:
        """Find what a name stands for.

        Raises
        ------
        UnknownNameError, AmbiguousNameError
            With the nearest names, or with the candidates.
        """
        key = name.strip().lower()
        if key not in self._resolved:
            self._resolved[key] = self._resolve(name.strip())
        return self._resolved[key]

    def _resolve(self, name: str) -> Target:
        low = name.lower()
        if low == "temp":
            return settable.temperature(self._netlist, self.top)
        if low == "lib" or low.startswith("lib:"):
            return section(self._netlist, self.top, name, title=self._title)
        prefix = _PREFIX.fullmatch(low)
        if prefix is not None:
            kinds = _KINDS[prefix["kind"]]
            path = f"{prefix['path']}." if prefix["path"] else ""
            found = [
                t for t in self._candidates(self.top, path + prefix["rest"]) if t.kind in kinds
            ]
        else:
            found = list(self._candidates(self.top, low))
        if len(found) > 1:
            found = self._preferred(found)
        if len(found) == 1:
            return found[0]
        if not found:
            raise UnknownNameError(self._unknown(name))
        listed = " or ".join(sorted(self._unambiguous(t) for t in found))
        raise AmbiguousNameError(f"{name!r} means several things in {self._title}: {listed}.")

    def _preferred(self, found: list[Target]) -> list[Target]:
        if all(not t.where.path and t.kind in ("param", "value") for t in found):
            return [t for t in found if t.kind == "param"]
        # D1.is, where a diode and its model are both called D1: the one that has it.
        there = [t for t in found if t.text is not None]
        if len(there) == 1 and {t.kind for t in found} == {"instance", "model"}:
            return there
        return found

    @staticmethod
    def _unambiguous(target: Target) -> str:
        word = {"param": "param", "formal": "param", "model": "model"}.get(target.kind, "device")
        path, _, name = target.name.rpartition(":")
        if path:
            return target.name
        inner = ".".join(target.where.spelled)
        if target.kind == "formal":
            return target.name
        name = target.name
        if inner and name.startswith(inner + "."):
            return f"{inner}.{word}:{name[len(inner) + 1 :]}"
        return f"{word}:{name}"

    def _candidates(self, here: Instance, rest: str) -> Iterator[Target]:
        """Everything that `rest` (lower case) can mean at a place."""
        scope = here.scope
        if rest in scope.params:
            yield settable.param(here, rest)
        elif here.path and rest in scope.formals:
            yield settable.formal(here, rest)
        device = scope.devices.get(rest)
        if device is not None and device.letter in ALIASES:
            target = settable.element_value(here, device)
            if target is not None:
                yield target
        for i, c in enumerate(rest):
            if c != ".":
                continue
            head, tail = rest[:i], rest[i + 1 :]
            device = scope.devices.get(head)
            if device is not None and tail:
                yield from self._of_device(here, device, tail)
            model = scope.models.get(head)
            if model is not None and tail and self._has(model, tail):
                yield settable.model_parameter(here, model, tail)

    def _of_device(self, here: Instance, device: Device, tail: str) -> Iterator[Target]:
        if device.letter == "x":
            definition = here.scope.definition(device)
            if definition is not None and definition not in here.scopes:
                yield from self._candidates(here.inside(device, definition), tail)
            if tail == "m":
                yield settable.instance_parameter(here, device, tail)
        else:
            yield from settable.named_on_card(here, device, tail)

    @staticmethod
    def _has(model: Model, parameter: str) -> bool:
        _, kind, _, parameters = model.fields
        if any(a.name == parameter for a in parameters):
            return True
        known = model_parameters(kind)
        return known is None or parameter in known

    def lib_reference(self, name: str) -> LibReference:
        """The ``.lib`` card of a canonical name."""
        return section_names(self._netlist)[name]

    # All names

    def all(self) -> Iterator[str]:
        """Every canonical name that has a value in the text."""
        yield from section_names(self._netlist)
        yield "temp"
        yield from self._inside(self.top)

    def _inside(self, here: Instance) -> Iterator[str]:
        scope = here.scope
        for name in scope.params:
            yield settable.param(here, name).name
        for name in scope.formals:
            if here.path and name not in scope.params:
                yield settable.formal(here, name).name
        for device in scope.devices.values():
            yield from (target.name for target in settable.set_on_card(here, device))
        for model in scope.models.values():
            for parameter in dict.fromkeys(a.name for a in model.fields[3]):
                yield settable.full_name(here, f"{model.name}.{parameter}")
        for instance in settable.instances(here):
            yield from self._inside(instance)

    # Globs

    def expand(self, pattern: str) -> tuple[str, ...]:
        """Every canonical name that a glob matches, sorted.

        The dots of a pattern stand for themselves: ``M*.delvto`` matches devices at the top,
        ``X1.M*.delvto`` those in X1, ``*.M1.w`` those one level down.
        """
        if not is_glob(pattern):
            return (self.resolve(pattern).name,)
        low = pattern.lower()
        kind = ""
        prefix = _PREFIX.fullmatch(low)
        if prefix is not None:
            kind = prefix["kind"]
            low = f"{prefix['path']}.{prefix['rest']}" if prefix["path"] else prefix["rest"]
        found: dict[str, Target] = {}
        for target in matching(self.top, low.split(".")):
            if not kind or target.kind in _KINDS[kind]:
                found[target.name] = target
        kinds = {t.kind for t in found.values()}
        if not kind and "value" in kinds and kinds & {"param", "formal"}:
            path, dot, last = pattern.rpartition(".")
            raise AmbiguousNameError(
                f"{pattern!r} matches both parameters and elements of {self._title}: "
                f"{path}{dot}param:{last} ({self._some(found, 'param', 'formal')}) or "
                f"{path}{dot}device:{last} ({self._some(found, 'value')})."
            )
        if not found:
            raise UnknownNameError(
                f"Nothing in {self._title} matches {pattern!r}.{self._near(pattern)}"
            )
        return tuple(sorted(found))

    @staticmethod
    def _some(found: dict[str, Target], *kinds: str) -> str:
        names = sorted(t.name for t in found.values() if t.kind in kinds)
        return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")

    # Messages

    def _unknown(self, name: str) -> str:
        low = name.lower()
        device = self._netlist.top.devices.get(low)
        if device is not None and device.letter in "vi":
            return (
                f"{name!r} in {self._title} is a source: set {device.name}.dc or {device.name}.ac."
            )
        head, _, tail = name.rpartition(".")
        if head.lower() in self._netlist.top.devices and tail:
            device = self._netlist.top.devices[head.lower()]
            if device.letter != "x":
                known = instance_parameters(device.letter) | set(targets.set_parameters(device))
                near = nearest(tail, known)
                return f"{device.name} in {self._title} has no parameter {tail!r}.{near}"
        if head.lower() in self._netlist.top.models and tail:
            model = self._netlist.top.models[head.lower()]
            known = model_parameters(model.fields[1]) or frozenset()
            near = nearest(tail, known | {a.name for a in model.fields[3]})
            return f"The model {model.name} of {self._title} has no parameter {tail!r}.{near}"
        return f"{self._title} has no parameter {name!r}.{self._near(name)}"

    def _near(self, name: str) -> str:
        names: list[str] = []
        folded = name.lower()
        deep = folded.count(".")
        for known in self.all():
            # Model cards have hundreds of parameters: only names of the same shape are near.
            if known.count(".") <= deep or known.lower()[:2] == folded[:2]:
                names.append(known)
            if len(names) >= MOST_NAMES:
                break
        return nearest(name, names)
