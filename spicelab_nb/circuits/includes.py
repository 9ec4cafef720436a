"""The files that a netlist includes: found, checked, and taken along."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from spicelab_nb.circuits.lines import comment_start
from spicelab_nb.errors import IncludeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["DATA_FILE", "IncludedFile", "Reference", "collect", "decode", "references"]

_REFERENCE = re.compile(
    r"^[ \t]*\.(?P<word>inc[a-z]*|lib|endl)\b(?P<rest>[^\n]*)$", re.IGNORECASE | re.MULTILINE
)
DATA_FILE = re.compile(
    r"\b(?P<key>input_file|state_file|file|data_file|filename)\s*=\s*\"(?P<path>[^\"\n]+)\"",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"^[ \t]*\.control\b.*?(?:^[ \t]*\.endc\b[^\n]*|\Z)", re.I | re.M | re.S)


def decode(data: bytes) -> str:
    """Read a netlist's bytes: UTF-8, else Latin-1, with lines ending in a line feed."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


@dataclass(frozen=True, kw_only=True)
class IncludedFile:
    """A file that travels with the circuit.

    Parameters
    ----------
    name
        Its name without folders.
    data
        Its contents.
    links
        What it includes in turn: the path as it is written to the number of that file.
    """

    name: str
    data: bytes
    links: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def text(self) -> str:
        """The contents as text."""
        return decode(self.data)

    @cached_property
    def sha256(self) -> str:
        """Of the contents, 64 hexadecimal digits."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A place in a netlist that names a file.

    Parameters
    ----------
    path
        As written, without quotes.
    section
        Of a ``.lib``; None for an ``.include`` and for data files.
    line
        Counted from 0.
    required
        Whether the engine opens the file whatever is selected: an ``.include`` anywhere, a
        ``.lib`` outside the sections of a library.
    """

    path: str
    section: str | None
    line: int
    required: bool


def arguments(rest: str) -> list[str]:
    """The words behind ``.include`` or ``.lib``, quotes taken off."""
    rest = rest[: comment_start(rest)]
    return [a or b or c for a, b, c in re.findall(r"\"([^\"]*)\"|'([^']*)'|([^\s'\"]+)", rest)]


def references(text: str, *, lib_includes: bool = False) -> Iterator[Reference]:
    """Give every place in a netlist that names a file.

    Parameters
    ----------
    text
        The netlist.
    lib_includes
        Whether ``.lib FILE`` without a section includes the file, as LTspice and PSpice read it.
    """
    for match in DATA_FILE.finditer(text):
        begin = text.rfind("\n", 0, match.start()) + 1
        if not text[begin:].lstrip().startswith("*"):
            line = text.count("\n", 0, match.start())
            yield Reference(path=match["path"], section=None, line=line, required=False)
    lowered = text.lower()
    if ".inc" not in lowered and ".lib" not in lowered:
        return
    if ".control" in lowered:
        # Blanked, not removed: lines keep their numbers.
        text = _CONTROL.sub(lambda m: "\n" * m[0].count("\n"), text)
    found = list(_REFERENCE.finditer(text))
    inside = False
    for i, match in enumerate(found):
        words = arguments(match["rest"])
        kind = match["word"].lower()
        if kind == "endl":
            inside = False
            continue
        if not words:
            continue
        line = text.count("\n", 0, match.start())
        if kind != "lib":
            yield Reference(path=words[0], section=None, line=line, required=True)
        elif len(words) >= 2:
            yield Reference(path=words[0], section=words[1], line=line, required=not inside)
        elif lib_includes and not _begins_section(found[i + 1 :]):
            yield Reference(path=words[0], section=None, line=line, required=True)
        else:
            inside = True


def _begins_section(later: Sequence[re.Match[str]]) -> bool:
    for match in later:
        if match["word"].lower() == "endl":
            return True
        if match["word"].lower() == "lib" and len(arguments(match["rest"])) < 2:
            return False
    return False


def collect(
    text: str,
    *,
    name: str,
    folder: Path,
    include_paths: Sequence[Path] = (),
    extra: Sequence[Path] = (),
    lib_includes: bool = False,
) -> tuple[dict[str, int], tuple[IncludedFile, ...]]:
    """Find and read every file that a netlist includes, directly or not.

    Parameters
    ----------
    text
        The netlist.
    name
        Its file's name, for messages.
    folder
        Where the netlist lies.
    include_paths
        Further folders whose files may be taken along.
    extra
        Further files to take along, wherever they lie: they were named by the caller.
    lib_includes
        As in `references`.

    Returns
    -------
    links : dict
        The paths written in `text` to the numbers of the files.
    files : tuple of IncludedFile
        The files, those of `extra` last and in order.

    Raises
    ------
    IncludeError
        A file is missing, or lies outside `folder` and `include_paths`.
    """
    collector = _Collector(folder, tuple(include_paths), lib_includes)
    links = collector.links(text, name, folder)
    for path in extra:
        if not path.is_file():
            raise IncludeError(f"There is no file {str(path)!r}.")
        collector.add(path.resolve())
    return links, tuple(collector.files)


class _Collector:
    def __init__(self, folder: Path, include_paths: tuple[Path, ...], lib_includes: bool) -> None:
        self._folder = folder
        self._roots = (folder, *include_paths)
        self._lib_includes = lib_includes
        self._numbers: dict[Path, int] = {}
        self.files: list[IncludedFile] = []

    def links(self, text: str, name: str, folder: Path) -> dict[str, int]:
        found: dict[str, int] = {}
        for reference in references(text, lib_includes=self._lib_includes):
            if reference.path in found:
                continue
            where = f"{name}, line {reference.line + 1}"
            path = self._find(reference, folder, where)
            if path is not None:
                found[reference.path] = self.add(path)
        return found

    def add(self, path: Path) -> int:
        if path not in self._numbers:
            number = self._numbers[path] = len(self.files)
            try:
                data = path.read_bytes()
            except OSError as error:
                raise IncludeError(f"The file {path} cannot be read: {error.strerror}.") from error
            self.files.append(IncludedFile(name=path.name, data=data))
            links = self.links(decode(data), path.name, path.parent)
            self.files[number] = IncludedFile(name=path.name, data=data, links=links)
        return self._numbers[path]

    def _find(self, reference: Reference, folder: Path, where: str) -> Path | None:
        try:
            written = Path(reference.path).expanduser()
        except RuntimeError:
            written = Path(reference.path)
        # ngspice looks where it was started first: beside the deck.
        places = dict.fromkeys((self._folder, folder, *self._roots))
        for place in places:
            path = place / written
            if not path.is_file():
                continue
            path = path.resolve()
            if not any(path.is_relative_to(root.resolve()) for root in self._roots):
                raise IncludeError(
                    f"{where}: {reference.path!r} lies outside the deck's folder "
                    f"({self._folder}), so it is not taken along. If it belongs to the circuit, "
                    f"name its folder: Circuit(..., include_paths=[{str(path.parent)!r}])."
                )
            return path
        if not reference.required:
            return None
        looked = ", ".join(str(place) for place in places)
        raise IncludeError(
            f"{where}: there is no file {reference.path!r}. Looked in {looked}; "
            "name further folders with Circuit(..., include_paths=[...])."
        )
