"""``dataset.spicelab``: the figures as methods of a run's dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spicelab_nb.explorer import figures, tables
from spicelab_nb.results.statistics import summarize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    import xarray as xr

    from spicelab_nb.results.spec import Spec
    from spicelab_nb.results.summary import Summary

__all__ = ["register"]

_NAME = "spicelab"


class SpicelabAccessor:
    """Figures and statistics of a dataset; it keeps nothing but the dataset itself."""

    def __init__(self, dataset: xr.Dataset) -> None:
        self._dataset = dataset

    def histogram(self, measure: str, *, spec: Spec | None = None) -> Any:
        """Histogram of a measure; see :func:`spicelab_nb.explorer.histogram`."""
        return figures.histogram(self._dataset, measure, spec=spec)

    def scatter(self, x: str, y: str) -> Any:
        """Scatter of a measure; see :func:`spicelab_nb.explorer.scatter`."""
        return figures.scatter(self._dataset, x, y)

    def tornado(self, measure: str, **options: Any) -> Any:
        """Which parameter matters; see :func:`spicelab_nb.explorer.tornado`."""
        return figures.tornado(self._dataset, measure, **options)

    def surface(
        self, measure: str, x: str | None = None, y: str | None = None, **options: Any
    ) -> Any:
        """Response surface of a sweep; see :func:`spicelab_nb.explorer.surface`."""
        return figures.surface(self._dataset, measure, x, y, **options)

    def parallel(self, names: Sequence[str] | None = None) -> Any:
        """Parallel coordinates; see :func:`spicelab_nb.explorer.parallel`."""
        return figures.parallel(self._dataset, names)

    def corners(self, measure: str) -> Any:
        """Spread at each corner; see :func:`spicelab_nb.explorer.corners`."""
        return figures.corners(self._dataset, measure)

    def corner_table(self, names: Sequence[str] | None = None) -> pd.DataFrame:
        """Corners compared; see :func:`spicelab_nb.explorer.corner_table`."""
        return tables.corner_table(self._dataset, names)

    def table(self, failures: pd.DataFrame | None = None, **options: Any) -> pd.DataFrame:
        """Samples with status and broken specs; see :func:`spicelab_nb.explorer.table`."""
        return tables.table(self._dataset, failures, **options)

    def waveforms(self, signal: str, **options: Any) -> Any:
        """Waveforms of a signal of this dataset; see :func:`spicelab_nb.explorer.waveforms`."""
        return figures.waveforms(self._dataset[signal], **options)

    def bode(self, signal: str, **options: Any) -> Any:
        """Bode plot of a signal of this dataset; see :func:`spicelab_nb.explorer.bode`."""
        return figures.bode(self._dataset[signal], **options)

    def summary(self, *, specs: Mapping[str, Spec] | None = None) -> Summary:
        """Statistics and yields; see :func:`spicelab_nb.results.statistics.summarize`."""
        return summarize(self._dataset, specs=specs)


def register() -> None:
    """Make ``dataset.spicelab`` available; may be called again."""
    import xarray as xr

    if getattr(xr.Dataset, _NAME, None) is None:
        xr.register_dataset_accessor(_NAME)(SpicelabAccessor)  # type: ignore[no-untyped-call]
