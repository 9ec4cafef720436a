"""Writing values into a netlist's text, and nothing else."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spicelab_nb.circuits.fields import split_fields
from spicelab_nb.circuits.includes import DATA_FILE, IncludedFile
from spicelab_nb.circuits.numbers import write_number
from spicelab_nb.errors import CircuitError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spicelab_nb.circuits.scope import Netlist, Part, Scope, Site
    from spicelab_nb.circuits.targets import Instance, Target

__all__ = ["Rendered", "render"]

_INCLUDE = re.compile(r"\s*\.inc", re.IGNORECASE)
_UNUSUAL = re.compile(r"[^A-Za-z0-9._+-]")


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """A netlist's text and the files that it includes, by the paths that it uses for them."""

    text: str
    files: Mapping[str, bytes]


@dataclass
class _Edits:
    """What changes in one part as one instance sees it."""

    replaced: list[tuple[int, int, int, str]] = field(default_factory=list)
    before: dict[int, list[str]] = field(default_factory=dict)


def render(
    netlist: Netlist,
    values: Sequence[tuple[Target, float | str]] = (),
    *,
    commented: Sequence[Site] = (),
    added: Sequence[str] = (),
    extra: Sequence[IncludedFile] = (),
) -> Rendered:
    """Write values into a netlist.

    Parameters
    ----------
    netlist
        What is written into; its sections of libraries are those it was read with.
    values
        What to set.
    commented
        Cards that become comments; ``.control`` blocks always do, so that every other line keeps
        its number.
    added
        Lines written before the end.
    extra
        Further files that the engine is given.
    """
    return _Renderer(netlist).render(values, commented, added, extra)


def data_name(file: IncludedFile) -> str:
    """The path of a file that is taken as it is."""
    return _path(file.name, file.sha256)


def _path(name: str, sha256: str) -> str:
    return f"inc/{sha256[:12]}/{_UNUSUAL.sub('_', name)}"


class _Renderer:
    def __init__(self, netlist: Netlist) -> None:
        self._netlist = netlist
        self._edits: dict[tuple[tuple[str, ...], Part], _Edits] = {}
        self._contexts: dict[tuple[str, ...], Instance] = {}
        self._comments: dict[Part, set[int]] = {}
        self._files: dict[str, bytes] = {}
        self._tail: list[str] = []

    def render(
        self,
        values: Sequence[tuple[Target, float | str]],
        commented: Sequence[Site],
        added: Sequence[str],
        extra: Sequence[IncludedFile],
    ) -> Rendered:
        self._tail = list(added)
        for target, value in values:
            self._set(target, value)
        for lib in self._netlist.libs:
            words, _ = split_fields(lib.site.card.text)
            if words[2].text.strip("'\"").lower() != lib.section.lower():
                self._replace((), lib.site, words[2].start, words[2].stop, lib.section)
        for site in commented:
            self._comments.setdefault(site.part, set()).update(site.card.lines)
        self._clone()
        main = self._netlist.main
        lines = self._lines(main, (), 0, len(main.source.lines) - 1)
        for file in extra:
            self._files[data_name(file)] = file.data
        return Rendered(text=self._finish(lines), files=self._files)

    # Where values go

    def _set(self, target: Target, value: float | str) -> None:
        written = value if isinstance(value, str) else write_number(value)
        if target.kind == "lib":
            return
        if target.kind == "temp" and not target.places:
            self._tail.append(f".options temp={written}")
            return
        context = target.where.path
        if context:
            self._need(target.where)
        for site, slot in target.places:
            self._replace(context, site, slot.start, slot.stop, slot.before + written + slot.after)

    def _need(self, instance: Instance) -> None:
        while instance.path:
            self._contexts.setdefault(instance.path, instance)
            instance = instance.outside

    def _of(self, context: tuple[str, ...], part: Part) -> _Edits:
        return self._edits.setdefault((context, part), _Edits())

    def _replace(
        self, context: tuple[str, ...], site: Site, start: int, stop: int, text: str
    ) -> None:
        spans = site.card.spans(start, stop)
        edits = self._of(context, site.part).replaced
        for i, span in enumerate(spans):
            edits.append((span.line, span.start, span.stop, text if i == 0 else ""))

    # Subcircuits of their own for instances that differ

    def _clone(self) -> None:
        clones: list[tuple[Instance, str]] = []
        for path in sorted(self._contexts, key=lambda p: (len(p), p)):
            instance = self._contexts[path]
            name = self._clone_name(instance)
            scope = instance.scope
            header, end = scope.header, scope.end
            if header is None or end is None or header.part is not end.part:
                raise CircuitError(
                    f"The subcircuit {scope.name!r} has no '.ends' in its own file, so nothing "
                    f"inside {'.'.join(instance.spelled)} can be set."
                )
            outside = instance.outside
            device = outside.scope.devices[path[-1]]
            for site in device.sites:
                word = type(device)(device.name, [site]).subcircuit
                if word is not None:
                    self._replace(outside.path, site, word.start, word.stop, name)
            for site in (header, end):
                words, _ = split_fields(site.card.text)
                if len(words) > 1:
                    self._replace(path, site, words[1].start, words[1].stop, name)
            clones.append((instance, name))
        # Innermost first: a clone that lies in another one's text must be known to it.
        for instance, _ in reversed(clones):
            self._place(instance)

    def _clone_name(self, instance: Instance) -> str:
        name = f"{instance.scope.name}__{'_'.join(instance.path)}"
        scope: Scope | None = instance.scope.parent
        while scope is not None:
            while name.lower() in scope.subcircuits:
                name += "_"
            scope = scope.parent
        return name

    def _place(self, instance: Instance) -> None:
        scope = instance.scope
        assert scope.header is not None  # noqa: S101 - seen by _clone
        assert scope.end is not None  # noqa: S101 - seen by _clone
        part = scope.header.part
        lines = self._lines(
            part, instance.path, scope.header.card.lines[0], scope.end.card.lines[-1]
        )
        owner = scope.parent
        for j in range(len(instance.path) - 1, 0, -1):
            if instance.scopes[j] is owner:
                outer = instance.scopes[j]
                assert outer.end is not None  # noqa: S101 - seen by _clone
                edits = self._of(instance.path[:j], outer.end.part)
                edits.before.setdefault(outer.end.card.lines[0], []).extend(lines)
                return
        self._tail.extend(lines)

    # Text

    def _lines(
        self, part: Part, context: tuple[str, ...], first: int, last: int, *, beside: bool = False
    ) -> list[str]:
        """The lines of a part; `beside`: for a file that lies in a folder under ``inc``."""
        edits = self._edits.get((context, part), _Edits())
        replaced = list(edits.replaced)
        for card_line, child in part.children.items():
            if first <= card_line <= last:
                replaced += self._child(part, card_line, child, context, beside=beside)
        replaced += self._data_files(part, first, last)
        lines = list(part.source.lines)
        # From the back, so that columns stay valid; of several at one place the first is leftmost.
        order = sorted(range(len(replaced)), key=lambda k: (*replaced[k][:2], k), reverse=True)
        for k in order:
            line, start, stop, text = replaced[k]
            lines[line] = lines[line][:start] + text + lines[line][stop:]
        commented = self._comments.get(part, set())
        for begin, end in part.source.control:
            commented = commented | set(range(begin, end + 1))
        for line in commented:
            if lines[line].strip() and not lines[line].lstrip().startswith("*"):
                lines[line] = "* " + lines[line]
        result: list[str] = []
        for i in range(first, last + 1):
            result += edits.before.get(i, [])
            result.append(lines[i])
        return result

    def _child(
        self,
        part: Part,
        card_line: int,
        child: Part,
        context: tuple[str, ...],
        *,
        beside: bool,
    ) -> list[tuple[int, int, int, str]]:
        path = self._take_file(child, context)
        card = next(c for c in part.source.cards if c.lines[0] == card_line)
        # Engines look beside the file that includes; but ngspice looks beside the deck for a
        # ".lib" that stands in a file taken in by ".include".
        if beside and (card.keyword.startswith(".inc") or part.section is not None):
            path = "../" + path.removeprefix("inc/")
        words, _ = split_fields(card.text)
        name = words[1]
        start, stop = name.start, name.stop
        text = card.text[start:stop]
        if text[0] in "'\"":
            start, stop = start + 1, stop - 1
        else:
            # Blanks, not the words of `split_fields`, end a name without quotes.
            rest = re.match(r"\S+", card.text[start:])
            stop = start + len(rest[0]) if rest else stop
        return [
            (span.line, span.start, span.stop, path if i == 0 else "")
            for i, span in enumerate(card.spans(start, stop))
        ]

    def _take_file(self, part: Part, context: tuple[str, ...]) -> str:
        file = part.file
        assert file is not None  # noqa: S101 - the deck itself is no child
        lines = self._lines(part, context, 0, len(part.source.lines) - 1, beside=True)
        if part.section is not None:
            # ngspice opens the includes of every section, and uses only the one selected.
            low, high = part.section
            for i, line in enumerate(lines):
                if not low <= i <= high and _INCLUDE.match(line):
                    lines[i] = "* " + line
        text = "\n".join(lines)
        if text == file.text:
            path, data = data_name(file), file.data
        else:
            data = text.encode()
            path = _path(file.name, hashlib.sha256(data).hexdigest())
        self._files[path] = data
        return path

    def _data_files(self, part: Part, first: int, last: int) -> list[tuple[int, int, int, str]]:
        links = part.file.links if part.file is not None else self._netlist.links
        if not links:
            return []
        found = []
        for i in range(first, last + 1):
            line = part.source.lines[i]
            if '"' not in line or line.lstrip().startswith("*"):
                continue
            for match in DATA_FILE.finditer(line):
                if match["path"] in links:
                    file = self._netlist.files[links[match["path"]]]
                    # ngspice reads such a name in lower case.
                    path = data_name(file).lower()
                    self._files[path] = file.data
                    found.append((i, *match.span("path"), path))
        return found

    def _finish(self, lines: list[str]) -> str:
        """Put what was added before the end, and one ``.end`` at the very end."""
        while lines and not lines[-1].strip():
            lines.pop()
        ends = [
            i
            for i, line in enumerate(lines)
            if i and (line.split(None, 1) or [""])[0].lower() == ".end"
        ]
        closing = ".end"
        if ends and ends[-1] == len(lines) - 1:
            closing = lines.pop()
            ends.pop()
        for i in ends:
            lines[i] = "* " + lines[i]
        return "\n".join([*lines, *self._tail, closing, ""])
