"""Settings: defaults, then files, then the environment, then what a call asks for.

Files are TOML: ``config.toml`` in the user's configuration folder (``spicelab-nb doctor`` shows
where), then ``spicelab_nb.toml`` in the working directory. The environment's names are the fields'
in capitals behind ``SPICELAB_NB_``: ``SPICELAB_NB_ENGINE=neospice``.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spicelab_nb.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Settings", "files", "load"]

_PREFIX = "SPICELAB_NB_"
_LOCAL = "spicelab_nb.toml"
_MISSPELT = 0.8  # how alike two names are when one is the other misspelt


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What holds for everything that a call does not say otherwise.

    Parameters
    ----------
    engine
        ``"ngspice"`` or ``"neospice"``; None: the best that is installed.
    store
        Folder, or fsspec URL, under which campaigns are stored.
    cpu_limit
        Processor seconds that one sample may take in the engine.
    workers
        Of a local cluster; None: as many as there are processors.
    runtime_dir
        Folder of the records of live clusters; None: under Jupyter's runtime folder.
    data_dir
        Folder of what is kept about this user's campaigns as a whole: the ledger of what was
        spent; None: ``spicelab_nb`` in the user's data folder.
    idle_timeout
        Seconds after which a cluster without work ends itself, where it can outlive its owner.

    Raises
    ------
    ConfigError
        A value is of the wrong kind or out of range.
    """

    engine: str | None = None
    store: str = "campaigns"
    cpu_limit: float = 60.0
    workers: int | None = None
    runtime_dir: str | None = None
    data_dir: str | None = None
    idle_timeout: float = 1800.0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            checked = _checked(field.name, getattr(self, field.name), "Settings")
            object.__setattr__(self, field.name, checked)


_DEFAULTS = {field.name: field.default for field in dataclasses.fields(Settings)}
_POSITIVE = {"cpu_limit": float, "idle_timeout": float, "workers": int}
_OPTIONAL = frozenset(name for name, default in _DEFAULTS.items() if default is None)


def files(*, folder: Path | None = None) -> tuple[Path, ...]:
    """Give the files that `load` reads where they exist, the later ones winning.

    Parameters
    ----------
    folder
        Where ``spicelab_nb.toml`` is looked for; None: the working directory.
    """
    import platformdirs

    user = Path(platformdirs.user_config_dir("spicelab_nb", appauthor=False)) / "config.toml"
    return user, (folder or Path.cwd()) / _LOCAL


def load(
    *, environ: Mapping[str, str] | None = None, folder: Path | None = None, **overrides: Any
) -> Settings:
    """Give the settings that hold here.

    Parameters
    ----------
    environ
        The environment; None: this process's.
    folder
        Where ``spicelab_nb.toml`` is looked for; None: the working directory.
    **overrides
        Fields of `Settings` that win over everything; None leaves a field as it is.

    Raises
    ------
    ConfigError
        A file cannot be read, or somewhere a name is unknown or a value cannot be used; the
        message says where.
    """
    values: dict[str, Any] = {}
    for path in files(folder=folder):
        values.update(_from_file(path))
    values.update(_from_environment(os.environ if environ is None else environ))
    for name, value in overrides.items():
        _check_name(name, "config.load")
        if value is not None:
            values[name] = _checked(name, value, "config.load")
    return Settings(**values)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            given = tomllib.load(file)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    for name in given:
        _check_name(name, str(path))
    return {name: _checked(name, value, str(path)) for name, value in given.items()}


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for variable in sorted(environ):
        if not variable.startswith(_PREFIX):
            continue
        name = variable.removeprefix(_PREFIX).lower()
        if name not in _DEFAULTS:
            # variables of other parts share the prefix; only what looks misspelt is refused
            for meant in difflib.get_close_matches(name, _DEFAULTS, n=1, cutoff=_MISSPELT):
                raise ConfigError(
                    f"{variable} in the environment is no setting. "
                    f"Did you mean {_PREFIX}{meant.upper()}?"
                )
            continue
        text = environ[variable].strip()
        if text:
            values[name] = _checked(name, _parsed(name, text), f"{variable} in the environment")
    return values


def _parsed(name: str, text: str) -> Any:
    """Read a number where the field is one; text that is none is refused later, by its field."""
    kind = _POSITIVE.get(name)
    if kind is None:
        return text
    try:
        return kind(text)
    except ValueError:
        return text


def _check_name(name: str, where: str) -> None:
    if name not in _DEFAULTS:
        raise ConfigError(f"{where}: there is no setting {name!r}.{nearest(name, _DEFAULTS)}")


def _checked(name: str, value: Any, where: str) -> Any:
    if value is None and name in _OPTIONAL:
        return None
    kind = _POSITIVE.get(name)
    if kind is None:
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        if not isinstance(value, str) or not value.strip():
            raise ConfigError(f"{where}: {name} must be text, not {value!r}")
        return value
    allowed = (int,) if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed):
        what = "a whole number" if kind is int else "a number"
        raise ConfigError(f"{where}: {name} must be {what}, not {value!r}")
    if not (value > 0 and math.isfinite(value)):
        raise ConfigError(f"{where}: {name} must be more than 0 and finite, not {value!r}")
    return kind(value)
