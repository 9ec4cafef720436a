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

import http.server
import json
import threading

from spicelab_nb.cost.refresh import (
    AwsKey,
    AwsPrices,
    AzureRetailPrices,
    GcpBillingCatalog,
)

KEY = AwsKey(access="AKIDEXAMPLE", secret="a-secret", token="a-token")


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


def sources(url, timeout_s=30.0):
    more = {"timeout_s": timeout_s}
    return {
        "azure": AzureRetailPrices(region="eastus", url=url, **more),
        "gcp": GcpBillingCatalog(region="us-central1", key="a-key", url=url, **more),
        "aws": AwsPrices(region="us-east-1", key=KEY, price_url=url, spot_url=url, **more),
    }
