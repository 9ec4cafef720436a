"""What an engine gets: the netlist with all values in it, and the files beside it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from spicelab_nb.circuits.analysis import read_orders, saved_signals
from spicelab_nb.circuits.overrides import Rendered, data_name, render
from spicelab_nb.engines.engine import Deck
from spicelab_nb.errors import CircuitError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from spicelab_nb.circuits.original import Original
    from spicelab_nb.circuits.scope import Netlist
    from spicelab_nb.engines.engine import Analysis

__all__ = ["deck", "narrowed", "rendered", "write"]


def rendered(
    original: Original,
    values: Mapping[str, float | str],
    *,
    analyses: Sequence[Analysis] | None = None,
    orders: bool = True,
) -> Rendered:
    """Write values into a netlist's text.

    Parameters
    ----------
    original, values
        The netlist, and what is set in it.
    analyses
        Written in the place of its own; None: these stay.
    orders
        False: without anything that tells the engine what to do.
    """
    netlist, targets = original.resolved(values)
    if not orders:
        hidden = read_orders(netlist).all()
    else:
        hidden = [] if analyses is None else read_orders(netlist).analyses
    return render(
        netlist,
        targets,
        commented=hidden,
        added=[f".{a.command}" for a in analyses or ()],
        extra=[original.files[i] for i in original.osdi],
    )


def deck(
    original: Original,
    values: Mapping[str, float | str],
    selected: Netlist,
    analyses: tuple[Analysis, ...],
) -> Deck:
    """Give what an engine loads.

    Parameters
    ----------
    original, values
        The netlist, and what is set in it.
    selected
        The netlist with the sections of libraries that were chosen: its ``.save`` and ``.meas``.
    analyses
        What is run.
    """
    bare = rendered(original, values, orders=False)
    orders = read_orders(selected)
    return Deck(
        text=bare.text,
        files=bare.files,
        setup=original.setup,
        osdi=tuple(data_name(original.files[i]) for i in original.osdi),
        analyses=analyses,
        save=saved_signals(orders.saves),
        meas=tuple(" ".join(s.card.text.split()).lstrip(".") for s in orders.meas),
    )


def narrowed(
    whole: Deck, *, save: Sequence[str], analyses: Sequence[str] | None, label: str
) -> Deck:
    """Give a deck that returns some signals of some analyses; see ``Circuit.deck``."""
    chosen = whole.analyses
    if analyses is not None:
        named = {a.name: a for a in chosen}
        for name in analyses:
            if name not in named:
                listed = ", ".join(named) or "none"
                raise CircuitError(f"{label} has no analysis {name!r}; there are: {listed}.")
        chosen = tuple(named[name] for name in analyses)
    if not save and analyses is None:
        return whole
    signals = tuple(dict.fromkeys(s.lower().replace(" ", "") for s in save)) or whole.save
    return Deck(
        text=whole.text,
        files=whole.files,
        setup=whole.setup,
        osdi=whole.osdi,
        analyses=chosen,
        save=signals,
        meas=whole.meas,
    )


def write(netlist: Rendered, folder: Path, name: str) -> Path:
    """Write a netlist and its files into a folder; give the netlist's path."""
    for path, data in netlist.files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    folder.mkdir(parents=True, exist_ok=True)
    plain = re.sub(r"[^\w.-]+", "_", name) or "circuit"
    file = folder / f"{plain}.cir"
    file.write_text(netlist.text)
    return file
