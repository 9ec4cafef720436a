"""Tab completion for the magics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["complete_cluster", "complete_explore", "complete_preview", "complete_run", "install"]

COMMANDS = ("list", "use", "scale", "stop", "prune")
OPTIONS = ("--workers", "--name", "--threads", "--memory")


def install(shell: InteractiveShell) -> None:
    """Register the completers."""
    shell.set_hook("complete_command", complete_cluster, str_key="%spicelab_cluster")
    shell.set_hook("complete_command", complete_run, str_key="%spicelab_run")
    shell.set_hook("complete_command", complete_preview, str_key="%spicelab_preview")
    shell.set_hook("complete_command", complete_explore, str_key="%spicelab_explore")


def complete_cluster(shell: Any, event: Any) -> list[str]:
    """Subcommands and kinds first, then names of live clusters or options."""
    from spicelab_nb.clusters import known_kinds, list_clusters

    del shell
    words = event.text_until_cursor.split()
    place = len(words) - (0 if event.text_until_cursor.endswith(" ") else 1)
    if place <= 1:
        return [*COMMANDS, *known_kinds()]
    names = [record.name for record in list_clusters()]
    if words[1] == "stop":
        return [*names, "--all"]
    if words[1] in ("use", "scale"):
        return names if place == 2 else []
    return [option for option in OPTIONS if option not in words[:place]]


def complete_run(shell: Any, event: Any) -> list[str]:
    """Variables that hold a campaign; then options."""
    from spicelab_nb.clusters import list_clusters

    words = event.text_until_cursor.split()
    if words[-1] == "--cluster" or (len(words) > 1 and words[-2] == "--cluster"):
        return [record.name for record in list_clusters()]
    return [*_held(shell, "Campaign"), "--as", "--cluster", "--budget", "--wait"]


def complete_preview(shell: Any, event: Any) -> list[str]:
    """Variables that hold a campaign."""
    del event
    return [*_held(shell, "Campaign"), "--no-pilot"]


def complete_explore(shell: Any, event: Any) -> list[str]:
    """Variables that hold a run."""
    del event
    return [*_held(shell, "Run"), "--measure"]


def _held(shell: Any, kind: str) -> list[str]:
    return [
        name
        for name, value in shell.user_ns.items()
        if type(value).__name__ == kind and not name.startswith("_")
    ]
