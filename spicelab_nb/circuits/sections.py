"""Sections of libraries (``.lib FILE SECTION``) as parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spicelab_nb.circuits.fields import split_fields
from spicelab_nb.circuits.targets import Instance, Slot, Target
from spicelab_nb.errors import AmbiguousNameError, UnknownNameError, nearest

if TYPE_CHECKING:
    from spicelab_nb.circuits.scope import LibReference, Netlist

__all__ = ["section", "section_names"]


def section_names(netlist: Netlist) -> dict[str, LibReference]:
    """Name every section that can be chosen: ``lib``, or ``lib:FILE`` where there are several."""
    libs = netlist.libs
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


def section(netlist: Netlist, top: Instance, name: str, *, title: str) -> Target:
    """Find the section that a name (``lib``, ``lib:FILE``) chooses.

    Raises
    ------
    UnknownNameError, AmbiguousNameError
        There is none, or there are several.
    """
    names = section_names(netlist)
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
                f"{title} has no '.lib FILE SECTION' line, so {name!r} cannot be set."
            )
        if low == "lib" or len(names) > 1:
            listed = ", ".join(names)
            error = AmbiguousNameError if low == "lib" else UnknownNameError
            raise error(f"{title} selects several sections: {listed}; {name!r} is none.")
        raise UnknownNameError(f"{title} has no {name!r}.{nearest(name, names)}")
    if len(match) > 1:
        raise AmbiguousNameError(f"{name!r} may be {' or '.join(match)} in {title}.")
    lib = names[match[0]]
    words, _ = split_fields(lib.site.card.text)
    word = words[2]
    return Target(
        name=match[0],
        kind="lib",
        where=top,
        places=((lib.site, Slot(word.start, word.stop, lib.section)),),
        scope=top,
    )
