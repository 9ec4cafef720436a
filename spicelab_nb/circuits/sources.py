"""What a circuit is made of: a path, text, or another package's circuit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spicelab_nb.circuits.foreign import netlist_of
from spicelab_nb.circuits.includes import decode
from spicelab_nb.errors import CircuitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["CircuitFileError", "lib_includes", "lines_of", "read", "several", "title_name"]


class CircuitFileError(CircuitError, FileNotFoundError):
    """The netlist's own file cannot be read."""

    __str__ = Exception.__str__


def several(given: Any) -> tuple[Any, ...]:
    """Give one thing or several as a tuple."""
    return (given,) if isinstance(given, (str, Path)) else tuple(given)


def lines_of(analyses: Sequence[str] | str) -> tuple[str, ...]:
    """Give analyses as lines, blank ones left out."""
    given = analyses.splitlines() if isinstance(analyses, str) else analyses
    return tuple(line.strip() for line in given if line.strip())


def lib_includes(setup: Iterable[str]) -> bool:
    """Whether a compatibility mode makes ``.lib FILE`` an include."""
    modes = [
        re.split(r"ngbehavior\s*=", line.lower())[-1] for line in setup if "ngbehavior" in line
    ]
    return any("lt" in mode or "ps" in mode for mode in modes)


def title_name(text: str) -> str:
    """Make a name of a netlist's title."""
    title = text.partition("\n")[0].strip().lstrip("*").strip()
    title = re.sub(r"^\.title\s+", "", title, flags=re.IGNORECASE)
    return title[:60] or "circuit"


def read(source: Any) -> tuple[str, Path | None]:
    """Read a source: its text, and its path where it has one.

    Raises
    ------
    CircuitError
        It is nothing that a circuit can be made of, or cannot be read.
    """
    text = netlist_of(source)
    if text is None and isinstance(source, str) and "\n" in source:
        text = source
    if isinstance(source, str) and not source.strip():
        # As a path it would be the folder one is in.
        raise CircuitError("The netlist is empty.")
    if text is None:
        if not isinstance(source, (str, Path)):
            raise CircuitError(
                "A Circuit is made of a path, of netlist text, or of an object with "
                f"build_netlist(), not of {type(source).__name__}."
            )
        path = Path(source).expanduser()
        try:
            text = decode(path.read_bytes())
        except FileNotFoundError:
            raise CircuitFileError(
                f"There is no netlist {str(path)!r} (looked in {Path.cwd()})."
            ) from None
        except OSError as error:
            raise CircuitFileError(
                f"The netlist {str(path)!r} cannot be read: {error.strerror}."
            ) from error
    else:
        path = None
        text = decode(text.encode("utf-8", "surrogateescape"))
    if text.lower().startswith("*ng_script"):
        raise CircuitError(
            "This is a script of ngspice commands (*ng_script), not a netlist: give the netlist "
            "that it sources."
        )
    if not text.strip():
        raise CircuitError("The netlist is empty.")
    return text, path
