import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicelab_nb.errors import MeasureError
from spicelab_nb.explorer.regression import regress, sensitivity
from spicelab_nb.testing.datasets import rc_dataset, rc_sweep


def factorial(p, copies=1):
    """All combinations of -1 and 1: uncorrelated to the last bit, so that closed forms hold."""
    return np.array(list(itertools.product([-1.0, 1.0], repeat=p)) * copies)


def fitted(x, y):
    """Coefficients and their standard errors by ordinary least squares."""
    design = np.column_stack([np.ones(len(x)), x])
    b, *_ = np.linalg.lstsq(design, y, rcond=None)
    rest = y - design @ b
    s2 = rest @ rest / (len(y) - design.shape[1])
    return b[1:], np.sqrt(s2 * np.diag(np.linalg.inv(design.T @ design)))[1:], rest


def test_a_linear_model_is_recovered_exactly():
    x = factorial(3)
    b = np.array([3.0, -2.0, 1.0])
    found = regress(["a", "b", "c"], x * [1e-12, 1e3, 1.0] + [5e-12, 2e3, 0], x @ b + 100)
    sd = np.std(x[:, 0], ddof=1)
    assert found.effect == pytest.approx(b * sd)
    assert found.share == pytest.approx(b**2 / (b @ b))
    assert found.r2 == pytest.approx(1)
    assert found.error == pytest.approx(np.zeros(3), abs=1e-6)
    assert [found.names[i] for i in found.order] == [("a",), ("b",), ("c",)]


def test_what_is_no_line_is_not_explained():
    """An interaction is orthogonal to both of its parameters: it is the whole rest."""
    x = factorial(2, copies=4)
    found = regress(["a", "b"], x, 3 * x[:, 0] + x[:, 0] * x[:, 1])
    assert found.r2 == pytest.approx(9 / 10)
    assert found.share == pytest.approx([9 / 10, 0])
    n, p = 16, 2
    assert found.adjusted_r2 == pytest.approx(1 - (1 / 10) * (n - 1) / (n - p - 1))


def test_correlated_parameters_share_what_they_have_in_common():
    rng = np.random.default_rng(2)
    raw = rng.standard_normal((4000, 2))
    # Whitened, so that the correlation is 0.8 exactly.
    raw -= raw.mean(axis=0)
    raw = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw.T))).T
    x = raw @ np.linalg.cholesky([[1, 0.8], [0.8, 1]]).T
    found = regress(["a", "b"], x, x[:, 0] + x[:, 1])
    assert found.share == pytest.approx([0.5, 0.5])
    assert found.correlated == ((("a",), ("b",)),)
    # With one that has no effect of its own the coefficient is 0. The share is not, since what they
    # have in common cannot be told apart: in closed form by the square root of [[1, r], [r, 1]].
    found = regress(["a", "b"], x, x[:, 0])
    plus, minus = np.sqrt(1.8), np.sqrt(0.2)
    assert found.effect == pytest.approx([1, 0], abs=1e-9)
    assert found.share == pytest.approx([((plus + minus) / 2) ** 2, ((plus - minus) / 2) ** 2])


@given(
    seed=st.integers(0, 10_000),
    p=st.integers(1, 6),
    noise=st.floats(0.01, 10),
    exponents=st.lists(st.integers(-12, 12), min_size=7, max_size=7),
)
def test_against_least_squares_in_any_units(seed, p, noise, exponents):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((40, p)) @ (np.eye(p) + 0.3 * rng.standard_normal((p, p)))
    y = x @ rng.standard_normal(p) + noise * rng.standard_normal(40)
    b, error, rest = fitted(x, y)
    names = [f"p{k}" for k in range(p)]
    units = 10.0 ** np.array(exponents)
    found = regress(names, x * units[:p], y * units[6])
    sd = np.std(x, axis=0, ddof=1)
    assert found.names == tuple((n,) for n in names)
    scale = np.std(y) * units[6]
    assert found.effect == pytest.approx(b * sd * units[6], rel=1e-6, abs=1e-8 * scale)
    assert found.error == pytest.approx(error * sd * units[6], rel=1e-6)
    assert found.r2 == pytest.approx(1 - rest @ rest / np.sum((y - y.mean()) ** 2))
    assert (found.share >= 0).all()
    assert found.share.sum() == pytest.approx(found.r2)
    turned = regress(names[::-1], x[:, ::-1], y)
    assert turned.share[::-1] == pytest.approx(found.share, rel=1e-6, abs=1e-9)


def test_parameters_that_share_a_draw_are_one():
    x = factorial(2, copies=2)
    shared = np.column_stack([x[:, 0] * 7.6e-9, x[:, 1], 2 - 1e-3 * x[:, 0]])
    found = regress(["nch.tox", "R", "pch.tox"], shared, 2 * x[:, 0] + x[:, 1])
    assert found.names == (("nch.tox", "pch.tox"), ("R",))
    assert found.share == pytest.approx([0.8, 0.2])


def test_a_constant_parameter_is_left_out():
    x = np.column_stack([factorial(1, 4), np.full(8, 0.1) * (1 + 1e-16)])
    found = regress(["a", "b"], x, x[:, 0])
    assert (found.names, found.constant) == ((("a",),), ("b",))


def test_groups_do_not_count_as_variance():
    """What differs between corners is none of the parameters' doing."""
    x = factorial(2, copies=2)
    corner = np.arange(8) >= 4
    y = 3 * x[:, 0] + x[:, 1] - 200 * corner
    names = np.where(corner, "ss", "tt")
    moved = x + 10 * corner[:, np.newaxis]  # at one corner, both are drawn about another value
    found = regress(["a", "b"], moved, y, names)
    assert found.share == pytest.approx([0.9, 0.1])
    assert found.effect == pytest.approx([3 * np.sqrt(8 / 6), np.sqrt(8 / 6)])
    assert regress(["a", "b"], x, y).r2 < 0.01
    still = np.column_stack([x[:, 0], corner * 1.0])
    assert regress(["a", "temp"], still, y, names).constant == ("temp",)


def test_too_few_samples_nothing_that_varies_and_sums_are_refused():
    x = factorial(3)
    with pytest.raises(ValueError, match=r"4 samples are too few .* 3 parameters: .* at least 5"):
        regress(["a", "b", "c"], x[[0, 3, 5, 6]], np.arange(4.0))
    with pytest.raises(ValueError, match="same value in every sample"):
        regress(["a", "b", "c"], x, np.ones(8))
    with pytest.raises(ValueError, match="No parameter varies"):
        regress(["a"], np.ones((8, 1)), np.arange(8.0))
    both = np.column_stack([x, x[:, 0] + x[:, 1]])
    with pytest.raises(ValueError, match=r"depend linearly .*: a, b, sum\. Leave one"):
        regress(["a", "b", "c", "sum"], both, np.arange(8.0))


def test_of_a_dataset_failed_samples_are_left_out():
    ds = rc_dataset(400, failed=[3, 4], missing=[5])
    ds["f3db"][3] = 1e9  # a value where the sample failed is none
    found = sensitivity(ds, "f3db")
    assert found.n == 397
    # f3db = 1 / (2 pi R C): both are followed alike, and nearly linearly within 5 %.
    assert found.r2 > 0.97
    assert (found.effect < 0).all()
    sd = float(ds.R1.std() / ds.R1.mean())
    assert found.effect[0] == pytest.approx(-1592 * sd, rel=0.05)


def test_of_corners_it_is_the_model_within_them():
    found = sensitivity(rc_dataset(300, corners=["tt", "ss", "ff"]), "f3db")
    assert found.n == 900
    assert found.r2 > 0.9
    crossed = sensitivity(rc_sweep(samples=50), "f3db")
    assert (crossed.names, crossed.n) == ((("k",),), 450)


def test_the_error_says_which_measure():
    with pytest.raises(MeasureError, match="No sensitivity of f3db: 3 samples are too few"):
        sensitivity(rc_dataset(3), "f3db")
    with pytest.raises(MeasureError, match="No sensitivity of f3db: 0 samples with a value"):
        sensitivity(rc_dataset(30, failed=range(30)), "f3db")
