"""Standard cells around macros that stay: electrostatic global placement, legal in rows, improved there."""

from __future__ import annotations

import numpy as np

from eda_adapters.floorplan import Core
from placer.analytical.flat_placement import place_cells_legally
from placer.analytical.global_placement import global_place
from placer.analytical.row_legality import row_violations
from placer.analytical.rows import Rows, rows_of
from placer.formats.bookshelf_lines import Row
from placer.netlist import InputError, Netlist, NodeKind, Orientation, Placement

DENSITY_ADDON = 0.1
"""Of what an even spread leaves free in each bin, cells may fill this share too: the rest is for routing.

The rule for the target density that the OpenROAD flow has (``FlowOptions.density``).
"""

FULLEST = 0.98
"""Share of the rows that cells may fill."""

TOOL = "chiploop cell placement"


def place_cells_globally(
    netlist: Netlist, placement: Placement, core: Core, seed: int = 0, halo: tuple[float, float] = (2.0, 2.0)
) -> Placement:
    """Place the standard cells of a flat netlist around its macros; they still overlap a little.

    Args:
        netlist: nodes HARD, CELL and PORT.
        placement: macros and ports at their places; the cells' positions are not used.
        core: the rows; every other one is upside down.
        seed: of the start; the same seed gives the same placement.
        halo: um kept free of cells left and right, below and above of each macro.

    Raises InputError if the cells do not fit in the rows.
    """
    cells, hard = netlist.nodes(NodeKind.CELL), netlist.node_kind == NodeKind.HARD
    if not len(cells):
        return placement
    used = _use(netlist, rows_around(netlist, placement, core, halo), core)
    orientation = placement.orientation.copy()
    orientation[cells] = Orientation.N
    density = used + DENSITY_ADDON * (1 - used)
    return global_place(netlist, Placement(placement.position, orientation), seed, density, max(halo), hard).placement


def place_cells_in_rows(
    netlist: Netlist, placement: Placement, core: Core, seed: int = 0, halo: tuple[float, float] = (2.0, 2.0)
) -> Placement:
    """A placement in which every cell lies on sites of a row near its place, turned as the row is, free of overlap.

    Arguments as of :func:`place_cells_globally`; the cells' positions are those that it found.

    Raises InputError if the cells do not fit in the rows.
    """
    rows = rows_around(netlist, placement, core, halo)
    if not len(netlist.nodes(NodeKind.CELL)):
        return placement
    _use(netlist, rows, core)
    placed = place_cells_legally(netlist, placement, rows, {}, seed)
    if wrong := row_violations(netlist, placed, rows):
        raise AssertionError(f"{netlist.name}: the placement of its cells is not legal: {wrong[0]}")
    return placed


def _use(netlist: Netlist, rows: Rows, core: Core) -> float:
    """The share of the rows that cells fill; InputError if that is too much, or a cell is too high."""
    cells = netlist.nodes(NodeKind.CELL)
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
    return area / room


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
