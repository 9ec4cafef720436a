"""Plots of many samples in one array for each signal, cut into samples only when asked for.

Samples of one deck mostly share their axes (an ``.ac`` sweep always does). An engine then returns
one :class:`Stack` for all of them, and each :class:`~.engine.Outcome` looks into it through a
:class:`Row`. What is computed for every sample takes the whole array, without a copy for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spicelab_nb.engines.engine import Outcome, Plot

__all__ = ["Row", "Stack", "stacks"]


class Stack:
    """The plots of samples whose axes agree in every bit.

    Parameters
    ----------
    plots
        By analysis; each vector has the samples as its first dimension:
        ``(count, *(len(axes[s]) for s in scale))``.
    count
        Number of samples.
    """

    __slots__ = ("count", "plots")

    def __init__(self, plots: Mapping[str, Plot], count: int) -> None:
        self.plots = plots
        self.count = count

    def take(self, places: Sequence[int]) -> Stack:
        """Give the same with these samples only, in this order; no copy where they follow."""
        first, count = places[0], len(places)
        if list(places) == list(range(first, first + count)):
            if count == self.count:
                return self
            cut: slice | list[int] = slice(first, first + count)
        else:
            cut = list(places)
        plots = {
            name: replace(plot, vectors={k: v[cut] for k, v in plot.vectors.items()})
            for name, plot in self.plots.items()
        }
        return Stack(plots, count)


class Row(Mapping[str, "Plot"]):
    """The plots of one sample of a stack.

    Parameters
    ----------
    stack
        Of which samples.
    place
        Which of them.
    """

    __slots__ = ("place", "stack")

    def __init__(self, stack: Stack, place: int) -> None:
        self.stack = stack
        self.place = place

    def __getitem__(self, name: str) -> Plot:
        plot = self.stack.plots[name]
        return replace(plot, vectors={k: v[self.place] for k, v in plot.vectors.items()})

    def __iter__(self) -> Iterator[str]:
        return iter(self.stack.plots)

    def __len__(self) -> int:
        return len(self.stack.plots)

    def __repr__(self) -> str:
        return f"Row({dict(self)!r})"


def stacks(outcomes: Sequence[Outcome]) -> Iterator[Stack]:
    """Put the samples back together whose axes agree and which follow one another.

    Parameters
    ----------
    outcomes
        Each with status ``OK``.

    Yields
    ------
    Stack
        In order, each with as many samples as could be joined.
    """
    at: Stack | None = None
    places: list[int] = []
    for outcome in outcomes:
        plots = outcome.plots
        if isinstance(plots, Row):
            if plots.stack is not at:
                if at is not None:
                    yield at.take(places)
                at, places = plots.stack, []
            places.append(plots.place)
            continue
        if at is not None:
            yield at.take(places)
            at = None
        yield Stack(
            {
                name: replace(plot, vectors={k: v[None] for k, v in plot.vectors.items()})
                for name, plot in plots.items()
            },
            1,
        )
    if at is not None:
        yield at.take(places)
