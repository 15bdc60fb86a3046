"""Bookshelf (UCLA / GSRC; as in ICCAD04 mixed-size and ISPD2005): ``.aux .nodes .nets .pl .scl .wts``.

Its lengths have no unit; they are taken as um. Positions in ``.pl`` are lower left corners, pin offsets in ``.nets``
are from a node's centre in orientation N.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from placer.formats.bookshelf_lines import Lines, Row, read_rows
from placer.formats.orientation import SPLIT, turn
from placer.netlist import ByteArray, Canvas, FloatArray, IntArray, Netlist, NodeKind, Placement

GRID = 32
"""Grid cells along the longer side of the canvas."""
_DIRECTIONS = ("I", "O", "B")


@dataclass(frozen=True)
class BookshelfDesign:
    """A netlist with its placement, and what Bookshelf says beyond them."""

    netlist: Netlist
    placement: Placement
    net_names: tuple[str, ...]  # [E]
    pin_direction: tuple[str, ...]  # [P] I, O or B
    rows: tuple[Row, ...]
    origin: tuple[float, float]  # the canvas' lower left corner in the file's coordinates


def read_bookshelf(aux: str | Path) -> BookshelfDesign:
    """Read a design through its ``.aux`` file; each file may also be packed, its name then ends in ``.gz``.

    The canvas is the bounding box of the rows (of the nodes where there are none). A terminal is fixed. It is a port
    if it is lower than a row and its pins are at its centre, else a hard macro; so is a movable node higher than a
    row; any other is a cell. What files say beyond that is in ``netlist.attributes``: ``terminal`` (the word used),
    ``size`` of a port, ``rotated`` (turned by 90 degrees before its orientation, outline and pins with it), ``fixed``
    (the word used in ``.pl``), ``weight`` (of a node in ``.wts``).

    Raises:
        InputError: a file is missing or malformed; the message gives file and line.
    """
    aux = Path(aux)
    files = _files(aux)
    names, size, terminal = _nodes(Lines(files[".nodes"]))
    node_of = {name: i for i, name in enumerate(names)}
    corner, orients, fixed_word = _placement(Lines(files[".pl"]), node_of)
    rows = read_rows(Lines(files[".scl"])) if ".scl" in files else ()
    nets, pin_node, pin_offset, direction, net_names = _nets(Lines(files[".nets"]), node_of)
    net_weight, node_weight = _weights(Lines(files[".wts"]) if ".wts" in files else None, net_names, node_of)

    attributes: dict[str, Mapping[str, str]] = {}
    row_height = min((row.height for row in rows), default=float(size[:, 1].min(initial=1.0)))
    off_centre = np.zeros(len(names), np.bool_)
    off_centre[pin_node[pin_offset.any(axis=1)]] = True
    kind = np.full(len(names), NodeKind.CELL, np.int8)
    kind[size[:, 1] > row_height] = NodeKind.HARD
    orientation = np.zeros(len(names), np.int8)
    fixed = np.zeros(len(names), np.bool_)
    for node, name in enumerate(names):
        rotated, orientation[node] = SPLIT[orients[node]]
        extra: dict[str, str] = {}
        if terminal[node]:
            extra["terminal"] = terminal[node]
            point = size[node, 1] < row_height and not off_centre[node]
            kind[node] = NodeKind.PORT if point else NodeKind.HARD
            fixed[node] = True
        if rotated:
            extra["rotated"] = "W"
            size[node] = size[node, ::-1]
        if fixed_word[node]:
            extra["fixed"] = fixed_word[node]
            fixed[node] = True
        if node_weight[node] is not None:
            extra["weight"] = f"{node_weight[node]:.17g}"
        if kind[node] == NodeKind.PORT:
            extra["size"] = " ".join(f"{side:.17g}" for side in size[node])
        if extra:
            attributes[name] = extra
    rotated_pins = np.array([SPLIT[orient][0] for orient in orients], np.bool_)[pin_node]
    for pin in np.flatnonzero(rotated_pins).tolist():
        pin_offset[pin] = turn(pin_offset[pin, 0], pin_offset[pin, 1], "W")

    low, high = _bounds(rows, corner, size)
    position = corner - low + size / 2
    size[kind == NodeKind.PORT] = 0.0
    span = high - low
    columns, lines = (max(1, round(GRID * side / max(span))) for side in span.tolist())
    start, members = _drivers_first(nets, direction)
    netlist = Netlist(
        name=aux.name.removesuffix(".gz").removesuffix(".aux"),
        canvas=Canvas(float(span[0]), float(span[1]), columns, lines),
        node_names=tuple(names),
        node_kind=kind,
        node_size=size,
        node_fixed=fixed,
        pin_names=_pin_names(names, pin_node, kind),
        pin_node=pin_node,
        pin_offset=pin_offset,
        net_start=start,
        net_pins=members,
        net_weight=net_weight,
        attributes=attributes,
    )
    where = Placement(position, orientation)
    return BookshelfDesign(netlist, where, tuple(net_names), tuple(direction), rows, (float(low[0]), float(low[1])))


def _files(aux: Path) -> dict[str, Path]:
    """The files that a ``.aux`` names, by suffix."""
    lines = Lines(aux)
    words = lines.take("RowBasedPlacement : files")
    files: dict[str, Path] = {}
    for name in words[words.index(":") + 1 :] if ":" in words else lines.fail("RowBasedPlacement : files", words):
        bare = name.removesuffix(".gz")
        found = [aux.parent / file for file in (name, bare + ".gz") if (aux.parent / file).is_file()]
        if not found:
            lines.fail(f"the file {name} beside the .aux file", None)
        files[Path(bare).suffix] = found[0]
    for suffix in (".nodes", ".nets", ".pl"):
        if suffix not in files:
            lines.fail(f"the name of a {suffix} file", words)
    return files


def _nodes(lines: Lines) -> tuple[list[str], FloatArray, list[str]]:
    """Names, sizes and the word terminal or terminal_NI of each node."""
    count, terminals = lines.count("NumNodes"), lines.count("NumTerminals")
    names: dict[str, None] = {}
    sizes: list[tuple[float, float]] = []
    words_of: list[str] = []
    for words in lines:
        word = words[3] if len(words) == 4 else ""
        if len(words) not in (3, 4) or word not in ("", "terminal", "terminal_NI"):
            lines.fail("name width height [terminal|terminal_NI]", words)
        width, height = lines.number(words[1]), lines.number(words[2])
        if width < 0 or height < 0:
            lines.fail("a width and height that are not negative", words)
        if words[0] in names:
            lines.fail("a node that is not listed above", words)
        names[words[0]] = None
        sizes.append((width, height))
        words_of.append(word)
    lines.check("nodes", len(names), count)
    lines.check("terminals", sum(map(bool, words_of)), terminals)
    return list(names), np.array(sizes, np.float64).reshape(-1, 2), words_of


def _placement(lines: Lines, node_of: dict[str, int]) -> tuple[FloatArray, list[str], list[str]]:
    """Lower left corner, orientation and the word /FIXED or /FIXED_NI of each node; a node not listed is at 0, 0."""
    corner = np.zeros((len(node_of), 2))
    orient, fixed = ["N"] * len(node_of), [""] * len(node_of)
    for words in lines:
        if len(words) < 3 or words[0] not in node_of:
            lines.fail("a node of the .nodes file and its x y : orientation", words)
        node = node_of[words[0]]
        corner[node] = lines.number(words[1]), lines.number(words[2])
        if len(words) > 3:
            if words[3] != ":" or not 5 <= len(words) <= 6 or words[4] not in SPLIT:
                lines.fail("name x y : orientation [/FIXED|/FIXED_NI]", words)
            orient[node] = words[4]
        if len(words) == 6:
            if words[5] not in ("/FIXED", "/FIXED_NI"):
                lines.fail("/FIXED or /FIXED_NI", words)
            fixed[node] = words[5]
    return corner, orient, fixed


def _nets(
    lines: Lines, node_of: dict[str, int]
) -> tuple[
    list[int],
    IntArray,
    FloatArray,
    list[str],
    list[str],
]:
    """Degree of each net; node, offset and direction of each pin, net after net; the nets' names."""
    net_count, pin_count = lines.count("NumNets"), lines.count("NumPins")
    degrees: list[int] = []
    names: dict[str, None] = {}
    nodes: list[int] = []
    offsets: list[tuple[float, float]] = []
    directions: list[str] = []
    missing = 0  # pins that the current net still lacks
    for words in lines:
        if words[0] == "NetDegree":
            if missing:
                lines.fail(f"{missing} more pins of the net above", words)
            if len(words) not in (3, 4) or words[1] != ":":
                lines.fail("NetDegree : number [name]", words)
            missing = lines.integer(words[2])
            if missing < 1:
                lines.fail("a net of at least one pin", words)
            name = words[3] if len(words) == 4 else f"net{len(degrees)}"
            if name in names:
                lines.fail("a net's name that is not used above", words)
            names[name] = None
            degrees.append(missing)
            continue
        if not missing:
            lines.fail("NetDegree : number [name]", words)
        if words[0] not in node_of or len(words) not in (2, 5) or words[1] not in _DIRECTIONS:
            lines.fail("a node of the .nodes file, I, O or B, and [: x y]", words)
        missing -= 1
        nodes.append(node_of[words[0]])
        directions.append(words[1])
        if len(words) == 5:
            if words[2] != ":":
                lines.fail("':' before a pin's offset", words)
            offsets.append((lines.number(words[3]), lines.number(words[4])))
        else:
            offsets.append((0.0, 0.0))
    if missing:
        lines.fail(f"{missing} more pins of the last net", None)
    lines.check("nets", len(names), net_count)
    lines.check("pins", len(nodes), pin_count)
    return degrees, np.array(nodes, np.int32), np.array(offsets, np.float64).reshape(-1, 2), directions, list(names)


def _weights(
    lines: Lines | None, net_names: list[str], node_of: dict[str, int]
) -> tuple[FloatArray, list[float | None]]:
    """Weight of each net (1 where none is given), and of each node that has one: both kinds of files exist."""
    of_nets = np.ones(len(net_names))
    of_nodes: list[float | None] = [None] * len(node_of)
    net_of = {name: i for i, name in enumerate(net_names)}
    for words in lines or ():
        if len(words) != 2 or (words[0] not in net_of and words[0] not in node_of):
            lines.fail("the name of a net or node, and its weight", words)  # type: ignore[union-attr]
        weight = lines.number(words[1])  # type: ignore[union-attr]
        if weight < 0:
            lines.fail("a weight that is not negative", words)  # type: ignore[union-attr]
        if words[0] in net_of:
            of_nets[net_of[words[0]]] = weight
        else:
            of_nodes[node_of[words[0]]] = weight
    return of_nets, of_nodes


def _bounds(rows: tuple[Row, ...], corner: FloatArray, size: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lower left and upper right corner of the rows, or of the nodes where there are no rows with sites."""
    boxes = [
        (x, row.y, x + max(sites - 1, 0) * row.site_spacing + row.site_width, row.y + row.height)
        for row in rows
        for x, sites in row.subrows
        if sites
    ]
    if boxes:
        low, high = np.array(boxes)[:, :2].min(axis=0), np.array(boxes)[:, 2:].max(axis=0)
    else:
        low, high = corner.min(axis=0, initial=0.0), (corner + size).max(axis=0, initial=0.0)
    return low, np.where(high > low, high, low + 1.0)


def _drivers_first(degrees: list[int], direction: list[str]) -> tuple[IntArray, IntArray]:
    """CSR offsets and pins of the nets; the first output of a net, if any, comes before its other pins."""
    start = np.concatenate([[0], np.cumsum(degrees, dtype=np.int64)]).astype(np.int32)
    members = np.arange(start[-1], dtype=np.int32)
    is_output = np.array(direction, np.str_) == "O"
    outputs = np.flatnonzero(is_output)
    nets, first = np.unique(np.searchsorted(start, outputs, side="right") - 1, return_index=True)
    for net, pin in zip(nets.tolist(), outputs[first].tolist(), strict=True):
        begin = start[net]
        members[begin + 1 : pin + 1] = np.arange(begin, pin)
        members[begin] = pin
    return start, members


def _pin_names(names: list[str], pin_node: IntArray, kind: ByteArray) -> tuple[str, ...]:
    """``node/k`` for the k-th pin of a node; the first pin of a port has the port's name."""
    seen = [0] * len(names)
    is_port = (kind == NodeKind.PORT).tolist()
    found = []
    for node in pin_node.tolist():
        k = seen[node]
        seen[node] += 1
        found.append(names[node] if is_port[node] and k == 0 else f"{names[node]}/{k}")
    return tuple(found)
