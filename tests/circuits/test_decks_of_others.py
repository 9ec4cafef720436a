"""Netlists that nobody here wrote pass through unharmed.

`fetch_decks.py` beside this file fetches them: the examples and regression tests of ngspice, those
of PySpice, and the models of SKY130.
"""

import os
import re
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest

import spicelab_nb as sl
from spicelab_nb.engines import Point, Status, find
from spicelab_nb.errors import SpicelabError

DECKS = Path(
    os.environ.get("SPICELAB_NB_DECKS", Path.home() / ".cache" / "spicelab-nb-tests" / "decks")
)
NETLIST = re.compile(r"\.(cir|sp|spice|ckt|net)$", re.IGNORECASE)
RANDOM = re.compile(r"gauss|unif\(|sgauss|sunif|rnd|random", re.IGNORECASE)
FETCH = "fetch the decks with: python tests/circuits/fetch_decks.py"

pytestmark = [
    pytest.mark.ngspice,
    pytest.mark.filterwarnings("ignore::spicelab_nb.circuits.CircuitNotice"),
    pytest.mark.skipif(not DECKS.is_dir(), reason=f"{DECKS} is not there; {FETCH}"),
]


# Decks have to be run beside the files that they include.
OURS = "spicelab-nb-"


def netlists(part: str) -> list[Path]:
    found = (p for p in (DECKS / part).rglob("*") if NETLIST.search(p.name) and p.is_file())
    return sorted(p for p in found if not p.name.startswith(OURS))


def without_control(path: Path) -> str:
    """The deck with its control blocks commented out by other means than ours."""
    inside = False
    lines = []
    for i, line in enumerate(path.read_bytes().decode("utf-8", "replace").splitlines()):
        low = line.strip().lower()
        inside = inside or (i > 0 and low.startswith(".control"))
        lines.append("* " + line if inside and low else line)
        inside = inside and not low.startswith(".endc")
    return "\n".join(lines) + "\n"


def listing(deck: Path) -> list[str]:
    """What ngspice made of a deck: ``listing expand``, comments and numbers of lines left out."""
    with tempfile.NamedTemporaryFile("w", prefix=OURS, suffix=".cir", dir=deck.parent) as wrapper:
        wrapper.write(
            f"wrapper\nr1 1 0 1\n.control\nsource {deck.name}\nlisting e\nquit\n.endc\n.end\n"
        )
        wrapper.flush()
        done = subprocess.run(
            ["ngspice", "-n", "-b", wrapper.name], cwd=deck.parent, capture_output=True,
            stdin=subprocess.DEVNULL, timeout=120, check=False,
        )  # fmt: skip
    found = re.findall(r"^\s*\d+ : ([^*\n].*)$", done.stdout.decode("utf-8", "replace"), re.M)
    # Data files of code models have another path, the contents' own.
    return [re.sub(r'file\s*=\s*"[^"]*/', 'file="', " ".join(line.split())) for line in found]


def roundtrip(path: Path) -> str:
    """``"same"``, ``"refused: ..."``, ``"random"``, ``"unreadable"`` or a difference."""
    try:
        circuit = sl.Circuit(path, include_paths=[DECKS])
    except SpicelabError as error:
        return f"refused: {error}"
    with tempfile.NamedTemporaryFile("w", prefix=OURS, suffix=".cir", dir=path.parent) as reference:
        reference.write(without_control(path))
        reference.flush()
        theirs = listing(Path(reference.name))
    with tempfile.TemporaryDirectory() as folder:
        ours = listing(circuit.write(folder))
    if ours == theirs:
        return "same" if ours else "unreadable"
    if RANDOM.search(path.read_text(errors="replace")):
        return "random"
    differing = [pair for pair in zip(theirs, ours, strict=False) if pair[0] != pair[1]]
    return f"{len(theirs)} lines, ours {len(ours)}: {differing[:1]}"


def judged(paths: list[Path]) -> dict[Path, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {path: roundtrip(path) for path in paths}


def check(paths: list[Path], least: float) -> None:
    results = judged(paths)
    wrong = {
        str(p): r
        for p, r in results.items()
        if r not in ("same", "random", "unreadable")
        and not r.startswith("refused")
    }  # fmt: skip
    refused = [r for r in results.values() if r.startswith("refused")]
    reasons = ("there is no file", "script of ngspice", "lies outside", "names no file", ".step")
    assert not wrong
    assert all(any(reason in r for reason in reasons) for r in refused), refused
    assert sum(r == "same" for r in results.values()) >= least * len(results) > 0


def test_a_sample_of_ngspices_own_decks_is_the_same_circuit():
    check(netlists("ngspice")[::20], 0.8)


@pytest.mark.slow
def test_all_of_ngspices_own_decks_are_the_same_circuits():
    check(netlists("ngspice"), 0.9)


def test_the_decks_of_pyspice_are_the_same_circuits():
    check(netlists("pyspice"), 0.5)


ANALYSIS = re.compile(r"^\.(op|dc|ac|tran|noise)\b", re.IGNORECASE | re.MULTILINE)


def results(deck: Path, limit: float = 20) -> bytes | None:
    """The raw file of a batch run, without its date; None where there is none in time."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "out.raw"
        try:
            subprocess.run(
                ["ngspice", "-n", "-b", "-r", str(raw), deck.name], cwd=deck.parent,
                capture_output=True, stdin=subprocess.DEVNULL, timeout=limit, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return None
        if not raw.is_file():
            return None
        # An AC frequency's imaginary part is memory that nobody wrote, so only its size counts.
        plots = re.sub(rb"(?m)^(Date|Command): .*$", b"", raw.read_bytes())
        return plots.partition(b"Binary:")[0] if b"Flags: complex" in plots else plots


def same_results(paths: list[Path]) -> int:
    compared = 0
    for path in paths:
        text = without_control(path)
        if not ANALYSIS.search(text) or RANDOM.search(text):
            continue
        try:
            circuit = sl.Circuit(path, include_paths=[DECKS])
        except SpicelabError:
            continue
        with tempfile.NamedTemporaryFile(
            "w", prefix=OURS, suffix=".cir", dir=path.parent
        ) as reference:
            reference.write(text)
            reference.flush()
            theirs = results(Path(reference.name))
        if theirs is None:
            continue
        with tempfile.TemporaryDirectory() as folder:
            assert results(circuit.write(folder), 200) == theirs, path
        compared += 1
    return compared


def regression_tests() -> list[Path]:
    """The decks of ngspice's own regression tests: they take seconds, its examples hours."""
    return [p for p in netlists("ngspice") if "tests" in p.relative_to(DECKS).parts]


def test_a_sample_of_ngspices_own_decks_gives_the_same_results():
    assert same_results(regression_tests()[::5]) >= 5


@pytest.mark.slow
def test_all_regression_tests_of_ngspice_give_the_same_results():
    assert same_results(regression_tests()) >= 30


SKY130_OTA = """Five transistors in SKY130
.lib 'C4M.Sky130_all_lib.spice' logic_tt
.param vdd=1.8
VDD vdd 0 DC {vdd}
VCM inn 0 DC 0.9
VIN inp inn DC 0 AC 1
IB vdd nb DC 10u
M1 n1 inn tail 0 sky130_fd_pr__nfet_01v8__model l=0.5u w=5u
M2 out inp tail 0 sky130_fd_pr__nfet_01v8__model l=0.5u w=5u
M3 n1 n1 vdd vdd sky130_fd_pr__pfet_01v8__model l=0.5u w=5u
M4 out n1 vdd vdd sky130_fd_pr__pfet_01v8__model l=0.5u w=5u
M5 tail nb 0 0 sky130_fd_pr__nfet_01v8__model l=0.5u w=5u
M6 nb nb 0 0 sky130_fd_pr__nfet_01v8__model l=0.5u w=5u
CL out 0 1p
.op
.ac dec 5 1k 1g
.end
"""


def test_a_circuit_on_top_of_sky130(tmp_path):
    models = next((DECKS / "sky130").rglob("models"))
    circuit = sl.Circuit(SKY130_OTA, include_paths=[models])
    assert "logic_ss" in str(circuit.parameters.at({"lib": "logic_ss"})["lib"])
    shifts = circuit.parameters.expand("M[12].delvto")
    values = {shifts[0]: 3e-3, shifts[1]: -2e-3, "vdd": 1.75, "M1.mulu0": 1.02}
    engine = find("ngspice")
    try:
        commands = circuit.alter_commands(values)
        slow = circuit.with_values({"lib": "logic_ss"})
        points = [
            Point(),
            Point(commands=commands),
            Point(deck=circuit.with_values(values).deck()),
            Point(deck=slow.deck()),
        ]
        outcomes = engine.run(circuit.deck(), points, cpu_limit=120.0)
    finally:
        engine.close()
    assert [o.status for o in outcomes] == [Status.OK] * 4, [o.reason for o in outcomes]
    nominal, altered, loaded, corner = (o.plots["ac"].vectors["v(out)"] for o in outcomes)
    np.testing.assert_array_equal(altered, loaded)
    assert not np.array_equal(nominal, altered)
    assert not np.array_equal(nominal, corner)
    assert 10 < abs(nominal[0]) < 1000
