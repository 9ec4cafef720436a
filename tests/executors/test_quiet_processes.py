"""Scheduler and workers that we start look around seldom, and are warm when they are up."""

import os
import subprocess
import sys

import pytest

import spicelab_nb as sl

CONFIGURED = """
import dask
from spicelab_nb.clusters.pacing import slow_down
slow_down()
print(dask.config.get("distributed.worker.profile.enabled"),
      dask.config.get("distributed.admin.tick.interval"))
"""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "False 1s"),
        ({"DASK_DISTRIBUTED__WORKER__PROFILE__INTERVAL": "20ms"}, "False 1s"),
        ({"DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "50ms"}, "False 50ms"),
    ],
)
def test_what_a_person_configured_stays(given, expected):
    done = subprocess.run(
        [sys.executable, "-c", CONFIGURED],
        env={k: v for k, v in os.environ.items() if not k.startswith("DASK_")} | given,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == expected


def test_workers_report_seldom_and_have_imported_what_chunks_need(wait_until):
    def look(dask_worker):
        pace = dask_worker.periodic_callbacks
        return {
            "heartbeat": pace["heartbeat"].callback_time,
            "tick": pace["tick"].callback_time,
            "profiled": "profile" in pace,
            "warm": {"spicelab_nb.simulators.function", "scipy.special"} <= set(sys.modules),
        }

    expected = {"heartbeat": 2000.0, "tick": 1000.0, "profiled": False, "warm": True}
    with sl.cluster("local", workers=1, dashboard=False) as cluster:
        wait_until(lambda: list(cluster.client.run(look).values()) == [expected])
