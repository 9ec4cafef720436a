"""Fetching prices from the providers' own interfaces, when somebody asks for it.

Nothing here runs by itself: being offline is the normal state, and the catalogue that is packaged
works without. ``refresh_prices([AzureRetailPrices(region="eastus")])`` keeps what it fetches in the
user's cache folder, where `spicelab_nb.cost.Catalogue.load` finds it.
"""

from spicelab_nb.cost.refresh.aws import AwsPrices
from spicelab_nb.cost.refresh.azure import AzureRetailPrices
from spicelab_nb.cost.refresh.endpoints import ENDPOINTS
from spicelab_nb.cost.refresh.gcp import GcpBillingCatalog
from spicelab_nb.cost.refresh.signing import AwsKey
from spicelab_nb.cost.refresh.source import PriceSource, refresh_prices, write_prices

__all__ = [
    "ENDPOINTS",
    "AwsKey",
    "AwsPrices",
    "AzureRetailPrices",
    "GcpBillingCatalog",
    "PriceSource",
    "refresh_prices",
    "write_prices",
]
