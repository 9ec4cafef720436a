"""Campaigns that go on only when a test lets them, and a shell to type magics into."""

import time
from pathlib import Path

import pytest

import spicelab_nb as sl
from spicelab_nb import clusters


class Gate:
    """Samples from number `held` on wait until it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> None:
        self.path.touch()


@pytest.fixture
def gate(tmp_path):
    gate = Gate(tmp_path / "gate")
    yield gate
    # Whatever a test did, nobody waits for ever.
    gate.open()


@pytest.fixture
def serial(runtime_dir, tmp_path, monkeypatch):
    """This process as the current cluster, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    cluster = clusters.cluster("serial")
    yield cluster
    for record in clusters.list_clusters():
        clusters.get(record.id).close()


def make_campaign(gate: Gate | None = None, n: int = 40, name: str = "amplifier", **options):
    path = str(gate.path) if gate is not None else ""

    def amplifier(bias, seed):
        end = time.monotonic() + 60
        while path and bias > 40 and not Path(path).exists() and time.monotonic() < end:
            time.sleep(0.005)
        if bias > 42:
            raise ValueError("<b>no operating point</b>")
        return {"gain": bias}

    return sl.Campaign(
        amplifier,
        sl.MonteCarlo(n, {"bias": sl.Normal(mean=40, sd=1)}, seed=3),
        measures={"gain": "dB"},
        specs={"gain": sl.Spec(min=39, unit="dB")},
        name=name,
        **options,
    )


@pytest.fixture
def campaign_of():
    return make_campaign
