import pytest

import spicelab_nb as sl


@pytest.fixture
def serial():
    with sl.cluster("serial") as cluster:
        yield cluster
