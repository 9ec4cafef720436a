"""Kept signals: from chunks and from Zarr, whatever their names, shapes and cuts."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from spicelab_nb.errors import ChunkConflictError, StoreError
from spicelab_nb.results import consolidation
from spicelab_nb.results.consolidation import consolidate, is_consolidated, stored_name
from spicelab_nb.results.dataset import assemble
from spicelab_nb.results.store import Store
from spicelab_nb.results.waveforms import waveforms
from spicelab_nb.simulators.simulator import Axis, Batch, Status, Wave
from spicelab_nb.testing.stores import FixedDesign, example_batch, example_plan, publish_range

CORNERS = FixedDesign(samples=12, corners=("tt", "ss", "ff"))


def new_store(path: Path, design: FixedDesign, **plan: object) -> Store:
    store = Store.open(path, create=True)
    store.create(example_plan(**plan), design.size)
    return store


def odd_batch(design: FixedDesign, start: int, stop: int) -> Batch:
    """Two analyses, a nested sweep, a scalar, names that no path would take."""
    n = stop - start
    index = np.arange(start, stop, dtype=float)
    time_axis = Axis(name="time", values=np.linspace(0, 1e-3, 5), unit="s")
    outer = Axis(name="sample", values=np.array([0.0, 1.0]), unit="V")
    inner = Axis(name="v1", values=np.array([0.0, 1.0, 2.0]), unit="V")
    waves = (
        Wave(
            analysis="tran",
            signal="v(/out <b>)",
            axes=(time_axis,),
            data=index[:, None] + time_axis.values,
            unit="V",
        ),
        Wave(
            analysis="tran",
            signal="@m1[gm]",
            axes=(time_axis,),
            data=-index[:, None] + time_axis.values,
        ),
        Wave(
            analysis="dc/2",
            signal="v(Net-(R1-Pad2))",
            axes=(outer, inner),
            data=index[:, None, None] + outer.values[:, None] + inner.values / 7,
        ),
        Wave(analysis="op", signal="..", axes=(), data=index / 3),
    )
    return Batch(
        start=start,
        status=np.zeros(n, np.int8),
        measures={"a/b c": index},
        waves=waves,
        cpu=np.zeros(n),
    )


def test_odd_names_and_shapes_survive(tmp_path: Path) -> None:
    store = new_store(tmp_path / "run", CORNERS, keep=["all"], measures={})
    for a, b in ((0, 7), (7, 36)):
        store.publish(odd_batch(CORNERS, a, b), values=CORNERS.draw(a, b), receipt={})
    from_chunks = {k: v.load() for k, v in waveforms(store, design=CORNERS).items()}
    assert set(from_chunks) == {"tran", "dc/2", "op"}
    assert set(from_chunks["tran"].data_vars) == {"v(/out <b>)", "@m1[gm]"}
    nested = from_chunks["dc/2"]["v(Net-(R1-Pad2))"]
    # An axis that is called like a dimension of the design is told apart.
    assert nested.dims == ("sample", "corner", "dc/2_sample", "v1")
    assert from_chunks["op"][".."].dims == ("sample", "corner")
    assert from_chunks["tran"]["v(/out <b>)"].sel(sample=4, corner="ss", time=0.0) == 13.0
    assert from_chunks["tran"]["time"].attrs["units"] == "s"
    url = consolidate(store, design=CORNERS)
    for name, dataset in waveforms(store, design=CORNERS).items():
        assert dataset.load().identical(from_chunks[name]), name
    assert xr.open_zarr(url)["a%2Fb%20c"].attrs["name"] == "a/b c"
    names = {a.attrs["name"] for _, a in zarr.open_group(url, mode="r")["waves/tran"].arrays()
             if "name" in a.attrs}  # fmt: skip
    assert names == {"v(/out <b>)", "@m1[gm]"}


@given(st.lists(st.text(min_size=1), min_size=2, max_size=2, unique=True))
def test_stored_names_differ_where_names_do(names) -> None:
    one, two = map(stored_name, names)
    assert one != two
    for stored in (one, two):
        assert "/" not in stored
        assert " " not in stored
        assert stored.strip(".")
        assert not stored.startswith("__")
        assert len(stored) < 255


def selections(size: int) -> st.SearchStrategy[int | list[int] | slice]:
    """What picks along a dimension; of slices backwards none is empty: xarray takes no such one."""
    slices = st.slices(size).filter(lambda s: (s.step or 1) > 0 or len(range(*s.indices(size))) > 0)
    return st.integers(0, size - 1) | st.lists(st.integers(0, size - 1), max_size=5) | slices


@given(
    key=st.fixed_dictionaries(
        {"sample": selections(12), "corner": selections(3), "frequency": selections(7)}
    )
)
@settings(deadline=None, max_examples=25)
def test_any_selection_equals_that_of_the_whole(key, kept_store) -> None:
    lazy, whole = kept_store
    found = lazy().isel(key).load()
    assert found.identical(whole.isel(key))


@pytest.fixture(scope="module", params=["chunks", "zarr"])
def kept_store(request, tmp_path_factory):
    store = new_store(tmp_path_factory.mktemp("kept") / "run", CORNERS)
    for a, b in ((0, 5), (3, 20), (24, 36)):
        publish_range(store, CORNERS, a, b, waves=True)
    whole = waveforms(store, design=CORNERS)["ac"]["v(/out)"].load()
    if request.param == "zarr":
        consolidate(store, design=CORNERS)
    return (lambda: waveforms(store, design=CORNERS)["ac"]["v(/out)"]), whole


@pytest.mark.parametrize("limit", [300, 10_000])
def test_blocks_of_any_size_hold_the_same(tmp_path, monkeypatch, limit) -> None:
    monkeypatch.setattr(consolidation, "BLOCK_BYTES", limit)
    monkeypatch.setattr(consolidation, "BLOCK_POINTS", max(1, limit // 100))
    store = new_store(tmp_path / "run", CORNERS)
    publish_range(store, CORNERS, 0, 30, waves=True)
    expected = waveforms(store, design=CORNERS)["ac"].load()
    measures = assemble(store, design=CORNERS)
    url = consolidate(store, design=CORNERS)
    assert is_consolidated(store, design=CORNERS)
    assert waveforms(store, design=CORNERS)["ac"].load().identical(expected)
    assert xr.open_zarr(url).load().equals(measures)


def test_nothing_kept_is_an_empty_mapping(tmp_path: Path) -> None:
    design = FixedDesign(samples=10)
    for name, plan in (("told", {"keep": []}), ("seen", {})):
        store = new_store(tmp_path / name, design, **plan)
        assert waveforms(store, design=design) == {}
        publish_range(store, design, 0, 10)
        assert waveforms(store, design=design) == {}
        consolidate(store, design=design)
        assert waveforms(store, design=design) == {}


def test_a_wrong_waveform_in_an_overlap_is_found(tmp_path: Path) -> None:
    design = FixedDesign(samples=10)
    store = new_store(tmp_path / "run", design)
    publish_range(store, design, 0, 6, waves=True)
    wrong = example_batch(design, 4, 10, waves=True)
    wrong.waves[0].data[0, 3] += 1e-15
    store.publish(wrong, values=design.draw(4, 10), receipt={})
    assemble(store, design=design)
    with pytest.raises(ChunkConflictError, match=r"sample 4: signal v\(/out\) of ac"):
        waveforms(store, design=design)["ac"].load()
    with pytest.raises(ChunkConflictError):
        consolidate(store, design=design)
    assert not is_consolidated(store, design=design)


def test_consolidating_again_does_nothing_until_something_changed(tmp_path: Path) -> None:
    design = FixedDesign(samples=20)
    store = new_store(tmp_path / "run", design)
    publish_range(store, design, 0, 10, waves=True)
    consolidate(store, design=design)
    marker = store.objects.get("consolidated.json")
    consolidate(store, design=design)
    assert store.objects.get("consolidated.json") == marker
    publish_range(store, design, 10, 20, waves=True)
    assert not is_consolidated(store, design=design)
    consolidate(store, design=design)
    assert store.objects.get("consolidated.json") != marker
    assert [p.name for p in Path(store.url).glob(".dataset-*")] == []


def test_without_an_exchange_of_folders_it_is_replaced_all_the_same(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(consolidation.ctypes, "CDLL", lambda *a, **k: object())
    design = FixedDesign(samples=20)
    store = new_store(tmp_path / "run", design)
    for a in (0, 10):
        publish_range(store, design, a, a + 10, waves=True)
        url = consolidate(store, design=design)
    assert xr.open_zarr(url)["status"].values[15] == Status.OK
    assert [p.name for p in Path(store.url).glob(".dataset-*")] == []


def test_a_full_disk_while_consolidating_is_told_and_the_chunks_go_on(
    tmp_path, monkeypatch
) -> None:
    import errno

    design = FixedDesign(samples=20)
    store = new_store(tmp_path / "run", design)
    publish_range(store, design, 0, 20, waves=True)

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(consolidation, "_write_signals", full)
        with pytest.raises(StoreError, match="disk is full"):
            consolidate(store, design=design)
    assert [p.name for p in Path(store.url).glob(".dataset-*")] == []
    assert waveforms(store, design=design)["ac"]["v(/out)"].notnull().any()
    consolidate(store, design=design)
    assert is_consolidated(store, design=design)


CONSOLIDATE = """
import sys
from spicelab_nb.results import consolidation
from spicelab_nb.results.store import Store
from spicelab_nb.testing.stores import FixedDesign
consolidation.BLOCK_BYTES = 200
consolidation.consolidate(Store.open(sys.argv[1], create=False), design=FixedDesign(samples=600))
"""


def test_a_killed_consolidation_is_never_read_and_done_again(tmp_path: Path) -> None:
    design = FixedDesign(samples=600)
    store = new_store(tmp_path / "run", design)
    publish_range(store, design, 0, 600, waves=True)
    expected = waveforms(store, design=design)["ac"].load()
    process = subprocess.Popen([sys.executable, "-c", CONSOLIDATE, store.url])
    end = time.monotonic() + 60
    # Some rows are written, and the dataset is not in its place.
    while not any(Path(store.url).glob(".dataset-*/waves/ac/v(%2Fout)/c/3*")):
        assert time.monotonic() < end
        assert process.poll() is None
        threading.Event().wait(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (Path(store.url) / "dataset.zarr").exists()
    assert not is_consolidated(store, design=design)
    assert waveforms(store, design=design)["ac"].load().identical(expected)
    consolidate(store, design=design)
    assert is_consolidated(store, design=design)
    assert waveforms(store, design=design)["ac"].load().identical(expected)
    assert [p.name for p in Path(store.url).glob(".dataset-*")] == []
