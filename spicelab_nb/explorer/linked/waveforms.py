"""The waveforms that a run kept, and a Bode plot of them."""

from __future__ import annotations

from abc import abstractmethod
from html import escape
from typing import TYPE_CHECKING, Any

from spicelab_nb.explorer.linked.bundle_plot import BundlePlot
from spicelab_nb.explorer.linked.view import View

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["BodeView", "WaveformView"]

_PARTS = {
    "magnitude in dB": "db",
    "magnitude": "magnitude",
    "phase": "phase",
    "real part": "real",
    "imaginary part": "imag",
}


class _BundleView(View):
    """Chooses a signal and draws bundles of it."""

    plots: tuple[BundlePlot, ...] = ()

    def names(self) -> list[str]:
        """Signals to choose from."""
        return self.scene.waves.names

    def build(self) -> Any:
        """Make the Panel object."""
        import panel as pn

        names = self.names()
        if not names:
            text = escape(self.nothing())
            return pn.pane.HTML(f"<p>{text}</p>", sizing_mode="stretch_width")
        self.signal = pn.widgets.Select(label="Signal", options=names, value=names[0], width=220)
        self.signal.param.watch(self.scene.guarded(self._chosen), "value")
        self._figures = pn.Column(sizing_mode="stretch_width")
        self.draw()
        return pn.Column(pn.Row(*self.widgets()), self._figures, sizing_mode="stretch_width")

    def nothing(self) -> str:
        """What to say where there is no signal."""
        return self.scene.waves.nothing

    def widgets(self) -> list[Any]:
        """What stands above the plots."""
        return [self.signal]

    def show(self, points: NDArray[np.intp]) -> None:
        """Show which points are selected."""
        for plot in self.plots:
            plot.show(points)

    def draw(self) -> None:
        import panel as pn

        self.plots = self.bundle_plots()
        self._figures[:] = [
            pn.pane.Bokeh(p.figure, sizing_mode="stretch_width") for p in self.plots
        ]

    @abstractmethod
    def bundle_plots(self) -> tuple[BundlePlot, ...]:
        """Make the plots of the chosen signal."""

    def _chosen(self, event: Any) -> None:
        del event
        self.draw()
        self.show(self.scene.selection.points)


class WaveformView(_BundleView):
    """Minimum, maximum, bands and worst samples of a signal; selected ones on top."""

    title = "Waveforms"

    def widgets(self) -> list[Any]:
        """What stands above the plots."""
        import panel as pn

        self.part = pn.widgets.Select(label="Shown", options=list(_PARTS), width=150)
        self.part.param.watch(self.scene.guarded(self._chosen), "value")
        self.part.visible = self.scene.waves.is_complex(self.signal.value)
        return [self.signal, self.part]

    def bundle_plots(self) -> tuple[BundlePlot, ...]:
        """Make the plots of the chosen signal."""
        name = self.signal.value
        part = self.scene.waves.first_part(name)
        if hasattr(self, "part"):
            self.part.visible = part is not None
            part = _PARTS[self.part.value] if part else None
        return (BundlePlot(self.scene, self.scene.waves.bundle(name, part)),)


class BodeView(_BundleView):
    """Magnitude and phase over one frequency axis."""

    title = "Bode"

    def names(self) -> list[str]:
        """Signals to choose from."""
        return self.scene.waves.complex_names

    def nothing(self) -> str:
        """What to say where there is no signal."""
        if self.scene.waves.names:
            return "No complex signal was kept: a Bode plot is of a frequency response (.ac)."
        return self.scene.waves.nothing

    def bundle_plots(self) -> tuple[BundlePlot, ...]:
        """Make the plots of the chosen signal, with the same samples on top in both."""
        waves, name = self.scene.waves, self.signal.value
        decibels = waves.bundle(name, "db")
        magnitude = BundlePlot(self.scene, decibels, name="magnitude", height=290)
        phase = BundlePlot(
            self.scene,
            waves.bundle(name, "phase"),
            name="phase",
            height=290,
            x_range=magnitude.figure.x_range,
            worst=decibels.worst,
        )
        return magnitude, phase
