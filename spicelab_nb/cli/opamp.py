"""The demo's campaign: what varies in the op-amp of ``opamp.cir``, what is measured and asked."""

from __future__ import annotations

import math
from importlib import resources
from typing import TYPE_CHECKING

import spicelab_nb as sl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spicelab_nb.campaigns import Campaign
    from spicelab_nb.circuits import Circuit
    from spicelab_nb.sampling import Distribution
    from spicelab_nb.sampling.names import Key

__all__ = ["amplifier", "campaign", "variation"]

PELGROM = {"n": 9e-3, "p": 11e-3}
"""A_VT in V um: about 1.2 mV um for each nanometre of gate oxide; holes fare a little worse."""

GATES = {
    "VT1": ("n", 40, 1),
    "VT2": ("n", 40, 1),
    "VT3": ("p", 20, 1),
    "VT4": ("p", 20, 1),
    "VT5": ("n", 20, 1),
    "VT6": ("p", 120, 0.7),
    "VT7": ("n", 60, 1),
}
"""Type, width and length (um) of the transistor behind each mismatch source."""


def amplifier() -> Circuit:
    """The two-stage op-amp, with its analyses."""
    text = resources.files("spicelab_nb.cli").joinpath("opamp.cir").read_text(encoding="utf-8")
    return sl.Circuit(text)


def variation() -> dict[Key, Distribution]:
    """What varies: mismatch of each transistor, the process, passives, and how it is used.

    Mismatch is Pelgrom's: two transistors differ by A_VT / sqrt(W L), each by that over sqrt(2)
    from what it should be.

    References
    ----------
    M. J. M. Pelgrom, A. C. J. Duinmaijer and A. P. G. Welbers, Matching properties of MOS
    transistors, IEEE J. Solid-State Circuits 24 (1989).
    """
    mismatch: dict[Key, Distribution] = {
        f"{source}.dc": sl.Normal(sd=PELGROM[kind] / math.sqrt(2 * width * length))
        for source, (kind, width, length) in GATES.items()
    }
    process: dict[Key, Distribution] = {
        "nch.vth0": sl.Normal(sd=0.020),
        "pch.vth0": sl.Normal(sd=0.020),
        "nch.u0": sl.Normal(rel=0.04),
        "pch.u0": sl.Normal(rel=0.04),
        # One oxide is grown for both.
        ("nch.tox", "pch.tox"): sl.Normal(rel=0.015),
        "RZ": sl.Normal(rel=0.07),
        "CC": sl.Normal(rel=0.06),
    }
    use: dict[Key, Distribution] = {
        "IB.dc": sl.Normal(rel=0.05),
        "CL": sl.Uniform(4e-12, 6e-12),
        "VDD.dc": sl.Uniform(3.0, 3.6),
        "temp": sl.Uniform(-20, 85),
    }
    return {**mismatch, **process, **use}


def campaign(
    samples: int,
    *,
    seed: int = 1,
    keep: Sequence[str] = (),
    engine: str | None = None,
    store: str | None = None,
) -> Campaign:
    """A Monte Carlo of the op-amp against its data sheet."""
    return sl.Campaign(
        amplifier(),
        # What makes n-channel thresholds larger makes the (negative) p-channel ones smaller.
        sl.MonteCarlo(
            samples, variation(), seed=seed, correlation={("nch.vth0", "pch.vth0"): -0.5}
        ),
        measures={
            "gain": sl.measure.gain_db("v(out)", at=1),
            "unity_gain": sl.measure.unity_gain_frequency("v(out)"),
            "phase_margin": sl.measure.phase_margin("v(out)"),
            "offset": sl.measure.value_at("v(vos)"),
            "supply_current": sl.measure.value_at("i(vss)"),
        },
        specs={
            "gain": sl.Spec(min=94, unit="dB"),
            "unity_gain": sl.Spec(min=13e6, unit="Hz"),
            "phase_margin": sl.Spec(min=55, unit="deg"),
            "offset": sl.Spec(min=-5e-3, max=5e-3, unit="V"),
            "supply_current": sl.Spec(max=145e-6, unit="A"),
        },
        keep=keep,
        name="demo-opamp",
        store=store,
        engine=engine,
    )
