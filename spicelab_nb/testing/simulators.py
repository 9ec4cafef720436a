"""Conformance suite for simulators: subclass it and give the fixture."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import cloudpickle
import numpy as np
import pytest

from spicelab_nb.simulators.simulator import Status

if TYPE_CHECKING:
    from spicelab_nb.simulators.simulator import Batch, Simulator

__all__ = ["SimulatorTests"]


class SimulatorTests:
    """What every simulator must do.

    A subclass gives the fixture ``simulator`` and, as ``points``, a mapping of parameter names to
    arrays of at least four values, all of which can be computed.
    """

    points: dict[str, Any]

    @pytest.fixture
    def simulator(self) -> Simulator:
        """The simulator under test."""
        raise NotImplementedError("a subclass gives the fixture `simulator`")

    def _batch(self, simulator: Simulator, index: list[int], start: int = 0) -> Batch:
        values = {k: np.asarray(v)[index] for k, v in self.points.items()}
        seeds = np.array([1000 + i for i in index], np.uint64)
        session = simulator.open()
        try:
            return session.run(start, values, seeds)
        finally:
            session.close()

    def test_describes_itself_as_json(self, simulator: Simulator) -> None:
        described = simulator.describe()
        assert json.loads(json.dumps(described)) == described

    def test_is_the_same_after_travelling(self, simulator: Simulator) -> None:
        travelled = cloudpickle.loads(cloudpickle.dumps(simulator))
        assert travelled.describe() == simulator.describe()
        _assert_same(self._batch(simulator, [0, 1]), self._batch(travelled, [0, 1]))

    def test_knows_the_parameters_it_is_given(self, simulator: Simulator) -> None:
        assert {simulator.space.canonical(name) for name in self.points} == set(self.points)

    def test_a_batch_has_one_row_for_each_point(self, simulator: Simulator) -> None:
        batch = self._batch(simulator, [0, 1, 2], start=7)
        assert batch.start == 7
        assert batch.status.tolist() == [Status.OK] * 3
        assert batch.measures
        assert all(v.shape == (3,) for v in batch.measures.values())
        assert batch.failures == ()
        assert batch.cpu.shape == (3,)

    def test_bits_do_not_depend_on_the_batch(self, simulator: Simulator) -> None:
        whole = self._batch(simulator, [0, 1, 2, 3])
        turned = self._batch(simulator, [3, 2, 1, 0])
        for name, values in whole.measures.items():
            assert values.tobytes() == turned.measures[name][::-1].tobytes()
            for i in range(4):
                alone = self._batch(simulator, [i])
                assert alone.measures[name].tobytes() == values[i : i + 1].tobytes()

    def test_a_session_can_be_used_again(self, simulator: Simulator) -> None:
        values = {k: np.asarray(v)[:2] for k, v in self.points.items()}
        seeds = np.arange(2, dtype=np.uint64)
        session = simulator.open()
        try:
            first = session.run(0, values, seeds)
            second = session.run(0, values, seeds)
        finally:
            session.close()
            session.close()
        _assert_same(first, second)


def _assert_same(a: Batch, b: Batch) -> None:
    assert a.status.tobytes() == b.status.tobytes()
    assert set(a.measures) == set(b.measures)
    for name in a.measures:
        assert a.measures[name].tobytes() == b.measures[name].tobytes()
