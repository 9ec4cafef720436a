"""Google's Cloud Billing Catalog: a price for a core and one for a GiB, by machine family."""

from __future__ import annotations

import os
import re
import urllib.parse
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from typing import TYPE_CHECKING, Any

from spicelab_nb.cost.refresh.endpoints import ENDPOINTS
from spicelab_nb.cost.refresh.source import PAGES
from spicelab_nb.cost.refresh.transport import TIMEOUT_S, ask_json, field, listed
from spicelab_nb.errors import PriceFetchError

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping, Sequence

    from spicelab_nb.cost.machine import MachineType

__all__ = ["GcpBillingCatalog"]

WHAT = "The Google Cloud Billing Catalog"
COMPUTE_ENGINE = "6F81-5844-456A"
"""Identifier of the service in the catalog."""

KEY = "GOOGLE_API_KEY"

_PART = re.compile(
    r"(?:Spot Preemptible )?"
    r"(?P<family>Compute optimized|[A-Z]\d+[A-Z]?)"
    r"(?: (?:AMD|Arm|Predefined))?(?: Instance)? (?P<part>Core|Ram) running in ",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class GcpBillingCatalog:
    """Prices of Compute Engine's machine types in one region.

    The interface publishes a price for a core and one for a GiB of each family; a machine type's is
    their sum, for those whose shape the catalogue knows.

    Parameters
    ----------
    region
        ``"us-central1"``.
    key
        An API key for the Cloud Billing API; it is sent in a header and shown nowhere.
    url
        Base address.
    timeout_s
        For each page.
    """

    region: str
    key: str = dataclass_field(repr=False)
    url: str = ENDPOINTS["gcp-billing-catalog"].url
    timeout_s: float = TIMEOUT_S

    @classmethod
    def from_environment(
        cls, region: str, environ: Mapping[str, str] | None = None, **more: Any
    ) -> GcpBillingCatalog:
        """Take the key from ``GOOGLE_API_KEY``.

        Raises
        ------
        PriceFetchError
            It is not set.
        """
        key = (os.environ if environ is None else environ).get(KEY, "")
        if not key:
            raise PriceFetchError(
                f"{WHAT} needs an API key. Set {KEY}; how to get one is said at "
                f"{ENDPOINTS['gcp-billing-catalog'].documentation}"
            )
        return cls(region=region, key=key, **more)

    @property
    def provider(self) -> str:
        """``"gcp"``."""
        return "gcp"

    def fetch(
        self, known: Sequence[MachineType], *, now: datetime.datetime
    ) -> tuple[MachineType, ...]:
        """Give the known machine types with this region's prices; see `PriceSource`."""
        prices = dict(self._prices())
        found = {}
        for shape in known:
            if shape.provider != "gcp" or shape.name in found or shape.gpus:
                continue
            family = shape.name.partition("-")[0]
            on_demand, spot = (
                _sum(shape, prices.get((family, "core", usage)), prices.get((family, "ram", usage)))
                for usage in ("OnDemand", "Preemptible")
            )
            if on_demand is not None:
                found[shape.name] = replace(
                    shape,
                    region=self.region,
                    on_demand_usd_h=on_demand,
                    spot_usd_h=spot,
                    source="Google Cloud Billing Catalog",
                    dated=now.date(),
                    note="",
                )
        return tuple(found[name] for name in sorted(found))

    def _prices(self) -> Iterator[tuple[tuple[str, str, str], float]]:
        """Give ``(family, "core" | "ram", usage type)`` with USD an hour of one core or GiB."""
        for sku in self._skus():
            usage = field(WHAT, sku, "category", "usageType")
            part = _PART.match(field(WHAT, sku, "description"))
            if (
                part is None
                or usage not in ("OnDemand", "Preemptible")
                or self.region not in listed(WHAT, sku, "serviceRegions")
            ):
                continue
            # A timeline: the last entry holds now. Of tiers the last is what is paid.
            expression = field(WHAT, sku, "pricingInfo", -1, "pricingExpression", kind=dict)
            unit = field(WHAT, expression, "usageUnit")
            if unit != ("h" if part["part"].lower() == "core" else "GiBy.h"):
                raise PriceFetchError(f"{WHAT} prices {sku['description']!r} by {unit!r}.")
            price = field(WHAT, expression, "tieredRates", -1, "unitPrice", kind=dict)
            if price.get("currencyCode", "USD") != "USD":
                raise PriceFetchError(f"{WHAT} answers in {price['currencyCode']!r}, not USD.")
            usd = int(price.get("units") or 0) + int(price.get("nanos") or 0) * 1e-9
            family = part["family"].lower()
            yield ("c2" if " " in family else family, part["part"].lower(), usage), usd

    def _skus(self) -> Iterator[Any]:
        base = f"{self.url.rstrip('/')}/v1/services/{COMPUTE_ENGINE}/skus"
        token = ""
        seen: set[str] = set()
        while True:
            query = {"currencyCode": "USD", "pageSize": "5000"}
            if token:
                query["pageToken"] = token
            page = ask_json(
                WHAT,
                f"{base}?{urllib.parse.urlencode(query)}",
                headers={"X-Goog-Api-Key": self.key},
                timeout_s=self.timeout_s,
                hint="Check the API key, and that the Cloud Billing API is enabled for it.",
            )
            yield from listed(WHAT, page, "skus")
            token = page.get("nextPageToken") or ""
            if not token:
                return
            if token in seen or len(seen) >= PAGES:
                raise PriceFetchError(f"{WHAT} names the same next page again and again.")
            seen.add(token)


def _sum(shape: MachineType, core: float | None, ram: float | None) -> float | None:
    if core is None or ram is None:
        return None
    return shape.vcpu * core + shape.memory_gib * ram
