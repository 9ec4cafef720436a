"""The engine's benchmark: what is compared is the same, and its tables say what was measured."""

import sys
from pathlib import Path

import pytest

import spicelab_nb as sl
from benchmarks import engine, engine_report, environment, report
from benchmarks.circuits import CIRCUITS, Varied
from benchmarks.measurement import spread
from benchmarks.peers import raw_file
from benchmarks.records import Figure, read, recorded
from benchmarks.targets import NAMES, TARGETS


def cost(method, circuit, cpu, *, turn=0, sizes=(10, 110)):
    """Records whose marginal cost is `cpu`, with a start-up that differs by method."""
    start = float(len(method))
    runs = [
        {"cpu": start + n * cpu, "wall": start + 2 * n * cpu, "roles": {"worker": n * cpu}}
        for n in sizes
    ]
    return {
        "kind": "cost", "round": turn, "circuit": circuit, "method": method,
        "sizes": list(sizes), "small": runs[0], "large": runs[1],
    }  # fmt: skip


def rounds(method, circuit, values):
    return [cost(method, circuit, v, turn=i) for i, v in enumerate(values)]


HEAD = [
    {
        "kind": "before", "cpu": "Abacus", "cores": 2, "system": "Debian", "python": "3.11",
        "packages": {"dask": "1", "numpy": "2"}, "engines": {"ngspice": "39.3"},
        "ngspice": "39", "commit": "abc", "time": "2026-01-02T03:04:05", "load": [0.5, 0, 0],
    },
    {"kind": "settings", "rounds": 3, "quick": False},
]  # fmt: skip
RECORDS = [
    *HEAD,
    *rounds(engine.OURS, "rc", [1e-3, 2e-3, 1e-3]),
    *rounds("process", "rc", [40e-3, 62e-3, 35e-3]),  # 40, 31, 35 times
    *rounds("control", "rc", [1.2e-3, 2.4e-3, 1.1e-3]),  # 1.2, 1.2, 1.1 times: asked for 1.5
    {"kind": "after", "time": "2026-01-02T03:14:05", "load": [1.5, 0, 0]},
]


def test_ratios_are_taken_within_a_round_and_without_start_up():
    found = engine_report.figures(RECORDS)
    process, control = found["process", "rc"], found["control", "rc"]
    assert process.value.median == pytest.approx(35)
    assert (process.value.low, process.value.high) == pytest.approx((31, 40))
    assert process.reached
    assert control.value.median == pytest.approx(1.2)
    assert not control.reached
    assert control.verdict() == "**missed by a factor of 1.25**"


def test_a_missed_target_stands_in_the_table():
    table = engine_report.ratio_table(RECORDS)
    assert "35.0x (≥ 30)" in table
    assert "1.20x (**missed** 1.5 by 20 %)" in table


def test_the_tables_give_machine_versions_and_times():
    text = report.markdown("engine", RECORDS)
    assert "Abacus, 2 cores" in text
    assert "libngspice 39.3" in text
    assert "load 0.5 before and 1.5 after" in text
    assert "1.00 (1.00 to 2.00)" in text  # ms of CPU a sample
    assert "2.00 (2.00 to 4.00)" in text  # ms of wall


def test_a_plot_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    engine_report.plot(RECORDS, tmp_path / "engine.svg")
    engine_report.plot(RECORDS, tmp_path / "again.svg")
    text = (tmp_path / "engine.svg").read_text()
    assert text.lstrip().startswith("<?xml")
    assert text == (tmp_path / "again.svg").read_text()


def test_blocks_of_a_page_are_filled_and_nothing_else_changes():
    page = (
        "before\n<!-- benchmarks:engine -->\nold\n<!-- end -->\n<!-- benchmarks:x --><!-- end -->"
    )
    after = report.fill(page, {"engine": "| new |"})
    assert after == page.replace("\nold\n", "\n| new |\n")
    assert report.fill(after, {"engine": "| new |"}) == after


def test_figures_say_whether_they_are_reached():
    most = Figure(name="wait", value=spread([1.0, 2.0, 3.0]), unit="s", target=1.0)
    assert most.reached is False
    assert most.row() == "| wait | 2 s (1 to 3) | at most 1 s | **missed by a factor of 2.00** |"
    least = Figure(name="ratio", value=spread([2.0]), unit="x", target=1.5, most=False)
    assert least.reached
    assert Figure(name="n", value=spread([2.0]), unit="").verdict() == ""


def test_results_appear_when_they_are_complete(tmp_path):
    path = tmp_path / "some.jsonl"
    with pytest.raises(ZeroDivisionError), recorded(path, dict, dict) as write:
        write({"kind": "one", "value": 1 / 0})
    assert not path.exists()
    with recorded(path, lambda: {"cpu": "x"}, lambda: {"load": [1]}) as write:
        write({"kind": "one", "value": 1})
    assert [r["kind"] for r in read(path)] == ["before", "one", "after"]


def test_every_target_is_measured():
    asked = {(key, method) for method, targets in TARGETS.items() for key in targets}
    timed = {(key, method) for key, sizes in engine.SIZES.items() for method in sizes}
    assert asked <= timed
    assert {method for _, method in timed} == {engine.OURS, *NAMES}
    for key, sizes in engine.SIZES.items():
        for method in sizes:
            few, many = engine.sizes_of(key, method, quick=True)
            assert 0 < few < many


def test_values_are_set_in_a_loaded_circuit_as_ngspice_wants_it():
    assert Varied(nominal=1.0, names=("R1", "VDD.dc")).commands(2.0) == [
        "alter r1 = 2.0",
        "alter vdd = 2.0",
    ]
    assert Varied(nominal=1.0, names=("M1.delvto", "nch.vto")).commands(0.5) == [
        "alter @m1[delvto] = 0.5",
        "altermod nch vto = 0.5",
    ]


@pytest.mark.parametrize("key", CIRCUITS)
def test_a_sample_has_its_values_wherever_they_are_written(key):
    circuit = CIRCUITS[key]
    values = [1.25 * (i + 1) for i in range(len(circuit.varied))]
    literal = "\n".join(circuit.literal(values, Path("/models")))
    parametric = "\n".join(circuit.parametric(Path("/models")))
    commands = "\n".join(circuit.commands(values))
    for value, (name, varied) in zip(values, circuit.varied.items(), strict=True):
        assert repr(value) in literal
        assert f"{{{name}}}" in parametric
        assert commands.count(repr(value)) == len(varied.names)
    assert "{" not in literal
    assert ".op" not in literal.splitlines()


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Peers run in this environment, which is enough for those that are ngspice alone."""
    monkeypatch.setenv("SPICELAB_NB_BENCHMARKS", str(tmp_path / "cache"))
    monkeypatch.setattr(environment, "peer_python", lambda: Path(sys.executable))
    return tmp_path


@pytest.mark.ngspice
def test_a_peer_computes_what_we_do_and_one_that_does_not_is_refused(here, runtime_dir):
    circuit = CIRCUITS["rc"]
    with sl.cluster("serial") as cluster:
        told, dataset = engine.ours(circuit, 6, cluster)
    assert told["path"] in {"alter", "load"}
    assert told["cpu"] > 0
    rows = engine.rows_of(circuit, 6)
    assert [row[0] for row in rows] == dataset.R1.values.tolist()
    for method in ("process", "control"):
        theirs = engine.peer(method, circuit, rows)
        assert theirs["wall"] > 0
        values = theirs["values"]
        assert all(len(column) == 6 for column in values.values())
        found = engine.differences(circuit, method, values, dataset)
        assert max(found.values()) < 5e-3
        wrong = {name: [1.1 * v for v in column] for name, column in values.items()}
        with pytest.raises(RuntimeError, match="another"):
            engine.differences(circuit, method, wrong, dataset)
        nothing = {name: [float("nan")] * 6 for name in values}
        with pytest.raises(RuntimeError, match="another"):
            engine.differences(circuit, method, nothing, dataset)
        with pytest.raises(RuntimeError, match="failed"):
            engine.peer(method, circuit, [["x"] * 6])


def test_a_raw_file_of_several_plots_gives_the_last(tmp_path):
    import numpy as np

    def plot(title, names, table):
        listed = "".join(f"\t{i}\t{n}\tvoltage\n" for i, n in enumerate(names))
        head = f"Title: {title}\nFlags: real\nNo. Variables: {len(names)}\n"
        head += f"No. Points: {len(table)}       \nVariables:\n{listed}Binary:\n"
        return head.encode() + np.array(table, float).tobytes()

    path = tmp_path / "x.raw"
    one, two = (
        plot("a", ["time", "v(x)"], [[0, 1]]),
        plot("b", ["time", "v(out)"], [[0, 2], [1, 3]]),
    )
    path.write_bytes(one + two)
    found = raw_file(path)
    assert found["v(out)"].tolist() == [2, 3]
    assert found["time"].tolist() == [0, 1]
