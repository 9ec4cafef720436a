"""A circuit's state as JSON and contents, so that it can be rebuilt where its files are not."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from spicelab_nb.circuits.includes import IncludedFile
from spicelab_nb.circuits.original import Original
from spicelab_nb.errors import CircuitError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["contents", "describe", "rebuilt"]


def describe(
    original: Original, given: tuple[str, ...] | None, values: Mapping[str, float | str]
) -> dict[str, Any]:
    """Give a circuit as JSON, contents by their SHA-256.

    What it is called is not in it: that changes nothing that is computed.

    Parameters
    ----------
    original
        The netlist.
    given
        Analyses that replace the netlist's own; None where there are none.
    values
        What is set.
    """
    return {
        "kind": "netlist",
        "text": hashlib.sha256(original.text.encode()).hexdigest(),
        "links": dict(sorted(original.links.items())),
        "files": [
            {"name": f.name, "sha256": f.sha256, "links": dict(sorted(f.links.items()))}
            for f in original.files
        ],
        "osdi": list(original.osdi),
        "setup": list(original.setup),
        "analyses": None if given is None else list(given),
        "values": dict(sorted(values.items())),
    }


def contents(original: Original) -> dict[str, bytes]:
    """Give the contents that `describe` names, by SHA-256."""
    text = original.text.encode()
    return {
        hashlib.sha256(text).hexdigest(): text,
        **{file.sha256: file.data for file in original.files},
    }


def rebuilt(
    description: Mapping[str, Any], inputs: Mapping[str, bytes]
) -> tuple[Original, tuple[str, ...] | None, dict[str, float | str]]:
    """Give netlist, given analyses and values that were described.

    Raises
    ------
    CircuitError
        A content is missing.
    """
    for sha256 in (description["text"], *(f["sha256"] for f in description["files"])):
        if sha256 not in inputs:
            raise CircuitError(
                f"A circuit cannot be rebuilt: the contents {sha256[:12]}... are missing."
            )
    given = description["analyses"]
    original = Original(
        text=inputs[description["text"]].decode(),
        links=dict(description["links"]),
        files=tuple(
            IncludedFile(name=f["name"], data=inputs[f["sha256"]], links=dict(f["links"]))
            for f in description["files"]
        ),
        osdi=tuple(description["osdi"]),
        setup=tuple(description["setup"]),
        label="the netlist",
    )
    return original, None if given is None else tuple(given), dict(description["values"])
