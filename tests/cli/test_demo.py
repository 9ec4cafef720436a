"""The demo: what it varies has an effect in every engine, and what it prints is all there."""

import io

import numpy as np
import pytest
from rich.console import Console

import spicelab_nb as sl
from spicelab_nb.cli.demo import demo, show
from spicelab_nb.cli.opamp import amplifier, campaign, variation
from spicelab_nb.results.store import Store

ENGINES = [pytest.param("ngspice", marks=pytest.mark.ngspice), "neospice"]
MEASURES = {
    "gain": sl.measure.gain_db("v(out)", at=1),
    "unity_gain": sl.measure.unity_gain_frequency("v(out)"),
    "phase_margin": sl.measure.phase_margin("v(out)"),
    "offset": sl.measure.value_at("v(vos)"),
    "supply_current": sl.measure.value_at("i(vss)"),
}
NOISE = {
    "gain": 1e-4,
    "unity_gain": 10.0,
    "phase_margin": 1e-4,
    "offset": 2e-5,
    "supply_current": 1e-10,
}
"""What a measure may move by for no reason: the engines stop iterating at reltol 1e-3."""


@pytest.fixture(scope="module")
def shifts(tmp_path_factory):
    """Each engine's measures: nominal, then with one parameter after the other moved."""
    circuit = amplifier()
    mc = sl.MonteCarlo(200, variation(), seed=5)
    drawn = {c.name: c.values for c in mc.bind(circuit.parameters).columns()}
    corners = {"nominal": {"RZ": circuit.parameters["RZ"]}} | {
        name: {name: float(np.max(values))} for name, values in drawn.items()
    }

    def run(engine):
        with sl.cluster("serial") as here:
            store = tmp_path_factory.mktemp(engine) / "store"
            moved = sl.Campaign(
                circuit, sl.Corners(corners), measures=MEASURES, store=store, engine=engine
            )
            return moved.run(here).wait().dataset

    return run


@pytest.mark.parametrize("engine", ENGINES)
def test_every_varied_parameter_moves_a_measure(engine, shifts):
    ds = shifts(engine)
    assert (ds.status == 0).all()
    for name in ds.corner.values[1:]:
        moves = {
            m: abs(float(ds[m].sel(corner=name) - ds[m].sel(corner="nominal"))) / NOISE[m]
            for m in MEASURES
        }
        assert max(moves.values()) > 10, f"{name} has no effect in {engine}: {moves}"


@pytest.mark.ngspice
def test_engines_agree(shifts):
    a, b = shifts("ngspice"), shifts("neospice")
    for name in ("gain", "unity_gain", "phase_margin", "supply_current"):
        np.testing.assert_allclose(a[name], b[name], rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(a.offset, b.offset, atol=2e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_demo_says_all_that_a_newcomer_needs(engine, tmp_path, runtime_dir):
    out = io.StringIO()
    console = Console(file=out, width=132)
    store = tmp_path / "store"

    def run():
        return demo(console, samples=24, workers=1, engine=engine, store=str(store))

    assert run() == 0
    said = out.getvalue()
    assert f"Engine: {engine}" in said
    for measure in MEASURES:
        assert measure in said
    for column in (
        "mean",
        "sd",
        "5 %",
        "50 %",
        "95 %",
        "Cpk",
        "yield (95 % interval)",
        "all specs",
    ):
        assert column in said
    assert "24 of 24" in said
    assert "Failed samples: none." in said
    report = store / "report.html"
    assert str(report) in said
    assert report.read_text(encoding="utf-8").count("<svg") >= len(MEASURES)
    assert not sl.list_clusters()

    before = sorted(Store.open(str(store), create=False).chunks())
    assert run() == 0
    assert sorted(Store.open(str(store), create=False).chunks()) == before


def test_demo_without_ngspice_says_how_to_get_it(tmp_path, runtime_dir, monkeypatch):
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", str(tmp_path / "none.so"))
    out = io.StringIO()
    console = Console(file=out, width=400)
    assert demo(console, samples=4, workers=1, store=str(tmp_path / "store")) == 0
    assert "Engine: neospice" in out.getvalue()
    assert "apt-get install libngspice0" in out.getvalue()


def test_yield_is_neither_nothing_nor_all(tmp_path):
    with sl.cluster("serial") as here:
        run = campaign(300, engine="neospice", store=str(tmp_path / "store")).run(here).wait()
    y = run.summary().yield_
    assert y.ok == 300
    assert 0.85 < y.value < 0.98


@pytest.mark.parametrize("width", [80, 132])
def test_nothing_is_cut_off_in_a_terminal(width, tmp_path):
    with sl.cluster("serial") as here:
        run = campaign(30, engine="neospice", store=str(tmp_path / "store")).run(here).wait()
    out = io.StringIO()
    show(Console(file=out, width=width), run)
    said = out.getvalue()
    assert "…" not in said
    rows = [line for line in said.splitlines() if line.startswith("│")]
    assert max(map(len, rows)) <= width
    first = [row.split("│")[1].strip() for row in rows]
    assert set(first) == {*MEASURES, "all specs"}


def test_failed_samples_are_listed_apart(tmp_path):
    def sometimes(x):
        if x > 2:
            raise ValueError(f"[red]{x:g} is too much[/red]")
        return x

    values = list(np.linspace(0, 4, 21))
    with sl.cluster("serial") as here:
        swept = sl.Campaign(sometimes, sl.Sweep({"x": values}), store=tmp_path / "store")
        run = swept.run(here).wait()
    out = io.StringIO()
    show(Console(file=out, width=132), run)
    said = out.getvalue()
    assert "Failed samples: 10, left out" in said
    assert "[red]2.2 is too much[/red]" in said
    assert said.count(": failed, ValueError") == 5
    assert "all of them" in said
