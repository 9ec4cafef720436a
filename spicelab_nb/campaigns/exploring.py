"""The explorer of a run: its store to read from, its engine to simulate a sample again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from spicelab_nb.campaigns.run import Run
    from spicelab_nb.explorer.linked import Explorer

__all__ = ["explore"]


def explore(run: Run, measure: str | None = None) -> Explorer:
    """Make the explorer of a run; see ``Run.explore``."""
    from spicelab_nb.explorer.linked import Explorer

    def simulate(point: int) -> Mapping[str, xr.Dataset]:
        # By the engine that computed the run, which need not be the one preferred here.
        engine = run.plan.simulator["engine"]["name"]
        return run.circuit(point=point).simulate(engine=engine)

    waveforms = run.waveforms
    is_circuit = run.plan.simulator.get("kind") == "circuit"
    return Explorer(
        run.dataset,
        waveforms=waveforms,
        failures=lambda: run.failures,
        resimulate=simulate if is_circuit else None,
        measure=measure,
        name=run.name,
        nothing_kept=waveforms.why_empty if is_circuit else "A function keeps no waveforms.",
    )
