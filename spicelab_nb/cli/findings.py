"""What the doctor looks at. Nothing here prints or starts anything."""

from __future__ import annotations

import enum
import importlib.metadata
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

__all__ = ["Finding", "Grade", "engine_findings", "grounds", "jupyter_findings", "settings_finding"]

DISTRIBUTION = "spicelab-nb"
OLDEST_PYTHON = (3, 11)

EXTRAS = {
    "explore": "figures and the explorer",
    "lab": "JupyterLab",
    "s3": "results on S3 object stores",
}
"""Optional parts that a person may miss; the others are for developers."""

SIDEBAR = "@spicelab/nb"
"""Folder of the JupyterLab extension among those of JupyterLab."""

WIDGET_ASSETS = {
    "anywidget": "anywidget",
    "@jupyter-widgets/jupyterlab-manager": "ipywidgets",
}
"""What JupyterLab has to find to show widgets, and the package that brings it."""


class Grade(enum.Enum):
    """How bad it is: nothing; something optional is missing; campaigns cannot run."""

    GOOD = "good"
    MISSING = "missing"
    BAD = "bad"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    what
        Its name.
    grade
        How bad it is.
    text
        What was found.
    install
        The command that mends it; "" where there is none.
    """

    what: str
    grade: Grade
    text: str
    install: str = ""


def grounds() -> list[Finding]:
    """Python, this package, what it needs, and its optional parts."""
    version = platform.python_version()
    old = sys.version_info[:2] < OLDEST_PYTHON
    needed = ".".join(map(str, OLDEST_PYTHON))
    findings = [
        Finding(
            what="Python",
            grade=Grade.BAD if old else Grade.GOOD,
            text=f"{version} ({sys.executable})" + (f"; {needed} is needed" if old else ""),
        )
    ]
    try:
        own = importlib.metadata.version(DISTRIBUTION)
        requirements = [Requirement(r) for r in importlib.metadata.requires(DISTRIBUTION) or ()]
    except importlib.metadata.PackageNotFoundError:
        problem = "not installed, only found: its requirements are not known"
        own_finding = Finding(
            what=DISTRIBUTION, grade=Grade.BAD, text=problem, install="pip install -e ."
        )
        return [*findings, own_finding]
    findings.append(Finding(what=DISTRIBUTION, grade=Grade.GOOD, text=own))
    findings.append(_base(requirements))
    findings += [_extra(requirements, extra, use) for extra, use in EXTRAS.items()]
    return findings


def _base(requirements: list[Requirement]) -> Finding:
    wanted = [r for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]
    # Not neospice: with ngspice there campaigns run without it; the engines have their own lines.
    problems = [p for r in wanted if r.name != "neospice" if (p := _problem(r))]
    if problems:
        return Finding(
            what="packages",
            grade=Grade.BAD,
            text="; ".join(problems),
            install=f"pip install --upgrade {DISTRIBUTION}",
        )
    return Finding(what="packages", grade=Grade.GOOD, text=f"all {len(wanted)} that are needed")


def _extra(requirements: list[Requirement], extra: str, use: str) -> Finding:
    wanted = [
        r
        for r in requirements
        if r.marker is not None
        and r.marker.evaluate({"extra": extra})
        and not r.marker.evaluate({"extra": ""})
    ]
    problems = [p for r in wanted if (p := _problem(r))]
    if problems:
        return Finding(
            what=f"[{extra}]",
            grade=Grade.MISSING,
            text=f"{use}: {'; '.join(problems)}",
            install=f'pip install "{DISTRIBUTION}[{extra}]"',
        )
    names = ", ".join(f"{r.name} {importlib.metadata.version(r.name)}" for r in wanted)
    return Finding(what=f"[{extra}]", grade=Grade.GOOD, text=f"{use}: {names}")


def _problem(requirement: Requirement) -> str:
    """Say what is wrong with one requirement; "" for nothing."""
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return f"{requirement.name} is missing"
    if not requirement.specifier.contains(version, prereleases=True):
        return f"{requirement.name} {version} is not {requirement.specifier}"
    return ""


def engine_findings(needed: str | None = None) -> list[Finding]:
    """Every SPICE engine; one of them, or the one that is `needed`, has to be usable."""
    from spicelab_nb.engines import available

    found = available()
    names = [info.name for info in found]
    if needed is not None and needed not in names:
        text = f"there is no engine {needed!r}; there are {' and '.join(names)}"
        return [Finding(what="engine", grade=Grade.BAD, text=text)]
    any_usable = any(not info.problem for info in found)
    findings = []
    for info in found:
        if not info.problem:
            text = f"{info.version} ({info.path})"
            findings.append(Finding(what=info.name, grade=Grade.GOOD, text=text))
            continue
        fatal = info.name == needed or (needed is None and not any_usable)
        findings.append(
            Finding(
                what=info.name,
                grade=Grade.BAD if fatal else Grade.MISSING,
                text=info.problem,
                install=info.install_hint,
            )
        )
    return findings


def jupyter_findings() -> list[Finding]:
    """The kernel, and what JupyterLab needs to show widgets."""
    return [_kernel(), _widgets(), _sidebar()]


def _kernel() -> Finding:
    from jupyter_client.kernelspec import KernelSpecManager

    specs = KernelSpecManager().find_kernel_specs()
    here = Path(sys.prefix).resolve()
    for name, folder in specs.items():
        if Path(folder).resolve().is_relative_to(here):
            return Finding(what="kernel", grade=Grade.GOOD, text=f"{name} ({folder})")
    return Finding(
        what="kernel",
        grade=Grade.MISSING,
        text="JupyterLab finds no kernel of this Python",
        install=f"{sys.executable} -m ipykernel install --user --name spicelab-nb",
    )


def _widgets() -> Finding:
    from jupyter_core.paths import jupyter_path

    folders = [Path(folder) for folder in jupyter_path("labextensions")]
    missing = [
        package
        for asset, package in WIDGET_ASSETS.items()
        if not any((folder / asset / "package.json").is_file() for folder in folders)
    ]
    if missing:
        return Finding(
            what="widgets",
            grade=Grade.MISSING,
            text=f"JupyterLab cannot show them: {', '.join(missing)} brings no assets. Text and "
            "tables are shown instead",
            install=f"pip install --force-reinstall {' '.join(missing)}",
        )
    return Finding(what="widgets", grade=Grade.GOOD, text="JupyterLab finds what they need")


def _sidebar() -> Finding:
    from jupyter_core.paths import jupyter_path

    folders = [Path(folder) / SIDEBAR for folder in jupyter_path("labextensions")]
    if any((folder / "package.json").is_file() for folder in folders):
        return Finding(what="sidebar", grade=Grade.GOOD, text="JupyterLab has it")
    return Finding(
        what="sidebar",
        grade=Grade.MISSING,
        text="JupyterLab shows no sidebar of clusters: it was not built, for want of Node.js",
        install="install Node.js 20.19 or newer, then ./run sidebar in a clone, or reinstall",
    )


def settings_finding() -> Finding:
    """Whether the settings can be read, and name an engine and a folder that can be used."""
    from spicelab_nb import config
    from spicelab_nb.clusters import registry
    from spicelab_nb.engines import available
    from spicelab_nb.errors import ClusterError, ConfigError

    try:
        chosen = config.load().engine
        registry.folder()  # without it no cluster starts, not even the serial one
    except (ConfigError, ClusterError) as error:
        return Finding(what="settings", grade=Grade.BAD, text=str(error))
    usable = {info.name for info in available() if not info.problem}
    if chosen is not None and chosen not in usable:
        text = f"the engine {chosen!r} is asked for, and there is {', '.join(sorted(usable))}"
        return Finding(what="settings", grade=Grade.BAD, text=text)
    return Finding(what="settings", grade=Grade.GOOD, text="can be read")
