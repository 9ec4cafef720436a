"""The circuits that are timed: templates, what varies in them, and what is compared.

This module is read by this package and by the peers in their own environment: it needs nothing but
numpy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["CIRCUITS", "BenchCircuit", "Varied"]


@dataclass(frozen=True, kw_only=True)
class Varied:
    """A value of a template that varies.

    Parameters
    ----------
    nominal
        Its nominal value, SI.
    rel, sd
        Standard deviation: relative to the nominal, or absolute where that is 0.
    names
        Everything in the circuit that takes the value, by our names: ``R1``, ``VDD.dc``,
        ``nch.vto``, ``M1.delvto``.
    """

    nominal: float
    rel: float = 0.0
    sd: float = 0.0
    names: tuple[str, ...]

    def commands(self, value: float) -> list[str]:
        """What sets the value in a circuit that ngspice has loaded."""
        return [_alter(name, value) for name in self.names]


def _alter(name: str, value: float) -> str:
    device, _, parameter = name.lower().partition(".")
    if not parameter or parameter == "dc":
        return f"alter {device} = {value!r}"
    if device[0] in "mrclv":
        return f"alter @{device}[{parameter}] = {value!r}"
    return f"altermod {device} {parameter} = {value!r}"


@dataclass(frozen=True, kw_only=True)
class BenchCircuit:
    """One circuit.

    Parameters
    ----------
    key, title
        Short name, and what people read.
    body
        Netlist with a ``{placeholder}`` for each value that varies, without analyses. ``{models}``
        is the folder of the SKY130 models.
    analyses
        Lines that start with a dot, the one that is timed last.
    varied
        Placeholder to what it is.
    saved
        Vectors that are read, by ngspice's names; the first is measured by peers.
    reference
        From the axis and the saved vectors to values by name: what peers' results are compared by.
    measures
        Name of a measure of ours to its call, ``(measure, signal, options)``.
    tolerance
        Greatest relative difference between a peer's values and ours. Peers interpolate otherwise,
        and adaptive transients differ with the last bit of a value.
    meas
        What ngspice's ``meas`` measures: analysis, the name of `reference` that it gives, and how.
    """

    key: str
    title: str
    body: str
    analyses: tuple[str, ...]
    varied: Mapping[str, Varied]
    saved: tuple[str, ...]
    reference: Callable[[NDArray[np.float64], Sequence[NDArray[np.complex128]]], dict[str, float]]
    measures: Mapping[str, tuple[str, str, Mapping[str, object]]]
    tolerance: float
    meas: tuple[str, str, str]

    @property
    def kind(self) -> str:
        """``ac`` or ``tran``: the analysis that is timed."""
        return self.analyses[-1].split()[0][1:]

    @property
    def real_models(self) -> bool:
        """Whether it takes models that have to be fetched."""
        return "{models}" in self.body

    def _lines(self, texts: Mapping[str, str], analyses: Sequence[str], save: bool) -> list[str]:
        known = {"models": texts.get("models", "")} | dict(texts)
        body = re.sub(r"\{(\w+)\}", lambda m: known.get(m[1], m[0]), self.body)
        saved = [".save " + " ".join(self.saved)] if save else []
        return ["* " + self.title, *body.strip().splitlines(), *saved, *analyses]

    def netlist(self, models: Path | None = None) -> str:
        """The netlist at nominal values, for us: what is saved is ours to choose."""
        texts = {name: repr(v.nominal) for name, v in self.varied.items()}
        lines = self._lines(texts | {"models": str(models)}, self.analyses, save=False)
        return "\n".join([*lines, ".end", ""])

    def literal(self, values: Sequence[float], models: Path | None = None) -> list[str]:
        """The lines of one sample, with its values written out and the timed analysis alone."""
        texts = {n: repr(float(v)) for n, v in zip(self.varied, values, strict=True)}
        return self._lines(texts | {"models": str(models)}, self.analyses[-1:], save=True)

    def parametric(self, models: Path | None = None) -> list[str]:
        """The lines with a ``.param`` for each value, left to be set by an editor."""
        texts = {name: "{" + name + "}" for name in self.varied}
        lines = self._lines(texts | {"models": str(models)}, self.analyses[-1:], save=True)
        given = [f".param {name}={v.nominal!r}" for name, v in self.varied.items()]
        return [lines[0], *given, *lines[1:]]

    def commands(self, values: Sequence[float]) -> list[str]:
        """What sets one sample's values in the loaded circuit."""
        pairs = zip(self.varied.values(), values, strict=True)
        return [line for varied, value in pairs for line in varied.commands(float(value))]


def _falls_through(
    x: NDArray[np.float64], y: NDArray[np.float64], level: float, *, log: bool = False
) -> float:
    """Where `y` first falls through a level, between points; NaN where it does not."""
    found = np.flatnonzero((y[:-1] >= level) & (y[1:] < level))
    if not found.size:
        return float("nan")
    i = found[0]
    a, b = np.log(x[i : i + 2]) if log else x[i : i + 2]
    at = a + (level - y[i]) / (y[i + 1] - y[i]) * (b - a)
    return float(np.exp(at) if log else at)


def _decibels(response: NDArray[np.complex128]) -> NDArray[np.float64]:
    return np.asarray(20 * np.log10(np.abs(response)))


def _low_pass(
    f: NDArray[np.float64], vectors: Sequence[NDArray[np.complex128]]
) -> dict[str, float]:
    db = _decibels(vectors[0])
    return {
        "f3db": _falls_through(f, db, db[0] - 10 * np.log10(2), log=True),
        "stop": float(abs(vectors[0][-1])),
    }


def _amplifier(
    f: NDArray[np.float64], vectors: Sequence[NDArray[np.complex128]]
) -> dict[str, float]:
    db = _decibels(vectors[0])
    phase = np.degrees(np.unwrap(np.angle(vectors[0])))
    unity = _falls_through(f, db, 0.0, log=True)
    margin = 180 + np.interp(np.log(unity), np.log(f), phase) - phase[0]
    return {"gain": float(db[0]), "unity": unity, "margin": float(margin)}


def _mean(t: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    return float(np.trapezoid(y, t) / (t[-1] - t[0]))


def _ripple(t: NDArray[np.float64], vectors: Sequence[NDArray[np.complex128]]) -> dict[str, float]:
    settled = t > 6e-3
    y = vectors[0].real[settled]
    return {"mean": _mean(t[settled], y), "ripple": float(np.ptp(y))}


def _oscillation(
    t: NDArray[np.float64], vectors: Sequence[NDArray[np.complex128]]
) -> dict[str, float]:
    y, current = vectors[0].real, vectors[1].real
    rises = np.flatnonzero((y[:-1] < 0.9) & (y[1:] >= 0.9) & (t[:-1] > 1e-9))
    at = t[rises] + (0.9 - y[rises]) / (y[rises + 1] - y[rises]) * (t[rises + 1] - t[rises])
    late = t > 1e-9
    return {
        "frequency": float((at.size - 1) / (at[-1] - at[0])),
        "supply": _mean(t[late], current[late]),
    }


RC = BenchCircuit(
    key="rc",
    title="RC low-pass of three stages, .ac",
    body="""
V1 in 0 dc 0 ac 1
R1 in n1 {r1}
C1 n1 0 {c1}
R2 n1 n2 {r2}
C2 n2 0 {c2}
R3 n2 out {r3}
C3 out 0 {c3}
""",
    analyses=(".ac dec 20 10 1e6",),
    varied={
        "r1": Varied(nominal=1e3, rel=0.02, names=("R1",)),
        "r2": Varied(nominal=1e4, rel=0.02, names=("R2",)),
        "r3": Varied(nominal=1e5, rel=0.02, names=("R3",)),
        "c1": Varied(nominal=1e-8, rel=0.05, names=("C1",)),
        "c2": Varied(nominal=1e-9, rel=0.05, names=("C2",)),
        "c3": Varied(nominal=1e-10, rel=0.05, names=("C3",)),
    },
    saved=("v(out)",),
    reference=_low_pass,
    measures={
        "f3db": ("bandwidth", "v(out)", {"reference": "first"}),
        "stop": ("value_at", "v(out)", {"x": 1e6}),
    },
    tolerance=2e-3,
    meas=("ac", "f3db", "when vdb(out)=-3.0103 fall=1"),
)

OPAMP = BenchCircuit(
    key="opamp",
    title="CMOS operational amplifier of two stages, .op and .ac",
    # Closed at DC through a huge inductor, open at AC through a huge capacitor.
    body="""
VDD vdd 0 1.8
VCM cm 0 0.9
VIN inp cm dc 0 ac 1
LFB out inm 1e9
CFB inm 0 1e9
M1 d1 inm tail 0 nch w=20u l=1u
M2 d2 inp tail 0 nch w=20u l=1u
M3 d1 d1 vdd vdd pch w=10u l=1u
M4 d2 d1 vdd vdd pch w=10u l=1u
M5 tail b 0 0 nch w=10u l=1u
M6 out d2 vdd vdd pch w=80u l=1u
M7 out b 0 0 nch w=40u l=1u
M8 b b 0 0 nch w=10u l=1u
RB vdd b {rb}
RZ d2 z {rz}
CC z out {cc}
CL out 0 {cl}
.nodeset v(out)=0.9 v(inm)=0.9 v(tail)=0.3 v(b)=0.65 v(d1)=1.2 v(d2)=1.2
.model nch nmos level=1 vto={vtn} kp={kpn} gamma=0.45 phi=0.8 lambda=0.06 tox=4n
+ cgso=3e-10 cgdo=3e-10 cj=1e-3 cjsw=2e-10
.model pch pmos level=1 vto={vtp} kp={kpp} gamma=0.4 phi=0.8 lambda=0.08 tox=4n
+ cgso=3e-10 cgdo=3e-10 cj=1e-3 cjsw=2e-10
""",
    analyses=(".op", ".ac dec 12 1 1e9"),
    varied={
        "rb": Varied(nominal=6e4, rel=0.05, names=("RB",)),
        "rz": Varied(nominal=1.5e3, rel=0.05, names=("RZ",)),
        "cc": Varied(nominal=2e-12, rel=0.03, names=("CC",)),
        "cl": Varied(nominal=5e-12, rel=0.05, names=("CL",)),
        "vtn": Varied(nominal=0.45, rel=0.03, names=("nch.vto",)),
        "vtp": Varied(nominal=-0.45, rel=0.03, names=("pch.vto",)),
        "kpn": Varied(nominal=3e-4, rel=0.04, names=("nch.kp",)),
        "kpp": Varied(nominal=8e-5, rel=0.04, names=("pch.kp",)),
    },
    saved=("v(out)",),
    reference=_amplifier,
    measures={
        "gain": ("gain_db", "v(out)", {"at": 1.0}),
        "unity": ("unity_gain_frequency", "v(out)", {}),
        "margin": ("phase_margin", "v(out)", {}),
        "supply": ("value_at", "i(vdd)", {"analysis": "op"}),
    },
    tolerance=2e-3,
    meas=("ac", "unity", "when vdb(out)=0 fall=1"),
)

RECTIFIER = BenchCircuit(
    key="rectifier",
    title="bridge rectifier, .tran",
    body="""
V1 s m sin(0 12 1k)
RS s a {rs}
D1 a p dmod
D2 m p dmod2
D3 0 a dmod2
D4 0 m dmod
L1 p out {l1}
C1 out 0 {c1}
RL out 0 {rl}
RG m 0 1e6
CP p 0 {cp}
.model dmod d is={isd} n={nd} rs=0.05 cjo=20p tt=20n
.model dmod2 d is={isd} n={nd} rs=0.05 cjo=20p tt=20n
""",
    analyses=(".tran 10u 10m 0 10u",),
    varied={
        "rs": Varied(nominal=1.0, rel=0.05, names=("RS",)),
        "l1": Varied(nominal=1e-3, rel=0.05, names=("L1",)),
        "c1": Varied(nominal=22e-6, rel=0.05, names=("C1",)),
        "rl": Varied(nominal=100.0, rel=0.02, names=("RL",)),
        "cp": Varied(nominal=1e-7, rel=0.05, names=("CP",)),
        "isd": Varied(nominal=2e-9, rel=0.2, names=("dmod.is", "dmod2.is")),
        "nd": Varied(nominal=1.7, rel=0.01, names=("dmod.n", "dmod2.n")),
    },
    saved=("v(out)",),
    reference=_ripple,
    measures={
        "mean": ("mean", "v(out)", {"start": 6e-3}),
        "ripple": ("peak_to_peak", "v(out)", {"start": 6e-3}),
    },
    tolerance=2e-2,
    meas=("tran", "mean", "avg v(out) from=6m to=10m"),
)

_STAGES = "\n".join(
    f"MN{i} n{i % 5 + 1} n{i} 0 0 nb w=1u l=0.13u\n"
    f"MP{i} n{i % 5 + 1} n{i} vdd vdd pb w=2u l=0.13u\n"
    f"C{i} n{i % 5 + 1} 0 {{cl}}"
    for i in range(1, 6)
)

RING = BenchCircuit(
    key="ring",
    title="ring oscillator of five stages, BSIM4, .tran",
    body=f"""
VDD vdd 0 {{vdd}}
{_STAGES}
.ic v(n1)=0 v(n2)=1.8
.model nb nmos level=14 version=4.8 vth0={{vtn}} u0={{un}} toxe={{toxn}} rdsw=150
+ cgso=1e-10 cgdo=1e-10 xj=1e-7 ndep=2e17 vsat=9e4
.model pb pmos level=14 version=4.8 vth0={{vtp}} u0={{up}} toxe={{toxp}} rdsw=300
+ cgso=1e-10 cgdo=1e-10 xj=1e-7 ndep=2e17 vsat=8e4
""",
    analyses=(".tran 10p 8n 0 10p uic",),
    varied={
        "vdd": Varied(nominal=1.8, rel=0.02, names=("VDD.dc",)),
        "cl": Varied(nominal=5e-15, rel=0.05, names=tuple(f"C{i}" for i in range(1, 6))),
        "vtn": Varied(nominal=0.40, rel=0.04, names=("nb.vth0",)),
        "vtp": Varied(nominal=-0.40, rel=0.04, names=("pb.vth0",)),
        "un": Varied(nominal=0.045, rel=0.03, names=("nb.u0",)),
        "up": Varied(nominal=0.015, rel=0.03, names=("pb.u0",)),
        "toxn": Varied(nominal=3e-9, rel=0.02, names=("nb.toxe",)),
        "toxp": Varied(nominal=3e-9, rel=0.02, names=("pb.toxe",)),
    },
    saved=("v(n1)", "i(vdd)"),
    reference=_oscillation,
    measures={
        "frequency": ("frequency", "v(n1)", {"start": 1e-9, "level": 0.9}),
        "supply": ("mean", "i(vdd)", {"start": 1e-9}),
    },
    tolerance=2e-2,
    meas=("tran", "supply", "avg i(vdd) from=1n to=8n"),
)

_NFET, _PFET = (f"sky130_fd_pr__{kind}_01v8__model" for kind in ("nfet", "pfet"))

SKY130 = BenchCircuit(
    key="sky130",
    title="amplifier of seven SKY130 transistors, .ac",
    body=f"""
.lib "{{models}}/C4M.Sky130_all_lib.spice" logic_tt
VDD vdd 0 1.8
VCM cm 0 0.9
VIN inp cm dc 0 ac 1
LFB out inm 1e9
CFB inm 0 1e9
VB nb 0 0.75
M1 n1 inm tail 0 {_NFET} l=0.5u w=5u delvto={{dv1}}
M2 n2 inp tail 0 {_NFET} l=0.5u w=5u delvto={{dv2}}
M3 n1 n1 vdd vdd {_PFET} l=0.5u w=5u delvto={{dv3}}
M4 n2 n1 vdd vdd {_PFET} l=0.5u w=5u delvto={{dv4}}
M5 tail nb 0 0 {_NFET} l=0.5u w=5u
M6 out n2 vdd vdd {_PFET} l=0.5u w=20u
M7 out nb 0 0 {_NFET} l=0.5u w=10u
CC n2 out {{cc}}
CL out 0 {{cl}}
.nodeset v(out)=0.9 v(inm)=0.9 v(tail)=0.17 v(n1)=0.67 v(n2)=0.62
""",
    analyses=(".ac dec 12 1 1e9",),
    varied={
        "dv1": Varied(nominal=0.0, sd=3e-3, names=("M1.delvto",)),
        "dv2": Varied(nominal=0.0, sd=3e-3, names=("M2.delvto",)),
        "dv3": Varied(nominal=0.0, sd=3e-3, names=("M3.delvto",)),
        "dv4": Varied(nominal=0.0, sd=3e-3, names=("M4.delvto",)),
        "cc": Varied(nominal=1e-12, rel=0.05, names=("CC",)),
        "cl": Varied(nominal=2e-12, rel=0.05, names=("CL",)),
    },
    saved=("v(out)",),
    reference=_amplifier,
    measures={
        "gain": ("gain_db", "v(out)", {"at": 1.0}),
        "unity": ("unity_gain_frequency", "v(out)", {}),
        "margin": ("phase_margin", "v(out)", {}),
    },
    tolerance=5e-3,
    meas=("ac", "unity", "when vdb(out)=0 fall=1"),
)

SKY130_STEPS = replace(
    SKY130,
    key="sky130-steps",
    title="the same without .nodeset: most samples converge by steps of gmin alone",
    body="\n".join(line for line in SKY130.body.splitlines() if not line.startswith(".nodeset")),
)

CIRCUITS = {c.key: c for c in (RC, OPAMP, RECTIFIER, RING, SKY130, SKY130_STEPS)}
"""By key, in the order of the tables."""
