"""The list of machine types and their prices: packaged, dated, checked row by row.

Nothing is fetched: what is packaged is read when it is first asked for, and what
`spicelab_nb.cost.refresh` once fetched takes the place of the same provider and region.
"""

from __future__ import annotations

import csv
import datetime
import io
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spicelab_nb.cost.machine import MachineType
from spicelab_nb.errors import PriceError, UnknownMachineError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["COLUMNS", "STALE_DAYS", "Catalogue", "cache_folder", "parse_prices", "read_prices"]

COLUMNS = (
    "provider", "instance_type", "region", "vcpu", "mem_gib", "arch", "gpus", "gpu",
    "on_demand_usd_h", "spot_usd_h", "source", "source_date", "note",
)  # fmt: skip
"""Of a price file, in this order; docs/cost.md says what each holds."""

STALE_DAYS = 30
"""Age above which prices are warned of."""

PROVIDERS = ("aws", "gcp", "azure")
ARCHITECTURES = ("x86_64", "arm64")
UNDATED = "undated"

_DATE = re.compile(r"\d{4}(-\d\d-\d\d)?")


def cache_folder() -> Path:
    """Folder of the prices that this user fetched; it need not exist."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("spicelab_nb", appauthor=False)) / "prices"


@dataclass(frozen=True)
class Catalogue:
    """Machine types with their prices.

    Parameters
    ----------
    rows
        In the order of their files.
    """

    rows: tuple[MachineType, ...]

    @classmethod
    def load(cls, path: str | Path | None = None, *, cache: Path | None = None) -> Catalogue:
        """Read the packaged prices, and those fetched later; or a file of one's own.

        Parameters
        ----------
        path
            A CSV file with `COLUMNS`; None: the packaged one, updated by fetched ones.
        cache
            Folder of fetched prices; None: `cache_folder`.

        Raises
        ------
        PriceError
            A file cannot be read, or a row is broken: the message names file, line and field.
        """
        if path is not None:
            return cls(read_prices(Path(path)))
        rows = _packaged()
        for file in sorted((cache or cache_folder()).glob("*.csv")):
            rows = _updated(rows, read_prices(file))
        return cls(rows)

    def __iter__(self) -> Iterator[MachineType]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def filter(
        self,
        *,
        provider: str | None = None,
        region: str | None = None,
        architecture: str | None = None,
        spot: bool | None = None,
        gpu: bool | None = None,
        vcpu: int | None = None,
    ) -> Catalogue:
        """Keep what matches all that is given.

        Parameters
        ----------
        provider, region, architecture
            Exactly so.
        spot
            True: with a spot price; False: without.
        gpu
            True: with a graphics processor; False: without.
        vcpu
            Processors at least.

        Raises
        ------
        UnknownMachineError
            A provider, region or architecture of which there is no row at all.
        """
        asked = {"provider": provider, "region": region, "architecture": architecture}
        for field, value in asked.items():
            known = {getattr(row, field) for row in self.rows}
            if value is not None and self.rows and value not in known:
                raise UnknownMachineError(
                    f"The catalogue has no {field} {value!r}.{nearest(value, known)}"
                )
        return Catalogue(
            tuple(
                row
                for row in self.rows
                if all(
                    value is None or getattr(row, name) == value for name, value in asked.items()
                )
                and (spot is None or row.sells_spot() == spot)
                and (gpu is None or (row.gpus > 0) == gpu)
                and (vcpu is None or row.vcpu >= vcpu)
            )
        )

    def find(
        self, name: str, *, region: str | None = None, provider: str | None = None
    ) -> MachineType:
        """Give the machine type of that name; in several regions: the first, in the file's order.

        Raises
        ------
        UnknownMachineError
            There is none; the message lists the nearest names, or the regions that have it.
        """
        named = [row for row in self.rows if row.name.lower() == name.strip().lower()]
        if not named:
            known = sorted({row.name for row in self.rows})
            raise UnknownMachineError(
                f"No price of a machine type {name!r} is known.{nearest(name, known)}"
            )
        fitting = [
            row
            for row in named
            if region in (None, row.region) and provider in (None, row.provider)
        ]
        if not fitting:
            asked = " ".join(filter(None, (provider, region)))
            where = ", ".join(f"{row.provider} {row.region}" for row in named)
            raise UnknownMachineError(
                f"No price of {name} in {asked} is known; there is one in: {where}."
            )
        return fitting[0]

    def dated(self) -> datetime.date | None:
        """Date of the oldest price that has one; None when none has."""
        return min((row.dated for row in self.rows if row.dated is not None), default=None)

    def age(self, today: datetime.date) -> int | None:
        """Days since the oldest dated price was read; None when no price has a date."""
        oldest = self.dated()
        return None if oldest is None else max((today - oldest).days, 0)

    def warning(self, today: datetime.date) -> str | None:
        """Say what is old here, or None when every price is dated and at most 30 days old."""
        if not self.rows:
            return None
        old = [row for row in self.rows if row.dated and (today - row.dated).days > STALE_DAYS]
        undated = sum(row.dated is None for row in self.rows)
        ahead = [row for row in self.rows if row.dated and row.dated > today]
        parts = []
        if old:
            parts.append(
                f"{len(old)} of {len(self.rows)} prices are older than {STALE_DAYS} days, the "
                f"oldest from {min(row.dated for row in old if row.dated)}"
            )
        if undated:
            parts.append(f"{undated} have no date")
        if ahead:
            parts.append(f"{len(ahead)} are dated after today ({today}): is the clock right?")
        if not parts:
            return None
        return (
            "; ".join(parts) + ". Refresh them (spicelab_nb.cost.refresh), or check what you pay."
        )


def _updated(
    rows: tuple[MachineType, ...], fetched: tuple[MachineType, ...]
) -> tuple[MachineType, ...]:
    """Put fetched rows first; older rows of the same machine in the same region go."""
    newer = {(row.provider, row.region, row.name) for row in fetched}
    return fetched + tuple(row for row in rows if (row.provider, row.region, row.name) not in newer)


@lru_cache(maxsize=1)
def _packaged() -> tuple[MachineType, ...]:
    text = resources.files("spicelab_nb.cost").joinpath("prices.csv").read_text("utf-8")
    return parse_prices(text, "prices.csv of spicelab_nb")


def read_prices(path: Path) -> tuple[MachineType, ...]:
    """Read a file of prices.

    Raises
    ------
    PriceError
        It cannot be read, or a row is broken: the message names file, line and field.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PriceError(f"The prices in {path} cannot be read: {error}") from error
    return parse_prices(text, str(path))


def parse_prices(text: str, where: str) -> tuple[MachineType, ...]:
    """Read the text of a price file; `where` it stands is for messages."""
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="surplus", strict=True)
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise PriceError(
            f"{where}, line 1: the column {missing[0]!r} is missing. A price file starts with "
            f"{','.join(COLUMNS)}"
        )
    rows = []
    seen: dict[tuple[str, str, str], int] = {}
    line = 1
    try:
        for row in reader:
            line = reader.line_num
            machine = _row(row, f"{where}, line {line}")
            key = machine.provider, machine.region, machine.name
            if key in seen:
                raise PriceError(
                    f"{where}, line {line}, instance_type: {machine.name} in {machine.region} "
                    f"stands in line {seen[key]} already."
                )
            seen[key] = line
            rows.append(machine)
    except csv.Error as error:
        raise PriceError(f"{where}, line {line + 1}: {error}") from error
    return tuple(rows)


def _row(row: dict[str, Any], where: str) -> MachineType:
    short = [name for name in COLUMNS if row.get(name) is None]
    if short or "surplus" in row:
        problem = f"{short[0]}: is missing" if short else "surplus fields at its end"
        raise PriceError(f"{where}, {problem}; a row has {len(COLUMNS)} fields.")
    text = {name: row[name].strip() for name in COLUMNS}
    spot = text["spot_usd_h"]
    return MachineType(
        provider=_one_of(text, "provider", PROVIDERS, where),
        name=_filled(text, "instance_type", where),
        region=_filled(text, "region", where),
        vcpu=int(_number(text, "vcpu", where, whole=True)),
        memory_gib=_number(text, "mem_gib", where),
        architecture=_one_of(text, "arch", ARCHITECTURES, where),
        gpus=int(_number(text, "gpus", where, whole=True, zero=True)),
        gpu=text["gpu"],
        on_demand_usd_h=_number(text, "on_demand_usd_h", where),
        spot_usd_h=_number(text, "spot_usd_h", where) if spot else None,
        source=_filled(text, "source", where),
        dated=_date(text, where),
        note=text["note"],
    )


def _filled(text: dict[str, str], field: str, where: str) -> str:
    if not text[field]:
        raise PriceError(f"{where}, {field}: is empty.")
    return text[field]


def _one_of(text: dict[str, str], field: str, known: Iterable[str], where: str) -> str:
    if text[field] not in known:
        raise PriceError(f"{where}, {field}: {text[field]!r} is none of {', '.join(known)}.")
    return text[field]


def _number(
    text: dict[str, str], field: str, where: str, *, whole: bool = False, zero: bool = False
) -> float:
    try:
        value = float(text[field])
    except ValueError:
        raise PriceError(f"{where}, {field}: {text[field]!r} is no number.") from None
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        raise PriceError(
            f"{where}, {field}: must be {'0 or more' if zero else 'more than 0'} and finite, "
            f"not {text[field]!r}."
        )
    if whole and value != int(value):
        raise PriceError(f"{where}, {field}: must be a whole number, not {text[field]!r}.")
    return value


def _date(text: dict[str, str], where: str) -> datetime.date | None:
    value = text["source_date"]
    if value == UNDATED:
        return None
    if not _DATE.fullmatch(value):
        raise PriceError(
            f"{where}, source_date: {value!r} is neither a date (2026-02-24), nor a year, nor "
            f"{UNDATED!r}."
        )
    try:
        # Of a year alone its first day: an age is never understated.
        return datetime.date.fromisoformat(value if "-" in value else f"{value}-01-01")
    except ValueError as error:
        raise PriceError(f"{where}, source_date: {value!r}: {error}.") from None
