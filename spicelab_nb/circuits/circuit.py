"""A circuit: netlist text, values set in it, and what it takes to simulate it."""

from __future__ import annotations

import hashlib
import re
import warnings
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from spicelab_nb.circuits.analysis import (
    Orders,
    analyses_from,
    has_expressions,
    read_orders,
    saved_signals,
)
from spicelab_nb.circuits.includes import IncludedFile, collect
from spicelab_nb.circuits.names import Names
from spicelab_nb.circuits.nodes import nodes_of
from spicelab_nb.circuits.notices import notices_of
from spicelab_nb.circuits.overrides import Rendered, data_name, render
from spicelab_nb.circuits.parameters import Parameters, lookup_in
from spicelab_nb.circuits.randomness import draws_numbers
from spicelab_nb.circuits.scope import Netlist
from spicelab_nb.circuits.setting import Setter
from spicelab_nb.circuits.showing import as_html, summary
from spicelab_nb.circuits.sources import lib_includes, lines_of, read, several, title_name
from spicelab_nb.circuits.travelling import contents, describe, rebuilt
from spicelab_nb.circuits.values import checked_value, is_lib
from spicelab_nb.engines.engine import Deck
from spicelab_nb.errors import CircuitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import xarray as xr

    from spicelab_nb.circuits.targets import Target
    from spicelab_nb.engines.engine import Analysis, Engine

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
        folder = path.resolve().parent if path is not None else Path.cwd()
        roots = tuple(Path(p).expanduser() for p in several(include_paths))
        for root in roots:
            if not root.is_dir():
                raise CircuitError(f"include_paths names {str(root)!r}, which is no folder.")
        commands = tuple(str(line) for line in several(setup))
        compiled = tuple(Path(p).expanduser() for p in several(osdi))
        label = path.name if path is not None else (name or "the netlist")
        links, files = collect(
            text,
            name=label,
            folder=folder,
            include_paths=roots,
            extra=compiled,
            lib_includes=lib_includes(commands),
        )
        self._text = text
        self._links = links
        self._files = files
        self._osdi = tuple(range(len(files) - len(compiled), len(files)))
        self._setup = commands
        self._given = None if analyses is None else lines_of(analyses)
        self._values: dict[str, float | str] = {}
        self._label = label
        self._name = name or (path.stem if path is not None else title_name(text))
        self._notices = notices_of(self._base, label, path, commands)
        for notice in self.notices:
            warnings.warn(notice, CircuitNotice, stacklevel=2)
        if self._given is not None:
            _ = self._analyses(self._base)

    # What it is

    @property
    def name(self) -> str:
        """What the circuit is called."""
        return self._name

    @property
    def title(self) -> str:
        """The first line of the netlist."""
        return self._text.partition("\n")[0].strip()

    @property
    def setup(self) -> tuple[str, ...]:
        """Commands that the engine is given before the netlist."""
        return self._setup

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
        return (*self._notices, *self._orders.notices)

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
        known = self._base.top.sees_param
        fixed = not any(has_expressions(c, known) for c in commands)
        return self._analyses(self._base if fixed else self._effective)

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
            self._names(self._effective),
            lambda values: self.with_values(values).parameters,
            self._ask,
        )

    @cached_property
    def nodes(self) -> frozenset[str]:
        """Names of the nodes at the top of the netlist, lower case.

        Possibly with a few words more, where an element's letter does not tell how many it has.
        """
        return nodes_of(self._base)

    @cached_property
    def elements(self) -> Mapping[str, int]:
        """How many elements of each letter stand at the top: ``{"C": 1, "R": 2}``."""
        counts: dict[str, int] = {}
        for device in self._base.top.devices.values():
            counts[device.letter.upper()] = counts.get(device.letter.upper(), 0) + 1
        return MappingProxyType(dict(sorted(counts.items())))

    # Reading

    @cached_property
    def _base(self) -> Netlist:
        return self._netlist({})

    def _netlist(self, sections: Mapping[tuple[int, ...], str]) -> Netlist:
        return Netlist(
            self._text,
            self._links,
            self._files,
            sections=sections,
            name=self._label,
            lib_includes=lib_includes(self._setup),
        )

    @cached_property
    def _orders(self) -> Orders:
        return read_orders(self._base)

    @cached_property
    def _effective(self) -> Netlist:
        """The netlist with the values in its text, for what depends on them."""
        if not self._values:
            return self._base
        rendered = self._rendered
        links = {path: i for i, path in enumerate(rendered.files)}
        beside = {"../" + path.removeprefix("inc/"): i for path, i in links.items()}
        files = [
            IncludedFile(name=path.rpartition("/")[2], data=data, links={**links, **beside})
            for path, data in rendered.files.items()
        ]
        return Netlist(
            rendered.text,
            links,
            files,
            name=self._label,
            lib_includes=lib_includes(self._setup),
        )

    @property
    def _selected(self) -> Netlist:
        """The netlist as it stands, but with the sections of libraries that were chosen."""
        return self._resolved({n: v for n, v in self._values.items() if is_lib(n)})[0]

    def _names(self, netlist: Netlist) -> Names:
        return Names(netlist, self._label)

    def _resolved(
        self, values: Mapping[str, float | str]
    ) -> tuple[Netlist, list[tuple[Target, float | str]]]:
        """The netlist with the right sections of libraries, and what is written into it."""
        netlist = self._base
        names = self._base_names
        sections: dict[tuple[int, ...], str] = {}
        for name, value in values.items():
            if is_lib(name):
                canonical = names.resolve(name).name
                sections[names.lib_reference(canonical).key] = str(value)
                netlist = self._netlist(sections)
                names = self._names(netlist)
        found = []
        for name, value in values.items():
            if is_lib(name):
                continue
            found.append((names.resolve(name), value))
        return netlist, found

    @cached_property
    def _base_names(self) -> Names:
        return self._names(self._base)

    def _analyses(self, netlist: Netlist) -> tuple[Analysis, ...]:
        commands = self._commands()
        top = self._names(netlist).top
        return analyses_from(commands, lookup_in(top), netlist.top.sees_param)

    def _commands(self) -> tuple[str, ...]:
        if self._given is not None:
            return self._given
        return tuple(site.card.text for site in self._orders.analyses)

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
        changed = self._copy({**self._values, **self._checked(values)})
        _ = changed._resolved(changed._values)
        return changed

    def _checked(self, values: Mapping[str, float | str]) -> dict[str, float | str]:
        checked: dict[str, float | str] = {}
        names = self._base_names
        if any(is_lib(name) for name in values):
            sections = {n: v for n, v in {**self._values, **values}.items() if is_lib(n)}
            netlist, _ = self._resolved(sections)
            names = self._names(netlist)
        spelled: dict[str, str] = {}
        for name, value in values.items():
            resolver = self._base_names if is_lib(name) else names
            target = resolver.resolve(name)
            if target.name in checked:
                raise CircuitError(
                    f"{spelled[target.name]!r} and {name!r} are the same parameter "
                    f"{target.name!r}: give it once."
                )
            spelled[target.name] = name
            checked[target.name] = checked_value(target.name, value, section=target.kind == "lib")
        return checked

    def _copy(self, values: dict[str, float | str]) -> Circuit:
        other = object.__new__(Circuit)
        for key in _STATE:
            setattr(other, key, getattr(self, key))
        other._values = values
        # All but the seed depend on the text alone, and reading it may take a second.
        for key in ("_base", "_orders", "_base_names", "_seed"):
            if key in self.__dict__:
                other.__dict__[key] = self.__dict__[key]
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
            reason = f"{self._label} draws numbers of its own, once when it is loaded"
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
        names = self._names_now
        return names.resolve(name)

    @cached_property
    def _names_now(self) -> Names:
        return self._names(self._effective)

    def alter_commands(self, values: Mapping[str, float | str]) -> tuple[str, ...] | None:
        """What sets values in an engine that has this circuit's deck loaded.

        Returns
        -------
        tuple of str or None
            ``alterparam`` and ``reset`` first; None where a value can only be loaded. Many
            samples of the same parameters are quicker with `setter`.
        """
        checked = self._checked(values)
        return self.setter(checked).commands(checked)

    # What the engine gets

    @cached_property
    def _rendered(self) -> Rendered:
        return self._render([])

    def _render(self, commented: Sequence[Any]) -> Rendered:
        netlist, values = self._resolved(self._values)
        orders = read_orders(netlist) if commented else Orders()
        added: list[str] = []
        if commented:
            hidden = orders.all()
        elif self._given is not None:
            hidden = read_orders(netlist).analyses
            added = [f".{a.command}" for a in self._analyses(netlist)]
        else:
            hidden = []
        return render(
            netlist,
            values,
            commented=hidden,
            added=added,
            extra=[self._files[i] for i in self._osdi],
        )

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
        folder = Path(folder)
        for path, data in self._rendered.files.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        folder.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^\w.-]+", "_", self._name) or "circuit"
        deck = folder / f"{name}.cir"
        deck.write_text(self.netlist())
        return deck

    @cached_property
    def _deck(self) -> Deck:
        rendered = self._render([True])
        orders = read_orders(self._selected)
        return Deck(
            text=rendered.text,
            files=rendered.files,
            setup=self._setup,
            osdi=tuple(data_name(self._files[i]) for i in self._osdi),
            analyses=self.analyses,
            save=saved_signals(orders.saves),
            meas=tuple(" ".join(s.card.text.split()).lstrip(".") for s in orders.meas),
        )

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
        deck = self._deck
        chosen = deck.analyses
        if analyses is not None:
            named = {a.name: a for a in chosen}
            for name in analyses:
                if name not in named:
                    listed = ", ".join(named) or "none"
                    raise CircuitError(
                        f"{self._label} has no analysis {name!r}; there are: {listed}."
                    )
            chosen = tuple(named[name] for name in analyses)
        if not save and analyses is None:
            return deck
        signals = tuple(dict.fromkeys(s.lower().replace(" ", "") for s in save)) or deck.save
        return Deck(
            text=deck.text,
            files=deck.files,
            setup=deck.setup,
            osdi=deck.osdi,
            analyses=chosen,
            save=signals,
            meas=deck.meas,
        )

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
        return simulate(circuit, self._label, engine=engine, time_limit=time_limit)

    def _ask(self, vectors: Sequence[str]) -> dict[str, float]:
        from spicelab_nb.circuits.simulation import ask

        return ask(self, vectors)

    # Travelling

    def describe(self) -> dict[str, Any]:
        """Give all that identifies the circuit, as JSON; contents by SHA-256 (`inputs`)."""
        return describe(self.__getstate__())

    def inputs(self) -> dict[str, bytes]:
        """Give the contents that `describe` names, by SHA-256."""
        return contents(self.__getstate__())

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
        circuit.__setstate__(rebuilt(description, inputs))
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


_STATE = (
    "_text", "_links", "_files", "_osdi", "_setup", "_given", "_values", "_label", "_name",
    "_notices",
)  # fmt: skip
