"""Included files travel by content, from the allowed folders only."""

import json
import pickle

import pytest

import spicelab_nb as sl
from spicelab_nb.circuits import CircuitNotice
from spicelab_nb.errors import CircuitError, IncludeError, UnknownNameError

DECK = """Corners
.lib 'models/all.lib' tt
.include models/loads.inc
V1 in 0 DC {vdd}
R1 in out {rval}
.op
.end
"""
ALL = """* library
.lib tt
.include "tt.inc"
.param vdd=1.8
.lib 'all.lib' common
.endl tt
.lib ss
.include "ss.inc"
.param vdd=1.6
.lib 'all.lib' common
.endl ss
.lib common
R9 out 0 1meg
.endl common
"""


@pytest.fixture
def deck(tmp_path):
    folder = tmp_path / "work"
    (folder / "models").mkdir(parents=True)
    (folder / "corners.cir").write_text(DECK)
    (folder / "models/all.lib").write_text(ALL)
    (folder / "models/tt.inc").write_text(".param rval=1k\n")
    (folder / "models/ss.inc").write_text(".param rval=1.2k\n")
    (folder / "models/loads.inc").write_text(".include deeper.inc\nRL out 0 1k\n")
    (folder / "models/deeper.inc").write_text("CL out 0 1p\n")
    return folder / "corners.cir"


def test_paths_are_rewritten_to_contents_and_every_file_is_listed(deck):
    circuit = sl.Circuit(deck)
    assert {p.split("/")[2] for p in circuit.files} == {
        "all.lib", "tt.inc", "loads.inc", "deeper.inc",
    }  # fmt: skip
    text = "".join(_texts(circuit))
    assert all(p.startswith("inc/") and p.removeprefix("inc/") in text for p in circuit.files)
    assert str(deck.parent) not in "".join(_texts(circuit))
    assert circuit.parameters["lib"] == "tt" if "lib" in circuit.parameters else True
    assert circuit.parameters["rval"] == 1e3
    assert circuit.parameters["CL"] == 1e-12


def _texts(circuit):
    deck = circuit.deck()
    return [deck.text, *(data.decode() for data in deck.files.values())]


def test_another_section_is_another_circuit(deck):
    circuit = sl.Circuit(deck)
    slow = circuit.with_values({"lib": "SS"})
    assert slow.parameters["rval"] == 1.2e3
    assert slow.parameters["vdd"] == 1.6
    assert circuit.parameters.at({"lib": "ss"}).nominal("rval") == 1.2e3
    assert circuit.alter_commands({"lib": "ss"}) is None
    assert slow.digest != circuit.digest
    both = circuit.with_values({"rval": 5.0, "lib": "ss"})
    assert both.parameters["rval"] == 5.0
    with pytest.raises(CircuitError, match=r"no section 'sf'.*tt"):
        circuit.with_values({"lib": "sf"})


@pytest.mark.ngspice
def test_ngspice_reads_the_sections(deck):
    circuit = sl.Circuit(deck)
    assert circuit.simulate()["op"]["v(in)"] == 1.8
    slow = circuit.with_values({"lib": "ss", "RL": 1.2e3, "temp": 85})
    op = slow.simulate()["op"]
    assert op["v(in)"] == 1.6
    assert float(op["v(out)"]) == pytest.approx(0.8, rel=1e-3)


NESTED_LIB = "R3 out 0 3k\n.lib 'x.lib' tt\nX1 out 0 s\n.subckt s a b\n.include b.inc\n.ends\n"


@pytest.mark.ngspice
def test_files_in_files_are_found_wherever_they_stand(tmp_path):
    """A library in an included file, an include in a subcircuit, and a copy of that one."""
    (tmp_path / "a.inc").write_text(NESTED_LIB)
    (tmp_path / "b.inc").write_text("R1 a b 3k\n")
    (tmp_path / "x.lib").write_text(".lib tt\n.include b2.inc\n.endl\n")
    (tmp_path / "b2.inc").write_text("R9 out 0 3k\n")
    circuit = sl.Circuit("t\n.include a.inc\nV1 in 0 4\nR0 in out 1k\n.op\n.end\n",
                         include_paths=[tmp_path])  # fmt: skip
    assert float(circuit.simulate()["op"]["v(out)"]) == pytest.approx(2.0)
    changed = circuit.with_values({"X1.R1": 6e3, "R9": 6e3, "R3": 1.5e3})
    assert changed.parameters["X1.R1"] == 6e3
    assert float(changed.simulate()["op"]["v(out)"]) == pytest.approx(2.0)


def test_a_value_in_an_included_file_changes_the_copy_that_travels(deck):
    circuit = sl.Circuit(deck)
    before = (deck.parent / "models/loads.inc").read_bytes()
    changed = circuit.with_values({"RL": 2e3, "CL": 2e-12})
    text = "".join(_texts(changed))
    assert "RL out 0 2000000000000000e-12" in text
    assert "CL out 0 2000000000000000e-27" in text
    assert (deck.parent / "models/loads.inc").read_bytes() == before


def test_the_digest_knows_contents_and_not_places(deck, tmp_path):
    digest = sl.Circuit(deck).digest
    moved = deck.parent.rename(tmp_path / "elsewhere")
    assert sl.Circuit(moved / "corners.cir").digest == digest
    (moved / "models/deeper.inc").write_text("CL out 0 2p\n")
    assert sl.Circuit(moved / "corners.cir").digest != digest
    text = (moved / "corners.cir").read_text()
    assert sl.Circuit(text, include_paths=[moved], setup=["set x=1"]).digest != digest


def test_a_circuit_is_rebuilt_where_its_files_are_not(deck):
    circuit = sl.Circuit(deck, analyses=[".tran 1n 1u"]).with_values({"RL": 2e3, "lib": "ss"})
    description, inputs = json.loads(json.dumps(circuit.describe())), circuit.inputs()
    for path in sorted(deck.parent.rglob("*.*")):
        path.unlink()
    again = sl.Circuit.restore(description, inputs)
    assert again.digest == circuit.digest == pickle.loads(pickle.dumps(circuit)).digest
    assert again.with_values({"lib": "tt"}).parameters["rval"] == 1e3
    with pytest.raises(CircuitError, match="missing"):
        sl.Circuit.restore(description, {})


def test_a_missing_file_is_named_with_its_line(deck):
    (deck.parent / "models/deeper.inc").unlink()
    with pytest.raises(IncludeError, match=r"loads\.inc, line 1: there is no file 'deeper\.inc'"):
        sl.Circuit(deck)
    with pytest.raises(FileNotFoundError, match="no netlist"):
        sl.Circuit(deck.parent / "nothing.cir")


@pytest.mark.parametrize("way", ["absolute", "dots", "symlink"])
def test_a_file_outside_the_allowed_folders_is_refused(tmp_path, way):
    folder, outside = tmp_path / "deck", tmp_path / "pdk"
    folder.mkdir()
    outside.mkdir()
    (outside / "secret.inc").write_text("R2 a 0 1\n")
    path = {"absolute": str(outside / "secret.inc"), "dots": "../pdk/secret.inc",
            "symlink": "link.inc"}[way]  # fmt: skip
    (folder / "link.inc").symlink_to(outside / "secret.inc")
    (folder / "d.cir").write_text(f"t\n.include '{path}'\nV1 a 0 1\n.op\n.end\n")
    with pytest.raises(IncludeError, match="outside"):
        sl.Circuit(folder / "d.cir")
    allowed = sl.Circuit(folder / "d.cir", include_paths=[outside])
    assert allowed.parameters["R2"] == 1


def test_a_file_that_includes_itself_is_an_error(tmp_path):
    (tmp_path / "a.inc").write_text(".include a.inc\n")
    with pytest.raises(IncludeError, match="includes itself"):
        sl.Circuit("t\n.include a.inc\n.end\n", include_paths=[tmp_path]).digest  # noqa: B018


def test_several_sections_are_told_apart(tmp_path):
    (tmp_path / "m.lib").write_text(".lib tt\n.param a=1\n.endl\n.lib ff\n.param a=2\n.endl\n")
    (tmp_path / "r.lib").write_text(".lib typ\n.param b=1\n.endl\n.lib max\n.param b=2\n.endl\n")
    c = sl.Circuit("t\n.lib m.lib tt\n.lib r.lib typ\nR1 a 0 {a*b}\n.end\n",
                   include_paths=[tmp_path])  # fmt: skip
    assert dict(c.parameters)["lib:m.lib"] == "tt"
    assert c.with_values({"lib:r": "max", "lib:m.lib": "ff"}).parameters["R1"] == 4
    with pytest.raises(LookupError, match=r"lib:m\.lib, lib:r\.lib"):
        c.with_values({"lib": "ff"})


def test_what_is_not_done_is_said(tmp_path):
    (tmp_path / ".spiceinit").write_text("set ngbehavior=hsa\npre_osdi x.osdi\n")
    deck = tmp_path / "d.cir"
    deck.write_text(
        "t\nR1 a 0 1\n.probe alli\n.control\nrun\nset ngbehavior=ps\n.endc\n.op\n.end\n"
    )
    with pytest.warns(CircuitNotice) as told:
        circuit = sl.Circuit(deck)
    text = " ".join(circuit.notices)
    assert len(told) == len(circuit.notices) == 4
    assert "lines 4 to 7" in text
    assert ".spiceinit" in text
    assert "'set ngbehavior=ps', 'set ngbehavior=hsa', 'pre_osdi x.osdi'" in text
    assert "\n* run\n" in circuit.netlist()


def test_a_step_is_refused_with_what_to_do_instead():
    with pytest.raises(CircuitError, match=r"sl\.Sweep"):
        sl.Circuit("t\nR1 a 0 1\n.step param x 1 2 3\n.end\n")


def test_html_is_escaped():
    circuit = sl.Circuit("<b>t\nR1 <script>alert(1)</script> 0 1\n.op\n.end\n", name="<i>x")
    page = circuit._repr_html_()
    assert "<script>" not in page
    assert "<i>x" not in page
    assert "1 R; op" in repr(circuit)


class Drawn:
    """What spicelab's circuits look like from outside."""

    class _Named:
        def __init__(self, name):
            self.name = name
            self.ref = "1"

    def __init__(self, text, nets=("out",)):
        self._text = text
        self._port_to_net = {i: self._Named(n) for i, n in enumerate(nets)}

    def build_netlist(self):
        return self._text


def test_a_circuit_of_spicelab_is_taken_by_its_netlist():
    assert sl.Circuit(Drawn("* d\nR1 a 0 1k\n.end\n")).parameters["R1"] == 1e3
    with pytest.raises(CircuitError, match="Name every net"):
        sl.Circuit(Drawn("* d\nR1 a 0 1k\n.end\n", nets=(None,)))
    with pytest.raises(CircuitError, match="both called 'R1'"):
        sl.Circuit(Drawn("* d\nR1 a 0 1k\nR1 b 0 1k\n.end\n"))
    with pytest.raises(CircuitError, match="not of int"):
        sl.Circuit(3)
    with pytest.raises(UnknownNameError):
        _ = sl.Circuit(Drawn("* d\nR1 a 0 1k\n.end\n")).parameters["zz"]


def test_a_notice_points_at_the_line_that_made_the_circuit():
    with pytest.warns(CircuitNotice) as told:
        sl.Circuit("t\nR1 a 0 1\n.probe alli\n.op\n.end\n")
    assert {one.filename for one in told} == {__file__}


def test_no_text_is_an_empty_netlist_and_not_the_folder_one_is_in():
    with pytest.raises(CircuitError, match="The netlist is empty"):
        sl.Circuit("")
