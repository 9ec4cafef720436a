"""What lies between a deck and a number, and could go wrong without a word."""

import pytest

import spicelab_nb as sl
from spicelab_nb.errors import (
    CampaignError,
    NotKeptError,
    SamplingError,
    UnknownArgumentError,
)

RC = "rc\nV1 in 0 ac 1\nR1 in out 1k\nC1 out 0 100n\n.ac dec 50 10 1meg\n.end\n"
F3DB = {"f3db": sl.measure.bandwidth("v(out)")}
TEN = sl.Normal(rel=0.1)

pytestmark = pytest.mark.ngspice


@pytest.fixture
def run(tmp_path, serial):
    """Runs a campaign here."""

    def go(source, samples, **options):
        options.setdefault("measures", F3DB)
        campaign = sl.Campaign(
            source if callable(source) else sl.Circuit(source),
            samples,
            store=tmp_path / str(len(list(tmp_path.iterdir()))),
            **options,
        )
        return campaign.run(serial).wait(60)

    return go


def test_a_parameter_of_an_included_file_is_set_in_it(tmp_path, serial):
    (tmp_path / "values.inc").write_text(".param rb=1k\n")
    deck = tmp_path / "deck.cir"
    deck.write_text(RC.replace("R1 in out 1k", '.include "values.inc"\nR1 in out {rb}'))
    campaign = sl.Campaign(
        sl.Circuit(deck), sl.Sweep({"rb": [1e3, 2e3]}), measures=F3DB, store=tmp_path / "s"
    )
    f3db = campaign.run(serial).wait(60).dataset["f3db"].values
    assert f3db[0] == pytest.approx(1591.5, rel=1e-3)
    assert f3db[1] == pytest.approx(f3db[0] / 2, rel=1e-3)
    assert campaign.verify(3).ok
    assert (tmp_path / "values.inc").read_text() == ".param rb=1k\n"


DIODE = "d\nV1 in 0 dc 1\nR1 in out 1k\nD1 out 0 dm\n.model dm d is=1e-14\n{card}\n.op\n.end\n"
VF = {"vf": sl.measure.value_at("v(out)")}


@pytest.mark.parametrize(
    "card", ["* none", ".temp 40", ".options temp=40", ".options temp=40\n.temp 60", ".temp 60\n"]
)
def test_a_temperature_that_is_set_counts_whatever_the_deck_says(run, card):
    swept = run(DIODE.format(card=card), sl.Sweep({"temp": [-40.0, 85.0]}), measures=VF)
    for temp in (-40.0, 85.0):
        told = run(DIODE.format(card=f".temp {temp}"), sl.Sweep({"R1": [1e3]}), measures=VF)
        found = float(swept.dataset["vf"].sel(temp=temp))
        assert found == pytest.approx(float(told.dataset["vf"][0]), rel=1e-12)


def test_a_meas_line_named_like_a_parameter_measures_still(run):
    text = RC.replace(".ac", ".param bw=5\n.meas ac bw when vdb(out)=-3.0103 fall=1\n.ac")
    found = run(text, sl.Sweep({"R1": [1e3, 2e3]}), measures=None).dataset["bw"].values
    assert found == pytest.approx([1591.5, 795.8], rel=1e-3)


@pytest.mark.parametrize("name", ["r1", "R1"])
def test_a_measure_may_not_be_called_like_a_varied_parameter_in_either_case(name):
    text = RC.replace(".ac", f".meas ac {name} max vm(out)\n.ac")
    with pytest.raises(CampaignError, match="the name of a varied parameter"):
        sl.Campaign(sl.Circuit(text), sl.Sweep({"R1": [1e3]}))


def test_a_measure_that_does_not_exist_in_a_sample_is_nan_and_fails_its_spec(run):
    measures = {"level": sl.measure.value_at("v(out)", 1e9), **F3DB}
    specs = {"level": sl.Spec(max=1.0), "f3db": sl.Spec(min=1.0)}
    done = run(RC, sl.MonteCarlo(10, {"R1": TEN}), measures=measures, specs=specs)
    assert done.dataset["level"].isnull().all()
    assert (done.dataset["status"] == 0).all()
    summary = done.summary()
    assert summary["level"].yield_.passed == 0
    assert summary["f3db"].yield_.passed == 10
    assert summary.yield_.passed == 0
    assert "level: does not exist in 10 samples that are ok; this fails its spec." in repr(summary)


# Before anything starts


def test_many_samples_of_a_deck_that_draws_nothing_are_refused():
    with pytest.raises(CampaignError, match="All 20 samples would be the same: nothing is varied"):
        sl.Campaign(sl.Circuit(RC), sl.MonteCarlo(20, {}), measures=F3DB)
    assert sl.Campaign(sl.Circuit(RC), sl.MonteCarlo(1, {}), measures=F3DB).design.size == 1


def test_many_calls_of_a_function_without_a_seed_are_refused():
    with pytest.raises(CampaignError, match="takes no seed"):
        sl.Campaign(lambda x=1: x, sl.MonteCarlo(20, {}))
    assert sl.Campaign(lambda seed: seed, sl.MonteCarlo(20, {})).design.size == 20


@pytest.mark.parametrize("parameter", ["nch.lambda", "nch.u0"])
def test_a_model_parameter_that_the_card_does_not_set_says_what_to_give(parameter):
    text = RC.replace("C1 out", "M1 out in 0 0 nch w=1u l=1u\n.model nch nmos level=1\nC1 out")
    with pytest.raises(SamplingError, match=r"Normal\(mean=.*into its \.model card"):
        sl.Campaign(sl.Circuit(text), sl.MonteCarlo(5, {parameter: TEN}), measures=F3DB)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: sl.Campaign(None, None, measure=F3DB), "Campaign takes no argument 'measure'.*s?"),
        (lambda: sl.Circuit(RC, include_path=["x"]), "Did you mean include_paths?"),
        (lambda: sl.MonteCarlo(5, {}, sede=1), "Did you mean seed?"),
        (lambda: sl.Normal(sigma=1.0), "Normal takes no argument 'sigma'. There are: mean, rel"),
        (lambda: sl.Spec(maximum=1.0), "Did you mean max?"),
        (
            lambda: sl.Campaign(sl.Circuit(RC), sl.MonteCarlo(5, {"R1": TEN}), measures=F3DB).run(
                buget=1
            ),
            r"Campaign\.run takes no argument 'buget'.*Did you mean budget\?",
        ),
    ],
)
def test_a_misspelt_argument_names_the_nearest(make, said):
    with pytest.raises(UnknownArgumentError, match=said):
        make()
    with pytest.raises(TypeError):
        make()


def test_a_misspelt_name_of_the_package_names_the_nearest():
    with pytest.raises(AttributeError, match="Did you mean MonteCarlo"):
        _ = sl.Montecarlo
    assert not hasattr(sl, "_nothing")


# Afterwards


def test_waveforms_that_were_not_kept_say_how_to_keep_them(run):
    done = run(RC, sl.Sweep({"R1": [1e3]}))
    with pytest.raises(NotKeptError, match=r'keep=\["v\(out\)"\]'):
        _ = done.waveforms["ac"]
    with pytest.raises(KeyError):
        _ = done.waveforms["ac"]
    assert "ac" not in done.waveforms
    assert not done.waveforms
    kept = run(RC, sl.Sweep({"R1": [1e3]}), keep=["v(out)"])
    with pytest.raises(NotKeptError, match="Nothing was kept of 'tran'"):
        _ = kept.waveforms["tran"]


# Python functions


def test_ints_that_are_given_arrive_as_ints(run):
    seen = []

    def count(n, x=1.0, k=3):
        seen.append((type(n), type(x)))
        return len(range(n)) * x * k

    done = run(count, sl.Sweep({"n": [2, 3], "x": [1, 2.5]}), measures=None)
    assert done.dataset["value"].values.tolist() == [[6.0, 15.0], [9.0, 22.5]]
    assert set(seen) == {(int, float)}
    assert float(run(count, sl.Sweep({"n": [2]}), measures=None).dataset["value"][0]) == 6.0


def test_ints_in_corners_and_defaults_arrive_as_ints(run):
    def count(n=4, m=2):
        return len(range(n)) * len(range(m))

    done = run(count, sl.Corners({"few": {"n": 1}, "usual": {"m": 3}}), measures=None)
    assert done.dataset["value"].values.tolist() == [2.0, 12.0]
    assert float(done.nominal["value"]) == 8.0
    assert sl.open_run(done.store).dataset.identical(done.dataset)


def test_a_circuit_knows_numbers_only():
    def plan(values):
        return sl.Campaign(sl.Circuit(RC), sl.Sweep({"R1": values}), measures=F3DB).design

    assert plan([1000, 2000]).describe() == plan([1e3, 2e3]).describe()
    assert plan([1000, 2000]).draw(0, 2)["R1"].dtype == float
