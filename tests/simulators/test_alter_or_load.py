"""Whether values are set in the loaded circuit or loaded afresh is proved, recorded and shown."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import spicelab_nb as sl
from spicelab_nb.engines import find
from spicelab_nb.engines.engine import Outcome, Plot, Status
from spicelab_nb.results.plan import Plan
from spicelab_nb.sampling.rounding import quantise
from spicelab_nb.simulators import planning
from spicelab_nb.simulators.attribution import causes
from spicelab_nb.simulators.divergence import divergence
from spicelab_nb.simulators.effects import IdleParameterWarning
from spicelab_nb.testing.circuits import RC_LOWPASS, RC_WITH_PARAM, RECTIFIER

F3DB = {"f3db": sl.measure.bandwidth("v(out)")}

VARIED = {"R1": sl.Normal(rel=0.1), "C1": sl.Normal(rel=0.1)}


class Skewed:
    """The real engine, which sets one value otherwise than it is told to."""

    alters = True

    def __init__(self, pattern, factor):
        self._engine = find("ngspice")
        self._pattern, self._factor = re.compile(pattern), factor
        self.name, self.version = self._engine.name, self._engine.version
        self.runs = 0

    def run(self, deck, points, *, cpu_limit):
        self.runs += len(points)
        told = [replace(p, commands=tuple(map(self._skew, p.commands))) for p in points]
        return self._engine.run(deck, told, cpu_limit=cpu_limit)

    def _skew(self, command):
        if not self._pattern.match(command):
            return command
        words, _, value = command.rpartition(" ")
        return f"{words} {float(value) * self._factor!r}"

    def close(self):
        self._engine.close()


def rc(store=None, text=RC_LOWPASS, varied=VARIED, **options):
    options.setdefault("measures", F3DB)
    design = sl.MonteCarlo(20, varied, seed=1)
    return sl.Campaign(sl.Circuit(text), design, name="rc", store=store, **options)


@pytest.fixture
def skew(monkeypatch):
    """Makes plans with an engine that sets what matches a pattern wrong by a factor."""

    def make(pattern, factor):
        engine = Skewed(pattern, factor)
        monkeypatch.setattr(planning, "find", lambda name: engine)
        return engine

    return make


@pytest.mark.ngspice
def test_a_circuit_whose_bits_agree_is_altered_and_says_so():
    campaign = rc()
    assert "decided by proof when the plan is made" in repr(campaign)
    plan = campaign.plan
    assert plan.simulator["path"] == "alter"
    assert plan.proof["points"] == [0, 6, 13, 19]
    assert "set in the loaded circuit: 4 of them gave the bits of a fresh load" in repr(campaign)
    assert "set in the loaded circuit" in campaign._repr_html_()


@pytest.mark.ngspice
def test_a_difference_is_reported_with_parameter_measure_and_size(skew):
    skew("alter c1", 1 + 1e-9)
    campaign = rc()
    proof = campaign.plan.proof
    assert campaign.plan.simulator["path"] == "load"
    assert proof["causes"] == ["C1"]
    assert 1e-11 < proof["difference"] < 1e-8
    assert proof["where"].startswith("v(out) of ac at point")
    assert proof["measures"] == {"f3db": pytest.approx(1e-9, rel=0.5)}
    shown = repr(campaign)
    assert re.search(r"loaded afresh: Altered and loaded differ by \d\.\de-\d+ of the", shown)
    assert "because of C1; f3db changes by" in shown


@pytest.mark.ngspice
def test_one_bit_is_a_difference(skew):
    skew("alter r1", 1 + 2.3e-16)
    assert rc().plan.proof["causes"] == ["R1"]


@pytest.mark.ngspice
def test_a_difference_in_a_transient_is_reported(skew):
    skew("alter c1", 2.0)
    campaign = sl.Campaign(
        sl.Circuit(RECTIFIER),
        sl.MonteCarlo(5, {"C1": sl.Normal(rel=0.1), "RL": sl.Normal(rel=0.1)}),
        measures={"ripple": sl.measure.peak_to_peak("v(out)")},
    )
    proof = campaign.plan.proof
    assert proof["causes"] == ["C1"]
    assert proof["difference"] > 0.01
    assert "of tran at point" in proof["where"]
    assert proof["measures"]["ripple"] > 1e-3


@pytest.mark.ngspice
def test_finding_the_cause_among_many_parameters_is_cheap(skew):
    n = 64
    ladder = "".join(f"R{i} n{i} n{i + 1} 1k\n" for i in range(n))
    text = f"ladder\nV1 n0 0 ac 1\n{ladder}RL n{n} 0 1k\n.ac dec 1 1 10\n.end\n"
    engine = skew(r"alter r37 ", 1.001)
    campaign = rc(
        text=text,
        varied={"R*": sl.Normal(rel=0.1)},
        measures={"out": sl.measure.value_at(f"v(n{n})", 1.0)},
    )
    assert campaign.plan.proof["causes"] == ["R37"]
    assert engine.runs < 4 * n  # two for each to see its effect, and few for the cause


@pytest.mark.ngspice
def test_the_proof_is_recorded_beside_the_plan_and_shown_by_runs(tmp_path, serial, skew):
    skew("alter c1", 1 + 1e-9)
    campaign = rc(tmp_path / "s")
    run = campaign.run(serial).wait(60)
    manifest = json.loads((tmp_path / "s" / "manifest.json").read_text())
    assert manifest["proof"]["causes"] == ["C1"]
    assert "proof" not in manifest["plan"]
    opened = sl.open_run(tmp_path / "s")
    for shown in (repr(run), repr(opened), opened._repr_html_(), repr(opened.summary())):
        assert "because of C1" in shown
    # Nobody decides it again: not even with an engine that would agree now.
    skew("nothing", 1.0)
    again = rc(tmp_path / "s")
    assert again.plan.proof == campaign.plan.proof
    assert again.plan.digest == campaign.plan.digest


def test_a_proof_identifies_nothing():
    plan = Plan(simulator={"kind": "circuit"}, design={}, proof={"difference": float("inf")})
    assert plan == Plan(simulator={"kind": "circuit"}, design={})
    assert plan.digest == Plan(simulator={"kind": "circuit"}, design={}).digest


@pytest.mark.ngspice
def test_a_store_without_a_proof_is_read(tmp_path, serial):
    rc(tmp_path / "s").run(serial).wait(60)
    path = tmp_path / "s" / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["proof"]
    path.write_text(json.dumps(manifest))
    run = sl.open_run(tmp_path / "s")
    assert run.plan.proof == {}
    assert repr(run).endswith("each sample set in the loaded circuit.)")
    assert run.verify(2).ok


# The form of numbers that both of ngspice's readers read alike


@pytest.fixture(scope="module")
def ngspice():
    engine = find("ngspice")
    yield engine
    engine.close()


SETTINGS = [
    ("R1", RC_LOWPASS, (1e-3, 1e12)),
    ("C1", RC_LOWPASS, (1e-18, 1.0)),
    ("V1.dc", RC_LOWPASS.replace(".ac", ".op\n.ac"), (-1e6, 1e6)),
    ("rb", RC_WITH_PARAM, (1e-2, 1e9)),
    ("X1.R1", RC_WITH_PARAM, (1e-2, 1e9)),
    ("dfast.is", RECTIFIER.replace(".tran 5u 5m", ".dc V1 0 1 0.25"), (1e-18, 1e-9)),
    ("temp", RECTIFIER.replace(".tran 5u 5m", ".dc V1 0 1 0.25"), (-60.0, 150.0)),
    ("temp", RECTIFIER.replace(".tran 5u 5m", ".temp 40\n.dc V1 0 1 0.25"), (-60.0, 150.0)),
]


@pytest.mark.ngspice
@pytest.mark.parametrize(
    ("name", "text", "limits"), SETTINGS, ids=[f"{s[0]}-{i}" for i, s in enumerate(SETTINGS)]
)
def test_any_rounded_value_gives_the_same_bits_altered_and_loaded(ngspice, name, text, limits):
    circuit = sl.Circuit(text)
    setter = circuit.setter((name,))
    assert setter.alters

    @settings(
        max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
    )
    @given(st.lists(st.floats(*limits), min_size=4, max_size=4, unique=True))
    def check(values):
        rounded = [float(v) for v in quantise(values)]
        points = [setter.commands({setter.names[0]: v}) for v in rounded]
        altered = ngspice.run(
            circuit.deck(), [planning_point(commands) for commands in points], cpu_limit=20
        )
        decks = [circuit.with_values({name: v}).deck() for v in rounded]
        loaded = ngspice.run(
            circuit.deck(), [planning_point((), deck) for deck in decks], cpu_limit=20
        )
        for value, a, b in zip(rounded, altered, loaded, strict=True):
            assert a.status == b.status, (value, a.reason, b.reason)
            assert divergence(a, b) is None, (value, divergence(a, b))

    check()


def planning_point(commands, deck=None):
    from spicelab_nb.engines.engine import Point

    return Point(commands=commands, deck=deck)


# Comparing, and finding the cause


def outcome(status=Status.OK, time=(0.0, 1.0), out=(0.0, 1.0), **meas):
    plot = Plot(
        analysis="tran",
        kind="tran",
        scale=("time",),
        axes={"time": np.array(time)},
        vectors={"v(out)": np.array(out)},
    )
    return Outcome(status=status, plots={"tran": plot} if status == Status.OK else {}, meas=meas)


@pytest.mark.parametrize(
    ("other", "where", "size"),
    [
        (outcome(out=(0.0, 1.5)), "v(out) of tran", 0.5 / 1.5),
        (outcome(out=(-0.0, 1.0)), "v(out) of tran", 1e-300),
        (outcome(time=(0.0, 2.0)), "the time points of tran", 0.5),
        (outcome(time=(0.0, 1.0, 2.0)), "the time points of tran (2, 3)", np.inf),
        (outcome(Status.FAILED), "how they end (ok, failed)", np.inf),
        (outcome(delay=1.0), ".meas delay", np.inf),
    ],
)
def test_every_bit_counts(other, where, size):
    found = divergence(outcome(), other)
    assert found.where == where
    assert found.size == pytest.approx(size)


def test_the_same_is_no_difference():
    assert divergence(outcome(x=np.nan), outcome(x=np.nan)) is None
    assert divergence(outcome(Status.FAILED), outcome(Status.FAILED)) is None


@given(st.integers(1, 60), st.data())
def test_all_causes_are_found_where_there_are_few(n, data):
    names = [f"p{i}" for i in range(n)]
    guilty = data.draw(st.sets(st.sampled_from(names), min_size=1, max_size=2))
    asked = []

    def happens(some):
        asked.append(some)
        return bool(guilty & set(some))

    found = causes(names, happens)
    assert set(found) == guilty
    assert found == tuple(n for n in names if n in guilty)
    assert len(asked) <= 24


def test_where_all_are_causes_some_are_found_and_where_only_several_are_none():
    names = [f"p{i}" for i in range(100)]
    found = causes(names, lambda some: True)
    assert 5 < len(found) < 24
    assert causes(names, lambda some: len(some) > 99) == ()


# Parameters that nothing depends on

HIDDEN = """* the subcircuit's own value hides the deck's
.param ra=1k rb=2k
V1 in 0 dc 1 ac 1
X1 in out part
R9 out 0 {rb}
C1 out 0 100n
.subckt part p q
.param ra=5k
R1 p q {ra}
.ends part
.ac dec 5 10 1meg
.end
"""


@pytest.mark.ngspice
def test_a_parameter_that_another_hides_is_told(tmp_path, serial):
    varied = {"ra": sl.Normal(rel=0.1), "rb": sl.Normal(rel=0.1)}
    campaign = rc(tmp_path / "s", text=HIDDEN, varied=varied)
    with pytest.warns(
        IdleParameterWarning, match="depends on ra: every signal is the same"
    ) as told:
        plan = campaign.plan
    assert told[0].filename == __file__
    assert plan.proof["idle"] == ["ra"]
    run = campaign.run(serial).wait(60)
    assert "Nothing depends on ra, which is varied." in repr(run.summary())
    inner = rc(text=HIDDEN, varied={"X1.param:ra": sl.Normal(rel=0.1)})
    assert inner.plan.proof["idle"] == []


@pytest.mark.ngspice
def test_a_temperature_on_which_nothing_depends_is_told():
    with pytest.warns(IdleParameterWarning, match="temp"):
        plan = rc(varied={"temp": sl.Uniform(low=0, high=100), **VARIED}).plan
    assert plan.proof["idle"] == ["temp"]


@pytest.mark.ngspice
def test_one_that_matters_at_one_end_only_is_not_called_idle():
    text = RC_LOWPASS.replace("R1 in out 1k", ".param a=1\nR1 in out {a > 2 ? 2k : 1k}")
    varied = {"a": sl.Uniform(low=0, high=3)}
    assert rc(text=text, varied=varied).plan.proof["idle"] == []


@pytest.mark.ngspice
def test_where_simulations_take_long_nobody_waits_for_causes_and_effects(skew, monkeypatch):
    from spicelab_nb.simulators import effects, proof

    monkeypatch.setattr(proof, "CAUSE_SECONDS", 0.0)
    monkeypatch.setattr(effects, "EFFECT_SECONDS", 0.0)
    engine = skew("alter c1", 1 + 1e-9)
    found = rc(varied={**VARIED, "temp": sl.Uniform(low=0, high=100)}).plan.proof
    assert found["difference"] > 0
    assert found["causes"] == []
    assert "because" not in found["reason"]
    assert "alone" not in found["reason"]
    assert found["idle"] == []  # not looked for
    assert engine.runs < 12
