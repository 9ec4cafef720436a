"""Measures as specifications: analyses, names, errors, records."""

import json
import pickle
from types import MappingProxyType

import numpy as np
import pytest

from spicelab_nb.circuits import measures as measure
from spicelab_nb.engines.engine import Analysis, Outcome, Plot, Status
from spicelab_nb.errors import MeasureError

AC = Analysis(name="ac", kind="ac", command="ac dec 10 1 1e6")
TRAN = Analysis(name="tran", kind="tran", command="tran 1u 1m")
TRAN2 = Analysis(name="tran2", kind="tran", command="tran 1u 2m")
OP = Analysis(name="op", kind="op", command="op")
DC = Analysis(name="dc", kind="dc", command="dc v1 0 5 1")
NOISE = Analysis(name="noise", kind="noise", command="noise v(out) v1 dec 10 1 1e6")

EVERY = [
    measure.gain("v(out)", 1e3, input="v(in)"),
    measure.gain_db("v(out)"),
    measure.bandwidth("v(out)", edge="upper"),
    measure.unity_gain_frequency("v(out)"),
    measure.phase_margin("v(out)", inverted=True),
    measure.gain_margin("v(out)"),
    measure.rise_time("v(out)", 0.2, 0.8, start=1e-6),
    measure.fall_time("v(out)"),
    measure.delay("v(in)", "v(out)", edge_to="fall"),
    measure.overshoot("v(out)", final=1.0),
    measure.settling_time("v(out)", 0.01),
    measure.slew_rate("v(out)"),
    measure.mean("i(v1)", analysis="tran"),
    measure.rms("v(out)"),
    measure.peak_to_peak("v(out)"),
    measure.frequency("v(out)", np.float64(0.5)),
    measure.thd("v(out)", 1e3, harmonics=5),
    measure.value_at("v(out)", np.int64(3)),
    measure.integrated_noise(low=10.0, high=1e4),
    measure.deck("F3dB", units="Hz"),
]

UNITS = {
    "gain": "V/V",
    "gain_db": "dB",
    "bandwidth": "Hz",
    "unity_gain_frequency": "Hz",
    "phase_margin": "deg",
    "gain_margin": "dB",
    "rise_time": "s",
    "fall_time": "s",
    "delay": "s",
    "overshoot": "%",
    "settling_time": "s",
    "slew_rate": "V/s",
    "mean": "A",
    "rms": "V",
    "peak_to_peak": "V",
    "frequency": "Hz",
    "thd": "%",
    "value_at": "V",
    "integrated_noise": "V",
    "deck": "Hz",
}


@pytest.mark.parametrize("m", EVERY, ids=repr)
class TestEveryMeasure:
    def test_survives_json_and_pickle(self, m):
        assert measure.restore(json.loads(json.dumps(m.describe()))) == m
        assert pickle.loads(pickle.dumps(m)) == m
        assert hash(m) == hash(pickle.loads(pickle.dumps(m)))

    def test_has_a_unit_and_a_long_name(self, m):
        assert m.unit == UNITS[m.name]
        assert m.long_name
        assert (m.describe()["unit"], m.describe()["long_name"]) == (m.unit, m.long_name)

    def test_repr_is_how_it_is_written(self, m):
        names = {"measure": measure, "np": np}
        assert eval(repr(m), names) == m


class TestResolving:
    def test_the_only_analysis_that_fits(self):
        assert measure.bandwidth("v(out)").resolve([OP, AC, TRAN]).analysis == "ac"
        assert measure.rise_time("v(out)").resolve([OP, AC, TRAN]).analysis == "tran"

    def test_two_that_fit_are_listed(self):
        with pytest.raises(MeasureError, match=r"several analyses: tran, tran2\. Say which"):
            measure.rise_time("v(out)").resolve([TRAN, TRAN2])
        chosen = measure.rise_time("v(out)", analysis="TRAN2").resolve([TRAN, TRAN2])
        assert chosen.analysis == "tran2"

    def test_none_that_fits(self):
        with pytest.raises(MeasureError, match=r"needs an analysis of kind .ac, .* has op, tran"):
            measure.gain("v(out)").resolve([OP, TRAN])

    def test_one_that_is_not_there_or_of_another_kind(self):
        with pytest.raises(MeasureError, match="asks for the analysis 'ac2'"):
            measure.gain("v(out)", analysis="ac2").resolve([AC])
        with pytest.raises(MeasureError, match="cannot be taken from 'tran'"):
            measure.gain("v(out)", analysis="tran").resolve([AC, TRAN])

    def test_value_at_needs_an_axis_only_with_a_place(self):
        everything = [OP, AC, NOISE]
        assert measure.value_at("v(out)").resolve(everything).analysis == "op"
        assert measure.value_at("v(out)", 1e3).resolve(everything).analysis == "ac"
        assert measure.value_at("onoise_total").resolve(everything).analysis == "noise_total"
        assert measure.value_at("onoise_spectrum", 1e3).resolve(everything).analysis == "noise"


def outcome(scale, axes, vectors, kind="ac"):
    plot = Plot(analysis=kind, kind=kind, scale=scale, axes=axes, vectors=vectors)
    return Outcome(status=Status.OK, plots={kind: plot}, meas={"f3db": 1.5})


class TestComputing:
    def pole(self, corner, points=101):
        f = np.geomspace(1, 1e6, points)
        return outcome(
            ("frequency",), {"frequency": f}, {"v(out)": 1 / (1 + 1j * f / corner), "v(in)": f}
        )

    def test_samples_with_and_without_the_same_axis(self):
        m = measure.bandwidth("V(OUT)", analysis="ac")
        outcomes = [self.pole(1e3), self.pole(2e3), self.pole(3e3, 87), self.pole(4e3)]
        together = m.of_outcomes(outcomes)
        alone = [m.of_plot(o.plots["ac"]) for o in outcomes]
        assert together.tolist() == alone
        assert together == pytest.approx([1e3, 2e3, 3e3, 4e3], rel=5e-3)
        assert m.of_outcomes([]).shape == (0,)

    def test_a_difference_of_two_nodes(self):
        m = measure.gain("V(outp, outn)", input="v(in)", analysis="ac")
        assert m.signals == ("v(outp)", "v(outn)", "v(in)")
        f = np.geomspace(1, 1e6, 11)
        vectors = {"v(outp)": 3 + 1j * f, "v(outn)": -1 + 1j * f, "v(in)": np.full(11, 2.0)}
        found = m.of_outcomes([outcome(("frequency",), {"frequency": f}, vectors)])
        assert found.tolist() == pytest.approx([2.0])
        assert (m.unit, m.long_name) == ("V/V", "gain of v(outp,outn) over v(in)")
        with pytest.raises(MeasureError, match=r"an array for each of v\(outp\), v\(outn\)"):
            m.evaluate(f, vectors["v(outp)"])

    def test_a_signal_that_is_not_there(self):
        with pytest.raises(MeasureError, match=r"needs 'v\(outt\)'.*Did you mean v\(out\)"):
            measure.gain("v(outt)", analysis="ac").of_outcomes([self.pole(1e3)])

    def test_a_nested_sweep_is_refused(self):
        axes = {"v2": np.arange(2.0), "v1": np.arange(3.0)}
        nested = outcome(("v2", "v1"), axes, {"v(out)": np.zeros((2, 3))}, kind="dc")
        with pytest.raises(MeasureError, match="nested sweep of v2 and v1"):
            measure.mean("v(out)").of_outcomes([nested])

    def test_the_decks_own_meas(self):
        assert measure.deck("F3DB").of_outcomes([self.pole(1e3)]).tolist() == [1.5]
        with pytest.raises(MeasureError, match="Did you mean f3db"):
            measure.deck("f3d").of_outcomes([self.pole(1e3)])
        measure.deck("f3db").check(["meas ac F3DB when vdb(out)=-3"])
        with pytest.raises(MeasureError, match=r"no \.meas line named 'x'"):
            measure.deck("x").check(["meas ac f3db when vdb(out)=-3"])


class TestMistakes:
    @pytest.mark.parametrize(
        "make",
        [
            lambda: measure.gain(""),
            lambda: measure.gain("vdb(out)"),
            lambda: measure.bandwidth("v(out)", reference="dc"),
            lambda: measure.bandwidth("v(out)", reference=-1.0),
            lambda: measure.bandwidth("v(out)", edge="left"),
            lambda: measure.rise_time("v(out)", 0.9, 0.1),
            lambda: measure.rise_time("v(out)", start=2.0, stop=1.0),
            lambda: measure.settling_time("v(out)", 2),
            lambda: measure.delay("v(in)", "v(out)", edge_to="up"),
            lambda: measure.delay("v(in)", "v(out)", 1.65),
            lambda: measure.thd("v(out)", 0.0),
            lambda: measure.value_at("v(out)", 1.0, "angle"),
            lambda: measure.integrated_noise(low=10.0, high=1.0),
            lambda: measure.deck(""),
            lambda: measure.function(3),
            lambda: measure.restore({"measure": "bandwith", "signal": "v(out)"}),
            lambda: measure.restore({"measure": "gain", "colour": "red"}),
            lambda: measure.restore(measure.function(len).describe()),
            lambda: measure.as_measures({"a": measure.gain}),
            lambda: measure.as_measures({"a": 3}),
        ],
    )
    def test_are_named_at_once(self, make):
        with pytest.raises(MeasureError):
            make()


class TestFunctions:
    def test_any_function_of_the_mapping(self):
        taken = measure.as_measures({"peak": lambda out: max(out["ac"]), "bw": EVERY[2]})
        assert taken["bw"] is EVERY[2]
        assert taken["peak"].of_mapping({"ac": [1, 3, 2]}) == 3.0
        assert taken["peak"].resolve([AC]) is taken["peak"]

    @pytest.mark.parametrize("value", [1j, [1, 2], None, "a"])
    def test_that_does_not_give_a_number(self, value):
        m = measure.function(lambda out: value)
        with pytest.raises(MeasureError, match="one real number"):
            m.of_mapping({})

    @pytest.mark.parametrize("value", [True, 2, np.float32(2.5), np.array([[2.0]]), float("nan")])
    def test_that_gives_one_in_another_dress(self, value):
        found = measure.function(lambda out: value).of_mapping(MappingProxyType({}))
        assert np.array_equal(found, float(np.ravel(value)[0]), equal_nan=True)
