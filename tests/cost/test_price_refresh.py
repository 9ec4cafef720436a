"""Fetching prices, from a server on the loopback that answers as is documented, or does not.

The shapes are those of these pages (names and types of fields, paging; the prices are made up):

* AWS Price List, GetProducts:
  https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html
  and, for a product in it,
  https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html
* EC2 DescribeSpotPriceHistory:
  https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotPriceHistory.html
* Google Cloud Billing Catalog: https://cloud.google.com/billing/v1/how-tos/catalog-api
* Azure Retail Prices:
  https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices
"""

import datetime
import http.server
import json
import socket
import threading
import urllib.parse

import pytest

from spicelab_nb.cost import Catalogue
from spicelab_nb.cost.refresh import (
    ENDPOINTS,
    AwsKey,
    AwsPrices,
    AzureRetailPrices,
    GcpBillingCatalog,
    refresh_prices,
    write_prices,
)
from spicelab_nb.cost.refresh.signing import signed_headers
from spicelab_nb.errors import PriceError, PriceFetchError

NOW = datetime.datetime(2026, 11, 20, 12, 0, tzinfo=datetime.UTC)
KEY = AwsKey(access="AKIDEXAMPLE", secret="a-secret", token="a-token")
SECRETS = ("a-secret", "a-token", "a-key", "AKIDEXAMPLE")


class Service:
    """A server whose answers a test sets: a list, one a request, or a function of the request."""

    def __init__(self):
        self.requests = []
        self.answers = []
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.serve(b"")

            def do_POST(self):
                self.serve(self.rfile.read(int(self.headers["Content-Length"])))

            def serve(self, body):
                service.requests.append((self.path, self.headers, body))
                status, headers, text = service.answers[len(service.requests) - 1]
                if status is None:  # never answers
                    service.release.wait(30)
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.release = threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}
        )
        self.thread.start()

    def says(self, *pages, status=200, **headers):
        for page in pages:
            text = page if isinstance(page, bytes) else json.dumps(page).encode()
            self.answers.append((status, headers, text))

    def close(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def service():
    made = Service()
    yield made
    made.close()


@pytest.fixture
def known(tmp_path):
    return Catalogue.load(cache=tmp_path / "none").rows


# ---- Azure


def azure_item(sku, price, arm="Standard_D8s_v3", **more):
    return {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": price,
        "unitPrice": price,
        "armRegionName": "eastus",
        "location": "US East",
        "effectiveStartDate": "2020-08-01T00:00:00Z",
        "meterId": "000a794b-bdb0-58be-a0cd-0c3a0f222923",
        "meterName": sku,
        "productId": "DZH318Z0BQPS",
        "skuId": "DZH318Z0BQPS/00TG",
        "productName": "Virtual Machines DSv3 Series",
        "skuName": sku,
        "serviceName": "Virtual Machines",
        "serviceId": "DZH313Z7MMC8",
        "serviceFamily": "Compute",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "isPrimaryMeterRegion": True,
        "armSkuName": arm,
        **more,
    }


def azure_page(*items, link=None):
    return {
        "BillingCurrency": "USD",
        "CustomerEntityId": "Default",
        "CustomerEntityType": "Retail",
        "Items": list(items),
        "NextPageLink": link,
        "Count": len(items),
    }


def test_azure_over_two_pages(service, known):
    windows = {"productName": "Virtual Machines DSv3 Series Windows"}
    service.says(
        azure_page(
            azure_item("D8s v3", 0.4),
            azure_item("D8s v3", 0.9, **windows),
            azure_item("D8s v3 Low Priority", 0.05),
            azure_item("D8s v3", 2000.0, type="Reservation", unitOfMeasure="1 Year"),
            azure_item("Z9 v9", 7.0, arm="Standard_Z9_v9"),
            link=f"{service.url}/api/retail/prices?$skip=100",
        ),
        azure_page(
            azure_item("D8s v3 Spot", 0.06),
            azure_item("F2s v2", 0.08, arm="Standard_F2s_v2"),
        ),
    )
    found = AzureRetailPrices(region="eastus", url=service.url).fetch(known, now=NOW)
    assert [(m.name, m.on_demand_usd_h, m.spot_usd_h) for m in found] == [
        ("Standard_D8s_v3", 0.4, 0.06),
        ("Standard_F2s_v2", 0.08, None),
    ]
    eight = found[0]
    assert (eight.vcpu, eight.memory_gib, eight.region) == (8, 32.0, "eastus")
    assert (eight.source, eight.dated) == ("Azure Retail Prices", NOW.date())
    asked = urllib.parse.parse_qs(urllib.parse.urlsplit(service.requests[0][0]).query)
    assert "armRegionName eq 'eastus'" in asked["$filter"][0]
    assert len(service.requests) == 2


@pytest.mark.parametrize(
    ("link", "says"),
    [
        ("http://192.0.2.1/api/retail/prices", "on another host"),
        ("SAME", "the same next page again and again"),
    ],
)
def test_azure_next_pages_that_lead_nowhere(service, known, link, says):
    again = f"{service.url}/api/retail/prices?$skip=100" if link == "SAME" else link
    service.says(*[azure_page(azure_item("D8s v3", 0.4), link=again)] * 3)
    with pytest.raises(PriceFetchError, match=says):
        AzureRetailPrices(region="eastus", url=service.url).fetch(known, now=NOW)


# ---- Google


def sku(description, nanos, usage="OnDemand", unit="h", regions=("us-central1",), units="0"):
    return {
        "name": "services/6F81-5844-456A/skus/0001-0002-0003",
        "skuId": "0001-0002-0003",
        "description": description,
        "category": {
            "serviceDisplayName": "Compute Engine",
            "resourceFamily": "Compute",
            "resourceGroup": "CPU" if unit == "h" else "RAM",
            "usageType": usage,
        },
        "serviceRegions": list(regions),
        "pricingInfo": [
            {
                "effectiveTime": "2026-11-20T00:00:00Z",
                "summary": "",
                "pricingExpression": {
                    "usageUnit": unit,
                    "usageUnitDescription": "hour",
                    "baseUnit": "s",
                    "displayQuantity": 1,
                    "tieredRates": [
                        {
                            "startUsageAmount": 0,
                            "unitPrice": {"currencyCode": "USD", "units": units, "nanos": nanos},
                        }
                    ],
                },
                "currencyConversionRate": 1,
            }
        ],
        "serviceProviderName": "Google",
    }


def test_google_over_two_pages(service, known):
    service.says(
        {
            "skus": [
                sku("N2 Instance Core running in Americas", 31_611_000),
                sku("N2 Instance Core running in Frankfurt", 99_000_000, regions=["europe-west3"]),
                sku("N2 Custom Instance Core running in Americas", 33_191_000),
                sku("Commitment v1: N2 Cpu in Americas for 1 Year", 20_000_000, "Commit1Yr"),
                sku("N2D AMD Instance Core running in Americas", 27_502_000),
                sku("Compute optimized Core running in Americas", 0, units="1"),
            ],
            "nextPageToken": "page/2=",
        },
        {
            "skus": [
                sku("N2 Instance Ram running in Americas", 4_237_000, unit="GiBy.h"),
                sku("Spot Preemptible N2 Instance Core running in Americas", 9e6, "Preemptible"),
                sku(
                    "Spot Preemptible N2 Instance Ram running in Americas",
                    1e6,
                    "Preemptible",
                    unit="GiBy.h",
                ),
                sku("Compute optimized Ram running in Americas", 500_000_000, unit="GiBy.h"),
            ]
        },
    )
    source = GcpBillingCatalog(region="us-central1", key="a-key", url=service.url)
    found = {m.name: m for m in source.fetch(known, now=NOW)}
    eight = found["n2-standard-8"]
    assert eight.on_demand_usd_h == pytest.approx(8 * 0.031611 + 32 * 0.004237)
    assert eight.spot_usd_h == pytest.approx(8 * 0.009 + 32 * 0.001)
    assert found["c2-standard-8"].on_demand_usd_h == pytest.approx(8 * 1 + 32 * 0.5)
    assert found["c2-standard-8"].spot_usd_h is None
    # no memory price of N2D: no price of it at all
    assert not [name for name in found if name.startswith("n2d")]
    paths = [path for path, _, _ in service.requests]
    assert all(path.startswith("/v1/services/6F81-5844-456A/skus?") for path in paths)
    assert "pageToken=page%2F2%3D" in paths[1]
    assert "a-key" not in "".join(paths)
    assert service.requests[0][1]["X-Goog-Api-Key"] == "a-key"


def test_a_core_by_the_month_is_not_believed(service, known):
    service.says({"skus": [sku("N2 Instance Core running in Americas", 1, unit="mo")]})
    with pytest.raises(PriceFetchError, match=r"prices 'N2 Instance Core.*' by 'mo'"):
        GcpBillingCatalog(region="us-central1", key="a-key", url=service.url).fetch(known, now=NOW)


# ---- AWS


def product(name, price, vcpu="8", memory="16 GiB", processor="Intel Xeon 8375C", **more):
    return json.dumps(
        {
            "product": {
                "productFamily": "Compute Instance",
                "attributes": {
                    "instanceType": name,
                    "vcpu": vcpu,
                    "memory": memory,
                    "physicalProcessor": processor,
                    "operatingSystem": "Linux",
                    "tenancy": "Shared",
                    "regionCode": "us-east-1",
                    **more,
                },
                "sku": "2223B6PCG6QAUYY6",
            },
            "serviceCode": "AmazonEC2",
            "terms": {
                "OnDemand": {
                    "2223B6PCG6QAUYY6.JRTCKXETXF": {
                        "priceDimensions": {
                            "2223B6PCG6QAUYY6.JRTCKXETXF.6YS6EN2CT7": {
                                "unit": "Hrs",
                                "endRange": "Inf",
                                "description": f"${price} per On Demand Linux {name} Hour",
                                "appliesTo": [],
                                "rateCode": "2223B6PCG6QAUYY6.JRTCKXETXF.6YS6EN2CT7",
                                "beginRange": "0",
                                "pricePerUnit": {"USD": price},
                            }
                        },
                        "sku": "2223B6PCG6QAUYY6",
                        "effectiveDate": "2026-11-01T00:00:00Z",
                        "offerTermCode": "JRTCKXETXF",
                        "termAttributes": {},
                    }
                }
            },
            "version": "20261101000000",
            "publicationDate": "2026-11-01T00:00:00Z",
        }
    )


def spot_page(*items, token=""):
    rows = "".join(
        f"<item><instanceType>{name}</instanceType><productDescription>Linux/UNIX"
        f"</productDescription><spotPrice>{price}</spotPrice><timestamp>2026-11-20T04:32:53.000Z"
        f"</timestamp><availabilityZone>{zone}</availabilityZone></item>"
        for name, zone, price in items
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><DescribeSpotPriceHistoryResponse '
        'xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>59dbff89</requestId>'
        f"<spotPriceHistorySet>{rows}</spotPriceHistorySet><nextToken>{token}</nextToken>"
        "</DescribeSpotPriceHistoryResponse>"
    ).encode()


def aws(service, **more):
    return AwsPrices(
        region="us-east-1", key=KEY, price_url=service.url, spot_url=service.url, **more
    )


def test_aws_over_several_pages(service):
    service.says(
        spot_page(
            ("c6i.2xlarge", "us-east-1a", "0.10"),
            ("c6i.2xlarge", "us-east-1b", "0.14"),
            ("c6i.2xlarge", "us-east-1a", "0.99"),  # older, of a zone that is known
            token="more+/=",
        ),
        spot_page(("c6i.2xlarge", "us-east-1c", "0.12")),
        {
            "FormatVersion": "aws_v1",
            "NextToken": "next",
            "PriceList": [
                product("c6i.2xlarge", "0.3400000000"),
                product("odd", "0.1", memory="NA"),
            ],
        },
        {
            "FormatVersion": "aws_v1",
            "PriceList": [
                product("c7g.large", "0.0725", "2", "4 GiB", "AWS Graviton3 Processor"),
                product("p9.huge", "32.5", "96", "1,152 GiB", gpu="8"),
                product("free.large", "0.0000000000"),
            ],
        },
    )
    found = {m.name: m for m in aws(service).fetch((), now=NOW)}
    assert sorted(found) == ["c6i.2xlarge", "c7g.large", "p9.huge"]
    eight = found["c6i.2xlarge"]
    assert (eight.vcpu, eight.memory_gib, eight.architecture) == (8, 16.0, "x86_64")
    assert (eight.on_demand_usd_h, eight.spot_usd_h) == (0.34, 0.12)
    assert found["c7g.large"].architecture == "arm64"
    assert found["c7g.large"].spot_usd_h is None
    assert (found["p9.huge"].gpus, found["p9.huge"].memory_gib) == (8, 1152.0)
    assert "NextToken=more%2B%2F%3D" in service.requests[1][0]
    body = json.loads(service.requests[3][2])
    assert body["NextToken"] == "next"
    assert {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "us-east-1"} in body["Filters"]
    signed = service.requests[2][1]
    assert "/us-east-1/pricing/aws4_request" in signed["Authorization"]
    assert signed["X-Amz-Security-Token"] == "a-token"


def test_the_signature_is_the_documented_one():
    # "get-vanilla" of the signature's published test suite
    key = AwsKey(access="AKIDEXAMPLE", secret="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    found = signed_headers(
        key,
        method="GET",
        url="https://example.amazonaws.com/",
        service="service",
        region="us-east-1",
        now=datetime.datetime(2015, 8, 30, 12, 36, tzinfo=datetime.UTC),
    )
    assert found["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date, "
        "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )


# ---- what goes wrong, of every source


def sources(url, timeout_s=30.0):
    more = {"timeout_s": timeout_s}
    return {
        "azure": AzureRetailPrices(region="eastus", url=url, **more),
        "gcp": GcpBillingCatalog(region="us-central1", key="a-key", url=url, **more),
        "aws": AwsPrices(region="us-east-1", key=KEY, price_url=url, spot_url=url, **more),
    }


ALL = pytest.mark.parametrize("name", ["azure", "gcp", "aws"])


def fails(source, known, says):
    with pytest.raises(PriceFetchError, match=says) as caught:
        source.fetch(known, now=NOW)
    told = f"{caught.value} {caught.value!r} {source!r}"
    assert not any(secret in told for secret in SECRETS)
    assert isinstance(caught.value, ConnectionError)
    return str(caught.value)


@ALL
def test_refused(service, known, name):
    service.says(b"<Errors><Error><Code>UnauthorizedOperation</Code></Error></Errors>", status=403)
    told = fails(sources(service.url)[name], known, r"refuses the request \(403 Unauthorized")
    assert "The prices that are here stay in use" in told


@ALL
def test_refused_with_a_key_in_the_answer(service, known, name):
    service.says(b"who is AKIDEXAMPLE with a-key?", status=403)
    fails(sources(service.url)[name], known, r"refuses the request \(403 Forbidden\)")


@ALL
@pytest.mark.parametrize("status", [429, 500, 503])
def test_busy_or_broken(service, known, name, status):
    service.says(b"{}", status=status)
    fails(sources(service.url)[name], known, rf"busy or broken \({status} .*Try again later")


@ALL
def test_another_status(service, known, name):
    service.says(b"", status=418)
    fails(sources(service.url)[name], known, "answers 418")


@ALL
def test_a_redirect_is_not_followed(service, known, name):
    service.says(b"", status=302, Location="http://192.0.2.1/")
    fails(sources(service.url)[name], known, "answers 302")
    assert len(service.requests) == 1


@ALL
def test_no_answer_in_time(service, known, name):
    service.answers.append((None, {}, b""))
    fails(sources(service.url, timeout_s=0.2)[name], known, "did not answer within 0.2 s")


@ALL
def test_nobody_there(known, name):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = fails(sources(f"http://127.0.0.1:{port}")[name], known, "cannot be reached")
    assert "Is this machine online?" in told


@ALL
@pytest.mark.parametrize("text", [b"<html>busy</html>", b'{"Items": [', b"[1, 2]", b"\xff\xfe"])
def test_what_is_not_as_documented(service, known, name, text):
    service.says(text)
    fails(sources(service.url)[name], known, r"no JSON|no XML|a list where|another answer")


@ALL
def test_half_a_page(service, known, name):
    service.says(b'{"Items": [', **{"Content-Length": "1000"})
    fails(sources(service.url)[name], known, "broke off after 11 bytes")


@ALL
def test_half_of_the_pages_give_nothing(service, known, name, tmp_path):
    first = {
        "azure": azure_page(
            azure_item("D8s v3", 0.4), link=f"{service.url}/api/retail/prices?$skip=100"
        ),
        "gcp": {
            "skus": [
                sku("N2 Instance Core running in Americas", 31_611_000),
                sku("N2 Instance Ram running in Americas", 4_237_000, unit="GiBy.h"),
            ],
            "nextPageToken": "2",
        },
        "aws": spot_page(("c6i.2xlarge", "us-east-1a", "0.1"), token="2"),
    }[name]
    service.says(first)
    service.says(b"", status=500)
    with pytest.raises(PriceFetchError, match="busy or broken"):
        refresh_prices([sources(service.url)[name]], now=NOW, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert len(service.requests) == 2


@pytest.mark.parametrize(
    ("name", "page", "says"),
    [
        ("azure", {"BillingCurrency": "USD"}, "Items is missing"),
        ("azure", {"BillingCurrency": "USD", "Items": {}}, "Items is {}"),
        ("azure", {"BillingCurrency": "EUR", "Items": []}, "in 'EUR', not USD"),
        ("azure", azure_page({"armSkuName": None}), "armSkuName is None"),
        (
            "azure",
            azure_page(azure_item("D8s v3", "cheap")),
            "retailPrice is 'cheap'",
        ),
        ("gcp", {"services": []}, "skus is missing"),
        ("gcp", {"skus": [{"description": "x"}]}, "category.usageType is missing"),
    ],
)
def test_a_field_that_is_not_as_documented_is_named(service, known, name, page, says):
    service.says(page)
    fails(sources(service.url)[name], known, says)


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ({"Products": []}, "PriceList is missing"),
        ({"PriceList": ["{"]}, "no JSON"),
        ({"PriceList": [product("x.large", "cheap")]}, "'cheap' as the price"),
        ({"PriceList": [product("x.large", "0.1", vcpu="two")]}, "'two' as vcpu of x.large"),
    ],
)
def test_aws_products_that_are_not_as_documented(service, known, page, says):
    service.says(spot_page(), page)
    fails(aws(service), known, says)


def test_pages_without_end(service, known):
    service.says(*[{"skus": [], "nextPageToken": "again"}] * 3)
    fails(sources(service.url)["gcp"], known, "the same next page again and again")


# ---- keeping them


def test_what_is_fetched_is_kept_and_found(service, tmp_path):
    service.says(azure_page(azure_item("D8s v3", 0.4), azure_item("D8s v3 Spot", 0.06)))
    source = AzureRetailPrices(region="eastus", url=service.url)
    found = refresh_prices([source], now=NOW, folder=tmp_path)
    eight = found.find("Standard_D8s_v3", region="eastus")
    assert (eight.on_demand_usd_h, eight.spot_usd_h) == (0.4, 0.06)
    assert (eight.source, eight.dated) == ("Azure Retail Prices", NOW.date())
    assert [file.name for file in tmp_path.iterdir()] == ["azure-eastus.csv"]
    later = Catalogue.load(cache=tmp_path)
    assert later.find("Standard_D8s_v3", region="eastus") == eight
    assert len(later) == 183


def test_a_failed_refresh_leaves_what_was_there(service, tmp_path):
    service.says(azure_page(azure_item("D8s v3", 0.4)))
    source = AzureRetailPrices(region="eastus", url=service.url)
    refresh_prices([source], now=NOW, folder=tmp_path)
    before = (tmp_path / "azure-eastus.csv").read_bytes()
    service.says(b"", status=500)
    with pytest.raises(PriceFetchError):
        refresh_prices([source], now=NOW, folder=tmp_path)
    assert (tmp_path / "azure-eastus.csv").read_bytes() == before


def test_a_region_that_is_none(service, tmp_path):
    service.says(azure_page())
    with pytest.raises(PriceFetchError, match=r"no price .* in 'nowhere'. Check the region's name"):
        refresh_prices(
            [AzureRetailPrices(region="nowhere", url=service.url)], now=NOW, folder=tmp_path
        )


def test_a_folder_that_cannot_be_written(known, tmp_path):
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(PriceError, match="cannot be kept in"):
        write_prices(known[:1], tmp_path / "file" / "x.csv")


def test_writing_loses_nothing(known, tmp_path):
    write_prices(known, tmp_path / "all.csv")
    assert Catalogue.load(tmp_path / "all.csv").rows == known
    assert [file.name for file in tmp_path.iterdir()] == ["all.csv"]


# ---- keys and addresses


def test_keys_come_from_the_environment():
    found = AwsKey.from_environment(
        {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "c"}
    )
    assert (found.access, found.secret, found.token) == ("a", "b", "c")
    assert repr(found) == "AwsKey()"
    with pytest.raises(PriceFetchError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        AwsKey.from_environment({})
    made = GcpBillingCatalog.from_environment("us-central1", {"GOOGLE_API_KEY": "a-key"})
    assert made.key == "a-key"
    assert "a-key" not in repr(made)
    with pytest.raises(PriceFetchError, match="Set GOOGLE_API_KEY"):
        GcpBillingCatalog.from_environment("us-central1", {})


def test_every_address_has_its_documentation():
    assert len(ENDPOINTS) == 4
    for endpoint in ENDPOINTS.values():
        assert endpoint.url.startswith("https://")
        assert endpoint.documentation.startswith("https://")


def test_an_address_that_is_none(known):
    with pytest.raises(PriceFetchError, match="must start with https://"):
        AzureRetailPrices(region="eastus", url="file:///etc").fetch(known, now=NOW)
