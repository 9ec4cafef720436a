"""How long a person waits, and what watching costs: import, cluster, first progress, views.

Each round has a Jupyter kernel of its own, driven as a notebook drives it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measurement import spread
from benchmarks.records import Figure, of_kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.records import Settings, Write

__all__ = ["figures", "measure"]

ROOT = Path(__file__).resolve().parent.parent

IMPORT = """
import json, time
wall, cpu = time.perf_counter(), time.process_time()
import {module}
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]))
"""

PREVIEW = """
import json, time
import spicelab_nb as sl
circuit = sl.Circuit('''RC low-pass
V1 in 0 ac 1
R1 in out 1k
C1 out 0 159.155n
.ac dec 100 10 100k
.end
''')
campaign = sl.Campaign(
    circuit,
    sl.MonteCarlo(100_000, {"R1": sl.Normal(rel=0.05), "C1": sl.Normal(rel=0.05)}, seed=1),
    measures={"f3db": sl.measure.bandwidth("v(out)")},
    store=%r,
)
campaign.plan
told = {}
for name in ("preview", "preview again"):
    begun = time.perf_counter()
    shown = campaign.preview()
    told[name] = time.perf_counter() - begun
    shown._repr_html_()
    told[name + ", shown"] = time.perf_counter() - begun
print(json.dumps(told))
"""

CLUSTER = """
import json, time
import numpy as np
import spicelab_nb as sl
from benchmarks.measurement import Meter, thread_seconds

begun = time.perf_counter()
cluster = sl.cluster("local", workers=2)
told = {"cluster": time.perf_counter() - begun}

circuit = sl.Circuit('''RC low-pass
V1 in 0 ac 1
R1 in out 1k
C1 out 0 159.155n
.ac dec 100 10 100k
.end
''')

def first_progress(seed):
    campaign = sl.Campaign(
        circuit,
        sl.MonteCarlo(20_000, {"R1": sl.Normal(rel=0.05), "C1": sl.Normal(rel=0.05)}, seed=seed),
        measures={"f3db": sl.measure.bandwidth("v(out)")},
        name=f"first-{seed}",
    )
    with Meter() as meter:
        begun = time.perf_counter()
        run = campaign.run(cluster)
        returned = time.perf_counter() - begun
        while not run.progress.done:
            time.sleep(0.002)
    run.cancel()
    run.wait(60)
    return returned, meter.wall, meter.cpu

told["returned"], told["first"], told["first, CPU"] = first_progress(1)
told["returned again"], told["first again"], told["first again, CPU"] = first_progress(2)
"""

BESIDE = """
from spicelab_nb.cli.opamp import campaign as opamp

for name in ("alone", "beside a cell"):
    run = opamp(3000, seed=len(told), store=name.replace(" ", "-")).run(cluster)
    begun = time.perf_counter()
    if name == "alone":
        run.wait(300)
    while run.active:
        sum(range(1000))
    told[name] = time.perf_counter() - begun
"""

WATCHED = """
def slow(x, seed):
    time.sleep(0.005)
    return {"y": x + seed % 7, "z": x * x}

watched = sl.Campaign(
    slow,
    sl.MonteCarlo(200_000, {"x": sl.Normal(mean=1.0, sd=0.1)}, seed=1),
    measures={"y": "V", "z": "V"},
    specs={"y": sl.Spec(min=1.0, unit="V")},
    name="watched",
)
"""

WATCH = """
# From the moment that results come in.
while run.progress.done < 200:
    time.sleep(0.05)
before, begun = thread_seconds(), time.perf_counter()
time.sleep({seconds})
elapsed, after = time.perf_counter() - begun, thread_seconds()
told["shares"] = {{n: (s - before.get(n, 0.0)) / elapsed for n, s in after.items()}}
told["done"] = run.progress.done
run.cancel()
run.wait(60)
cluster.close()
print("told:" + json.dumps(told))
"""

VIEWS = ("spicelab-views", "IOPub")
"""Threads that watching takes time of: the one that looks, and the one that sends it to a page."""


def fresh(code: str, bytecode: Path) -> Any:
    """What code prints as JSON in a fresh process, with bytecode at hand and nobody's records."""
    environment = {
        **{k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPYCACHEPREFIX": str(bytecode),
        "PYTHONPATH": str(ROOT),
        "SPICELAB_NB_RUNTIME_DIR": str(bytecode / "runtime"),
        "SPICELAB_NB_DATA_DIR": str(bytecode / "data"),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def import_seconds(module: str, bytecode: Path) -> tuple[float, float]:
    """Wall and processor seconds of an import in a fresh process."""
    wall, cpu = fresh(IMPORT.format(module=module), bytecode)
    return wall, cpu


def session(seconds: float) -> dict[str, Any]:
    """One kernel: cluster, first progress, and the cost of a view that is looked at."""
    from jupyter_client.manager import start_new_kernel

    told: list[str] = []

    def hook(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            lines = message["content"]["text"].splitlines()
            told.extend(line[5:] for line in lines if line.startswith("told:"))

    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SPICELAB_NB_RUNTIME_DIR": folder,
            "SPICELAB_NB_DATA_DIR": f"{folder}/data",
            "IPYTHONDIR": f"{folder}/ipython",
        }
        manager, client = start_new_kernel(cwd=folder, env=environment)
        try:
            cells = ("%load_ext spicelab_nb", CLUSTER, BESIDE, WATCHED, "%spicelab_run watched",
                     WATCH.format(seconds=seconds))  # fmt: skip
            for cell in cells:
                reply = client.execute_interactive(cell, timeout=300, output_hook=hook)
                if reply["content"]["status"] != "ok":
                    raise RuntimeError("\n".join(reply["content"]["traceback"]))
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=False)
    return dict(json.loads(told[-1]))


def measure(settings: Settings, write: Write) -> None:
    """Import, start, watch: once a round."""
    with tempfile.TemporaryDirectory() as bytecode:
        for module in ("spicelab_nb", "numpy"):
            import_seconds(module, Path(bytecode))  # writes the bytecode
        preview = PREVIEW % str(Path(bytecode) / "campaign")
        fresh(preview, Path(bytecode))  # measures the pilot
        for turn in range(settings.rounds):
            for module in ("spicelab_nb", "numpy"):
                wall, cpu = import_seconds(module, Path(bytecode))
                record = {"kind": "import", "round": turn, "module": module}
                write({**record, "wall": wall, "cpu": cpu})
            write({"kind": "preview", "round": turn, **fresh(preview, Path(bytecode))})
            told = session(5.0 if settings.quick else 20.0)
            write({"kind": "session", "round": turn, **told})
            shown = {k: round(v, 2) for k, v in told.items() if isinstance(v, float)}
            print(f"round {turn + 1}: {shown}", flush=True)


def figures(records: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """What a person waits for, and the views' share of a core."""
    imports = [r for r in of_kind(records, "import") if r["module"] == "spicelab_nb"]
    sessions = of_kind(records, "session")

    def waited(name: str, key: str, target: float | None = None) -> Figure:
        value = spread(r[key] for r in sessions)
        return Figure(name=name, value=value, unit="s", target=target)

    previews = of_kind(records, "preview")

    def previewed(name: str, key: str, target: float | None = None) -> Figure:
        value = spread(1e3 * r[key] for r in previews)
        return Figure(name=name, value=value, unit="ms", target=target)

    views = [sum(100 * r["shares"].get(name, 0.0) for name in VIEWS) for r in sessions]
    others = [
        sum(100 * share for name, share in r["shares"].items() if name not in VIEWS)
        for r in sessions
    ]
    return [
        Figure(
            name="import spicelab_nb, wall",
            value=spread(r["wall"] for r in imports),
            unit="s",
            target=0.5,
        ),
        waited("first progress after `run`, cluster up, wall", "first", 1.0),
        waited("the same, second campaign", "first again", 1.0),
        waited("processor time until then, all processes, first campaign", "first, CPU"),
        waited("the same, second campaign", "first again, CPU"),
        waited("`run` gives the prompt back, wall", "returned"),
        waited("local cluster of two workers up, wall", "cluster"),
        waited("3000 samples of an op-amp until done, nothing else running, wall", "alone"),
        waited("the same beside a cell that computes in Python", "beside a cell"),
        previewed("preview of a known campaign, first in a process, wall", "preview", 100),
        previewed("the same with its HTML", "preview, shown", 100),
        previewed("preview of a known campaign, once more", "preview again", 100),
        previewed("the same with its HTML, once more", "preview again, shown", 100),
        Figure(
            name="live view of a running campaign, share of a core",
            value=spread(views),
            unit="%",
            target=1.0,
        ),
        Figure(
            name="the rest of the kernel meanwhile, share of a core",
            value=spread(others),
            unit="%",
        ),
    ]
