"""Why samples fail, as a short code and as a sentence that is the same in every sample.

Engines and functions say why in words of their own, with the sample's own times and values in them.
A code is the same for all that is to be dealt with in the same way, and stays the same for good: it
is stored.
"""

from __future__ import annotations

import re

from spicelab_nb.engines.engine import Status

__all__ = ["CODES", "classify", "gist"]

CODES = {
    "non_convergence": "no operating point, or no solution at a point of a sweep, was found",
    "timestep": "a transient came to a point beyond which no time step is small enough",
    "singular": "the equations have no single solution: a loop of sources, a floating node",
    "not_finite": "a signal was infinite or not a number",
    "truncated": "an analysis ended before its range did",
    "missing": "a signal or device that was asked for is not there",
    "load": "the engine could not load the netlist or its set-up",
    "setting": "the engine did not take a value",
    "timeout": "it took more processor time than a sample may",
    "crash": "it ended the engine's process, or the worker's, each time",
    "memory": "it needed more memory than a worker may use",
    "quit": "the netlist told the engine to end",
    "measure": "a measure that is a Python function raised an error",
    "function": "the simulated Python function raised an error",
    "other": "none of these; the sentence says",
}
"""Every code, and what it stands for."""

_MEMORY = re.compile(r"because it used|MemoryError|OutOfMemory|memory usage|std::bad_alloc")
_QUIT = re.compile(r"told \w+ to quit")
_FAILED = [
    ("measure", re.compile(r"^The measure .* raised ")),
    ("memory", _MEMORY),
    ("function", re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning)?: ")),
]
_ENGINE = [
    ("setting", re.compile(r"did not set the values|cannot change a loaded|^A command ")),
    (
        "load",
        re.compile(
            r"did not load the deck|refused the set-up|there is no such file|unknown (?:model|subc)"
            r"|lacks a node or a value|cannot go on|could not find a valid model|install ngspice",
            re.IGNORECASE,
        ),
    ),
    ("singular", re.compile(r"singular", re.IGNORECASE)),
    ("timestep", re.compile(r"TRAN:\s+Timestep too small|^tran\d*: .*time ?step", re.IGNORECASE)),
    (
        "non_convergence",
        re.compile(
            r"timestep too small|converge|iteration limit|(?:gmin|source) stepping|no solution",
            re.IGNORECASE,
        ),
    ),
    ("not_finite", re.compile(r"not finite", re.IGNORECASE)),
    ("truncated", re.compile(r"broke off|computed no point|has \d+ of \d+ points|holds nothing")),
    ("missing", re.compile(r"\bgave no\b|no such device|there is no node")),
]
_ANALYSIS = re.compile(r"^(?:op|dc|ac|tran|noise)\d*(?:_total)?: ")
_TOLD = re.compile(r"^(?:ngspice|neospice|No analysis|The deck) ")


def classify(status: Status, reason: str) -> str:
    """Give the code of a failure.

    Parameters
    ----------
    status
        Anything but ``OK``.
    reason
        The sentence that says why.

    Returns
    -------
    str
        One of `CODES`.
    """
    if status == Status.TIMEOUT:
        return "timeout"
    if status == Status.CRASHED:
        if _QUIT.search(reason):
            return "quit"
        return "memory" if _MEMORY.search(reason) else "crash"
    # What an engine says begins with an analysis or with its name; all else was raised by Python.
    by_engine = _ANALYSIS.match(reason) or _TOLD.match(reason)
    rules = _ENGINE if by_engine else [*_FAILED, *_ENGINE]
    return next((code for code, pattern in rules if pattern.search(reason)), "other")


_NOISE = [
    (re.compile(r"doAnalyses:\s*(?:[A-Z]+:)?\s*"), ""),
    (re.compile(r"\btime ?= ?[^,;:]+, timestep ?= ?[^,;:]+[:;]?\s*"), ""),
    (re.compile(r";?\s*\w+ simulation\(s\) aborted"), ""),
    (re.compile(r"Timestep too small; cause unrecorded"), "no operating point was found"),
    (re.compile(r"#\d+\b(?=\.)"), ""),
    # Numbers with a point or an exponent, and long ones, are the sample's own.
    (
        re.compile(
            r"(?<![\w.])[-+]?(?:\d+\.\d*|\.\d+|\d+(?=[eE][-+]?\d))(?:[eE][-+]?\d+)?(?![\w.]*\w)"
            r"|(?<![\w.])\d{4,}(?![\w.])"
        ),
        "...",
    ),
    (re.compile(r"\s+"), " "),
]


def gist(reason: str) -> str:
    """Give a reason without what differs from sample to sample: its times, its values."""
    for pattern, instead in _NOISE:
        reason = pattern.sub(instead, reason)
    return reason.strip(" .;:")
