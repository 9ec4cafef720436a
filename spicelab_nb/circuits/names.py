"""What a parameter's name means in a netlist."""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING

from spicelab_nb.circuits import targets
from spicelab_nb.circuits.defaults import (
    ALIASES,
    instance_parameters,
    model_parameters,
)
from spicelab_nb.circuits.fields import split_fields
from spicelab_nb.circuits.targets import Instance, Slot, Target
from spicelab_nb.errors import AmbiguousNameError, UnknownNameError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from spicelab_nb.circuits.scope import Device, LibReference, Model, Netlist, Scope, Site

__all__ = ["Names"]

_PREFIX = re.compile(r"(?:(?P<path>.+?)\.)?(?P<kind>param|model|device):(?P<rest>.+)", re.I | re.S)
_KINDS = {"param": ("param", "formal"), "model": ("model",), "device": ("value", "instance")}
_GLOB = re.compile(r"[*?\[]")
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
            return self._temperature()
        if low == "lib" or low.startswith("lib:"):
            return self._lib(name)
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
            yield self._param(here, rest)
        elif here.path and rest in scope.formals:
            yield self._formal(here, rest)
        device = scope.devices.get(rest)
        if device is not None and device.letter in ALIASES:
            target = self._value(here, device)
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
                yield self._model(here, model, tail)

    def _of_device(self, here: Instance, device: Device, tail: str) -> Iterator[Target]:
        if device.letter == "x":
            definition = here.scope.definition(device)
            if definition is not None and definition not in here.scopes:
                yield from self._candidates(here.inside(device, definition), tail)
            if tail == "m":
                yield self._instance(here, device, tail)
        elif tail in ALIASES.get(device.letter, ()):
            target = self._value(here, device)
            if target is not None:
                yield target
        elif device.letter in "vi" and tail in ("dc", "ac", "acmag"):
            yield self._source(here, device, tail[:2])
        elif tail in targets.set_parameters(device) or tail in instance_parameters(device.letter):
            yield self._instance(here, device, tail)

    @staticmethod
    def _has(model: Model, parameter: str) -> bool:
        _, kind, _, parameters = model.fields
        if any(a.name == parameter for a in parameters):
            return True
        known = model_parameters(kind)
        return known is None or parameter in known

    # Targets of each kind

    def _name(self, here: Instance, name: str) -> str:
        return ".".join((*here.spelled, name))

    def _param(self, here: Instance, name: str) -> Target:
        found = here.scope.params[name]
        spelled = self._name(here, f"param:{found[0][0]}") if here.path else found[0][0]
        return Target(
            name=spelled,
            kind="param",
            where=here,
            places=tuple((site, Slot(a.start, a.stop, a.text)) for _, site, a in found),
            scope=here,
            command=None if here.path else targets.command(f"alterparam {name}=", name),
        )

    def _formal(self, here: Instance, name: str) -> Target:
        spelled, assignment = here.scope.formals[name]
        outside = here.outside
        device = outside.scope.devices[here.path[-1]]
        slot = targets.parameter_slot(device, name)
        scope = outside
        if slot.text is None:
            slot = Slot(slot.start, slot.stop, assignment.text, slot.before, slot.after)
            scope = here
        return Target(
            name=self._name(here, f"param:{spelled}"),
            kind="formal",
            where=outside,
            places=tuple((site, slot) for site in device.sites),
            scope=scope,
        )

    def _value(self, here: Instance, device: Device) -> Target | None:
        slot = targets.value_slot(device, here.scope)
        if slot is None:
            return None
        flat = here.element(device.name)
        name = self._name(here, device.name)
        if not here.path and device.name.lower() in here.scope.params:
            name = f"device:{name}"
        elif here.path and (
            device.name.lower() in here.scope.params or device.name.lower() in here.scope.formals
        ):
            name = self._name(here, f"device:{device.name}")
        alters = not targets.behavioural(slot.text) and len(device.sites) == 1
        return Target(
            name=name,
            kind="value",
            where=here,
            places=self._places(device, slot, here.scope),
            scope=here,
            command=targets.command(f"alter {flat} = ", flat) if alters else None,
            ask=f"@{flat}[{ALIASES[device.letter][1]}]",
        )

    @staticmethod
    def _places(device: Device, slot: Slot, scope: Scope) -> tuple[tuple[Site, Slot], ...]:
        found = [(device.sites[0], slot)]
        for site in device.sites[1:]:
            other = type(device)(device.name, [site])
            again = targets.value_slot(other, scope)
            if again is not None:
                found.append((site, again))
        return tuple(found)

    def _source(self, here: Instance, device: Device, which: str) -> Target:
        flat = here.element(device.name)
        default: float | None
        if which == "dc":
            slot = targets.dc_slot(device, here.scope)
            default = None if targets.has_waveform(device) else 0.0
            words = f"alter {flat} = "
        else:
            slot, default = targets.ac_slot(device, here.scope)
            words = f"alter @{flat}[acmag] = "
        return Target(
            name=self._name(here, f"{device.name}.{which}"),
            kind="instance",
            where=here,
            places=((device.sites[0], slot),),
            scope=here,
            default=default,
            command=targets.command(words, flat) if len(device.sites) == 1 else None,
            ask=f"@{flat}[{which if which == 'dc' else 'acmag'}]",
        )

    def _instance(self, here: Instance, device: Device, parameter: str) -> Target:
        slot = targets.parameter_slot(device, parameter)
        flat = here.element(device.name)
        alters = (
            device.letter not in "xb"
            and len(device.sites) == 1
            and not targets.behavioural(slot.text)
            and not (slot.text or "").startswith("[")
        )
        words = f"alter @{flat}[{parameter}] = "
        return Target(
            name=self._name(here, f"{device.name}.{parameter}"),
            kind="instance",
            where=here,
            places=((device.sites[0], slot),),
            scope=here,
            default=targets.default_of(device, parameter),
            command=targets.command(words, flat, parameter) if alters else None,
            ask=f"@{flat}[{parameter}]" if device.letter != "x" else None,
        )

    def _model(self, here: Instance, model: Model, parameter: str) -> Target:
        flat = here.model(model.name)
        words = f"altermod {flat} {parameter} = "
        return Target(
            name=self._name(here, f"{model.name}.{parameter}"),
            kind="model",
            where=here,
            places=((model.site, targets.model_slot(model, parameter)),),
            scope=here,
            command=targets.command(words, flat, parameter),
        )

    def _temperature(self) -> Target:
        places = []
        for scope, site in self._netlist.sites:
            card = site.card
            if scope is not self._netlist.top or card.text[0] != ".":
                continue
            words, assignments = split_fields(card.text)
            if card.keyword == ".temp" and len(words) > 1:
                # Of the two cards it is .options whose number ngspice reads as commands are read.
                whole = Slot(words[0].start, words[-1].stop, words[1].text, ".options temp=")
                places.append((site, whole))
            elif card.keyword.startswith(".opt"):
                places += [
                    (site, Slot(a.start, a.stop, a.text)) for a in assignments if a.name == "temp"
                ]
        return Target(
            name="temp",
            kind="temp",
            where=self.top,
            places=tuple(places),
            scope=self.top,
            default=27.0,
            command="option temp=",
        )

    # Sections of libraries

    def _lib_names(self) -> dict[str, LibReference]:
        libs = self._netlist.libs
        outer = [lib for lib in libs if lib.outer]
        if len(outer) == 1 and len(libs) == 1:
            return {"lib": outer[0]}
        names: dict[str, LibReference] = {}
        for lib in libs:
            same = [other for other in libs if other.file.name == lib.file.name]
            name = f"lib:{lib.file.name}"
            if len(same) > 1:
                name += f":{lib.section}"
            names.setdefault(name, lib)
        if len(outer) == 1:
            names = {"lib": outer[0], **{n: lib for n, lib in names.items() if lib is not outer[0]}}
        return names

    def _lib(self, name: str) -> Target:
        names = self._lib_names()
        low = name.lower()
        match = [n for n in names if n.lower() == low]
        if not match and low.startswith("lib:"):
            match = [
                n
                for n, lib in names.items()
                if low[4:] in (lib.file.name.lower(), lib.file.name.rpartition(".")[0].lower())
            ]
        if not match:
            if not names:
                raise UnknownNameError(
                    f"{self._title} has no '.lib FILE SECTION' line, so {name!r} cannot be set."
                )
            if low == "lib" or len(names) > 1:
                listed = ", ".join(names)
                error = AmbiguousNameError if low == "lib" else UnknownNameError
                raise error(f"{self._title} selects several sections: {listed}; {name!r} is none.")
            raise UnknownNameError(f"{self._title} has no {name!r}.{nearest(name, names)}")
        if len(match) > 1:
            raise AmbiguousNameError(f"{name!r} may be {' or '.join(match)} in {self._title}.")
        lib = names[match[0]]
        words, _ = split_fields(lib.site.card.text)
        section = words[2]
        return Target(
            name=match[0],
            kind="lib",
            where=self.top,
            places=((lib.site, Slot(section.start, section.stop, lib.section)),),
            scope=self.top,
        )

    def lib_reference(self, name: str) -> LibReference:
        """The ``.lib`` card of a canonical name."""
        return self._lib_names()[name]

    # All names

    def all(self) -> Iterator[str]:
        """Every canonical name that has a value in the text."""
        yield from self._lib_names()
        yield "temp"
        yield from self._inside(self.top)

    def _inside(self, here: Instance) -> Iterator[str]:
        scope = here.scope
        for name in scope.params:
            yield self._param(here, name).name
        for name in scope.formals:
            if here.path and name not in scope.params:
                yield self._formal(here, name).name
        for device in scope.devices.values():
            yield from (target.name for target in self._set_on(here, device))
        for model in scope.models.values():
            for parameter in dict.fromkeys(a.name for a in model.fields[3]):
                yield self._name(here, f"{model.name}.{parameter}")
        for instance in self._instances(here):
            yield from self._inside(instance)

    def _set_on(self, here: Instance, device: Device) -> Iterator[Target]:
        """What stands on a device's card."""
        if device.letter in ALIASES:
            value = self._value(here, device)
            if value is not None and value.text is not None:
                yield value
        if device.letter in "vi":
            for which in ("dc", "ac"):
                source = self._source(here, device, which)
                if source.text is not None:
                    yield source
        names = list(targets.set_parameters(device))
        names += [n for letter, n in targets.positional() if letter == device.letter]
        for name in dict.fromkeys(names):
            if device.letter == "x" and name != "m":
                continue
            if name in ALIASES.get(device.letter, ()) or (
                device.letter in "vi" and name in ("dc", "ac", "acmag")
            ):
                continue
            target = self._instance(here, device, name)
            if target.text is not None:
                yield target

    def _instances(self, here: Instance) -> Iterator[Instance]:
        for device in here.scope.devices.values():
            if device.letter == "x":
                definition = here.scope.definition(device)
                if definition is not None and definition not in here.scopes:
                    yield here.inside(device, definition)

    # Globs

    def expand(self, pattern: str) -> tuple[str, ...]:
        """Every canonical name that a glob matches, sorted.

        The dots of a pattern stand for themselves: ``M*.delvto`` matches devices at the top,
        ``X1.M*.delvto`` those in X1, ``*.M1.w`` those one level down.
        """
        if not _GLOB.search(pattern):
            return (self.resolve(pattern).name,)
        low = pattern.lower()
        kind = ""
        prefix = _PREFIX.fullmatch(low)
        if prefix is not None:
            kind = prefix["kind"]
            low = f"{prefix['path']}.{prefix['rest']}" if prefix["path"] else prefix["rest"]
        found: dict[str, Target] = {}
        for target in self._matching(self.top, low.split(".")):
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

    def _matching(self, here: Instance, parts: list[str]) -> Iterator[Target]:
        scope = here.scope
        for i in range(1, len(parts)):  # a device or model may have dots in its name
            head, tail = ".".join(parts[:i]), ".".join(parts[i:])
            devices = _select(scope.devices, head)
            plain = [d for d in devices if d.letter != "x"]
            yield from self._of_devices(here, plain, tail, exact=not _GLOB.search(head))
            for device in devices:
                if device.letter == "x":
                    definition = scope.definition(device)
                    if definition is not None and definition not in here.scopes:
                        inner = here.inside(device, definition)
                        yield from self._matching(inner, parts[i:])
                    if tail == "m":
                        yield self._instance(here, device, tail)
            for model in _select(scope.models, head):
                names = dict.fromkeys(a.name for a in model.fields[3])
                if not _GLOB.search(tail) and tail not in names:
                    known = model_parameters(model.fields[1])
                    names = {tail: None} if known is not None and tail in known else {}
                for name in names:
                    if fnmatch.fnmatchcase(name, tail):
                        yield self._model(here, model, name)
        name = ".".join(parts)
        for param in fnmatch.filter(scope.params, name):
            yield self._param(here, param)
        if here.path:
            for param in fnmatch.filter(scope.formals, name):
                if param not in scope.params:
                    yield self._formal(here, param)
        for device in _select(scope.devices, name):
            if device.letter in ALIASES:
                target = self._value(here, device)
                if target is not None:
                    yield target

    def _of_devices(
        self, here: Instance, devices: list[Device], tail: str, *, exact: bool
    ) -> Iterator[Target]:
        for device in devices:
            if _GLOB.search(tail):
                for target in self._set_on(here, device):
                    if target.kind == "instance" and fnmatch.fnmatchcase(
                        target.name.rpartition(".")[2].lower(), tail
                    ):
                        yield target
            else:
                yield from self._of_device(here, device, tail)

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


def _select(table: dict[str, Device] | dict[str, Model], pattern: str) -> Iterable:  # type: ignore[type-arg]
    if not _GLOB.search(pattern):
        return [table[pattern]] if pattern in table else []
    return [table[name] for name in table if fnmatch.fnmatchcase(name, pattern)]
