"""Each provider's prices, as its interface gives them."""

import datetime
import json
import urllib.parse

import pytest
from price_service import (
    aws,
    azure_item,
    azure_page,
    product,
    sku,
    spot_page,
)

from spicelab_nb.cost.refresh import (
    AwsKey,
    AzureRetailPrices,
    GcpBillingCatalog,
)
from spicelab_nb.cost.refresh.signing import signed_headers
from spicelab_nb.errors import PriceFetchError

NOW = datetime.datetime(2026, 11, 20, 12, 0, tzinfo=datetime.UTC)


# ---- Azure


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
