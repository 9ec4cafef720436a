"""Waveforms of an analysis whose points change from sample to sample."""

import pytest

import spicelab_nb as sl
from spicelab_nb.errors import MeasureError

DIVIDER = """* divider
.param top=1
V1 in 0 dc 1
R1 in out 1k
R2 out 0 1k
.dc V1 0 {top} 0.25
.end
"""


def last_point(out):
    return float(out["dc"]["v(out)"][-1])


@pytest.mark.filterwarnings("ignore:Nothing in .divider. depends on top:UserWarning")
@pytest.mark.parametrize("tops", [[1.0, 1.25], [1.0, 1.01]])
def test_points_that_change_are_refused_where_they_are_kept(tmp_path, serial, tops):
    def campaign(keep):
        return sl.Campaign(
            sl.Circuit(DIVIDER),
            sl.Sweep({"top": tops}),
            measures={"last": last_point},
            keep=keep,
            store=tmp_path / str(len(keep)),
        )

    assert campaign([]).run(serial).wait(60).dataset["status"].values.tolist() == [0, 0]
    if tops == [1.0, 1.25]:
        with pytest.raises(MeasureError, match="points of 'dc' change with what is varied"):
            campaign(["v(out)"]).run(serial, chunk_length=2).wait(60)
    else:  # the same points after all
        run = campaign(["v(out)"]).run(serial, chunk_length=2).wait(60)
        assert run.waveforms["dc"]["v(out)"].shape == (2, 5)


def test_the_order_of_kept_signals_is_no_other_campaign():
    def digest(keep):
        samples = sl.Sweep({"R1": [1e3, 2e3]})
        return sl.Campaign(
            sl.Circuit(DIVIDER), samples, measures={"last": last_point}, keep=keep
        ).plan.digest

    assert digest(["v(out)", "v(in)"]) == digest(["V(in)", "v(out)", "v(in)"])
    assert digest(["v(out)"]) != digest(["v(out)", "v(in)"])
