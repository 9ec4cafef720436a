"""What has been spent so far, up to this moment."""

from __future__ import annotations

import time

from spicelab_nb.campaigns.opening import runs_under_way
from spicelab_nb.clusters.live import mine
from spicelab_nb.cost.ledger import default_ledger
from spicelab_nb.cost.spending import Spending, spending_of

__all__ = ["spending"]


def spending() -> Spending:
    """Give what this user has spent: by campaign, cluster, day and user.

    From the ledger in the user's data folder, to which every notebook of the user writes; what runs
    in this process is counted up to now, what runs in others up to a minute ago.

    Returns
    -------
    Spending
        ``print`` it, or let a notebook show it with a plot; ``.total()``, ``.by("day")``,
        ``.error`` (how far predictions were off), ``.to_pandas()``.

    Raises
    ------
    LedgerError
        The ledger cannot be read.
    """
    for run in runs_under_way():
        run.write_account()
    for cluster in mine():
        cluster.account.write_now()
    entries, problems = default_ledger().read()
    return spending_of(entries, problems=problems, now=time.time())
