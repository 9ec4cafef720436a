"""Where the providers publish their prices: the one place that names hosts."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ENDPOINTS", "Endpoint"]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An interface of a provider.

    Parameters
    ----------
    url
        Base address; ``{region}`` in it stands for the region.
    documentation
        The page that says what it answers.
    """

    url: str
    documentation: str


ENDPOINTS = {
    "aws-price-list": Endpoint(
        url="https://api.pricing.us-east-1.amazonaws.com",
        documentation="https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/"
        "API_pricing_GetProducts.html",
    ),
    "aws-spot-history": Endpoint(
        url="https://ec2.{region}.amazonaws.com",
        documentation="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/"
        "API_DescribeSpotPriceHistory.html",
    ),
    "gcp-billing-catalog": Endpoint(
        url="https://cloudbilling.googleapis.com",
        documentation="https://cloud.google.com/billing/v1/how-tos/catalog-api",
    ),
    "azure-retail-prices": Endpoint(
        url="https://prices.azure.com",
        documentation="https://learn.microsoft.com/rest/api/cost-management/retail-prices/"
        "azure-retail-prices",
    ),
}
"""By name; every source takes another base address as an argument."""
