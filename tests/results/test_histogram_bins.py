import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicelab_nb.results.histogram import FillingHistogram, bin_edges, histogram

finite = st.floats(-1e12, 1e12, allow_nan=False)
limits = st.none() | finite


@given(st.lists(st.floats(width=64), max_size=60), limits, limits)
def test_every_value_is_counted_once(values, low, high):
    found = histogram(values, low=low, high=high)
    assert found.total == len(values)
    assert found.n_nan == int(np.isnan(values).sum())
    assert np.all(np.diff(found.edges) > 0)
    assert len(found.edges) == len(found.counts) + 1


@given(st.lists(finite, min_size=1, max_size=40), limits, limits, st.randoms())
def test_order_does_not_matter(values, low, high, random):
    edges = bin_edges(values, low=low, high=high)
    shuffled = list(values)
    random.shuffle(shuffled)
    assert np.array_equal(edges, bin_edges(shuffled, low=low, high=high))


def test_the_width_is_round_and_bins_are_few():
    values = np.random.default_rng(1).normal(1592, 112, 1000)
    edges = bin_edges(values)
    (width,) = set(np.round(np.diff(edges), 9))
    assert width in (20, 25, 50)
    assert np.allclose(edges / width, np.round(edges / width))
    assert 8 <= len(edges) - 1 <= 60


def test_no_bin_holds_both_good_and_bad():
    values = np.random.default_rng(1).normal(1592, 112, 1000)
    edges = bin_edges(values, low=1437.0, high=1777.7)
    assert 1437.0 in edges
    assert 1777.7 in edges
    assert np.allclose(np.diff(edges), edges[1] - edges[0])
    good = histogram(values, low=1437.0, high=1777.7)
    inside = (good.edges[:-1] >= 1437.0) & (good.edges[1:] <= 1777.7)
    assert good.counts[inside].sum() == ((values >= 1437.0) & (values < 1777.7)).sum()


def test_a_near_limit_is_shown_and_a_far_one_is_not():
    values = np.random.default_rng(1).normal(0, 1, 1000)
    assert bin_edges(values, high=5.0)[-1] >= 5.0
    assert bin_edges(values, high=500.0)[-1] < 5.0
    assert bin_edges(values, low=1e15, high=1e16)[-1] < 5.0


def test_an_outlier_is_counted_beside_the_bins():
    values = np.append(np.random.default_rng(1).normal(0, 1, 1000), [1e6, -np.inf])
    found = histogram(values)
    assert (found.below, found.above) == (1, 1)
    assert len(found.counts) <= 60


@pytest.mark.parametrize("values", [[], [3.0], [3.0] * 50, [0.0, 0.0], [np.nan], [-1e-15]])
def test_little_to_go_by(values):
    found = histogram(values)
    assert found.counts.sum() == np.isfinite(values).sum()
    assert len(histogram(values, low=1.0, high=1.0).counts) >= 1


def test_filling_settles_on_the_same_bins():
    values = np.random.default_rng(2).normal(10, 1, 1000)
    filling = FillingHistogram(low=8.0, high=12.0)
    assert filling.histogram is None
    seen = []
    for part in np.array_split(values, 130):
        filling.add(part)
        assert filling.histogram.total == (len(seen) and seen[-1][0]) + len(part)
        seen.append((filling.histogram.total, filling.histogram.edges))
    changes = sum(not np.array_equal(a[1], b[1]) for a, b in itertools.pairwise(seen))
    assert changes <= 10
    filling.settle()
    whole = histogram(values, low=8.0, high=12.0)
    assert np.array_equal(filling.histogram.counts, whole.counts)
    assert np.array_equal(filling.histogram.edges, whole.edges)
