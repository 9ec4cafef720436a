"""Places in a netlist where a value can be written, and the commands that set the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spicelab_nb.circuits.defaults import ALIASES, instance_default
from spicelab_nb.circuits.expressions import unwrapped
from spicelab_nb.circuits.numbers import parse_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spicelab_nb.circuits.fields import Word
    from spicelab_nb.circuits.scope import Device, Model, Scope, Site

__all__ = ["Instance", "Slot", "Target", "ac_slot", "dc_slot", "parameter_slot", "value_slot"]

_PLAIN = re.compile(r"[a-z0-9_.#:]+")
_BEHAVIOURAL = re.compile(r"\b[vi]\s*\(|\b(?:time|hertz|temper)\b", re.IGNORECASE)
_WAVEFORMS = (
    "pulse", "sin", "exp", "pwl", "sffm", "am", "trnoise", "trrandom", "external",
    "distof1", "distof2", "portnum", "z0",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a card's text that holds a value, or could.

    Parameters
    ----------
    start, stop
        What a new value replaces; the same where it is added.
    text
        The value that is there; None where there is none.
    before, after
        Written around an added value.
    """

    start: int
    stop: int
    text: str | None
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Instance:
    """A place in the hierarchy: the X elements on the way, and what they stand for.

    Parameters
    ----------
    path
        Names of the X elements, lower case; empty for the top.
    spelled
        The same as spelled in the deck.
    scopes
        The top's scope, then that of each element's subcircuit: one more than `path`.
    """

    path: tuple[str, ...]
    spelled: tuple[str, ...]
    scopes: tuple[Scope, ...]

    @property
    def scope(self) -> Scope:
        """What names mean here."""
        return self.scopes[-1]

    def inside(self, device: Device, definition: Scope) -> Instance:
        """The place inside an X element that lies here."""
        return Instance(
            (*self.path, device.name.lower()),
            (*self.spelled, device.name),
            (*self.scopes, definition),
        )

    @property
    def outside(self) -> Instance:
        """The place where the innermost X element lies."""
        return Instance(self.path[:-1], self.spelled[:-1], self.scopes[:-1])

    def _owners(self) -> list[int]:
        """For each element on the path, the index of the scope that declares its subcircuit."""
        return [
            next(j for j in range(i, -1, -1) if self.scopes[j] is self.scopes[i + 1].parent)
            for i in range(len(self.path))
        ]

    def flat(self, name: str, joint: str = ".", letter: str = "") -> str:
        """What the engine calls an element or model of this place when it has flattened all.

        Subcircuits that are declared inside others are expanded first, so that such an element
        gets a prefix for each such level: ``d.x1.d.x2.d1``.
        """
        owners = self._owners()
        index = len(self.path)
        while index > 0:
            owner = owners[index - 1]
            name = f"{letter}{'.'.join(self.path[owner:index])}{joint}{name}"
            index = owner
        return name

    def element(self, name: str) -> str:
        """The engine's name of an element."""
        return self.flat(name.lower(), letter=f"{name[0].lower()}.")

    def model(self, name: str) -> str:
        """The engine's name of a model."""
        return self.flat(name.lower(), joint=":")


@dataclass(frozen=True, kw_only=True)
class Target:
    """Something that can be set.

    Parameters
    ----------
    name
        The canonical name.
    kind
        ``"param"``, ``"value"``, ``"instance"``, ``"model"``, ``"formal"`` (a subcircuit's
        parameter), ``"temp"`` or ``"lib"``.
    where
        In whose text the value is written.
    places
        The cards and the slot in each.
    scope
        Where names in the value's text are looked up.
    default
        Its value where the deck has none; None: the engine's, not known here.
    command
        What sets it in a loaded deck, up to the value; None: it can only be loaded.
    ask
        The engine's name for the value: ``@m.x1.m1[w]``.
    """

    name: str
    kind: str
    where: Instance
    places: tuple[tuple[Site, Slot], ...] = ()
    scope: Instance
    default: float | None = None
    command: str | None = None
    ask: str | None = None

    @property
    def text(self) -> str | None:
        """The value as it stands in the deck."""
        return self.places[0][1].text if self.places else None


def command(words: str, *names: str) -> str | None:
    """Make the start of a command, or None where a name would not survive its parser."""
    return words if all(_PLAIN.fullmatch(name) for name in names) else None


def behavioural(text: str | None) -> bool:
    """Whether a value is an expression of voltages, currents or time."""
    return text is not None and bool(_BEHAVIOURAL.search(text))


def looks_like_value(text: str, scope: Scope) -> bool:
    """Whether a word can only be a value, not a model's name."""
    return text[0] in "{'\"(" or text[0].isdigit() or text[0] in "+-." or scope.sees_param(text)


def value_slot(device: Device, scope: Scope) -> Slot | None:
    """Where the value of a resistor, capacitor or inductor stands."""
    words, assignments = device.fields
    for assignment in assignments:
        if assignment.name in ALIASES[device.letter]:
            return Slot(assignment.start, assignment.stop, assignment.text)
    if len(words) < 3:
        return None
    for word in words[3:5]:
        if looks_like_value(word.text, scope):
            return Slot(word.start, word.stop, word.text)
    return Slot(words[2].stop, words[2].stop, None, " ")


def _source_words(device: Device) -> tuple[list[Word], int]:
    words, _ = device.fields
    return words, min(3, len(words))


def dc_slot(device: Device, scope: Scope) -> Slot:
    """Where the DC value of a source stands."""
    words, first = _source_words(device)
    for assignment in device.fields[1]:
        if assignment.name == "dc":
            return Slot(assignment.start, assignment.stop, assignment.text)
    for i in range(first, len(words)):
        if words[i].text.lower() == "dc":
            if i + 1 < len(words) and looks_like_value(words[i + 1].text, scope):
                return Slot(words[i + 1].start, words[i + 1].stop, words[i + 1].text)
            return Slot(words[i].stop, words[i].stop, None, " ")
    if len(words) > first and looks_like_value(words[first].text, scope):
        word = words[first]
        return Slot(word.start, word.stop, word.text)
    after = words[first - 1].stop
    return Slot(after, after, None, " DC ")


def ac_slot(device: Device, scope: Scope) -> tuple[Slot, float]:
    """Where the AC magnitude of a source stands, and its value where none is written."""
    words, first = _source_words(device)
    for assignment in device.fields[1]:
        if assignment.name in ("ac", "acmag"):
            return Slot(assignment.start, assignment.stop, assignment.text), 0.0
    for i in range(first, len(words)):
        if words[i].text.lower() == "ac":
            if i + 1 < len(words) and looks_like_value(words[i + 1].text, scope):
                return Slot(words[i + 1].start, words[i + 1].stop, words[i + 1].text), 1.0
            return Slot(words[i].stop, words[i].stop, None, " "), 1.0
    dc = dc_slot(device, scope)
    return Slot(dc.stop, dc.stop, None, " AC "), 0.0


def has_waveform(device: Device) -> bool:
    """Whether a source has a function of time."""
    words, first = _source_words(device)
    return any(w.text.lower().startswith(_WAVEFORMS) for w in words[first:])


# Values that stand without a name, by their place among the words.
_POSITIONAL = {
    ("e", "gain"): 5,
    ("g", "gain"): 5,
    ("f", "gain"): 4,
    ("h", "gain"): 4,
    ("d", "area"): 4,
    ("j", "area"): 5,
    ("z", "area"): 5,
}


def parameter_slot(device: Device, parameter: str) -> Slot:
    """Where an instance parameter stands, or can be added: at the end of the card."""
    words, assignments = device.fields
    for assignment in reversed(assignments):
        if assignment.name == parameter:
            return Slot(assignment.start, assignment.stop, assignment.text)
    if device.letter == "k" and parameter in ("k", "coefficient") and len(words) > 3:
        return Slot(words[-1].start, words[-1].stop, words[-1].text)
    position = _POSITIONAL.get((device.letter, parameter))
    if position is not None:
        # Nodes in parentheses are one word: "E1 out 0 (in 0) 10".
        held = (len(w.text.strip("()").split()) for w in words[:position] if w.text[0] == "(")
        position -= sum(count - 1 for count in held)
    if position is not None and len(words) > position:
        word = words[position]
        number = parse_number(unwrapped(word.text))
        if number is not None or word.text[0] in "{'":
            return Slot(word.start, word.stop, word.text)
    end = len(device.sites[0].card.text)
    return Slot(end, end, None, f" {parameter}=")


def model_slot(model: Model, parameter: str) -> Slot:
    """Where a model parameter stands, or can be added."""
    _, _, place, parameters = model.fields
    for assignment in reversed(parameters):
        if assignment.name == parameter:
            return Slot(assignment.start, assignment.stop, assignment.text)
    return Slot(place, place, None, f" {parameter}=", " ")


def set_parameters(device: Device) -> Mapping[str, str]:
    """The instance parameters that stand on a card: name in lower case to its text."""
    return {a.name: a.text for a in device.fields[1]}


def default_of(device: Device, parameter: str) -> float | None:
    """The engine's default for an instance parameter."""
    return instance_default(device.letter, parameter)


def positional() -> tuple[tuple[str, str], ...]:
    """Letters and names of the values that stand without a name."""
    return (*_POSITIONAL, ("k", "k"))
