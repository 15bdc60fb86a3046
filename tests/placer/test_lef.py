"""LEF: the real libraries, a library with every construct, round trips of random shapes, errors."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import klayout.db as kdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placer.formats.lef import LefLibrary, read_lef
from placer.formats.lef_geometry import polygon_boxes
from placer.netlist import InputError

SMALL = (Path(__file__).parents[1] / "designs" / "small" / "technology.lef").read_text()


def _read(tmp_path: Path, text: str) -> LefLibrary:
    path = tmp_path / "library.lef"
    path.write_text(text)
    return read_lef(path)


def test_every_construct(tmp_path: Path) -> None:
    library = _read(tmp_path, SMALL)
    assert (library.dbu_per_micron, library.manufacturing_grid) == (2000, 0.005)
    layer = library.layers["m1"]
    assert (layer.type, layer.direction, layer.pitch, layer.offset) == (
        "ROUTING",
        "HORIZONTAL",
        (0.2, 0.2),
        (0.1, 0.05),
    )
    assert (layer.width, layer.spacing, layer.resistance, layer.capacitance) == (0.08, 0.07, 0.4, 7e-05)
    assert (library.sites["unit"].width, library.sites["unit"].symmetry) == (0.2, ("Y", "R90"))
    ram = library.macros["ram"]
    assert (ram.cls, ram.subclass, ram.width, ram.height, ram.site) == ("BLOCK", "BLACKBOX", 10, 8, "unit")
    pin = ram.pins["d[0]"]
    assert (pin.direction, pin.use) == ("OUTPUT", "CLOCK")
    half = 0.04
    assert pin.rects == (
        ("m1", 0, 0, 1, 1),
        ("m1", 1 - half, 2 - half, 2 + half, 2 + half),
        ("m1", 4 - half, 2 - half, 5 + half, 2 + half),
    )
    assert ram.pins["vdd"].rects == (("m1", 1, 2, 3, 3), ("m1", 1, 3, 2, 4))
    assert ram.obs == (("m1", 0.5, 1.5, 1.5, 5.5),)


def test_nangate45_matches_klayout() -> None:
    folder = find_spec("adks")
    assert folder is not None
    assert folder.submodule_search_locations is not None
    base = Path(next(iter(folder.submodule_search_locations))) / "freepdk-45nm/pkgs/base"
    library = read_lef(base / "rtk-tech.lef", base / "stdcells.lef")
    assert len(library.macros) == 135
    assert library.manufacturing_grid == 0.0025
    assert sum(layer.type == "ROUTING" for layer in library.layers.values()) == 10
    assert library.layers["metal3"].spacing == 0.07  # from its SPACINGTABLE
    options = kdb.LoadLayoutOptions()
    config = options.lefdef_config
    config.dbu = 0.0005
    config.read_lef_with_def = False
    layout = kdb.Layout()
    layout.read(str(base / "rtk-tech.lef"), options)
    layout.read(str(base / "stdcells.lef"), options)
    metal1 = [i for i in layout.layer_indexes() if layout.get_info(i).name.startswith("metal1.PIN")]
    assert metal1
    for name in ("AND2_X1", "DFFR_X2", "SDFFRS_X1", "BUF_X32"):
        ours = kdb.Region()
        for pin in library.macros[name].pins.values():
            for _, *box in pin.rects:
                ours.insert(kdb.Box(*(round(value * 2000) for value in box)))
        cell = layout.cell(name)
        theirs = kdb.Region()
        for layer in metal1:
            theirs.insert(cell.shapes(layer))
        assert (ours.merged() ^ theirs.merged()).is_empty()


def test_osu018() -> None:
    path = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lef")
    if not path.exists():
        pytest.skip("Debian package qflow-tech-osu018 is not installed")
    library = read_lef(path)
    assert len(library.macros) == 33
    assert (library.sites["core"].width, library.sites["core"].height) == (0.8, 10)
    assert library.macros["INVX1"].site == "core"
    assert library.layers["metal6"].pitch == (1.6, 1.6)


def test_fakeram45(shared: Path) -> None:
    library = read_lef(*sorted((shared / "pdk" / "fakeram45").glob("*.lef")))
    assert len(library.macros) == 26
    for macro in library.macros.values():
        words, bits = (int(part) for part in macro.name.removeprefix("fakeram45_").split("x"))
        assert macro.cls == "BLOCK"
        assert words > 0
        assert sum(pin.startswith("rd_out[") for pin in macro.pins) == bits
        for pin in macro.pins.values():
            assert 0 <= pin.centre[0] <= macro.width
            assert 0 <= pin.centre[1] <= macro.height


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=12))
def test_staircase_polygon_keeps_its_area(steps: list[tuple[int, int]]) -> None:
    x, y = 0, sum(dy for _, dy in steps)
    points: list[tuple[float, float]] = [(0, 0), (0, y)]
    for dx, dy in steps:
        points += [(x + dx, y), (x + dx, y - dy)]
        x, y = x + dx, y - dy
    shoelace = sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(points, [*points[1:], points[0]], strict=True))
    assert sum((x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in polygon_boxes(points)) == abs(shoelace) / 2


@pytest.mark.parametrize(
    ("old", "new", "line", "expected"),
    [
        ("SIZE 10 BY 8;", "SIZE 10 BY eight ;", 14, "a number, found 'eight'"),
        ("SIZE 10 BY 8;", "SIZE 10 8 ;", 14, "a size such as 0.19 BY 1.4"),
        ("CLASS BLOCK", "CLASS BLOK", 14, "class of a macro: one of BLOCK"),
        ("END ram", "END rom", 21, "'ram'"),
        ("END LIBRARY", "MACRO half SIZE 1 BY 1 ;", 22, "END half"),
        ("DO 2 BY 1", "DO 20000 BY 20000", 16, "copies"),
        ("MICRONS 2000", "MICRONS nan", 4, "a number"),
        ("LAYER m1 ; RECT MASK 1", "RECT", 16, "LAYER before the first shape"),
        ("VERSION", "VERSON", 2, "a LEF statement"),
        ("SIZE 0.2 BY 1.4 ;", "", 12, "a SIZE in site unit"),
    ],
)
def test_errors_name_file_and_line(tmp_path: Path, old: str, new: str, line: int, expected: str) -> None:
    assert old in SMALL
    with pytest.raises(InputError) as error:
        _read(tmp_path, SMALL.replace(old, new))
    message = str(error.value)
    assert message.startswith(f"{tmp_path / 'library.lef'}:{line}: expected")
    assert expected in message
    assert "\n" not in message
