"""One netlist and placement from each format, and the result's way back into it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from placer.formats.bookshelf import read_bookshelf
from placer.formats.def_ import read_def
from placer.formats.plc import load_design
from placer.load import load_any
from placer.netlist import InputError, NodeKind, Orientation, Placement

DESIGNS = Path(__file__).parents[1] / "designs" / "small"


def _moved(placement: Placement, node: int, orientation: Orientation) -> Placement:
    position, turned = placement.position.copy(), placement.orientation.copy()
    position[node] += (1.5, 0.5)
    turned[node] = orientation
    return replace(placement, position=position, orientation=turned)


def test_def_becomes_soft_macros_and_takes_the_macros_back(tmp_path: Path) -> None:
    source = tmp_path / "free.def"
    source.write_text((DESIGNS / "design.def").read_text().replace("FIXED ( 2000", "PLACED ( 2000"))
    design = load_any(source, lef=[DESIGNS / "design.lef"])
    kinds = design.netlist.node_kind.tolist()
    assert kinds == [NodeKind.HARD, NodeKind.PORT, NodeKind.PORT, NodeKind.SOFT]
    files = design.write(tmp_path / "out", _moved(design.placement, 0, Orientation.S))
    assert [file.name for file in files] == ["placement.plc", "netlist.pb.txt", "free.def"]
    before, after = read_def(source), read_def(files[2])
    assert after.components[0] == replace(before.components[0], x=3.5, y=1.5, orient="E")  # FW is W, then FN
    assert after.components[1:] == before.components[1:]
    assert replace(after, components=()) == replace(before, components=())
    netlist, placement = load_design(files[1], files[0])
    assert netlist.node_names == design.netlist.node_names
    np.testing.assert_allclose(placement.position[0], design.placement.position[0] + (1.5, 0.5), atol=1e-3)


def test_bookshelf_takes_the_macros_back(tmp_path: Path) -> None:
    design = load_any(DESIGNS / "d.aux")
    big = design.netlist.node_names.index("big")
    files = design.write(tmp_path / "out", _moved(design.placement, big, Orientation.N))
    before, after = read_bookshelf(DESIGNS / "d.aux"), read_bookshelf(files[-1])
    node = before.netlist.node_names.index("big")
    shift = after.placement.position - before.placement.position
    assert shift[node].tolist() == [1.5, 0.5]
    assert not np.delete(shift, node, axis=0).any()
    assert after.placement.orientation[node] == Orientation.N
    assert after.net_names == before.net_names


def test_circuit_training_netlist_stays_as_it_is(tmp_path: Path, shared: Path) -> None:
    folder = shared / "benchmarks" / "ariane133_ng45"
    design = load_any(folder / "netlist.pb.txt.gz", folder / "initial.plc")
    assert len(design.netlist.nodes(NodeKind.SOFT)) == 782
    assert [file.name for file in design.write(tmp_path, design.placement)] == ["placement.plc"]


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"netlist that ends in \.pb\.txt, \.def or \.aux"):
        load_any(tmp_path / "netlist.v")
    with pytest.raises(InputError, match="the LEF files"):
        load_any(DESIGNS / "design.def")
    path = tmp_path / "nowhere.def"
    path.write_text((DESIGNS / "design.def").read_text().replace("DIEAREA ( 1000 0 ) ( 21000 10000 ) ;", ""))
    with pytest.raises(InputError, match=r"nowhere\.def: DEF of 'top': expected a DIEAREA"):
        load_any(path, lef=[DESIGNS / "design.lef"])
