"""AWS: the Price List Query API for on-demand prices and shapes, spot history for the rest."""

from __future__ import annotations

import json
import re
import statistics
import urllib.parse
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import TYPE_CHECKING, Any

from spicelab_nb.cost.machine import MachineType
from spicelab_nb.cost.refresh.endpoints import ENDPOINTS
from spicelab_nb.cost.refresh.signing import AwsKey, signed_headers
from spicelab_nb.cost.refresh.source import PAGES
from spicelab_nb.cost.refresh.transport import TIMEOUT_S, ask, ask_json, field, listed, parsed
from spicelab_nb.errors import PriceFetchError

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Sequence

__all__ = ["AwsPrices"]

PRICES = "The AWS Price List"
SPOT = "The AWS spot price history"

HOME = "us-east-1"
"""Region of the Price List itself."""

HINT = "Check the access key, and that it may pricing:GetProducts and ec2:DescribeSpotPriceHistory."

FILTERS = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
}
"""Of all that is sold under a machine type's name: Linux, shared, nothing else installed."""

_MEMORY = re.compile(r"([\d,.]+) GiB")


@dataclass(frozen=True, kw_only=True)
class AwsPrices:
    """On-demand and spot prices of EC2's machine types in one region.

    Parameters
    ----------
    region
        ``"us-east-1"``.
    key
        An access key; None: from the environment, when it is needed.
    price_url, spot_url
        Base addresses; ``{region}`` in the second stands for the region.
    timeout_s
        For each page.
    """

    region: str
    key: AwsKey | None = dataclass_field(default=None, repr=False)
    price_url: str = ENDPOINTS["aws-price-list"].url
    spot_url: str = ENDPOINTS["aws-spot-history"].url
    timeout_s: float = TIMEOUT_S

    @property
    def provider(self) -> str:
        """``"aws"``."""
        return "aws"

    def fetch(
        self, known: Sequence[MachineType], *, now: datetime.datetime
    ) -> tuple[MachineType, ...]:
        """Give every machine type of the region; see `PriceSource`.

        Of spot prices in several zones the median is kept, as no zone is asked for.
        """
        models = {row.name: row.gpu for row in known if row.provider == "aws"}
        key = self.key or AwsKey.from_environment()
        spot = self._spot(key, now)
        found = {}
        for product in self._products(key, now):
            made = self._machine(product, spot, models, now)
            if made is not None:
                found[made.name] = made
        return tuple(found[name] for name in sorted(found))

    def _machine(
        self,
        product: dict[str, Any],
        spot: dict[str, float],
        models: dict[str, str],
        now: datetime.datetime,
    ) -> MachineType | None:
        attributes = field(PRICES, product, "product", "attributes", kind=dict)
        name = field(PRICES, attributes, "instanceType")
        memory = _MEMORY.fullmatch(field(PRICES, attributes, "memory"))
        price = _hourly(product)
        if memory is None or not price:
            return None
        count = attributes.get("gpu", "0")
        arm = "Graviton" in attributes.get("physicalProcessor", "")
        return MachineType(
            provider="aws",
            name=name,
            region=self.region,
            vcpu=_number(name, "vcpu", field(PRICES, attributes, "vcpu")),
            memory_gib=float(memory[1].replace(",", "")),
            architecture="arm64" if arm else "x86_64",
            on_demand_usd_h=price,
            spot_usd_h=spot.get(name),
            gpus=_number(name, "gpu", count),
            gpu=models.get(name, ""),
            source="AWS Price List" + (" and spot price history" if name in spot else ""),
            dated=now.date(),
        )

    def _products(self, key: AwsKey, now: datetime.datetime) -> Iterator[dict[str, Any]]:
        """Give each product that is documented as JSON inside of JSON."""
        url = f"{self.price_url.rstrip('/')}/"
        wanted = {"regionCode": self.region, **FILTERS}
        request: dict[str, Any] = {
            "ServiceCode": "AmazonEC2",
            "FormatVersion": "aws_v1",
            "MaxResults": 100,
            "Filters": [
                {"Type": "TERM_MATCH", "Field": name, "Value": value}
                for name, value in wanted.items()
            ],
        }
        for token in _tokens(PRICES):
            if token.last:
                request["NextToken"] = token.last
            body = json.dumps(request).encode()
            headers = signed_headers(
                key,
                method="POST",
                url=url,
                service="pricing",
                region=HOME,
                now=now,
                body=body,
                headers={
                    "Content-Type": "application/x-amz-json-1.1",
                    "X-Amz-Target": "AWSPriceListService.GetProducts",
                },
            )
            page = ask_json(
                PRICES, url, headers=headers, data=body, timeout_s=self.timeout_s, hint=HINT
            )
            for entry in listed(PRICES, page, "PriceList"):
                yield entry if isinstance(entry, dict) else parsed(PRICES, entry)
            token.next(page.get("NextToken"))

    def _spot(self, key: AwsKey, now: datetime.datetime) -> dict[str, float]:
        """Latest price of each machine type: the median over zones."""
        url = f"{self.spot_url.format(region=self.region).rstrip('/')}/"
        prices: dict[str, dict[str, float]] = {}
        for token in _tokens(SPOT):
            query = {
                "Action": "DescribeSpotPriceHistory",
                "MaxResults": "1000",
                "ProductDescription.1": "Linux/UNIX",
                "StartTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "Version": "2016-11-15",
            }
            if token.last:
                query["NextToken"] = token.last
            full = f"{url}?{_query(query)}"
            headers = signed_headers(
                key, method="GET", url=full, service="ec2", region=self.region, now=now
            )
            page = _xml(ask(SPOT, full, headers=headers, timeout_s=self.timeout_s, hint=HINT))
            for item in page.iterfind("spotPriceHistorySet/item"):
                name, zone, price = (
                    item.findtext(tag, "")
                    for tag in ("instanceType", "availabilityZone", "spotPrice")
                )
                # the newest comes first
                prices.setdefault(name, {}).setdefault(zone, _price(name, price))
            token.next(page.findtext("nextToken"))
        return {name: statistics.median(zones.values()) for name, zones in prices.items()}


class _Token:
    """The next page's token, as it is passed on."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._seen: set[str] = set()
        self.last = ""
        self.more = True

    def next(self, token: Any) -> None:
        """Note what the page says comes next."""
        self.last = token or ""
        self.more = bool(self.last)
        if self.last in self._seen or len(self._seen) >= PAGES:
            raise PriceFetchError(f"{self._what} names the same next page again and again.")
        self._seen.add(self.last)


def _tokens(what: str) -> Iterator[_Token]:
    token = _Token(what)
    while token.more:
        yield token


def _query(values: dict[str, str]) -> str:
    """Encode as the signature wants it: sorted, a slash and a plus encoded, too."""
    encoded = {k: urllib.parse.quote(v, safe="-_.~") for k, v in values.items()}
    return "&".join(f"{name}={encoded[name]}" for name in sorted(encoded))


def _hourly(product: dict[str, Any]) -> float:
    """USD an hour on demand; 0 where it is not sold by the hour."""
    for term in field(PRICES, product, "terms", kind=dict).get("OnDemand", {}).values():
        for dimension in field(PRICES, term, "priceDimensions", kind=dict).values():
            if dimension.get("unit") == "Hrs":
                return _price("a product", field(PRICES, dimension, "pricePerUnit", "USD"))
    return 0.0


def _price(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise PriceFetchError(f"AWS gives {text!r:.40} as the price of {name}.") from None


def _number(name: str, what: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise PriceFetchError(f"AWS gives {text!r:.40} as {what} of {name}.") from None


def _xml(text: bytes) -> ET.Element:
    """Read an answer without its namespace."""
    try:
        # expat limits the growth of entities itself; the answer's size is limited above
        root = ET.fromstring(text)  # noqa: S314
    except ET.ParseError as error:
        raise PriceFetchError(f"{SPOT} sends what is no XML: {error}.") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    if root.tag != "DescribeSpotPriceHistoryResponse":
        raise PriceFetchError(f"{SPOT} sends another answer than is documented: {root.tag:.60}.")
    return root
