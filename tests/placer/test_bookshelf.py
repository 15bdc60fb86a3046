"""Bookshelf: both conventions (ICCAD04 mixed-size, ISPD2005), round trips, errors."""

from __future__ import annotations

import gzip
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placer.formats.bookshelf import BookshelfDesign, read_bookshelf
from placer.formats.bookshelf_lines import Row
from placer.formats.bookshelf_writer import write_bookshelf
from placer.formats.orientation import SPLIT, turn
from placer.netlist import InputError, NodeKind, Orientation

DESIGNS = Path(__file__).parents[1] / "designs" / "small"
FILES = {suffix: (DESIGNS / f"d.{suffix}").read_text() for suffix in ("aux", "nodes", "nets", "pl", "scl", "wts")}


def _write(folder: Path, files: dict[str, str]) -> Path:
    for suffix, text in files.items():
        (folder / f"d.{suffix}").write_text(text)
    return folder / "d.aux"


def _same(one: BookshelfDesign, two: BookshelfDesign) -> None:
    for field in fields(one.netlist):
        if field.name != "name":
            np.testing.assert_equal(getattr(one.netlist, field.name), getattr(two.netlist, field.name), field.name)
    np.testing.assert_allclose(one.placement.position, two.placement.position, rtol=0, atol=2e-9)
    np.testing.assert_array_equal(one.placement.orientation, two.placement.orientation)
    assert (one.net_names, one.pin_direction, one.rows) == (two.net_names, two.pin_direction, two.rows)
    assert one.origin == pytest.approx(two.origin)


def test_what_the_files_say(tmp_path: Path) -> None:
    design = read_bookshelf(_write(tmp_path, FILES))
    netlist, where = design.netlist, design.placement
    assert (netlist.canvas.width, netlist.canvas.height, design.origin) == (100, 24, (0, 10))
    kinds = [NodeKind.CELL, NodeKind.CELL, NodeKind.HARD, NodeKind.PORT, NodeKind.HARD, NodeKind.PORT]
    assert netlist.node_kind.tolist() == kinds
    assert netlist.node_fixed.tolist() == [False, False, False, True, True, True]
    assert where.position[0].tolist() == [1, 6]
    assert netlist.node_size[2].tolist() == [24, 20]  # FW: turned by 90 degrees
    assert where.position[2].tolist() == [32, 10]
    assert [Orientation(o).name for o in where.orientation] == ["N", "FS", "FN", "N", "S", "N"]
    assert netlist.net_weight.tolist() == [2.5, 1, 1]
    assert netlist.attributes["big"]["weight"] == "7"
    first = [netlist.pin_names[netlist.net_pins[start]] for start in netlist.net_start[:-1]]
    assert first == ["c2/0", "big/0", "io"]
    assert design.net_names == ("n0", "net1", "last")
    # FW maps (9.5, -12) to (-12, 9.5): the sum of the stored rotation and the orientation FN that remains.
    pin = netlist.pin_names.index("big/0")
    assert (netlist.pin_offset[pin] * (-1, 1)).tolist() == list(turn(9.5, -12, "FW")) == [-12, 9.5]
    assert design.rows[1] == Row(22, 12, 1, 1, "N", "Y", ((0, 100),))


def test_round_trip_also_packed(tmp_path: Path) -> None:
    design = read_bookshelf(_write(tmp_path, FILES))
    write_bookshelf(tmp_path / "again.aux", design)
    again = read_bookshelf(tmp_path / "again.aux")
    _same(design, again)
    for suffix in ("nodes", "nets", "pl", "scl", "wts"):
        path = tmp_path / f"again.{suffix}"
        Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    _same(design, read_bookshelf(tmp_path / "again.aux"))


_NUMBER = st.integers(-(10**6), 10**6).map(lambda n: n / 64)
_SIZE = st.integers(0, 10**4).map(lambda n: n / 64)


@st.composite
def _files(draw: st.DrawFn) -> dict[str, str]:
    count = draw(st.integers(1, 6))
    words = [draw(st.sampled_from(["", "", "terminal", "terminal_NI"])) for _ in range(count)]
    nodes = [f"o{i} {draw(_SIZE)} {draw(_SIZE)} {word}" for i, word in enumerate(words)]
    fixed = st.sampled_from(["", "/FIXED"])
    places = [
        f"o{i} {draw(_NUMBER)} {draw(_NUMBER)} : {draw(st.sampled_from(list(SPLIT)))} {draw(fixed)}"
        for i in range(count)
    ]
    pin = st.tuples(st.integers(0, count - 1), st.sampled_from("IOB"), _NUMBER, _NUMBER)
    nets = draw(st.lists(st.lists(pin, min_size=1, max_size=4), max_size=5))
    lines = []
    for i, net in enumerate(nets):
        lines += [f"NetDegree : {len(net)} e{i}", *(f"o{o} {d} : {x} {y}" for o, d, x, y in net)]
    head = f"NumNets : {len(nets)}\nNumPins : {sum(map(len, nets))}\n"
    weights = "".join(f"e{i} {draw(_SIZE)}\n" for i in range(len(nets)))
    return {
        "aux": FILES["aux"],
        "nodes": f"NumNodes : {count}\nNumTerminals : {sum(map(bool, words))}\n" + "\n".join(nodes) + "\n",
        "pl": "\n".join(places) + "\n",
        "nets": head + "\n".join(lines) + "\n",
        "scl": FILES["scl"],
        "wts": weights,
    }


@given(_files())
def test_random_designs_round_trip(tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]) -> None:
    folder = tmp_path_factory.getbasetemp()
    design = read_bookshelf(_write(folder, files))
    write_bookshelf(folder / "out.aux", design)
    _same(design, read_bookshelf(folder / "out.aux"))


@pytest.mark.parametrize(
    ("suffix", "old", "new", "line", "expected"),
    [
        ("aux", "d.pl", "d.place", 1, "the file d.place beside"),
        ("aux", "d.pl ", "", 1, "the name of a .pl file"),
        ("nodes", "NumNodes : 6", "NumNodes : 7", 10, "7 nodes as the file's head says, found '6'"),
        ("nodes", "c2  3  12", "c1 3 12", 6, "a node that is not listed above"),
        ("nodes", "c2  3  12", "c2 -3 12", 6, "not negative"),
        ("nodes", "c2  3  12", "c2 3 12 fixed", 6, "name width height [terminal|terminal_NI]"),
        ("nets", "NetDegree : 3  n0", "NetDegree : 4 n0", 8, "1 more pins of the net above"),
        ("nets", "c2 O : -1 0", "c9 O : -1 0", 6, "a node of the .nodes file"),
        ("nets", "c2 O : -1 0", "c2 O : -1 x", 6, "a number, found 'x'"),
        ("nets", "  big I : 1 1\n", "", 13, "1 more pins of the last net, found the end of the file"),
        ("pl", "c2 12.5 10 : FS", "c2 12.5 10 : Q", 3, "name x y : orientation"),
        ("pl", "/FIXED_NI", "/HELD", 7, "/FIXED or /FIXED_NI"),
        ("scl", "Numrows : 2", "Numrows : 3", 20, "3 rows as the file's head says"),
        ("scl", "Height : 12", "Height : 0", 11, "a row of positive height"),
        ("wts", "n0 2.5", "n9 2.5", 2, "the name of a net or node"),
        ("wts", "n0 2.5", "n0 inf", 2, "a number, found 'inf'"),
    ],
)
def test_errors_name_file_and_line(tmp_path: Path, suffix: str, old: str, new: str, line: int, expected: str) -> None:
    assert old in FILES[suffix]
    aux = _write(tmp_path, FILES | {suffix: FILES[suffix].replace(old, new)})
    with pytest.raises(InputError) as error:
        read_bookshelf(aux)
    assert expected in str(error.value)
    assert str(error.value).startswith(f"{tmp_path / f'd.{suffix}'}:{line}: expected")


def test_a_name_that_bookshelf_cannot_hold_is_refused(tmp_path: Path) -> None:
    aux = _write(tmp_path, FILES)
    design = read_bookshelf(aux)
    bad = BookshelfDesign(
        design.netlist, design.placement, ("n:0", *design.net_names[1:]), design.pin_direction, design.rows, (0, 10)
    )
    with pytest.raises(InputError, match="found 'n:0'"):
        write_bookshelf(tmp_path / "bad.aux", bad)
    assert not (tmp_path / "bad.aux").exists()
