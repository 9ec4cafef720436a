"""What past runs teach of a place: on simulated truth, whose parameters are known."""

import math

import numpy as np
import pytest

from spicelab_nb.cost import OwnMachine, Tariff, Workload, estimate
from spicelab_nb.cost.history import observed, past_runs
from spicelab_nb.cost.learning import LOCAL, Observed, learn
from spicelab_nb.cost.ledger import Ledger


def stated(learnt, work_s, workers=2, start_s=0.1):
    """The interval that a preview shows for so much work."""
    boot_s, relative_sd = learnt.boot(start_s)
    workload = Workload(samples=400, sample_s=work_s * workers / 400, sample_relative_sd=0.02)
    return estimate(
        workload,
        OwnMachine(cores=workers, memory_gib=8.0),
        workers,
        tariff=Tariff(boot_s=boot_s, boot_relative_sd=relative_sd),
        speed=learnt.speed,
    ).time_s


def history(rng, runs, *, fixed_s=0.3, slowdown=1.1, scatter=0.12):
    """What a place does, and whether each run was inside of what was stated before it."""
    past, inside, widths = [], [], []
    for _ in range(runs):
        work_s = float(np.exp(rng.uniform(math.log(0.3), math.log(20.0))))
        interval = stated(learn(past), work_s)
        taken_s = (0.1 + fixed_s + slowdown * work_s) * math.exp(rng.normal(0.0, scatter))
        inside.append(interval.lower <= taken_s <= interval.upper)
        widths.append(interval.upper / interval.lower)
        past.append(Observed(work_s=work_s, start_s=0.1, taken_s=taken_s))
    return past, inside, widths


def test_the_interval_holds_nine_times_in_ten_from_the_first_run_on():
    rng = np.random.default_rng(11)
    first, later = [], []
    for _ in range(60):
        _, inside, _ = history(
            rng,
            15,
            fixed_s=LOCAL.fixed_s * math.exp(rng.normal(0.0, LOCAL.fixed_log_sd)),
            slowdown=LOCAL.slowdown * math.exp(rng.normal(0.0, LOCAL.slowdown_log_sd)),
            scatter=LOCAL.scatter * math.exp(rng.normal(0.0, LOCAL.scatter_log_sd)),
        )
        first += inside[:3]
        later += inside[3:]
    assert 0.85 <= np.mean(first) <= 0.99
    assert 0.85 <= np.mean(later) <= 0.99


def test_runs_make_it_narrower_and_right():
    past, _, widths = history(np.random.default_rng(2), 30, slowdown=1.35, scatter=0.05)
    assert np.median(widths[20:]) < 0.8 * np.median(widths[:3])
    assert learn(past).speed.value == pytest.approx(1 / 1.35, rel=0.07)
    assert learn(past).speed.measured


def test_short_runs_teach_the_fixed_time_and_long_ones_the_speed():
    short = [Observed(work_s=0.01, start_s=0.0, taken_s=1.0)] * 8
    assert learn(short).fixed_s == pytest.approx(1.0, rel=0.1)
    assert learn(short).speed.value == pytest.approx(learn([]).speed.value, rel=0.03)
    long = [Observed(work_s=100.0, start_s=0.0, taken_s=140.0)] * 8
    assert learn(long).speed.value == pytest.approx(1 / 1.4, rel=0.05)
    assert learn(long).fixed_s == pytest.approx(learn([]).fixed_s, rel=0.1)


def test_misses_to_both_sides_make_it_wider():
    calm = [Observed(work_s=5.0, start_s=0.0, taken_s=5.7)] * 10
    wild = [Observed(work_s=5.0, start_s=0.0, taken_s=5.7 * f) for f in (0.5, 2.0) * 5]
    narrow, prior, wide = (stated(learn(runs), 5.0) for runs in (calm, [], wild))
    ratios = [one.upper / one.lower for one in (narrow, prior, wide)]
    assert ratios[0] < ratios[1] < ratios[2]


def test_one_disturbed_run_spoils_little():
    calm = [Observed(work_s=5.0, start_s=0.0, taken_s=5.7)] * 12
    told, disturbed = learn(calm), learn([*calm, Observed(work_s=5.0, start_s=0.0, taken_s=60.0)])
    assert disturbed.speed.value == pytest.approx(told.speed.value, rel=0.05)


def test_what_makes_no_sense_is_passed_over():
    odd = [
        Observed(work_s=work_s, start_s=start_s, taken_s=taken_s)
        for work_s, start_s, taken_s in (
            (math.nan, 0.0, 1.0), (1.0, -1.0, 1.0), (1.0, 0.0, 0.0), (1.0, 0.0, math.inf),
        )
    ]  # fmt: skip
    assert learn(odd) == learn([])
    nothing = Observed(work_s=0.0, start_s=0.0, taken_s=0.2)
    assert math.isfinite(learn([nothing]).fixed_s)


def test_a_clock_that_jumps_changes_nothing(tmp_path):
    found = []
    for folder, jumps in (("steady", False), ("jumping", True)):
        now = [1e9]
        ledger = Ledger(tmp_path / folder / "ledger.jsonl", clock=lambda now=now: now[0])
        for number in range(6):
            now[0] += (-1) ** number * 1e6 if jumps else 10.0
            ledger.append("run", f"r{number}", points=10, predicted_s=[3, 2, 4], work_s=2.5,
                          start_s=0.1)  # fmt: skip
            ledger.append(
                "run-ended", f"r{number}", elapsed=3.0 + number, spent="0", done=10, state="done"
            )
        found.append(learn(observed(past_runs(ledger.read()[0]))))
    assert found[0] == found[1]
    assert found[0].runs == 6
