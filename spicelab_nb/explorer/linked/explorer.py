"""The linked explorer of a run."""

from __future__ import annotations

import importlib.util
import threading
from typing import TYPE_CHECKING, Any

from spicelab_nb.errors import MeasureError, missing_extra
from spicelab_nb.explorer.figures.axes import check, dataset_of
from spicelab_nb.explorer.linked.columns import Columns
from spicelab_nb.explorer.linked.scene import Scene, Waves
from spicelab_nb.explorer.linked.selection import Selection

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pandas as pd
    import xarray as xr

    from spicelab_nb.explorer.linked.page import Page

__all__ = ["Explorer"]

_NOTHING_KEPT = "No waveforms are given."


class Explorer:
    """Linked views over one selection of samples.

    Made by ``run.explore()``. As the last line of a notebook's cell it shows itself; each display
    has views of its own, and all share the selection.

    Parameters
    ----------
    dataset
        ``run.dataset``.
    waveforms
        ``run.waveforms``: read when they are looked at.
    failures
        Gives ``run.failures``; called when the table is first looked at.
    resimulate
        Gives for a point (C-order index into the design) every signal, as ``circuit.simulate()``
        does; None: nothing can be simulated again.
    measure
        The one shown first; None: the first with a spec, else the first.
    name
        Of the run.
    nothing_kept
        What to say where there are no waveforms.

    Raises
    ------
    MissingExtraError
        The extra ``explore`` is not installed.
    MeasureError
        There is no such measure.
    """

    def __init__(
        self,
        dataset: xr.Dataset,
        *,
        waveforms: Mapping[str, xr.Dataset] | None = None,
        failures: Callable[[], pd.DataFrame] | None = None,
        resimulate: Callable[[int], Mapping[str, xr.Dataset]] | None = None,
        measure: str | None = None,
        name: str = "run",
        nothing_kept: str = _NOTHING_KEPT,
    ) -> None:
        _need_panel()
        self.dataset = dataset_of(dataset)
        self.name = name
        self.columns = Columns(self.dataset)
        if measure is not None:
            check(self.dataset, measure)
        known = self.columns.measures
        judged = [m for m in known if m in self.columns.specs]
        self._measure = measure or next(iter([*judged, *known]), "")
        self.selection = Selection(self.columns.size)
        self.resimulated: dict[int, Mapping[str, xr.Dataset]] = {}
        """What was simulated again, by point."""
        self._waves = Waves(waveforms or {}, self.columns.dims, nothing_kept)
        self._failures = failures
        self._lock = threading.RLock()
        self._simulate = resimulate

    def page(self) -> Page:
        """Make the views of one more display."""
        # While Panel is imported, which takes a second when it is the first time.
        self._waves.read_ahead()
        from spicelab_nb.explorer.linked.page import Page

        scene = Scene(
            columns=self.columns,
            selection=self.selection,
            waves=self._waves,
            measure=self._measure,
            failures=self._failures or (lambda: None),
            lock=self._lock,
        )
        again = None if self._simulate is None else self.resimulate
        return Page(scene, name=self.name, resimulate=again)

    def resimulate(self, point: int) -> Mapping[str, xr.Dataset]:
        """Simulate a point again, with every signal; kept in `resimulated`.

        Raises
        ------
        MeasureError
            Nothing here can.
        """
        if self._simulate is None:
            raise MeasureError(f"The samples of {self.name} cannot be simulated again here.")
        self.resimulated[point] = self._simulate(point)
        return self.resimulated[point]

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the views as one HTML file that needs no network and no kernel.

        Parameters
        ----------
        path
            The file; its folder is made. Written beside and moved.

        Returns
        -------
        pathlib.Path
            The file, absolute; some MB, since the scripts are in it. The selection is drawn as it
            is now; zooming, hovering and brushing the scatter work in it, what computes does not.
        """
        from spicelab_nb.explorer.linked.export import write_page

        return write_page(self, path)

    # ---- showing it -----------------------------------------------------------------------

    def __panel__(self) -> Any:
        """Give the Panel object of one more display."""
        return self.page().panel

    def servable(self, **options: Any) -> Any:
        """Show it in a Panel application: ``panel serve``."""
        return self.__panel__().servable(**options)

    def __repr__(self) -> str:
        c = self.columns
        parts = [f"{c.size} points, {c.lost}", f"{len(c.measures)} measures"]
        if self._waves.names:
            parts.append(f"waveforms {', '.join(self._waves.names)}")
        return f"Explorer({self.name!r}: {'; '.join(parts)})"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        from spicelab_nb.explorer.scripts import NO_ECHO, in_kernel, load_scripts

        if not in_kernel():
            return {"text/plain": repr(self)}, {}
        load_scripts()
        bundle = self.__panel__()._repr_mimebundle_(include, exclude)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        shown = {"text/html": data["text/html"] + NO_ECHO} if "text/html" in data else {}
        return {**data, **shown, "text/plain": repr(self)}, metadata


def _need_panel() -> None:
    if importlib.util.find_spec("panel") is None:
        raise missing_extra("The explorer", "explore")
