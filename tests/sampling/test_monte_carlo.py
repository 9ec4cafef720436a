"""Monte Carlo: what a sample depends on, shared and correlated draws, and what is refused."""

import hashlib
import itertools
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
from scipy.special import ndtr, ndtri

from spicelab_nb import (
    Discrete,
    Empirical,
    LogNormal,
    MonteCarlo,
    Normal,
    Triangular,
    Truncated,
    Uniform,
)
from spicelab_nb.errors import SamplingError, UnknownNameError
from spicelab_nb.sampling.copula import factor
from spicelab_nb.sampling.streams import uniforms, words
from spicelab_nb.testing.spaces import FakeSpace

SPACE = FakeSpace(
    {
        "R1": 1e3,
        "R2": 2e3,
        "R3": 3e3,
        "C1": 1e-9,
        "L1": 1e-6,
        "M1.delvto": 0.0,
        "M2.delvto": 0.0,
        "M3.delvto": 0.0,
        "V1.dc": 0.0,
        "lib": "tt",
        "loose": None,
        "sample": 1.0,
        "Xbus[3].R1": 50.0,
    }
)
RICH = MonteCarlo(
    200,
    {
        "R1": Normal(rel=0.01),
        "C1": Uniform(rel=0.10),
        ("R2", "R3"): LogNormal(rel=0.05),
        "M*.delvto": Normal(sd=3e-3),
        "L1": Truncated(Triangular(rel=0.2), rel=0.15),
        "lib": Discrete(["tt", "ss", "ff"], [2, 1, 1]),
        "loose": Empirical(np.linspace(1, 2, 37)),
    },
    seed=4,
    correlation={("R1", "C1"): 0.5, ("R2", "C1"): -0.3, ("M1.delvto", "M2.delvto"): 0.9},
)


def column(design, name, space=SPACE):
    return design.bind(space).draw(0, design.n)[name]


def same(a, b):
    assert a.keys() == b.keys()
    return all(a[k].tobytes() == b[k].tobytes() and a[k].dtype == b[k].dtype for k in a)


def test_uniforms_are_inside_and_exact():
    u = uniforms(0, "x", 0, 10_000)
    cells = u * 2.0**53
    assert (cells == np.rint(cells)).all()
    assert (cells % 2 == 1).all()
    assert 0 < u.min() < u.max() < 1
    # the largest that the formula can give is not 1
    assert ((2**52 - 1) + 0.5) * 2.0**-52 == 1 - 2.0**-53


@given(a=st.integers(0, 500), length=st.integers(0, 100))
def test_a_stream_can_be_entered_anywhere(a, length):
    whole = words(1, "x", 0, 600)
    assert words(1, "x", a, a + length).tolist() == whole[a : a + length].tolist()


@settings(max_examples=30)
@given(cuts=st.lists(st.integers(0, 200), max_size=12))
def test_draws_do_not_depend_on_how_the_range_is_cut(cuts):
    bound = RICH.bind(SPACE)
    whole = bound.draw(0, 200)
    edges = [0, *sorted(cuts), 200]
    parts = [bound.draw(a, b) for a, b in itertools.pairwise(edges)]
    assert same({k: np.concatenate([p[k] for p in parts]) for k in whole}, whole)
    seeds = np.concatenate([bound.seeds(a, b) for a, b in itertools.pairwise(edges)])
    assert seeds.tolist() == bound.seeds(0, 200).tolist()


@settings(max_examples=25)
@given(order=st.permutations(list(RICH.distributions)), pairs=st.permutations([0, 1, 2]))
def test_draws_do_not_depend_on_the_order_of_the_mappings(order, pairs):
    listed = list(RICH.correlation.items())
    other = MonteCarlo(
        200,
        {key: RICH.distributions[key] for key in order},
        seed=4,
        correlation={key[::-1]: rho for key, rho in (listed[k] for k in pairs)},
    ).bind(SPACE)
    assert same(other.draw(0, 200), RICH.bind(SPACE).draw(0, 200))
    assert other.describe() == RICH.bind(SPACE).describe()


def test_a_parameter_draws_the_same_alone_and_among_others():
    alone = column(MonteCarlo(50, {"r1": Normal(rel=0.01)}, seed=4), "R1")
    among = column(MonteCarlo(50, {"C1": Uniform(rel=0.1), "R1": Normal(rel=0.01)}, seed=4), "R1")
    by_glob = column(MonteCarlo(50, {"R?": Normal(rel=0.01)}, seed=4), "R1")
    by_tuple = column(MonteCarlo(50, {("R1",): Normal(rel=0.01)}, seed=4), "R1")
    assert alone.tolist() == among.tolist() == by_glob.tolist() == by_tuple.tolist()


def test_more_samples_keep_those_there_were():
    few, many = RICH.bind(SPACE), RICH.bind(SPACE).extended(500)
    assert few.extensible
    assert many.size == 500
    first = {k: v[:200] for k, v in many.draw(0, 500).items()}
    assert same(few.draw(0, 200), first)
    assert many.seeds(0, 200).tolist() == few.seeds(0, 200).tolist()
    assert few.describe() == many.describe()


def test_another_seed_and_another_name_draw_otherwise():
    base = column(MonteCarlo(50, {"R1": Normal(sd=1)}), "R1") - 1e3
    seeded = column(MonteCarlo(50, {"R1": Normal(sd=1)}, seed=1), "R1") - 1e3
    named = column(MonteCarlo(50, {"R2": Normal(sd=1)}), "R2") - 2e3
    assert not set(base.round(6)) & set(seeded.round(6))
    assert not set(base.round(6)) & set(named.round(6))


def test_a_tuple_shares_one_draw_around_each_nominal():
    shared = MonteCarlo(500, {("R2", "R3"): Normal(rel=0.01)}).bind(SPACE).draw(0, 500)
    assert shared["R2"] / 2e3 == pytest.approx(shared["R3"] / 3e3, rel=1e-14)
    turned = MonteCarlo(500, {("R3", "R2"): Normal(rel=0.01)}).bind(SPACE).draw(0, 500)
    assert same(shared, turned)


def test_a_glob_in_a_tuple_shares_one_draw_among_all():
    drawn = MonteCarlo(50, {("M*.delvto",): Normal(sd=1e-3)}).bind(SPACE).draw(0, 50)
    assert drawn["M1.delvto"].tolist() == drawn["M3.delvto"].tolist()


def test_a_glob_draws_for_each():
    drawn = MonteCarlo(2000, {"M*.delvto": Normal(sd=3e-3)}).bind(SPACE).draw(0, 2000)
    assert sorted(drawn) == ["M1.delvto", "M2.delvto", "M3.delvto"]
    matrix = np.corrcoef(list(drawn.values()))
    assert np.abs(matrix - np.eye(3)).max() < 0.08


def test_a_name_with_brackets_is_no_pattern():
    bound = MonteCarlo(5, {"xbus[3].r1": Normal(rel=0.1)}).bind(SPACE)
    assert bound.parameters == ("Xbus[3].R1",)


def test_correlations_are_recovered():
    n = 40_000
    mc = MonteCarlo(
        n,
        {"R1": Normal(rel=0.01), "C1": Uniform(rel=0.1), ("R2", "R3"): LogNormal(sigma=0.3)},
        correlation={("R1", "C1"): 0.5, ("R3", "R1"): -0.7},
    )
    drawn = mc.bind(SPACE).draw(0, n)
    scores = [
        (drawn["R1"] / 1e3 - 1) / 0.01,
        ndtri((drawn["C1"] / 1e-9 - 0.9) / 0.2),
        np.log(drawn["R2"] / 2e3) / 0.3,
    ]
    found = np.corrcoef(scores)
    assert found == pytest.approx(np.array([[1, 0.5, -0.7], [0.5, 1, 0], [-0.7, 0, 1]]), abs=0.02)
    # each keeps its own distribution
    for score in scores:
        ranks = np.sort(ndtr(score))
        assert np.abs(ranks - (np.arange(n) + 0.5) / n).max() < 1.63 / np.sqrt(n)


def test_full_correlation_is_one_draw_and_its_mirror():
    mc = MonteCarlo(
        300,
        {"R1": Normal(rel=0.01), "R2": Normal(rel=0.01), "R3": Normal(rel=0.01)},
        correlation={("R1", "R2"): 1, ("R1", "R3"): -1, ("R2", "R3"): -1},
    )
    drawn = mc.bind(SPACE).draw(0, 300)
    assert drawn["R1"] / 1e3 == pytest.approx(drawn["R2"] / 2e3, rel=1e-9)
    assert drawn["R1"] / 1e3 - 1 == pytest.approx(1 - drawn["R3"] / 3e3, rel=1e-6)


def test_a_glob_correlates_each_that_it_matches():
    mc = MonteCarlo(
        20_000,
        {"M*.delvto": Normal(sd=1), "R1": Normal(sd=1)},
        correlation={("M*.delvto", "m*.DELVTO"): 0.6, ("M*.delvto", "R1"): 0.3},
    )
    found = np.corrcoef(list(mc.bind(SPACE).draw(0, 20_000).values()))
    expected = np.array([[1, 0.6, 0.6, 0.3], [0.6, 1, 0.6, 0.3], [0.6, 0.6, 1, 0.3], [0.3] * 4])
    expected[3, 3] = 1
    assert found == pytest.approx(expected, abs=0.02)


def test_correlated_draws_depend_on_their_group_alone():
    pair = {"R1": Normal(rel=0.01), "C1": Normal(rel=0.01)}
    tied = {("R1", "C1"): 0.5}
    few = MonteCarlo(50, pair, correlation=tied).bind(SPACE).draw(0, 50)
    more = {**pair, "R2": Normal(rel=0.01), "R3": Normal(rel=0.01)}
    many = MonteCarlo(50, more, correlation={**tied, ("R2", "R3"): 0.9}).bind(SPACE).draw(0, 50)
    assert few["R1"].tolist() == many["R1"].tolist()
    assert few["C1"].tolist() == many["C1"].tolist()


@given(
    st.integers(1, 6).flatmap(
        lambda k: st.lists(st.floats(-1, 1), min_size=k * 3, max_size=k * 3).map(
            lambda x: np.array(x).reshape(k, 3)
        )
    )
)
def test_every_correlation_matrix_has_a_factor(rows):
    rows = np.hstack([rows, np.full((len(rows), 1), 0.1)])
    rows /= np.sqrt((rows**2).sum(axis=1, keepdims=True))
    matrix = rows @ rows.T  # of rank 4 at most: singular where there are more rows
    np.fill_diagonal(matrix, 1.0)
    lower = factor(matrix)
    assert lower is not None
    assert lower @ lower.T == pytest.approx(matrix, abs=1e-5)


def test_contradicting_correlations_are_refused_by_name():
    mc = MonteCarlo(
        10,
        {"R*": Normal(rel=0.01), "C1": Normal(rel=0.01)},
        correlation={
            ("R1", "R2"): 0.9,
            ("R2", "R3"): 0.9,
            ("R1", "R3"): -0.9,
            ("R1", "C1"): 0.01,
        },
    )
    with pytest.raises(SamplingError, match="not positive semidefinite") as caught:
        mc.bind(SPACE)
    assert "R1 and R3 -0.9" in str(caught.value)
    assert "C1" not in str(caught.value)


def test_the_same_bits_on_another_processor():
    """Parameter values must agree across machines."""
    # the C library's mathematics without fused multiply-add, where it knows that switch
    no_fused = "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX2_Usable,-FMA_Usable"
    used = [f for f in __cpu_dispatch__ if __cpu_features__.get(f)]
    code = (
        "import sys, hashlib, pickle\n"
        "bound = pickle.loads(bytes.fromhex(sys.stdin.read()))\n"
        "drawn = bound.draw(0, bound.size)\n"
        "print(hashlib.sha256(b''.join(drawn[k].tobytes() for k in sorted(drawn))).hexdigest())\n"
    )
    bound = RICH.bind(SPACE).extended(3000)
    found = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps(bound).hex(),
        env={**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(used), "GLIBC_TUNABLES": no_fused},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    drawn = bound.draw(0, bound.size)
    here = hashlib.sha256(b"".join(drawn[k].tobytes() for k in sorted(drawn))).hexdigest()
    assert found == here


def test_known_draws_never_change():
    """Stored runs are resumed by later versions: these values are part of the format."""
    bound = RICH.bind(SPACE)
    drawn = bound.draw(0, 200)
    ends = {name: drawn[name][[0, 199]].tolist() for name in ("R1", "R2", "M3.delvto")}
    assert ends == {
        "R1": [994.5745579047214, 1000.517644890725],
        "R2": [2025.654457275686, 1891.152014311732],
        "M3.delvto": [0.004427179517334081, -0.00760867219226092],
    }
    assert drawn["lib"][:4].tolist() == ["ss", "ss", "tt", "tt"]
    assert bound.seeds(0, 2).tolist() == [13368648974749080659, 16635453505551889455]


def test_values_have_sixteen_digits():
    for name, values in RICH.bind(SPACE).draw(0, 200).items():
        if name != "lib":
            assert values.tolist() == [float(f"{v:.15e}") for v in values.tolist()]


def test_columns_are_the_draws():
    bound = RICH.bind(SPACE)
    drawn = bound.draw(0, bound.size)
    columns = bound.columns()
    assert [c.name for c in columns] == list(bound.parameters) == sorted(drawn)
    assert all(c.dims == ("sample",) for c in columns)
    assert same({c.name: c.values for c in columns}, drawn)
    (sample,) = bound.dimensions
    assert sample.name == "sample"
    assert sample.values.tolist() == list(range(200))


def test_without_distributions_there_are_samples_and_seeds():
    bound = MonteCarlo(10, {}).bind(SPACE)
    assert bound.draw(0, 10) == {}
    assert len(set(bound.seeds(0, 10).tolist())) == 10


def test_a_range_outside_the_design_is_refused():
    with pytest.raises(SamplingError, match="not within a design of 200 points"):
        RICH.bind(SPACE).draw(190, 201)


NORMAL = {"R1": Normal(rel=0.01)}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: MonteCarlo(0, NORMAL), "n must be 1 or more, not 0"),
        (lambda: MonteCarlo(-5, NORMAL), "n must be 1 or more, not -5"),
        (lambda: MonteCarlo(1e3, NORMAL), "n must be a whole number"),
        (lambda: MonteCarlo(True, NORMAL), "n must be a whole number"),
        (lambda: MonteCarlo(10, NORMAL, seed=-1), "seed must be 0 or more"),
        (lambda: MonteCarlo(10, NORMAL, seed=None), "seed must be a whole number"),
        (lambda: MonteCarlo(10, NORMAL, sampler="lhs"), "not yet available"),
        (lambda: MonteCarlo(10, NORMAL, sampler="sobol"), "not yet available"),
        (lambda: MonteCarlo(10, NORMAL, sampler="randon"), "Did you mean random"),
        (lambda: MonteCarlo(10, [Normal(rel=0.1)]), "takes a mapping"),
        (lambda: MonteCarlo(10, {"R1": 0.01}), r"needs a distribution such as .* not 0.01"),
        (lambda: MonteCarlo(10, {"R1": "normal"}), "not 'normal'"),
        (lambda: MonteCarlo(10, {"R1": Normal}), r"call it: Normal\("),
        (lambda: MonteCarlo(10, {"R1": [1, 2]}), "use Sweep"),
        (lambda: MonteCarlo(10, {1: Normal(sd=1)}), "names no parameter"),
        (lambda: MonteCarlo(10, {(): Normal(sd=1)}), "names no parameter"),
        (lambda: MonteCarlo(10, NORMAL, correlation={("R1", "C1"): 1.5}), "between -1 and 1"),
        (lambda: MonteCarlo(10, NORMAL, correlation={("R1", "C1"): "high"}), "must be a number"),
        (lambda: MonteCarlo(10, NORMAL, correlation={"R1": 0.5}), "a pair of names"),
        (lambda: MonteCarlo(10, NORMAL, correlation=[0.5]), "takes a mapping"),
    ],
)
def test_bad_input_is_refused_when_it_is_written(make, says):
    with pytest.raises(SamplingError, match=says):
        make()


@pytest.mark.parametrize(
    ("distributions", "correlation", "says"),
    [
        ({"R*": Normal(rel=0.1), "R1": Normal(rel=0.1)}, None, r"R1 is varied twice, by 'R\*'"),
        ({"V1.dc": Normal(rel=0.1)}, None, "V1.dc: .* which is 0"),
        ({"loose": Normal(rel=0.1)}, None, "loose has no nominal value"),
        ({"lib": Normal(rel=0.1)}, None, "lib is text"),
        ({"R1": Discrete(["1k"])}, None, "R1 takes numbers, not the text '1k'"),
        ({"sample": Normal(rel=0.1)}, None, "uses that name itself"),
        ({"R1": Normal(mean=1e308, sd=1e308)}, None, "R1: .* not finite"),
        ({"R1": LogNormal(sigma=1e3)}, None, "R1: .* not finite"),
        (NORMAL, {("R1", "R2"): 0.5}, "'R2' is not varied"),
        (NORMAL, {("R1", "r1"): 0.5}, "same draw"),
        ({("R1", "R2"): Normal(rel=0.1)}, {("R1", "R2"): 0.5}, "same draw"),
        (
            {"R*": Normal(rel=0.1)},
            {("R1", "R2"): 0.5, ("R*", "R*"): 0.2},
            "says 0.5 and .* says 0.2",
        ),
    ],
)
def test_what_the_parameters_do_not_allow_is_refused_when_bound(distributions, correlation, says):
    with pytest.raises(SamplingError, match=says):
        MonteCarlo(10, distributions, correlation=correlation).bind(SPACE)


def test_an_unknown_parameter_lists_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean R1"):
        MonteCarlo(10, {"R11": Normal(rel=0.1)}).bind(SPACE)
    with pytest.raises(UnknownNameError, match="matches no parameter"):
        MonteCarlo(10, {"Q*": Normal(rel=0.1)}).bind(SPACE)


def test_it_reads_as_it_was_written():
    mc = MonteCarlo(
        1000,
        {"R1": Normal(rel=0.01), ("R2", "R3"): Uniform(rel=0.1)},
        seed=1,
        correlation={("R1", "R2"): 0.5},
    )
    assert repr(mc) == (
        "MonteCarlo(1000, R1~Normal(rel=0.01), R2=R3~Uniform(rel=0.1), "
        "correlation R1-R2 0.5, seed=1)"
    )


def test_sampling_brings_nothing_heavy():
    heavy = "xarray dask pandas scipy.stats zarr"
    code = f"import sys, spicelab_nb.sampling; print(set({heavy!r}.split()) & set(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert found.strip() == "set()"
