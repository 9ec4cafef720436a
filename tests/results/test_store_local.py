"""The store in a folder: what every store does, and what only a folder can suffer."""

from pathlib import Path

import pytest

from spicelab_nb.testing.stores import StoreTests


class TestFolder(StoreTests):
    @pytest.fixture
    def location(self, tmp_path: Path) -> str:
        return str(tmp_path / "a folder" / "run")


class TestFileUrl(StoreTests):
    @pytest.fixture
    def location(self, tmp_path: Path) -> str:
        return (tmp_path / "a folder").as_uri()
