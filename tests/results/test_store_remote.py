"""The store behind fsspec: this process's memory, and a bucket served on loopback."""

import itertools
import logging
from collections.abc import Iterator

import pytest

from spicelab_nb.testing.stores import StoreTests

_numbers = itertools.count()


class TestMemory(StoreTests):
    @pytest.fixture
    def location(self) -> Iterator[str]:
        import fsspec

        yield f"memory://runs/{next(_numbers)}"
        fsspec.filesystem("memory").store.clear()


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class TestS3(StoreTests):
    @pytest.fixture
    def location(self, s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
        import s3fs

        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
        number = next(_numbers)
        s3fs.S3FileSystem().mkdir(f"bucket-{number}")
        return f"s3://bucket-{number}/runs/amp"
