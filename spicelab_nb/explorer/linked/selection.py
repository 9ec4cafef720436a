"""One set of points, which all views of an explorer share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Selection"]


class Selection:
    """Points of a design that somebody looks at.

    Parameters
    ----------
    size
        How many points the design has. A point is its C-order index, as in ``run.failures``.

    Notes
    -----
    Not for use from several threads at once.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._points: NDArray[np.intp] = np.empty(0, np.intp)
        self._watchers: list[Callable[[NDArray[np.intp]], None]] = []

    @property
    def points(self) -> NDArray[np.intp]:
        """``(k,)``, ascending, each once; not to be written to."""
        return self._points

    def __len__(self) -> int:
        return len(self._points)

    def __contains__(self, point: object) -> bool:
        return bool(np.isin(point, self._points))  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return f"Selection({len(self)} of {self._size})"

    def replace(self, points: ArrayLike) -> None:
        """Select these points instead; every watcher is told, unless nothing changes.

        Parameters
        ----------
        points
            ``(k,)`` whole numbers in any order, or a mask ``(size,)``.

        Raises
        ------
        IndexError
            There is no such point.
        """
        given = np.asarray(points)
        if given.dtype == np.bool_:
            if given.shape != (self._size,):
                raise IndexError(f"a mask is of {self._size} points, not of shape {given.shape}")
            given = np.flatnonzero(given)
        chosen = np.unique(given.astype(np.intp).ravel())
        if len(chosen) and not (chosen[0] >= 0 and chosen[-1] < self._size):
            raise IndexError(f"there are the points 0 to {self._size - 1}")
        if np.array_equal(chosen, self._points):
            return
        chosen.setflags(write=False)
        self._points = chosen
        self._tell()

    def clear(self) -> None:
        """Select nothing."""
        self.replace(np.empty(0, np.intp))

    def watch(self, watcher: Callable[[NDArray[np.intp]], None]) -> Callable[[], None]:
        """Call `watcher` with the points whenever they change.

        Returns
        -------
        callable
            Ends that.
        """
        self._watchers.append(watcher)

        def unwatch() -> None:
            if watcher in self._watchers:
                self._watchers.remove(watcher)

        return unwatch

    def _tell(self) -> None:
        """Tell every watcher, also those after one that raised; then raise what it raised."""
        errors: list[Exception] = []
        for watcher in list(self._watchers):
            try:
                watcher(self._points)
            except Exception as error:  # noqa: BLE001 - raised below, once all have been told
                errors.append(error)
        if errors:
            raise errors[0]
