"""What every store must do, whatever it lies on; and small plans and batches to try it with.

Subclass :class:`StoreTests` and give it a fixture ``location``: a place where no store is yet.
"""

# ruff: noqa: S301 - what is unpickled here was pickled one line before
from __future__ import annotations

import hashlib
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spicelab_nb.errors import (
    ChunkConflictError,
    CorruptObjectError,
    StoreError,
    StoreLockedError,
    StoreMismatchError,
)
from spicelab_nb.results import consolidation
from spicelab_nb.results.chunk import ChunkRef
from spicelab_nb.results.consolidation import consolidate, is_consolidated
from spicelab_nb.results.dataset import assemble
from spicelab_nb.results.plan import Plan
from spicelab_nb.results.store import Store
from spicelab_nb.results.waveforms import waveforms
from spicelab_nb.sampling.design import Column, Dimension
from spicelab_nb.simulators.simulator import Axis, Batch, Failure, Status, Wave

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["FixedDesign", "StoreTests", "example_batch", "example_plan", "publish_range"]

FREQUENCY = np.geomspace(10.0, 1e4, 7)


@dataclass(frozen=True, kw_only=True)
class FixedDesign:
    """A design whose values follow from the index alone: ``R1`` on ``sample``, ``lib`` by corner.

    Parameters
    ----------
    samples
        Length of the dimension ``sample``.
    corners
        Names on the dimension ``corner``; empty: no such dimension.
    """

    samples: int
    corners: tuple[str, ...] = ()
    extensible: bool = field(default=True, init=False)

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """``sample``, then ``corner`` where there is one."""
        sample = Dimension(name="sample", values=np.arange(self.samples))
        if not self.corners:
            return (sample,)
        return sample, Dimension(name="corner", values=np.array(self.corners))

    @property
    def size(self) -> int:
        """Number of points."""
        return self.samples * max(1, len(self.corners))

    @property
    def parameters(self) -> tuple[str, ...]:
        """``R1`` and, with corners, ``lib``."""
        return ("R1", "lib") if self.corners else ("R1",)

    @property
    def units(self) -> Mapping[str, str]:
        """None."""
        return {}

    def draw(self, start: int, stop: int) -> dict[str, NDArray[Any]]:
        """Values of points ``start`` to ``stop - 1``."""
        index = np.arange(start, stop)
        drawn: dict[str, NDArray[Any]] = {"R1": self._r1(index // max(1, len(self.corners)))}
        if self.corners:
            drawn["lib"] = np.array(self.corners)[index % len(self.corners)]
        return drawn

    def seeds(self, start: int, stop: int) -> NDArray[np.uint64]:
        """The index itself."""
        return np.arange(start, stop, dtype=np.uint64)

    def columns(self) -> tuple[Column, ...]:
        """``R1`` on ``sample``, ``lib`` on ``corner``."""
        r1 = Column(name="R1", dims=("sample",), values=self._r1(np.arange(self.samples)))
        if not self.corners:
            return (r1,)
        return r1, Column(name="lib", dims=("corner",), values=np.array(self.corners))

    def describe(self) -> dict[str, Any]:
        """Without the number of samples."""
        return {"kind": "fixed", "seed": 1, "corners": list(self.corners)}

    def labelled(self, units: Mapping[str, str]) -> FixedDesign:
        """Give the design itself: it has no units."""
        return self

    def extended(self, size_per_sample_dim: int) -> FixedDesign:
        """The same with another number of samples."""
        return replace(self, samples=size_per_sample_dim)

    def _r1(self, sample: NDArray[Any]) -> NDArray[np.float64]:
        values: NDArray[np.float64] = 1000.0 + (sample * 37 % 101)
        return values


def example_plan(**changes: Any) -> Plan:
    """Give a plan as of a circuit; `changes` go into its simulator."""
    simulator = {
        "kind": "circuit",
        "digest": "c" * 64,
        "engine": {"name": "ngspice", "version": "39.3"},
        "path": "load",
        "measures": {"f3db": {"unit": "Hz", "long_name": "bandwidth"}},
        "keep": ["v(/out)"],
    }
    return Plan(simulator={**simulator, **changes}, design=FixedDesign(samples=1).describe())


def example_batch(
    design: FixedDesign, start: int, stop: int, *, waves: bool = False, bias: float = 0.0
) -> Batch:
    """Compute a batch whose bits follow from the points alone, failures among them.

    Every 11th point fails, every 13th times out, every 17th has no crossing (NaN).

    Parameters
    ----------
    design
        Gives the values.
    start, stop
        Which points.
    waves
        Whether to keep ``v(/out)`` of the analysis ``ac``.
    bias
        Added to every measure: what a wrong writer computes.
    """
    index = np.arange(start, stop)
    values = design.draw(start, stop)
    status = np.where(index % 11 == 10, Status.FAILED, Status.OK)
    status = np.where(index % 13 == 12, Status.TIMEOUT, status).astype(np.int8)
    f3db = 1e6 / values["R1"] + index + bias
    f3db[index % 17 == 16] = np.nan
    failures = tuple(
        Failure(index=int(i), status=Status(int(s)), reason=f"sample {i}", log=("a", "<b>"))
        for i, s in zip(index, status, strict=True)
        if s != Status.OK
    )
    kept: tuple[Wave, ...] = ()
    if waves:
        data = f3db[:, None] / (1 + 1j * FREQUENCY)
        data[status != Status.OK] = complex(np.nan, np.nan)
        axis = Axis(name="frequency", values=FREQUENCY, unit="Hz")
        kept = (Wave(analysis="ac", signal="v(/out)", axes=(axis,), data=data, unit="V"),)
    return Batch(
        start=start,
        status=status,
        measures={"f3db": f3db},
        waves=kept,
        failures=failures,
        cpu=np.full(stop - start, 1e-3),
        units={"f3db": "Hz"},
    )


def publish_range(
    store: Store,
    design: FixedDesign,
    start: int,
    stop: int,
    *,
    worker: str = "w0",
    **options: Any,
) -> bool:
    """Publish points ``start`` to ``stop - 1``; `options` as of :func:`example_batch`."""
    return store.publish(
        example_batch(design, start, stop, **options),
        values=design.draw(start, stop),
        receipt={"worker": worker, "attempt": 0, "wall": 0.5, "cpu": 0.4},
    )


class StoreTests:
    """The conformance suite of stores."""

    @pytest.fixture
    def design(self) -> FixedDesign:
        return FixedDesign(samples=40)

    @pytest.fixture
    def store(self, location: str, design: FixedDesign) -> Store:
        store = Store.open(location, create=True)
        store.create(example_plan(), design.size)
        return store

    def test_plan_comes_back_with_its_inputs(self, location: str) -> None:
        content = b"a netlist"
        with pytest.raises(StoreError, match="SHA-256"):
            Plan(simulator={}, design={}, inputs={"0" * 64: content})
        plan = replace(example_plan(), inputs={hashlib.sha256(content).hexdigest(): content})
        Store.open(location, create=True).create(plan, 3)
        again = Store.open(location, create=False)
        assert again.plan() == plan
        assert again.plan().inputs == plan.inputs
        assert again.size() == 3

    def test_nothing_there_is_an_error_that_says_so(self, location: str) -> None:
        with pytest.raises(StoreError, match=r"no manifest\.json"):
            Store.open(location, create=False)

    def test_another_plan_is_refused_with_the_difference(self, store: Store) -> None:
        with pytest.raises(StoreMismatchError, match=r"simulator\.path is \"alter\" here"):
            store.create(example_plan(path="alter"), 40)
        store.create(example_plan(), 40)
        assert store.plan() == example_plan()

    def test_two_creators_at_once_leave_one_plan(self, location: str) -> None:
        plans = [example_plan(path="alter"), example_plan(path="load")] * 4

        def create(plan: Plan) -> bool:
            try:
                Store.open(location, create=True).create(plan, 5)
            except StoreMismatchError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            created = list(pool.map(create, plans))
        held = Store.open(location, create=False).plan()
        assert created == [plan == held for plan in plans]

    def test_size_only_grows(self, store: Store) -> None:
        store.extend(100)
        store.extend(60)
        assert store.size() == 100
        assert store.gaps() == [(0, 100)]

    def test_gaps_are_what_no_chunk_holds(self, store: Store, design: FixedDesign) -> None:
        publish_range(store, design, 5, 10)
        publish_range(store, design, 8, 20)
        assert store.gaps(40) == [(0, 5), (20, 40)]
        assert store.gaps(15) == [(0, 5)]
        assert store.chunks() == [ChunkRef(5, 10), ChunkRef(8, 20)]

    def test_a_chunk_comes_back_bit_for_bit(self, store: Store, design: FixedDesign) -> None:
        batch = example_batch(design, 5, 20, waves=True)
        assert publish_range(store, design, 5, 20, waves=True)
        data = store.read(ChunkRef(5, 20), waves=True)
        assert data.status.tobytes() == batch.status.tobytes()
        ok = batch.status == Status.OK
        assert data.measures["f3db"][ok].tobytes() == batch.measures["f3db"][ok].tobytes()
        assert np.isnan(data.measures["f3db"][~ok]).all()
        assert data.values["R1"].tobytes() == design.draw(5, 20)["R1"].tobytes()
        assert data.failures == batch.failures
        assert data.waves[0].signal == "v(/out)"
        assert data.waves[0].data.tobytes() == batch.waves[0].data.tobytes()
        assert data.receipt["worker"] == "w0"
        assert store.read(ChunkRef(5, 20)).waves == ()

    def test_publishing_again_changes_nothing(self, store: Store, design: FixedDesign) -> None:
        assert publish_range(store, design, 0, 10, worker="first")
        assert not publish_range(store, design, 0, 10, worker="second")
        assert store.read(ChunkRef(0, 10)).receipt["worker"] == "first"

    def test_other_bits_for_the_same_chunk_are_refused(
        self, store: Store, design: FixedDesign
    ) -> None:
        publish_range(store, design, 0, 10, worker="first")
        with pytest.raises(ChunkConflictError, match=r"sample 0: measure f3db.*first"):
            publish_range(store, design, 0, 10, worker="second", bias=1e-12)
        assert store.read(ChunkRef(0, 10)).receipt["worker"] == "first"

    def test_overlapping_chunks_must_agree(self, store: Store, design: FixedDesign) -> None:
        publish_range(store, design, 0, 10)
        publish_range(store, design, 5, 15)
        assemble(store, design=design)
        publish_range(store, design, 14, 18, bias=1e-9)
        with pytest.raises(ChunkConflictError, match="sample 14"):
            assemble(store, design=design)

    def test_a_truncated_chunk_is_not_there(self, store: Store, design: FixedDesign) -> None:
        publish_range(store, design, 0, 10)
        publish_range(store, design, 10, 20)
        name = f"chunks/{ChunkRef(0, 10).name}"
        data = store.objects.get(name)
        assert data is not None
        for length in (0, 1, 100, len(data) // 2, len(data) - 1):
            store.objects.put(name, data[:length])
            fresh = pickle.loads(pickle.dumps(store))
            assert fresh.gaps(20) == [(0, 10)], length
            with pytest.raises(CorruptObjectError):
                fresh.read(ChunkRef(0, 10))
        assert publish_range(fresh, design, 0, 10)
        assert fresh.gaps(20) == []
        assert len(store.objects.list("aside")) == 1

    def test_a_damaged_chunk_is_put_aside_and_computed_again(
        self, store: Store, design: FixedDesign
    ) -> None:
        publish_range(store, design, 0, 10, waves=True)
        publish_range(store, design, 10, 20, waves=True)
        name = f"chunks/{ChunkRef(0, 10).name}"
        data = bytearray(store.objects.get(name) or b"")
        data[len(data) // 2] ^= 1
        store.objects.put(name, bytes(data))
        with pytest.raises(CorruptObjectError, match="truncated or altered"):
            store.read(ChunkRef(0, 10), waves=True)
        moved = store.verify()
        assert len(moved) == 1
        assert store.objects.get(moved[0]) == bytes(data)
        assert store.gaps(20) == [(0, 10)]
        assert store.verify() == []

    def test_foreign_objects_are_not_data(
        self, store: Store, location: str, design: FixedDesign
    ) -> None:
        publish_range(store, design, 0, 10)
        data = store.objects.get(f"chunks/{ChunkRef(0, 10).name}")
        assert data is not None
        other = Store.open(f"{location}-other", create=True)
        other.create(example_plan(path="alter"), 40)
        other.objects.put_new(f"chunks/{ChunkRef(0, 10).name}", data)
        other.objects.put_new("chunks/notes.txt", b"hello")
        other.objects.put_new("chunks/0-10.npz", data)
        assert other.chunks() == []
        with pytest.raises(CorruptObjectError, match="another plan"):
            other.read(ChunkRef(0, 10))
        store.objects.put_new(f"chunks/{ChunkRef(20, 30).name}", data)
        with pytest.raises(CorruptObjectError, match="points 0 to 9"):
            store.read(ChunkRef(20, 30))

    def test_many_writers_of_one_chunk_leave_one(self, store: Store, design: FixedDesign) -> None:
        def publish(i: int) -> bool:
            return publish_range(store, design, 0, 30, worker=f"w{i}")

        with ThreadPoolExecutor(8) as pool:
            written = list(pool.map(publish, range(16)))
        assert sum(written) == 1
        assert store.gaps(30) == []

    def test_one_consolidates_at_a_time(self, store: Store) -> None:
        again = pickle.loads(pickle.dumps(store))
        with store.lock() as check:
            check()
            with pytest.raises(StoreLockedError, match="is being consolidated"), again.lock():
                pass
        with again.lock():
            pass

    def test_consolidated_is_what_the_chunks_hold(self, store: Store, design: FixedDesign) -> None:
        publish_range(store, design, 0, 10, waves=True)
        publish_range(store, design, 7, 30, waves=True)
        expected = assemble(store, design=design)
        from_chunks = waveforms(store, design=design)["ac"].load()
        assert from_chunks["v(/out)"].dims == ("sample", "frequency")
        url = consolidate(store, design=design)
        assert is_consolidated(store, design=design)
        from_zarr = waveforms(store, design=design)["ac"]
        one = from_zarr["v(/out)"].isel(sample=[8, 3]).values
        assert one.tobytes() == from_chunks["v(/out)"].values[[8, 3]].tobytes()
        assert from_zarr.load().identical(from_chunks)
        self.check_plain_zarr(url, expected, from_chunks)

    def check_plain_zarr(self, url: str, dataset: xr.Dataset, waves: xr.Dataset) -> None:
        """Open the consolidated dataset with xarray and zarr alone."""
        import xarray as xr

        opened = xr.open_zarr(url).load()
        assert opened.equals(dataset)
        assert opened["f3db"].attrs == dataset["f3db"].attrs
        kept = xr.open_zarr(url, group="waves/ac")
        (name,) = kept.data_vars
        assert kept[name].attrs["name"] == "v(/out)"
        assert kept[name].values.tobytes() == waves["v(/out)"].values.tobytes()

    def test_more_samples_are_consolidated_again(self, store: Store, design: FixedDesign) -> None:
        publish_range(store, design, 0, 40, waves=True)
        consolidate(store, design=design)
        early = waveforms(store, design=design)["ac"]["v(/out)"]
        more = design.extended(60)
        store.extend(more.size)
        publish_range(store, more, 40, 60, waves=True)
        assert not is_consolidated(store, design=more)
        late = waveforms(store, design=more)["ac"]["v(/out)"].load()
        consolidate(store, design=more)
        assert is_consolidated(store, design=more)
        assert waveforms(store, design=more)["ac"]["v(/out)"].identical(late)
        # What was opened before is overtaken, and still reads what it promised.
        assert early.values.tobytes() == late.values[:40].tobytes()

    def test_an_interrupted_consolidation_is_never_read_and_done_again(
        self, store: Store, design: FixedDesign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish_range(store, design, 0, 40, waves=True)
        expected = waveforms(store, design=design)["ac"].load()

        def cut(*args: object) -> None:
            raise KeyboardInterrupt

        for step in ("_write_dataset", "_write_signals"):
            with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
                patch.setattr(consolidation, step, cut)
                consolidate(store, design=design)
            assert not is_consolidated(store, design=design)
            assert waveforms(store, design=design)["ac"].load().identical(expected)
        consolidate(store, design=design)
        assert is_consolidated(store, design=design)
        assert waveforms(store, design=design)["ac"].load().identical(expected)

    def test_labels_are_replaced_whole(self, store: Store) -> None:
        assert store.read_labels() == {}
        store.write_labels({"name": "amp", "specs": {"f3db": {"min": 1e3, "max": float("inf")}}})
        store.write_labels({"name": "amp <2>", "specs": {}})
        assert store.read_labels() == {"name": "amp <2>", "specs": {}}

    def test_platforms_of_a_mixed_run_are_told(self, store: Store, design: FixedDesign) -> None:
        publish_range(store, design, 0, 30)
        store.publish(
            example_batch(design, 30, 40),
            values=design.draw(30, 40),
            receipt={"platform": {"machine": "riscv64"}},
        )
        told = store.platforms()
        assert [(p["chunks"], p["points"]) for p in told] == [(1, 30), (1, 10)]
        assert told[1]["platform"] == {"machine": "riscv64"}
        assert len(assemble(store, design=design).attrs["platforms"].split()) == 2
