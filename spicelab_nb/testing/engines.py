"""What every engine has to do: subclass :class:`EngineTests` and give it your engine."""

from __future__ import annotations

import numpy as np
import pytest

from spicelab_nb.engines.engine import Analysis, Deck, Engine, Outcome, Point, Status

__all__ = ["EngineTests", "same_bits"]

DIVIDER = """a divider with a capacitor
V1 in 0 dc 1 ac 1
R1 in out {r1}
R2 out 0 1k
C1 out 0 {c1}
.end
"""
# A long line of diodes: an engine that gives up after half a million steps computes for seconds.
HANGS = "\n".join(
    [
        "a transient that is far too long",
        "V1 n0 0 sin(0 1 1k)",
        *(f"R{i} n{i} n{i + 1} 1k\nC{i} n{i + 1} 0 1n\nD{i} n{i + 1} 0 dx" for i in range(40)),
        ".model dx d is=1e-14",
        ".end",
    ]
)
OP = Analysis(name="op", kind="op", command="op")
AC = Analysis(name="ac", kind="ac", command="ac dec 10 10 1e5")
TRAN = Analysis(name="tran", kind="tran", command="tran 10u 2m")
LIMIT = 30.0


def same_bits(one: Outcome, other: Outcome) -> bool:
    """Whether two outcomes agree in status and in every bit of every axis and vector."""
    if one.status != other.status or list(one.plots) != list(other.plots):
        return False
    for name, plot in one.plots.items():
        twin = other.plots[name]
        for mine, yours in ((plot.axes, twin.axes), (plot.vectors, twin.vectors)):
            if list(mine) != list(yours):
                return False
            if any(mine[k].tobytes() != yours[k].tobytes() for k in mine):
                return False
    return True


class EngineTests:
    """Conformance suite of :class:`spicelab_nb.engines.engine.Engine`.

    A subclass overrides the `engine` fixture (wide in scope: starting a process takes its time)
    and says in `noise` whether the engine has a noise analysis.
    """

    noise = True

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls) -> Engine:
        """Give the engine under test."""
        raise NotImplementedError

    def deck(self, *analyses: Analysis, r1: str = "1k", c1: str = "1u") -> Deck:
        """Make a divider; half of `V1` at its output in direct current when `r1` is 1k."""
        return Deck(text=DIVIDER.format(r1=r1, c1=c1), analyses=analyses)

    def points(self, count: int, *analyses: Analysis) -> list[Point]:
        """Make points with a deck of their own, each with another resistor."""
        return [
            Point(deck=self.deck(*analyses, r1=f"{1000 + 10 * i}000000000000e-12"))
            for i in range(count)
        ]

    def test_it_says_who_it_is(self, engine: Engine) -> None:
        assert engine.name
        assert engine.version

    def test_no_points_give_no_outcomes(self, engine: Engine) -> None:
        assert engine.run(self.deck(OP), [], cpu_limit=LIMIT) == []

    def test_operating_point(self, engine: Engine) -> None:
        (outcome,) = engine.run(self.deck(OP), [Point()], cpu_limit=LIMIT)
        assert outcome.status is Status.OK, outcome.reason
        plot = outcome.plots["op"]
        assert plot.scale == ()
        assert plot.vectors["v(out)"].shape == ()
        assert float(plot.vectors["v(out)"].real) == pytest.approx(0.5, rel=1e-6)
        assert float(plot.vectors["i(v1)"].real) == pytest.approx(-0.5e-3, rel=1e-6)

    def test_ac_is_complex_and_right(self, engine: Engine) -> None:
        (outcome,) = engine.run(self.deck(AC), [Point()], cpu_limit=LIMIT)
        plot = outcome.plots["ac"]
        frequency = plot.axes["frequency"]
        assert frequency.dtype == np.float64
        assert len(frequency) == 41
        expected = 0.5 / (1 + 2j * np.pi * frequency * 500 * 1e-6)
        assert plot.vectors["v(out)"].dtype == np.complex128
        np.testing.assert_allclose(plot.vectors["v(out)"], expected, rtol=1e-6)

    def test_transient_reaches_its_end(self, engine: Engine) -> None:
        (outcome,) = engine.run(self.deck(TRAN), [Point()], cpu_limit=LIMIT)
        time = outcome.plots["tran"].axes["time"]
        assert time[-1] == pytest.approx(2e-3, rel=1e-6)
        assert (np.diff(time) > 0).all()

    def test_nested_sweep_has_two_dimensions(self, engine: Engine) -> None:
        deck = Deck(
            text="two sources\nV1 a 0 1\nV2 b 0 1\nR1 a c 1k\nR2 b c 1k\nR3 c 0 1k\n.end\n",
            analyses=(Analysis(name="dc", kind="dc", command="dc V1 0 1 0.25 V2 0 3 1"),),
        )
        (outcome,) = engine.run(deck, [Point()], cpu_limit=LIMIT)
        assert outcome.status is Status.OK, outcome.reason
        plot = outcome.plots["dc"]
        assert plot.scale == ("v2", "v1")
        np.testing.assert_allclose(plot.axes["v1"], [0, 0.25, 0.5, 0.75, 1])
        np.testing.assert_allclose(plot.axes["v2"], [0, 1, 2, 3])
        expected = (plot.axes["v2"][:, None] + plot.axes["v1"][None, :]) / 3
        np.testing.assert_allclose(plot.vectors["v(c)"], expected, atol=1e-8)

    def test_noise_gives_spectrum_and_total(self, engine: Engine) -> None:
        if not self.noise:
            pytest.skip("this engine has no noise analysis")
        noise = Analysis(name="noise", kind="noise", command="noise v(out) V1 dec 10 10 1e5")
        (outcome,) = engine.run(self.deck(noise), [Point()], cpu_limit=LIMIT)
        assert outcome.status is Status.OK, outcome.reason
        density = outcome.plots["noise"].vectors["onoise_spectrum"]
        white = np.sqrt(4 * 1.380649e-23 * 300.15 * 500)
        assert float(density[0].real) == pytest.approx(white, rel=1e-2)
        assert outcome.plots["noise_total"].vectors["onoise_total"].shape == ()

    def test_noise_of_a_missing_node_fails(self, engine: Engine) -> None:
        noise = Analysis(name="noise", kind="noise", command="noise v(nowhere) V1 dec 10 10 1e5")
        (outcome,) = engine.run(self.deck(noise), [Point()], cpu_limit=LIMIT)
        assert outcome.status is Status.FAILED
        assert "nowhere" in outcome.reason

    def test_several_analyses_and_saved_signals(self, engine: Engine) -> None:
        deck = Deck(
            text=DIVIDER.format(r1="1k", c1="1u"), analyses=(OP, AC, TRAN), save=("v(out)",)
        )
        (outcome,) = engine.run(deck, [Point()], cpu_limit=LIMIT)
        assert list(outcome.plots) == ["op", "ac", "tran"]
        assert all(list(p.vectors) == ["v(out)"] for p in outcome.plots.values())

    def test_a_signal_that_is_not_there_fails(self, engine: Engine) -> None:
        deck = Deck(text=DIVIDER.format(r1="1k", c1="1u"), analyses=(OP,), save=("v(nope)",))
        (outcome,) = engine.run(deck, [Point()], cpu_limit=LIMIT)
        assert outcome.status is Status.FAILED
        assert "v(nope)" in outcome.reason
        assert not outcome.plots

    def test_order_repetition_and_company_change_no_bit(self, engine: Engine) -> None:
        base = self.deck(OP, AC, TRAN)
        points = self.points(12, OP, AC, TRAN)
        first = engine.run(base, points, cpu_limit=LIMIT)
        again = engine.run(base, points, cpu_limit=LIMIT)
        backward = engine.run(base, points[::-1], cpu_limit=LIMIT)[::-1]
        alone = [engine.run(base, [p], cpu_limit=LIMIT)[0] for p in points[:3]]
        engine.close()
        fresh = engine.run(base, points[5:6], cpu_limit=LIMIT)
        assert all(o.status is Status.OK for o in first)
        assert not same_bits(first[0], first[1])
        for others in (again, backward):
            assert all(same_bits(a, b) for a, b in zip(first, others, strict=True))
        assert all(same_bits(a, b) for a, b in zip(first, alone, strict=False))
        assert same_bits(first[5], fresh[0])

    @pytest.mark.parametrize(
        "line",
        [
            "D1 out 0 nomodel",
            "X1 out 0 nosubcircuit",
            ".include missing.lib",
            "R9 out",
            "R9 out 0",
            "R9 out 0 {unknown}",
            "V9 in 0 2",
        ],
    )
    def test_a_bad_deck_fails_and_only_where_it_is_used(self, engine: Engine, line: str) -> None:
        bad = Deck(text=self.deck().text.replace(".end", f"{line}\n.end"), analyses=(OP,))
        good = self.deck(OP)
        outcomes = engine.run(good, [Point(), Point(deck=bad), Point()], cpu_limit=LIMIT)
        assert [o.status for o in outcomes] == [Status.OK, Status.FAILED, Status.OK]
        assert outcomes[1].reason
        assert not outcomes[1].plots
        assert same_bits(outcomes[0], outcomes[2])
        as_base = engine.run(bad, [Point(), Point(deck=good), Point()], cpu_limit=LIMIT)
        assert [o.status for o in as_base] == [Status.FAILED, Status.OK, Status.FAILED]
        assert same_bits(as_base[1], outcomes[0])

    @pytest.mark.parametrize(
        ("kind", "command"),
        [
            ("ac", "ac dec"),
            ("ac", "ac dec 10 1e3 1"),
            ("tran", "tran"),
            ("dc", "dc V9 0 1 1"),
            ("dc", "dc V1 0 1 0"),
            ("dc", "dc V1 0 1 -1"),
        ],
    )
    def test_a_bad_analysis_fails(self, engine: Engine, kind: str, command: str) -> None:
        deck = self.deck(Analysis(name=kind, kind=kind, command=command))
        (outcome,) = engine.run(deck, [Point()], cpu_limit=LIMIT)
        assert outcome.status is Status.FAILED
        assert outcome.reason

    def test_a_hang_is_a_timeout_of_that_point_only(self, engine: Engine) -> None:
        endless = Deck(
            text=HANGS,
            analyses=(Analysis(name="tran", kind="tran", command="tran 1u 1000 0 1u"),),
        )
        points = [*self.points(3, OP), Point(deck=endless), *self.points(3, OP)]
        outcomes = engine.run(self.deck(OP), points, cpu_limit=0.3)
        wanted = [Status.OK] * 3 + [Status.TIMEOUT] + [Status.OK] * 3
        assert [o.status for o in outcomes] == wanted, [o.reason for o in outcomes]
        assert "0.3 s" in outcomes[3].reason
        assert all(same_bits(a, b) for a, b in zip(outcomes[:3], outcomes[4:], strict=True))

    def test_included_files_are_the_decks_own(self, engine: Engine) -> None:
        text = "include\nV1 in 0 1\n.include parts/load.inc\n.end\n"
        decks = [
            Deck(text=text, files={"parts/load.inc": f"R1 in 0 {r}\n".encode()}, analyses=(OP,))
            for r in ("1k", "2k")
        ]
        without = Deck(text=text, analyses=(OP,))
        points = [Point(deck=d) for d in (*decks, without, decks[0])]
        outcomes = engine.run(decks[0], points, cpu_limit=LIMIT)
        assert [o.status for o in outcomes] == [0, 0, 1, 0]
        currents = [float(outcomes[i].plots["op"].vectors["i(v1)"].real) for i in (0, 1, 3)]
        assert currents == pytest.approx([-1e-3, -0.5e-3, -1e-3])

    @pytest.mark.parametrize("path", ["../stray.inc", "/tmp/stray.inc"])  # noqa: S108
    def test_files_outside_the_folder_are_refused(self, engine: Engine, path: str) -> None:
        deck = Deck(
            text=f"t\nV1 in 0 1\n.include {path}\n.end\n", files={path: b"R1 in 0 1\n"},
            analyses=(OP,),
        )  # fmt: skip
        (outcome,) = engine.run(deck, [Point()], cpu_limit=LIMIT)
        assert outcome.status is Status.FAILED
        assert "folder" in outcome.reason

    def test_close_twice_and_go_on(self, engine: Engine) -> None:
        engine.close()
        engine.close()
        assert engine.run(self.deck(OP), [Point()], cpu_limit=LIMIT)[0].status is Status.OK
