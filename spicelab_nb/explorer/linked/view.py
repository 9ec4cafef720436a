"""One of the linked views: drawn when it is opened, and answering to selections from then on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spicelab_nb.explorer.linked.scene import Scene

__all__ = ["View"]


class View(ABC):
    """A linked view in one display.

    Parameters
    ----------
    scene
        What it shares with the others.
    """

    title: ClassVar[str]

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._panel: Any = None

    @property
    def opened(self) -> bool:
        """Whether it has been looked at; before, it draws nothing and answers nothing."""
        return self._panel is not None

    def open(self) -> Any:
        """Give its Panel object, made when first asked for."""
        if self._panel is None:
            self._panel = self.build()
            self.show(self.scene.selection.points)
        return self._panel

    def answer(self, points: NDArray[np.intp]) -> None:
        """Show a selection, if anybody looks."""
        if self.opened:
            self.show(points)

    def measure_changed(self) -> None:
        """Draw another measure, if anybody looks."""
        if self.opened:
            self.redraw()
            self.show(self.scene.selection.points)

    @abstractmethod
    def build(self) -> Any:
        """Make the Panel object."""

    @abstractmethod
    def show(self, points: NDArray[np.intp]) -> None:
        """Show which points are selected."""

    def redraw(self) -> None:  # noqa: B027 - of most views nothing depends on the measure
        """Draw the scene's measure, where it matters."""
