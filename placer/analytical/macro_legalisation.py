"""Macros onto rows and sites in the order that global placement gives them.

All lengths in whole units: a site in x; in y a row is as many units as it is sites high, so that distances in
x and y compare. Corners lie on rows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from placer.analytical.rows import Rows
from placer.legalise import settle
from placer.netlist import InputError, IntArray, Netlist, NodeKind, Placement
from placer.packing import Packing, search_orders
from placer.relations import compact

ROUNDS = 10
"""Pairs per macro that the repair of the order may turn from beside to above, or back."""


def legalise_macros(netlist: Netlist, placement: Placement, rows: Rows, seed: int = 0) -> Placement:
    """Put the movable hard macros on rows and sites without overlap, moved as little as their order allows.

    Where their order cannot be kept, the largest first each goes to the nearest free place.

    Raises:
        InputError: no legal placement was found.
    """
    hard = netlist.nodes(NodeKind.HARD)
    macros = hard[~netlist.node_fixed[hard]]
    if not len(macros):
        return placement
    units = max(round(rows.height / rows.site), 1)
    packing = _packing(netlist, placement, macros, hard[netlist.node_fixed[hard]], rows, units)
    corner = compact(packing, packing.target, ROUNDS * len(macros), (1, units))
    if corner is None:
        scale = np.array([1, units])
        order = np.argsort(-packing.size.prod(1), kind="stable")
        blocks = packing.blocks // np.tile(scale, 2)
        bounds = [v // scale for v in (packing.size, packing.low, packing.high, packing.target)]
        corner, found = search_orders(*bounds, np.tile([1.0, units], (len(macros), 1)), blocks, order, 40, seed)
        corner = corner * scale
        if not found:
            raise InputError(f"{netlist.name}: found no legal place for all macros; enlarge the canvas")
        moved = compact(packing, corner, 0, (1, units))
        corner = corner if moved is None else moved
    position = placement.position.copy()
    position[macros, 0] = rows.origin + corner[:, 0] * rows.site + netlist.node_size[macros, 0] / 2
    position[macros, 1] = rows.bottom[0] + corner[:, 1] / units * rows.height + netlist.node_size[macros, 1] / 2
    return replace(placement, position=settle(netlist, position, hard, 0.0, False))


def _packing(
    netlist: Netlist, placement: Placement, macros: IntArray, fixed: IntArray, rows: Rows, units: int
) -> Packing:
    """The macros on the grid of sites and rows, fixed macros as obstacles."""
    unit = np.array([rows.site, rows.height / units])
    start = np.array([rows.origin, rows.bottom[0]])
    step = np.array([1, units])
    slack = 1e-6

    def up(values: np.ndarray) -> np.ndarray:
        return np.ceil(values / (unit * step) - slack).astype(np.int64) * step

    def down(values: np.ndarray) -> np.ndarray:
        return np.floor(values / (unit * step) + slack).astype(np.int64) * step

    size = up(netlist.node_size[macros])
    canvas = np.array([netlist.canvas.width, netlist.canvas.height])
    low = np.tile(up(-start), (len(macros), 1))
    high = down(canvas - start - size * unit)
    if (high < low).any():
        name = netlist.node_names[macros[np.flatnonzero((high < low).any(1))[0]]]
        raise InputError(f"{netlist.name}: {name} is larger than the canvas")
    wanted = (placement.position[macros] - netlist.node_size[macros] / 2 - start) / unit
    target = np.clip(np.round(wanted).astype(np.int64), low, high)
    centre, half = placement.position[fixed] - start, netlist.node_size[fixed] / 2
    blocks = np.concatenate([down(centre - half), up(centre + half)], 1)
    return Packing(size, low, high, target, blocks)
