"""Builds the JupyterLab sidebar into the wheel, where Node.js is there to build it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SETTING = "SPICELAB_NB_LABEXTENSION"
"""``skip``: install without it. ``require``: fail where it cannot be built (releases)."""

SHARED = "share/jupyter/labextensions/@spicelab/nb"


class LabExtensionHook(BuildHookInterface):
    """Puts ``spicelab_nb/labextension`` where JupyterLab finds it, and builds it if needed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Run before a wheel or a source archive is put together."""
        root = Path(self.root)
        built = root / "spicelab_nb" / "labextension"
        asked = os.environ.get(SETTING, "")
        if asked != "skip" and not is_built(root):
            trouble = build(root)
            if trouble:
                said = (
                    f"The JupyterLab sidebar is left out: {trouble} Everything else is installed; "
                    "later, `./run lab` or a reinstallation adds it."
                )
                if asked == "require":
                    raise RuntimeError(said)
                self.app.display_warning(said)
        if self.target_name == "wheel" and (built / "package.json").is_file():
            build_data["shared_data"][str(built)] = SHARED
            build_data["shared_data"][str(root / "labextension" / "install.json")] = (
                f"{SHARED}/install.json"
            )


def is_built(root: Path) -> bool:
    """Whether the built files are there, and no source is newer."""
    made = root / "spicelab_nb" / "labextension" / "package.json"
    if not made.is_file():
        return False
    folder = root / "labextension"
    sources = [folder / "package.json", *folder.glob("s*/**/*")]
    newest = max((p.stat().st_mtime for p in sources if p.is_file()), default=0.0)
    return newest <= made.stat().st_mtime


def build(root: Path) -> str:
    """Build it; gives what is in the way, or ""."""
    if shutil.which("node") is None:
        return "Node.js (20.19 or newer), which builds it, is not installed."
    folder = root / "labextension"
    jlpm = [sys.executable, "-c", "from jupyter_builder.jlpm import main; main()"]
    # The yarn that jlpm starts looks for its tools on the path.
    here = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{here}{os.pathsep}{os.environ.get('PATH', '')}"}
    for step in (["install", "--immutable"], ["build:prod"]):
        done = subprocess.run(
            [*jlpm, *step], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            last = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
            return f"`jlpm {' '.join(step)}` failed:\n{last}\n"
    built = root / "spicelab_nb" / "labextension"
    for leftover in built.glob("schemas/**/package.json.orig"):
        leftover.unlink()
    return "" if is_built(root) else f"jlpm said nothing, and {built} is not complete."
