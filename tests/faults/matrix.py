"""The matrix of faults: its rows and columns, and the page that the tests write of it."""

import re
from dataclasses import dataclass, field
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"

KINDS = {"serial": "serial", "local": "Dask", "ray": "Ray"}
"""Kind of a cluster to the heading of its column."""


@dataclass(frozen=True)
class Row:
    """One fault: what it is called, what the tests do, and where it cannot happen, and why."""

    title: str
    done: str
    missing: dict[str, str] = field(default_factory=dict)


ONE_PROCESS = "does not apply: the kernel computes, there are no workers"
NO_SCHEDULER = "does not apply: no scheduler"

ROWS = {
    "worker": Row(
        "`kill -9` of a worker",
        "SIGKILL to the process that published a chunk; serially, to the engine's host process.",
    ),
    "workers": Row(
        "`kill -9` of all workers",
        "SIGKILL to both workers at once.",
        {"serial": "does not apply: one engine, as in the row above"},
    ),
    "head": Row(
        "`kill -9` of the scheduler or head",
        "SIGKILL to Dask's scheduler, or to Ray's head, from which a new cluster goes on.",
        {"serial": NO_SCHEDULER},
    ),
    "kernel": Row(
        "`kill -9` of the kernel",
        "SIGKILL to the process that called `run`; every process that it started is awaited to be "
        "gone, and another process resumes.",
    ),
    "poison": Row(
        "a sample that ends its process every time",
        "One sample of a Python function calls `os._exit`; serially, where that would be the "
        "kernel itself, a circuit whose sample makes ngspice give up for good.",
    ),
    "memory": Row(
        "out of memory",
        "One sample of a Python function takes memory without end, with `memory_limit` set; "
        "serially in a kernel that `ulimit -v` holds.",
    ),
    "disk": Row(
        "the disk is full",
        "The store is on a file system of 1 MB, which is enlarged after the run has failed.",
    ),
    "moment": Row(
        "the store's folder is gone for a moment",
        "The folder is moved away, and back when a publication has failed, within the half minute "
        "that a worker waits for it.",
    ),
    "folder": Row(
        "the store's folder is gone for longer",
        "The folder is moved away until the run has failed, then back.",
    ),
    "s3 moment": Row(
        "S3 does not answer for a moment",
        "The server (moto, a stand-in) is stopped, and started again within half a minute.",
    ),
    "s3": Row(
        "S3 does not answer for longer",
        "The server (moto, a stand-in) is stopped until the run has failed, then started.",
    ),
    "cut": Row(
        "the network to the scheduler is cut for a moment",
        "Scheduler (or head) and workers in one network namespace, the kernel in another: the link "
        "is down for three seconds.",
        {"serial": NO_SCHEDULER},
    ),
    "long cut": Row(
        "the network to the scheduler is cut for longer",
        "As above, until the kernel has given up the connection; then the link is up again.",
        {"serial": NO_SCHEDULER},
    ),
    "worker cut": Row(
        "the network between scheduler and a worker is cut",
        "Kernel, scheduler and a worker in one network namespace, another worker in a second one, "
        "whose link goes down for good.",
        {"serial": NO_SCHEDULER},
    ),
    "two kernels": Row(
        "two kernels run one campaign at once",
        "Two processes run the same campaign in the same store, each with workers of its own.",
    ),
    "versions": Row(
        "client and workers of different versions",
        "A half-finished run is resumed where a worker reports another version of this package, "
        "then where it reports the same.",
        {"serial": ONE_PROCESS},
    ),
}

INTRODUCTION = """# Faults, and what becomes of a run

Each cell is a test in `tests/faults`: it does what the row says, to real processes, while some
samples of a run are published and others are not. It then compares the run with one that nobody
disturbed. **Same bits** means: parameters, measures, status and kept waveforms of every sample are
equal to the last bit; every sample is in exactly one published chunk, or the chunks that share it
hold the same bits; no process of the run is left. An error is one sentence that says what failed,
where, and what to do next; the words quoted here are asserted.

This page is written by `pytest tests/faults -m "" --write-fault-table`, and the tests fail when
what happens is not what it says. Seconds are from the fault to the end, on two busy cores: a
rough guide that is not compared.
"""

_CELL = re.compile(r"(?P<outcome>.*?)(?: \(about (?P<seconds>\d+) s\))?")
NOT_RUN = "not run"


@dataclass
class Page:
    """What the page says: cells by row and kind, and on what they were run."""

    cells: dict[tuple[str, str], tuple[str, int | None]]
    ran_on: str

    @classmethod
    def read(cls) -> "Page":
        """Read the page; cells that it does not have are not run."""
        text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        rows = {row.title: key for key, row in ROWS.items()}
        cells = {}
        for line in text.splitlines():
            title, *found = [part.strip() for part in line.strip().strip("|").split("|")]
            if line.startswith("|") and title in rows and len(found) == len(KINDS):
                for kind, cell in zip(KINDS, found, strict=True):
                    match = _CELL.fullmatch(cell)
                    seconds = match["seconds"]
                    cells[rows[title], kind] = (match["outcome"], seconds and int(seconds))
        ran_on = next((line for line in text.splitlines() if line.startswith("Last written")), "")
        return cls(cells, ran_on)

    def outcome(self, row: str, kind: str) -> str:
        """What the page says of a cell, without its seconds."""
        return self.cells.get((row, kind), (NOT_RUN, None))[0]

    def text(self) -> str:
        """The whole page."""
        lines = [INTRODUCTION, "| fault | " + " | ".join(KINDS.values()) + " |"]
        lines.append("|---" * (len(KINDS) + 1) + "|")
        for key, row in ROWS.items():
            cells = (self._cell(key, kind) for kind in KINDS)
            lines.append(f"| {row.title} | " + " | ".join(cells) + " |")
        lines += ["", self.ran_on, "", "## What is done in each row", ""]
        lines += [f"- **{row.title}**: {row.done}" for row in ROWS.values()]
        return "\n".join(lines) + "\n"

    def _cell(self, row: str, kind: str) -> str:
        if kind in ROWS[row].missing:
            return ROWS[row].missing[kind]
        outcome, seconds = self.cells.get((row, kind), (NOT_RUN, None))
        return outcome if seconds is None else f"{outcome} (about {seconds} s)"
