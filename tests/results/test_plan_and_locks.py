"""The plan's digest and differences; the lock of a bucket."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicelab_nb.errors import StoreError, StoreLockedError
from spicelab_nb.results.locks import hold_lock
from spicelab_nb.results.objects import open_objects
from spicelab_nb.results.plan import Plan, canonical_json, parse_json
from spicelab_nb.results.platform import fingerprint, fingerprint_digest

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text().filter(lambda k: k != "$float"), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text().filter(lambda k: k != "$float"), json_values, max_size=5))
def test_plans_survive_their_json(parts) -> None:
    plan = Plan(simulator=parts, design={"n": 1})
    again = Plan.from_json(plan.to_json())
    assert again.digest == plan.digest
    assert again.to_json() == plan.to_json()
    assert again.difference(plan) == ""
    json.loads(plan.to_json(), parse_constant=pytest.fail)


def test_the_digest_depends_on_content_alone() -> None:
    one = Plan(simulator={"a": 1.5, "b": (1, 2)}, design={"x": np.float64(2.0)})
    two = Plan(simulator={"b": [1, 2], "a": 1.5}, design={"x": 2.0})
    assert one.digest == two.digest
    assert one == two
    assert hash(one) == hash(two)
    assert one.digest != Plan(simulator={"a": 1.5, "b": [2, 1]}, design={"x": 2.0}).digest


def test_the_difference_names_its_places() -> None:
    there = Plan(simulator={"measures": {"f3db": {"unit": "Hz"}}, "keep": [1]}, design={"seed": 1})
    asked = Plan(simulator={"measures": {"peak": {}}, "keep": [2]}, design={"seed": 1})
    said = there.difference(asked)
    assert 'simulator.measures.f3db is missing here and {"unit":"Hz"} there' in said
    assert "simulator.measures.peak is {} here and missing there" in said
    assert "simulator.keep[0] is 2 here and 1 there" in said
    assert "seed" not in said


def test_what_is_no_json_is_told_with_its_place() -> None:
    with pytest.raises(StoreError, match=r"simulator\.a\[1\] cannot be written as JSON: object"):
        Plan(simulator={"a": [1, object()]}, design={})
    with pytest.raises(StoreError, match="key 1 is not a string"):
        Plan(simulator={"a": {1: 2}}, design={})


def test_infinite_numbers_survive_strict_json() -> None:
    data = canonical_json({"low": -np.inf, "high": np.inf})
    assert b"Infinity" not in data
    assert parse_json(data) == {"low": -np.inf, "high": np.inf}


def test_the_fingerprint_is_json_and_the_same_in_another_process() -> None:
    program = (
        "from spicelab_nb.results.platform import *; print(fingerprint_digest(fingerprint('e')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == fingerprint_digest(json.loads(json.dumps(fingerprint("e"))))
    assert fingerprint("a") != fingerprint("b")
    assert fingerprint()["cpu_features"]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def bucket():
    import fsspec

    yield open_objects("memory://locks")
    fsspec.filesystem("memory").store.clear()


def test_a_lease_that_is_not_renewed_can_be_taken_once_it_ran_out(bucket) -> None:
    clock = Clock()
    with hold_lock(bucket, lease=100.0, clock=clock) as first:
        clock.now += 99.0
        with pytest.raises(StoreLockedError), hold_lock(bucket, lease=100.0, clock=clock):
            pass
        first()
        clock.now += 2.0
        with hold_lock(bucket, lease=100.0, clock=clock) as second:
            second()
            with pytest.raises(StoreLockedError, match="was lost"):
                first()
    with hold_lock(bucket, lease=100.0, clock=clock) as third:
        third()


def test_a_lease_of_a_dead_process_of_this_host_can_be_taken_at_once(bucket) -> None:
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    with hold_lock(bucket):
        name = bucket.list("lock-leases")
        (latest,) = name
        held = json.loads(bucket.get(f"lock-leases/{latest}"))
        bucket.put(f"lock-leases/{latest}", canonical_json({**held, "pid": gone.pid}))
        with hold_lock(bucket) as check:
            check()


def test_a_killed_holder_of_a_folder_frees_it(tmp_path) -> None:
    program = (
        "import sys\nfrom spicelab_nb.results.locks import hold_lock\n"
        "from spicelab_nb.results.objects import open_objects\n"
        "with hold_lock(open_objects(sys.argv[1])): print('held', flush=True); sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout.readline() == b"held\n"
    folder = open_objects(tmp_path)
    with pytest.raises(StoreLockedError, match=f"process {holder.pid} on "), hold_lock(folder):
        pass
    holder.kill()
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    with hold_lock(folder) as check:
        check()


def test_a_folder_without_kernel_locks_uses_a_lease(tmp_path, monkeypatch) -> None:
    import errno
    import fcntl

    def refuse(*args: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    folder = open_objects(tmp_path)
    with hold_lock(folder), pytest.raises(StoreLockedError), hold_lock(folder):
        pass
    with hold_lock(folder):
        assert list((tmp_path / "lock-leases").glob("*.json"))
