"""A circuit: netlist text, values set in it, and what it takes to simulate it."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from spicelab_nb.circuits.analysis import analyses_from, has_expressions
from spicelab_nb.circuits.decks import deck, narrowed, rendered, write
from spicelab_nb.circuits.names import Names
from spicelab_nb.circuits.nodes import nodes_of
from spicelab_nb.circuits.notices import notices_of
from spicelab_nb.circuits.original import Original
from spicelab_nb.circuits.parameters import Parameters, lookup_in
from spicelab_nb.circuits.randomness import draws_numbers
from spicelab_nb.circuits.setting import Setter
from spicelab_nb.circuits.showing import as_html, summary
from spicelab_nb.circuits.sources import lines_of, read, title_name
from spicelab_nb.circuits.travelling import contents, describe, rebuilt
from spicelab_nb.circuits.values import is_lib
from spicelab_nb.errors import suggests_arguments, warn_caller

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import xarray as xr

    from spicelab_nb.circuits.overrides import Rendered
    from spicelab_nb.circuits.scope import Netlist
    from spicelab_nb.circuits.targets import Target
    from spicelab_nb.engines.engine import Analysis, Deck, Engine

__all__ = ["Circuit", "CircuitNotice"]


class CircuitNotice(UserWarning):
    """Something in a netlist that is not done as the netlist says."""


class Circuit:
    """A circuit to simulate.

    Parameters
    ----------
    source
        Path of a netlist, netlist text (anything with a line break), an object with
        ``build_netlist()`` (spicelab), or a PySpice circuit. The first line of a netlist is its
        title.
    include_paths
        Folders, besides the netlist's own, whose files may be included. The contents of included
        files travel with the circuit; files anywhere else are refused.
    setup
        Commands that the engine is given before the netlist: ``["set ngbehavior=hsa"]``.
    osdi
        Compiled Verilog-A models to load.
    analyses
        ``[".ac dec 10 1 1meg"]``: run instead of those in the netlist.
    name
        What the circuit is called; by default the file's name without its suffix.

    Raises
    ------
    CircuitError
        The netlist cannot be used, for instance since it has a ``.step``.
    IncludeError
        An included file is missing or outside the allowed folders.
    """

    @suggests_arguments
    def __init__(
        self,
        source: str | Path | Any,
        *,
        include_paths: Sequence[str | Path] | str | Path = (),
        setup: Sequence[str] | str = (),
        osdi: Sequence[str | Path] | str | Path = (),
        analyses: Sequence[str] | str | None = None,
        name: str | None = None,
    ) -> None:
        text, path = read(source)
        self._original = Original.collected(
            text,
            label=path.name if path is not None else (name or "the netlist"),
            folder=path.resolve().parent if path is not None else Path.cwd(),
            include_paths=include_paths,
            setup=setup,
            osdi=osdi,
        )
        self._given = None if analyses is None else lines_of(analyses)
        self._values: dict[str, float | str] = {}
        self._name = name or (path.stem if path is not None else title_name(text))
        self._notices = notices_of(
            self._original.netlist, self._original.label, path, self._original.setup
        )
        for notice in self.notices:
            warn_caller(notice, CircuitNotice)
        if self._given is not None:
            _ = self._analyses(self._original.netlist)

    # What it is

    @property
    def name(self) -> str:
        """What the circuit is called."""
        return self._name

    @property
    def title(self) -> str:
        """The first line of the netlist."""
        return self._original.text.partition("\n")[0].strip()

    @property
    def setup(self) -> tuple[str, ...]:
        """Commands that the engine is given before the netlist."""
        return self._original.setup

    @property
    def values(self) -> Mapping[str, float | str]:
        """The values that have been set, by canonical name."""
        return MappingProxyType(self._values)

    @property
    def files(self) -> Mapping[str, str]:
        """Every file that is taken along: the path the engine sees it by, to its SHA-256."""
        deck = self.deck()
        return MappingProxyType(
            {path: hashlib.sha256(data).hexdigest() for path, data in sorted(deck.files.items())}
        )

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know of how the netlist is read, one sentence each."""
        return (*self._notices, *self._original.orders.notices)

    @cached_property
    def random(self) -> bool:
        """Whether the netlist draws numbers of its own (``agauss`` and the like).

        Such a circuit is loaded afresh, with a seed, for each sample.
        """
        return draws_numbers(self._selected)

    @cached_property
    def analyses(self) -> tuple[Analysis, ...]:
        """What is run, in this order."""
        commands = self._commands()
        base = self._original.netlist
        known = base.top.sees_param
        fixed = not any(has_expressions(c, known) for c in commands)
        return self._analyses(base if fixed else self._effective)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over text, values, setup and contents of included files, 64 hex digits.

        Two circuits with the same digest give the engine the same; where their files lie does
        not count.
        """
        return self.deck().digest

    @cached_property
    def parameters(self) -> Parameters:
        """Every name that can be set, with its nominal value."""
        return Parameters(
            self._names,
            lambda values: self.with_values(values).parameters,
            self._ask,
        )

    @cached_property
    def nodes(self) -> frozenset[str]:
        """Names of the nodes at the top of the netlist, lower case.

        Possibly with a few words more, where an element's letter does not tell how many it has.
        """
        return nodes_of(self._original.netlist)

    @cached_property
    def elements(self) -> Mapping[str, int]:
        """How many elements of each letter stand at the top: ``{"C": 1, "R": 2}``."""
        counts: dict[str, int] = {}
        for device in self._original.netlist.top.devices.values():
            counts[device.letter.upper()] = counts.get(device.letter.upper(), 0) + 1
        return MappingProxyType(dict(sorted(counts.items())))

    # Reading

    @cached_property
    def _effective(self) -> Netlist:
        """The netlist with the values in its text, for what depends on them."""
        if not self._values:
            return self._original.netlist
        return self._original.with_values(self._rendered)

    @cached_property
    def _names(self) -> Names:
        if not self._values:
            return self._original.names
        return Names(self._effective, self._original.label)

    @property
    def _selected(self) -> Netlist:
        """The netlist as it stands, but with the sections of libraries that were chosen."""
        sections = {n: v for n, v in self._values.items() if is_lib(n)}
        return self._original.resolved(sections)[0]

    def _analyses(self, netlist: Netlist) -> tuple[Analysis, ...]:
        commands = self._commands()
        top = Names(netlist, self._original.label).top
        return analyses_from(commands, lookup_in(top), netlist.top.sees_param)

    def _commands(self) -> tuple[str, ...]:
        if self._given is not None:
            return self._given
        return tuple(site.card.text for site in self._original.orders.analyses)

    # Values

    def with_values(self, values: Mapping[str, float | str]) -> Circuit:
        """Give the circuit with other values.

        Parameters
        ----------
        values
            Name to number (or text such as ``"2k"``); for ``lib`` the name of a section.

        Returns
        -------
        Circuit
            A new one; nothing but the values changes in its text.

        Raises
        ------
        UnknownNameError, AmbiguousNameError
            A name is not one parameter of the circuit.
        CircuitError
            A value is not finite, or a parameter is named twice.
        """
        checked = self._original.checked(values, self._values)
        changed = self._copy({**self._values, **checked})
        _ = self._original.resolved(changed._values)
        return changed

    def _copy(self, values: dict[str, float | str]) -> Circuit:
        other = object.__new__(Circuit)
        other.__setstate__({**self.__getstate__(), "_values": values})
        if "_seed" in self.__dict__:
            other.__dict__["_seed"] = self.__dict__["_seed"]
        return other

    def setter(self, names: Iterable[str]) -> Setter:
        """Prepare setting the same parameters to many values.

        Parameters
        ----------
        names
            What will be set.

        Returns
        -------
        Setter
            Its ``commands(values)`` are for a loaded deck, its ``deck(values)`` for a fresh one;
            both take the canonical names ``setter.names``.
        """
        targets = [self.target(name) for name in dict.fromkeys(names)]
        reason = ""
        if self.random:
            reason = f"{self._original.label} draws numbers of its own, once when it is loaded"
        elif any(t.kind == "param" for t in targets) and any(
            has_expressions(c, self._effective.top.sees_param) for c in self._commands()
        ):
            reason = "an analysis has parameters in its arguments"
        return Setter(targets, lambda values: self.with_values(values).deck(), reason)

    def alterable(self, name: str) -> bool:
        """Whether a parameter can be set in a loaded deck."""
        return self.setter((name,)).alters

    def target(self, name: str) -> Target:
        """Where a parameter stands in the netlist, and the command that sets it."""
        return self._names.resolve(name)

    def alter_commands(self, values: Mapping[str, float | str]) -> tuple[str, ...] | None:
        """What sets values in an engine that has this circuit's deck loaded.

        Returns
        -------
        tuple of str or None
            ``alterparam`` and ``reset`` first; None where a value can only be loaded. Many
            samples of the same parameters are quicker with `setter`.
        """
        checked = self._original.checked(values, self._values)
        return self.setter(checked).commands(checked)

    # What the engine gets

    @cached_property
    def _rendered(self) -> Rendered:
        if self._given is None:
            return rendered(self._original, self._values)
        netlist, _ = self._original.resolved(self._values)
        return rendered(self._original, self._values, analyses=self._analyses(netlist))

    def netlist(self) -> str:
        """Give the netlist with all values in it, as an engine reads it.

        Included files are named by their contents; ``.control`` blocks are comments; analyses
        that were given stand in the place of the deck's own.
        """
        return self._rendered.text

    def write(self, folder: str | Path) -> Path:
        """Write the netlist and all files that it includes, ready for ``ngspice -b``.

        Parameters
        ----------
        folder
            Made if it is not there.

        Returns
        -------
        Path
            Of the netlist in it.
        """
        return write(self._rendered, Path(folder), self._name)

    @cached_property
    def _deck(self) -> Deck:
        return deck(self._original, self._values, self._selected, self.analyses)

    def deck(self, save: Sequence[str] = (), analyses: Sequence[str] | None = None) -> Deck:
        """Give what an engine loads.

        Parameters
        ----------
        save
            Signals to return; by default those of the netlist's ``.save`` lines, or all.
        analyses
            Names of the analyses to run (``"ac"``); by default all.

        Raises
        ------
        CircuitError
            The circuit has no analysis, or none of that name.
        """
        return narrowed(self._deck, save=save, analyses=analyses, label=self._original.label)

    def with_analyses(self, analyses: Sequence[str] | str) -> Circuit:
        """Give the circuit with other analyses: ``[".ac dec 10 1 1meg"]``."""
        other = self._copy(dict(self._values))
        other._given = lines_of(analyses)
        _ = other.analyses
        return other

    # Simulating

    def simulate(
        self,
        analyses: Sequence[str] | str | None = None,
        engine: Engine | str | None = None,
        time_limit: float = 600.0,
    ) -> dict[str, xr.Dataset]:
        """Simulate once.

        Parameters
        ----------
        analyses
            Lines to run instead of the circuit's own.
        engine
            An engine or its name; by default the first one installed.
        time_limit
            Processor seconds.

        Returns
        -------
        dict of str to xarray.Dataset
            By analysis: ``out["ac"]["v(out)"]``.

        Raises
        ------
        SimulationError
            It failed; carries the reason and the engine's last lines.
        CircuitError
            There is no analysis.
        """
        from spicelab_nb.circuits.simulation import simulate

        circuit = self if analyses is None else self.with_analyses(analyses)
        return simulate(circuit, self._original.label, engine=engine, time_limit=time_limit)

    def _ask(self, vectors: Sequence[str]) -> dict[str, float]:
        from spicelab_nb.circuits.simulation import ask

        return ask(self, vectors)

    # Travelling

    def describe(self) -> dict[str, Any]:
        """Give all that identifies the circuit, as JSON; contents by SHA-256 (`inputs`)."""
        return describe(self._original, self._given, self._values)

    def inputs(self) -> dict[str, bytes]:
        """Give the contents that `describe` names, by SHA-256."""
        return contents(self._original)

    @classmethod
    def restore(cls, description: Mapping[str, Any], inputs: Mapping[str, bytes]) -> Circuit:
        """Rebuild the circuit that was described, with the same digest.

        Parameters
        ----------
        description, inputs
            As `describe` and `inputs` gave them.

        Raises
        ------
        CircuitError
            A content is missing.
        """
        circuit = object.__new__(cls)
        original, given, values = rebuilt(description, inputs)
        circuit.__setstate__(
            {
                "_original": original,
                "_given": given,
                "_values": values,
                "_name": title_name(original.text),
                "_notices": (),
            }
        )
        return circuit

    def __getstate__(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in _STATE}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    # Looking at it

    def __repr__(self) -> str:
        return f"<Circuit {self._name!r}: {summary(self)}>"

    def _repr_html_(self) -> str:
        return as_html(self)


_STATE = ("_original", "_given", "_values", "_name", "_notices")
