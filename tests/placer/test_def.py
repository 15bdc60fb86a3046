"""DEF: OpenROAD's own output, KLayout as the judge of what is written, every construct, errors."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import klayout.db as kdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placer.formats.def_ import read_def, write_def
from placer.formats.def_design import (
    DefBlockage,
    DefComponent,
    DefDesign,
    DefGroup,
    DefNet,
    DefPin,
    DefPort,
    DefRegion,
    DefRow,
)
from placer.formats.def_netlist import to_netlist, with_placement
from placer.formats.lef import LefLibrary, read_lef
from placer.formats.orientation import ORIENTATIONS, turn
from placer.netlist import InputError, NodeKind

DESIGNS = Path(__file__).parents[1] / "designs" / "small"
SMALL = (DESIGNS / "design.def").read_text()
LIBRARY = (DESIGNS / "design.lef").read_text()


def _read(tmp_path: Path, text: str) -> DefDesign:
    path = tmp_path / "design.def"
    path.write_text(text)
    return read_def(path)


def _library(tmp_path: Path, text: str = LIBRARY) -> LefLibrary:
    path = tmp_path / "library.lef"
    path.write_text(text)
    return read_lef(path)


def _nangate45() -> Path:
    folder = find_spec("adks")
    assert folder is not None
    assert folder.submodule_search_locations is not None
    return Path(next(iter(folder.submodule_search_locations))) / "freepdk-45nm/pkgs/base"


def test_every_construct_survives_a_round_trip(tmp_path: Path) -> None:
    design = _read(tmp_path, SMALL)
    assert design.bounds == (1, 0, 21, 10)
    assert design.rows == (DefRow("r0", "unit", 1, 0, "N", 10, 1, 0.2, 0),)
    assert design.components[0] == DefComponent(
        "u1", "ram", 2, 1, "FW", "FIXED", (0.01, 0.02, 0.03, 0.04), "+ SOURCE DIST"
    )
    assert design.components[1].options == '+ PROPERTY note "a ; b"'
    assert design.components[2].status == "UNPLACED"
    assert design.pins[0].ports == (DefPort((("m1", -0.1, 0, 0.1, 0.05),), 1, 5, "E", "FIXED"),)
    assert [len(pin.ports) for pin in design.pins] == [1, 2]
    assert design.nets[0] == DefNet("a", (("u2", "A"), ("PIN", "a")), "SIGNAL")
    assert design.nets[1].weight == 3
    assert design.nets[1].options == "+ ROUTED m1 ( 0 0 ) ( 10 * )"
    assert design.blockages == (
        DefBlockage("", ((3, 3, 4, 5),), "+ SOFT"),
        DefBlockage("m1", ((0, 0, 0.01, 0.01),), "+ SPACING 10"),
    )
    assert design.regions == (DefRegion("left", ((1, 0, 9, 9),), "+ TYPE FENCE"),)
    assert design.groups == (DefGroup("g", ("u1", "u*"), "left"),)
    assert set(design.sections) == {"VIAS", "SPECIALNETS", "PROPERTYDEFINITIONS"}
    for name in ("again.def", "again.def.gz"):
        write_def(tmp_path / name, design)
        assert read_def(tmp_path / name) == design


def test_netlist_of_small_design(tmp_path: Path) -> None:
    design = _read(tmp_path, SMALL)
    netlist, placement = to_netlist(design, _library(tmp_path))
    assert netlist.node_names == ("u1", "u2", "u3", "a", "z")
    assert netlist.node_kind.tolist() == [NodeKind.HARD, NodeKind.CELL, NodeKind.CELL, NodeKind.PORT, NodeKind.PORT]
    assert netlist.node_fixed.tolist() == [True, False, False, True, True]
    assert (netlist.canvas.width, netlist.canvas.height, netlist.canvas.columns, netlist.canvas.rows) == (
        20,
        10,
        32,
        16,
    )
    assert netlist.node_size[0].tolist() == [2, 4]  # turned by 90 degrees
    assert placement.position[0].tolist() == [2, 3]
    assert placement.position[3].tolist() == pytest.approx([0.025, 5])  # its shape's centre (0, 0.025), turned E
    first = [netlist.pin_names[netlist.net_pins[start]] for start in netlist.net_start[:-1]]
    assert first == ["a", "u2/Z"]
    assert netlist.net_weight.tolist() == [1, 3]
    # FW swaps x and y: the pin at (0.5, 0.25) of the master lies at (0.25, 0.5) of the turned one.
    pin = netlist.pin_names.index("u1/D")
    assert netlist.attributes["u1"]["rotated"] == "W"
    flipped = netlist.pin_offset[pin] * (-1, 1)  # orientation FN after the rotation
    assert (placement.position[0] + flipped).tolist() == [1.25, 1.5]


@given(st.sampled_from(ORIENTATIONS), st.integers(-50, 50), st.integers(-50, 50))
def test_orientations_agree_with_klayout(orient: str, x: int, y: int) -> None:
    transformations = {"N": "r0", "W": "r90", "S": "r180", "E": "r270"}
    transformations |= {"FN": "m90", "FS": "m0", "FW": "m45", "FE": "m135"}
    expected = kdb.Trans.from_s(f"{transformations[orient]} 0,0") * kdb.Point(x, y)
    assert turn(x, y, orient) == (expected.x, expected.y)


def test_openroad_output_round_trips_and_keeps_openroads_wirelength(tmp_path: Path, shared: Path) -> None:
    design = read_def(shared / "openroad_runs" / "gcd_grt.def")
    assert (design.name, design.dbu, len(design.rows), len(design.tracks)) == ("gcd", 2000, 21, 20)
    assert (len(design.components), len(design.pins), len(design.nets)) == (318, 54, 344)
    write_def(tmp_path / "again.def", design)
    assert read_def(tmp_path / "again.def") == design

    tap = tmp_path / "tap.lef"
    tap.write_text("MACRO TAPCELL_X1 CLASS CORE WELLTAP ; SIZE 0.19 BY 1.4 ; END TAPCELL_X1 END LIBRARY")
    base = _nangate45()
    netlist, placement = to_netlist(design, read_lef(base / "rtk-tech.lef", base / "stdcells.lef", tap))
    sign = np.array([(1, 1), (-1, 1), (1, -1), (-1, -1)])[placement.orientation[netlist.pin_node]]
    where = placement.position[netlist.pin_node] + netlist.pin_offset * sign
    wirelength = sum(
        np.ptp(where[netlist.net_pins[a:b]], axis=0).sum()
        for a, b in zip(netlist.net_start, netlist.net_start[1:], strict=False)
    )
    assert wirelength == pytest.approx(2666.23, rel=1e-3)  # the log of the run that wrote the DEF
    write_def(tmp_path / "placed.def", with_placement(design, netlist, placement))
    assert read_def(tmp_path / "placed.def") == design


def _in_klayout(path: Path, lef_files: list[Path]) -> kdb.Layout:
    options = kdb.LoadLayoutOptions()
    config = options.lefdef_config
    config.lef_files = [str(file) for file in lef_files]
    config.read_lef_with_def = False
    config.macro_resolution_mode = 1
    config.dbu = 0.0005
    config.produce_cell_outlines = True
    options.warn_level = 2
    layout = kdb.Layout()
    layout.read(str(path), options)
    return layout


def test_klayout_sees_no_difference_after_a_round_trip(tmp_path: Path, shared: Path) -> None:
    source = shared / "openroad_runs" / "gcd_grt.def"
    tap = tmp_path / "tap.lef"
    tap.write_text("MACRO TAPCELL_X1 CLASS CORE WELLTAP ; SIZE 0.19 BY 1.4 ; END TAPCELL_X1 END LIBRARY")
    files = [_nangate45() / "rtk-tech.lef", _nangate45() / "stdcells.lef", tap]
    design = read_def(source)
    moved = replace(design, components=(replace(design.components[0], x=0.0), *design.components[1:]))
    equal = {}
    for name, written in (("same", design), ("moved", moved)):
        write_def(tmp_path / f"{name}.def", written)
        one, two = _in_klayout(source, files), _in_klayout(tmp_path / f"{name}.def", files)
        equal[name] = kdb.LayoutDiff().compare(one, two, kdb.LayoutDiff.Silent)
    assert equal == {"same": True, "moved": False}


def test_klayout_reads_what_is_written(tmp_path: Path, shared: Path, capfd: pytest.CaptureFixture[str]) -> None:
    macro = "fakeram45_256x16"
    design = DefDesign(
        "chip",
        dbu=2000,
        die=((0, 0), (400, 300)),
        rows=(DefRow("r0", "FreePDK45_38x28_10R_NP_162NW_34O", 0, 0, "N", 100, 1, 0.19, 0),),
        components=(
            *(
                DefComponent(f"m{i}", macro, 90.0 * (i % 4), 100.0 * (i // 4), orient, "FIXED", (1, 2, 3, 4))
                for i, orient in enumerate(ORIENTATIONS)
            ),
            DefComponent("c", "AND2_X1", 390.07, 290.5, "FS", "PLACED"),
        ),
        pins=(
            DefPin("a[0]", "a[0]", "INPUT", "SIGNAL", (DefPort((("metal3", 0, 0, 0.07, 0.07),), 0, 7, "N", "PLACED"),)),
        ),
        nets=(DefNet("a[0]", (("PIN", "a[0]"), ("c", "A1"))), DefNet("n", (("c", "ZN"), ("m0", "rd_out[0]")))),
        blockages=(DefBlockage("", ((0, 200, 50, 250),), "+ SOFT"),),
    )
    write_def(tmp_path / "chip.def", design)
    base = _nangate45()
    files = [base / "rtk-tech.lef", base / "stdcells.lef", shared / "pdk" / "fakeram45" / f"{macro}.lef"]
    layout = _in_klayout(tmp_path / "chip.def", files)
    assert capfd.readouterr().err == ""  # no warnings
    outline = next(i for i in layout.layer_indexes() if layout.get_info(i).name == "OUTLINE")
    library = read_lef(*files)
    theirs = []
    for instance in layout.top_cell().each_inst():
        if instance.cell.name in library.macros:
            box = kdb.Box()
            for shape in instance.cell.shapes(outline).each():
                box += shape.bbox()
            box = box.transformed(instance.trans)
            theirs.append((instance.cell.name, box.left, box.bottom, box.right, box.top))
    netlist, placement = to_netlist(design, library)
    nodes = len(design.components)
    low = np.rint((placement.position - netlist.node_size / 2)[:nodes] * 2000).astype(int)
    high = np.rint((placement.position + netlist.node_size / 2)[:nodes] * 2000).astype(int)
    ours = [(c.master, *low[i].tolist(), *high[i].tolist()) for i, c in enumerate(design.components)]
    assert sorted(theirs) == sorted(ours)


_NAMES = st.text("abcXYZ019_[]/.$", min_size=1, max_size=8)
_UM = st.integers(-(10**6), 10**6).map(lambda value: value / 2000)
_BOXES = st.tuples(_UM, _UM, _UM, _UM).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
)
_ORIENTS = st.sampled_from(ORIENTATIONS)
_COMPONENTS = st.builds(
    DefComponent, _NAMES, _NAMES, _UM, _UM, _ORIENTS, st.sampled_from(("PLACED", "FIXED", "COVER")), st.none() | _BOXES
)
_PORTS = st.builds(
    DefPort,
    st.lists(_BOXES, max_size=2).map(lambda boxes: tuple(("m1", *box) for box in boxes)),
    _UM,
    _UM,
    _ORIENTS,
    st.just("PLACED"),
)
_PINS = st.builds(
    DefPin, _NAMES, _NAMES, st.sampled_from(("", "INPUT", "OUTPUT")), st.just("SIGNAL"), st.tuples(_PORTS)
)
_NETS = st.builds(DefNet, _NAMES, st.lists(st.tuples(_NAMES, _NAMES), max_size=4).map(tuple))


@given(
    st.builds(
        DefDesign,
        name=_NAMES,
        dbu=st.just(2000),
        die=st.lists(st.tuples(_UM, _UM), min_size=2, max_size=5).map(tuple),
        components=st.lists(_COMPONENTS, max_size=4).map(tuple),
        pins=st.lists(_PINS, max_size=3).map(tuple),
        nets=st.lists(_NETS, max_size=4).map(tuple),
        blockages=st.lists(st.builds(DefBlockage, st.sampled_from(("", "m1")), st.tuples(_BOXES)), max_size=2).map(
            tuple
        ),
    )
)
def test_random_designs_round_trip(tmp_path_factory: pytest.TempPathFactory, design: DefDesign) -> None:
    path = tmp_path_factory.getbasetemp() / "random.def"
    write_def(path, design)
    assert read_def(path) == design


@pytest.mark.parametrize(
    ("old", "new", "line", "expected"),
    [
        ("( 2000 1000 ) FW", "( 2000 1000 ) Q", 13, "an orientation (N, S, E"),
        ("( 2000 1000 ) FW", "( 2000 ) FW", 13, "FIXED ( x y ) orientation"),
        ("( 2000 1000 ) FW", "( 2000 10.5 ) FW", 13, "a whole number, found '10.5'"),
        ("  - u3 inv ;", "  u3 inv ;", 15, "'-' before the next item"),
        ("  - u3 inv ;", "  - u3 ;", 15, "a component: - name master"),
        ("MICRONS 1000", "MICRONS 0", 3, "database units per micron"),
        ("END DESIGN", "", 30, "END DESIGN, found the end of the file"),
        ("( PIN z )", "( PIN )", 28, "( component pin )"),
        ("TRACKS", "TRAKS", 9, "a DEF statement"),
        ("DESIGN top ;", "", 31, "a DESIGN statement"),
    ],
)
def test_errors_name_file_and_line(tmp_path: Path, old: str, new: str, line: int, expected: str) -> None:
    assert old in SMALL
    with pytest.raises(InputError) as error:
        _read(tmp_path, SMALL.replace(old, new))
    message = str(error.value)
    assert expected.split(", found")[0] in message
    assert message.startswith(f"{tmp_path / 'design.def'}:{line}: expected")


def test_a_missing_master_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'u1': expected its master 'ram' in the LEF files"):
        to_netlist(_read(tmp_path, SMALL), _library(tmp_path, "END LIBRARY"))


def test_a_name_that_def_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without white space"):
        write_def(tmp_path / "out.def", DefDesign("two words"))
    assert not list(tmp_path.iterdir())
