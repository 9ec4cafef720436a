"""Who computes samples: the contract between a campaign and a circuit or a Python function.

A :class:`Simulator` is a specification: it travels to the workers. There it is opened once into a
:class:`Session`, which keeps what is warm (an engine process, a loaded deck) and computes batches.
``spicelab_nb.testing.simulators.SimulatorTests`` is the conformance suite.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from spicelab_nb.engines.engine import Status
from spicelab_nb.simulators.reasons import classify

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from spicelab_nb.sampling.design import ParameterSpace

__all__ = [
    "Axis",
    "Batch",
    "Failure",
    "Output",
    "Resources",
    "Session",
    "Simulator",
    "Status",
    "Wave",
]


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What one sample needs, for placing workers and for the price.

    Parameters
    ----------
    cpus, gpus, ranks
        Counts.
    memory
        Bytes; None: not stated.
    walltime
        Seconds that one sample may take at most; None: not stated.
    """

    cpus: int = 1
    memory: int | None = None
    gpus: int = 0
    ranks: int = 1
    walltime: float | None = None


@dataclass(frozen=True, kw_only=True)
class Output:
    """One measure that a simulator computes.

    Parameters
    ----------
    unit
        ``"Hz"``, ``"V"``; "" for none or unknown.
    long_name
        For the axis of a figure.
    """

    unit: str = ""
    long_name: str = ""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis of a kept waveform: ``name``, ``values`` ``(points,)`` float64, ``unit``."""

    name: str
    values: NDArray[np.float64]
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Wave:
    """A kept signal over a batch.

    Parameters
    ----------
    analysis, signal
        ``"ac"``, ``"v(out)"``; a node may be called anything, a slash included.
    axes
        Outermost first; the same for every sample of a campaign.
    data
        ``(n, *axis lengths)`` float64 or complex128; NaN where the sample is not ok.
    unit
        Of the signal.
    """

    analysis: str
    signal: str
    axes: tuple[Axis, ...]
    data: NDArray[Any]
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why one sample is not ok.

    Parameters
    ----------
    index
        Of the point in the design.
    status
        Anything but ``OK``.
    reason
        One sentence.
    log
        The engine's, or the traceback's, last lines.
    attempts
        How often it was tried.
    code
        What kind of failure it is, one of :data:`~.reasons.CODES`; "": read from the reason.
    """

    index: int
    status: Status
    reason: str
    log: tuple[str, ...] = ()
    attempts: int = 1
    code: str = ""

    def __post_init__(self) -> None:
        if not self.code:
            object.__setattr__(self, "code", classify(self.status, self.reason))


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What became of the points ``start`` to ``start + n - 1``.

    Parameters
    ----------
    start
        Index of the first point.
    status
        ``(n,)`` int8, :class:`Status` numbers; never ``NOT_RUN``.
    measures
        Name to ``(n,)`` float64; NaN where the sample is not ok, or where the measure does not
        exist in it (no crossing).
    waves
        Kept signals.
    failures
        One for each sample that is not ok, by index.
    cpu
        ``(n,)`` float64, processor seconds of each sample.
    units
        Name to unit for measures whose unit is only known after simulating.
    """

    start: int
    status: NDArray[np.int8]
    measures: Mapping[str, NDArray[np.float64]]
    waves: tuple[Wave, ...] = ()
    failures: tuple[Failure, ...] = ()
    cpu: NDArray[np.float64]
    units: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.status)


class Session(Protocol):
    """A simulator that is warm; used from one thread at a time."""

    def run(
        self, start: int, values: Mapping[str, NDArray[Any]], seeds: NDArray[np.uint64]
    ) -> Batch:
        """Compute a batch.

        Parameters
        ----------
        start
            Index of the first point.
        values
            Canonical parameter name to ``(n,)``.
        seeds
            ``(n,)``.

        Returns
        -------
        Batch
            A sample's bits depend on its values and seed alone, never on the batch it is in.
            A sample that fails never raises.
        """

    def close(self) -> None:
        """Give back what is warm; may be called twice."""


class Simulator(Protocol):
    """What computes one sample. Picklable by cloudpickle; immutable."""

    @property
    def space(self) -> ParameterSpace:
        """The parameters that can be set."""

    @property
    def outputs(self) -> Mapping[str, Output] | None:
        """Its measures by name; None where they are only known after simulating."""

    @property
    def resources(self) -> Resources:
        """What one sample needs."""

    def describe(self) -> dict[str, Any]:
        """What identifies the results, as JSON: part of the plan's digest."""

    def inputs(self) -> Mapping[str, bytes]:
        """Contents that `describe` only names by SHA-256 (netlist, models), by that digest.

        They are kept in the store, so that a run can be resumed where the files are not.
        """

    def open(self) -> Session:
        """Start what is kept warm.

        Raises
        ------
        SpicelabError
            It cannot run on this machine: an engine is missing, or of another version.
        """
