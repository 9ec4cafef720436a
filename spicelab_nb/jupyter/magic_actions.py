"""What the magics do once their line is parsed."""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from spicelab_nb.errors import CampaignError, ClusterError, nearest
from spicelab_nb.jupyter.displays import has_widgets

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from spicelab_nb.campaigns import Campaign, Run

__all__ = ["circuit", "cluster", "cost", "explore", "preview", "run"]


def cluster(shell: Any, args: argparse.Namespace, options: Mapping[str, Any]) -> Any:
    """Carry out ``%spicelab_cluster``; gives a cluster, a table, or shows the panel."""
    action, *words = args.words or ["panel"]
    chosen = _CLUSTER_ACTIONS.get(action)
    if chosen is None:
        return _start(action, words, args, options)
    act, expected = chosen
    wanted = len(expected.split())
    if args.all and action == "stop" and not words:
        wanted = 0
    if len(words) != wanted:
        raise UsageError(f"%spicelab_cluster {action} {expected}".rstrip())
    return act(shell, words, args)


def _start(
    kind: str, words: list[str], args: argparse.Namespace, options: Mapping[str, Any]
) -> Any:
    from spicelab_nb import clusters
    from spicelab_nb.jupyter import cluster_actions

    if kind not in clusters.known_kinds():
        known = [action for action in _CLUSTER_ACTIONS if action != "panel"]
        raise ClusterError(
            f"%spicelab_cluster has no command and knows no kind of cluster called {kind!r}."
            f"{nearest(kind, [*known, *clusters.known_kinds()], count=9)}"
        )
    return cluster_actions.start(
        kind,
        *words,
        name=args.name,
        workers=args.workers,
        threads_per_worker=args.threads,
        memory_limit=args.memory,
        **options,
    )


def _panel(shell: Any, words: list[str], args: argparse.Namespace) -> Any:
    if not has_widgets(shell):
        return _list(shell, words, args)
    from spicelab_nb.jupyter.cluster_panel import panel

    return panel().show()


def _list(shell: Any, words: list[str], args: argparse.Namespace) -> Any:
    del shell, words, args
    from spicelab_nb.jupyter.cluster_table import ClusterTable

    return ClusterTable.now()


def _use(shell: Any, words: list[str], args: argparse.Namespace) -> Any:
    del shell, args
    from spicelab_nb import clusters

    clusters.set_current(words[0])
    return clusters.current()


def _scale(shell: Any, words: list[str], args: argparse.Namespace) -> None:
    del shell, args
    from spicelab_nb.jupyter import cluster_actions

    if not words[1].isdecimal():
        raise UsageError(f"%spicelab_cluster scale NAME N: {words[1]!r} is no number of workers")
    _say(cluster_actions.scale(words[0], int(words[1])))


def _stop(shell: Any, words: list[str], args: argparse.Namespace) -> None:
    del shell
    from spicelab_nb.jupyter import cluster_actions

    _say(cluster_actions.stop_all() if args.all else cluster_actions.stop(words[0]))


def _prune(shell: Any, words: list[str], args: argparse.Namespace) -> None:
    del shell, words, args
    from spicelab_nb import clusters

    removed = clusters.prune()
    _say(f"Removed: {', '.join(removed)}." if removed else "Nothing was left behind.")


_CLUSTER_ACTIONS: dict[str, tuple[Callable[[Any, list[str], argparse.Namespace], Any], str]] = {
    "panel": (_panel, ""),
    "list": (_list, ""),
    "use": (_use, "NAME"),
    "scale": (_scale, "NAME N"),
    "stop": (_stop, "NAME"),
    "prune": (_prune, ""),
}


def circuit(shell: Any, args: argparse.Namespace, text: str) -> Any:
    """Carry out ``%%spicelab_circuit``; gives the circuit, which the variable holds as well."""
    from spicelab_nb.circuits import Circuit

    name = _variable(args.name)
    made = Circuit(text, include_paths=args.include, setup=args.setup, osdi=args.osdi)
    shell.user_ns[name] = made
    return made


def run(shell: Any, args: argparse.Namespace) -> Run:
    """Carry out ``%spicelab_run``: start, keep in a variable, show, and give the run."""
    from spicelab_nb import clusters

    name = _variable(args.variable)
    campaign = _campaign(shell, args)
    where = clusters.get(args.cluster) if args.cluster else None
    started = shell.user_ns[name] = campaign.run(where, budget=args.budget)
    if has_widgets(shell):
        from spicelab_nb.jupyter.displays import show_run

        show_run(started)
        if args.wait:
            started.wait()
    elif args.wait:
        from spicelab_nb.campaigns.console import follow

        follow(started)
    else:
        _say(f"{name}.progress says how far it is, {name}.wait() waits for its end.")
    return started


def _campaign(shell: Any, args: argparse.Namespace) -> Campaign:
    """The campaign that a magic's words mean."""
    from spicelab_nb.campaigns import Campaign

    expression = " ".join(args.campaign)
    campaign = shell.ev(expression)
    if not isinstance(campaign, Campaign):
        raise CampaignError(
            f"{expression} is no campaign but a {type(campaign).__name__}: make one with "
            "sl.Campaign(circuit, samples, ...). A run that has stopped goes on with run.resume()."
        )
    return campaign


def preview(shell: Any, args: argparse.Namespace) -> Any:
    """Carry out ``%spicelab_preview``; gives the preview, which a kernel shows with sliders."""
    return _campaign(shell, args).preview(pilot=not args.no_pilot)


def explore(shell: Any, args: argparse.Namespace) -> Any:
    """Carry out ``%spicelab_explore``; gives the explorer, which a kernel shows."""
    from spicelab_nb.campaigns import Run

    expression = " ".join(args.run)
    found = shell.ev(expression)
    if not isinstance(found, Run):
        raise CampaignError(
            f"{expression} is no run but a {type(found).__name__}: %spicelab_run CAMPAIGN starts "
            'one, sl.open_run("campaigns/...") opens one that is there.'
        )
    return found.explore(args.measure)


def cost(line: str) -> Any:
    """Carry out ``%spicelab_cost``; gives what was spent."""
    from spicelab_nb.campaigns import spending

    if line.strip():
        raise UsageError("%spicelab_cost takes no arguments; sl.spending() gives the numbers")
    return spending()


def _variable(name: str) -> str:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UsageError(f"{name!r} cannot be the name of a variable")
    return name


def _say(sentence: str) -> None:
    from IPython.display import Pretty, display

    display(Pretty(sentence))
