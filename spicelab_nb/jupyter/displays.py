"""How campaigns, runs and clusters are displayed in a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from spicelab_nb.campaigns import Campaign, Run
    from spicelab_nb.clusters import Cluster
    from spicelab_nb.cost.preview import Preview

__all__ = [
    "campaign_html",
    "has_widgets",
    "install",
    "remove",
    "show_cluster",
    "show_preview",
    "show_run",
]

# Named, not imported: loading the extension must not load what campaigns need.
_RUN = ("spicelab_nb.campaigns.run", "Run")
_CAMPAIGN = ("spicelab_nb.campaigns.campaign", "Campaign")
_CLUSTER = ("spicelab_nb.clusters.running", "Cluster")
_PREVIEW = ("spicelab_nb.cost.preview", "Preview")


_shown: set[int] = set()
"""Runs that the cell under way has displayed: what its magic shows, its last line would again."""


def has_widgets(shell: Any) -> bool:
    """Whether this shell is a kernel's: a terminal can show no widget."""
    return getattr(shell, "kernel", None) is not None


def install(shell: InteractiveShell) -> None:
    """Register the displays; in a terminal, objects keep their plain text."""
    formatter = shell.display_formatter
    if formatter is None or not has_widgets(shell):
        return
    display = formatter.ipython_display_formatter
    display.for_type_by_name(*_RUN, show_run)
    display.for_type_by_name(*_CLUSTER, show_cluster)
    display.for_type_by_name(*_PREVIEW, show_preview)
    formatter.formatters["text/html"].for_type_by_name(*_CAMPAIGN, campaign_html)
    # Taken out first, so that loading twice does not look twice.
    _unregister(shell)
    shell.events.register("post_run_cell", _after_cell)


def remove(shell: InteractiveShell) -> None:
    """Take the displays back."""
    formatter = shell.display_formatter
    if formatter is None:
        return
    for where, names in (
        (formatter.ipython_display_formatter, (_RUN, _CLUSTER, _PREVIEW)),
        (formatter.formatters["text/html"], (_CAMPAIGN,)),
    ):
        for name in names:
            where.pop(".".join(name), None)
    _unregister(shell)


def _unregister(shell: InteractiveShell) -> None:
    if _after_cell in shell.events.callbacks["post_run_cell"]:
        shell.events.unregister("post_run_cell", _after_cell)


def _after_cell(*result: Any) -> None:
    """Bring the views up to date, if anything has been displayed yet."""
    del result
    import sys

    _shown.clear()

    views = sys.modules.get("spicelab_nb.jupyter.campaign_view")
    if views is not None:
        views.flush()


def show_run(run: Run) -> None:
    """Display the live view of a run, once in a cell."""
    from spicelab_nb.jupyter.campaign_view import view_of

    if id(run) not in _shown:
        _shown.add(id(run))
        view_of(run).show()


def show_cluster(cluster: Cluster) -> None:
    """Display the panel, with this cluster in it."""
    del cluster
    from spicelab_nb.jupyter.cluster_panel import panel

    panel().show()


def show_preview(preview: Preview) -> None:
    """Display the preview with its sliders."""
    from spicelab_nb.jupyter.preview_view import PreviewView

    PreviewView(preview).show()


def campaign_html(campaign: Campaign) -> str:
    """Say what would be simulated, as a small table; all text escaped."""
    measures = campaign.measures
    rows = {
        "samples": repr(campaign.samples),
        "points": f"{campaign.design.size:,}",
        "parameters": ", ".join(campaign.parameters),
        "measures": "what the function returns" if measures is None else ", ".join(measures),
        "specs": ", ".join(f"{name}: {_limits(spec)}" for name, spec in campaign.specs.items())
        or "none",
    }
    if campaign.method:
        rows["computed by"] = campaign.method
    cells = "".join(
        f"<tr><th scope='row' style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left'>{escape(text)}</td></tr>"
        for name, text in rows.items()
    )
    caption = f"Campaign <b>{escape(campaign.name)}</b>"
    return (
        f"<table><caption style='text-align:left'>{caption}</caption><tbody>{cells}</tbody></table>"
    )


def _limits(spec: Any) -> str:
    from spicelab_nb.results.quantities import quantity

    low = "" if spec.min is None else f"at least {quantity(spec.min, spec.unit)}"
    high = "" if spec.max is None else f"at most {quantity(spec.max, spec.unit)}"
    return " and ".join(part for part in (low, high) if part)
