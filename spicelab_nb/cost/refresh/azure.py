"""Azure's Retail Prices: public, by region, a thousand entries a page."""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from spicelab_nb.cost.refresh.endpoints import ENDPOINTS
from spicelab_nb.cost.refresh.source import PAGES
from spicelab_nb.cost.refresh.transport import TIMEOUT_S, ask_json, field, listed
from spicelab_nb.errors import PriceFetchError

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Sequence

    from spicelab_nb.cost.machine import MachineType

__all__ = ["AzureRetailPrices"]

WHAT = "Azure Retail Prices"


@dataclass(frozen=True, kw_only=True)
class AzureRetailPrices:
    """Linux prices of virtual machines in one region; no account is needed.

    The interface publishes prices without processors and memory: machine types whose shape the
    catalogue knows are kept.

    Parameters
    ----------
    region
        ``"eastus"``.
    url
        Base address.
    timeout_s
        For each page.
    """

    region: str
    url: str = ENDPOINTS["azure-retail-prices"].url
    timeout_s: float = TIMEOUT_S

    @property
    def provider(self) -> str:
        """``"azure"``."""
        return "azure"

    def fetch(
        self, known: Sequence[MachineType], *, now: datetime.datetime
    ) -> tuple[MachineType, ...]:
        """Give the known machine types with this region's prices; see `PriceSource`."""
        shapes = {row.name: row for row in known if row.provider == "azure"}
        on_demand: dict[str, float] = {}
        spot: dict[str, float] = {}
        for item in self._items():
            name = field(WHAT, item, "armSkuName")
            sku, product = field(WHAT, item, "skuName"), field(WHAT, item, "productName")
            if (
                name not in shapes
                or item.get("type") != "Consumption"
                or item.get("armRegionName") != self.region
                or item.get("unitOfMeasure") != "1 Hour"
                or "Windows" in product
                or "Low Priority" in sku
            ):
                continue
            price = float(field(WHAT, item, "retailPrice", kind=(int, float)))
            if price > 0:
                (spot if sku.endswith("Spot") else on_demand)[name] = price
        return tuple(
            replace(
                shapes[name],
                region=self.region,
                on_demand_usd_h=price,
                spot_usd_h=spot.get(name),
                source=WHAT,
                dated=now.date(),
                note="",
            )
            for name, price in sorted(on_demand.items())
        )

    def _items(self) -> Iterator[Any]:
        wanted = (
            f"serviceName eq 'Virtual Machines' and armRegionName eq '{self.region}' "
            "and priceType eq 'Consumption'"
        )
        query = urllib.parse.urlencode({"currencyCode": "USD", "$filter": wanted})
        base = self.url.rstrip("/")
        link = f"{base}/api/retail/prices?{query}"
        seen: set[str] = set()
        while link:
            if urllib.parse.urlsplit(link)[:2] != urllib.parse.urlsplit(base)[:2]:
                raise PriceFetchError(f"{WHAT} names a next page on another host: not followed.")
            if link in seen or len(seen) >= PAGES:
                raise PriceFetchError(f"{WHAT} names the same next page again and again.")
            seen.add(link)
            page = ask_json(WHAT, link, timeout_s=self.timeout_s)
            if field(WHAT, page, "BillingCurrency") != "USD":
                raise PriceFetchError(f"{WHAT} answers in {page['BillingCurrency']!r}, not USD.")
            yield from listed(WHAT, page, "Items")
            link = page.get("NextPageLink") or ""
