"""The waveforms that a run kept, by analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from spicelab_nb.errors import NotKeptError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr

__all__ = ["Kept"]


class Kept(dict[str, "xr.Dataset"]):
    """Analysis to dataset; an analysis that is not there is an error that says what to do.

    Parameters
    ----------
    datasets
        By analysis.
    signals
        What the campaign was told to keep.
    """

    def __init__(self, datasets: Mapping[str, xr.Dataset], *, signals: Sequence[str]) -> None:
        super().__init__(datasets)
        self._signals = tuple(signals)

    @property
    def why_empty(self) -> str:
        """Say why there is nothing, and what to do."""
        if self._signals:
            return (
                f"There are no waveforms of {', '.join(self._signals)} yet: no sample is ok so far."
            )
        return (
            "This run kept no waveforms: name the signals when the campaign is made, "
            'sl.Campaign(..., keep=["v(out)"]), and run it; or simulate one sample again, '
            "run.circuit(0).simulate()."
        )

    def __missing__(self, analysis: str) -> NoReturn:
        if self:
            raise NotKeptError(f"Nothing was kept of {analysis!r}.{nearest(analysis, self)}")
        raise NotKeptError(f"There is no {analysis!r} here. {self.why_empty}")
