"""Limits are numbers in the measure's own unit."""

import pytest

import spicelab_nb as sl
from spicelab_nb.errors import SpecError

RC = "* rc\nV1 in 0 ac 1\nR1 in out 1k\nC1 out 0 100n\n.ac dec 10 10 1meg\n.end\n"
SAMPLES = sl.MonteCarlo(4, {"R1": sl.Normal(rel=0.05)}, seed=1)


def campaign(unit):
    return sl.Campaign(
        sl.Circuit(RC),
        SAMPLES,
        measures={"f3db": sl.measure.bandwidth("v(out)")},
        specs={"f3db": sl.Spec(min=1, max=2, unit=unit)},
    )


def test_limits_in_another_unit_are_refused():
    """They were compared as they are, and the yield was 0."""
    with pytest.raises(SpecError, match="'f3db' is in 'kHz', and the measure is in 'Hz'"):
        campaign("kHz")
    for unit in ("Hz", ""):
        assert campaign(unit).specs["f3db"].unit == unit


def test_a_function_that_declares_its_units():
    samples = sl.MonteCarlo(4, {"x": sl.Normal(mean=1, sd=1)})
    with pytest.raises(SpecError, match="in 'V'"):
        sl.Campaign(
            lambda x: {"y": x},
            samples,
            measures={"y": "V"},
            specs={"y": sl.Spec(max=1, unit="mV")},
        )


def test_a_run_of_which_every_sample_failed_still_has_a_summary(tmp_path, serial):
    def fail(x):
        raise ValueError(f"no solution at {x}")

    samples = sl.MonteCarlo(4, {"x": sl.Normal(mean=1, sd=1)})
    specs = {"y": sl.Spec(max=1, unit="V")}
    run = sl.Campaign(fail, samples, specs=specs, store=tmp_path / "s").run(serial).wait(60)
    assert run.summary().yield_.bounds == (0.0, 1.0)
    assert run.dataset["y"].isnull().all()
    assert "4 failed" in run._repr_html_()
