"""Compiled kernels of the proxy cost's state: build it afresh, move a node, keep or take back.

All are numba functions on a ``CostState``, so that a whole optimiser can run compiled; ``cost_terms`` reads the cost. A
transaction is any number of ``apply_move``, then ``commit`` or ``undo``. The definition is that of the public reference
evaluator of TILOS MacroPlacement (``Docs/ProxyCost/README.md`` there).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

# isort: off
from placer.cost_state import (
    AREA_SCALE, BLOCK_H, BLOCK_SCALE, BLOCK_V, CELL_H, CELL_W, COLUMNS, DENSITY, N_SAVED_NETS, N_SAVED_NODES, ROWS,
    SAVED, SAVED_BLOCKS, SAVED_WL, WL_SCALE, WL_SUM,
)  # fmt: skip

# isort: on
from placer.routing_kernels import half_perimeter, reroute_sink, route

PARTIAL = 1e-5  # um; a row or column covered to within this is covered in full


@njit(cache=True, inline="always")
def _fixed(value: float, scale: float) -> int:
    """Fixed point of a value, rounded to nearest."""
    return math.floor(value * scale + 0.5)


@njit(cache=True, inline="always")
def _clamp(value: float, count: int) -> int:
    """The cell that a coordinate in cell widths lies in, clamped into the grid."""
    return min(max(math.floor(value), 0), count - 1)


@njit(cache=True, inline="always")
def _cell_at(s: Any, x: float, y: float) -> int:
    """The cell of a place, as slots keep it: in the order of (column, row)."""
    column = _clamp(x / s.scalars[CELL_W], s.counters[COLUMNS])
    row = _clamp(y / s.scalars[CELL_H], s.counters[ROWS])
    return (column << 16) | row


@njit(cache=True)
def _place_slots(s: Any, node: int) -> None:
    """Set the slots of a node from its place."""
    orientation = s.orientation[node]
    sx = -1.0 if orientation == 1 or orientation == 3 else 1.0
    sy = -1.0 if orientation >= 2 else 1.0
    x = y = 0.0
    cell = 0
    last = -1
    for k in range(s.node_start[node], s.node_start[node + 1]):
        slot = s.node_slots[k]
        q = s.net_points[slot]
        if q != last:
            x = s.position[node, 0] + sx * s.point_offset[q, 0]
            y = s.position[node, 1] + sy * s.point_offset[q, 1]
            cell = _cell_at(s, x, y)
            last = q
        s.slot_at[slot, 0] = x
        s.slot_at[slot, 1] = y
        s.slot_cell[slot] = cell


@njit(cache=True)
def _count_area(s: Any, node: int, sign: int) -> None:
    """Add a macro to the density map and, if it is hard, to the blockage maps; sign -1 takes it away."""
    half_w, half_h = s.half[node, 0], s.half[node, 1]
    if half_w <= 0 or half_h <= 0:
        return
    columns, rows = s.counters[COLUMNS], s.counters[ROWS]
    gw, gh = s.scalars[CELL_W], s.scalars[CELL_H]
    x1, x2 = s.position[node, 0] - half_w, s.position[node, 0] + half_w
    y1, y2 = s.position[node, 1] - half_h, s.position[node, 1] + half_h
    c2, r2 = math.floor(x2 / gw), math.floor(y2 / gh)
    c1, r1 = math.floor(x1 / gw), math.floor(y1 / gh)
    if c2 < 0 or r2 < 0 or c1 >= columns or r1 >= rows:
        return
    c1, r1 = max(c1, 0), max(r1, 0)
    c2, r2 = min(c2, columns - 1), min(r2, rows - 1)
    scale = s.scalars[AREA_SCALE]
    for r in range(r1, r2 + 1):
        dy = min(y2, (r + 1) * gh) - max(y1, r * gh)
        if dy > 0:
            for c in range(c1, c2 + 1):
                dx = min(x2, (c + 1) * gw) - max(x1, c * gw)
                if dx > 0:
                    s.maps[DENSITY, r * columns + c] += sign * _fixed(dx * dy, scale)
    if not s.is_hard[node]:
        return
    # A partly covered end row takes the top row out of V; a partly covered end column the right one out of H.
    low, high = min(y2, (r1 + 1) * gh) - max(y1, r1 * gh), min(y2, (r2 + 1) * gh) - max(y1, r2 * gh)
    v_end = r2 if r1 != r2 and (abs(low - gh) > PARTIAL or abs(high - gh) > PARTIAL) else r2 + 1
    low, high = min(x2, (c1 + 1) * gw) - max(x1, c1 * gw), min(x2, (c2 + 1) * gw) - max(x1, c2 * gw)
    h_end = c2 if c1 != c2 and (abs(low - gw) > PARTIAL or abs(high - gw) > PARTIAL) else c2 + 1
    scale = s.scalars[BLOCK_SCALE]
    for c in range(c1, c2 + 1):
        dx = max(min(x2, (c + 1) * gw) - max(x1, c * gw), 0.0)
        length = sign * _fixed(dx, scale)
        for r in range(r1, v_end):
            s.maps[BLOCK_V, c * rows + r] += length
    for r in range(r1, r2 + 1):
        dy = max(min(y2, (r + 1) * gh) - max(y1, r * gh), 0.0)
        length = sign * _fixed(dy, scale)
        for c in range(c1, h_end):
            s.maps[BLOCK_H, r * columns + c] += length


@njit(cache=True)
def rebuild(s: Any) -> None:
    """Compute all from ``position`` and ``orientation``; ends any transaction, keeping what it moved."""
    commit(s)
    s.maps[:] = 0
    for node in range(s.half.shape[0]):
        _place_slots(s, node)
        _count_area(s, node, 1)
    total = 0
    maps, slot_cell, slot_at, stamps, distinct = s.maps, s.slot_cell, s.slot_at, s.cell_stamp, s.distinct
    scale = s.scalars[WL_SCALE]
    for net in range(s.net_length.shape[0]):
        first, end = s.net_start[net], s.net_start[net + 1]
        s.net_cells[net] = route(maps, slot_cell, stamps, distinct, s.counters, first, end, s.net_charge[net])
        length = _fixed(s.net_weight[net] * half_perimeter(slot_at, first, end), scale)
        s.net_length[net] = length
        total += length
    s.counters[WL_SUM] = total


@njit(cache=True)
def commit(s: Any) -> None:
    """Keep what was moved since the last ``commit`` or ``undo``."""
    c = s.counters
    for k in range(c[N_SAVED_NODES]):
        s.node_stamp[s.saved_nodes[k]] = 0
    for k in range(c[N_SAVED_NETS]):
        s.net_stamp[s.saved_nets[k]] = 0
    c[N_SAVED_NODES] = c[N_SAVED_NETS] = c[SAVED] = c[SAVED_BLOCKS] = 0


@njit(cache=True)
def _copy_rows(source: Any, target: Any, first: int, end: int) -> None:
    for row in range(first, end):
        for k in range(source.shape[1]):
            target[row, k] = source[row, k]


@njit(cache=True)
def undo(s: Any) -> None:
    """Take back what was moved since the last ``commit`` or ``undo``, exactly."""
    c = s.counters
    if c[SAVED] == 1:
        _copy_rows(s.saved_maps, s.maps, DENSITY, BLOCK_H)
        c[WL_SUM] = c[SAVED_WL]
    if c[SAVED_BLOCKS] == 1:
        _copy_rows(s.saved_maps, s.maps, BLOCK_H, BLOCK_V + 1)
    for k in range(c[N_SAVED_NETS]):
        s.net_length[s.saved_nets[k]] = s.saved_length[k]
        s.net_cells[s.saved_nets[k]] = s.saved_cells[k]
    for k in range(c[N_SAVED_NODES]):
        node = s.saved_nodes[k]
        s.position[node, 0] = s.saved_place[k, 0]
        s.position[node, 1] = s.saved_place[k, 1]
        s.orientation[node] = np.int8(s.saved_place[k, 2])
        _place_slots(s, node)
    commit(s)


@njit(cache=True)
def _save(s: Any, node: int) -> None:
    """Save what moving this node overwrites, once per transaction."""
    c = s.counters
    if c[SAVED] == 0:
        _copy_rows(s.maps, s.saved_maps, DENSITY, BLOCK_H)
        c[SAVED_WL] = c[WL_SUM]
        c[SAVED] = 1
    if s.is_hard[node] and c[SAVED_BLOCKS] == 0:
        _copy_rows(s.maps, s.saved_maps, BLOCK_H, BLOCK_V + 1)
        c[SAVED_BLOCKS] = 1
    if s.node_stamp[node] == 0:
        s.node_stamp[node] = 1
        k = c[N_SAVED_NODES]
        s.saved_nodes[k] = node
        s.saved_place[k, 0] = s.position[node, 0]
        s.saved_place[k, 1] = s.position[node, 1]
        s.saved_place[k, 2] = s.orientation[node]
        c[N_SAVED_NODES] = k + 1


@njit(cache=True, inline="always")
def _save_net(s: Any, net: int) -> None:
    """Save a net's length and number of cells, once per transaction."""
    if s.net_stamp[net] == 0:
        s.net_stamp[net] = 1
        k = s.counters[N_SAVED_NETS]
        s.saved_nets[k] = net
        s.saved_length[k] = s.net_length[net]
        s.saved_cells[k] = s.net_cells[net]
        s.counters[N_SAVED_NETS] = k + 1


@njit(cache=True, inline="always")
def _reroute(s: Any, net: int, node: int, begin: int, stop: int, sx: float, sy: float) -> None:
    """Move the slots ``node_slots[begin:stop]`` of a net to where their node is."""
    first, end, charge = s.net_start[net], s.net_start[net + 1], s.net_charge[net]
    routed = False
    for k in range(begin, stop):
        slot = s.node_slots[k]
        q = s.net_points[slot]
        x = s.position[node, 0] + sx * s.point_offset[q, 0]
        y = s.position[node, 1] + sy * s.point_offset[q, 1]
        cell = _cell_at(s, x, y)
        if s.slot_cell[slot] != cell:
            if not routed:
                route(s.maps, s.slot_cell, s.cell_stamp, s.distinct, s.counters, first, end, -charge)
                routed = True
            s.slot_cell[slot] = cell
        s.slot_at[slot, 0] = x
        s.slot_at[slot, 1] = y
    if routed:
        s.net_cells[net] = route(s.maps, s.slot_cell, s.cell_stamp, s.distinct, s.counters, first, end, charge)


@njit(cache=True)
def apply_move(s: Any, node: int, x: float, y: float, orientation: int) -> None:
    """Put a node's centre at (x, y) um in this orientation; part of the transaction until ``commit`` or ``undo``."""
    _save(s, node)
    if s.position[node, 0] != x or s.position[node, 1] != y:
        _count_area(s, node, -1)
        s.position[node, 0] = x
        s.position[node, 1] = y
        _count_area(s, node, 1)
    s.orientation[node] = orientation
    sx = -1.0 if orientation == 1 or orientation == 3 else 1.0
    sy = -1.0 if orientation >= 2 else 1.0
    total = s.counters[WL_SUM]
    at_x = at_y = 0.0
    cell = 0
    last = -1
    k, end = s.node_start[node], s.node_start[node + 1]
    while k < end:
        net = s.node_nets[k]
        slot = s.node_slots[k]
        _save_net(s, net)
        if (k + 1 == end or s.node_nets[k + 1] != net) and slot != s.net_start[net]:
            q = s.net_points[slot]
            if q != last:
                at_x = x + sx * s.point_offset[q, 0]
                at_y = y + sy * s.point_offset[q, 1]
                cell = _cell_at(s, at_x, at_y)
                last = q
            if s.slot_cell[slot] != cell:
                s.net_cells[net] = reroute_sink(
                    s.maps, s.slot_cell, s.cell_stamp, s.distinct, s.counters, s.net_start[net], s.net_start[net + 1],
                    s.net_charge[net], slot, cell, s.net_cells[net],
                )  # fmt: skip
            s.slot_at[slot, 0] = at_x
            s.slot_at[slot, 1] = at_y
            k += 1
        else:
            begin = k
            while k < end and s.node_nets[k] == net:
                k += 1
            _reroute(s, net, node, begin, k, sx, sy)
        span = half_perimeter(s.slot_at, s.net_start[net], s.net_start[net + 1])
        new = _fixed(s.net_weight[net] * span, s.scalars[WL_SCALE])
        total += new - s.net_length[net]
        s.net_length[net] = new
    s.counters[WL_SUM] = total
