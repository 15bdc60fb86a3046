"""Circuit Training's netlists and placements: counts of real files, round trips, errors, mutations."""

from __future__ import annotations

import dataclasses
import gzip
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placer.formats.plc import PlcHeader, load_design, read_canvas, read_header, read_plc, write_plc
from placer.formats.protobuf import read_netlist
from placer.formats.protobuf_writer import write_netlist
from placer.netlist import Canvas, InputError, Netlist, NodeKind, Placement

# design: hard, soft, ports, nets, sum of weights, canvas, columns, rows
COUNTS = {
    "ariane133_ng45": (133, 782, 495, 12422, 22584, 1433.406, 24, 21),
    "ariane136_ng45": (136, 772, 495, 12102, 23067, 1446.359, 25, 21),
    "mempool_tile_ng45": (20, 561, 1272, 14534, 32944, 885.39, 29, 24),
    "nvdla_ng45": (128, 671, 797, 23518, 40606, 2127.922, 39, 36),
}
FLAT_CELLS = {
    "ariane133_ng45": 88411,
    "ariane136_ng45": 88368,
    "mempool_tile_ng45": 152241,
    "nvdla_ng45": 155711,
}
SMALL = """# a comment
node { name: "__metadata__" attr { key: "ratio" value { f: 2 } } }
node {
  name: "in"
  input: "Grp_0/Pinput"
  attr { key: "side" value { placeholder: "LEFT" } }
  attr { key: "type" value { placeholder: "PORT" } }
  attr { key: "x" value { f: 0.0 } }
  attr { key: "y" value { f: 1e1 } }
}
node {
  name: "ram"
  attr { key: "type" value { placeholder: "MACRO" } }
  attr { key: "width" value { f: 4 } } attr { key: "height" value { f: 6.5 } }
  attr { key: "x" value { f: 20 } } attr { key: "y" value { f: 30 } }
  attr { key: "orientation" value { placeholder: "S" } }
}
node {
  name: "ram/q"
  input: "Grp_0/Pinput" input: "in"
  attr { key: "macro_name" value { placeholder: "ram" } }
  attr { key: "type" value { placeholder: "MACRO_PIN" } }
  attr { key: "weight" value { f: 3 } }
  attr { key: "x_offset" value { f: -1.25 } } attr { key: "y_offset" value { f: 2 } }
}
node {
  name: "Grp_0"
  attr { key: "type" value { placeholder: "macro" } }
  attr { key: "width" value { f: 2 } } attr { key: "height" value { f: 2 } }
  attr { key: "x" value { f: 5 } } attr { key: "y" value { f: 5 } }
}
node {
  name: "Grp_0/Pinput"
  attr { key: "macro_name" value { placeholder: "Grp_0" } }
  attr { key: "type" value { placeholder: "macro_pin" } }
}
"""


def assert_same(a: Netlist, b: Netlist) -> None:
    for field in dataclasses.fields(Netlist):
        one, two = getattr(a, field.name), getattr(b, field.name)
        if isinstance(one, np.ndarray):
            np.testing.assert_array_equal(one, two, err_msg=field.name)
        elif field.name != "name":
            assert one == two, field.name


def read_text(text: str | bytes, name: str = "a.pb.txt") -> tuple[Netlist, Placement]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read_netlist(path)


@pytest.mark.parametrize("design", COUNTS)
def test_counts_of_published_netlists(shared: Path, design: str) -> None:
    hard, soft, ports, nets, weight, side, columns, rows = COUNTS[design]
    folder = shared / "benchmarks" / design
    netlist, placement = load_design(folder / "netlist.pb.txt.gz", folder / "initial.plc")
    assert [len(netlist.nodes(k)) for k in NodeKind] == [hard, soft, ports, 0]
    assert len(netlist.net_weight) == nets
    assert netlist.net_weight.sum() == weight
    assert netlist.canvas == Canvas(side, side, columns, rows, smooth_range=0)
    assert netlist.node_fixed.sum() == ports
    turned = sum("S" in line.split() for line in (folder / "initial.plc").read_text().split("\n") if line[:1] != "#")
    assert (placement.orientation == 3).sum() == turned > 0


@pytest.mark.parametrize("design", ["mempool_tile_ng45"])
def test_counts_of_a_flat_netlist(shared: Path, design: str) -> None:
    netlist, _ = read_netlist(shared / "benchmarks" / design / "flat.pb.txt.gz")
    hard, _, ports, *_ = COUNTS[design]
    assert [len(netlist.nodes(k)) for k in NodeKind] == [hard, 0, ports, FLAT_CELLS[design]]
    assert netlist.attributes[netlist.node_names[-1]].keys() == {"ref_name"}


@pytest.mark.parametrize("design", ["ariane133_ng45", "nvdla_ng45"])
def test_published_netlist_round_trip(shared: Path, tmp_path: Path, design: str) -> None:
    folder = shared / "benchmarks" / design
    netlist, placement = read_netlist(folder / "netlist.pb.txt.gz")
    write_netlist(tmp_path / "again.pb.txt.gz", netlist, placement)
    again, placed = read_netlist(tmp_path / "again.pb.txt.gz")
    assert_same(netlist, again)
    np.testing.assert_array_equal(placement.position, placed.position)
    np.testing.assert_array_equal(placement.orientation, placed.orientation)
    assert lines_of_names(folder / "netlist.pb.txt.gz") == lines_of_names(tmp_path / "again.pb.txt.gz")


def lines_of_names(path: Path) -> list[str]:
    with gzip.open(path, "rt") as file:
        return [line for line in file if "  name:" in line or "  input:" in line]


@pytest.mark.parametrize("design", ["ariane133_ng45"])
def test_published_placements_round_trip(shared: Path, tmp_path: Path, design: str) -> None:
    folder = shared / "benchmarks" / design
    netlist, _ = read_netlist(folder / "netlist.pb.txt.gz", read_canvas(folder / "initial.plc"))
    for case in json.loads((folder / "costs.json").read_text())["cases"]:
        fixed, placement = load_design(folder / "netlist.pb.txt.gz", folder / f"{case}.plc")
        header = read_header(folder / f"{case}.plc")
        write_plc(tmp_path / "again.plc", fixed, placement, header)
        again, placed = load_design(folder / "netlist.pb.txt.gz", tmp_path / "again.plc")
        assert_same(fixed, again)
        np.testing.assert_array_equal(placement.position, placed.position)
        np.testing.assert_array_equal(placement.orientation, placed.orientation)
        assert read_header(tmp_path / "again.plc") == header
    assert netlist.canvas == fixed.canvas


def test_fields_of_a_small_netlist() -> None:
    netlist, placement = read_text(SMALL)
    assert netlist.node_names == ("in", "ram", "Grp_0")
    assert netlist.node_kind.tolist() == [NodeKind.PORT, NodeKind.HARD, NodeKind.SOFT]
    assert netlist.pin_names == ("in", "ram/q", "Grp_0/Pinput")
    assert netlist.pin_offset.tolist() == [[0, 0], [-1.25, 2], [0, 0]]
    assert netlist.net_start.tolist() == [0, 2, 5]
    assert netlist.net_pins.tolist() == [0, 2, 1, 2, 0]
    assert netlist.net_weight.tolist() == [1, 3]
    assert placement.position.tolist() == [[0, 10], [20, 30], [5, 5]]
    assert placement.orientation.tolist() == [0, 3, 0]
    assert netlist.node_index is not None
    assert netlist.node_index.tolist() == [0, 1, 3]
    assert netlist.attributes == {"__metadata__": {"ratio:f": "2"}, "in": {"side": "LEFT"}}


def test_white_space_is_free() -> None:
    loose, _ = read_text(SMALL)
    tight, _ = read_text(SMALL.split("\n", 1)[1].replace("\n", " ").replace(": ", ":").replace("value {", "value:{"))
    assert_same(loose, tight)


names = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Cc", "Zs")), min_size=1, max_size=12)
finite = st.floats(-1e6, 1e6, allow_nan=False)


@st.composite
def netlists(draw: st.DrawFn) -> tuple[Netlist, Placement]:
    kinds = draw(st.lists(st.sampled_from(list(NodeKind)), min_size=1, max_size=6))
    count = len(kinds)
    macros = [k for k, kind in enumerate(kinds) if kind in (NodeKind.HARD, NodeKind.SOFT)]
    owners = [k for k in range(count) if k not in macros]
    owners += draw(st.lists(st.sampled_from(macros), max_size=5)) if macros else []
    macro_pins = len(owners) - (count - len(macros))
    all_names = draw(st.lists(names, min_size=count + macro_pins, max_size=count + macro_pins, unique=True))
    if "__metadata__" in all_names:
        all_names[all_names.index("__metadata__")] = "metadata"
    own = [all_names[k] for k in owners[: count - len(macros)]]
    kind = np.array(kinds, np.int8)
    pin_node = np.array(owners, np.int32)
    sized = kind != NodeKind.PORT
    offsets = np.array([[draw(finite), draw(finite)] if kinds[k] == NodeKind.HARD else [0, 0] for k in owners])
    drivers = draw(st.lists(st.integers(0, max(len(owners) - 1, 0)), unique=True, max_size=4)) if owners else []
    # Nets come in the order of their drivers in a file, which tells nodes first, then macro pins.
    nets = [[d, *draw(st.lists(st.sampled_from(range(len(owners))), min_size=1, max_size=4))] for d in sorted(drivers)]
    netlist = Netlist(
        name="a",
        canvas=Canvas(10, 10, 2, 3),
        node_names=tuple(all_names[:count]),
        node_kind=kind,
        node_size=np.array([[draw(st.floats(0.1, 1e4)), draw(st.floats(0.1, 1e4))] for _ in kinds]) * sized[:, None],
        node_fixed=kind == NodeKind.PORT,
        pin_names=(*own, *all_names[count:]),
        pin_node=pin_node,
        pin_offset=offsets.reshape(-1, 2).astype(np.float64),
        net_start=np.cumsum([0, *map(len, nets)]).astype(np.int32),
        net_pins=np.array([p for net in nets for p in net], np.int32),
        net_weight=np.array([draw(st.floats(0, 1e6)) for _ in nets]),
        attributes={
            name: draw(st.dictionaries(names.map(lambda key: "own " + key), names, min_size=1, max_size=2))
            for name in draw(st.lists(st.sampled_from(all_names), unique=True, max_size=2))
        },
    )
    position = np.array([[draw(finite), draw(finite)] for _ in kinds])
    return netlist, Placement(position, np.array([draw(st.integers(0, 3)) for _ in kinds], np.int8))


@settings(max_examples=40, deadline=None)
@given(netlists())
def test_any_netlist_round_trips(design: tuple[Netlist, Placement]) -> None:
    netlist, placement = design
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.pb.txt"
        write_netlist(path, netlist, placement)
        again, placed = read_netlist(path, netlist.canvas)
        assert_same(dataclasses.replace(netlist, node_index=again.node_index), again)
        np.testing.assert_array_equal(placement.position, placed.position)
        np.testing.assert_array_equal(placement.orientation, placed.orientation)
        header = PlcHeader(netlist.canvas, "p", "b c", ("a comment", "  another"))
        write_plc(Path(folder) / "a.plc", netlist, placement, header)
        placed = read_plc(Path(folder) / "a.plc", netlist)
        np.testing.assert_array_equal(placement.position, placed.position)
        np.testing.assert_array_equal(placement.orientation, placed.orientation)
        assert read_header(Path(folder) / "a.plc") == header


@pytest.mark.parametrize(
    ("old", "new", "line", "expected"),
    [
        ("# a comment", "nodes {", 1, "'node'"),
        ('name: "in"', "name: in", 4, "a string in quotes for name"),
        ('name: "in"', 'label: "in"', 4, "'name', 'input', 'attr' or '}' in a node"),
        ('name: "in"', "", 10, "a name in the node that ends here"),
        ("f: 1e1", "f: ten", 9, "a finite number for y, found 'ten'"),
        ("f: 1e1", "f: nan", 9, "a finite number for y, found 'nan'"),
        ("f: 1e1", 'placeholder: "1"', 9, "a number, as f: 1.5, for this attribute"),
        ('placeholder: "PORT"', "f: 1", 7, 'a word in quotes, as placeholder: "N", for this attribute'),
        ('"PORT"', '"GATE"', 4, "type PORT, MACRO, MACRO_PIN, macro, macro_pin or stdcell for 'in'"),
        ('"S"', '"E"', 12, "orientation N, FN, FS or S for 'ram'"),
        ("f: 6.5", "f: -6.5", 12, "a height above 0 for 'ram'"),
        ('input: "in"', 'input: "on"', 20, "an input that is a port, a cell or a macro's pin, found 'on'"),
        ('placeholder: "ram"', 'placeholder: "rom"', 19, "a macro_name that names a macro for pin 'ram/q'"),
        ('name: "Grp_0"', 'name: "in"', 27, "a name that is not used above, found 'in'"),
        ("{ f: 3 }", "{ f: -3 }", 19, "a weight of 0 or more for 'ram/q'"),
        ('{ key: "weight" value { f: 3 } }', '{ key: "weight" }', 23, "a value in the attribute that ends here"),
    ],
)
def test_errors_name_line_and_remedy(old: str, new: str, line: int, expected: str) -> None:
    assert old in SMALL
    with pytest.raises(InputError) as error:
        read_text(SMALL.replace(old, new, 1))
    assert str(error.value).endswith(f"a.pb.txt:{line}: expected {expected}")


def test_unfinished_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ends within a node"):
        read_text(SMALL[:200].rsplit("\n", 1)[0])
    with pytest.raises(InputError, match="expected names in UTF-8, found the byte 0xff"):
        read_text(SMALL.encode().replace(b'"ram"', b'"r\xffm"'))
    with pytest.raises(InputError, match="cannot be read"):
        read_text(gzip.compress(SMALL.encode())[:-20])
    with pytest.raises(InputError, match="cannot be read"):
        read_netlist(tmp_path / "missing.pb.txt")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 1 2 N 0\n", "a.plc: expected a line for each node; 2 have none, first index 1, 'ram'"),
        ("0 1 2 N\n", "a.plc:3: expected 'index x y orientation fixed', found '0 1 2 N'"),
        ("0 1 x N 0\n", "a.plc:3: expected a finite number for y, found 'x'"),
        ("0 1 2 E 0\n", "a.plc:3: expected orientation N, FN, FS, S or -, found 'E'"),
        ("0 1 2 N 2\n", "a.plc:3: expected fixed 0 or 1, found '2'"),
        ("2 1 2 N 0\n", "a.plc:3: expected the index of a port or a macro of a, found 2"),
        ("0 1 2 N 0\n0 1 2 N 0\n", "a.plc:4: expected one line per node, found a second for index 0"),
    ],
)
def test_placement_errors(tmp_path: Path, text: str, expected: str) -> None:
    netlist, _ = read_text(SMALL)
    path = tmp_path / "a.plc"
    path.write_text("# Columns : 2  Rows : 2\n# Width : 9  Height : 9\n" + text)
    with pytest.raises(InputError) as error:
        read_plc(path, netlist)
    assert str(error.value).endswith(expected)


def test_header_must_give_the_canvas(tmp_path: Path) -> None:
    path = tmp_path / "a.plc"
    path.write_text("# Columns : 2  Rows : 2\n0 1 2 N 0\n")
    with pytest.raises(InputError, match="expected a header with a line like '# Width"):
        read_canvas(path)
    path.write_text("# Columns : 0  Rows : 2\n# Width : 9  Height : 9\n")
    with pytest.raises(InputError, match="expected a columns above 0"):
        read_canvas(path)
