"""``python -m benchmarks``: measure, and write the tables and plots; see README.md beside this."""

from __future__ import annotations

import argparse
import getpass
import importlib
import os
import sys
import tempfile
import traceback
from pathlib import Path

BENCHMARKS = ("engine", "explorer", "overhead", "scale", "sidebar", "start")


def main() -> None:
    """Parse the command line and do what it says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "what",
        nargs="?",
        default="all",
        choices=[*BENCHMARKS, "all", "setup", "report"],
        help="setup makes the peers' environment; report writes tables and plots again",
    )
    parser.add_argument("--rounds", type=int, help="default 5, or 2 with --quick")
    parser.add_argument("--quick", action="store_true", help="smaller; kept apart from results/")
    parser.add_argument(
        "--circuit", action="append", help="of engine, this one alone (again for more); kept apart"
    )
    parser.add_argument("--results", type=Path, help="folder for the results")
    given = parser.parse_args()
    # Before numpy or an engine is loaded; every process below inherits it.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

    from benchmarks import environment, machine, report
    from benchmarks.circuits import CIRCUITS
    from benchmarks.records import RESULTS, Settings, recorded

    if given.what == "setup":
        environment.setup()
        return
    partial = given.quick or given.circuit is not None
    scratch = Path(tempfile.gettempdir()) / f"benchmarks-{getpass.getuser()}"
    folder = given.results or (scratch if partial else RESULTS)
    failed: list[str] = []
    if given.what != "report":
        rounds = given.rounds or (2 if given.quick else 5)
        settings = Settings(
            rounds=rounds, quick=given.quick, circuits=tuple(given.circuit or CIRCUITS)
        )
        for name in BENCHMARKS if given.what == "all" else (given.what,):
            print(f"== {name}", flush=True)
            try:
                benchmark = importlib.import_module(f"benchmarks.{name}")
                with (
                    environment.own_records(),
                    recorded(
                        folder / f"{name}.jsonl",
                        lambda: {**machine.describe(), **machine.conditions()},
                        machine.conditions,
                    ) as write,
                ):
                    write({"kind": "settings", "rounds": rounds, "quick": given.quick})
                    benchmark.measure(settings, write)
            except Exception:  # noqa: BLE001 - shown; the other benchmarks are measured all the same
                traceback.print_exc()
                failed.append(name)
    report.write(folder)
    if failed:
        sys.exit(f"These did not end, and have no new figures: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
