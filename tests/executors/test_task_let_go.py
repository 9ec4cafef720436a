"""Chunks of a run that has ended, which a worker had queued already."""

import cloudpickle
import pytest

from spicelab_nb.errors import ExecutorError
from spicelab_nb.executors import payload


def test_a_chunk_of_a_task_that_was_let_go_does_not_hold_its_slot(monkeypatch):
    """It waited a minute for a task that would never come, and the next run behind it."""
    monkeypatch.setattr(payload, "ARRIVAL_LIMIT", 600.0)
    made = [
        payload.TaskPlugin(key="k", owner=str(i), payload=cloudpickle.dumps(lambda chunk: chunk))
        for i in range(2)
    ]
    made[0].setup(None)
    assert payload.run_chunk("k", 0, 3, 0).stop == 3
    made[0].teardown(None)
    with pytest.raises(ExecutorError, match="was let go"):
        payload.run_chunk("k", 3, 6, 0)
    made[1].setup(None)
    assert payload.run_chunk("k", 3, 6, 0).stop == 6
    made[1].teardown(None)
