from types import MappingProxyType

import numpy as np
import pytest

from spicelab_nb.errors import MeasureError, SamplingError, UnknownNameError
from spicelab_nb.simulators import FunctionSimulator
from spicelab_nb.simulators.simulator import Status
from spicelab_nb.testing.simulators import SimulatorTests


def circle(x, y, seed, scale=2.0):
    rng = np.random.default_rng(seed)
    return {"radius": scale * np.hypot(x, y), "noise": rng.standard_normal()}


def run(function, values, start=0):
    n = len(next(iter(values.values())))
    session = FunctionSimulator(function=function).open()
    return session.run(
        start, {k: np.asarray(v) for k, v in values.items()}, np.arange(n, dtype="u8")
    )


class TestFunctionConformance(SimulatorTests):
    points = MappingProxyType({"x": [1.0, 2.0, 3.0, 4.0], "y": [0.5, 0.25, 0.125, 1.0]})

    @pytest.fixture
    def simulator(self):
        return FunctionSimulator(function=circle)


def test_parameters_are_the_arguments_without_seed():
    simulator = FunctionSimulator(function=circle)
    assert simulator.space.names == ("x", "y", "scale")
    assert simulator.space.nominal("scale") == 2.0
    assert simulator.space.nominal("x") is None
    assert simulator.required == {"x", "y"}


def test_an_unknown_parameter_names_the_nearest():
    with pytest.raises(UnknownNameError, match=r"circle\(\) has no parameter 'scael'.*scale"):
        FunctionSimulator(function=circle).space.canonical("scael")


def test_positional_only_arguments_are_refused_before_anything_runs():
    def positional(x, /):
        return x

    with pytest.raises(SamplingError, match="by position"):
        _ = FunctionSimulator(function=positional).space


def test_a_number_is_the_measure_value():
    batch = run(lambda x: x * 2, {"x": [1.0, 2.0]})
    assert batch.measures["value"].tolist() == [2.0, 4.0]


def test_a_failing_sample_never_stops_the_others():
    def picky(x):
        if x == 2.0:
            raise ZeroDivisionError("two is not allowed")
        return x

    batch = run(picky, {"x": [1.0, 2.0, 3.0]}, start=10)
    assert batch.status.tolist() == [Status.OK, Status.FAILED, Status.OK]
    assert np.isnan(batch.measures["value"][1])
    (failure,) = batch.failures
    assert failure.index == 11
    assert failure.reason == "ZeroDivisionError: two is not allowed"
    assert any("picky" in line for line in failure.log)


def test_an_array_as_a_measure_fails_its_sample_with_advice():
    batch = run(lambda x: np.zeros(3), {"x": [1.0]})
    assert batch.status.tolist() == [Status.FAILED]
    assert "Dataset" in batch.failures[0].reason


def test_a_dataset_gives_measures_units_and_kept_arrays():
    import xarray as xr

    def epidemic(beta):
        days = np.arange(5.0)
        return xr.Dataset(
            {
                "peak": ((), beta * 10, {"units": "people"}),
                "infected": ("day", beta * days, {"units": "people"}),
            },
            coords={"day": ("day", days, {"units": "d"})},
        )

    batch = run(epidemic, {"beta": [1.0, 2.0]})
    assert batch.measures["peak"].tolist() == [10.0, 20.0]
    assert batch.units["peak"] == "people"
    (wave,) = batch.waves
    assert (wave.analysis, wave.signal, wave.unit) == ("out", "infected", "people")
    assert wave.data.shape == (2, 5)
    assert wave.axes[0].unit == "d"


def test_arrays_of_different_shapes_are_refused():
    import xarray as xr

    with pytest.raises(MeasureError, match="one shape"):
        run(lambda n: xr.Dataset({"a": ("i", np.zeros(int(n)))}), {"n": [2.0, 3.0]})


def test_kept_arrays_of_one_shape_on_other_coordinates_are_refused():
    """Those of the first sample of a chunk stood for all of it."""
    xr = pytest.importorskip("xarray")

    def sized(x):
        t = np.arange(3.0) * x
        return xr.Dataset({"y": ("t", t)}, {"t": t})

    with pytest.raises(MeasureError, match="other coordinates in sample 1"):
        run(sized, {"x": [1.0, 2.0]})
    assert run(sized, {"x": [2.0, 2.0]}).waves[0].axes[0].values.tolist() == [0.0, 2.0, 4.0]


@pytest.mark.parametrize("name", ["status", "sample", "corner", "x"])
def test_names_that_the_dataset_has_already_fail_the_sample(name):
    batch = run(lambda x: {name: x, "y": x}, {"x": [1.0]})
    assert batch.status.tolist() == [Status.FAILED]
    assert f"may not be called {name!r}" in batch.failures[0].reason


def test_a_result_without_a_name_fails_the_sample():
    batch = run(lambda x: {"": x, "y": x}, {"x": [1.0]})
    assert batch.status.tolist() == [Status.FAILED]
    assert "needs a name" in batch.failures[0].reason


def test_a_function_that_exits_fails_its_sample_only():
    def leave(x):
        if x > 1:
            raise SystemExit(3)
        return x

    batch = run(leave, {"x": [1.0, 2.0, 0.5]})
    assert batch.status.tolist() == [Status.OK, Status.FAILED, Status.OK]
    assert batch.failures[0].reason == "SystemExit: 3"
