"""A large campaign does not pile up in the client or in the scheduler."""

import json
import subprocess
import sys
import textwrap

import pytest

SCRIPT = """
    import json, sys
    from pathlib import Path
    import spicelab_nb as sl

    def cheap(x):
        return 2 * x

    cluster = sl.cluster("local", workers=2)
    mc = sl.MonteCarlo(int(sys.argv[1]), {"x": sl.Normal(mean=0, sd=1)}, seed=1)
    run = sl.Campaign(cheap, mc, store="store").run(cluster)
    most = 0
    while run.active:
        held = cluster.client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))
        most = max(most, held)
    run.wait()
    ds = run.dataset
    summary = repr(run.summary())
    # Not ru_maxrss: that begins with what the process held that started this one.
    status = Path("/proc/self/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    print(json.dumps({
        "ok": int((ds["status"] == 0).sum()),
        "right": bool((ds["value"].values == 2 * ds["x"].values).all()),
        "tasks": most,
        "megabytes": int(peak.split()[1]) / 1024,
    }))
"""


def measured(samples, folder):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(samples)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_hundred_thousand_samples_stay_small(tmp_path):
    found = measured(100_000, tmp_path)
    assert found["ok"] == 100_000
    assert found["right"]
    assert 0 < found["tasks"] <= 16
    assert found["megabytes"] < 400


@pytest.mark.slow
def test_a_million_samples_stay_small(tmp_path):
    found = measured(1_000_000, tmp_path)
    assert found["ok"] == 1_000_000
    assert found["right"]
    assert 0 < found["tasks"] <= 16
    assert found["megabytes"] < 500
