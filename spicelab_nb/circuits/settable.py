"""What can be set at one place of a netlist: names, where they stand, and the commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spicelab_nb.circuits import targets
from spicelab_nb.circuits.defaults import ALIASES, instance_parameters
from spicelab_nb.circuits.fields import split_fields
from spicelab_nb.circuits.targets import Instance, Slot, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spicelab_nb.circuits.scope import Device, Model, Netlist, Scope, Site

__all__ = [
    "element_value",
    "formal",
    "full_name",
    "instance_parameter",
    "instances",
    "model_parameter",
    "named_on_card",
    "param",
    "set_on_card",
    "source_value",
    "temperature",
]


def full_name(here: Instance, name: str) -> str:
    """A name as it is written from the top: ``X1.R1``."""
    return ".".join((*here.spelled, name))


def param(here: Instance, name: str) -> Target:
    """A ``.param`` that stands at a place; lower case."""
    found = here.scope.params[name]
    spelled = full_name(here, f"param:{found[0][0]}") if here.path else found[0][0]
    return Target(
        name=spelled,
        kind="param",
        where=here,
        places=tuple((site, Slot(a.start, a.stop, a.text)) for _, site, a in found),
        scope=here,
        command=None if here.path else targets.command(f"alterparam {name}=", name),
    )


def formal(here: Instance, name: str) -> Target:
    """A parameter of the subcircuit that is instantiated there; lower case."""
    spelled, assignment = here.scope.formals[name]
    outside = here.outside
    device = outside.scope.devices[here.path[-1]]
    slot = targets.parameter_slot(device, name)
    scope = outside
    if slot.text is None:
        slot = Slot(slot.start, slot.stop, assignment.text, slot.before, slot.after)
        scope = here
    return Target(
        name=full_name(here, f"param:{spelled}"),
        kind="formal",
        where=outside,
        places=tuple((site, slot) for site in device.sites),
        scope=scope,
    )


def element_value(here: Instance, device: Device) -> Target | None:
    """The value of an R, C or L; None where it has none of its own."""
    slot = targets.value_slot(device, here.scope)
    if slot is None:
        return None
    flat = here.element(device.name)
    name = full_name(here, device.name)
    if not here.path and device.name.lower() in here.scope.params:
        name = f"device:{name}"
    elif here.path and (
        device.name.lower() in here.scope.params or device.name.lower() in here.scope.formals
    ):
        name = full_name(here, f"device:{device.name}")
    alters = not targets.behavioural(slot.text) and len(device.sites) == 1
    return Target(
        name=name,
        kind="value",
        where=here,
        places=_places(device, slot, here.scope),
        scope=here,
        command=targets.command(f"alter {flat} = ", flat) if alters else None,
        ask=f"@{flat}[{ALIASES[device.letter][1]}]",
    )


def _places(device: Device, slot: Slot, scope: Scope) -> tuple[tuple[Site, Slot], ...]:
    found = [(device.sites[0], slot)]
    for site in device.sites[1:]:
        other = type(device)(device.name, [site])
        again = targets.value_slot(other, scope)
        if again is not None:
            found.append((site, again))
    return tuple(found)


def source_value(here: Instance, device: Device, which: str) -> Target:
    """``dc`` or ``ac`` of a source."""
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
        name=full_name(here, f"{device.name}.{which}"),
        kind="instance",
        where=here,
        places=((device.sites[0], slot),),
        scope=here,
        default=default,
        command=targets.command(words, flat) if len(device.sites) == 1 else None,
        ask=f"@{flat}[{which if which == 'dc' else 'acmag'}]",
    )


def instance_parameter(here: Instance, device: Device, parameter: str) -> Target:
    """A parameter on an element's card, or one that could stand there."""
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
        name=full_name(here, f"{device.name}.{parameter}"),
        kind="instance",
        where=here,
        places=((device.sites[0], slot),),
        scope=here,
        default=targets.default_of(device, parameter),
        command=targets.command(words, flat, parameter) if alters else None,
        ask=f"@{flat}[{parameter}]" if device.letter != "x" else None,
    )


def model_parameter(here: Instance, model: Model, parameter: str) -> Target:
    """A parameter of a model card that stands at a place."""
    flat = here.model(model.name)
    words = f"altermod {flat} {parameter} = "
    return Target(
        name=full_name(here, f"{model.name}.{parameter}"),
        kind="model",
        where=here,
        places=((model.site, targets.model_slot(model, parameter)),),
        scope=here,
        command=targets.command(words, flat, parameter),
    )


def temperature(netlist: Netlist, top: Instance) -> Target:
    """The temperature of the circuit, wherever the netlist sets it."""
    places = []
    for scope, site in netlist.sites:
        card = site.card
        if scope is not netlist.top or card.text[0] != ".":
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
        where=top,
        places=tuple(places),
        scope=top,
        default=27.0,
        command="option temp=",
    )


# What an element's card holds


def named_on_card(here: Instance, device: Device, tail: str) -> Iterator[Target]:
    """What a name after an element's (``w`` of ``M1.w``) can mean; nothing for an X element."""
    if tail in ALIASES.get(device.letter, ()):
        target = element_value(here, device)
        if target is not None:
            yield target
    elif device.letter in "vi" and tail in ("dc", "ac", "acmag"):
        yield source_value(here, device, tail[:2])
    elif tail in targets.set_parameters(device) or tail in instance_parameters(device.letter):
        yield instance_parameter(here, device, tail)


def set_on_card(here: Instance, device: Device) -> Iterator[Target]:
    """What has a value on an element's card."""
    if device.letter in ALIASES:
        value = element_value(here, device)
        if value is not None and value.text is not None:
            yield value
    if device.letter in "vi":
        for which in ("dc", "ac"):
            source = source_value(here, device, which)
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
        target = instance_parameter(here, device, name)
        if target.text is not None:
            yield target


def instances(here: Instance) -> Iterator[Instance]:
    """The subcircuits that a place has in it, one level down."""
    for device in here.scope.devices.values():
        if device.letter == "x":
            definition = here.scope.definition(device)
            if definition is not None and definition not in here.scopes:
                yield here.inside(device, definition)
