"""Bookshelf: writing a design."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from placer.formats.bookshelf import BookshelfDesign
from placer.formats.orientation import JOIN
from placer.netlist import InputError, NodeKind, Orientation

# W, the rotation done first, turns (x, y) to (-y, x); this is its inverse on one pin's offset.
_UNTURN = np.array([[0.0, -1.0], [1.0, 0.0]])


def write_bookshelf(aux: str | Path, design: BookshelfDesign) -> None:
    """Write ``name.aux`` and beside it ``name.nodes .nets .pl .scl .wts``; each file appears whole or not at all.

    read_bookshelf() gives the same design again. Positions are rounded to 9 digits after the point, for the way from
    corners to centres and back leaves noise beyond.

    Raises:
        InputError: a name is empty, begins with ``#`` or holds white space or a colon.
    """
    aux = Path(aux)
    base = aux.name.removesuffix(".aux")
    for name in (*design.netlist.node_names, *design.net_names):
        if not name or name[0] == "#" or ":" in name or name.split() != [name]:
            raise InputError(f"{aux}: expected names without white space, ':' and '#' in front, found {name!r}")
    parts: dict[str, Callable[[BookshelfDesign], Iterator[str]]] = {
        "nodes": _nodes, "nets": _nets, "wts": _weights, "pl": _positions, "scl": _rows
    }  # fmt: skip
    if not design.rows:
        del parts["scl"]
    for suffix, lines in parts.items():
        _write(aux.with_name(f"{base}.{suffix}"), [f"UCLA {suffix} 1.0", "", *lines(design)])
    _write(aux, ["RowBasedPlacement : " + " ".join(f"{base}.{suffix}" for suffix in parts)])


def _write(path: Path, lines: list[str]) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text("\n".join(lines) + "\n")
    os.replace(partial, path)


def _text(value: float) -> str:
    """The shortest decimal form of exactly this number."""
    return repr(value).removesuffix(".0")


def _sizes(design: BookshelfDesign) -> list[list[float]]:
    """Width and height of each node before any turning."""
    netlist = design.netlist
    sizes = netlist.node_size.tolist()
    for node, name in enumerate(netlist.node_names):
        extra = netlist.attributes.get(name, {})
        if netlist.node_kind[node] == NodeKind.PORT and "size" in extra:
            sizes[node] = [float(side) for side in extra["size"].split()]
        if "rotated" in extra:
            sizes[node].reverse()
    return sizes


def _nodes(design: BookshelfDesign) -> Iterator[str]:
    netlist = design.netlist
    words = [_terminal(design, node) for node in range(len(netlist.node_names))]
    yield f"NumNodes : {len(words)}"
    yield f"NumTerminals : {sum(map(bool, words))}"
    for name, (width, height), word in zip(netlist.node_names, _sizes(design), words, strict=True):
        yield f"  {name} {_text(width)} {_text(height)} {word}".rstrip()


def _terminal(design: BookshelfDesign, node: int) -> str:
    """The word in ``.nodes``: that of the file read, else terminal_NI for ports."""
    netlist = design.netlist
    word = netlist.attributes.get(netlist.node_names[node], {}).get("terminal", "")
    return word or ("terminal_NI" if netlist.node_kind[node] == NodeKind.PORT else "")


def _nets(design: BookshelfDesign) -> Iterator[str]:
    netlist = design.netlist
    offset = netlist.pin_offset.copy()
    rotated = np.array(["rotated" in netlist.attributes.get(name, {}) for name in netlist.node_names], np.bool_)
    turned = rotated[netlist.pin_node]
    offset[turned] = offset[turned] @ _UNTURN
    yield f"NumNets : {len(design.net_names)}"
    yield f"NumPins : {len(netlist.net_pins)}"
    names, nodes, offsets = netlist.node_names, netlist.pin_node.tolist(), offset.tolist()
    for net, name in enumerate(design.net_names):
        pins = netlist.net_pins[netlist.net_start[net] : netlist.net_start[net + 1]]
        yield f"NetDegree : {len(pins)} {name}"
        for pin in sorted(pins.tolist()):
            x, y = offsets[pin]
            yield f"  {names[nodes[pin]]} {design.pin_direction[pin]} : {_text(x)} {_text(y)}"


def _weights(design: BookshelfDesign) -> Iterator[str]:
    for name, weight in zip(design.net_names, design.netlist.net_weight.tolist(), strict=True):
        if weight != 1.0:
            yield f"  {name} {_text(weight)}"
    for name in design.netlist.node_names:
        if "weight" in (extra := design.netlist.attributes.get(name, {})):
            yield f"  {name} {extra['weight']}"


def _positions(design: BookshelfDesign) -> Iterator[str]:
    netlist, where = design.netlist, design.placement
    sizes = netlist.node_size.copy()
    for node in netlist.nodes(NodeKind.PORT).tolist():
        extra = netlist.attributes.get(netlist.node_names[node], {})
        if "size" in extra:
            sizes[node] = [float(side) for side in extra["size"].split()]
    corner = (where.position - sizes / 2 + design.origin).tolist()
    for node, name in enumerate(netlist.node_names):
        extra = netlist.attributes.get(name, {})
        orient = JOIN["rotated" in extra, Orientation(int(where.orientation[node]))]
        fixed = "/FIXED" if netlist.node_fixed[node] and not _terminal(design, node) else ""
        x, y = (round(value, 9) for value in corner[node])
        yield f"{name} {_text(x)} {_text(y)} : {orient} {extra.get('fixed', fixed)}".rstrip()


def _rows(design: BookshelfDesign) -> Iterator[str]:
    yield f"NumRows : {len(design.rows)}"
    for row in design.rows:
        yield "CoreRow Horizontal"
        yield f"  Coordinate : {_text(row.y)}"
        yield f"  Height : {_text(row.height)}"
        yield f"  Sitewidth : {_text(row.site_width)}"
        yield f"  Sitespacing : {_text(row.site_spacing)}"
        yield f"  Siteorient : {row.orient}"
        yield f"  Sitesymmetry : {row.symmetry}"
        yield from (f"  SubrowOrigin : {_text(x)} Numsites : {sites}" for x, sites in row.subrows)
        yield "End"
