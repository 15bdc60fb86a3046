"""Flat placement: macros and standard cells together, legal in rows at the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placer.analytical.cell_legalisation import legalise_cells, sites_of
from placer.analytical.detail_state import corners, detail_of, measure
from placer.analytical.detailed_placement import improve
from placer.analytical.global_placement import global_place, respread
from placer.analytical.macro_legalisation import legalise_macros
from placer.analytical.nesterov import Schedule
from placer.analytical.rows import Int64Array, Rows
from placer.analytical.system import half_perimeter
from placer.legalise import check_fixed
from placer.netlist import IntArray, Netlist, NodeKind, Orientation, Placement

TOGETHER, CELLS = 0.1, 0.07
"""Overflow at which macros and cells together are spread enough, and cells around legal macros."""

RELAXING = 60
"""Iterations that cells have at least around legal macros: wirelength falls before they spread again."""


@dataclass(frozen=True)
class FlatPlacement:
    """A legal placement of macros and cells, and the half-perimeter wirelength in um after each step."""

    placement: Placement
    lengths: dict[str, float]


def place_flat(netlist: Netlist, placement: Placement, rows: Rows, seed: int = 0, target: float = 1.0) -> FlatPlacement:
    """Place hard macros and standard cells; all end legal, on sites of the rows.

    Args:
        netlist: nodes HARD, CELL and PORT.
        placement: where fixed nodes are, and how all are turned; other positions are not used.
        rows: for the cells; macros lie on rows and sites too.
        seed: of the start.
        target: density up to which the canvas may be filled in global placement.

    Raises:
        InputError: the nodes do not fit.
        Infeasible: fixed macros overlap, or leave the canvas.
    """
    check_fixed(netlist, placement)
    lengths: dict[str, float] = {}
    hard = netlist.node_kind == NodeKind.HARD
    loose = bool((hard & ~netlist.node_fixed).any())
    together = global_place(netlist, placement, seed, target, schedule=Schedule(TOGETHER if loose else CELLS))
    lengths["global"] = half_perimeter(netlist, together.placement)
    if not loose:
        return FlatPlacement(place_cells_legally(netlist, together.placement, rows, lengths, seed), lengths)
    legal = legalise_macros(netlist, together.placement, rows, seed)
    lengths["macros legal"] = half_perimeter(netlist, legal)
    spread = respread(netlist, together, legal, hard, target, schedule=Schedule(CELLS, RELAXING))
    lengths["cells global"] = half_perimeter(netlist, spread.placement)
    placed = place_cells_legally(netlist, spread.placement, rows, lengths, seed)
    return FlatPlacement(placed, lengths)


def place_cells_legally(
    netlist: Netlist, placement: Placement, rows: Rows, lengths: dict[str, float], seed: int = 0
) -> Placement:
    """Legalise the cells of a global placement around its macros, then improve them, turned as their rows are.

    ``lengths`` gains two entries: um after each of the two steps.

    Raises:
        InputError: the cells do not fit.
    """
    hard = netlist.nodes(NodeKind.HARD)
    half = netlist.node_size / 2
    boxes = np.concatenate([placement.position[hard] - half[hard], placement.position[hard] + half[hard]], 1)
    cells = netlist.nodes(NodeKind.CELL)
    fixed = cells[netlist.node_fixed[cells]]
    boxes = np.concatenate(
        [boxes, np.concatenate([placement.position[fixed] - half[fixed], placement.position[fixed] + half[fixed]], 1)]
    )
    cells = cells[~netlist.node_fixed[cells]]
    free = rows.without(boxes)
    width = netlist.node_size[cells, 0]
    segment, x = legalise_cells(free, placement.position[cells] - half[cells], width)
    position = placement.position.copy()
    position[cells, 0] = free.origin + x * free.site + half[cells, 0]
    position[cells, 1] = free.bottom[free.segment_row[segment]] + half[cells, 1]
    placed = Placement(position, _as_rows(free, free.segment_row[segment], placement, cells))
    state = detail_of(netlist, placed, cells, free, segment, x, sites_of(free, width))
    lengths["cells legal"] = measure(state)
    lengths["detailed"] = improve(state, seed=seed)
    position = position.copy()
    position[cells] = corners(state) + half[cells]
    return Placement(position, _as_rows(free, state.row, placed, cells))


def _as_rows(rows: Rows, row: Int64Array, placement: Placement, cells: IntArray) -> NDArray[np.int8]:
    """All orientations, those of the cells upside down just where their rows are."""
    orientation = placement.orientation.copy()
    orientation[cells] = orientation[cells] % 2 + np.where(
        rows.flipped[row], np.int8(Orientation.FS), np.int8(Orientation.N)
    )
    return orientation
