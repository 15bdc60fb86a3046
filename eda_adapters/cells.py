"""Standard cells placed around fixed macros, by coloquinte, and the strict check of the result.

Rows are cut where a macro and its halo lie. The placer's own seed perturbs its global placement (its ``noise``
parameter); the same seed gives the same placement.

Dimension letters:
    N  nodes of the flat netlist
    R  row pieces
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from eda_adapters.floorplan import Core
from eda_adapters.tool import ToolError, run_tool
from placer.netlist import FloatArray, InputError, IntArray, Netlist, NodeKind, Orientation, Placement

LARGEST_NET = 500
"""Nets with more sinks (clock, reset) do not pull on the cells."""

LOCAL_DENSITY = 0.65
"""Cells are widened in global placement, so that where they crowd they cover this share: room for routing."""

FULLEST = 0.9
"""Share of the rows that the widened cells may fill; where the cells are more than that, they are not widened."""

TIMEOUT_S = 900.0


@dataclass(frozen=True)
class CellPlacement:
    """A placement of everything, and what it took."""

    placement: Placement
    rows: IntArray  # [R, 3] row number, first site, site after the last
    tool: str  # name and version
    seconds: float  # CPU time of the placer


def place_cells(
    netlist: Netlist,
    placement: Placement,
    core: Core,
    out_dir: Path,
    seed: int = 0,
    effort: int = 1,
    halo: tuple[float, float] = (2.0, 2.0),
) -> CellPlacement:
    """Place the standard cells of a flat netlist around its macros.

    Args:
        netlist: nodes HARD, CELL and PORT.
        placement: macros and ports at their places; the cells' positions are not used.
        core: the rows.
        out_dir: folder for the placer's files and log.
        seed: of the placer's perturbation.
        effort: 1 (fast) to 9.
        halo: um kept free of cells left and right, below and above of each macro.

    Returns a placement in which every cell lies on sites of one row piece and overlaps nothing.

    Raises InputError if the cells do not fit in the rows, ToolError if the placer fails or its result is not legal.
    """
    rows = cut_rows(netlist, placement, core, halo)
    cells = netlist.nodes(NodeKind.CELL)
    room = float((rows[:, 2] - rows[:, 1]).sum()) * core.site_width * core.row_height
    area = float(netlist.node_size[cells].prod(axis=1).sum())
    tool = f"coloquinte {version('coloquinte')}"
    if area > 0.98 * room:
        raise InputError(
            f"{netlist.name}: cells of {area:.0f} um2 do not fit the rows' {room:.0f} um2 that macros leave;"
            " lower the utilisation or the halo"
        )
    problem, result = out_dir / "cells_problem.npz", out_dir / "cells_result.npz"
    out_dir.mkdir(parents=True, exist_ok=True)
    np.savez(problem, **_problem(netlist, placement, core, rows, seed, effort, _spread(area / room)))
    result.unlink(missing_ok=True)
    argv: list[str | Path] = [sys.executable, "-m", "eda_adapters.coloquinte_job", problem, result]
    root = str(Path(__file__).resolve().parents[1])
    run = run_tool(
        argv,
        cwd=out_dir,
        log=out_dir / "cells.log",
        timeout_s=TIMEOUT_S,
        env={"PYTHONPATH": root, "OMP_NUM_THREADS": "1"},
        name="coloquinte",
    )
    placed = _result(netlist, placement, core, result, run.garbage)
    problem_found = illegal(netlist, placed, core, rows)
    if problem_found:
        raise run.garbage(f"its placement is not legal: {problem_found}")
    problem.unlink()
    result.unlink()
    return CellPlacement(placed, rows, tool, run.cpu_seconds)


def _spread(share: float) -> float:
    """The share of the rows that widened cells fill, from that which they fill themselves."""
    return max(share, min(share / LOCAL_DENSITY, FULLEST))


def cut_rows(netlist: Netlist, placement: Placement, core: Core, halo: tuple[float, float]) -> IntArray:
    """The pieces of the rows that macros and their halos leave, shape [R, 3]: row, first site, site after the last."""
    hard = netlist.nodes(NodeKind.HARD)
    half = netlist.node_size[hard] / 2 + np.array(halo)
    low = placement.position[hard] - half - (core.x, core.y)
    high = placement.position[hard] + half - (core.x, core.y)
    step = np.array([core.site_width, core.row_height])
    first = np.floor(low / step + 1e-6).astype(int)  # sites and rows touched: [first, last)
    last = np.ceil(high / step - 1e-6).astype(int)
    pieces = []
    for row in range(core.rows):
        at = 0
        here = np.flatnonzero((first[:, 1] <= row) & (row < last[:, 1]))
        for i in here[np.argsort(first[here, 0], kind="stable")]:
            begin, end = first[i, 0], last[i, 0]
            if begin > at:
                pieces.append((row, at, min(begin, core.columns)))
            at = max(at, end)
        if at < core.columns:
            pieces.append((row, at, core.columns))
    return np.array([p for p in pieces if p[2] > p[1]], np.int32).reshape(-1, 3)


def illegal(netlist: Netlist, placement: Placement, core: Core, rows: IntArray) -> str:
    """What breaks the rules in a placement of cells, in words; empty if nothing does.

    The rules: each cell on sites, inside one of the row pieces, turned as its row is, no overlap.
    """
    cells = netlist.nodes(NodeKind.CELL)
    size = netlist.node_size[cells]
    corner = placement.position[cells] - size / 2 - (core.x, core.y)
    site, row = corner[:, 0] / core.site_width, corner[:, 1] / core.row_height
    width = np.ceil(size[:, 0] / core.site_width - 1e-6).astype(int)
    column, line = np.round(site).astype(int), np.round(row).astype(int)

    def first(bad: np.ndarray, what: str) -> str:
        return f"{netlist.node_names[cells[np.flatnonzero(bad)[0]]]} {what}" if bad.any() else ""

    off_site = (abs(site - column) > 1e-3) | (abs(row - line) > 1e-3)
    if off_site.any():
        return first(off_site, "is not on a site")
    tall = abs(size[:, 1] - core.row_height) > 1e-6
    if tall.any():
        return first(tall, "is not as high as a row")
    turned = placement.orientation[cells]
    upright = np.isin(turned, (Orientation.N, Orientation.FN))
    if (upright != (line % 2 == 0)).any():
        return first(upright != (line % 2 == 0), "is not turned as its row is")
    used = np.zeros((core.rows, core.columns + 1), np.int32)  # +1 where a cell begins, -1 where it ends
    free = np.zeros((core.rows, core.columns + 1), np.int32)
    np.add.at(free, (rows[:, 0], rows[:, 1]), 1)
    np.add.at(free, (rows[:, 0], rows[:, 2]), -1)
    outside = (line < 0) | (line >= core.rows) | (column < 0) | (column + width > core.columns)
    if outside.any():
        return first(outside, "is outside the core")
    np.add.at(used, (line, column), 1)
    np.add.at(used, (line, column + width), -1)
    crowded = used.cumsum(axis=1) > free.cumsum(axis=1)
    covered = np.concatenate([np.zeros((core.rows, 1), int), np.cumsum(crowded, axis=1)], axis=1)
    return first(covered[line, column + width] > covered[line, column], "overlaps a cell or a macro's halo")


def _problem(
    netlist: Netlist, placement: Placement, core: Core, rows: IntArray, seed: int, effort: int, spread: float
) -> dict[str, Any]:
    """The placer's input: positions from the core's lower left corner, pin offsets from a node's lower left corner."""
    fixed = netlist.node_kind != NodeKind.CELL
    corner = placement.position - netlist.node_size / 2 - (core.x, core.y)
    middle = np.array([core.columns * core.site_width, core.rows * core.row_height]) / 2
    corner[~fixed] = middle
    turned = np.where(fixed, placement.orientation, Orientation.N)
    sign = np.stack([np.where(np.isin(turned, (1, 3)), -1.0, 1.0), np.where(turned >= 2, -1.0, 1.0)], axis=1)
    offset = (sign[netlist.pin_node] * netlist.pin_offset + netlist.node_size[netlist.pin_node] / 2)[netlist.net_pins]
    degree = np.diff(netlist.net_start)
    kept = degree <= LARGEST_NET + 1
    of_kept = np.repeat(kept, degree)
    fine = core.site_width / 40
    return {
        "size": netlist.node_size,
        "corner": corner,
        "fixed": fixed,
        "pin_node": netlist.pin_node[netlist.net_pins][of_kept],
        "pin_offset": offset[of_kept],
        "net_start": np.concatenate([[0], np.cumsum(degree[kept])]),
        "net_weight": netlist.net_weight[kept],
        "rows": rows,
        "row_height": np.array(core.row_height),
        "site_unit": np.array([core.site_width, core.row_height / _coarse_row(core)]),
        "fine_unit": np.array([fine, core.row_height / round(core.row_height / fine)]),
        "spread": np.array(spread),
        "seed": np.array(seed),
        "effort": np.array(effort),
    }


def _result(
    netlist: Netlist, placement: Placement, core: Core, file: Path, garbage: Callable[[str], ToolError]
) -> Placement:
    """The placement that the placer wrote; sites and rows to um."""
    cells = netlist.nodes(NodeKind.CELL)
    try:
        with np.load(file) as arrays:
            x, y, names = arrays["x"], arrays["y"], arrays["orientation"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise garbage(f"its result cannot be read: {error}") from error
    if not x.shape == y.shape == names.shape == (len(netlist.node_names),):
        raise garbage(f"it placed {len(x)} of {len(netlist.node_names)} nodes")
    unknown = set(names[cells]) - set(Orientation.__members__)
    if unknown:
        raise garbage(f"it turned a cell to {unknown.pop()}")
    coarse_row = _coarse_row(core)
    corner: FloatArray = np.stack([x * core.site_width, y / coarse_row * core.row_height], axis=1)
    position, orientation = placement.position.copy(), placement.orientation.copy()
    position[cells] = corner[cells] + (core.x, core.y) + netlist.node_size[cells] / 2
    orientation[cells] = [Orientation[name] for name in names[cells]]
    return Placement(position, orientation)


def _coarse_row(core: Core) -> int:
    """Height of a row in the units that cells are legalised in: whole, and near one site each."""
    return max(1, round(core.row_height / core.site_width))
