"""A circuit as a line of text and as HTML."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from spicelab_nb.errors import CircuitError

if TYPE_CHECKING:
    from spicelab_nb.circuits.circuit import Circuit

__all__ = ["as_html", "summary"]


def summary(circuit: Circuit) -> str:
    """``"1 C, 2 R; ac, op; 1 value set"``."""
    elements = ", ".join(f"{n} {letter}" for letter, n in circuit.elements.items())
    try:
        analyses = ", ".join(a.name for a in circuit.analyses) or "no analysis"
    except CircuitError:
        analyses = "analyses that cannot be read"
    count = len(circuit.values)
    values = f"; {count} value{'s' if count > 1 else ''} set" if count else ""
    return f"{elements or 'no elements'}; {analyses}{values}"


def as_html(circuit: Circuit) -> str:
    """The circuit's summary, notices and netlist; everything in them escaped."""
    lines = [f"<strong>{html.escape(circuit.name)}</strong> {html.escape(summary(circuit))}"]
    lines += [f"<br><em>{html.escape(notice)}</em>" for notice in circuit.notices]
    netlist = html.escape(circuit.netlist())
    lines.append(f"<details><summary>Netlist</summary><pre>{netlist}</pre></details>")
    return f"<div>{''.join(lines)}</div>"
