"""Circuit Training's placement file (``.plc``): a header of comments, then a line per node.

The header gives canvas, grid and routing resources. A line is ``index x y orientation fixed``; indices count all nodes
of the netlist's file, macro pins included (``protobuf.file_index``); ports have the orientation ``-``.
"""

from __future__ import annotations

import gzip
import math
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from placer.formats.protobuf import blocks, file_index, read_netlist
from placer.netlist import BoolArray, Canvas, InputError, Netlist, NodeKind, Orientation, Placement

_NUMBER = r"([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)"
_GRID = re.compile(r"# Columns\s*:\s*(\d+)\s+Rows\s*:\s*(\d+)\s*$")
_SIZE = re.compile(rf"# Width\s*:\s*{_NUMBER}\s+Height\s*:\s*{_NUMBER}\s*$")
_ROUTES = re.compile(rf"# Routes per micron, hor\s*:\s*{_NUMBER}\s+ver\s*:\s*{_NUMBER}\s*$")
_USED = re.compile(rf"# Routes used by macros, hor\s*:\s*{_NUMBER}\s+ver\s*:\s*{_NUMBER}\s*$")
_SMOOTH = re.compile(r"# Smoothing factor\s*:\s*(\d+)\s*$")
_TEXT = re.compile(r"# (Project|Block)\s*:\s*(.*)$")
_COMMENTS = "# User comments:"
_COLUMNS = "# node_index x y orientation fixed"
_PROPER = {o.name: int(o) for o in Orientation} | {"-": 0}


@dataclass(frozen=True)
class PlcHeader:
    """What the comments at the head of a ``.plc`` file say."""

    canvas: Canvas
    project: str = "unset_project"
    block: str = "unset_block"
    comments: tuple[str, ...] = ()  # the user's, without "# "


@dataclass(frozen=True)
class _Row:
    line: int
    index: int
    x: float
    y: float
    orientation: int
    fixed: bool


def _text_lines(path: Path) -> list[str]:
    try:
        lines = b"".join(blocks(path)).decode().split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected text in UTF-8, found the byte 0x{error.object[error.start]:02x}") from error
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def _number(path: Path, line: int, text: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{path}:{line}: expected a finite number for {what}, found {text!r}")
    return value


def read_header(path: Path | str) -> PlcHeader:
    """The header of a ``.plc`` file. Columns, rows, width and height must be there.

    Raises:
        InputError: with file, line and what was expected.
    """
    path = Path(path)
    found: dict[str, float] = {}
    texts: dict[str, str] = {}
    comments: list[str] | None = None
    for number, text in enumerate(_text_lines(path), 1):
        if not text.startswith("#"):
            if text.strip():
                break
            continue
        if text.strip() == _COLUMNS:
            break
        if comments is not None:
            comments.append(text[2:])
            continue
        if text.strip() == _COMMENTS:
            comments = []
        elif match := _GRID.match(text):
            found |= {"columns": int(match[1]), "rows": int(match[2])}
        elif match := _SIZE.match(text):
            found["width"] = _number(path, number, match[1], "the width")
            found["height"] = _number(path, number, match[2], "the height")
        elif match := _ROUTES.match(text):
            found["h_routes_per_um"] = _number(path, number, match[1], "routes per micron")
            found["v_routes_per_um"] = _number(path, number, match[2], "routes per micron")
        elif match := _USED.match(text):
            found["h_macro_routes_per_um"] = _number(path, number, match[1], "routes used by macros")
            found["v_macro_routes_per_um"] = _number(path, number, match[2], "routes used by macros")
        elif match := _SMOOTH.match(text):
            found["smooth_range"] = int(match[1])
        elif match := _TEXT.match(text):
            texts[match[1].lower()] = match[2]
    for key, line in (("columns", "# Columns : 24  Rows : 21"), ("width", "# Width : 1433.406  Height : 1433.406")):
        if key not in found:
            raise InputError(f"{path}:1: expected a header with a line like '{line}'")
    wrong = [key for key in ("columns", "rows", "width", "height") if found[key] <= 0 or found[key] > 1e9]
    wrong += [key for key in found if key.endswith("_um") and found[key] < 0]
    if wrong or found["columns"] * found["rows"] > 1e8:
        name = wrong[0] if wrong else "columns"
        raise InputError(
            f"{path}:1: expected a {name} above 0 and of a sensible size in the header, found {found[name]:g}"
        )
    whole = {k: int(v) for k, v in found.items() if k in ("columns", "rows", "smooth_range")}
    while comments and not comments[-1].strip():
        comments.pop()
    return PlcHeader(Canvas(**(found | whole)), **texts, comments=tuple(comments or ()))  # type: ignore[arg-type]


def read_canvas(path: Path | str) -> Canvas:
    """Canvas, grid and routing resources of a ``.plc`` file's header; raises InputError."""
    return read_header(path).canvas


def read_plc(path: Path | str, netlist: Netlist) -> Placement:
    """Positions (um, centres) and orientations of a netlist's nodes; each must have its line; raises InputError."""
    return _read(Path(path), netlist)[0]


def load_design(netlist_path: Path | str, plc_path: Path | str) -> tuple[Netlist, Placement]:
    """A netlist with the canvas, the fixed nodes and the placement that a ``.plc`` file gives; raises InputError."""
    netlist, _ = read_netlist(netlist_path, read_canvas(plc_path))
    placement, fixed = _read(Path(plc_path), netlist)
    return replace(netlist, node_fixed=fixed), placement


def _read(path: Path, netlist: Netlist) -> tuple[Placement, BoolArray]:
    index = file_index(netlist)
    node_of = np.full(int(index.max(initial=-1)) + 1, -1, np.int64)
    node_of[index] = np.arange(len(index))
    position = np.full((len(index), 2), np.nan)
    orientation = np.zeros(len(index), np.int8)
    fixed = np.zeros(len(index), np.bool_)
    for number, text in enumerate(_text_lines(path), 1):
        if text.startswith("#") or not text.strip():
            continue
        row = _row(path, number, text)
        node = int(node_of[row.index]) if 0 <= row.index < len(node_of) else -1
        if node < 0:
            raise InputError(
                f"{path}:{number}: expected the index of a port or a macro of {netlist.name}, found {row.index}"
            )
        if not math.isnan(position[node, 0]):
            raise InputError(f"{path}:{number}: expected one line per node, found a second for index {row.index}")
        position[node] = row.x, row.y
        orientation[node] = row.orientation
        fixed[node] = row.fixed
    missing = np.flatnonzero(np.isnan(position[:, 0]))
    if len(missing):
        node = int(missing[0])
        raise InputError(
            f"{path}: expected a line for each node; {len(missing)} have none, first index {index[node]}, "
            f"{netlist.node_names[node]!r}"
        )
    return Placement(position, orientation), fixed


def _row(path: Path, number: int, text: str) -> _Row:
    parts = text.split()
    if len(parts) != 5:
        raise InputError(f"{path}:{number}: expected 'index x y orientation fixed', found {text[:60]!r}")
    if not parts[0].isascii() or not parts[0].isdigit() or len(parts[0]) > 12:
        raise InputError(f"{path}:{number}: expected a node index, found {parts[0][:60]!r}")
    if parts[3] not in _PROPER:
        raise InputError(f"{path}:{number}: expected orientation N, FN, FS, S or -, found {parts[3][:60]!r}")
    if parts[4] not in ("0", "1"):
        raise InputError(f"{path}:{number}: expected fixed 0 or 1, found {parts[4][:60]!r}")
    x, y = _number(path, number, parts[1], "x"), _number(path, number, parts[2], "y")
    return _Row(number, int(parts[0]), x, y, _PROPER[parts[3]], parts[4] == "1")


def _decimal(value: float) -> str:
    """The shortest decimal that reads back as the same number, never with an exponent."""
    return np.format_float_positional(value, unique=True, trim="-")


def write_plc(path: Path | str, netlist: Netlist, placement: Placement, header: PlcHeader | None = None) -> None:
    """Write a placement with the netlist's canvas; numbers are exact, so reading gives the same placement.

    Args:
        header: project, block and comments to keep; its canvas is not used, the netlist's is.
    """
    path = Path(path)
    header = header or PlcHeader(netlist.canvas)
    lines = _header_lines(netlist, header)
    index = file_index(netlist)
    for node in np.argsort(index).tolist():
        x, y = placement.position[node].tolist()
        is_port = netlist.node_kind[node] == NodeKind.PORT and placement.orientation[node] == Orientation.N
        orientation = "-" if is_port else Orientation(int(placement.orientation[node])).name
        lines.append(f"{index[node]} {_decimal(x)} {_decimal(y)} {orientation} {int(netlist.node_fixed[node])}")
    partial = path.with_name(path.name + ".partial")
    opened: Any = gzip.open if path.suffix == ".gz" else open
    with opened(partial, "wt", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(lines) + "\n")
    os.replace(partial, path)


def _header_lines(netlist: Netlist, header: PlcHeader) -> list[str]:
    c, kind = netlist.canvas, netlist.node_kind
    pins = np.bincount(kind[netlist.pin_node], minlength=4)
    nodes = np.bincount(kind, minlength=4)
    counts = {
        "HARD_MACROs": nodes[0],
        "HARD_MACRO_PINs": pins[0],
        "MACROs": nodes[0] + nodes[1],
        "MACRO_PINs": pins[0] + pins[1],
        "PORTs": nodes[2],
        "SOFT_MACROs": nodes[1],
        "SOFT_MACRO_PINs": pins[1],
        "STDCELLs": nodes[3],
    }
    hor, ver = _decimal(c.h_routes_per_um), _decimal(c.v_routes_per_um)
    used_hor, used_ver = _decimal(c.h_macro_routes_per_um), _decimal(c.v_macro_routes_per_um)
    return [
        "# Placement file for Circuit Training",
        f"# Columns : {c.columns}  Rows : {c.rows}",
        f"# Width : {_decimal(c.width)}  Height : {_decimal(c.height)}",
        f"# Area (stdcell+macros) : {_decimal(float(netlist.node_size.prod(axis=1).sum()))}",
        f"# Project : {header.project}",
        f"# Block : {header.block}",
        f"# Routes per micron, hor : {hor}  ver : {ver}",
        f"# Routes used by macros, hor : {used_hor}  ver : {used_ver}",
        f"# Smoothing factor : {c.smooth_range}",
        "# ",
        "# Counts of node types:",
        *(f"# {name:<16}: {count:>9}" for name, count in counts.items()),
        "# ",
        _COMMENTS,
        *(f"# {comment}" for comment in header.comments),
        "# ",
        _COLUMNS,
    ]
