"""``chiploop place --flat`` on a generated Bookshelf design: what it writes is read again, and legal."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.rent import rent_netlist
from loop.flat import place_flat_design
from placer.analytical.row_legality import row_violations
from placer.analytical.rows import rows_of
from placer.analytical.system import half_perimeter
from placer.formats.bookshelf import BookshelfDesign, read_bookshelf
from placer.formats.bookshelf_writer import write_bookshelf
from placer.netlist import InputError, NodeKind

DESIGNS = Path(__file__).parents[1] / "designs" / "small"


def test_a_flat_design_comes_back_legal(tmp_path: Path) -> None:
    netlist, placement, rows = rent_netlist(120)
    names = tuple(f"n{i}" for i in range(len(netlist.net_weight)))
    kinds = netlist.node_kind == NodeKind.PORT
    terminals = {netlist.node_names[i]: {"terminal": "terminal", "size": "0 0"} for i in kinds.nonzero()[0]}
    netlist = replace(netlist, attributes=terminals)
    directions = tuple("O" if pin in set(netlist.net_start[:-1]) else "I" for pin in range(len(netlist.pin_node)))
    write_bookshelf(tmp_path / "d.aux", BookshelfDesign(netlist, placement, names, directions, rows, (0.0, 0.0)))
    result = place_flat_design(tmp_path / "d.aux", tmp_path / "out")
    again = read_bookshelf(tmp_path / "out" / "d.aux")
    assert row_violations(again.netlist, again.placement, rows_of(again.rows, again.origin)) == []
    assert half_perimeter(again.netlist, again.placement) == pytest.approx(result["hpwl_um"], rel=1e-6)
    assert json.loads((tmp_path / "out" / "result.json").read_text())["hpwl_um"] == result["hpwl_um"]
    assert (tmp_path / "out" / "placement.png").stat().st_size > 0


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Bookshelf"):
        place_flat_design(tmp_path / "d.def", tmp_path / "out")


def test_fixed_macros_outside_and_missing_rows_are_refused(tmp_path: Path) -> None:
    for path in DESIGNS.glob("d.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    aux = tmp_path / "d.aux"
    with pytest.raises(InputError, match=r"violate each other or the canvas: outside: fix by 24 um; move it"):
        place_flat_design(aux, tmp_path / "out")
    aux.write_text(aux.read_text().replace("d.scl", ""))
    with pytest.raises(InputError, match=r"d\.aux: expected rows .*; the design has none; its \.scl file gives them"):
        place_flat_design(aux, tmp_path / "out")
