"""The same failure has the same code, and reads the same, in every sample."""

import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

import spicelab_nb as sl
from spicelab_nb.engines import find
from spicelab_nb.engines.engine import Point, Status
from spicelab_nb.results.chunk import ChunkRef, decode, encode
from spicelab_nb.simulators.reasons import CODES, classify, gist
from spicelab_nb.simulators.simulator import Batch, Failure
from spicelab_nb.testing.circuits import HANGS, NEVER_CONVERGES

F3DB = {"f3db": sl.measure.bandwidth("v(out)")}

SINGULAR = "t\nV1 in 0 dc 1 ac 1\nB1 x 0 V = v(x)+1\nR2 x 0 1k\n.ac dec 10 10 100k\n.end\n"
STUCK = (
    "t\n.param at=0.5m\nV1 in 0 dc 0 sin(0 5 1k)\nB1 x 0 V = time > {at} ? v(x)*v(x)+1 : 0\n"
    "R2 x 0 1k\n.tran 10u 1m\n.end\n"
)
NO_MODEL = "t\nV1 a 0 1\nD1 a 0 nope\n.op\n.end\n"


@pytest.mark.ngspice
@pytest.mark.parametrize(
    ("text", "code"),
    [
        (NEVER_CONVERGES, "non_convergence"),
        (SINGULAR, "singular"),
        (STUCK, "timestep"),
        (NO_MODEL, "load"),
        (HANGS.replace("slow=0", "slow=1"), "timeout"),
    ],
)
def test_what_ngspice_says_has_its_code(text, code):
    engine = find("ngspice")
    try:
        (outcome,) = engine.run(sl.Circuit(text).deck(), [Point()], cpu_limit=1)
    finally:
        engine.close()
    assert classify(outcome.status, outcome.reason) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [(NEVER_CONVERGES, "non_convergence"), (SINGULAR, "singular"), (NO_MODEL, "load")],
)
def test_what_neospice_says_has_its_code(text, code):
    engine = find("neospice")
    try:
        (outcome,) = engine.run(sl.Circuit(text).deck(), [Point()], cpu_limit=5)
    finally:
        engine.close()
    assert classify(outcome.status, outcome.reason) == code


@pytest.mark.parametrize(
    ("status", "reason", "code"),
    [
        (Status.CRASHED, "ngspice was ended by SIGSEGV. It was tried twice, ...", "crash"),
        (Status.CRASHED, "The deck or a command told ngspice to quit. It was tried ...", "quit"),
        (
            Status.CRASHED,
            "It ended its worker process each time: tcp://x was ended because it used 3 GiB of ...",
            "memory",
        ),
        (
            Status.CRASHED,
            "It ended its worker process each time: died: killed, out of memory, or crashed",
            "crash",
        ),
        (Status.FAILED, "The measure 'peak' raised ValueError: no peak", "measure"),
        (Status.FAILED, "ZeroDivisionError: division by zero", "function"),
        (Status.FAILED, "MemoryError: ", "memory"),
        (Status.FAILED, "ValueError: the matrix is singular", "function"),
        (Status.FAILED, "ngspice did not set the values: no such parameter.", "setting"),
        (Status.FAILED, "ac: the sweep broke off at 10 of 1e+06, after 5 points.", "truncated"),
        (Status.FAILED, "op: v(out) is not finite.", "not_finite"),
        (Status.FAILED, "No analysis gave @m1[gm]: no such device or parameter.", "missing"),
        (Status.FAILED, "something else", "other"),
    ],
)
def test_every_way_to_fail_has_its_code(status, reason, code):
    assert classify(status, reason) == code
    assert code in CODES


def test_every_code_can_come_up():
    """A code that nothing gives would be a promise that nobody keeps."""
    source = Path(__file__).read_text()
    assert all(f'"{code}"' in source for code in CODES)


def test_times_and_values_of_a_sample_are_left_out_of_the_gist():
    said = (
        "tran: doAnalyses: TRAN:  Timestep too small; time = {}, timestep = {}: trouble with node "
        '"x1.n2"; tran simulation(s) aborted.'
    )
    one, other = said.format("0.0005", "1.25e-17"), said.format("1.01478e-09", "1.25e-21")
    assert gist(one) == gist(other) == 'tran: Timestep too small; trouble with node "x1.n2"'
    assert gist("ValueError: x = -0.25 of r10 is below 1e-3") == gist(
        "ValueError: x = 3.5 of r10 is below 2e-9"
    )
    assert "r10" in gist("ValueError: x = -0.25 of r10 is bad")


@pytest.mark.ngspice
def test_failures_are_put_together_in_the_summary(tmp_path, serial):
    campaign = sl.Campaign(
        sl.Circuit(STUCK),
        sl.MonteCarlo(8, {"at": sl.Discrete([0.3e-3, 0.41e-3, 0.52e-3, 5e-3])}, seed=2),
        measures={"x": sl.measure.mean("v(x)")},
        store=tmp_path / "s",
    )
    run = campaign.run(serial).wait(60)
    table = run.failures
    failed = len(table)
    assert 2 <= failed < 8
    assert set(table["code"]) == {"timestep"}
    assert len(set(table["reason"])) > 1  # each says its own time
    shown = re.search(r"Why they failed: .*", repr(run.summary()))[0]
    assert f"{failed} x tran: Timestep too small; trouble with node" in shown
    assert "[timestep]" in shown
    assert "other reasons" not in shown
    assert list(sl.open_run(tmp_path / "s").failures["code"]) == list(table["code"])


def batch(failure):
    return Batch(
        start=0, status=np.array([failure.status], np.int8), measures={}, failures=(failure,),
        cpu=np.zeros(1),
    )  # fmt: skip


def test_a_chunk_from_before_there_were_codes_is_read():
    failure = Failure(index=0, status=Status.FAILED, reason="ac: matrix is singular")
    data = encode(batch(failure), values={}, receipt={}, plan="0" * 64)
    old = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as new, zipfile.ZipFile(old, "w") as written:
        for info in new.infolist():
            content = new.read(info)
            if info.filename == "failures.json":
                entries = json.loads(content)
                assert entries[0].pop("code") == "singular"
                content = json.dumps(entries).encode()
            written.writestr(info, content)
        written.comment = new.comment
    read = decode(old.getvalue(), ref=ChunkRef(0, 1), plan="0" * 64, where="old")
    assert read.failures == (failure,)


def test_a_code_that_a_later_version_wrote_is_kept():
    failure = Failure(index=0, status=Status.FAILED, reason="x", code="from_the_future")
    data = encode(batch(failure), values={}, receipt={}, plan="0" * 64)
    read = decode(data, ref=ChunkRef(0, 1), plan="0" * 64, where="new")
    assert read.failures[0].code == "from_the_future"
