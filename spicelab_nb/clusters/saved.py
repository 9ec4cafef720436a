"""Options for new clusters that a person has saved under a name, for the form to offer again.

One file of this user, ``presets.json`` beside the settings. Texts as they were typed, and never a
key or a password: options that are secrets are Python objects, which no form can give.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from spicelab_nb import config
from spicelab_nb.clusters.presets import describe_kinds
from spicelab_nb.clusters.registry import write_file
from spicelab_nb.errors import ClusterNotFoundError, ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["Preset", "forget_preset", "presets", "presets_file", "save_preset"]

SCHEMA = 1
LONGEST_NAME = 64
LONGEST_TEXT = 1000


@dataclass(frozen=True, kw_only=True)
class Preset:
    """What a new cluster is asked for.

    Parameters
    ----------
    name
        What the person calls it; at most 64 characters.
    kind
        Of the cluster.
    options
        Option to text, as typed into the form; options that are left out have their defaults.

    Raises
    ------
    ConfigError
        The name cannot be used, or an option is no text.
    """

    name: str
    kind: str
    options: Mapping[str, str]

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.isprintable() or not self.name.strip():
            raise ConfigError(f"{self.name!r} is no name for a preset: some letters are needed.")
        if self.name.strip() in {".", ".."}:  # a browser would take them for folders of the address
            raise ConfigError(f"{self.name!r} is no name for a preset.")
        if len(self.name) > LONGEST_NAME:
            raise ConfigError(f"A preset's name has at most {LONGEST_NAME} characters.")
        if not isinstance(self.kind, str):
            raise ConfigError(f"The preset {self.name!r} names no kind of cluster.")
        if not isinstance(self.options, dict) or not all(
            isinstance(text, str) and len(text) <= LONGEST_TEXT
            for pair in self.options.items()
            for text in pair
        ):
            raise ConfigError(f"The options of the preset {self.name!r} are not names and texts.")


def presets_file() -> Path:
    """Where they are kept."""
    return config.files()[0].with_name("presets.json")


def presets() -> list[Preset]:
    """Those that are saved, by name.

    Raises
    ------
    ConfigError
        The file cannot be read; the message says what is wrong with it.
    """
    path = presets_file()
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise ConfigError(f"{path} holds no presets of this version of spicelab_nb.")
    try:
        found = [Preset(**given) for given in data["presets"]]
    except (KeyError, TypeError) as error:
        raise ConfigError(f"{path} holds something that is no preset ({error}).") from error
    return sorted(found, key=lambda preset: preset.name)


def save_preset(preset: Preset) -> None:
    """Keep it, in the place of one of the same name.

    Raises
    ------
    ConfigError
        There is no such kind of cluster, or it has no such option; the message lists the nearest.
        Or the file cannot be written.
    """
    kinds: dict[str, Any] = {kind["name"]: kind for kind in describe_kinds()}
    if preset.kind not in kinds:
        raise ConfigError(
            f"There is no kind of cluster {preset.kind!r}.{nearest(preset.kind, list(kinds))}"
        )
    known = [option["name"] for option in kinds[preset.kind]["options"]]
    for option in preset.options:
        if option not in known:
            raise ConfigError(
                f"A cluster of kind {preset.kind!r} has no option {option!r}."
                f"{nearest(option, known)}"
            )
    _write([*(kept for kept in presets() if kept.name != preset.name), preset])


def forget_preset(name: str) -> None:
    """Remove one.

    Raises
    ------
    ClusterNotFoundError
        There is none of this name.
    ConfigError
        The file cannot be read or written.
    """
    kept = presets()
    left = [preset for preset in kept if preset.name != name]
    if len(left) == len(kept):
        hint = nearest(name, [preset.name for preset in kept])
        raise ClusterNotFoundError(f"There is no preset called {name!r}.{hint}")
    _write(left)


def _write(kept: Iterable[Preset]) -> None:
    path = presets_file()
    listed = [asdict(preset) for preset in sorted(kept, key=lambda preset: preset.name)]
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(path, json.dumps({"schema": SCHEMA, "presets": listed}, indent=1))
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from error
