import io
import time
from pathlib import Path

import pytest
from rich.console import Console

import spicelab_nb as sl
from spicelab_nb import clusters
from spicelab_nb.campaigns.console import follow


@pytest.fixture
def start(runtime_dir, tmp_path, monkeypatch):
    def refuse():
        raise sl.errors.ExecutorError("The cluster was closed meanwhile.")

    monkeypatch.chdir(tmp_path)
    cluster = clusters.cluster("serial")

    def begin(gate=None, bad=False):
        path = str(gate or "")

        def double(x, seed):
            end = time.monotonic() + 60
            while path and x > 1 and not Path(path).exists() and time.monotonic() < end:
                time.sleep(0.005)
            return {"y": 2 * x}

        specs = {"y": sl.Spec(min=1.8)}
        design = sl.MonteCarlo(30, {"x": sl.Normal(mean=1, sd=0.1)}, seed=2)
        campaign = sl.Campaign(double, design, measures=["y"], specs=specs, name="[red]twice")
        if bad:
            monkeypatch.setattr(cluster, "executor", refuse)
        return campaign.run(cluster)

    yield begin
    cluster.close()


def follow_into(run, **options):
    text = io.StringIO()
    follow(run, Console(file=text, width=100, **options.pop("console", {})), **options)
    return text.getvalue()


def test_a_file_gets_plain_lines_now_and_then(start, tmp_path):
    gate = tmp_path / "gate"
    run = start(gate)
    ticks = iter(range(10**9))

    def clock():
        now = next(ticks)
        if now > 3:
            gate.touch()
        return float(now)

    lines = follow_into(run, interval=2.0, clock=clock).splitlines()
    assert len(lines) >= 2
    assert lines[-1].startswith(f"{run.name}: 30 of 30 (100 %), done")
    assert "\x1b" not in "".join(lines)


def test_a_terminal_gets_a_bar_in_one_place(start):
    run = start()
    text = follow_into(run, console={"force_terminal": True, "color_system": "standard"})
    last = text.splitlines()[-3:]
    assert "30 of 30" in "".join(last)
    assert "yield" in "".join(last)
    assert "\x1b[" in text
    assert len(text) < 20_000


def test_a_run_that_has_ended_is_shown_once(start):
    run = start().wait(60)
    lines = follow_into(run).splitlines()
    assert set(lines) == {f"{run.name}: {run.progress}"}


def test_what_ended_a_run_is_raised(start):
    with pytest.raises(sl.errors.ExecutorError, match="closed"):
        follow_into(start(bad=True))
