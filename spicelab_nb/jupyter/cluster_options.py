"""Options of any kind of cluster on a magic's line: ``--timeout 30 --dashboard false``."""

from __future__ import annotations

from typing import Any

from IPython.core.error import UsageError

__all__ = ["take_options"]

OWN = frozenset(
    {"workers", "name", "threads", "memory", "all", "threads_per_worker", "memory_limit"}
)
"""Those that the magic itself knows, whatever the kind."""


def take_options(words: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Split a line's words into those that the magic parses and the options of the kind it names.

    Parameters
    ----------
    words
        Of the line; options are written as ``--name value`` or ``--name=value``, with ``-`` for
        ``_``.

    Returns
    -------
    rest : list of str
    options : dict
        Name to value, of the type that the kind's option has.

    Raises
    ------
    UsageError
        An option has no value, or one of another type.
    """
    from spicelab_nb import clusters

    kind = next((word for word in words if word in clusters.known_kinds()), None)
    if kind is None or not any(word.startswith("--") for word in words):
        return words, {}
    from spicelab_nb.clusters.presets import describe_kinds

    (described,) = (each for each in describe_kinds() if each["name"] == kind)
    types = {o["name"]: o["type"] for o in described["options"] if o["name"] not in OWN}
    rest: list[str] = []
    options: dict[str, Any] = {}
    coming = iter(words)
    for word in coming:
        name, equals, value = word.removeprefix("--").partition("=")
        name = name.replace("-", "_")
        if not word.startswith("--") or name not in types:
            rest.append(word)
            continue
        given = value if equals else next(coming, None)
        if given is None:
            raise UsageError(f"{word} needs a value.")
        options[name] = _converted(word.partition("=")[0], given, types[name])
    return rest, options


def _converted(option: str, text: str, kind: str) -> Any:
    if kind == "bool":
        if text.lower() not in _TRUTHS:
            raise UsageError(f"{option} is true or false, not {text!r}.")
        return _TRUTHS[text.lower()]
    if kind == "str":
        return text
    try:
        return int(text) if kind == "int" else float(text)
    except ValueError:
        what = "a whole number" if kind == "int" else "a number"
        raise UsageError(f"{option} is {what}, not {text!r}.") from None


_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
