"""The ledger survives what kills its writers."""

import json
import os
import signal
import stat
import subprocess
import sys
import textwrap

import pytest

from spicelab_nb.cost.ledger import Ledger, ledger_path
from spicelab_nb.cost.money import Money
from spicelab_nb.cost.spending import spending_of
from spicelab_nb.errors import LedgerError

WRITER = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from spicelab_nb.cost.ledger import Ledger
    ledger = Ledger(Path(sys.argv[1]))
    for i in range(int(sys.argv[3])):
        ledger.append("alive", sys.argv[2], number=i, filler="x" * 200)
    """
)


def writer(path, name, count):
    return subprocess.Popen([sys.executable, "-c", WRITER, str(path), name, str(count)])


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger" / "ledger.jsonl", clock=lambda: 1000.0)


def test_what_is_appended_is_read_in_order(ledger):
    ledger.append("intent", "a", name="lab", price_per_hour="0.34")
    ledger.append("started", "a", elapsed=0.0, spent="0")
    entries, problems = ledger.read()
    assert [(e.kind, e.id, e.at) for e in entries] == [
        ("intent", "a", 1000.0),
        ("started", "a", 1000.0),
    ]
    assert entries[0].get("price_per_hour") == "0.34"
    assert entries[0].get("user")
    assert not problems


def test_each_line_is_one_json_object_for_this_user_alone(ledger):
    ledger.append("intent", "a", name='quotes " and\nnewlines')
    text = ledger.path.read_text()
    assert text.count("\n") == 1
    assert json.loads(text)["name"] == 'quotes " and\nnewlines'
    assert stat.S_IMODE(ledger.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(ledger.path.parent.stat().st_mode) == 0o700


def test_a_missing_ledger_is_an_empty_one(ledger):
    assert ledger.read() == ([], [])


def test_a_torn_last_line_is_reported_passed_over_and_closed_off(ledger):
    for i in range(3):
        ledger.append("alive", "a", number=i)
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(whole[:-30])
    entries, problems = ledger.read()
    assert [e.get("number") for e in entries] == [0, 1]
    assert len(problems) == 1
    assert "Line 3" in problems[0]
    assert "process ended" in problems[0]
    ledger.append("alive", "b", number=3)
    entries, problems = ledger.read()
    assert [e.get("number") for e in entries] == [0, 1, 3]
    assert len(problems) == 1


def test_only_the_newline_missing_loses_nothing(ledger):
    ledger.append("alive", "a", number=0)
    ledger.path.write_bytes(ledger.path.read_bytes()[:-1])
    ledger.append("alive", "a", number=1)
    entries, problems = ledger.read()
    assert [e.get("number") for e in entries] == [0, 1]
    assert not problems


@pytest.mark.parametrize(
    "line",
    [
        b'{"kind":"alive","id":"a","at":1,"user":"u","host":"h"}',  # no checksum
        b"not json at all",
        b"\xff\xfe\x00",
        b'[1,2],"check":"00000000"}',
    ],
)
def test_foreign_lines_are_reported_and_never_counted(ledger, line):
    ledger.append("alive", "a", number=0)
    with ledger.path.open("ab") as file:
        file.write(line + b"\n")
    ledger.append("alive", "a", number=1)
    entries, problems = ledger.read()
    assert [e.get("number") for e in entries] == [0, 1]
    assert len(problems) == 1
    assert "Line 2" in problems[0]


@pytest.mark.parametrize(
    "facts",
    [
        {"at": 1e30},
        {"at": -1e12},
        {"spent": "much"},
        {"price_per_hour": [1]},
        {"currency": "dollars"},
    ],
)
def test_what_is_no_day_or_no_amount_is_reported_and_stops_no_reader(ledger, facts):
    at = facts.pop("at", 1000.0)
    ledger.append("alive", "a", spent="1")
    Ledger(ledger.path, clock=lambda: at).append("alive", "a", **facts)
    ledger.append("alive", "a", spent="2")
    entries, problems = ledger.read()
    assert [entry.get("spent") for entry in entries] == ["1", "2"]
    assert "Line 2" in problems[0]
    assert spending_of(entries, now=2e9).total() == Money(2)


def test_an_altered_amount_is_not_counted(ledger):
    ledger.append("ended", "a", spent="12.50")
    ledger.path.write_bytes(ledger.path.read_bytes().replace(b"12.50", b"02.50"))
    entries, problems = ledger.read()
    assert not entries
    assert "altered" in problems[0]


def test_concurrent_writers_lose_nothing(tmp_path):
    path = tmp_path / "ledger.jsonl"
    writers = [writer(path, name, 150) for name in "abc"]
    assert [w.wait(120) for w in writers] == [0, 0, 0]
    entries, problems = Ledger(path).read()
    assert not problems
    for name in "abc":
        assert [e.get("number") for e in entries if e.id == name] == list(range(150))


def test_a_writer_killed_in_mid_append_costs_at_most_its_own_line(tmp_path, wait_until):
    path = tmp_path / "ledger.jsonl"
    written = 0
    for round_ in range(5):
        process = writer(path, f"w{round_}", 100_000)
        size = path.stat().st_size if path.exists() else 0
        wait_until(lambda size=size: path.exists() and path.stat().st_size > size + 20_000)
        assert process.poll() is None, "it must be killed while it writes"
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        # The lock went with it: the next writer writes at once.
        Ledger(path).append("alive", "after", number=round_)
        entries, problems = Ledger(path).read()
        numbers = [e.get("number") for e in entries if e.id == f"w{round_}"]
        assert numbers == list(range(len(numbers)))
        assert len(numbers) > 10
        assert len(problems) <= round_ + 1
        written = max(written, len(entries))
    assert [e.get("number") for e in entries if e.id == "after"] == list(range(5))


def test_a_line_written_in_halves_is_the_torn_line_a_kill_leaves(tmp_path):
    # What a kill between two parts of one write leaves, made certain.
    path = tmp_path / "ledger.jsonl"
    Ledger(path).append("alive", "a", number=0)
    script = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from spicelab_nb.cost import ledger
        real = os.write
        def half(handle, data):
            real(handle, data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        ledger.os.write = half
        ledger.Ledger(Path(sys.argv[1])).append("alive", "b", number=1)
        """
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    entries, problems = Ledger(path).read()
    assert [e.id for e in entries] == ["a"]
    assert len(problems) == 1
    Ledger(path).append("alive", "c", number=2)
    assert [e.id for e in Ledger(path).read()[0]] == ["a", "c"]


def test_what_cannot_be_written_is_an_error_that_says_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="SPICELAB_NB_DATA_DIR"):
        Ledger(tmp_path / "file" / "ledger.jsonl").append("intent", "a")
    with pytest.raises(LedgerError, match="no entries of kind"):
        Ledger(tmp_path / "ledger.jsonl").append("guess", "a")


def test_it_lies_in_the_users_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("SPICELAB_NB_DATA_DIR", str(tmp_path))
    assert ledger_path() == tmp_path / "ledger" / "ledger.jsonl"
    monkeypatch.delenv("SPICELAB_NB_DATA_DIR")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert ledger_path() == tmp_path / "data" / "spicelab_nb" / "ledger" / "ledger.jsonl"
