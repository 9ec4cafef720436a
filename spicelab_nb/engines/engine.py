"""What a SPICE engine is given, and what it gives back.

The contract of the room: :class:`Deck` and :class:`Point` go in, :class:`Outcome` comes out.
Engines know nothing of campaigns or of parameter names; they load text, run analyses and return
vectors or a reason. ``spicelab_nb.testing.engines.EngineTests`` is the conformance suite.
"""

from __future__ import annotations

import enum
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Analysis", "Deck", "Engine", "Outcome", "Plot", "Point", "Status"]


class Status(enum.IntEnum):
    """How one sample ended; the numbers are those stored in ``dataset.status``."""

    OK = 0
    FAILED = 1
    TIMEOUT = 2
    CRASHED = 3
    NOT_RUN = 4


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """One analysis of a deck.

    Parameters
    ----------
    name
        What its results are called: ``"ac"``, and ``"tran2"`` for the second ``.tran``.
    kind
        ``"op"``, ``"dc"``, ``"ac"``, ``"tran"`` or ``"noise"``.
    command
        What the engine is told, without the dot: ``"ac dec 20 10 1e6"``.
    """

    name: str
    kind: str
    command: str


@dataclass(frozen=True, kw_only=True)
class Deck:
    """Everything that an engine loads to simulate one circuit.

    Parameters
    ----------
    text
        The netlist: title line first, ``.end`` last. It holds no analysis, ``.control``, ``.save``,
        ``.print`` or ``.plot`` line; those are the fields below. ``.meas`` lines are in `meas`.
    files
        Contents of every file that `text` includes, by the relative path it uses for them. The
        engine writes them beside the deck, in a directory of its own.
    setup
        Commands given before the deck is loaded: ``"set ngbehavior=hsa"``.
    osdi
        Relative paths (keys of `files`) of compiled Verilog-A models to load first.
    analyses
        What to run, in this order.
    save
        Signals to return, lower case (``"v(out)"``, ``"i(v1)"``, ``"@m1[gm]"``), the same for
        every analysis; empty: all that the engine keeps by default.
    meas
        The deck's own ``.meas`` lines, without the dot: ``"meas ac f3db when vdb(out)=-3 fall=1"``.
    """

    text: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    setup: tuple[str, ...] = ()
    osdi: tuple[str, ...] = ()
    analyses: tuple[Analysis, ...] = ()
    save: tuple[str, ...] = ()
    meas: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 over everything above, files by content, as 64 hexadecimal digits."""
        parts = {
            "text": self.text,
            "files": {k: hashlib.sha256(v).hexdigest() for k, v in sorted(self.files.items())},
            "setup": self.setup,
            "osdi": self.osdi,
            "analyses": [(a.name, a.kind, a.command) for a in self.analyses],
            "save": self.save,
            "meas": self.meas,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One sample to simulate: either commands for the loaded deck, or a deck of its own.

    Parameters
    ----------
    commands
        What to tell the engine before running the deck that is loaded, each under 1000 characters:
        ``("alterparam rb=61250000000000e-9", "reset", "alter r1 = 1017350000000000e-12")``.
    deck
        Loaded afresh for this sample instead, when given. `commands` then follow the load.
    seed
        For decks that draw numbers of their own: told to the engine (``setseed``) before loading.
    """

    commands: tuple[str, ...] = ()
    deck: Deck | None = None
    seed: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Plot:
    """The vectors of one analysis.

    Parameters
    ----------
    analysis
        Name of the analysis, as in :class:`Analysis`; ``.noise`` gives two plots, ``noise``
        (spectra) and ``noise_total`` (integrated, scalars); a second ``.noise`` ``noise2`` and
        ``noise2_total``.
    kind
        ``"op"``, ``"dc"``, ``"ac"``, ``"tran"``, ``"noise"`` or ``"noise_total"``.
    scale
        Names of the swept vectors, outermost dimension first: ``()`` for ``op`` and
        ``noise_total``, ``("frequency",)``, ``("time",)``; for ``dc`` the swept sources'
        names (``("v1",)`` or, nested, ``("v2", "v1")``: the vectors then have two dimensions).
    axes
        One 1-D float64 array for each name in `scale`: hertz, seconds, volt, ampere or kelvin-free
        degrees Celsius.
    vectors
        Signal name to array of shape ``tuple(len(axes[s]) for s in scale)``, float64 or, for
        ``ac``, complex128. Names are canonical: lower case, ``v(node)``, ``i(source)``,
        ``@device[parameter]``, ``onoise_spectrum``, ...
    """

    analysis: str
    kind: str
    scale: tuple[str, ...]
    axes: Mapping[str, NDArray[np.float64]]
    vectors: Mapping[str, NDArray[np.float64] | NDArray[np.complex128]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one :class:`Point`.

    Parameters
    ----------
    status
        ``OK`` only if every analysis gave a fresh plot with every saved signal, the full sweep and
        finite values.
    plots
        One for each analysis (two for noise), by name; empty unless `status` is ``OK``.
    meas
        Results of the deck's ``.meas`` lines by lower-case name; NaN where one failed.
    reason
        One sentence, empty when ``OK``.
    log
        The last lines (at most 40) that the engine printed for this sample; empty when ``OK``.
    cpu
        Processor time that the engine spent, in seconds.
    attempts
        How often it was tried: 2 after a crash.
    """

    status: Status
    plots: Mapping[str, Plot] = field(default_factory=dict)
    meas: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    log: tuple[str, ...] = ()
    cpu: float = 0.0
    attempts: int = 1


class Engine(Protocol):
    """A SPICE engine, ready to simulate.

    One instance serves one slot: it is used from one thread at a time, keeps its process warm
    between calls, and replaces that process by itself after a crash, a time-out or when it has
    grown. It holds no state that a caller can see: an outcome depends on its deck and point alone.
    """

    @property
    def name(self) -> str:
        """``"ngspice"`` or ``"neospice"``."""

    @property
    def version(self) -> str:
        """What the engine says of itself: ``"39.3"``."""

    @property
    def alters(self) -> bool:
        """Whether points with `commands` are understood."""

    def run(self, deck: Deck, points: Sequence[Point], *, cpu_limit: float) -> list[Outcome]:
        """Simulate points of one deck.

        Parameters
        ----------
        deck
            Loaded first unless it is the one already loaded.
        points
            Any number; the engine splits them into messages.
        cpu_limit
            Processor seconds that one point may take in the engine; one that takes more is
            ``TIMEOUT`` and the engine process is replaced.

        Returns
        -------
        list of Outcome
            One for each point, in order. A point that fails, hangs, crashes or makes the engine
            quit never raises and never touches the others. A deck that fails to load gives
            ``FAILED`` for each point that needed it.

        Raises
        ------
        EngineError
            The engine itself cannot be started.
        """

    def close(self) -> None:
        """End the engine's process; may be called twice."""
