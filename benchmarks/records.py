"""What a benchmark leaves behind: raw measurements as JSON lines, and figures against targets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.circuits import CIRCUITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from benchmarks.measurement import Spread

    Write = Callable[[dict[str, Any]], None]

__all__ = ["RESULTS", "Figure", "Settings", "of_kind", "read", "recorded"]

RESULTS = Path(__file__).resolve().parent / "results"
"""Where results are kept that figures elsewhere come from."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How much is measured.

    Parameters
    ----------
    rounds
        How often everything is measured.
    quick
        Smaller sizes, to see whether it works; its figures are worth little.
    circuits
        Keys of the circuits that the engine's benchmark times.
    """

    rounds: int = 5
    quick: bool = False
    circuits: tuple[str, ...] = tuple(CIRCUITS)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured figure, and what is asked of it.

    Parameters
    ----------
    name
        What it is.
    value
        Median and range over the rounds.
    unit
        Behind the value: ``"%"``, ``"ms"``, ``"x"``.
    target
        What is asked; None: nothing.
    most
        Whether the target is the most that the value may be; else the least.
    """

    name: str
    value: Spread
    unit: str
    target: float | None = None
    most: bool = True

    @property
    def reached(self) -> bool | None:
        """Whether the median meets the target; None without one."""
        if self.target is None:
            return None
        return self.value.median <= self.target if self.most else self.value.median >= self.target

    def verdict(self) -> str:
        """``reached``, or by what factor it is missed; empty without a target."""
        if self.target is None:
            return ""
        if self.reached:
            return "reached"
        over = self.value.median / self.target if self.most else self.target / self.value.median
        return f"**missed by a factor of {over:.2f}**"

    def row(self) -> str:
        """A row of a Markdown table: name, value, target, verdict."""
        asked = ""
        if self.target is not None:
            asked = f"{'at most' if self.most else 'at least'} {self.target:g} {self.unit}"
        value = self.value
        found = f"{value.median:.3g} {self.unit} ({value.low:.3g} to {value.high:.3g})"
        return f"| {self.name} | {found} | {asked} | {self.verdict()} |"


@dataclass
class recorded:  # noqa: N801 - used as a with statement
    """Writes the records of one run of a benchmark; the file appears when it is complete.

    Parameters
    ----------
    path
        The file.
    opening, closing
        Give the first and the last record: machine and conditions before and after.
    """

    path: Path
    opening: Callable[[], dict[str, Any]]
    closing: Callable[[], dict[str, Any]]
    _lines: list[str] = field(default_factory=list)

    def __enter__(self) -> Write:
        self._write({"kind": "before", **self.opening()})
        return self._write

    def _write(self, record: dict[str, Any]) -> None:
        self._lines.append(json.dumps(record, sort_keys=False))

    def __exit__(self, kind: object, *exc: object) -> None:
        if kind is None:
            self._write({"kind": "after", **self.closing()})
        name = self.path.name if kind is None else f"{self.path.stem}-unfinished.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.with_name(name).write_text("\n".join([*self._lines, ""]), encoding="utf-8")


def read(path: Path) -> list[dict[str, Any]]:
    """Give the records of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def of_kind(records: Iterable[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    """Give those of one kind."""
    return [r for r in records if r["kind"] == kind]
