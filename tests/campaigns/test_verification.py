"""Running samples again in other ways finds results that are not what they should be."""

import math
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

import spicelab_nb as sl
from spicelab_nb.campaigns.selection import NOMINAL, choose
from spicelab_nb.errors import CampaignError, StoreMismatchError, StoreUnreachableError
from spicelab_nb.results.platform import fingerprint
from spicelab_nb.results.store import Store
from spicelab_nb.sampling.design import Dimension
from spicelab_nb.testing.circuits import OTA, RC_LOWPASS, RECTIFIER

F3DB = {"f3db": sl.measure.bandwidth("v(out)")}


def rc(store=None, n=20, text=RC_LOWPASS, **options):
    options.setdefault("measures", F3DB)
    design = sl.MonteCarlo(n, {"R1": sl.Normal(rel=0.05)}, seed=1)
    return sl.Campaign(sl.Circuit(text), design, name="rc", store=store, **options)


def checks(verification):
    return {check.kind: check for check in verification.checks}


def publish(campaign, simulator, *, platform=None):
    """Put what another simulator computes into a campaign's store, as that campaign's."""
    store = Store.open(campaign.store, create=True)
    store.create(campaign.plan, campaign.design.size)
    session = simulator.open()
    try:
        for start in range(0, campaign.design.size, 10):
            stop = min(start + 10, campaign.design.size)
            values = campaign.design.draw(start, stop)
            batch = session.run(start, values, campaign.design.seeds(start, stop))
            receipt = {} if platform is None or not start else {"platform": platform}
            store.publish(batch, values=values, receipt=receipt)
    finally:
        session.close()


@pytest.mark.ngspice
def test_results_are_the_bits_of_a_fresh_load_and_near_the_other_engine(tmp_path, serial):
    run = rc(tmp_path / "s", keep=["v(out)"]).run(serial).wait(60)
    verification = run.verify()
    assert verification.ok
    assert verification.stored
    assert verification.samples[0] == "nominal"
    values = run.dataset["f3db"].values
    assert {f"sample {values.argmin()}", f"sample {values.argmax()}"} < set(verification.samples)
    fresh, other = verification.checks
    assert (fresh.kind, fresh.rtol) == ("fresh load", 0.0)
    assert fresh.by == f"ngspice {run.plan.simulator['engine']['version']}"
    assert [c.measure for c in fresh.comparisons] == ["f3db", "v(out) of ac"]
    assert all(c.compared == 5 and c.differing == 0 for c in fresh.comparisons)
    assert other.by.startswith("neospice")
    assert other.comparisons[0].relative < 1e-9


@pytest.mark.ngspice
@pytest.mark.parametrize(
    ("text", "parameter", "measures"),
    [
        (RECTIFIER, "C1", {"ripple": sl.measure.peak_to_peak("v(out)")}),
        (OTA, "M1.w", {"gain": sl.measure.gain_db("v(out)")}),
    ],
)
def test_before_a_run_samples_are_computed_as_planned(text, parameter, measures):
    design = sl.Corners({"hot": {"temp": 125.0}, "cold": {"temp": -40.0}}) * sl.MonteCarlo(
        10, {parameter: sl.Normal(rel=0.05)}, seed=1
    )
    campaign = sl.Campaign(sl.Circuit(text), design, measures=measures)
    verification = campaign.verify(3)
    assert verification.ok, verification
    assert not verification.stored
    assert len(verification.samples) == 3
    assert any("hot" in s for s in verification.samples)
    assert any("cold" in s for s in verification.samples)


@pytest.mark.ngspice
def test_results_of_another_deck_are_found_out(tmp_path):
    campaign = rc(tmp_path / "s")
    other = rc(text=RC_LOWPASS.replace("100n", "101n")).simulator
    publish(campaign, other)
    verification = campaign.verify(3)
    assert not verification.ok
    fresh = checks(verification)["fresh load"].comparisons[0]
    assert not fresh.ok
    assert fresh.relative == pytest.approx(1 - 100 / 101, rel=0.01)
    assert fresh.differing == 2  # the nominal point is not stored
    assert not checks(verification)["other engine"].ok
    assert "DIFFERENT" in repr(verification)
    assert f"f3db at {fresh.where} is {fresh.reference!r}" in repr(verification)


@pytest.mark.ngspice
def test_the_last_bit_of_a_stored_value_counts(tmp_path, serial):
    campaign = rc(tmp_path / "s")
    session = campaign.simulator.open()

    class Off:
        def open(self):
            return self

        def run(self, start, values, seeds):
            batch = session.run(start, values, seeds)
            return replace(batch, measures={"f3db": np.nextafter(batch.measures["f3db"], 0.0)})

        def close(self):
            session.close()

    publish(campaign, Off())
    verification = campaign.verify(3)
    fresh = checks(verification)["fresh load"].comparisons[0]
    assert (fresh.ok, fresh.differing) == (False, 2)
    assert fresh.relative < 3e-16
    assert checks(verification)["other engine"].ok


@pytest.mark.ngspice
def test_the_sample_named_is_the_one_that_differs_most(tmp_path):
    campaign = rc(tmp_path / "s")
    store = Store.open(campaign.store, create=True)
    store.create(campaign.plan, campaign.design.size)
    values, seeds = campaign.design.draw(0, 20), campaign.design.seeds(0, 20)
    session = campaign.simulator.open()
    try:
        batch = session.run(0, values, seeds)
    finally:
        session.close()
    batch.measures["f3db"][:] *= 1 + 0.001 * np.arange(20)[::-1]
    store.publish(batch, values=values, receipt={"platform": fingerprint()})
    for check in campaign.verify(12).checks:
        found = check.comparisons[0]
        assert found.differing > 5
        apart = abs(found.reference - found.found) / max(found.reference, found.found)
        assert apart == pytest.approx(found.relative, rel=1e-12)


def test_a_store_out_of_reach_is_not_taken_for_an_empty_one(tmp_path, monkeypatch):
    campaign = sl.Campaign(
        lambda x: x, sl.MonteCarlo(5, {"x": sl.Normal(mean=0.0, sd=1.0)}), store=tmp_path / "s"
    )

    def unreachable(url, **options):
        raise StoreUnreachableError(f"Nobody answers where {url} is.")

    monkeypatch.setattr(Store, "open", unreachable)
    with pytest.raises(StoreUnreachableError, match="Nobody answers"):
        campaign.verify(2)
    with pytest.raises(StoreUnreachableError, match="Nobody answers"):
        campaign.preview(pilot=False)


@pytest.mark.ngspice
def test_a_damaged_chunk_is_told(tmp_path, serial):
    run = rc(tmp_path / "s").run(serial, chunk_length=10).wait(60)
    chunk = sorted((tmp_path / "s" / "chunks").iterdir())[0]
    data = bytearray(chunk.read_bytes())
    place = data.index(np.float64(run.dataset["f3db"].values[3]).tobytes())
    data[place] ^= 1
    chunk.write_bytes(data)
    verification = run.verify(2)
    assert not verification.ok
    assert any(chunk.name in sentence for sentence in verification.damage)
    assert chunk.name in repr(verification)


@pytest.mark.ngspice
def test_values_that_the_design_does_not_draw_are_told(tmp_path):
    campaign = rc(tmp_path / "s")
    store = Store.open(campaign.store, create=True)
    store.create(campaign.plan, campaign.design.size)
    values = {"R1": campaign.design.draw(0, 5)["R1"] * 1.001}
    session = campaign.simulator.open()
    try:
        batch = session.run(0, values, campaign.design.seeds(0, 5))
    finally:
        session.close()
    store.publish(batch, values=values, receipt={})
    verification = campaign.verify(3)
    assert not verification.ok
    assert "the design draws" in verification.damage[0]


@pytest.mark.ngspice
def test_results_of_several_platforms_are_said_to_be(tmp_path):
    campaign = rc(tmp_path / "s")
    publish(campaign, campaign.simulator, platform={**fingerprint(), "machine": "sparc64"})
    verification = campaign.verify(5)
    assert verification.ok
    told = " ".join(verification.notes)
    assert "computed on 2 platforms: 10 samples on" in told
    assert "another platform than this one" in told
    assert checks(verification)["fresh load"].rtol == 1e-3


@pytest.mark.ngspice
def test_what_the_other_engine_cannot_run_is_told_and_judges_nothing():
    text = RC_LOWPASS.replace(".ac", ".meas ac top max vm(out)\n.ac")
    verification = rc(text=text, measures=None).verify(2)
    assert verification.ok
    other = checks(verification)["other engine"]
    assert "cannot run this circuit" in other.problem
    assert ".meas" in other.problem
    assert "other engine was not done" in repr(verification)


@pytest.mark.ngspice
def test_an_engine_whose_results_differ_is_told_by_the_tolerance_asked(tmp_path):
    campaign = rc(tmp_path / "s", engine="neospice")
    publish(campaign, rc(text=RC_LOWPASS.replace("100n", "100.5n"), engine="neospice").simulator)
    verification = campaign.verify(3)
    by = checks(verification)["other engine"]
    assert by.by.startswith("ngspice")
    assert not by.ok
    assert by.comparisons[0].relative == pytest.approx(1 - 100 / 100.5, rel=0.05)
    loose = campaign.verify(2, rtol=0.01)
    assert checks(loose)["other engine"].ok
    assert not loose.ok  # the fresh load still differs
    assert checks(campaign.verify(2, atol={"f3db": 20.0}))["other engine"].ok


@pytest.mark.ngspice
def test_a_missing_engine_is_told(monkeypatch):
    from spicelab_nb.campaigns import crosscheck

    campaign = rc()
    _ = campaign.simulator
    there = crosscheck.available()
    gone = [replace(e, problem="it is gone") if e.name == "neospice" else e for e in there]
    monkeypatch.setattr(crosscheck, "available", lambda: gone)
    verification = campaign.verify(2)
    assert verification.ok
    assert "it is gone; install it with: pip install neospice" in repr(verification)
    none = [replace(e, problem="it is gone") for e in there]
    monkeypatch.setattr(crosscheck, "available", lambda: none)
    nothing = campaign.verify(2)
    assert not nothing.ok
    assert "NOTHING COULD BE CHECKED" in repr(nothing)


@pytest.mark.ngspice
def test_another_version_than_the_plans_is_held_to_the_tolerance(tmp_path, serial):
    run = rc(tmp_path / "s").run(serial).wait(60)
    run._simulator = replace(run._simulator, engine_version="12.5")
    # The nominal point cannot be computed as planned, what is stored can be loaded afresh.
    verification = run.verify(3)
    fresh = checks(verification)["fresh load"]
    assert fresh.by.endswith("planned with 12.5")
    assert fresh.rtol == 1e-3
    assert "nominal" not in verification.samples


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


@pytest.mark.ngspice
def test_a_sample_that_failed_fails_again(tmp_path, serial):
    campaign = sl.Campaign(
        sl.Circuit(STUBBORN),
        sl.MonteCarlo(20, {"a": sl.Normal(mean=1.0, sd=1.0)}, seed=3),
        measures=F3DB,
        store=tmp_path / "s",
    )
    run = campaign.run(serial).wait(60)
    failed = int(np.flatnonzero(run.dataset["status"].values)[0])
    verification = run.verify()
    assert f"sample {failed}" in verification.samples
    assert not checks(verification)["fresh load"].statuses
    assert checks(verification)["fresh load"].ok


@pytest.mark.ngspice
def test_a_sample_that_ends_otherwise_is_a_difference(tmp_path):
    campaign = rc(tmp_path / "s")
    publish(campaign, replace(campaign.simulator, cpu_limit=1e-6))
    assert campaign.verify(2).ok  # nothing but time-outs: none is chosen, and none contradicts
    other = rc(tmp_path / "t")
    broken = RC_LOWPASS.replace("C1 out 0 100n", "C1 out 0 100n\nB1 x 0 V = v(x) + 1\nR2 x 0 1k")
    publish(other, replace(other.simulator, circuit=sl.Circuit(broken)))
    verification = other.verify(3)
    assert not verification.ok
    (change,) = checks(verification)["fresh load"].statuses
    assert (change.reference, change.found) == ("failed", "ok")
    assert change.reason
    assert f"{change.where} is failed, and by fresh load" in repr(verification)


# Functions


def test_a_function_that_gives_the_same_again_is_ok():
    def circle(x, y=2.0, seed=0):
        return {"radius": math.hypot(x, y), "noise": np.random.default_rng(seed).normal()}

    design = sl.MonteCarlo(10, {"x": sl.Normal(mean=1, sd=0.1)})
    verification = sl.Campaign(circle, design).verify()
    assert verification.ok
    (check,) = verification.checks
    assert (check.kind, check.by) == ("called again", "circle")
    assert [c.measure for c in check.comparisons] == ["radius", "noise"]


def test_a_function_that_is_not_deterministic_is_found_out_with_the_sample():
    calls = []

    def drifting(x):
        calls.append(x)
        return {"steady": x, "drift": x + 1e-15 * len(calls) * (x > 1)}

    design = sl.Sweep({"x": [0.5, 1.5]})
    verification = sl.Campaign(drifting, design, measures=["steady", "drift"]).verify()
    assert not verification.ok
    steady, drift = verification.checks[0].comparisons
    assert (steady.ok, drift.ok) == (True, False)
    assert drift.where == "x 1.5"
    assert drift.differing == 1
    assert "drift at x 1.5 is" in repr(verification)


def test_one_that_fails_now_and_then_is_found_out():
    calls = []

    def moody(x):
        calls.append(x)
        if len(calls) == 3:
            raise RuntimeError("not now")
        return x

    verification = sl.Campaign(moody, sl.Sweep({"x": [1.0, 2.0]})).verify()
    assert not verification.ok
    (change,) = verification.checks[0].statuses
    assert change.reason == "RuntimeError: not now"


def test_a_measure_that_is_nan_only_once_differs():
    calls = []

    def flaky(x):
        calls.append(x)
        return math.nan if len(calls) > 2 else x

    verification = sl.Campaign(flaky, sl.Sweep({"x": [1.0, 2.0]})).verify()
    assert verification.checks[0].comparisons[0].absolute == math.inf
    assert not verification.ok


def test_stored_results_of_a_function_are_compared(tmp_path, serial):
    scale = [2.0]

    def scaled(x):
        return x * scale[0]

    campaign = sl.Campaign(scaled, sl.Sweep({"x": [1.0, 2.0, 3.0]}), store=tmp_path / "s")
    run = campaign.run(serial).wait(60)
    assert run.verify().ok
    scale[0] = 2.5  # the plan knew it at 2
    verification = run.verify()
    assert not verification.ok
    assert verification.checks[0].comparisons[0].reference in (2.0, 4.0, 6.0)


def test_an_opened_run_asks_for_its_function(tmp_path, serial):
    sl.Campaign(lambda x: x, sl.Sweep({"x": [1.0]}), store=tmp_path / "s").run(serial).wait(60)
    with pytest.raises(CampaignError, match=r"resume\(simulator"):
        sl.open_run(tmp_path / "s").verify()


def test_a_store_of_another_campaign_is_refused(tmp_path, serial):
    sl.Campaign(lambda x: x, sl.Sweep({"x": [1.0]}), store=tmp_path / "s").run(serial).wait(60)
    with pytest.raises(StoreMismatchError, match="another campaign"):
        sl.Campaign(lambda x: 2 * x, sl.Sweep({"x": [1.0]}), store=tmp_path / "s").verify()


@pytest.mark.parametrize(
    ("n", "options"),
    [
        (0, {}),
        (2.5, {}),
        (True, {}),
        (2, {"rtol": -1}),
        (2, {"rtol": "1e-3"}),
        (2, {"atol": -1.0}),
        (2, {"atol": {"f3dB": 1.0}}),
    ],
)
def test_nonsense_is_refused(n, options):
    with pytest.raises(CampaignError, match="verify"):
        sl.Campaign(lambda x: {"f3db": x}, sl.Sweep({"x": [1.0]}), measures=["f3db"]).verify(
            n, **options
        )


# Showing it


def test_it_is_a_table_in_text_html_and_pandas():
    calls = []

    def drifting(x):
        calls.append(x)
        return {"<b>": len(calls), "n": 1}

    verification = sl.Campaign(
        drifting, sl.Sweep({"x": [1.0, 2.0]}), measures={"<b>": "V", "n": ""}, name="a&b"
    ).verify()
    frame = verification.to_pandas()
    assert frame.loc[("called again", "<b>"), "differing"] == 2
    assert not frame.loc[("called again", "<b>"), "ok"]
    assert frame.loc[("called again", "n"), "ok"]
    page = verification._repr_html_()
    tags = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.append(tag)

    Tags().feed(page)
    assert "b" not in tags
    assert "&lt;b&gt;" in page
    lines = repr(verification).splitlines()
    assert lines[0].startswith("a-b: DIFFERENT. 2 samples computed now as planned")


# Which samples


class Grid:
    """A design by its dimensions alone."""

    def __init__(self, **lengths):
        self.dimensions = tuple(
            Dimension(name=name, values=np.arange(n)) for name, n in lengths.items()
        )
        self.size = math.prod(lengths.values())


def test_random_samples_go_round_the_corners_and_are_the_same_each_time():
    grid = Grid(sample=50, corner=4)
    chosen = choose(grid, 9, key="0" * 64, nominal=True)
    assert chosen[0] == NOMINAL
    assert len(set(chosen)) == 9
    corners = [p % 4 for p in chosen[1:]]
    assert sorted(corners) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert chosen == choose(grid, 9, key="0" * 64, nominal=True)
    assert chosen != choose(grid, 9, key="1" * 64, nominal=True)


def test_few_points_are_all_taken_once():
    assert sorted(choose(Grid(x=3), 10, key="ab" * 32, nominal=False)) == [0, 1, 2]


def test_with_results_extremes_and_a_failed_one_come_first_and_one_is_random():
    status = np.zeros(100, np.int8)
    status[7], status[8] = 1, 2
    values = np.linspace(0.0, 1.0, 100)
    values[[40, 60]] = -1.0, 2.0
    chosen = choose(
        Grid(sample=100), 5, key="0" * 64, nominal=True, status=status, measures={"m": values}
    )
    assert chosen[:4] == (NOMINAL, 40, 60, 7)
    assert status[chosen[4]] == 0


# Engines that disagree, and one that cannot follow

BINNED = """binned models, as foundries write them
VDD vdd 0 1.8
V1 g 0 dc 0.9 ac 1
M1 d g 0 0 nch w=10u l=1u
R1 vdd d 2k
.model nch.0 nmos level=8 version=3.3.0 lmin=0.1u lmax=2u wmin=1u wmax=100u vth0=0.5 u0=400 tox=7n
.model nch.1 nmos level=8 version=3.3.0 lmin=2u lmax=20u wmin=1u wmax=100u vth0=0.55 u0=400 tox=7n
.ac dec 5 1k 1meg
.end
"""

SWEPT_SINE = """a source with a waveform is swept
V1 in 0 sin(0 5 1k)
R1 in out 1k
R2 out 0 1k
.dc V1 0 1 0.25
.end
"""


@pytest.mark.ngspice
def test_binned_models_are_told_to_be_beyond_the_other_engine():
    verification = rc(text=BINNED, measures={"gain": sl.measure.gain("v(d)")}).verify(2)
    assert verification.ok
    assert "cannot run this circuit" in checks(verification)["other engine"].problem
    assert "nch" in checks(verification)["other engine"].problem


@pytest.mark.ngspice
def test_an_answer_that_one_engine_gets_wrong_never_passes_in_silence():
    """neospice 0.2 leaves such a source at 0 V and says nothing."""
    half = {"half": sl.measure.value_at("v(out)", 1.0)}
    verification = rc(text=SWEPT_SINE, measures=half).verify(2)
    other = checks(verification)["other engine"]
    assert other.problem or not other.ok
    assert checks(verification)["fresh load"].ok
    mine = rc(text=SWEPT_SINE, measures=half)
    assert float(mine.simulator.circuit.simulate()["dc"]["v(out)"][-1]) == pytest.approx(0.5)
