"""What a person should know of how a netlist is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spicelab_nb.circuits.analysis import setup_lines
from spicelab_nb.circuits.includes import decode
from spicelab_nb.circuits.randomness import draws_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from spicelab_nb.circuits.scope import Netlist

__all__ = ["notices_of"]


def notices_of(
    netlist: Netlist, label: str, path: Path | None, setup: Sequence[str]
) -> tuple[str, ...]:
    """Say what the netlist brings with it that is not done, one sentence each.

    Parameters
    ----------
    netlist
        As read.
    label
        What it is called.
    path
        Where it lies, if it is a file: a ``.spiceinit`` may lie beside it.
    setup
        Commands that the engine is given already.
    """
    notices = []
    if draws_numbers(netlist):
        notices.append(
            f"{label} draws numbers of its own (agauss and the like): each sample is loaded "
            "afresh, with a seed from its number, which is slower than setting values. "
            "Distributions given to sl.MonteCarlo are not."
        )
    source = netlist.main.source
    offered: list[str] = []
    for begin, end in source.control:
        notices.append(
            f"{label}: the .control block in lines {begin + 1} to {end + 1} is left out; "
            "its analyses can be given as analyses=[...]."
        )
        offered += setup_lines("\n".join(source.lines[begin : end + 1]))
    if path is not None and (beside := path.parent / ".spiceinit").is_file():
        offered += setup_lines(decode(beside.read_bytes()))
        notices.append(f"{label}: the .spiceinit beside it is not read.")
    missing = [line for line in dict.fromkeys(offered) if line not in setup]
    if missing:
        notices.append(
            f"{label}: what changes how the netlist is read can be given as setup={missing!r}."
        )
    if path is None and not source.lines[0].strip():
        first = next((line for line in source.lines if line.strip()), "").strip()
        if first and first[0] not in ".*+" and len(first.split()) < 4:
            notices.append(
                f"{label} begins with an empty line, which is its title, so "
                f"{first!r} is read as an element: begin the text with the title."
            )
    return tuple(notices)
