from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicelab_nb.campaigns.chunking import LARGEST, LONGEST, TASKS_PER_SECOND, Chunker


def drain(chunker, slots=2, seconds=None):
    chunks = []
    while (chunk := chunker.next(slots)) is not None:
        chunks.append(chunk)
        if seconds is not None:
            chunker.observe(len(chunk), len(chunk) * seconds)
    return chunks


@given(
    size=st.integers(1, 20_000),
    slots=st.integers(1, 64),
    seconds=st.floats(1e-6, 100.0),
)
def test_every_point_is_handed_out_once_and_in_order(size, slots, seconds):
    chunks = drain(Chunker([(0, size)]), slots, seconds)
    assert chunks[0].start == 0
    assert chunks[-1].stop == size
    assert all(a.stop == b.start for a, b in pairwise(chunks))


def test_gaps_are_filled_and_nothing_else():
    chunks = drain(Chunker([(3, 10), (20, 24)], length=5))
    assert [(c.start, c.stop) for c in chunks] == [(3, 8), (8, 10), (20, 24)]


def test_chunks_of_quick_samples_grow_to_half_a_second():
    chunks = drain(Chunker([(0, 20_000)]), slots=2, seconds=1e-3)
    assert max(len(c) for c in chunks) == pytest.approx(500, rel=0.1)


def test_chunks_of_a_long_campaign_grow_to_two_seconds():
    chunks = drain(Chunker([(0, 1_000_000)]), slots=2, seconds=1e-3)
    assert max(len(c) for c in chunks) == pytest.approx(2000, rel=0.1)


def test_a_slow_start_is_soon_forgotten():
    chunker = Chunker([(0, 100_000)])
    chunker.observe(4, 3.0)
    handed = [chunker.next(2) for _ in range(2)]
    for _ in range(3):
        chunker.observe(len(handed[-1]), 5e-3 + len(handed[-1]) * 1e-3)
        handed.append(chunker.next(2))
    assert len(handed[-1]) >= 250


def test_a_large_cluster_gets_longer_chunks_to_spare_its_scheduler():
    slots = 10_000
    chunker = Chunker([(0, 10**9)])
    chunker.observe(100, 0.1)
    seconds = chunker.length(slots) * 1e-3
    assert slots / seconds <= TASKS_PER_SECOND * 1.01
    assert seconds <= LONGEST


def test_slow_samples_go_one_by_one():
    chunks = drain(Chunker([(0, 50)]), slots=2, seconds=30.0)
    assert {len(c) for c in chunks} == {1}


def test_the_last_chunks_shrink_so_that_all_slots_end_together():
    chunks = drain(Chunker([(0, 4000)]), slots=4, seconds=1e-2)
    assert len(chunks[-1]) < max(len(c) for c in chunks)


def test_a_chunk_never_holds_more_than_a_worker_should():
    chunker = Chunker([(0, 10**9)])
    chunker.observe(1000, 1e-9)
    assert chunker.length(1) == LARGEST


def test_what_remains_is_counted_without_looking_at_every_gap():
    gaps = [(10 * i, 10 * i + 3) for i in range(1000)]
    chunker = Chunker(gaps)
    assert chunker.remaining == 3000
    done = drain(chunker, seconds=1e-3)
    assert sum(len(c) for c in done) == 3000
    assert chunker.remaining == 0
