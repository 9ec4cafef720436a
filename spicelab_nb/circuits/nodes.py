"""The nodes of a netlist."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spicelab_nb.circuits.scope import Device, Netlist

__all__ = ["nodes_of"]

_COUNTS = {
    "b": 2, "c": 2, "d": 3, "e": 4, "f": 2, "g": 4, "h": 2, "i": 2, "j": 3, "k": 0, "l": 2, "o": 4,
    "q": 5, "r": 2, "s": 4, "t": 4, "u": 3, "v": 2, "w": 2, "y": 4, "z": 3, "m": 7,
}  # fmt: skip


def nodes_of(netlist: Netlist) -> frozenset[str]:
    """Names of the nodes at the top, lower case; models' names among them are left out."""
    nodes: set[str] = set()
    for device in netlist.top.devices.values():
        nodes.update(_nodes(device))
    return frozenset(nodes - set(netlist.top.models))


def _nodes(device: Device) -> set[str]:
    words = [w.text.lower() for w in device.fields[0]]
    if device.letter == "x":
        last = device.subcircuit
        words = [w.text.lower() for w in device.fields[0] if last is None or w.start < last.start]
    count = _COUNTS.get(device.letter, len(words))
    found: set[str] = set()
    for word in words[1 : 1 + count]:
        if word[0] in "([":  # nodes in brackets: of E and G, and of XSPICE's A
            found.update(word.strip("()[]").replace(",", " ").split())
        else:
            found.add(word)
    return found
