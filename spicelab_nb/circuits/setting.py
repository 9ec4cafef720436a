"""Setting the same parameters to many values, quickly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spicelab_nb.circuits.numbers import write_number, write_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from spicelab_nb.circuits.targets import Target
    from spicelab_nb.engines.engine import Deck

__all__ = ["Setter"]

# ``reset`` undoes everything but ``alterparam``, so what it would undo comes after it.
_ORDER = {"param": 0, "temp": 2, "value": 3, "instance": 3, "model": 4}
LONGEST_COMMAND = 999
"""ngspice cuts a command of 1024 characters without a word."""


class Setter:
    """Sets one list of parameters of a circuit again and again.

    Parameters
    ----------
    targets
        What is set, in order.
    load
        Gives the deck with values written into its text.
    reason
        Why values can only be loaded, "" where they can be set in a loaded deck.

    Attributes
    ----------
    names : tuple of str
        Canonical names, in the order given.
    alters : bool
        Whether `commands` can set them in a loaded deck.
    reason : str
        Why not.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        load: Callable[[Mapping[str, float | str]], Deck],
        reason: str = "",
    ) -> None:
        self.names = tuple(t.name for t in targets)
        self._load = load
        starts: list[tuple[int, str, str]] = []
        for target in targets:
            if target.command is None:
                reason = reason or f"{target.name} can only be set by loading the deck again"
                continue
            if len(target.command) + 30 > LONGEST_COMMAND:
                reason = reason or f"the name of {target.name} is too long for a command"
            starts.append((_ORDER[target.kind], target.command, target.name))
        starts.sort(key=lambda s: s[0])
        self._before = tuple((start, name) for order, start, name in starts if order == 0)
        self._after = tuple((start, name) for order, start, name in starts if order > 0)
        self.reason = reason
        self.alters = not reason

    def commands(self, values: Mapping[str, float | str]) -> tuple[str, ...] | None:
        """What to tell an engine that has the circuit's deck loaded.

        Parameters
        ----------
        values
            A number for each canonical name.

        Returns
        -------
        tuple of str or None
            ``alterparam`` and ``reset`` first, then the rest; None where `alters` is false.
        """
        if not self.alters:
            return None
        told = [f"{start}{write_number(float(values[name]))}" for start, name in self._before]
        if told:
            told.append("reset")
        told += [f"{start}{write_number(float(values[name]))}" for start, name in self._after]
        return tuple(told)

    def table(self, columns: Mapping[str, Sequence[float]]) -> list[tuple[str, ...]] | None:
        """Give what `commands` gives, for many sets of values at once.

        Parameters
        ----------
        columns
            A value for each set, for each canonical name; at least one name.
        """
        if not self.alters:
            return None
        before, after = (
            [
                [start + text for text in write_numbers([float(v) for v in columns[name]])]
                for start, name in group
            ]
            for group in (self._before, self._after)
        )
        if before:
            before.append(["reset"] * len(before[0]))
        return list(zip(*before, *after, strict=True))

    def deck(self, values: Mapping[str, float | str]) -> Deck:
        """The deck with these values written into its text."""
        return self._load({name: values[name] for name in self.names})
