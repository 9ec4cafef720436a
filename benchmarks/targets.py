"""What the engine's benchmark asks: how many times a sample of a peer shall cost one of ours."""

from __future__ import annotations

__all__ = ["NAMES", "TARGETS"]

NAMES = {
    "process": "`ngspice -b` for each sample",
    "spicelib": "spicelib `SimRunner`",
    "spicelab": "`spicelab.monte_carlo`",
    "sedes": "sedes batch, one worker",
    "sedes-loop": "sedes, one job with a loop",
    "control": "one `ngspice`, `.control` loop",
}
"""Peers, in the order of the table."""

TARGETS: dict[str, dict[str, float]] = {
    "process": {"rc": 30, "opamp": 20, "rectifier": 2.1, "sky130": 1000},
    "spicelib": {"rc": 38, "opamp": 25, "rectifier": 2.2},
    "spicelab": {"rc": 65},
    "sedes": {"rc": 1.5, "opamp": 1.7, "rectifier": 1.1},
    # sedes loads a deck for each sample of a batch: with SKY130 that alone takes seconds.
    "sedes-loop": {"sky130": 1.3},
    "control": {"rc": 1.5, "opamp": 1.3, "rectifier": 1.1, "sky130": 1.1},
}
"""Processor time of a peer's sample over ours, at least; by peer and circuit."""
