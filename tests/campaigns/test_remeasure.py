"""Further measures from kept waveforms: the values of a simulation, in bounded memory."""

import numpy as np
import pytest

import spicelab_nb as sl
from spicelab_nb.campaigns import remeasure as module
from spicelab_nb.errors import MeasureError

pytestmark = pytest.mark.filterwarnings("error")


def gain_at_one(out):
    return float(abs(out["ac"]["v(out)"]).max())


@pytest.fixture
def campaign(tmp_path):
    circuit = sl.Circuit(
        "* RC\nV1 in 0 dc 0 ac 1\nR1 in out 1k\nC1 out 0 100n\n.ac dec 10 10 100k\n.end\n"
    )
    samples = sl.Corners({"low": {"C1": 50e-9}, "high": {"C1": 200e-9}}) * sl.MonteCarlo(
        40, {"R1": sl.Normal(rel=0.05)}, seed=1
    )
    return sl.Campaign(
        circuit,
        samples,
        measures={"f3db": sl.measure.bandwidth("v(out)"), "top": gain_at_one},
        keep=["v(out)", "v(in)"],
        store=tmp_path / "store",
        name="again",
    )


def test_measured_again_in_blocks_gives_the_same_bits(campaign, serial, monkeypatch):
    run = campaign.run(serial).wait()
    seen = []
    real = module._evaluate

    def watched(measure, rows, n):
        seen.append((n, sum(d.nbytes for d in rows.values())))
        return real(measure, rows, n)

    monkeypatch.setattr(module, "_evaluate", watched)
    monkeypatch.setattr(module, "BLOCK_BYTES", 20_000)
    again = run.measure({"f3db": sl.measure.bandwidth("v(out)"), "top": gain_at_one})
    for name in ("f3db", "top"):
        assert again[name].dims == run.dataset[name].dims
        assert again[name].values.tobytes() == run.dataset[name].values.tobytes()
    # Both signals of all points together are 80 x 41 x 2 x 16 bytes; a block is a fifth of that.
    assert len(seen) > 2 * 5
    assert max(size for _, size in seen) < 25_000
    assert sum(n for n, _ in seen) == 2 * 80


def test_failed_samples_are_left_out_and_only_what_is_needed_is_read(
    make_failing, serial, tmp_path, monkeypatch
):
    campaign = make_failing(tmp_path / "store", n=30)
    kept = sl.Campaign(
        campaign._source, campaign.samples, keep=["v(out)", "v(in)"], store=tmp_path / "kept"
    )
    run = kept.run(serial).wait()
    status = run.dataset["status"].values
    assert 0 < (status != 0).sum() < 30
    monkeypatch.setattr(module, "BLOCK_POINTS", 7)
    read = []
    real = module._evaluate

    def watched(measure, rows, n):
        read.append(set(rows["ac"].data_vars))
        return real(measure, rows, n)

    monkeypatch.setattr(module, "_evaluate", watched)
    again = run.measure({"f3db": sl.measure.bandwidth("v(out)")})
    assert np.isfinite(again["f3db"].values[status == 0]).all()
    assert np.isnan(again["f3db"].values[status != 0]).all()
    assert all(names == {"v(out)"} for names in read)


def test_a_signal_that_was_not_kept_is_refused_before_anything_is_read(campaign, serial):
    run = campaign.run(serial).wait()
    with pytest.raises(MeasureError, match=r"v\(x\).*was not kept"):
        run.measure({"gain": sl.measure.gain("v(x)")})
