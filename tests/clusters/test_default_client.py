import dask
import dask.array
import distributed
import pytest

import spicelab_nb as sl


def test_the_cluster_s_client_is_dask_s_default_and_leaves_nothing_set():
    before = dask.config.get("scheduler", None)
    first = sl.cluster("local", workers=1)
    second = sl.cluster("local", workers=1)
    try:
        assert distributed.default_client() is second.client
        assert int(dask.array.arange(10, chunks=5).sum().compute()) == 45
        assert second.client.run(lambda: 1)
    finally:
        # In the order in which they were started, not in the reverse one.
        first.close()
        second.close()
    assert dask.config.get("scheduler", None) == before
    with pytest.raises(ValueError, match="No client"):
        distributed.default_client()
    assert int(dask.array.arange(10, chunks=5).sum().compute()) == 45
