"""Datasets by the conventions of ``run.dataset``, made up without a simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.engines.engine import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

__all__ = ["rc_dataset", "rc_sweep", "rc_waveforms", "status_attrs"]


def status_attrs() -> dict[str, Any]:
    """Attributes of ``status`` by CF: the flags and what they mean."""
    return {
        "long_name": "how the sample ended",
        "flag_values": np.array([int(s) for s in Status], np.int8),
        "flag_meanings": " ".join(s.name.lower() for s in Status),
    }


def rc_dataset(
    n: int = 200,
    *,
    seed: int = 1,
    failed: Sequence[int] = (),
    not_run: Sequence[int] = (),
    missing: Sequence[int] = (),
    corners: Sequence[str] = (),
    sd: float = 0.05,
    low: float | None = 1400.0,
    high: float | None = 1800.0,
    sampler: str | None = "random",
) -> xr.Dataset:
    """Monte Carlo of an RC low-pass: R and C normal, ``f3db`` and the ``gain`` at 10 kHz.

    Parameters
    ----------
    n, seed, sd
        Samples, their seed, and the relative spread of R1 (1 kOhm) and C1 (100 nF).
    failed, not_run, missing
        Samples with that status (at every corner); `missing`: ok, but f3db does not exist.
    corners
        Names: C1 is 10 % larger at each than at the one before. () for no such dimension.
    low, high
        Limits of f3db in hertz.
    sampler
        For the attributes; None: not stated.
    """
    import xarray as xr

    rng = np.random.default_rng(seed)
    r = 1e3 * (1 + sd * rng.standard_normal(n))
    c = 100e-9 * (1 + sd * rng.standard_normal(n))
    c = c[:, None] * 1.1 ** np.arange(max(len(corners), 1))
    f3db = 1 / (2 * np.pi * r[:, None] * c)
    gain = -10 * np.log10(1 + (1e4 / f3db) ** 2)
    status = np.full(c.shape, int(Status.OK), np.int8)
    status[list(failed)] = int(Status.FAILED)
    status[list(not_run)] = int(Status.NOT_RUN)
    f3db[list(missing)] = np.nan
    f3db[status != 0] = np.nan
    gain[status != 0] = np.nan
    dims = ("sample", "corner")

    def shaped(values: Any) -> tuple[tuple[str, ...], Any]:
        return (dims, values) if corners else (dims[:1], values[:, 0])

    limits = {k: v for k, v in (("spec_min", low), ("spec_max", high)) if v is not None}
    coords: dict[str, Any] = {
        "sample": ("sample", np.arange(n)),
        "R1": ("sample", r, {"role": "parameter", "units": "Ohm"}),
        "C1": (*shaped(c), {"role": "parameter", "units": "F"}),
    }
    if corners:
        coords["corner"] = ("corner", np.array(list(corners)))
    return xr.Dataset(
        {
            "f3db": (*shaped(f3db), {"units": "Hz", "long_name": "bandwidth of v(out)", **limits}),
            "gain": (*shaped(gain), {"units": "dB", "long_name": "gain of v(out) at 10000 Hz"}),
            "status": (*shaped(status), status_attrs()),
        },
        coords,
        {"seed": seed} | ({"sampler": sampler} if sampler else {}),
    )


def rc_sweep(
    r: Sequence[float] = (500.0, 1e3, 2e3),
    c: Sequence[float] = (1e-8, 1e-7, 1e-6),
    *,
    samples: int = 0,
    corners: Sequence[str] = (),
    failed: Sequence[tuple[int, ...]] = (),
    low: float | None = 1000.0,
    high: float | None = None,
) -> xr.Dataset:
    """Sweep of an RC low-pass over R1 and C1: ``f3db``, as `rc_dataset` has it.

    Parameters
    ----------
    r, c
        Swept values, ohm and farad.
    samples
        Crossed with a Monte Carlo of that many samples of the source's ``k``, by which f3db is
        multiplied; 0 for no such dimension.
    corners
        Names: f3db is halved at each from the one before. () for no such dimension.
    failed
        Indices of points that failed, over the dimensions R1, C1, corner, sample that there are.
    low, high
        Limits of f3db in hertz.
    """
    import xarray as xr

    dims = ["R1", "C1", *(["corner"] if corners else []), *(["sample"] if samples else [])]
    k = 1 + 0.1 * np.random.default_rng(1).standard_normal(samples) if samples else np.ones(1)
    half = 0.5 ** np.arange(max(len(corners), 1))
    f3db = 1 / (2 * np.pi * np.multiply.outer(np.asarray(r), np.asarray(c)))
    f3db = f3db[:, :, np.newaxis, np.newaxis] * half[:, np.newaxis] * k
    shape = [len(r), len(c), *([len(corners)] if corners else []), *([samples] if samples else [])]
    f3db = f3db.reshape(shape)
    status = np.full(shape, int(Status.OK), np.int8)
    for point in failed:
        status[point] = int(Status.FAILED)
    f3db[status != int(Status.OK)] = np.nan
    role = {"role": "parameter"}
    coords: dict[str, Any] = {
        "R1": ("R1", np.asarray(r, dtype=float), {**role, "units": "Ohm"}),
        "C1": ("C1", np.asarray(c, dtype=float), {**role, "units": "F"}),
    }
    if corners:
        coords["corner"] = ("corner", np.array(list(corners)))
    if samples:
        coords["sample"] = ("sample", np.arange(samples))
        coords["k"] = ("sample", k, role)
    limits = {k: v for k, v in (("spec_min", low), ("spec_max", high)) if v is not None}
    attrs = {"units": "Hz", "long_name": "bandwidth of v(out)", **limits}
    return xr.Dataset(
        {"f3db": (dims, f3db, attrs), "status": (dims, status, status_attrs())}, coords
    )


def rc_waveforms(dataset: xr.Dataset, *, points: int = 101) -> dict[str, xr.Dataset]:
    """Frequency and step responses of `rc_dataset`'s samples, as ``run.waveforms`` gives them.

    Returns
    -------
    dict
        ``["ac"]["v(out)"]`` complex ``(sample, frequency)``, ``["tran"]["v(out)"]``
        ``(sample, time)``; NaN where a sample is not ok. Without corners.
    """
    import xarray as xr

    f = np.geomspace(10, 1e6, points)
    t = np.linspace(0, 1e-3, points)
    corner = 1 / (2 * np.pi * dataset["R1"].values * dataset["C1"].values)[:, None]
    ac = 1 / (1 + 1j * f / corner)
    tran = 1 - np.exp(-2 * np.pi * corner * t)
    lost = dataset["status"].values != int(Status.OK)
    ac[lost] = np.nan
    tran[lost] = np.nan
    volt = {"units": "V", "long_name": "v(out)"}
    sample = {"sample": dataset["sample"].values}
    return {
        "ac": xr.Dataset(
            {"v(out)": (("sample", "frequency"), ac, volt)},
            {**sample, "frequency": ("frequency", f, {"units": "Hz"})},
        ),
        "tran": xr.Dataset(
            {"v(out)": (("sample", "time"), tran, volt)},
            {**sample, "time": ("time", t, {"units": "s"})},
        ),
    }
