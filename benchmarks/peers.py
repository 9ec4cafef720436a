"""Other ways to run the same samples; each in a process, and most in an environment, of their own.

``python -m benchmarks.peers METHOD CIRCUIT COUNT FOLDER``, with the samples on standard input as
JSON rows; the result is one line of JSON. `FOLDER` holds the SKY130 models.

A peer reads its results into arrays, as a user would, and is timed until it has them. What its
results are compared by is computed after that, and not timed.
"""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.circuits import CIRCUITS, BenchCircuit
from benchmarks.measurement import Meter

Waves = tuple[NDArray[np.float64], list[NDArray[np.complex128]]]
"""The axis, and the saved vectors in their order."""
Rows = Sequence[Sequence[float]]

COMPARED = 8
"""Samples whose results are compared with ours."""


def deck(circuit: BenchCircuit, row: Sequence[float], models: Path) -> str:
    return "\n".join([*circuit.literal(row, models), ".end", ""])


def raw_file(path: Path) -> dict[str, NDArray[np.complex128]]:
    """The vectors of the last plot in a binary raw file."""
    data = path.read_bytes()
    at = data.rindex(b"Binary:\n") + len(b"Binary:\n")
    head = data[data.rindex(b"Title:", 0, at) : at].decode()
    count, points = (
        int(re.search(rf"No\. {what}: *(\d+)", head)[1])  # type: ignore[index]
        for what in ("Variables", "Points")
    )
    names = re.findall(r"^\t\d+\t(\S+)\t", head, re.M)
    kind = np.complex128 if re.search(r"Flags:.*complex", head) else np.float64
    table = np.frombuffer(data, kind, count * points, at).reshape(points, count)
    return dict(zip(names, table.T, strict=True))


def waves(circuit: BenchCircuit, vectors: dict[str, NDArray[Any]]) -> Waves:
    known = {name.lower(): vector for name, vector in vectors.items()}
    axis = known["frequency" if circuit.kind == "ac" else "time"].real
    return axis, [known[name] for name in circuit.saved]


def process(circuit: BenchCircuit, rows: Rows, models: Path) -> Iterator[Waves]:
    """A deck and a process of ngspice for each sample."""
    for row in rows:
        Path("x.cir").write_text(deck(circuit, row, models), encoding="utf-8")
        subprocess.run(["ngspice", "-b", "-r", "x.raw", "x.cir"], capture_output=True, check=False)
        yield waves(circuit, raw_file(Path("x.raw")))


def loop(circuit: BenchCircuit, rows: Rows, number: int) -> Iterator[str]:
    """Commands that run samples one after the other; the results are called ``u<number>``."""
    kind, _, measured = circuit.meas
    for i, row in enumerate(rows, start=number):
        yield from circuit.commands(row)
        yield from ("run", f"meas {kind} u{i} {measured}", "destroy all")


def control(circuit: BenchCircuit, rows: Rows, models: Path) -> Iterator[float]:
    """One process of ngspice with all samples in a ``.control`` block; one ``meas`` a sample."""
    nominal = [v.nominal for v in circuit.varied.values()]
    lines = [
        *circuit.literal(nominal, models),
        ".control",
        "set num_threads=1",
        *loop(circuit, rows, 0),
        "quit",
        ".endc",
        ".end",
    ]
    Path("x.cir").write_text("\n".join([*lines, ""]), encoding="utf-8")
    done = subprocess.run(["ngspice", "-b", "x.cir"], capture_output=True, text=True, check=False)
    # Numbers of .measure are printed once by the command and once at the end of a batch.
    found = dict(re.findall(r"^(u\d+) +=? +(\S+)", done.stdout, re.M))
    for i in range(len(rows)):
        yield float(found[f"u{i}"])


def sedes(circuit: BenchCircuit, rows: Rows, models: Path) -> Iterator[Waves]:
    """A batch of sedes on one worker: a deck for each sample."""
    import sedes as package

    pool = package.SimulationPool(workers=1)
    jobs = [(deck(circuit, row, models), ["run"]) for row in rows]
    for result in pool.run_simulations_batch(jobs):
        if not result.success:
            raise RuntimeError(f"sedes: {result.error} {result.log[-3:]}")
        read = result.complex_vector if circuit.kind == "ac" else result.vector
        axis = result.frequency_vector() if circuit.kind == "ac" else result.time_vector()
        yield axis, [read(_sedes_name(name)) for name in circuit.saved]
    # Its worker counts as long as it lives.
    KEPT.append(pool)


def _sedes_name(saved: str) -> str:
    name = saved[2:-1]
    return name if saved.startswith("v") else f"{name}#branch"


def sedes_loop(circuit: BenchCircuit, rows: Rows, models: Path) -> Iterator[float]:
    """One job of sedes with all samples as commands on the loaded deck; one ``meas`` a sample."""
    import sedes as package

    pool = package.SimulationPool(workers=1)
    nominal = [v.nominal for v in circuit.varied.values()]
    commands = [*loop(circuit, rows, 0)][:-1]  # the last plot is asked for
    result = pool.run_simulation(deck(circuit, nominal, models), commands)
    if not result.success:
        raise RuntimeError(f"sedes: {result.error} {result.log[-3:]}")
    found = result.measures
    for i in range(len(rows)):
        yield float(found[f"u{i}"])
    KEPT.append(pool)


def spicelib(circuit: BenchCircuit, rows: Rows, models: Path) -> Iterator[Waves]:
    """SimRunner of spicelib, one simulation at a time."""
    from spicelib import RawRead, SimRunner, SpiceEditor
    from spicelib.simulators.ngspice_simulator import NGspiceSimulator

    lines = [*circuit.parametric(models), ".end", ""]
    Path("x.net").write_text("\n".join(lines), encoding="utf-8")
    editor = SpiceEditor("x.net")
    runner = SimRunner(
        simulator=NGspiceSimulator, parallel_sims=1, output_folder="out", verbose=False
    )
    for i, row in enumerate(rows):
        for name, value in zip(circuit.varied, row, strict=True):
            editor.set_parameter(name, float(value))
        runner.run(editor, run_filename=f"r{i}.net")
    runner.wait_completion()
    for raw, _ in runner:
        read = RawRead(str(raw), dialect="ngspice")
        axis = read.get_trace("frequency" if circuit.kind == "ac" else "time").get_wave(0)
        yield axis.real, [read.get_trace(name).get_wave(0) for name in circuit.saved]


def spicelab(circuit: BenchCircuit, rows: Rows, models: Path) -> Iterator[float]:
    """monte_carlo of spicelab, the RC low-pass alone; it draws values of its own."""
    from spicelab.analysis.montecarlo import NormalPct, monte_carlo
    from spicelab.core.circuit import Circuit
    from spicelab.core.components import Capacitor, Resistor, Vac
    from spicelab.core.net import GND, Net
    from spicelab.core.types import AnalysisSpec

    low_pass = Circuit("rc")
    source, nodes = Vac("1", "", ac_mag=1.0), [Net(n) for n in ("in", "n1", "n2", "out")]
    parts = [(source, nodes[0], GND)]
    varied: dict[Any, Any] = {}
    for i in range(3):
        resistor = Resistor(str(i + 1), ("1k", "10k", "100k")[i])
        capacitor = Capacitor(str(i + 1), ("10n", "1n", "100p")[i])
        parts += [(resistor, nodes[i], nodes[i + 1]), (capacitor, nodes[i + 1], GND)]
        varied |= {resistor: NormalPct(0.02), capacitor: NormalPct(0.05)}
    for part, one, other in parts:
        low_pass.add(part)
        low_pass.connect(part.ports[0], one)
        low_pass.connect(part.ports[1], other)
    spec = AnalysisSpec("ac", {"sweep_type": "dec", "n": 20, "fstart": 10, "fstop": 1e6})
    result = monte_carlo(
        low_pass, varied, len(rows), seed=1, workers=1, analyses=[spec], cache_dir=None
    )
    for run in result.runs:
        yield float(abs(run.traces["V(out)"].values[-1]))


METHODS: dict[str, Callable[[BenchCircuit, Rows, Path], Iterator[Any]]] = {
    "process": process,
    "control": control,
    "sedes": sedes,
    "sedes-loop": sedes_loop,
    "spicelib": spicelib,
    "spicelab": spicelab,
}
PACKAGES = {"sedes": "sedes", "sedes-loop": "sedes", "spicelib": "spicelib", "spicelab": "spicelab"}
"""What a method imports before the clock starts."""

KEPT: list[Any] = []


def compared(circuit: BenchCircuit, method: str, results: Sequence[Any]) -> dict[str, list[float]]:
    """Values of the first samples by name; of spicelab, which draws others, a median."""
    if method == "spicelab":
        return {"stop": [float(np.median(results))]}
    if method in {"control", "sedes-loop"}:
        return {circuit.meas[1]: list(results[:COMPARED])}
    values = [circuit.reference(*found) for found in results[:COMPARED]]
    return {name: [v[name] for v in values] for name in values[0]}


def main() -> None:
    """Run one method on one circuit and print what it took."""
    method, key, count, models = sys.argv[1:]
    circuit, rows = CIRCUITS[key], json.load(sys.stdin)[: int(count)]
    logging.disable(logging.CRITICAL)
    if method in PACKAGES:
        __import__(PACKAGES[method])
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        with Meter() as meter:
            results = list(METHODS[method](circuit, rows, Path(models)))
        os.chdir("/")
    if len(results) != len(rows):
        raise RuntimeError(f"{method} gave {len(results)} results of {len(rows)} samples.")
    told = {
        "cpu": meter.cpu,
        "wall": meter.wall,
        "values": compared(circuit, method, results),
    }
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    # Worker threads and processes of other packages are not waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
