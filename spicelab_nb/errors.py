"""Every error this package raises.

Each class also inherits the builtin that a caller would expect, so ``except FileNotFoundError``
catches a missing include as well as ``except IncludeError`` does. A message says what failed,
where, and what to do next.
"""

from __future__ import annotations

import difflib
import functools
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "AmbiguousNameError",
    "BudgetError",
    "CampaignError",
    "ChunkConflictError",
    "CircuitError",
    "ClusterError",
    "ClusterNotFoundError",
    "ClusterStartError",
    "ConfigError",
    "CorruptObjectError",
    "CostError",
    "CurrencyError",
    "EngineError",
    "EngineNotFoundError",
    "ExecutorError",
    "IncludeError",
    "LedgerError",
    "MeasureError",
    "MissingExtraError",
    "NotKeptError",
    "PriceError",
    "PriceFetchError",
    "SamplingError",
    "SimulationError",
    "SpecError",
    "SpicelabError",
    "StoreError",
    "StoreLockedError",
    "StoreMismatchError",
    "StoreMissingError",
    "StoreUnreachableError",
    "UnknownArgumentError",
    "UnknownMachineError",
    "UnknownNameError",
    "missing_extra",
    "nearest",
    "suggests_arguments",
    "warn_caller",
]

T = TypeVar("T")

OURS = (str(Path(__file__).parent), functools.__file__)
"""Files whose frames stand between a caller and a warning: this package's, and the one that
computes its cached properties."""


class SpicelabError(Exception):
    """Base of every error raised on purpose by this package."""


class ConfigError(SpicelabError, ValueError):
    """A setting in a file, the environment or a call cannot be used."""


class CircuitError(SpicelabError, ValueError):
    """A netlist, or a value asked of it, cannot be used."""


class IncludeError(CircuitError, FileNotFoundError):
    """A file that a netlist includes is missing or outside the allowed folders."""


class UnknownNameError(CircuitError, KeyError):
    """A name that the circuit or simulator does not have; the message lists the nearest."""

    # KeyError shows the repr of its argument, which turns a sentence into a quoted string.
    __str__ = Exception.__str__


class AmbiguousNameError(CircuitError, LookupError):
    """A name that means several things; the message lists the candidates."""


class MeasureError(SpicelabError, ValueError):
    """A measure is asked of a signal or an analysis that is not there."""


class SamplingError(SpicelabError, ValueError):
    """A distribution, a sweep or a set of corners is not well defined."""


class EngineError(SpicelabError, RuntimeError):
    """A SPICE engine could not be used."""


class EngineNotFoundError(EngineError, FileNotFoundError):
    """No SPICE engine of that name is installed."""


class SimulationError(SpicelabError, RuntimeError):
    """One simulation failed; carries the engine's reason and last lines.

    Parameters
    ----------
    message
        What failed and why.
    log
        The last lines that the engine printed.
    """

    def __init__(self, message: str, log: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.log = tuple(log)


class StoreError(SpicelabError, OSError):
    """A results store cannot be read or written."""

    # OSError formats (errno, text); these carry one sentence.
    __str__ = Exception.__str__


class StoreMismatchError(StoreError, ValueError):
    """A store holds the results of another plan."""


class StoreMissingError(StoreError, FileNotFoundError):
    """There is no campaign at that place, or the place is gone; it may come back."""


class StoreUnreachableError(StoreError, ConnectionError):
    """Nobody answers where the store is; that may be different in a minute."""


class StoreLockedError(StoreError):
    """Another process is consolidating the store."""


class ChunkConflictError(StoreError):
    """Two writers computed the same samples and their bits differ."""


class CorruptObjectError(StoreError):
    """An object in a store is truncated, altered or not of this store."""


class ExecutorError(SpicelabError, RuntimeError):
    """Chunks could not be handed to, or fetched from, an executor."""


class ClusterError(SpicelabError, RuntimeError):
    """A cluster could not do what was asked of it."""


class ClusterStartError(ClusterError, TimeoutError):
    """A cluster, or the workers asked of it, did not come up."""

    __str__ = Exception.__str__


class ClusterNotFoundError(ClusterError, KeyError):
    """No live cluster has that name."""

    __str__ = Exception.__str__


class CampaignError(SpicelabError, ValueError):
    """A campaign is not well defined, or cannot go on as asked."""


class SpecError(CampaignError):
    """A specification names no measure, or its limits make no sense."""


class CostError(SpicelabError, ValueError):
    """A price, an amount of money or a prediction of cost cannot be used, or cannot be made."""


class CurrencyError(CostError, TypeError):
    """Amounts of different currencies cannot be added or compared."""


class PriceError(CostError):
    """A price, or a list of prices, cannot be used or fetched; the message says which."""


class PriceFetchError(PriceError, ConnectionError):
    """A provider's price interface does not answer, or not as documented; says what to do."""

    # OSError formats (errno, text); these carry one sentence.
    __str__ = Exception.__str__


class UnknownMachineError(PriceError, LookupError):
    """No machine type of that name has a price; the message lists the nearest."""


class BudgetError(CostError):
    """What is asked for does not fit the budget; the message says what would."""


class LedgerError(CostError, OSError):
    """The ledger of what was spent cannot be read or written."""

    # OSError formats (errno, text); these carry one sentence.
    __str__ = Exception.__str__


class MissingExtraError(SpicelabError, ImportError):
    """A feature needs an optional dependency that is not installed."""


class UnknownArgumentError(SpicelabError, TypeError):
    """A keyword argument that a function or class does not take; the message lists the nearest."""


class NotKeptError(SpicelabError, KeyError):
    """A waveform is asked for that the campaign did not keep."""

    __str__ = Exception.__str__


def suggests_arguments(made: T) -> T:
    """Decorate a function or class: a misspelt keyword is an error that names the nearest.

    Raises
    ------
    UnknownArgumentError
        When called with a keyword that it does not take.
    """
    function: Any = made.__init__ if isinstance(made, type) else made  # type: ignore[misc]
    code = function.__code__
    known = frozenset(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]) - {"self"}
    called = made.__name__ if isinstance(made, type) else function.__qualname__
    called = called.removesuffix(".__init__")

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        for name in kwargs:
            if name not in known:
                raise UnknownArgumentError(
                    f"{called} takes no argument {name!r}.{nearest(name, known)}"
                )
        return function(*args, **kwargs)

    if isinstance(made, type):
        made.__init__ = checked  # type: ignore[misc]
        return made
    return checked  # type: ignore[return-value]


def warn_caller(message: str | Warning, category: type[Warning] | None = None) -> None:
    """Warn with the file and line of whoever called this package, not of a line within it."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(OURS):
        level, frame = level + 1, frame.f_back
    # The first of them is the frame of this function.
    warnings.warn(message, category, stacklevel=level)


def missing_extra(feature: str, extra: str) -> MissingExtraError:
    """Make the error for a feature whose optional dependency is not installed.

    Parameters
    ----------
    feature
        What was asked for, as the start of a sentence ("The explorer").
    extra
        Name of the extra in ``pip install "spicelab-nb[extra]"``.
    """
    return MissingExtraError(
        f'{feature} needs an optional part: pip install "spicelab-nb[{extra}]"'
    )


def nearest(name: str, known: Iterable[str], count: int = 5) -> str:
    """Finish a sentence about an unknown name with the names most like it.

    Parameters
    ----------
    name
        What was asked for.
    known
        What there is.
    count
        How many to list at most.

    Returns
    -------
    str
        ``" Did you mean R1, R10 or RL?"``, ``" There are: a, b, c."`` or ``""``.
    """
    names = sorted(set(known))
    folded = {n.lower(): n for n in names}
    close = [folded[m] for m in difflib.get_close_matches(name.lower(), folded, n=count)]
    if close:
        listed = close[0] if len(close) == 1 else f"{', '.join(close[:-1])} or {close[-1]}"
        return f" Did you mean {listed}?"
    if names:
        more = ", ..." if len(names) > count else ""
        return f" There are: {', '.join(names[:count])}{more}."
    return ""
