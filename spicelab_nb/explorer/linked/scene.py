"""What the views of one display share: the points, the selection, waveforms, and complaints."""

from __future__ import annotations

import functools
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.explorer.linked.bundle import Bundle, read_bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from spicelab_nb.explorer.linked.columns import Columns
    from spicelab_nb.explorer.linked.selection import Selection

__all__ = ["Scene", "Waves"]

logger = logging.getLogger(__name__)


class Waves:
    """Kept signals, each read when it is first looked at.

    Parameters
    ----------
    datasets
        ``run.waveforms``: analysis to dataset.
    dims
        Dimensions of the design.
    nothing
        What to say where there is none.
    """

    _MOST_BUNDLES = 3

    def __init__(
        self, datasets: Mapping[str, xr.Dataset], dims: tuple[str, ...], nothing: str
    ) -> None:
        self._waves = {
            f"{name} of {analysis}": dataset[name].transpose(*dims, ...)
            for analysis, dataset in datasets.items()
            for name in map(str, dataset.data_vars)
            if len(dataset[name].dims) == len(dims) + 1
        }
        kept = [f"{name} of {a}" for a, dataset in datasets.items() for name in dataset.data_vars]
        if kept and not self._waves:
            nothing = (
                f"What was kept is drawn along no axis or several: {', '.join(kept)}. "
                "run.waveforms holds the values."
            )
        self.nothing = nothing
        self._bundles: dict[tuple[str, str | None], Bundle] = {}
        self._ahead: dict[tuple[str, str | None], Future[Bundle]] = {}

    @property
    def names(self) -> list[str]:
        """``"v(out) of ac"``, ..."""
        return list(self._waves)

    @property
    def complex_names(self) -> list[str]:
        """Those that have a phase."""
        return [name for name, wave in self._waves.items() if wave.dtype.kind == "c"]

    def is_complex(self, name: str) -> bool:
        """Whether a signal has a phase."""
        return bool(self._waves[name].dtype.kind == "c")

    def first_part(self, name: str) -> str | None:
        """The part of a signal that is shown first: dB of a complex one, else all there is."""
        return "db" if self.is_complex(name) else None

    def read_ahead(self) -> None:
        """Begin to read what is looked at first, in a thread."""
        if not self.names or self._bundles or self._ahead:
            return
        name = self.names[0]
        key = (name, self.first_part(name))
        reader = ThreadPoolExecutor(1, thread_name_prefix="spicelab-explorer")
        self._ahead[key] = reader.submit(read_bundle, self._waves[name], part=key[1])
        reader.shutdown(wait=False)

    def bundle(self, name: str, part: str | None = None) -> Bundle:
        """Read a signal, or give it again; a few stay in memory."""
        key = (name, part)
        if key not in self._bundles:
            while len(self._bundles) >= self._MOST_BUNDLES:
                del self._bundles[next(iter(self._bundles))]
            begun = self._ahead.pop(key, None)
            read = begun.result() if begun else read_bundle(self._waves[name], part=part)
            self._bundles[key] = read
        return self._bundles[key]


class Scene:
    """What the views of one display share.

    Parameters
    ----------
    columns, selection, waves
        Of the explorer.
    measure
        The one looked at first; "" where there is none.
    failures
        Gives ``run.failures``.
    lock
        Of the explorer, reentrant: held while an action is carried out.
    """

    def __init__(
        self,
        *,
        columns: Columns,
        selection: Selection,
        waves: Waves,
        measure: str,
        failures: Callable[[], pd.DataFrame | None],
        lock: AbstractContextManager[Any],
    ) -> None:
        self.columns = columns
        self.selection = selection
        self.waves = waves
        self.measure = measure
        self._read_failures = failures
        self._failures: pd.DataFrame | None = None
        self._depth = 0
        self.lock = lock
        self.on_complaint: Callable[[Exception | None], None] = lambda error: None
        self.batch: Callable[[], AbstractContextManager[None]] = nullcontext

    @property
    def failures(self) -> pd.DataFrame | None:
        """The table of failures, read when it is first asked for."""
        if self._failures is None and self.columns.failed.any():
            self._failures = self._read_failures()
        return self._failures

    def furthest(self, points: NDArray[np.intp]) -> NDArray[np.intp]:
        """Points in order of how far out they are in the measure."""
        return self.columns.strays(self.measure, points) if self.measure else points

    def drawn(self, points: NDArray[np.intp], most: int) -> NDArray[np.intp]:
        """At most `most` of some points: the ones that are furthest out in the measure."""
        return points if len(points) <= most else np.sort(self.furthest(points)[:most])

    def guarded(self, action: Callable[..., Any]) -> Callable[..., None]:
        """Make a callback of an action: what it raises is shown, and what it changed is sent."""

        @functools.wraps(action)
        def call(*args: Any) -> None:
            # What a page sends is answered in a thread of its own where the kernel has such,
            # while a cell may be changing the selection.
            with self.lock:
                outermost = self._depth == 0
                with self.batch() if outermost else nullcontext():
                    self._depth += 1
                    try:
                        if outermost:
                            self.on_complaint(None)
                        action(*args)
                    except Exception as error:  # whatever it is, it is shown
                        logger.debug("In the explorer", exc_info=error)
                        self.on_complaint(error)
                    finally:
                        self._depth -= 1

        return call
