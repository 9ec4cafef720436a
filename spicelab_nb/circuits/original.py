"""A netlist as it was given, before any value is set in it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spicelab_nb.circuits.analysis import Orders, read_orders
from spicelab_nb.circuits.includes import IncludedFile, collect
from spicelab_nb.circuits.names import Names
from spicelab_nb.circuits.scope import Netlist
from spicelab_nb.circuits.sources import lib_includes, several
from spicelab_nb.circuits.values import checked_value, is_lib
from spicelab_nb.errors import CircuitError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spicelab_nb.circuits.overrides import Rendered
    from spicelab_nb.circuits.targets import Target

__all__ = ["Original"]


@dataclass(frozen=True, eq=False)
class Original:
    """Text and files of a netlist. Every circuit made of it by setting values shares it.

    Parameters
    ----------
    text
        As given.
    links
        Included path to its place in `files`.
    files
        Everything that is taken along.
    osdi
        Places in `files` of compiled Verilog-A models.
    setup
        Commands that the engine is given before the netlist.
    label
        What it is called in messages.
    """

    text: str
    links: Mapping[str, int]
    files: tuple[IncludedFile, ...]
    osdi: tuple[int, ...]
    setup: tuple[str, ...]
    label: str

    @classmethod
    def collected(
        cls,
        text: str,
        *,
        label: str,
        folder: Path,
        include_paths: Sequence[str | Path] | str | Path,
        setup: Sequence[str] | str,
        osdi: Sequence[str | Path] | str | Path,
    ) -> Original:
        """Take along all that a text includes.

        Raises
        ------
        CircuitError
            A folder of `include_paths` does not exist.
        IncludeError
            An included file is missing or outside the allowed folders.
        """
        roots = tuple(Path(p).expanduser() for p in several(include_paths))
        for root in roots:
            if not root.is_dir():
                raise CircuitError(f"include_paths names {str(root)!r}, which is no folder.")
        commands = tuple(str(line) for line in several(setup))
        compiled = tuple(Path(p).expanduser() for p in several(osdi))
        links, files = collect(
            text,
            name=label,
            folder=folder,
            include_paths=roots,
            extra=compiled,
            lib_includes=lib_includes(commands),
        )
        return cls(
            text=text,
            links=links,
            files=files,
            osdi=tuple(range(len(files) - len(compiled), len(files))),
            setup=commands,
            label=label,
        )

    def __getstate__(self) -> dict[str, Any]:
        # What was read of it is read again where it arrives.
        return {field.name: getattr(self, field.name) for field in fields(self)}

    # Reading

    @cached_property
    def netlist(self) -> Netlist:
        """As it stands."""
        return self.with_sections({})

    @cached_property
    def orders(self) -> Orders:
        """Its analyses, and what else tells the engine what to do."""
        return read_orders(self.netlist)

    @cached_property
    def names(self) -> Names:
        """What can be set."""
        return Names(self.netlist, self.label)

    def with_sections(self, sections: Mapping[tuple[int, ...], str]) -> Netlist:
        """Read it with other sections of its libraries."""
        return Netlist(
            self.text,
            self.links,
            self.files,
            sections=sections,
            name=self.label,
            lib_includes=lib_includes(self.setup),
        )

    def with_values(self, rendered: Rendered) -> Netlist:
        """Read what it became with values in its text."""
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
            name=self.label,
            lib_includes=lib_includes(self.setup),
        )

    # Values

    def resolved(
        self, values: Mapping[str, float | str]
    ) -> tuple[Netlist, list[tuple[Target, float | str]]]:
        """Give the netlist with the right sections of libraries, and what is written into it."""
        netlist, names = self._chosen(values)
        found = [(names.resolve(name), value) for name, value in values.items() if not is_lib(name)]
        return netlist, found

    def _chosen(self, values: Mapping[str, float | str]) -> tuple[Netlist, Names]:
        """The netlist with the sections that are among some values."""
        netlist, names = self.netlist, self.names
        sections: dict[tuple[int, ...], str] = {}
        for name, value in values.items():
            if is_lib(name):
                canonical = names.resolve(name).name
                sections[names.lib_reference(canonical).key] = str(value)
                netlist = self.with_sections(sections)
                names = Names(netlist, self.label)
        return netlist, names

    def checked(
        self, values: Mapping[str, float | str], before: Mapping[str, float | str]
    ) -> dict[str, float | str]:
        """Give values by canonical name, each seen to be one that can be set.

        Parameters
        ----------
        values
            What is to be set.
        before
            What is set already: sections among it decide which names there are.

        Raises
        ------
        UnknownNameError, AmbiguousNameError
            A name is not one parameter.
        CircuitError
            A value is not finite, or a parameter is named twice.
        """
        names = self.names
        if any(is_lib(name) for name in values):
            names = self._chosen({n: v for n, v in {**before, **values}.items() if is_lib(n)})[1]
        checked: dict[str, float | str] = {}
        spelled: dict[str, str] = {}
        for name, value in values.items():
            target = (self.names if is_lib(name) else names).resolve(name)
            if target.name in checked:
                raise CircuitError(
                    f"{spelled[target.name]!r} and {name!r} are the same parameter "
                    f"{target.name!r}: give it once."
                )
            spelled[target.name] = name
            checked[target.name] = checked_value(target.name, value, section=target.kind == "lib")
        return checked
