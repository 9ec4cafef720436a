"""A server of prices, for the tests that fetch some."""

import importlib.util
import sys
from pathlib import Path

import pytest

from spicelab_nb.cost import Catalogue

# Import mode importlib does not find a module beside this file by itself.
_spec = importlib.util.spec_from_file_location(
    "price_service", Path(__file__).with_name("price_service.py")
)
price_service = importlib.util.module_from_spec(_spec)
sys.modules["price_service"] = price_service
_spec.loader.exec_module(price_service)


@pytest.fixture
def service():
    made = price_service.Service()
    yield made
    made.close()


@pytest.fixture
def known(tmp_path):
    return Catalogue.load(cache=tmp_path / "none").rows
