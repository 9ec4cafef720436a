"""What a netlist defines, and where: subcircuits, devices, models and parameters."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from spicelab_nb.circuits.fields import Assignment, Word, definitions, model_fields, split_fields
from spicelab_nb.circuits.includes import IncludedFile, arguments
from spicelab_nb.circuits.lines import Card, Source, read_source
from spicelab_nb.errors import CircuitError, IncludeError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Device", "LibReference", "Model", "Netlist", "Part", "Scope", "Site"]

_SECTION = re.compile(r"^[ \t]*\.(lib|endl)\b([^\n]*)$", re.IGNORECASE)
DEEPEST = 60
"""Files included by files included by ...: more is a circle."""


@dataclass(eq=False)
class Part:
    """One file at one place where it is included; the deck itself has no file.

    Parameters
    ----------
    source
        Its cards.
    file
        The file; None for the deck.
    section
        The section of a library that counts, by its first and last line; None: all of it.
    children
        What its cards include, by the card's first line.
    key
        The lines on the way here, which name the place.
    """

    source: Source
    file: IncludedFile | None
    section: tuple[int, int] | None
    key: tuple[int, ...]
    children: dict[int, Part] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """A card of a part."""

    part: Part
    card: Card


@dataclass(eq=False)
class Device:
    """An element: one card, or one in each branch of an ``.if``."""

    name: str
    sites: list[Site]

    @property
    def letter(self) -> str:
        """What kind of element it is."""
        return self.name[0].lower()

    @cached_property
    def fields(self) -> tuple[list[Word], list[Assignment]]:
        """Words and assignments of the first card."""
        return split_fields(self.sites[0].card.text)

    @cached_property
    def subcircuit(self) -> Word | None:
        """The word of an X element that names its subcircuit."""
        words = [w for w in self.fields[0] if w.text.lower() not in ("params:", "params")]
        return words[-1] if len(words) > 1 else None


@dataclass(eq=False)
class Model:
    """A ``.model`` card."""

    name: str
    site: Site

    @cached_property
    def fields(self) -> tuple[str, str, int, list[Assignment]]:
        """Name, type, where a parameter can be added, and the parameters."""
        return model_fields(self.site.card.text)


@dataclass(eq=False)
class Scope:
    """The top of a netlist, or the body of a subcircuit."""

    name: str
    parent: Scope | None
    header: Site | None = None
    end: Site | None = None
    devices: dict[str, Device] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    params: dict[str, list[tuple[str, Site, Assignment]]] = field(default_factory=dict)
    formals: dict[str, tuple[str, Assignment]] = field(default_factory=dict)
    subcircuits: dict[str, Scope] = field(default_factory=dict)

    def find_subcircuit(self, name: str) -> Scope | None:
        """Look a subcircuit up here and further out."""
        scope: Scope | None = self
        while scope is not None:
            if name.lower() in scope.subcircuits:
                return scope.subcircuits[name.lower()]
            scope = scope.parent
        return None

    def sees_param(self, name: str) -> bool:
        """Whether a parameter of that name is visible here."""
        scope: Scope | None = self
        while scope is not None:
            if name.lower() in scope.params or name.lower() in scope.formals:
                return True
            scope = scope.parent
        return False

    def definition(self, device: Device) -> Scope | None:
        """The subcircuit that an X element in this scope stands for."""
        word = device.subcircuit
        return self.find_subcircuit(word.text) if word is not None else None


@dataclass(frozen=True, eq=False)
class LibReference:
    """A ``.lib FILE SECTION`` card that counts."""

    site: Site
    file: IncludedFile
    section: str
    key: tuple[int, ...]
    outer: bool

    @cached_property
    def sections(self) -> tuple[str, ...]:
        """The sections that the file has."""
        return tuple(_sections(self.file))


def _sections(file: IncludedFile) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    name, begin = "", -1
    for i, line in enumerate(file.text.split("\n")):
        if "." not in line[:20]:
            continue
        match = _SECTION.match(line)
        if match is None:
            continue
        words = arguments(match[2])
        if match[1].lower() == "endl":
            if begin >= 0:
                found.setdefault(name, (begin, i))
            begin = -1
        elif len(words) == 1:
            name, begin = words[0], i
    return found


class Netlist:
    """A deck with everything it includes, read.

    Parameters
    ----------
    text
        The deck.
    links, files
        What `includes.collect` found.
    sections
        Other sections for ``.lib`` cards, by the card's key.
    name
        Of the deck, for messages.
    lib_includes
        Whether ``.lib FILE`` without a section includes the file.
    """

    def __init__(
        self,
        text: str,
        links: Mapping[str, int],
        files: Sequence[IncludedFile],
        *,
        sections: Mapping[tuple[int, ...], str] | None = None,
        name: str = "the netlist",
        lib_includes: bool = False,
    ) -> None:
        self.files = files
        self.links = links
        self._sections = sections or {}
        self._name = name
        self._lib_includes = lib_includes
        self.libs: list[LibReference] = []
        self.top = Scope("", None)
        self.main = Part(read_source(text, title=True), None, None, ())
        self.sites: list[tuple[Scope, Site]] = []
        self._read()

    def _read(self) -> None:
        scope = self.top
        for part, card in self._walk(self.main):
            site = Site(part, card)
            text = card.text
            if text[0] != ".":
                self._device(scope, site)
                self.sites.append((scope, site))
                continue
            word = card.keyword
            if word.startswith(".model"):
                name = ([*text.split(None, 2), "", ""])[1].partition("(")[0]
                if name:
                    scope.models.setdefault(name.lower(), Model(name, site))
            elif word.startswith(".subckt"):
                scope = self._subcircuit(scope, site)
            elif word.startswith(".ends"):
                if scope.parent is not None:
                    scope.end = site
                    scope = scope.parent
            elif word.startswith(".para"):
                for assignment in definitions(text, len(word)):
                    original = text[assignment.begin : assignment.begin + len(assignment.name)]
                    scope.params.setdefault(assignment.name, []).append(
                        (original, site, assignment)
                    )
            self.sites.append((scope, site))

    def _device(self, scope: Scope, site: Site) -> None:
        name = site.card.text.split(None, 1)[0]
        device = scope.devices.get(name.lower())
        if device is None:
            scope.devices[name.lower()] = Device(name, [site])
        else:
            device.sites.append(site)

    def _subcircuit(self, parent: Scope, site: Site) -> Scope:
        text = site.card.text
        words = text.split(None, 2)
        name = words[1] if len(words) > 1 else ""
        scope = Scope(name, parent, header=site)
        _, assignments = split_fields(text)
        for assignment in assignments:
            original = text[assignment.begin : assignment.begin + len(assignment.name)]
            scope.formals[assignment.name] = (original, assignment)
        parent.subcircuits.setdefault(name.lower(), scope)
        return scope

    def _walk(self, part: Part) -> Iterator[tuple[Part, Card]]:
        if len(part.key) > DEEPEST:
            raise IncludeError(
                f"{self._label(part)} includes itself: more than {DEEPEST} files deep."
            )
        links = part.file.links if part.file is not None else self.links
        low, high = part.section or (-1, len(part.source.lines))
        for card in part.source.cards:
            line = card.lines[0]
            if line <= low:
                continue
            if line >= high:
                break
            if card.text[0] != ".":
                yield part, card
                continue
            word = card.keyword
            child = None
            if word.startswith(".inc"):
                child = self._included(part, card, links)
            elif word == ".lib":
                child = self._library(part, card, links)
            if child is not None:
                part.children[line] = child
                yield from self._walk(child)
            elif word not in (".lib", ".endl"):
                yield part, card

    def _label(self, part: Part) -> str:
        return part.file.name if part.file is not None else self._name

    def _included(self, part: Part, card: Card, links: Mapping[str, int]) -> Part | None:
        words = arguments(card.text[len(card.keyword) :])
        where = f"{self._label(part)}, line {card.lines[0] + 1}"
        if not words:
            raise IncludeError(f"{where}: {card.text!r} names no file.")
        if words[0] not in links:
            raise IncludeError(f"{where}: there is no file {words[0]!r}.")
        file = self.files[links[words[0]]]
        key = (*part.key, card.lines[0])
        return Part(read_source(file.text, title=False), file, None, key)

    def _library(self, part: Part, card: Card, links: Mapping[str, int]) -> Part | None:
        words = arguments(card.text[len(card.keyword) :])
        if len(words) < 2:
            if self._lib_includes and words and words[0] in links:
                return self._included(part, card, links)
            return None
        where = f"{self._label(part)}, line {card.lines[0] + 1}"
        if words[0] not in links:
            raise IncludeError(
                f"{where}: there is no file {words[0]!r}; name its folder with include_paths."
            )
        file = self.files[links[words[0]]]
        key = (*part.key, card.lines[0])
        section = self._sections.get(key, words[1])
        places = {k.lower(): v for k, v in _sections(file).items()}
        if section.lower() not in places:
            raise CircuitError(
                f"{where}: {file.name} has no section {section!r}.{nearest(section, places)}"
            )
        self.libs.append(LibReference(Site(part, card), file, section, key, part.section is None))
        source = read_source(file.text, title=False)
        return Part(source, file, places[section.lower()], key)
