"""The dataset: conventions, and the same bits however the chunks were cut."""

import itertools
import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from spicelab_nb.errors import ChunkConflictError, StoreMismatchError
from spicelab_nb.results.chunk import ChunkRef, decode, encode
from spicelab_nb.results.dataset import assemble, assemble_chunks
from spicelab_nb.results.failures import failures
from spicelab_nb.results.store import Store
from spicelab_nb.sampling.design import Column, Dimension
from spicelab_nb.simulators.simulator import Batch, Failure, Status
from spicelab_nb.testing.stores import FixedDesign, example_batch, example_plan, publish_range

PLAN = example_plan()


@dataclass
class Limits:
    min: float | None = None
    max: float | None = None
    unit: str = ""


def chunk(design, start, stop, worker="w", batch=None, **options):
    batch = batch or example_batch(design, start, stop, **options)
    receipt = {"worker": worker, "wall": float(start), "platform_digest": "p"}
    values = design.draw(start, stop)
    data = encode(batch, values=values, receipt=receipt, plan=PLAN.digest)
    return decode(data, ref=ChunkRef(start, stop), plan=PLAN.digest, where="x", waves=True)


@pytest.fixture
def memory_store():
    import fsspec

    store = Store.open("memory://conventions", create=True)
    yield store
    fsspec.filesystem("memory").store.clear()


def test_monte_carlo_has_a_sample_dimension_with_parameters_on_it() -> None:
    design = FixedDesign(samples=30)
    ds = assemble_chunks(
        PLAN,
        [chunk(design, 0, 20)],
        design=design,
        specs={"f3db": Limits(min=900.0, unit="kHz")},
        start="2026-01-01T00:00:00+00:00",
        packages={"numpy": "2.4"},
    )
    assert ds.sizes == {"sample": 30}
    assert ds["sample"].dtype.kind == "i"
    assert ds["R1"].dims == ("sample",)
    assert ds["R1"].attrs["role"] == "parameter"
    assert ds["f3db"].attrs == {"units": "Hz", "long_name": "bandwidth", "spec_min": 900.0}
    assert ds["status"].dtype == np.int8
    assert ds["status"].attrs["flag_values"].tolist() == [0, 1, 2, 3, 4]
    assert ds["status"].attrs["flag_meanings"] == "ok failed timeout crashed not_run"
    assert (ds["status"][20:] == Status.NOT_RUN).all()
    assert np.isnan(ds["f3db"].values[16])
    assert ds["status"][16] == Status.OK
    assert ds.attrs["plan_digest"] == PLAN.digest
    assert ds.attrs["engine"] == "ngspice"
    assert ds.attrs["engine_version"] == "39.3"
    assert ds.attrs["circuit_digest"] == "c" * 64
    assert ds.attrs["seed"] == 1
    assert ds.attrs["packages"] == "numpy=2.4"
    assert json.loads(ds.attrs["specs"])["f3db"]["min"] == 900.0


def test_corners_cross_as_a_second_dimension() -> None:
    design = FixedDesign(samples=6, corners=("tt", "ss", "ff"))
    ds = assemble_chunks(PLAN, [chunk(design, 0, 18)], design=design)
    assert ds["f3db"].dims == ("sample", "corner")
    assert ds["R1"].dims == ("sample",)
    assert ds["lib"].dims == ("corner",)
    flat = example_batch(design, 0, 18)
    point = 2 * 3 + 1
    assert ds["f3db"].sel(sample=2, corner="ss").item() == flat.measures["f3db"][point]


class SweptDesign(FixedDesign):
    """Two swept dimensions, with a third parameter zipped to the first."""

    dimensions = (
        Dimension(name="R1", values=np.array([1e3, 2e3]), unit="ohm"),
        Dimension(name="C1", values=np.array([1e-9, 2e-9, 4e-9])),
    )
    size = 6
    parameters = ("C1", "R1", "R2")

    def draw(self, start, stop):
        i, j = np.divmod(np.arange(start, stop), 3)
        r1 = np.array([1e3, 2e3])[i]
        return {"C1": np.array([1e-9, 2e-9, 4e-9])[j], "R1": r1, "R2": 2 * r1}

    def columns(self):
        first, second = self.dimensions
        return (
            Column(name="C1", dims=("C1",), values=second.values),
            Column(name="R1", dims=("R1",), values=first.values),
            Column(name="R2", dims=("R1",), values=2 * first.values),
        )


def test_a_sweep_has_a_dimension_for_each_parameter() -> None:
    design = SweptDesign(samples=6)
    ds = assemble_chunks(PLAN, [chunk(design, 0, 6)], design=design)
    assert ds["f3db"].dims == ("R1", "C1")
    assert ds["R1"].attrs == {"units": "ohm", "role": "parameter"}
    assert ds["R2"].dims == ("R1",)
    assert ds["f3db"].sel(R1=2e3, C1=1e-9).item() == 1e6 / 2e3 + 3


def test_nothing_computed_yet_is_not_run_with_every_measure() -> None:
    ds = assemble_chunks(PLAN, [], design=FixedDesign(samples=3))
    assert (ds["status"] == Status.NOT_RUN).all()
    assert ds["f3db"].attrs["units"] == "Hz"


DESIGNS = st.sampled_from(
    [FixedDesign(samples=48), FixedDesign(samples=16, corners=("a", "b", "c"))]
)


@given(data=st.data(), design=DESIGNS)
@settings(deadline=None, max_examples=60)
def test_any_cut_order_repeat_and_overlap_gives_the_same_dataset(data, design) -> None:
    n = design.size
    cuts = [0, *sorted(data.draw(st.sets(st.integers(1, n - 1)))), n]
    ranges = list(itertools.pairwise(cuts))
    bounds = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))
    extra = [(min(a, b), max(a, b) + 1) for a, b in data.draw(st.lists(bounds, max_size=5))]
    ranges = data.draw(st.permutations(ranges + extra))
    whole = assemble_chunks(PLAN, [chunk(design, 0, n, worker="one")], design=design)
    pieces = (chunk(design, a, b, worker=f"w{a}") for a, b in ranges)
    cut = assemble_chunks(PLAN, pieces, design=design)
    xr.testing.assert_identical(cut, whole)
    for name in whole.variables:
        assert cut[name].values.tobytes() == whole[name].values.tobytes()


@given(data=st.data())
@settings(deadline=None, max_examples=30)
def test_one_wrong_bit_in_an_overlap_is_found_in_any_order(data) -> None:
    design = FixedDesign(samples=40)
    a = data.draw(st.integers(0, 38))
    b = data.draw(st.integers(a + 1, 40))
    ok = (example_batch(design, a, b).status == Status.OK) & np.isfinite(
        example_batch(design, a, b).measures["f3db"]
    )
    wrong = example_batch(design, a, b)
    if not ok.any():
        return
    at = data.draw(st.sampled_from(np.flatnonzero(ok).tolist()))
    wrong.measures["f3db"].view(np.uint64)[at] ^= 1
    pieces = [chunk(design, 0, 40), chunk(design, a, b, batch=wrong)]
    with pytest.raises(ChunkConflictError, match=f"sample {a + at}: measure f3db"):
        assemble_chunks(PLAN, data.draw(st.permutations(pieces)), design=design)


def one(status: Status, value: float = np.nan, start: int = 0) -> Batch:
    failed = (Failure(index=start, status=status, reason=status.name),) if status else ()
    return Batch(
        start=start,
        status=np.array([status], np.int8),
        measures={"f3db": np.array([value])},
        failures=failed,
        cpu=np.zeros(1),
    )


@pytest.mark.parametrize("order", [1, -1])
def test_a_result_counts_more_than_a_time_out_of_the_same_sample(order) -> None:
    design = FixedDesign(samples=1)
    pieces = [
        chunk(design, 0, 1, batch=one(Status.OK, 2.0)),
        chunk(design, 0, 1, batch=one(Status.TIMEOUT)),
        chunk(design, 0, 1, batch=one(Status.CRASHED)),
    ]
    ds = assemble_chunks(PLAN, pieces[::order], design=design)
    assert ds["f3db"].item() == 2.0
    assert ds["status"].item() == Status.OK


@pytest.mark.parametrize("order", [1, -1])
def test_ok_and_failed_of_one_sample_are_a_conflict(order) -> None:
    design = FixedDesign(samples=1)
    pieces = [chunk(design, 0, 1, batch=one(s, 1.0)) for s in (Status.OK, Status.FAILED)]
    with pytest.raises(ChunkConflictError, match="status"):
        assemble_chunks(PLAN, pieces[::order], design=design)


def test_values_of_another_design_are_refused() -> None:
    class Shifted(FixedDesign):
        def columns(self):
            (r1,) = super().columns()
            return (replace(r1, values=r1.values + 1e-6),)

    design = FixedDesign(samples=4)
    with pytest.raises(StoreMismatchError, match=r"R1 = 1000\.0 at point 0"):
        assemble_chunks(PLAN, [chunk(design, 0, 4)], design=Shifted(samples=4))
    with pytest.raises(StoreMismatchError, match="same parameters: lib"):
        assemble_chunks(
            PLAN, [chunk(design, 0, 4)], design=FixedDesign(samples=2, corners=("a", "b"))
        )


def test_parameters_that_nobody_looks_at_are_not_drawn() -> None:
    class Undrawn(FixedDesign):
        def columns(self):
            pytest.fail("They are drawn.")

    design = FixedDesign(samples=15, corners=("tt", "ss"))
    chunks = [chunk(design, 0, 30)]
    whole = assemble_chunks(PLAN, chunks, design=design)
    bare = assemble_chunks(
        PLAN, chunks, design=Undrawn(samples=15, corners=("tt", "ss")), parameters=False
    )
    xr.testing.assert_identical(bare, whole.drop_vars(["R1", "lib"]))


def test_points_beyond_the_design_are_left_out() -> None:
    large, small = FixedDesign(samples=40), FixedDesign(samples=15)
    cut = assemble_chunks(PLAN, [chunk(large, 0, 10), chunk(large, 10, 40)], design=small)
    whole = assemble_chunks(PLAN, [chunk(small, 0, 15)], design=small)
    xr.testing.assert_identical(cut, whole)


def test_failures_are_a_table_with_values_and_reasons(memory_store) -> None:
    design = FixedDesign(samples=16, corners=("a", "b", "c"))
    memory_store.create(PLAN, design.size)
    publish_range(memory_store, design, 20, 48)
    publish_range(memory_store, design, 0, 30)
    table = failures(memory_store, design=design, log_lines=1)
    status = assemble(memory_store, design=design)["status"].values.ravel()
    assert table.index.tolist() == np.flatnonzero(status != Status.OK).tolist()
    row = table.loc[21]
    assert (row["sample"], row["corner"], row["lib"]) == (7, "a", "a")
    assert row["R1"] == design.draw(21, 22)["R1"][0]
    assert row[["status", "reason", "log", "attempts"]].tolist() == [
        "failed",
        "sample 21",
        "<b>",
        1,
    ]


def test_no_failures_are_an_empty_table_with_its_columns(memory_store) -> None:
    design = FixedDesign(samples=10)
    memory_store.create(PLAN, design.size)
    publish_range(memory_store, design, 0, 10)
    table = failures(memory_store, design=design)
    assert table.empty
    assert list(table.columns) == ["sample", "R1", "status", "code", "reason", "log", "attempts"]
