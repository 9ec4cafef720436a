"""The view of a preview, the magics of cost, and what other views show of it."""

import json

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

import spicelab_nb as sl
from spicelab_nb import errors
from spicelab_nb.jupyter.cluster_table import ClusterTable
from spicelab_nb.jupyter.displays import show_preview
from spicelab_nb.jupyter.preview_state import describe_preview
from spicelab_nb.jupyter.preview_view import PreviewView


@pytest.fixture(autouse=True)
def own_ledger(tmp_path, monkeypatch, runtime_dir):
    monkeypatch.setenv("SPICELAB_NB_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def preview(campaign_of):
    return campaign_of(n=50_000).preview(seconds_per_sample=1.0)


def cells(view, place):
    return next(row["cells"] for row in view.state["rows"] if row["cells"][0] == place)


def test_the_state_is_plain_json_in_a_unit_square(preview):
    state = describe_preview(preview)
    assert json.loads(json.dumps(state)) == state
    assert len(state["rows"]) == len(preview.rows)
    for x, y, *_ in state["plot"]["points"]:
        assert 0 <= x <= 1
        assert 0 <= y <= 1
    for at, _ in [*state["plot"]["x"], *state["plot"]["y"]]:
        assert 0 <= at <= 1
    assert state["workers"][0] == ["balanced", None]
    assert state["deadlines"][0] == ["none", None]
    assert state["advice"].startswith("Cheapest: this machine")


def test_the_controls_recompute_the_table(preview):
    view = PreviewView(preview)
    place = next(r["cells"][0] for r in view.state["rows"] if r["where"] == "cloud")
    view.asked({"ask": "set", "workers": 64, "spot": False, "deadline": None})
    assert cells(view, place)[1] == "64"
    view.asked({"ask": "set", "workers": 16, "spot": False, "deadline": None})
    assert cells(view, place)[1] == "16"
    view.asked({"ask": "set", "workers": None, "spot": False, "deadline": 600})
    assert view.state["advice"].startswith("Cheapest within 10 min:")
    assert any(not row["fits"] for row in view.state["rows"])
    view.asked({"ask": "set", "workers": None, "spot": True, "deadline": None})
    assert any(row["cells"][0].endswith(" spot") for row in view.state["rows"])
    assert view.preview.spot


def test_what_cannot_be_asked_is_said_in_the_view(preview):
    view = PreviewView(preview)
    before = view.state["rows"]
    view.asked({"ask": "set", "workers": -3})
    assert "workers=" in view.state["problem"]
    assert view.state["rows"] == before
    view.asked({"ask": "something else"})


def test_a_pilot_that_failed_is_shown_without_controls_and_numbers(tmp_path):
    def broken(x):
        raise ValueError("<script>alert(1)</script>")

    campaign = sl.Campaign(
        broken, sl.MonteCarlo(50, {"x": sl.Normal(mean=0, sd=1)}), store=tmp_path / "s"
    )
    view = PreviewView(campaign.preview())
    assert "All 32 samples of the pilot failed" in view.state["problem"]
    assert not view.state["rows"]
    assert not view.state["plot"]
    assert "<script" not in view.fallback()["text/html"]


def test_there_is_a_static_table_for_those_who_see_no_widget(preview):
    data, _ = PreviewView(preview).bundle()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "<svg" in data["text/html"]
    assert "this machine" in data["text/html"]
    assert "this machine" in data["text/plain"]


# ---- magics ---------------------------------------------------------------------------------


@pytest.fixture
def shell(monkeypatch, tmp_path):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    shell.run_line_magic("load_ext", "spicelab_nb")
    yield shell
    shell.run_line_magic("unload_ext", "spicelab_nb")
    InteractiveShell.clear_instance()


def test_the_magic_gives_the_preview(shell, campaign_of):
    shell.user_ns["campaign"] = campaign_of(n=100)
    guess = shell.run_line_magic("spicelab_preview", "campaign --no-pilot")
    assert guess.guessed
    preview = shell.run_line_magic("spicelab_preview", "campaign")
    assert not preview.guessed
    assert preview.left == 68
    with pytest.raises(errors.CampaignError, match="is no campaign"):
        shell.run_line_magic("spicelab_preview", "sum")


def test_the_magic_of_cost_gives_what_was_spent(shell, campaign_of):
    assert float(shell.run_line_magic("spicelab_cost", "").total()) == 0
    with sl.cluster("serial", price=3600.0) as cluster:
        run = campaign_of(n=40).run(cluster).wait(60)
        spending = shell.run_line_magic("spicelab_cost", "")
        assert float(spending.by("campaign")["amplifier"]) == pytest.approx(run.progress.spent)
        assert 0 < float(spending.total()) <= float(cluster.spent)
    assert "<svg" in spending._repr_html_()
    with pytest.raises(UsageError):
        shell.run_line_magic("spicelab_cost", "today")


def test_a_run_takes_its_budget_from_the_magic(shell, campaign_of):
    shell.user_ns["campaign"] = campaign_of(n=40)
    with sl.cluster("serial", price=1.0), pytest.raises(errors.BudgetError, match="nothing may be"):
        shell.run_line_magic("spicelab_run", "campaign --budget 0")
    with sl.cluster("serial"):
        run = shell.run_line_magic("spicelab_run", "campaign --budget 0 --wait")
    assert run.progress.state == "done"


def test_the_panel_says_what_clusters_cost():
    with (
        sl.cluster("serial", name="free"),
        sl.cluster("serial", name="dear", price=7200.0) as dear,
    ):
        table = {c["name"]: c["costs"] for c in ClusterTable.now().clusters}
        assert table["free"] == "nothing"
        assert "7,200.00 USD an hour" in table["dear"]
        assert "so far" in table["dear"]
        assert "7,200.00 USD an hour" in dear._repr_html_()


def test_a_preview_is_displayed_as_a_widget(preview, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **options: shown.append(data))
    show_preview(preview)
    assert "application/vnd.jupyter.widget-view+json" in shown[0]
