"""A large campaign does not pile up in the client or in the scheduler."""

import json
import subprocess
import sys
import textwrap

SCRIPT = """
    import json, resource, threading
    import spicelab_nb as sl

    def cheap(x):
        return 2 * x

    cluster = sl.cluster("local", workers=2)
    mc = sl.MonteCarlo(100_000, {"x": sl.Normal(mean=0, sd=1)}, seed=1)
    run = sl.Campaign(cheap, mc, store="store").run(cluster)
    most = 0
    while run.active:
        held = cluster.client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))
        most = max(most, held)
    run.wait()
    ds = run.dataset
    summary = repr(run.summary())
    print(json.dumps({
        "ok": int((ds["status"] == 0).sum()),
        "right": bool((ds["value"].values == 2 * ds["x"].values).all()),
        "tasks": most,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }))
"""


def test_a_hundred_thousand_samples_stay_small(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["ok"] == 100_000
    assert found["right"]
    assert 0 < found["tasks"] <= 16
    assert found["megabytes"] < 400
