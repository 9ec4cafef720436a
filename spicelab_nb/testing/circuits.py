"""Small circuits that every room's tests share; each runs in ngspice.

Model cards are made up: level 1, round numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "CONTROL_QUIT",
    "HANGS",
    "NEVER_CONVERGES",
    "OTA",
    "OTA_STEP",
    "QUITS",
    "QUITS_LIB",
    "RC_LOWPASS",
    "RC_WITH_PARAM",
    "RECTIFIER",
    "RING_OSCILLATOR",
    "SOMETIMES_FAILS",
    "write_quits",
]

RC_LOWPASS = """RC low-pass
V1 in 0 DC 0 AC 1
R1 in out 1k
C1 out 0 100n
.ac dec 100 10 1meg
.end
"""
"""Half power at 1/(2 pi R1 C1) = 1591.5 Hz."""

RC_WITH_PARAM = """RC low-pass with parameters
.param rb=1k rk={2*rb}
V1 in 0 DC 1 AC 1
R1 in out {rk}
X1 out 0 load ra=4k
C1 out 0 100n
.subckt load p q ra=1k
R1 p m {ra}
R2 m q 3k
.ends load
.op
.ac dec 10 10 1meg
.end
"""
"""A parameter that depends on another, and a subcircuit with one."""

RECTIFIER = """Half-wave rectifier
V1 in 0 SIN(0 5 1k)
D1 in out dfast
C1 out 0 1u
RL out 0 10k
.model dfast d is=1e-14 rs=0.1 n=1 cjo=2p tt=5n
.tran 5u 5m
.end
"""
"""A transient of about a thousand points."""

_OTA_BODY = """
.param vdd=1.8 ibias=20u
VDD vdd 0 DC {vdd}
VCM cm 0 DC 0.9
IB vdd nb DC {ibias}
* differential pair, mirror, tail
M1 n1 fb tail 0 nch W=20u L=1u
M2 n2 inp tail 0 nch W=20u L=1u
M3 n1 n1 vdd vdd pch W=10u L=1u
M4 n2 n1 vdd vdd pch W=10u L=1u
M5 tail nb 0 0 nch W=10u L=1u
M8 nb nb 0 0 nch W=10u L=1u
* second stage
M6 out n2 vdd vdd pch W=40u L=1u
M7 out nb 0 0 nch W=20u L=1u
CC n2 z 2p
RZ z out 2k
CL out 0 5p
.model nch nmos level=1 vto=0.45 kp=200u gamma=0.4 phi=0.7 lambda=0.08 tox=10n cgso=0.3n cgdo=0.3n
.model pch pmos level=1 vto=-0.45 kp=70u gamma=0.4 phi=0.7 lambda=0.1 tox=10n cgso=0.3n cgdo=0.3n
"""

OTA = (
    "Two-stage CMOS amplifier, open loop at AC"
    + _OTA_BODY
    + """VIN inp cm DC 0 AC 1
* closed at DC through a huge inductor, open at AC through a huge capacitor
LFB out fb 1k
CFB fb 0 1k
.op
.ac dec 12 10 1g
.end
"""
)
"""About 74 dB; M1 to M8, nch, pch, vdd, ibias, CC, RZ, CL can be varied."""

OTA_STEP = (
    "Two-stage CMOS amplifier, follower driven by a step"
    + _OTA_BODY
    + """VIN inp 0 DC 0.8 PULSE(0.8 1.0 0.2u 1n 1n 2u 4u)
RFB out fb 1
.tran 5n 2u
.end
"""
)
"""The same amplifier as a follower: slew rate, overshoot, settling time."""

RING_OSCILLATOR = """Three-stage CMOS ring oscillator
.param vdd=1.8 cl=20f
VDD vdd 0 DC {vdd}
X1 a b vdd inverter
X2 b c vdd inverter
X3 c a vdd inverter
.subckt inverter in out vdd
MP out in vdd vdd pch W=4u L=0.5u
MN out in 0 0 nch W=2u L=0.5u
CO out 0 {cl}
.ends inverter
.model nch nmos level=1 vto=0.45 kp=200u lambda=0.05 tox=10n cgso=0.3n cgdo=0.3n
.model pch pmos level=1 vto=-0.45 kp=70u lambda=0.05 tox=10n cgso=0.3n cgdo=0.3n
.ic v(a)=0 v(b)=1.8
.tran 10p 10n uic
.end
"""
"""Oscillates with a period of 0.6 ns."""

SOMETIMES_FAILS = """No operating point where short is below one half
.param short=1 rb=1k
V1 in 0 DC 1
R1 in out {rb}
R2 out 0 1k
* the logarithm of a negative number, where the switch is thrown
B1 bad 0 V = short < 0.5 ? ln(-1 - v(out)) : 0
R3 bad 0 1k
.op
.end
"""
"""`short` below one half: the sample fails; from there on ``v(out)`` is 0.5 at ``rb=1k``."""

NEVER_CONVERGES = """No operating point at all
V1 a 0 DC 1
V2 a 0 DC 2
R1 a 0 1k
.op
.end
"""
"""Two voltage sources in parallel that disagree."""

HANGS = """Takes for ever where slow is above one half
.param slow=0 edge={slow > 0.5 ? 1p : 10u} period={slow > 0.5 ? 8p : 1m}
V1 in 0 PULSE(0 1 0 {edge} {edge} {2*edge} {period})
R1 in out 1k
C1 out 0 100n
.tran 10u 1m
.end
"""
"""`slow` above one half: a pulse every eight picoseconds for a millisecond, hours of work."""

QUITS = """The engine ends itself with the section bad
.lib "choice.lib" good
V1 in 0 DC 1
R1 in out 1k
.op
.end
"""
"""Lies beside `QUITS_LIB`, named ``choice.lib``: see `write_quits`."""

QUITS_LIB = """.lib good
R2 out 0 1k
.endl good
.lib bad
R2 out 0 {nosuchfunction(1)}
.endl bad
"""


def write_quits(folder: Path) -> Path:
    """Write `QUITS` and its library into a folder; give the path of the netlist.

    With ``lib`` at ``bad`` ngspice calls exit while it reads the netlist.
    """
    (folder / "choice.lib").write_text(QUITS_LIB)
    deck = folder / "quits.cir"
    deck.write_text(QUITS)
    return deck


CONTROL_QUIT = """A control block that quits
V1 in 0 DC 1 AC 1
R1 in out 1k
C1 out 0 100n
.control
set ngbehavior=hsa
op
print v(out)
quit
.endc
.ac dec 10 10 1meg
.end
"""
"""The block is left out, with a notice; ``.ac`` runs."""
