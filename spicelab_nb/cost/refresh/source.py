"""What every source of prices does, and how what it gives is kept."""

from __future__ import annotations

import csv
import datetime
import io
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from spicelab_nb.cost.catalogue import COLUMNS, UNDATED, Catalogue, cache_folder, parse_prices
from spicelab_nb.errors import PriceError, PriceFetchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spicelab_nb.cost.machine import MachineType

__all__ = ["PAGES", "PriceSource", "refresh_prices", "write_prices"]

PAGES = 2000
"""Pages of one answer at most: a list that never ends is an error, not a loop."""


class PriceSource(Protocol):
    """Fetches the prices of one provider in one region."""

    @property
    def provider(self) -> str:
        """``"aws"``, ``"gcp"``, ``"azure"``."""

    @property
    def region(self) -> str:
        """As the provider calls it."""

    def fetch(
        self, known: Sequence[MachineType], *, now: datetime.datetime
    ) -> tuple[MachineType, ...]:
        """Give machine types with their prices as of `now`.

        Parameters
        ----------
        known
            Machine types whose shape is known: some providers publish prices without it.
        now
            The present, with its time zone.

        Raises
        ------
        PriceFetchError
            The prices cannot be had; nothing is given then, not half of them.
        """


def refresh_prices(
    sources: Iterable[PriceSource],
    *,
    now: datetime.datetime | None = None,
    folder: Path | None = None,
) -> Catalogue:
    """Fetch prices and keep them for this user; `Catalogue.load` finds them from then on.

    Parameters
    ----------
    sources
        Of each provider and region that matters.
    now
        The present; None: the clock's.
    folder
        Where they are kept; None: the user's cache folder.

    Returns
    -------
    Catalogue
        All prices that are known now.

    Raises
    ------
    PriceFetchError
        A source failed. What others gave before is kept; what was there before stays.
    """
    target = folder or cache_folder()
    moment = now or datetime.datetime.now(datetime.UTC)
    for source in sources:
        known = Catalogue.load(cache=target)
        rows = source.fetch(known.rows, now=moment)
        if not rows:
            raise PriceFetchError(
                f"{source.provider} has no price of a known machine type in {source.region!r}. "
                "Check the region's name."
            )
        write_prices(rows, target / f"{_plain(source.provider)}-{_plain(source.region)}.csv")
    return Catalogue.load(cache=target)


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]", "_", name)


def write_prices(rows: Iterable[MachineType], path: Path) -> None:
    """Write a price file; it is replaced as a whole or not at all.

    Raises
    ------
    PriceError
        A row is none that can be read again, or the file cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        spot = "" if row.spot_usd_h is None else f"{row.spot_usd_h:.10g}"
        writer.writerow([
            row.provider, row.name, row.region, row.vcpu, f"{row.memory_gib:.10g}",
            row.architecture, row.gpus, row.gpu, f"{row.on_demand_usd_h:.10g}", spot,
            row.source, row.dated.isoformat() if row.dated else UNDATED, row.note,
        ])  # fmt: skip
    parse_prices(text.getvalue(), f"the prices for {path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(text.getvalue())
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise PriceError(f"The prices cannot be kept in {path}: {error}") from error
