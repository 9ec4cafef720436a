"""What can be asked for when a cluster is started, as plain data for a form."""

from __future__ import annotations

import inspect
import re
from dataclasses import MISSING, Field, fields
from typing import TYPE_CHECKING, Any

from spicelab_nb.clusters.kind import find_kind, known_kinds
from spicelab_nb.errors import ClusterError

if TYPE_CHECKING:
    from spicelab_nb.clusters.kind import ClusterKind

__all__ = ["describe_kinds"]

PRICE = {
    "name": "price",
    "type": "float",
    "default": None,
    "required": False,
    "unit": "USD per core and hour",
    "help": "USD a core and hour; left out: no cost, or what the kind knows of its price.",
}
"""What any kind takes besides its own options."""

_FORMS = {"bool": "bool", "int": "int", "float": "float", "str": "str"}


def describe_kinds() -> list[dict[str, Any]]:
    """Every kind of cluster, with the options that a form or a magic's line can give.

    Returns
    -------
    list of dict
        ``name``, ``summary``, ``problem`` (why it cannot be used here; "" where it can) and
        ``options``: ``name``, ``type`` (``bool``, ``int``, ``float`` or ``str``), ``default``,
        ``required``, ``unit`` ("" for none), ``help``. Options that are Python objects are left
        out.
    """
    described = []
    for name in known_kinds():
        try:
            launcher = find_kind(name)
        except ClusterError as error:
            described.append({"name": name, "summary": "", "problem": str(error), "options": []})
        else:
            described.append(_describe(name, launcher))
    return described


def _describe(name: str, launcher: type[ClusterKind]) -> dict[str, Any]:
    texts = _parameters(launcher.Options)
    options = [_option(spec, texts.get(spec.name, "")) for spec in fields(launcher.Options)]
    summary = (inspect.getdoc(launcher) or "").partition("\n")[0]
    problem = getattr(launcher, "problem_here", lambda: "")()
    return {
        "name": name,
        "summary": summary,
        "problem": problem,
        "options": [*(option for option in options if option is not None), PRICE],
    }


def _option(spec: Field[Any], text: str) -> dict[str, Any] | None:
    kinds = [part.strip() for part in str(spec.type).split("|")]
    form = "str" if "str" in kinds else next((_FORMS[k] for k in kinds if k in _FORMS), None)
    if form is None:
        return None
    required = spec.default is MISSING and spec.default_factory is MISSING
    return {
        "name": spec.name,
        "type": form,
        "default": None if spec.default is MISSING else spec.default,
        "required": required,
        # The texts begin with the unit, as numpy's style has it.
        "unit": "s" if text.startswith("Seconds ") else "",
        "help": text,
    }


def _parameters(options: type[Any]) -> dict[str, str]:
    """The texts of a numpy-style ``Parameters`` section, by name."""
    section = re.search(
        r"^Parameters\n-+\n(.*?)(?:\n\n\S|\Z)",
        inspect.getdoc(options) or "",
        re.DOTALL | re.MULTILINE,
    )
    texts: dict[str, str] = {}
    names: list[str] = []
    for line in section.group(1).splitlines() if section else []:
        if line and not line[0].isspace():
            names = [name.strip() for name in line.partition(":")[0].split(",")]
        else:
            for name in names:
                texts[name] = f"{texts.get(name, '')} {line.strip()}".strip()
    return {name: text.replace("``", "") for name, text in texts.items()}
