"""Standard cells around macros that stay: electrostatic global placement, legal in rows, improved there."""

from __future__ import annotations

import numpy as np

from eda_adapters.floorplan import Core
from placer.analytical.flat_placement import place_cells_legally
from placer.analytical.global_placement import global_place
from placer.analytical.nesterov import Schedule
from placer.analytical.row_legality import row_violations
from placer.analytical.rows import Rows, rows_of
from placer.formats.bookshelf_lines import Row
from placer.netlist import InputError, Netlist, NodeKind, Orientation, Placement

LOCAL_DENSITY = 0.65
"""Share of each bin that cells fill in global placement, more where they are more: the rest is room for routing."""

FULLEST = 0.98
"""Share of the rows that cells may fill."""

TOOL = "chiploop cell placement"


def place_cells(
    netlist: Netlist, placement: Placement, core: Core, seed: int = 0, halo: tuple[float, float] = (2.0, 2.0)
) -> Placement:
    """Place the standard cells of a flat netlist around its macros.

    Args:
        netlist: nodes HARD, CELL and PORT.
        placement: macros and ports at their places; the cells' positions are not used.
        core: the rows; every other one is upside down.
        seed: of the start; the same seed gives the same placement.
        halo: um kept free of cells left and right, below and above of each macro.

    Returns a placement in which every cell lies on sites of a row, turned as the row is, and overlaps nothing.

    Raises InputError if the cells do not fit in the rows.
    """
    rows = rows_around(netlist, placement, core, halo)
    cells, hard = netlist.nodes(NodeKind.CELL), netlist.node_kind == NodeKind.HARD
    if not len(cells):
        return placement
    size = netlist.node_size[cells]
    tall = np.abs(size[:, 1] - core.row_height) > 1e-6
    if tall.any():
        raise InputError(f"{netlist.node_names[cells[np.flatnonzero(tall)[0]]]} is not as high as a row")
    room = float((rows.high - rows.low).sum()) * core.site_width * core.row_height
    area = float(size.prod(axis=1).sum())
    if area > FULLEST * room:
        raise InputError(
            f"{netlist.name}: cells of {area:.0f} um2 do not fit the rows' {room:.0f} um2 that macros leave;"
            " lower the utilisation or the halo"
        )
    orientation = placement.orientation.copy()
    orientation[cells] = Orientation.N
    spread = global_place(
        netlist, Placement(placement.position, orientation), seed, LOCAL_DENSITY, max(halo), hard, Schedule()
    )
    placed = place_cells_legally(netlist, spread.placement, rows, {}, seed)
    if wrong := row_violations(netlist, placed, rows):
        raise AssertionError(f"{netlist.name}: the placement of its cells is not legal: {wrong[0]}")
    return placed


def rows_around(netlist: Netlist, placement: Placement, core: Core, halo: tuple[float, float]) -> Rows:
    """The rows of the core, without what macros and their halos cover."""
    hard = netlist.nodes(NodeKind.HARD)
    half = netlist.node_size[hard] / 2 + np.array(halo)
    width, height = core.site_width, core.row_height
    lines = [
        Row(core.y + i * height, height, width, width, "FS" if i % 2 else "N", "Y", ((core.x, core.columns),))
        for i in range(core.rows)
    ]
    at = placement.position[hard]
    return rows_of(lines).without(np.concatenate([at - half, at + half], axis=1))
