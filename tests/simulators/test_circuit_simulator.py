import json
from types import MappingProxyType

import numpy as np
import pytest

import spicelab_nb as sl
from spicelab_nb.errors import EngineError, MeasureError
from spicelab_nb.simulators import CircuitSimulator, restore_simulator
from spicelab_nb.testing.circuits import OTA, RC_LOWPASS, RECTIFIER
from spicelab_nb.testing.simulators import SimulatorTests

pytestmark = pytest.mark.ngspice


def simulator_of(text, design, **options):
    return sl.Campaign(sl.Circuit(text), design, **options).simulator


class TestFrequencyResponse(SimulatorTests):
    points = MappingProxyType({"R1": [1e3, 1.1e3, 9.5e2, 1.2345e3]})

    @pytest.fixture(scope="class")
    @classmethod
    def simulator(cls):
        return simulator_of(
            RC_LOWPASS,
            sl.MonteCarlo(4, {"R1": sl.Normal(rel=0.1)}),
            measures={"f3db": sl.measure.bandwidth("v(out)")},
        )


class TestTransient(SimulatorTests):
    points = MappingProxyType({"C1": [1e-6, 2e-6, 4.7e-6, 1e-5]})

    @pytest.fixture(scope="class")
    @classmethod
    def simulator(cls):
        return simulator_of(
            RECTIFIER,
            sl.MonteCarlo(4, {"C1": sl.Normal(rel=0.1)}),
            measures={"ripple": sl.measure.peak_to_peak("v(out)")},
        )


class TestLoadedAfresh(SimulatorTests):
    points = MappingProxyType({"temp": [-40.0, 0.0, 27.0, 125.0]})

    @pytest.fixture(scope="class")
    @classmethod
    def simulator(cls):
        return simulator_of(
            OTA,
            sl.Sweep({"temp": [-40.0, 125.0]}),
            measures={"gain": sl.measure.gain_db("v(out)")},
            engine="neospice",
        )

    def test_it_is_loaded_afresh(self, simulator):
        assert simulator.path == "load"


def test_it_is_rebuilt_from_its_description_and_inputs():
    simulator = simulator_of(
        RC_LOWPASS,
        sl.Sweep({"R1": [1e3]}),
        measures={"f3db": sl.measure.bandwidth("v(out)")},
        keep=["v(out)"],
    )
    described = json.loads(json.dumps(simulator.describe()))
    again = restore_simulator(described, simulator.inputs())
    assert again.describe() == simulator.describe()


def test_a_python_measure_has_to_be_handed_over_and_to_be_the_same():
    simulator = simulator_of(
        RC_LOWPASS, sl.Sweep({"R1": [1e3]}), measures={"peak": lambda out: 1.0}
    )
    described = simulator.describe()
    with pytest.raises(MeasureError, match="measures="):
        CircuitSimulator.restore(described, simulator.inputs())
    with pytest.raises(MeasureError, match="differ"):
        restore_simulator(described, simulator.inputs(), measures={"peak": lambda out: 2.0})
    given = simulator.measures["peak"]
    again = restore_simulator(described, simulator.inputs(), measures={"peak": given})
    assert again.describe() == described


def test_another_version_of_the_engine_is_refused_with_both_named():
    from dataclasses import replace

    simulator = simulator_of(
        RC_LOWPASS, sl.Sweep({"R1": [1e3]}), measures={"f": sl.measure.bandwidth("v(out)")}
    )
    with pytest.raises(EngineError, match=rf"ngspice 12\.5.*{simulator.engine_version}"):
        replace(simulator, engine_version="12.5").open()


@pytest.mark.parametrize(
    ("error", "said"),
    [(ValueError("too quiet"), "ValueError: too quiet"), (SystemExit(3), "SystemExit: 3")],
)
def test_a_python_measure_that_fails_marks_its_sample_with_the_traceback(error, said):
    def picky(out):
        level = float(abs(out["ac"]["v(out)"]).isel(frequency=-1))
        if level < 2e-3:
            raise error
        return level

    simulator = simulator_of(RC_LOWPASS, sl.Sweep({"R1": [1e3, 1e5]}), measures={"level": picky})
    session = simulator.open()
    try:
        batch = session.run(0, {"R1": np.array([1e2, 1e6])}, np.zeros(2, np.uint64))
    finally:
        session.close()
    assert batch.status.tolist() == [0, 1]
    assert f"'level' raised {said}" in batch.failures[0].reason
    assert any("picky" in line for line in batch.failures[0].log)


def test_a_deck_that_draws_its_own_numbers_is_loaded_afresh_with_seeds(tmp_path, serial):
    text = RC_LOWPASS.replace("R1 in out 1k", "R1 in out {agauss(1k, 100, 3)}")
    assert text != RC_LOWPASS
    with pytest.warns(UserWarning, match="draws"):
        circuit = sl.Circuit(text)
    campaign = sl.Campaign(
        circuit,
        sl.MonteCarlo(6, {}, seed=3),
        measures={"f3db": sl.measure.bandwidth("v(out)")},
        store=tmp_path / "one",
    )
    assert campaign.simulator.path == "load"
    first = campaign.run(serial, chunk_length=1).wait(60).dataset["f3db"]
    again = sl.Campaign(
        circuit, campaign.samples, measures=campaign._circuit_measures, store=tmp_path / "two"
    )
    second = again.run(serial).wait(60).dataset["f3db"]
    assert first.values.tobytes() == second.values.tobytes()
    assert len(set(first.values.tolist())) == 6
