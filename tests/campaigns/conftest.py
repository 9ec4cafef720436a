"""Campaigns that the tests of this room share."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import spicelab_nb as sl

RC = """* RC low-pass
V1 in 0 dc 0 ac 1
R1 in out 1k
C1 out 0 100n
.ac dec 100 10 1meg
.end
"""

RECTIFIER = """* half-wave rectifier
V1 in 0 sin(0 5 1k)
D1 in out dmod
R1 out 0 1k
C1 out 0 4.7u
.model dmod d is=2n n=1.7 rs=0.05 cjo=20p tt=20n
.tran 10u 3m 0 10u
.end
"""

# For a <= 0 the source asks its own node to be one volt above itself: no solution exists.
STUBBORN = """* has no solution for a <= 0
.param a=1
V1 in 0 dc 1 ac 1
R1 in out 1k
C1 out 0 100n
B1 x 0 V = {a} > 0 ? 1 : v(x) + 1
R2 x 0 1k
.ac dec 10 10 100k
.end
"""


def rc(store, n=1000, **options):
    options.setdefault("specs", {"f3db": sl.Spec(min=1450, max=1750, unit="Hz")})
    return sl.Campaign(
        sl.Circuit(RC),
        sl.MonteCarlo(n, {"R1": sl.Normal(rel=0.05), "C1": sl.Normal(rel=0.05)}, seed=1),
        measures={"f3db": sl.measure.bandwidth("v(out)")},
        name="rc",
        store=store,
        **options,
    )


def correlated(store, n=300):
    return sl.Campaign(
        sl.Circuit(RC),
        sl.MonteCarlo(
            n,
            {"R1": sl.Normal(rel=0.05), "C1": sl.LogNormal(rel=0.1)},
            seed=2,
            correlation={("R1", "C1"): 0.7},
        ),
        measures={"f3db": sl.measure.bandwidth("v(out)"), "gain": sl.measure.gain("v(out)")},
        keep=["v(out)"],
        name="correlated",
        store=store,
    )


def transient(store, n=60):
    return sl.Campaign(
        sl.Circuit(RECTIFIER),
        sl.MonteCarlo(
            n,
            {"R1": sl.Normal(rel=0.1), "C1": sl.Uniform(rel=0.2), "dmod.is": sl.LogNormal(rel=0.2)},
        ),
        measures={
            "ripple": sl.measure.peak_to_peak("v(out)"),
            "dc": sl.measure.mean("v(out)"),
        },
        keep=["v(out)"],
        name="transient",
        store=store,
    )


def failing(store, n=120):
    return sl.Campaign(
        sl.Circuit(STUBBORN),
        sl.MonteCarlo(n, {"a": sl.Normal(mean=1.0, sd=1.0), "R1": sl.Normal(rel=0.05)}, seed=3),
        measures={"f3db": sl.measure.bandwidth("v(out)")},
        specs={"f3db": sl.Spec(min=1000, max=2000)},
        name="failing",
        store=store,
    )


CASES = {"rc": rc, "correlated": correlated, "transient": transient, "failing": failing}

LONG = {"rc": 1500, "correlated": 1000, "transient": 300, "failing": 600}
"""Samples of which pairs take so long that something can happen before all are there."""


def bits(dataset):
    """Every variable of a dataset as bytes, coordinates included."""
    return {
        str(name): (v.dims, v.dtype.str, np.ascontiguousarray(v.values).tobytes())
        for name, v in dataset.variables.items()
    }


@pytest.fixture(params=CASES)
def case(request):
    """Makes a campaign in a store: ``case(path)``."""
    return CASES[request.param]


@pytest.fixture(params=CASES)
def long_case(request):
    """Makes one that is far from its end when its first chunks are there: ``long_case(path)``."""
    return functools.partial(CASES[request.param], n=LONG[request.param])


@pytest.fixture
def make_rc():
    return rc


@pytest.fixture
def make_failing():
    return failing


@pytest.fixture
def bits_of():
    return bits


@pytest.fixture
def serial():
    with sl.cluster("serial") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def local_pair():
    """A local cluster of two workers, shared by a module's tests."""
    with sl.cluster("local", workers=2) as cluster:
        yield cluster
