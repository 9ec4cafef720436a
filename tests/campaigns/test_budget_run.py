"""A budget that really stops a run: on a real cluster with a made-up price."""

import time

import numpy as np
import pytest

import spicelab_nb as sl
from spicelab_nb import errors
from spicelab_nb.cost import ledger
from spicelab_nb.cost.money import Money
from spicelab_nb.cost.spending import spending_of


@pytest.fixture(autouse=True)
def own_ledger(tmp_path, monkeypatch):
    monkeypatch.setenv("SPICELAB_NB_DATA_DIR", str(tmp_path / "data"))


def slow(x, seed):
    # As quick as it can be here, where the pilot runs, and slow on the cluster: a pilot that was
    # wrong is what a budget is for.
    time.sleep(0.05 if os_name() == "worker" else 0.001)
    return {"y": x * x + seed % 7}


def os_name():
    import os

    return os.environ.get("WHERE", "here")


def campaign_in(folder, n=200):
    return sl.Campaign(
        slow, sl.MonteCarlo(n, {"x": sl.Normal(mean=0.0, sd=1.0)}, seed=4), name="b", store=folder
    )


@pytest.fixture
def priced(runtime_dir):
    # 720 USD an hour and core: 0.40 USD a second with two workers.
    with sl.cluster(
        "local", workers=2, price=720.0, environment={"WHERE": "worker"}, dashboard=False
    ) as cluster:
        yield cluster


def test_a_budget_ends_a_run_half_way_and_more_completes_it(tmp_path, priced, caplog, bits_of):
    rate = 2 * 720.0 / 3600
    # Five seconds of ten: time enough to begin, also where everything takes long to begin.
    budget = 2.0
    campaign = campaign_in(tmp_path / "s", n=400)
    run = campaign.run(priced, budget=budget, reserve=False).wait(120)
    progress = run.progress
    assert progress.state == "stopped: budget"
    assert 0 < progress.done < 400
    assert progress.spent > 0.5 * budget
    # No more than what the chunks cost that were running when it was reached; the first ones of a
    # run are of 4 samples at most, the later ones take half a second.
    longest = max(r["wall"] for r in receipts(run))
    (over,) = [e.at for e in ledger.default_ledger().read()[0] if e.kind == "run-ended"]
    letting_go = over - max(r["started"] + r["wall"] for r in receipts(run))
    assert progress.spent <= budget + rate * (longest + letting_go)
    assert "used up" in progress.error
    assert "run.resume(cluster, budget=" in progress.error
    said = [r.getMessage() for r in caplog.records if "of the budget of" in r.getMessage()]
    assert any("50 %" in text for text in said)
    assert progress.notice
    # Everything that was finished is kept, and the cluster rests.
    assert int((run.dataset["status"] == 0).sum()) == progress.done
    with pytest.raises(errors.BudgetError, match="spent already"):
        run.resume(priced, budget=1.0)
    run.resume(priced, budget=200.0, reserve=False).wait(120)
    assert run.progress.state == "done"
    with sl.cluster("serial") as alone:
        undisturbed = campaign_in(tmp_path / "other", n=400).run(alone).wait(120)
    assert bits_of(run.dataset) == bits_of(undisturbed.dataset)
    # The books agree: what the ledger has of the campaign is what the run says.
    entries, problems = ledger.default_ledger().read()
    assert not problems
    spent = spending_of(entries).by("campaign")["b"]
    assert float(spent) == pytest.approx(run.progress.spent, rel=1e-6)
    assert run.cost.spent == spent
    assert [past.state for past in run.cost.runs] == ["stopped: budget", "done"]
    assert [e.kind for e in entries if e.id == priced.id][:2] == ["intent", "started"]


def receipts(run):
    from spicelab_nb.results.store import Store

    return [data.receipt for data in Store.open(run.store, create=False).read_all()]


def test_a_rested_cluster_wakes_for_more_money(tmp_path, priced, wait_until):
    run = campaign_in(tmp_path / "s").run(priced, budget=1.0, reserve=False).wait(120)
    assert run.progress.state == "stopped: budget"
    wait_until(lambda: priced.workers == 0, what="the cluster to rest")
    spent = priced.spent
    # What it will cost with the workers that it had is reserved, though it has none now.
    with pytest.raises(errors.BudgetError, match="may cost up to"):
        run.resume(priced, budget=float(run.progress.spent) + 0.01)
    run.resume(priced, budget=100.0).wait(120)
    assert run.progress.state == "done"
    assert run.cost.runs[-1].predicted_usd is not None
    assert priced.spent > spent


def test_two_of_one_name_share_a_cluster_and_one_ends_without_taking_it_from_the_other(
    tmp_path, runtime_dir, wait_until
):
    go_on = tmp_path / "go on"

    def held(x, seed):
        while not go_on.exists():
            time.sleep(0.01)
        return {"y": x}

    samples = sl.MonteCarlo(3, {"x": sl.Normal(mean=0.0, sd=1.0)})
    with sl.cluster("serial", price=36000.0) as cluster:
        other = sl.Campaign(held, samples, name="b", store=tmp_path / "other").run(cluster)
        try:
            wait_until(lambda: cluster.campaigns_under_way == 1, what="the other to begin")
            run = campaign_in(tmp_path / "s", n=2000).run(cluster, budget=1.0, reserve=False)
            assert run.wait(120).progress.state == "stopped: budget"
            assert cluster.campaigns_under_way == 1
            assert "goes on costing" not in str(run.progress.notice)
        finally:
            go_on.touch()
        assert other.wait(120).progress.state == "done"
        assert cluster.campaigns_under_way == 0


def test_what_does_not_fit_is_refused_and_what_would_is_said(tmp_path, priced):
    campaign = campaign_in(tmp_path / "s", n=4000)
    with pytest.raises(errors.BudgetError) as refused:
        campaign.run(priced, budget=0.7)
    text = str(refused.value)
    assert "may cost up to" in text
    assert "of the 3,968 samples" in text
    assert "this machine" in text
    assert "a budget of" in text
    # The pilot that was needed to say so is kept, and nothing else has run.
    assert sl.open_run(tmp_path / "s").progress.done == 32


def test_it_runs_where_it_fits(tmp_path, priced):
    run = campaign_in(tmp_path / "s", n=40).run(priced, budget=500).wait(120)
    assert run.progress.state == "done"
    assert 0 < run.progress.spent < 500
    past = run.cost.runs[-1]
    assert past.predicted_s is not None
    assert past.predicted_usd is not None
    assert past.budget == Money(500)
    assert any("predicted" in note for note in run.summary().notes)


def test_zero_means_nothing_may_be_spent(tmp_path, priced):
    campaign = campaign_in(tmp_path / "s", n=10)
    with pytest.raises(errors.BudgetError, match="nothing may be spent"):
        campaign.run(priced, budget=0)
    with sl.cluster("serial") as free:
        run = campaign.run(free, budget=0).wait(60)
    assert run.progress.state == "done"
    assert run.progress.spent == 0


@pytest.mark.parametrize("budget", [0, 0.001])
def test_what_costs_nothing_completes_a_run_that_has_spent_its_budget(
    tmp_path, runtime_dir, budget
):
    campaign = campaign_in(tmp_path / "s", n=400)
    with sl.cluster("serial", price=36000.0) as dear:
        stopped = campaign.run(dear, budget=0.5, reserve=False).wait(120)
        assert stopped.progress.state == "stopped: budget"
        # What the refusal proposes is possible with the very budget that was refused.
        with pytest.raises(errors.BudgetError, match="run where it costs nothing"):
            campaign.run(dear, budget=budget)
    with sl.cluster("serial") as free:
        run = campaign.run(free, budget=budget).wait(120)
    assert run.progress.state == "done"
    assert run.progress.spent == pytest.approx(stopped.progress.spent)


@pytest.mark.parametrize("budget", [-1, -0.01, "-3"])
def test_a_negative_budget_is_refused_before_anything_is_made(tmp_path, budget):
    with pytest.raises(errors.BudgetError, match="cannot be negative"):
        campaign_in(tmp_path / "s").run(budget=budget)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("budget", [float("nan"), float("inf"), "five", True, np.array([1.0])])
def test_a_budget_that_is_no_amount_is_refused(tmp_path, budget):
    with pytest.raises(errors.BudgetError, match="amount of money"):
        campaign_in(tmp_path / "s").run(budget=budget)


def test_a_budget_holds_where_no_cluster_is_given_either(tmp_path, runtime_dir):
    run = campaign_in(tmp_path / "s", n=5).run(budget=0)
    try:
        assert run.wait(120).progress.state == "done"
        assert run.progress.spent == 0
    finally:
        sl.clusters.current().close()


def test_without_a_known_price_there_is_no_budget(tmp_path, runtime_dir):
    class Unpriced:
        name, kind, state, id = "lent", "address", "running", "0"
        price_per_hour = None

        def executor(self):
            raise AssertionError("nothing may start")

    with pytest.raises(errors.BudgetError, match="not known"):
        campaign_in(tmp_path / "s").run(Unpriced(), budget=5)


def test_a_pilot_that_failed_reserves_nothing(tmp_path, runtime_dir):
    def broken(x):
        raise ValueError("no operating point")

    campaign = sl.Campaign(
        broken, sl.MonteCarlo(50, {"x": sl.Normal(mean=0, sd=1)}), store=tmp_path / "s"
    )
    with (
        sl.cluster("serial", price=1.0) as cluster,
        pytest.raises(errors.BudgetError, match=r"All 32 samples of the pilot failed.*operating"),
    ):
        campaign.run(cluster, budget=5)


def test_nothing_that_costs_money_starts_without_a_ledger(tmp_path, runtime_dir, monkeypatch):
    (tmp_path / "blocked").write_text("a file where a folder should be")
    monkeypatch.setenv("SPICELAB_NB_DATA_DIR", str(tmp_path / "blocked"))
    with pytest.raises(errors.LedgerError, match="cannot be written down"):
        sl.cluster("serial", price=1.0)
    assert sl.list_clusters() == []
    # What is free goes on, and the log says what is missing.
    with sl.cluster("serial") as cluster:
        assert campaign_in(tmp_path / "s", n=5).run(cluster).wait(60).progress.state == "done"
