"""The conformance suite of cluster kinds.

A plug-in's tests say ``class TestMine(ClusterTests)`` and give ``make``: a function from a name to
a started :class:`~spicelab_nb.clusters.Cluster`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

import pytest

from spicelab_nb import clusters
from spicelab_nb.errors import ClusterError, ClusterNotFoundError, SpicelabError
from spicelab_nb.executors import Chunk, Receipt
from spicelab_nb.testing.executors import drain, until
from spicelab_nb.testing.tasks import CountingTask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from spicelab_nb.clusters import Cluster

__all__ = ["ClusterTests"]


class ClusterTests:
    """What every kind of cluster does. Tests share one cluster, except those that end it."""

    can_scale: ClassVar[bool] = True
    """`scale` is obeyed."""

    @pytest.fixture(scope="class")
    @classmethod
    def make(cls) -> Callable[[str], Cluster]:
        """Overridden: a function that starts a cluster of that name."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def shared(cls, make: Callable[[str], Cluster]) -> Iterator[Cluster]:
        """One cluster for tests that leave it as it was."""
        with make("shared") as cluster:
            yield cluster

    def test_it_runs_chunks(self, shared: Cluster, tmp_path: Path) -> None:
        executor = shared.executor()
        executor.start(CountingTask(folder=str(tmp_path)))
        executor.submit([Chunk(0, 2), Chunk(2, 4)])
        assert all(isinstance(report, Receipt) for report in drain(executor, 2))
        executor.close()

    def test_it_says_how_it_is(self, shared: Cluster) -> None:
        assert shared.state == "running"
        assert shared.workers >= 1
        assert shared.cores >= shared.workers
        assert shared.problem == ""
        assert "shared" in repr(shared)
        assert "<table" in shared._repr_html_()

    def test_others_can_read_of_it(self, shared: Cluster) -> None:
        (record,) = [r for r in clusters.list_clusters() if r.id == shared.id]
        assert (record.name, record.kind) == (shared.name, shared.kind)
        assert record.address == shared.address
        until(lambda: shared.record().workers == shared.workers)

    def test_no_secret_is_written_or_shown(self, shared: Cluster) -> None:
        shown = repr(shared) + shared._repr_html_() + shared.record().to_json()
        assert "PRIVATE KEY" not in shown
        assert "BEGIN CERTIFICATE" not in shown

    def test_campaigns_are_noted(self, shared: Cluster) -> None:
        shared.note_campaign("amp", 3, 10, "running")

        def noted() -> bool:
            (record,) = [r for r in clusters.list_clusters() if r.id == shared.id]
            return record.campaigns.get("amp") == {"done": 3, "total": 10, "state": "running"}

        until(noted)

    def test_its_name_is_taken(self, shared: Cluster) -> None:
        with pytest.raises(ClusterError, match="alive already"):
            clusters.cluster("serial", name=shared.name)

    def test_it_is_found_by_name_and_id(self, shared: Cluster) -> None:
        assert clusters.get(shared.name) is shared
        assert clusters.get(shared.id) is shared
        clusters.set_current(shared.name)
        assert clusters.current() is shared

    @pytest.mark.parametrize("workers", [-1, 1.5, "2", True])
    def test_a_number_of_workers_is_one(self, shared: Cluster, workers: object) -> None:
        with pytest.raises(ClusterError, match="0 or more workers"):
            shared.scale(workers)  # type: ignore[arg-type]

    def test_it_scales_or_says_why_not(self, shared: Cluster) -> None:
        if not self.can_scale:
            with pytest.raises(ClusterError):
                shared.scale(3)
            return
        before = shared.workers
        shared.scale(before + 1)
        shared.wait(before + 1)
        shared.scale(before)
        shared.wait(before)

    def test_close_leaves_nothing_and_may_come_twice(self, make: Callable[[str], Cluster]) -> None:
        cluster = make("ends")
        cluster.close()
        cluster.close()
        assert cluster.state == "closed"
        assert cluster.workers == 0
        assert "closed" in repr(cluster)
        assert cluster.id not in {record.id for record in clusters.list_clusters()}
        assert clusters.current() is not cluster
        with pytest.raises(ClusterNotFoundError):
            clusters.get("ends")
        with pytest.raises(SpicelabError):
            cluster.executor()
        with pytest.raises(ClusterError):
            cluster.scale(1)

    def test_another_process_may_ask_to_stop_it(self, make: Callable[[str], Cluster]) -> None:
        cluster = make("asked")
        clusters.request_stop(cluster.name)
        until(lambda: cluster.state == "closed")

    def test_its_record_is_json_of_a_known_form(self, shared: Cluster) -> None:
        data = json.loads(shared.record().to_json())
        assert data["schema"] == 1
        assert {"id", "name", "kind", "owner", "owner_started", "host", "state"} <= set(data)
