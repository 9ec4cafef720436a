"""The samples that are not ok: where, with which values, why."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.simulators.reasons import gist
from spicelab_nb.simulators.simulator import Status

if TYPE_CHECKING:
    import pandas as pd

    from spicelab_nb.results.store import Store
    from spicelab_nb.sampling.design import BoundDesign

__all__ = ["failures", "grouped"]

LOG_LINES = 10
"""How many of the last lines the table shows; a chunk holds more."""


def failures(store: Store, *, design: BoundDesign, log_lines: int = LOG_LINES) -> pd.DataFrame:
    """List every sample that failed, timed out or crashed.

    Parameters
    ----------
    store
        Where the chunks are.
    design
        Where the points lie; what chunks hold beyond its size is left out.
    log_lines
        How many of the engine's last lines to give at most.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``point`` (the C-order index into the design), one column for each dimension,
        one for each parameter, then ``status`` (``failed``, ``timeout``, ``crashed``), ``code``
        (what kind of failure, one of :data:`spicelab_nb.simulators.reasons.CODES`), ``reason``,
        ``log`` (lines joined) and ``attempts``. Names and lines are as the engine gave them:
        escape them where they are shown as HTML.
    """
    import pandas as pd

    size = design.size
    status = np.full(size, Status.NOT_RUN, np.int8)
    rows: dict[int, dict[str, Any]] = {}
    for chunk in store.read_all():
        start, stop = chunk.ref.start, min(chunk.ref.stop, size)
        if start >= stop:
            continue
        fresh = chunk.status[: stop - start]
        better = fresh < status[start:stop]
        reasons = {f.index: f for f in chunk.failures}
        for i in np.flatnonzero(better & (fresh != Status.OK)):
            point = start + int(i)
            failure = reasons.get(point)
            log = failure.log[max(0, len(failure.log) - log_lines) :] if failure else ()
            rows[point] = {
                **{name: column[i] for name, column in chunk.values.items()},
                "status": Status(int(fresh[i])).name.lower(),
                "code": failure.code if failure else "",
                "reason": failure.reason if failure else "",
                "log": "\n".join(log),
                "attempts": failure.attempts if failure else 1,
            }
        np.copyto(status[start:stop], fresh, where=better)
    bad = [point for point in sorted(rows) if status[point] != Status.OK]
    places = np.unravel_index(np.array(bad, dtype=np.intp), tuple(map(len, design.dimensions)))
    columns: dict[str, Any] = {
        d.name: np.asarray(d.values)[place]
        for d, place in zip(design.dimensions, places, strict=True)
    }
    for name in (*design.parameters, "status", "code", "reason", "log", "attempts"):
        columns.setdefault(name, [rows[point][name] for point in bad])
    return pd.DataFrame(columns, index=pd.Index(bad, name="point", dtype="int64"))


def grouped(table: pd.DataFrame) -> list[tuple[int, str, str]]:
    """Put the failures together that read the same but for the samples' own times and values.

    Parameters
    ----------
    table
        From :func:`failures`.

    Returns
    -------
    list of (int, str, str)
        How many, what they have in common, and their code; the most frequent first.
    """
    kinds = Counter(
        (code, gist(reason)) for code, reason in zip(table["code"], table["reason"], strict=True)
    )
    return [(n, text, code) for (code, text), n in kinds.most_common()]
