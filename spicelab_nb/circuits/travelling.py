"""A circuit's state as JSON and contents, so that it can be rebuilt where its files are not."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from spicelab_nb.circuits.includes import IncludedFile
from spicelab_nb.circuits.sources import title_name
from spicelab_nb.errors import CircuitError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["contents", "describe", "rebuilt"]


def describe(state: Mapping[str, Any]) -> dict[str, Any]:
    """Give a circuit's state as JSON, contents by their SHA-256.

    Names of circuits and files are not in it: they change nothing that is computed.
    """
    given = state["_given"]
    return {
        "kind": "netlist",
        "text": hashlib.sha256(state["_text"].encode()).hexdigest(),
        "links": dict(sorted(state["_links"].items())),
        "files": [
            {"name": f.name, "sha256": f.sha256, "links": dict(sorted(f.links.items()))}
            for f in state["_files"]
        ],
        "osdi": list(state["_osdi"]),
        "setup": list(state["_setup"]),
        "analyses": None if given is None else list(given),
        "values": dict(sorted(state["_values"].items())),
    }


def contents(state: Mapping[str, Any]) -> dict[str, bytes]:
    """Give the contents that `describe` names, by SHA-256."""
    text = state["_text"].encode()
    return {
        hashlib.sha256(text).hexdigest(): text,
        **{file.sha256: file.data for file in state["_files"]},
    }


def rebuilt(description: Mapping[str, Any], inputs: Mapping[str, bytes]) -> dict[str, Any]:
    """Give the state that was described.

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
    text = inputs[description["text"]].decode()
    return {
        "_text": text,
        "_links": dict(description["links"]),
        "_files": tuple(
            IncludedFile(name=f["name"], data=inputs[f["sha256"]], links=dict(f["links"]))
            for f in description["files"]
        ),
        "_osdi": tuple(description["osdi"]),
        "_setup": tuple(description["setup"]),
        "_given": None if given is None else tuple(given),
        "_values": dict(description["values"]),
        "_label": "the netlist",
        "_name": title_name(text),
        "_notices": (),
    }
