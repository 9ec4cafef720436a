"""Setting values in the loaded circuit and loading it afresh give the same bits."""

import random

import pytest

from spicelab_nb.engines import Analysis, Deck, Point, Status, find
from spicelab_nb.testing.engines import same_bits

pytestmark = pytest.mark.ngspice

FILTER = "rc\nV1 in 0 dc 0 ac 1\nR1 in a {r1}\nC1 a 0 {c1}\nR2 a out {r2}\nC2 out 0 {c2}\n.end\n"
AMPLIFIER = """two-stage amplifier
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
CC d2 out {cc}
.model nch nmos level=1 vto={vtn} kp=300u lambda=0.06 gamma=0.4 phi=0.8
.model pch pmos level=1 vto={vtp} kp=80u lambda=0.08 gamma=0.4 phi=0.8
.end
"""
RECTIFIER = """rectifier
V1 s 0 sin(0 12 1k)
RS s a {rs}
D1 a out dx
C1 out 0 {c1}
RL out 0 {rl}
.model dx d is={isd} rs=0.05 cjo=20p tt=20n
.end
"""
OP = Analysis(name="op", kind="op", command="op")
CASES = {
    "filter": (
        FILTER,
        (Analysis(name="ac", kind="ac", command="ac dec 20 10 1e6"),),
        {"r1": ("alter r1 =", 1e3), "c1": ("alter c1 =", 1e-8),
         "r2": ("alter r2 =", 1e4), "c2": ("alter c2 =", 1e-9)},
    ),
    "amplifier": (
        AMPLIFIER,
        (OP, Analysis(name="ac", kind="ac", command="ac dec 12 1 1e9")),
        {"rb": ("alter rb =", 6e4), "cc": ("alter cc =", 2e-12),
         "vtn": ("altermod nch vto =", 0.45), "vtp": ("altermod pch vto =", -0.45)},
    ),
    "rectifier": (
        RECTIFIER,
        (Analysis(name="tran", kind="tran", command="tran 10u 3m 0 10u"),),
        {"rs": ("alter rs =", 1.0), "c1": ("alter c1 =", 22e-6),
         "rl": ("alter rl =", 100.0), "isd": ("altermod dx is =", 2e-9)},
    ),
}  # fmt: skip


def written(value):
    """A number as a 16-digit integer mantissa: both of ngspice's readers agree on those."""
    mantissa, exponent = f"{value:.15e}".split("e")
    return f"{mantissa.replace('.', '')}e{int(exponent) - 15}"


@pytest.mark.parametrize("case", CASES)
def test_altered_and_loaded_points_agree_to_the_bit(case):
    text, analyses, parameters = CASES[case]
    draw = random.Random(7)
    nominal = {k: written(v) for k, (_, v) in parameters.items()}
    samples = [
        {k: written(v * draw.uniform(0.95, 1.05)) for k, (_, v) in parameters.items()}
        for _ in range(8)
    ]
    base = Deck(text=text.format(**nominal), analyses=analyses, save=("v(out)",))
    altered = [
        Point(commands=tuple(f"{parameters[k][0]} {v}" for k, v in s.items())) for s in samples
    ]
    loaded = [
        Point(deck=Deck(text=text.format(**s), analyses=analyses, save=("v(out)",)))
        for s in samples
    ]
    engine = find("ngspice")
    try:
        one = engine.run(base, altered, cpu_limit=30)
        two = engine.run(base, loaded, cpu_limit=30)
        mixed = engine.run(
            base, [p for pair in zip(loaded, altered, strict=True) for p in pair], cpu_limit=30
        )
        backward = engine.run(base, altered[::-1], cpu_limit=30)[::-1]
    finally:
        engine.close()
    assert {o.status for o in one} == {Status.OK}
    assert not same_bits(one[0], one[1])
    for other in (two, mixed[::2], mixed[1::2], backward):
        assert all(same_bits(a, b) for a, b in zip(one, other, strict=True))
