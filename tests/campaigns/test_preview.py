"""What a preview says, and what it leaves alone."""

import datetime
import os
import socket
import subprocess
import sys
import textwrap
from itertools import pairwise
from pathlib import Path

import pytest

import spicelab_nb as sl
from spicelab_nb import errors
from spicelab_nb.campaigns.pilot import measure_pilot, pilot_points, read_pilot
from spicelab_nb.cost import Money, OwnMachine, Partition, Ratio, pareto
from spicelab_nb.results.store import Store


def square(x, seed):
    return {"y": x * x + seed % 5}


def campaign_in(folder, n=300, function=square):
    return sl.Campaign(
        function,
        sl.MonteCarlo(n, {"x": sl.Normal(mean=0.0, sd=1.0)}, seed=4),
        name="previewed",
        store=folder,
    )


def everything(folder):
    return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in Path(folder).rglob("*")}


@pytest.fixture(autouse=True)
def nobody_else(runtime_dir):
    """No cluster of another test is a place to run."""


def test_a_pilot_is_kept_and_changes_no_bit(tmp_path, case, bits_of, serial):
    campaign = case(tmp_path / "a")
    preview = campaign.preview(machines=[])
    store = Store.open(campaign.store, create=False)
    pilot = read_pilot(store)
    done = campaign.design.size - preview.left
    assert 1 <= done <= 32
    assert done == pilot.points
    calls = {ref.start for ref in store.chunks()}
    run = campaign.run(serial).wait(120)
    assert run.progress.state == "done"
    # The pilot's chunks are still there: they were not computed again.
    assert calls <= {ref.start for ref in store.chunks()}
    undisturbed = case(tmp_path / "b").run(serial).wait(120)
    assert bits_of(run.dataset) == bits_of(undisturbed.dataset)


def test_the_samples_of_a_pilot_are_spread_over_the_corners(tmp_path):
    def noted(x, lib, seed):
        return x + lib

    corners = sl.Corners({name: {"lib": number} for number, name in enumerate("abcd")})
    campaign = sl.Campaign(
        noted,
        corners * sl.MonteCarlo(100, {"x": sl.Normal(mean=0.0, sd=1.0)}),
        store=tmp_path / "s",
    )
    campaign.preview(machines=[])
    chunks = Store.open(campaign.store, create=False).chunks()
    corners = [point % 4 for ref in chunks for point in range(ref.start, ref.stop)]
    assert [corners.count(n) for n in range(4)] == [8, 8, 8, 8]


def test_a_function_is_called_once_for_each_sample_of_a_pilot(tmp_path):
    calls = []

    def counted(x, seed):
        calls.append(x)
        return x

    campaign_in(tmp_path / "s", function=counted).preview(machines=[])
    assert len(calls) == len(set(calls)) == 32


@pytest.mark.parametrize(
    ("seconds", "points", "measured"),
    [
        # The fifth begins after 28 s and is finished; the first pays for the start, untimed.
        (7.0, 5, (7.0,) * 4),
        (90.0, 1, (90.0,)),
    ],
)
def test_a_pilot_begins_no_sample_after_half_a_minute(tmp_path, seconds, points, measured):
    now = [1000.0]

    def slow(x, seed):
        now[0] += seconds
        return x

    campaign = campaign_in(tmp_path / "s", function=slow)
    store = Store.open(campaign.store, create=True)
    store.create(campaign.plan, campaign.design.size)
    pilot = measure_pilot(campaign.simulator, campaign.design, store, clock=lambda: now[0])
    assert pilot.points == points
    assert sum(len(ref) for ref in store.chunks()) == points
    assert pilot.seconds == {"0": measured}


def test_a_pilot_takes_the_points_that_are_missing(tmp_path):
    samples = campaign_in(tmp_path / "s", n=3000).design
    assert pilot_points(samples, [(5, 9), (100, 3000)]) == [*range(5, 9), *range(100, 128)]
    assert pilot_points(samples, [(5, 9), (2998, 9000)]) == [5, 6, 7, 8, 2998, 2999]
    assert pilot_points(samples, []) == []
    sweep = sl.Campaign(
        square, sl.Sweep({"x": [float(i) for i in range(3000)]}), store=tmp_path / "t"
    ).design
    assert pilot_points(sweep, [(0, 10), (2990, 3000)], most=8) == [
        0, 1, 2, 3, 2996, 2997, 2998, 2999,
    ]  # fmt: skip


def test_a_sweep_is_looked_at_along_its_whole_length(tmp_path):
    campaign = sl.Campaign(
        square, sl.Sweep({"x": [float(i) for i in range(1000)]}), store=tmp_path / "s"
    )
    points = pilot_points(campaign.design, [(0, 1000)])
    assert len(points) == 32
    assert points[0] == 0
    assert points[-1] == 999
    assert max(b - a for a, b in pairwise(points)) < 250
    # What is there already is not measured again.
    rest = pilot_points(campaign.design, [(500, 510), (990, 1000)])
    assert rest == [*range(500, 510), *range(990, 1000)]


def test_more_corners_than_samples_are_sampled_evenly(tmp_path):
    def many(x, c):
        return x + c

    campaign = sl.Campaign(
        many,
        sl.Sweep({"c": [float(i) for i in range(100)]})
        * sl.MonteCarlo(50, {"x": sl.Normal(mean=0.0, sd=1.0)}),
        store=tmp_path / "s",
    )
    corners = [p % 100 for p in pilot_points(campaign.design, [(0, 5000)])]
    assert len(set(corners)) == 32
    assert min(corners) == 0
    assert max(corners) == 99


def test_a_known_campaign_is_previewed_without_touching_anything(tmp_path, monkeypatch):
    campaign_in(tmp_path / "s").preview()
    before = everything(tmp_path)

    def refuse(*args, **kwargs):
        raise AssertionError("a preview asks nobody and starts nothing")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(os, "replace", refuse)
    calls = []

    def never(x, seed):
        calls.append(x)
        return x

    preview = campaign_in(tmp_path / "s").preview()
    assert preview.left == 300 - 32
    assert "pilot of 32 samples" in repr(preview)
    preview.at(workers=8, spot=True, deadline="1 h").to_pandas()
    preview._repr_html_()
    assert everything(tmp_path) == before


def test_it_works_without_a_network(tmp_path):
    campaign_in(tmp_path / "s").preview()
    script = textwrap.dedent(
        """
        import sys
        import spicelab_nb as sl
        def square(x, seed):
            return {"y": x * x + seed % 5}
        c = sl.Campaign(square, sl.MonteCarlo(300, {"x": sl.Normal(mean=0.0, sd=1.0)}, seed=4),
                        name="previewed", store=sys.argv[1])
        p = c.preview()
        assert p.left == 300 - 32, p
        assert len(p.rows) > 3
        assert "pandas" not in sys.modules
        assert "distributed" not in sys.modules
        """
    )
    path = tmp_path / "offline.py"
    path.write_text(script)
    # A network namespace of its own, where the kernel lets us have one.
    alone = ["unshare", "-n"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*alone, sys.executable, str(path), str(tmp_path / "s")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if alone and "unshare" in done.stderr and done.returncode != 0:
        done = subprocess.run(
            [sys.executable, str(path), str(tmp_path / "s")],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_without_a_pilot_it_says_that_it_guesses_and_computes_nothing(tmp_path):
    preview = campaign_in(tmp_path / "s").preview(pilot=False)
    assert preview.guessed
    assert "a guess" in repr(preview)
    assert "a guess" in preview._repr_html_()
    assert not (tmp_path / "s").exists()
    here = preview.rows[0]
    assert here.time_s.upper > 8 * here.time_s.mean
    assert here.time_s.lower < here.time_s.mean / 3
    # A pilot that is there is used.
    campaign_in(tmp_path / "s").preview()
    assert not campaign_in(tmp_path / "s").preview(pilot=False).guessed


def test_a_declared_time_computes_nothing(tmp_path):
    preview = campaign_in(tmp_path / "s", n=100_000).preview(seconds_per_sample=36)
    assert "said to take 36 s" in repr(preview)
    assert not (tmp_path / "s").exists()
    with pytest.raises(errors.CostError, match="seconds_per_sample"):
        campaign_in(tmp_path / "s").preview(seconds_per_sample=-1)


def test_a_pilot_whose_samples_all_failed_gives_no_number(tmp_path):
    def broken(x):
        raise ValueError("<b>no operating point</b>")

    preview = campaign_in(tmp_path / "s", function=broken).preview()
    text, html = repr(preview), preview._repr_html_()
    assert "All 32 samples of the pilot failed" in text
    assert "no operating point" in text
    assert "<b>no" not in html
    assert not preview.rows
    assert "USD" not in text
    assert preview.to_pandas().empty
    for choose in (preview.cheapest, preview.fastest):
        with pytest.raises(errors.CostError, match="failed"):
            choose()


def test_some_failures_are_said_and_do_not_matter(tmp_path):
    def picky(x):
        if x > 1:
            raise ValueError("too large")
        return x

    preview = campaign_in(tmp_path / "s", function=picky).preview()
    assert "of them failed: ValueError: too large" in repr(preview)
    assert preview.rows


def test_a_finished_campaign_costs_nothing_more(tmp_path, serial):
    campaign = campaign_in(tmp_path / "s", n=20)
    campaign.run(serial).wait(60)
    preview = campaign.preview()
    assert "all 20 samples are computed" in repr(preview)
    assert "all 20 samples are computed" in preview._repr_html_()
    assert not preview.rows


def test_a_small_campaign_may_end_in_its_pilot(tmp_path):
    preview = campaign_in(tmp_path / "s", n=7).preview()
    assert preview.left == 0
    assert sl.open_run(tmp_path / "s").progress.done == 7


def test_a_preview_shows_under_the_campaigns_name_when_opened(tmp_path):
    campaign_in(tmp_path / "s").preview(machines=[])
    run = sl.open_run(tmp_path / "s")
    assert run.name == "previewed"
    assert run.progress.done == 32


# ---- places ---------------------------------------------------------------------------------


@pytest.fixture
def preview(tmp_path):
    return campaign_in(tmp_path / "s", n=50_000).preview(seconds_per_sample=1.0)


def test_places_are_this_machine_live_clusters_and_clouds(tmp_path):
    with sl.cluster("serial", name="desk", price=0.5):
        preview = campaign_in(tmp_path / "s").preview(seconds_per_sample=1.0)
    kinds = [row.place.where for row in preview.rows]
    assert kinds[:2] == ["here", "cluster"]
    assert set(kinds[2:]) == {"cloud"}
    desk = preview.rows[1]
    assert "desk" in desk.label
    assert desk.workers == 1
    # 300 s and a little at 0.5 USD an hour.
    assert float(desk.cost[0]) == pytest.approx(0.5 * desk.estimate.billed_s.mean / 3600)
    assert {row.estimate.machine.provider for row in preview.rows[2:]} == {"aws", "gcp", "azure"}
    assert preview.rows[0].cost[2].amount == 0


def test_a_live_cluster_needs_a_moment_to_begin(tmp_path):
    with sl.cluster("serial", name="desk"):
        preview = campaign_in(tmp_path / "s", n=33).preview(machines=[])
    desk = preview.rows[1]
    # A sample of microseconds: what it takes is that a run begins and ends at all.
    assert desk.time_s.mean > 0.1
    assert desk.time_s.upper > 1.5 * desk.time_s.mean
    assert desk.estimate.limited_by == "boot"


def test_a_cluster_of_unknown_price_has_no_cost_and_no_place_on_the_front(preview):
    from dataclasses import replace

    place = replace(preview.places[0], name="lent", priced=False)
    lent = replace(preview, places=(*preview.places, place))
    row = next(r for r in lent.rows if r.place is place)
    assert row.cost is None
    assert "not known" in repr(lent)
    assert all(r.place is not place for r in lent.front)
    assert lent.cheapest().place is not place


def test_machines_of_ones_own_and_of_the_catalogue(tmp_path):
    lab = Partition(name="short", nodes=4, cores=16, memory_gib=64, usd_per_core_hour=0.02)
    home = OwnMachine(name="home", cores=8, memory_gib=32, watts=120, usd_per_kwh=0.4)
    preview = campaign_in(tmp_path / "s", n=5000).preview(
        seconds_per_sample=2.0, machines=[lab, home, "c7g.2xlarge"], speed={"home": 2.0}
    )
    rows = {row.place.name: row for row in preview.rows}
    assert {"short", "home", "aws c7g.2xlarge"} <= set(rows)
    assert rows["short"].workers <= 64
    assert rows["home"].place.speed == Ratio.declared(2.0)
    assert 0 < float(rows["home"].cost[0]) < float(rows["short"].cost[0])


def test_an_unknown_machine_type_lists_the_nearest(tmp_path):
    with pytest.raises(errors.UnknownMachineError, match=r"c7g\.2xlarge"):
        campaign_in(tmp_path / "s").preview(machines=["c7g.2xlarg"])
    with pytest.raises(errors.CostError, match="machines= is a list"):
        campaign_in(tmp_path / "s").preview(machines="c7g.2xlarge")
    assert not (tmp_path / "s").exists()


def test_a_broken_row_of_the_catalogue_is_named(tmp_path, monkeypatch):
    from spicelab_nb.cost import catalogue

    text = ",".join(catalogue.COLUMNS) + "\naws,c1,us-east-1,many,4,x86_64,0,,1,,me,2026-01-01,\n"
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "aws.csv").write_text(text)
    monkeypatch.setattr(catalogue, "cache_folder", lambda: tmp_path / "p")
    with pytest.raises(errors.PriceError, match=r"aws\.csv, line 2, vcpu"):
        campaign_in(tmp_path / "s").preview()


@pytest.mark.parametrize("speed", [0, -1, "fast", True, {"nowhere": 2.0}])
def test_a_speed_that_makes_no_sense_is_refused(tmp_path, speed):
    with pytest.raises(errors.CostError):
        campaign_in(tmp_path / "s").preview(seconds_per_sample=1.0, speed=speed)


def test_old_prices_are_warned_of(preview):
    assert "days old" in repr(preview)
    assert "Refresh them (spicelab_nb.cost.refresh)" in repr(preview)


# ---- wishes ---------------------------------------------------------------------------------


def test_the_number_of_workers_is_that_asked_for_or_what_there_is(preview):
    many = preview.at(workers=64)
    for row in many.rows:
        if row.place.where == "cloud":
            assert row.workers == 64
    assert many.rows[0].workers == preview.rows[0].workers


def test_more_workers_than_chunks_are_never_recommended(tmp_path):
    few = campaign_in(tmp_path / "s", n=10).preview(seconds_per_sample=100.0)
    for wish in (few, few.at(workers=1000), few.at(spot=True), few.at(deadline="2 min")):
        assert all(row.workers <= 10 for row in wish.rows)
        assert all(row.workers <= row.estimate.chunks for row in wish.candidates)


def test_a_chunk_length_of_ones_own_is_reckoned_with(tmp_path, serial):
    campaign = campaign_in(tmp_path / "s", n=20_000)
    adapted, short = (campaign.preview(machines=[], chunk_length=length) for length in (None, 1))
    # Publishing a chunk takes milliseconds, a sample microseconds.
    assert short.rows[0].estimate.makespan_s.mean > 10 * adapted.rows[0].estimate.makespan_s.mean
    halves = campaign.preview(
        machines=[OwnMachine(name="rack", cores=64, memory_gib=64)], chunk_length=10_000
    )
    (rack,) = [row for row in halves.rows if row.place.name == "rack"]
    assert rack.workers <= 2

    # A chunk that is longer than what is left ends with the last sample.
    whole, endless = (
        campaign.preview(machines=[], chunk_length=length).rows[0].estimate
        for length in (20_000, 10**9)
    )
    assert endless.chunks == whole.chunks == 1
    assert endless.chunk == whole.chunk < 20_000
    assert endless.makespan_s.mean == pytest.approx(whole.makespan_s.mean)

    run = campaign_in(tmp_path / "t", n=1000)
    run.preview(machines=[])
    foreseen = run.preview(machines=[], chunk_length=2)
    (row,) = [row for row in foreseen.rows if row.place.machine.name == serial.name]
    done = run.run(serial, chunk_length=2).wait(120)
    assert done.cost.runs[-1].predicted_s.mean == pytest.approx(
        row.estimate.makespan_s.mean, rel=0.5
    )


@pytest.mark.parametrize("length", [0, -3, 2.5, "7", True])
def test_a_chunk_length_that_makes_no_sense_is_refused(tmp_path, serial, length):
    campaign = campaign_in(tmp_path / "s", n=10)
    with pytest.raises(errors.CampaignError, match="chunk_length"):
        campaign.preview(chunk_length=length)
    with pytest.raises(errors.CampaignError, match="chunk_length"):
        campaign.run(serial, chunk_length=length)
    assert not (tmp_path / "s").exists()


def test_a_cluster_with_more_workers_than_chunks_still_has_its_row(tmp_path):
    with sl.cluster("serial", name="desk", price=0.5):
        preview = campaign_in(tmp_path / "s", n=33).preview(machines=[])
    assert preview.left == 1
    assert [row.place.where for row in preview.rows] == ["here", "cluster"]
    assert all(row.workers == row.estimate.chunks == 1 for row in preview.rows)
    assert preview.rows[1].cost[0].amount > 0


def test_spot_is_for_those_who_ask(preview):
    assert not any(row.spot for row in preview.rows)
    assert "interruptions" not in repr(preview)
    assert "0.05 interruptions of a worker an hour are assumed" in repr(preview.at(spot=True))
    spot = preview.at(spot=True).rows
    assert any(row.spot for row in spot)
    assert all(row.spot == row.place.machine.sells_spot() for row in spot)


def test_choices_are_those_of_brute_force(preview):
    every = [row for row in preview.candidates if row.place.priced]
    for deadline in (60.0, 300.0, 1200.0, 7200.0, 1e9):
        fitting = [r for r in every if r.time_s.upper <= deadline]
        best = preview.cheapest(deadline=deadline)
        if not fitting:
            assert best is None
        else:
            least = min(r.estimate.cost_usd.mean for r in fitting)
            assert best.estimate.cost_usd.mean == least
    for budget in (0, 0.5, 2, 50):
        fitting = [r for r in every if r.estimate.cost_usd.upper <= budget]
        best = preview.fastest(budget=budget)
        assert best.time_s.mean == min(r.time_s.mean for r in fitting)
    assert preview.fastest(budget=0).place.where == "here"
    front = {id(e) for e in pareto([r.estimate for r in every])}
    assert {id(r.estimate) for r in preview.front} == front


def test_a_deadline_and_a_budget_choose_the_workers_and_say_where_they_do_not_fit(preview):
    hurried = preview.at(deadline="10 min")
    assert all(r.time_s.upper <= 600 for r in hurried.rows if r.fits)
    assert any(not r.fits for r in hurried.rows)
    hopeless = preview.at(deadline=1.0)
    assert not any(r.fits for r in hopeless.rows)
    assert "No place is done within 1 s" in repr(hopeless)
    poor = preview.at(budget=0)
    assert [r.place.where for r in poor.rows if r.fits] == ["here"]
    # A place that does not fit is marked so, also where nothing is both faster and cheaper.
    assert any(r.pareto and not r.fits for r in poor.rows)
    marks = [line[0] for line in repr(poor).splitlines()[3 : 3 + len(poor.rows)]]
    assert marks == ["-" if not r.fits else "*" if r.pareto else " " for r in poor.rows]
    assert "- not within the deadline or the budget" in repr(poor)
    assert "- not within" not in repr(preview)


@pytest.mark.parametrize(
    "wish",
    [{"workers": 0}, {"workers": 2.5}, {"workers": True}, {"deadline": "soon"}, {"deadline": -3},
     {"deadline": "1.2.3 h"}, {"budget": -1}, {"budget": "x"}],
)  # fmt: skip
def test_wishes_that_make_no_sense_are_refused(preview, wish):
    with pytest.raises(errors.CostError):
        preview.at(**wish)


def test_money_of_another_currency_is_not_compared(preview):
    for ask in (preview.fastest, lambda budget: preview.at(budget=budget)):
        with pytest.raises(errors.CurrencyError, match="Prices are in USD"):
            ask(Money(5, "EUR"))


def test_times_are_taken_as_people_write_them(preview):
    minutes = preview.cheapest(deadline="90 min")
    assert minutes == preview.cheapest(deadline=5400)
    assert minutes == preview.cheapest(deadline=datetime.timedelta(hours=1.5))
    assert minutes == preview.cheapest(deadline="1.5 hours")


def test_the_table_as_text_pandas_and_html(preview):
    text = repr(preview)
    lines = text.splitlines()
    assert lines[0] == "previewed: 50,000 of 50,000 samples to compute."
    assert lines[2].split() == ["place", "workers", "time", "cost", "efficiency", "limited", "by"]
    assert any(line.startswith("*  this machine") for line in lines)
    frame = preview.to_pandas()
    assert len(frame) == len(preview.rows)
    assert (frame.time_low_s <= frame.time_s).all()
    assert (frame.time_s <= frame.time_high_s).all()
    assert (frame.cost_low <= frame.cost).all()
    assert set(frame.currency) == {"USD"}
    html = preview._repr_html_()
    assert "<svg" in html
    assert "<script" not in html
