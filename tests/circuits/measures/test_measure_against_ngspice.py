"""Measures against what ngspice's own ``meas``, ``fourier`` and noise totals say."""

import re
import subprocess

import numpy as np
import pytest

from spicelab_nb.circuits import measures as measure

pytestmark = pytest.mark.ngspice


def ngspice(folder, deck, control, plots):
    """Run a deck; give the named results of `meas` and the vectors of each plot."""
    lines = ["set numdgt=15", "set wr_singlescale", "run", *control]
    for plot, vectors in plots.items():
        lines += [f"setplot {plot}", f"wrdata {plot}.txt {vectors}"]
    text = "\n".join([*deck.strip().splitlines(), ".control", *lines, "quit", ".endc", ".end", ""])
    (folder / "deck.cir").write_text(text)
    done = subprocess.run(
        ["ngspice", "-b", "deck.cir"], cwd=folder, capture_output=True, text=True, check=False
    )
    printed = done.stdout + done.stderr
    results = dict(re.findall(r"^(\w+)\s*=\s*([-+.\deE]+)", printed, re.MULTILINE))
    data = {plot: np.loadtxt(folder / f"{plot}.txt").T for plot in plots}
    return {k: float(v) for k, v in results.items()}, data, printed


TRAN = """
step of two poles
V1 in 0 pulse(0 1 1u 1n 1n 50u 100u)
R1 in a 1k
L1 a out 10m
C1 out 0 1n
.tran 0.05u 100u 0 0.05u
"""


@pytest.fixture(scope="module")
def transient(tmp_path_factory):
    control = [
        "meas tran rise trig v(out) val=0.1 rise=1 targ v(out) val=0.9 rise=1",
        "meas tran fall trig v(out) val=0.9 fall=last targ v(out) val=0.1 fall=1 td=51u",
        "meas tran del trig v(in) val=0.5 rise=1 targ v(out) val=0.5 rise=1",
        "meas tran avg avg v(out)",
        "meas tran root rms v(out)",
        "meas tran avgpart avg v(out) from=10u to=40u",
        "meas tran rootpart rms v(out) from=10u to=40u",
        "meas tran pp pp v(out)",
        "meas tran top max v(out) from=0 to=50u",
        "meas tran at find v(out) at=7.7u",
        "meas tran period trig v(out) val=1.0 rise=1 targ v(out) val=1.0 rise=2",
    ]
    results, data, printed = ngspice(
        tmp_path_factory.mktemp("tran"), TRAN, control, {"tran1": "v(in) v(out)"}
    )
    assert len(results) >= 8, printed
    t, source, out = data["tran1"]
    return results, t, source[None], out[None]


@pytest.mark.parametrize(
    ("m", "name", "rel"),
    [
        (measure.rise_time("v(out)", initial=0, final=1), "rise", 1e-5),
        (measure.mean("v(out)"), "avg", 1e-5),
        (measure.rms("v(out)"), "root", 1e-5),
        # ngspice does not interpolate at the ends of a window.
        (measure.mean("v(out)", start=10e-6, stop=40e-6), "avgpart", 1e-3),
        (measure.rms("v(out)", start=10e-6, stop=40e-6), "rootpart", 1e-3),
        (measure.peak_to_peak("v(out)"), "pp", 1e-6),
        (measure.value_at("v(out)", 7.7e-6), "at", 1e-5),
    ],
    ids=lambda v: str(v),
)
def test_of_a_transient(transient, m, name, rel):
    results, t, _, out = transient
    assert m.evaluate(t, out)[0] == pytest.approx(results[name], rel=rel)


def test_delay(transient):
    results, t, source, out = transient
    m = measure.delay("v(in)", "v(out)", level_from=0.5, level_to=0.5)
    assert m.evaluate(t, source, out)[0] == pytest.approx(results["del"], rel=1e-5)


def test_overshoot(transient):
    results, t, _, out = transient
    m = measure.overshoot("v(out)", initial=0, final=1, stop=50e-6)
    assert m.evaluate(t, out)[0] == pytest.approx(100 * (results["top"] - 1), rel=1e-4)


def test_frequency_of_ringing(transient):
    results, t, _, out = transient
    m = measure.frequency("v(out)", level=1.0, hysteresis=0, stop=45e-6)
    # Ringing crosses its final value at equal distances: the closed form, and the first period.
    exact = np.sqrt(1 / (10e-3 * 1e-9) - (1e3 / 20e-3) ** 2) / (2 * np.pi)
    assert m.evaluate(t, out)[0] == pytest.approx(exact, rel=1e-3)
    assert m.evaluate(t, out)[0] == pytest.approx(1 / results["period"], rel=1e-3)


AC = """
two poles behind a gain
V1 in 0 dc 0 ac 1
E1 a 0 in 0 1000
R1 a b 1k
C1 b 0 159.1549431n
E2 c 0 b 0 1
R2 c d 1k
C2 d 0 159.1549431p
E3 e 0 d 0 1
R3 e out 1k
C3 out 0 79.5774715p
.ac dec 100 1 100meg
"""


@pytest.fixture(scope="module")
def response(tmp_path_factory):
    control = [
        "let gain = vm(out)",
        "let turned = 180/pi*cph(v(out))",
        "meas ac f3 when gain=707.10678 fall=1",
        "meas ac fu when gain=1 fall=1",
        "meas ac phase find turned when gain=1 fall=1",
        "meas ac level find vdb(out) when turned=-180 cross=1",
        "meas ac top max gain",
        "meas ac db find vdb(out) at=12345",
    ]
    results, data, printed = ngspice(tmp_path_factory.mktemp("ac"), AC, control, {"ac1": "v(out)"})
    assert len(results) >= 6, printed
    f, real, imag = data["ac1"]
    return results, f, (real + 1j * imag)[None]


@pytest.mark.parametrize(
    ("m", "expected"),
    [
        (measure.bandwidth("v(out)"), lambda r: r["f3"]),
        (measure.unity_gain_frequency("v(out)"), lambda r: r["fu"]),
        (measure.phase_margin("v(out)"), lambda r: 180 + r["phase"]),
        (measure.gain_margin("v(out)"), lambda r: -r["level"]),
        (measure.gain("v(out)"), lambda r: r["top"]),
        (measure.gain_db("v(out)", 12345.0), lambda r: r["db"]),
        (measure.value_at("v(out)", 12345.0, "db"), lambda r: r["db"]),
    ],
    ids=lambda v: str(v),
)
def test_of_a_response(response, m, expected):
    results, f, out = response
    # ngspice interpolates straight in hertz, these measures on the Bode plot.
    assert m.evaluate(f, out)[0] == pytest.approx(expected(results), rel=5e-4)


def test_thd_is_what_fourier_prints(tmp_path):
    deck = """
    clipped sine
    V1 in 0 sin(0 1 1k)
    R1 in out 1k
    D1 out 0 dm
    .model dm d(is=1e-14)
    .tran 1u 5m 0 1u
    """
    _, data, printed = ngspice(tmp_path, deck, ["fourier 1k v(out)"], {"tran1": "v(out)"})
    fourier = float(re.search(r"THD:\s*([\d.eE+-]+)\s*%", printed).group(1))
    t, out = data["tran1"]
    assert measure.thd("v(out)", 1e3).evaluate(t, out)[0] == pytest.approx(fourier, rel=2e-3)


def test_integrated_noise_is_the_total(tmp_path):
    deck = """
    noise of RC
    V1 in 0 dc 1 ac 1
    R1 in out 10k
    C1 out 0 10n
    .noise v(out) v1 dec 20 1 1meg
    """
    _, data, printed = ngspice(
        tmp_path, deck, ["setplot noise2", "print onoise_total"], {"noise1": "onoise_spectrum"}
    )
    total = float(re.search(r"onoise_total = ([\d.eE+-]+)", printed).group(1))
    f, density = data["noise1"]
    found = measure.integrated_noise().evaluate(f, density)[0]
    assert found == pytest.approx(total, rel=2e-3)
    # And the closed form: kT/C over the part of its band that the sweep covers.
    corner = 1 / (2 * np.pi * 1e4 * 1e-8)
    part = (np.arctan(1e6 / corner) - np.arctan(1 / corner)) * 2 / np.pi
    assert found == pytest.approx(np.sqrt(1.380649e-23 * 300.15 / 1e-8 * part), rel=1e-3)
