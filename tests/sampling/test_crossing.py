"""Crossed designs, and what of a design survives in its description."""

import hashlib
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicelab_nb import Corners, Discrete, LogNormal, MonteCarlo, Normal, Sweep, Uniform
from spicelab_nb.errors import SamplingError
from spicelab_nb.sampling import restore
from spicelab_nb.testing.spaces import FakeSpace

SPACE = FakeSpace(
    {"R1": 1e3, "C1": 1e-9, "lib": "tt", "temp": 27.0, "vdd": 1.8, "rb": 100.0, "loose": None},
    derived={
        "vth": lambda values: {"tt": 0.4, "ss": 0.5, "ff": 0.3}[values["lib"]],
        "R2": lambda values: 2 * values["rb"],
        "gm": lambda values: values["vdd"] * values["rb"],
    },
)
MC = MonteCarlo(
    40,
    {
        "R1": Normal(rel=0.01),
        "vth": Normal(sd=0.01),
        "vdd": Uniform(rel=0.05),
        "R2": LogNormal(sigma=0.1),
        "gm": Normal(rel=0.1),
        "loose": Discrete([1, 2, 3]),
    },
    seed=3,
    correlation={("R1", "vth"): 0.4},
)
CORNERS = Corners(
    {"slow": {"lib": "ss", "temp": 125, "vdd": 1.62}, "fast": {"lib": "ff", "temp": -40}}
)
TEMPERATURES = Corners({"hot": {"rb": 120.0}, "cold": {"rb": 80.0}})
SWEEP = Sweep({"rb": [100.0, 200.0, 300.0]})
CUBE = CORNERS * SWEEP * MC


def draws(bound, start=0, stop=None):
    return bound.draw(start, bound.size if stop is None else stop)


def digest(drawn):
    return hashlib.sha256(b"".join(drawn[k].tobytes() for k in sorted(drawn))).hexdigest()


def test_sample_is_the_first_dimension_and_the_rest_keep_their_order():
    for design in (CORNERS * SWEEP * MC, MC * CORNERS * SWEEP, CORNERS * (MC * SWEEP)):
        assert [d.name for d in design.bind(SPACE).dimensions] == ["sample", "corner", "rb"]
    turned = (SWEEP * MC * CORNERS).bind(SPACE)
    assert [d.name for d in turned.dimensions] == ["sample", "rb", "corner"]
    assert turned.size == 40 * 3 * 2


def test_every_column_is_on_the_fewest_dimensions():
    columns = {c.name: c for c in CUBE.bind(SPACE).columns()}
    assert {name: c.dims for name, c in columns.items()} == {
        "R1": ("sample",),
        "loose": ("sample",),
        "vth": ("sample", "corner"),
        "vdd": ("sample", "corner"),
        "R2": ("sample", "rb"),
        "gm": ("sample", "corner", "rb"),
        "lib": ("corner",),
        "temp": ("corner",),
        "rb": ("rb",),
    }
    assert columns["gm"].values.shape == (40, 2, 3)
    assert columns["vth"].values[:, 0].mean() == pytest.approx(0.5, abs=0.01)
    assert columns["vth"].values[:, 1].mean() == pytest.approx(0.3, abs=0.01)


def test_every_corner_sees_the_same_draws():
    columns = {c.name: c.values for c in CUBE.bind(SPACE).columns()}
    assert columns["vth"][:, 0] - 0.5 == pytest.approx(columns["vth"][:, 1] - 0.3, abs=1e-14)
    assert columns["vdd"][:, 0] / 1.62 == pytest.approx(columns["vdd"][:, 1] / 1.8, rel=1e-14)
    alone = {c.name: c.values for c in MC.bind(SPACE).columns()}
    assert columns["R1"].tolist() == alone["R1"].tolist()
    assert columns["R2"][:, 0].tolist() == alone["R2"].tolist()


def test_nominals_are_asked_all_at_once_where_the_space_can():
    class Asked(FakeSpace):
        asked = 0

        def nominals(self, names):
            type(self).asked += 1
            return {name: FakeSpace.nominal(self, name) for name in names}

        def nominal(self, name):
            assert name == "rb"  # what the corners set, not what is drawn
            return FakeSpace.nominal(self, name)

    bound = (TEMPERATURES * MC).bind(Asked(SPACE.values, SPACE.derived))
    assert Asked.asked == 2
    assert digest(draws(bound)) == digest(draws((TEMPERATURES * MC).bind(SPACE)))


def test_points_are_the_columns_in_c_order():
    bound = CUBE.bind(SPACE)
    shape = tuple(len(d) for d in bound.dimensions)
    names = [d.name for d in bound.dimensions]
    drawn = draws(bound)
    for column in bound.columns():
        sizes = [n if d in column.dims else 1 for d, n in zip(names, shape, strict=True)]
        full = np.broadcast_to(column.values.reshape(sizes), shape).ravel()
        assert full.tolist() == drawn[column.name].tolist()


@given(a=st.integers(0, 240), b=st.integers(0, 240))
def test_points_do_not_depend_on_how_the_range_is_cut(a, b):
    bound = CUBE.bind(SPACE)
    a, b = sorted((a, b))
    part, whole = bound.draw(a, b), draws(bound)
    assert digest(part) == digest({k: v[a:b] for k, v in whole.items()})
    assert bound.seeds(a, b).tolist() == bound.seeds(0, 240)[a:b].tolist()


def test_more_samples_only_append_points():
    few = CUBE.bind(SPACE)
    many = few.extended(100)
    assert few.extensible
    assert many.size == 600
    assert digest(draws(few)) == digest(draws(many, 0, 240))


def test_corners_alone_with_a_sweep():
    bound = (CORNERS * Sweep({"R1": [1, 2]})).bind(SPACE)
    assert [d.name for d in bound.dimensions] == ["corner", "R1"]
    drawn = draws(bound)
    assert drawn["temp"].tolist() == [125, 125, -40, -40]
    assert drawn["R1"].tolist() == [1, 2, 1, 2]
    with pytest.raises(SamplingError, match="no sample dimension"):
        bound.extended(10)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: MC * MC, "Two Monte Carlos cannot be crossed"),
        (lambda: MC * CORNERS * MC, "Two Monte Carlos cannot be crossed"),
        (lambda: CORNERS * CORNERS, "Two sets of corners cannot be crossed"),
    ],
)
def test_what_cannot_be_crossed_is_refused(make, says):
    with pytest.raises(SamplingError, match=says):
        make()


@pytest.mark.parametrize(
    ("design", "says"),
    [
        (CORNERS * Sweep({"VDD": [1, 2]}), "vdd is set along two dimensions, 'corner' and 'vdd'"),
        (Sweep({"R1": [1]}) * Sweep({"r1": [2]}), "R1 is set along two dimensions"),
        (Sweep({"R1": [1, 2]}) * MC, "R1 is both swept and varied"),
        (
            CORNERS * MonteCarlo(5, {"vdd": Normal(mean=1.8, sd=0.1)}),
            "takes no notice of that value",
        ),
        (CORNERS * MonteCarlo(5, {"lib": Discrete(["tt", "ss"])}), "takes no notice"),
    ],
)
def test_a_parameter_that_two_designs_set_is_refused(design, says):
    with pytest.raises(SamplingError, match=says):
        design.bind(SPACE)


def test_a_dimension_called_like_another_parameter_is_refused():
    space = FakeSpace({"a": 1.0, "b": 1.0, "a_b": 1.0})
    design = Sweep({("a", "b"): ([1, 2], [3, 4]), "a_b": [1, 2]})
    with pytest.raises(SamplingError, match="'a_b'"):
        design.bind(space)
    crossed = Sweep({("a", "b"): ([1, 2], [3, 4])}) * MonteCarlo(3, {"a_b": Normal(sd=1)})
    with pytest.raises(SamplingError, match="'a_b'"):
        crossed.bind(space)


def test_only_designs_can_be_crossed():
    with pytest.raises(TypeError):
        MC * 3


@pytest.mark.parametrize(
    "design",
    [MC, SWEEP, CORNERS, CUBE, Sweep({("rb", "lib"): ([1, 2], ["ss", "ff"])}), MonteCarlo(7, {})],
    ids=["mc", "sweep", "corners", "cube", "zipped", "seeds-only"],
)
def test_a_description_is_enough_to_make_it_again(design):
    bound = design.bind(SPACE)
    text = json.dumps(bound.describe())
    n = len(bound.dimensions[0]) if bound.dimensions[0].name == "sample" else None
    again = restore(json.loads(text), size=n)
    assert json.dumps(again.describe()) == text
    assert again == bound
    assert digest(draws(again)) == digest(draws(bound))
    assert {k: v.dtype for k, v in draws(again).items()} == {
        k: v.dtype for k, v in draws(bound).items()
    }
    assert again.seeds(0, again.size).tolist() == bound.seeds(0, bound.size).tolist()
    for mine, other in zip(again.dimensions, bound.dimensions, strict=True):
        assert mine.name == other.name
        assert mine.values.dtype == other.values.dtype
        assert mine.values.tolist() == other.values.tolist()


def test_another_process_draws_the_same_bits():
    code = (
        "import sys, json, hashlib\n"
        "from spicelab_nb.sampling import restore\n"
        "bound = restore(json.load(sys.stdin), size=40)\n"
        "drawn = bound.draw(0, bound.size)\n"
        "print(hashlib.sha256(b''.join(drawn[k].tobytes() for k in sorted(drawn))).hexdigest())\n"
    )
    bound = CUBE.bind(SPACE)
    found = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(bound.describe()),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert found == digest(draws(bound))


def test_a_description_leaves_n_out_where_more_samples_may_come():
    bound = CUBE.bind(SPACE)
    assert bound.extended(7).describe() == bound.describe()
    assert restore(bound.describe(), size=7).size == 42
    with pytest.raises(SamplingError, match="needs size="):
        restore(bound.describe())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": 2}, "format 2"),
        ({"draws": {"seed": 1}}, "damaged"),
        ({"axes": [{"name": "x"}]}, "damaged"),
    ],
)
def test_a_description_that_cannot_be_read_is_refused(change, says):
    with pytest.raises(SamplingError, match=says):
        restore({**CUBE.bind(SPACE).describe(), **change}, size=3)


def test_designs_and_points_can_be_pickled():
    bound = CUBE.bind(SPACE)
    assert digest(draws(pickle.loads(pickle.dumps(bound)))) == digest(draws(bound))
    assert pickle.loads(pickle.dumps(CUBE)).bind(SPACE) == bound


def test_a_cross_reads_as_its_parts():
    assert repr(CORNERS * SWEEP) == "Corners(slow, fast) * Sweep(rb: [100, 200, 300])"
    assert repr((CORNERS * MonteCarlo(5, {"R1": Normal(sd=1)})).bind(SPACE)) == (
        "Points(sample: 5, corner: 2; sets R1, lib, temp, vdd)"
    )
