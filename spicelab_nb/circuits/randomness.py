"""Whether a netlist draws numbers of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spicelab_nb.circuits.scope import Netlist

__all__ = ["draws_numbers"]

_DRAW = re.compile(r"\b(?P<name>agauss|gauss|aunif|unif|limit)\s*\(", re.IGNORECASE)


def draws_numbers(netlist: Netlist) -> bool:
    """Whether any card that counts calls ``agauss``, ``gauss``, ``aunif``, ``unif`` or ``limit``.

    ``limit(x, low, high)`` with three arguments clips a value and draws nothing.
    """
    for _, site in netlist.sites:
        for match in _DRAW.finditer(site.card.text):
            if match["name"].lower() != "limit" or _arguments(site.card.text, match.end()) == 2:
                return True
    return False


def _arguments(text: str, start: int) -> int:
    depth, count = 0, 1
    for c in text[start:]:
        if c in "([{":
            depth += 1
        elif c in ")]}":
            if depth == 0:
                break
            depth -= 1
        elif c == "," and depth == 0:
            count += 1
    return count
