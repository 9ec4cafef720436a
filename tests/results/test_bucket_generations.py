"""A bucket's consolidated dataset: a new name each time, and one object that points to it."""

import itertools
import json

import pytest
import xarray as xr

from spicelab_nb.results import consolidation
from spicelab_nb.results.consolidation import consolidate, dataset_url, is_consolidated
from spicelab_nb.results.store import Store
from spicelab_nb.results.waveforms import waveforms
from spicelab_nb.simulators.simulator import Status
from spicelab_nb.testing.stores import FixedDesign, example_plan, publish_range

_numbers = itertools.count()


@pytest.fixture
def bucket():
    import fsspec

    yield f"memory://generations/{next(_numbers)}"
    fsspec.filesystem("memory").store.clear()


def new_store(location, design):
    store = Store.open(location, create=True)
    store.create(example_plan(), design.size)
    return store


def groups(store):
    names = store.objects.filesystem.ls(store.objects.root, False)
    return {name.rpartition("/")[2] for name in names if name.endswith(".zarr")}


def named(url):
    return url.rpartition("/")[2]


def test_a_reader_meets_a_whole_dataset_at_every_step_of_a_writing(bucket, monkeypatch):
    design = FixedDesign(samples=40)
    store = new_store(bucket, design)
    assert dataset_url(store) is None
    publish_range(store, design, 0, 20, waves=True)
    first = consolidate(store, design=design)
    expected = xr.open_zarr(first).load()
    publish_range(store, design, 20, 40, waves=True)
    seen = []

    def look(step, *arguments):
        url = dataset_url(store)
        assert url == first
        assert xr.open_zarr(url).load().identical(expected)
        seen.append(step)

    for step in ("_write_dataset", "_write_signals"):
        real = getattr(consolidation, step)

        def watched(*arguments, real=real, step=step):
            look(step)
            real(*arguments)
            look(step)

        monkeypatch.setattr(consolidation, step, watched)
    second = consolidate(store, design=design)
    assert len(seen) == 4
    assert second == dataset_url(store) != first
    assert (xr.open_zarr(second)["status"].values != Status.NOT_RUN).all()
    # Whoever holds the old name can still read it to its end.
    assert xr.open_zarr(first).load().identical(expected)


def test_only_the_last_two_are_kept_and_what_a_killed_writer_left_goes(bucket, monkeypatch):
    design = FixedDesign(samples=40)
    store = new_store(bucket, design)
    urls = []
    for a in range(0, 30, 10):
        publish_range(store, design, a, a + 10, waves=True)
        urls.append(consolidate(store, design=design))
    assert groups(store) == {named(url) for url in urls[-2:]}

    def cut(*arguments):
        raise KeyboardInterrupt

    publish_range(store, design, 30, 40, waves=True)
    with monkeypatch.context() as patch:
        patch.setattr(consolidation, "_write_signals", cut)
        with pytest.raises(KeyboardInterrupt):
            consolidate(store, design=design)
    assert len(groups(store)) == 3
    assert dataset_url(store) == urls[-1]
    assert not is_consolidated(store, design=design)
    urls.append(consolidate(store, design=design))
    assert groups(store) == {named(url) for url in urls[-2:]}


def test_a_dataset_of_an_earlier_version_is_read_and_replaced(bucket):
    design = FixedDesign(samples=20)
    store = new_store(bucket, design)
    publish_range(store, design, 0, 20, waves=True)
    url = consolidate(store, design=design)
    system, root = store.objects.filesystem, store.objects.root
    system.mv(f"{root}/{named(url)}", f"{root}/dataset.zarr", recursive=True)
    marker = json.loads(store.objects.get("consolidated.json"))
    del marker["dataset"]
    store.objects.put("consolidated.json", json.dumps(marker).encode())
    assert is_consolidated(store, design=design)
    assert dataset_url(store) == f"{store.url}/dataset.zarr"
    assert waveforms(store, design=design)["ac"]["v(/out)"].notnull().any()
    more = design.extended(30)
    store.extend(30)
    publish_range(store, more, 20, 30, waves=True)
    new = consolidate(store, design=more)
    assert groups(store) == {"dataset.zarr", named(new)}


def test_a_marker_points_nowhere_else(bucket):
    design = FixedDesign(samples=10)
    store = new_store(bucket, design)
    publish_range(store, design, 0, 10)
    consolidate(store, design=design)
    marker = json.loads(store.objects.get("consolidated.json"))
    store.objects.put(
        "consolidated.json", json.dumps({**marker, "dataset": "../other/dataset.zarr"}).encode()
    )
    assert dataset_url(store) is None
    assert not is_consolidated(store, design=design)
