"""Circuits of other packages, taken by what they can do: their netlist."""

from __future__ import annotations

from typing import Any

from spicelab_nb.circuits.lines import read_source
from spicelab_nb.errors import CircuitError

__all__ = ["netlist_of"]

_TEXT_PACKAGES = ("PySpice", "InSpice")


def netlist_of(source: Any) -> str | None:
    """Give the netlist of another package's circuit; None where `source` is no such thing.

    Parameters
    ----------
    source
        An object with ``build_netlist()`` (spicelab), or a circuit of PySpice or InSpice.

    Raises
    ------
    CircuitError
        The netlist would not be the circuit that was drawn.
    """
    if hasattr(source, "build_netlist"):
        _refuse_anonymous_nets(source)
        text = str(source.build_netlist())
        _refuse_collisions(text)
        return text
    if type(source).__module__.partition(".")[0] in _TEXT_PACKAGES:
        return str(source)
    return None


def _refuse_anonymous_nets(source: Any) -> None:
    # spicelab compares nets by name, so all nets without one become a single node.
    nets = getattr(source, "_port_to_net", None)
    if not isinstance(nets, dict):
        return
    for port, net in nets.items():
        if hasattr(net, "name") and not net.name:
            owner = getattr(getattr(port, "owner", None), "ref", "a component")
            raise CircuitError(
                f"The circuit has a net without a name (at {owner!r}, port "
                f"{getattr(port, 'name', '?')!r}), and all such nets become one node in its "
                'netlist. Name every net: Net("out") instead of Net().'
            )


def _refuse_collisions(text: str) -> None:
    seen: set[str] = set()
    depth = 0
    for card in read_source(text, title=True).cards:
        word = card.keyword
        if word.startswith(".subckt"):
            depth += 1
        elif word.startswith(".ends"):
            depth -= 1
        elif word[0] != "." and depth == 0:
            if word in seen:
                raise CircuitError(
                    f"Two components of the circuit are both called {word.upper()!r} in its "
                    "netlist; give each a reference of its own."
                )
            seen.add(word)
