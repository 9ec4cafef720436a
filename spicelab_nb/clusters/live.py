"""The clusters of this process: started here, or joined from here; which is the current one."""

from __future__ import annotations

import atexit
import threading
from typing import TYPE_CHECKING, Any

from spicelab_nb.clusters import registry
from spicelab_nb.clusters.kind import find_kind, make_options
from spicelab_nb.errors import ClusterError, ClusterNotFoundError

if TYPE_CHECKING:
    from spicelab_nb.clusters.running import Cluster

__all__ = ["cluster", "current", "get", "set_current"]

LONGEST_NAME = 64

_lock = threading.RLock()
_live: dict[str, Cluster] = {}
_current: str | None = None


def cluster(
    kind: str = "local", *, name: str | None = None, price: Any = None, **options: Any
) -> Cluster:
    """Start a cluster, and make it the current one.

    Parameters
    ----------
    kind
        ``"local"``: processes on this machine. ``"address"``: a Dask scheduler that runs already.
        ``"ray"``: a Ray of our own on this machine, or one that runs already. ``"serial"``: this
        process, for debugging. Plug-ins add others.
    name
        What to call it; default: its kind, with a number if that is taken.
    price
        What it costs, where it is your own machine or partition: USD a core and hour, or a
        ``spicelab_nb.cost.Price`` (``Price(watts=250, usd_per_kwh=0.40)``). None: nothing for a
        local cluster, not known for an address.
    options
        Of the kind; for ``"local"`` see :class:`~spicelab_nb.clusters.local.LocalOptions`
        (``workers=2``, ``threads_per_worker=1``, ``memory_limit="auto"``, ``timeout=60``),
        for ``"address"`` :class:`~spicelab_nb.clusters.address.AddressOptions`
        (``address=``, ``security=``), for ``"ray"`` :class:`~spicelab_nb.clusters.ray.RayOptions`
        (``workers=2``, or ``address="auto"``).

    Raises
    ------
    ClusterError
        The kind or an option is unknown or of no use, the name is taken, nobody answers.
    ClusterStartError
        Not every worker came up in time; nothing is left running.
    PriceError, LedgerError
        The price is negative or none; or what it will cost cannot be written down.
    """
    from spicelab_nb.clusters.running import Cluster
    from spicelab_nb.cost.price import price_of

    terms = price_of(price)
    launcher = find_kind(kind)
    checked = make_options(launcher, options)
    taken = {record.name for record in registry.list_clusters()}
    made = Cluster(
        launcher, checked, name=_free_name(name, kind, taken), price=terms, on_close=_closed
    )
    made.start()
    with _lock:
        _live[made.id] = made
    set_current(made)
    return made


def _free_name(name: str | None, kind: str, taken: set[str]) -> str:
    if name is None:
        number = 1
        while (free := kind if number == 1 else f"{kind}-{number}") in taken:
            number += 1
        return free
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME:
        raise ClusterError(f"A cluster's name has 1 to {LONGEST_NAME} characters, not {name!r}.")
    if name.startswith("-") or not name.isprintable() or any(c.isspace() for c in name):
        raise ClusterError(
            f"A cluster's name has no spaces and does not begin with '-': {name!r} cannot be used."
        )
    if name in taken:
        raise ClusterError(
            f"A cluster called {name!r} is alive already. Choose another name, use it "
            f"(spicelab_nb.clusters.get({name!r})), or close it first."
        )
    return name


def _closed(gone: Cluster) -> None:
    global _current
    with _lock:
        _live.pop(gone.id, None)
        if _current == gone.id:
            _current = next(reversed(_live), None)


def get(name: str) -> Cluster:
    """The live cluster of that name or id; one that another process of this user owns is joined.

    Raises
    ------
    ClusterNotFoundError
        There is none, or it cannot be joined.
    """
    from spicelab_nb.clusters.address import AddressOptions, Attached
    from spicelab_nb.clusters.running import Cluster

    with _lock:
        for mine in _live.values():
            if name in (mine.id, mine.name):
                return mine
    record = registry.find(name)
    if record.address is None:
        raise ClusterNotFoundError(
            f"Cluster {name!r} is process {record.owner} on {record.host} itself and cannot be "
            'used from here. Start one with sl.cluster("local").'
        )
    if record.kind == "ray":
        raise ClusterNotFoundError(
            f"The actors of {name!r} belong to process {record.owner} on {record.host} and cannot "
            "be used from here. Stop or scale it with spicelab_nb.clusters.request_stop and "
            'request_scale, or start one of your own: sl.cluster("ray").'
        )
    joined = Cluster(
        Attached,
        AddressOptions(address=record.address),
        name=record.name,
        record_of=record.id,
        on_close=_closed,
    )
    joined.start()
    with _lock:
        _live[joined.id] = joined
    return joined


def mine() -> list[Cluster]:
    """The clusters of this process: started or joined here."""
    with _lock:
        return list(_live.values())


def current() -> Cluster | None:
    """The cluster that a campaign uses when none is given; None where there is none."""
    with _lock:
        return None if _current is None else _live.get(_current)


def set_current(chosen: Cluster | str | None) -> None:
    """Make a cluster (or the one of that name) the current one; None for none.

    Raises
    ------
    ClusterNotFoundError
        It is closed, or there is none of that name.
    """
    global _current
    if isinstance(chosen, str):
        chosen = get(chosen)
    with _lock:
        if chosen is not None and chosen.id not in _live:
            raise ClusterNotFoundError(f"Cluster {chosen.name!r} is closed.")
        _current = None if chosen is None else chosen.id


@atexit.register
def _close_all() -> None:
    for each in list(_live.values()):
        each.close()
