"""Fetching prices where something is wrong, keeping them, and the keys it takes."""

import datetime
import socket

import pytest
from price_service import (
    aws,
    azure_item,
    azure_page,
    product,
    sku,
    sources,
    spot_page,
)

from spicelab_nb.cost import Catalogue
from spicelab_nb.cost.refresh import (
    ENDPOINTS,
    AwsKey,
    AzureRetailPrices,
    GcpBillingCatalog,
    refresh_prices,
    write_prices,
)
from spicelab_nb.errors import PriceError, PriceFetchError

NOW = datetime.datetime(2026, 11, 20, 12, 0, tzinfo=datetime.UTC)
SECRETS = ("a-secret", "a-token", "a-key", "AKIDEXAMPLE")


# ---- what goes wrong, of every source


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
