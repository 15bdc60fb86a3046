"""Compiled kernels of the proxy cost: build it afresh, move a node, undo, read the cost.

All are numba functions on a ``CostState``, so that a whole optimiser can run compiled. A transaction is any number of
``apply_move``, then ``commit`` or ``undo``. The definition is that of the public reference evaluator of TILOS
MacroPlacement (``Docs/ProxyCost/README.md`` there).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

# isort: off
from placer.cost_state import (
    AREA_SCALE, BLOCK_H, BLOCK_SCALE, BLOCK_V, CELL_H, CELL_W, COLUMNS, DENSITY, H_BLOCK, H_NET, HINT_CONG, HINT_DEN,
    N_SAVED_NETS, N_SAVED_NODES, NET_H, NET_V, ROWS, SAVED, SAVED_BLOCKS, SAVED_WL, SMOOTH, STAMP, TOP_CONG, TOP_DEN,
    V_BLOCK, V_NET, W_CONG, W_DEN, W_WL, WL_NORM, WL_SCALE, WL_SUM,
)  # fmt: skip
# isort: on

PARTIAL = 1e-5  # um; a row or column covered to within this is covered in full


@njit(cache=True, inline="always")
def _fixed(value: float, scale: float) -> int:
    """Fixed point of a value, rounded to nearest."""
    return math.floor(value * scale + 0.5)


@njit(cache=True, inline="always")
def _clamp(value: float, count: int) -> int:
    """The cell that a coordinate in cell widths lies in, clamped into the grid."""
    return min(max(math.floor(value), 0), count - 1)


@njit(cache=True)
def _place_points(s: Any, node: int) -> bool:
    """Set the points of a node from its place; whether any point's cell changed."""
    changed = False
    orientation = s.orientation[node]
    sx = -1.0 if orientation == 1 or orientation == 3 else 1.0
    sy = -1.0 if orientation >= 2 else 1.0
    for q in range(s.node_point[node], s.node_point[node + 1]):
        x = s.position[node, 0] + sx * s.point_offset[q, 0]
        y = s.position[node, 1] + sy * s.point_offset[q, 1]
        column = _clamp(x / s.scalars[CELL_W], s.counters[COLUMNS])
        row = _clamp(y / s.scalars[CELL_H], s.counters[ROWS])
        s.point_at[q, 0] = x
        s.point_at[q, 1] = y
        if s.point_cell[q, 0] != column or s.point_cell[q, 1] != row:
            s.point_cell[q, 0] = column
            s.point_cell[q, 1] = row
            changed = True
    return changed


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


@njit(cache=True, inline="always")
def _run_h(s: Any, row: int, a: int, b: int, charge: int) -> None:
    """Charge cells a .. b - 1 of a row, whichever way round; kept as a difference at both ends."""
    base = row * s.counters[COLUMNS]
    s.maps[NET_H, base + min(a, b)] += charge
    s.maps[NET_H, base + max(a, b)] -= charge


@njit(cache=True, inline="always")
def _run_v(s: Any, column: int, a: int, b: int, charge: int) -> None:
    """Charge cells a .. b - 1 of a column, whichever way round."""
    base = column * s.counters[ROWS]
    s.maps[NET_V, base + min(a, b)] += charge
    s.maps[NET_V, base + max(a, b)] -= charge


@njit(cache=True)
def _route_three(s: Any, charge: int) -> None:
    """Charge a net of the three distinct cells in ``net_cells[:3]``."""
    xa, ya, xb, yb = s.net_cells[0, 0], s.net_cells[0, 1], s.net_cells[1, 0], s.net_cells[1, 1]
    xc, yc = s.net_cells[2, 0], s.net_cells[2, 1]
    # Sorted by (column, row).
    if xb < xa or (xb == xa and yb < ya):
        xa, ya, xb, yb = xb, yb, xa, ya
    if xc < xb or (xc == xb and yc < yb):
        xb, yb, xc, yc = xc, yc, xb, yb
        if xb < xa or (xb == xa and yb < ya):
            xa, ya, xb, yb = xb, yb, xa, ya
    if xa < xb and xb < xc and min(ya, yc) < yb and yb < max(ya, yc):
        _run_h(s, ya, xa, xb, charge)
        _run_h(s, yb, xb, xc, charge)
        _run_v(s, xb, ya, yb, charge)
        _run_v(s, xc, yb, yc, charge)
    elif xb == xc and xa < xb and ya < min(yb, yc):
        _run_h(s, ya, xa, xb, charge)
        _run_v(s, xb, ya, max(yb, yc), charge)
    elif yb == yc:
        _run_h(s, ya, xa, xb, charge)
        _run_h(s, yb, xb, xc, charge)
        _run_v(s, xb, ya, yb, charge)
    else:
        low, high = min(ya, yb, yc), max(ya, yb, yc)
        left, right = min(xa, xb, xc), max(xa, xb, xc)
        middle = ya + yb + yc - low - high
        _run_h(s, middle, left, right, charge)
        # Lowest and highest by (row, column): at equal rows the lowest has the smaller column.
        x_low = min(xa if ya == low else right, xb if yb == low else right, xc if yc == low else right)
        x_high = max(xa if ya == high else left, xb if yb == high else left, xc if yc == high else left)
        _run_v(s, x_low, low, middle, charge)
        _run_v(s, x_high, middle, high, charge)


@njit(cache=True)
def _route(s: Any, net: int, sign: int) -> None:
    """Charge a net's route to the maps; sign -1 takes it away."""
    stamp = s.counters[STAMP] + 1
    s.counters[STAMP] = stamp
    charge = sign * s.net_charge[net]
    columns = s.counters[COLUMNS]
    first = s.net_start[net]
    distinct = 0
    for k in range(first, s.net_start[net + 1]):
        q = s.net_points[k]
        column, row = s.point_cell[q, 0], s.point_cell[q, 1]
        cell = row * columns + column
        if s.cell_stamp[cell] != stamp:
            s.cell_stamp[cell] = stamp
            s.net_cells[distinct, 0] = column
            s.net_cells[distinct, 1] = row
            distinct += 1
    if distinct == 3:
        _route_three(s, charge)
    elif distinct > 1:
        column, row = s.net_cells[0, 0], s.net_cells[0, 1]
        for k in range(1, distinct):
            _run_h(s, row, column, s.net_cells[k, 0], charge)
            _run_v(s, s.net_cells[k, 0], row, s.net_cells[k, 1], charge)


@njit(cache=True)
def _length(s: Any, net: int) -> int:
    """Weight x half-perimeter of a net in fixed point."""
    first = s.net_start[net]
    q = s.net_points[first]
    x1 = x2 = s.point_at[q, 0]
    y1 = y2 = s.point_at[q, 1]
    for k in range(first + 1, s.net_start[net + 1]):
        q = s.net_points[k]
        x, y = s.point_at[q, 0], s.point_at[q, 1]
        x1, x2 = min(x1, x), max(x2, x)
        y1, y2 = min(y1, y), max(y2, y)
    return _fixed(s.net_weight[net] * ((x2 - x1) + (y2 - y1)), s.scalars[WL_SCALE])


@njit(cache=True)
def rebuild(s: Any) -> None:
    """Compute all from ``position`` and ``orientation``; ends any transaction, keeping what it moved."""
    commit(s)
    s.maps[:] = 0
    for node in range(s.half.shape[0]):
        _place_points(s, node)
        _count_area(s, node, 1)
    total = 0
    for net in range(s.net_length.shape[0]):
        _route(s, net, 1)
        s.net_length[net] = _length(s, net)
        total += s.net_length[net]
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
def undo(s: Any) -> None:
    """Take back what was moved since the last ``commit`` or ``undo``, exactly."""
    c = s.counters
    if c[SAVED] == 1:
        s.maps[:3] = s.saved_maps[:3]
        c[WL_SUM] = c[SAVED_WL]
    if c[SAVED_BLOCKS] == 1:
        s.maps[3:] = s.saved_maps[3:]
    for k in range(c[N_SAVED_NETS]):
        s.net_length[s.saved_nets[k]] = s.saved_length[k]
    for k in range(c[N_SAVED_NODES]):
        node = s.saved_nodes[k]
        s.position[node, 0] = s.saved_place[k, 0]
        s.position[node, 1] = s.saved_place[k, 1]
        s.orientation[node] = np.int8(s.saved_place[k, 2])
        _place_points(s, node)
    commit(s)


@njit(cache=True)
def _save(s: Any, node: int) -> None:
    """Save what moving this node overwrites, once per transaction."""
    c = s.counters
    if c[SAVED] == 0:
        s.saved_maps[:3] = s.maps[:3]
        c[SAVED_WL] = c[WL_SUM]
        c[SAVED] = 1
    if s.is_hard[node] and c[SAVED_BLOCKS] == 0:
        s.saved_maps[3:] = s.maps[3:]
        c[SAVED_BLOCKS] = 1
    if s.node_stamp[node] == 0:
        s.node_stamp[node] = 1
        k = c[N_SAVED_NODES]
        s.saved_nodes[k] = node
        s.saved_place[k, 0] = s.position[node, 0]
        s.saved_place[k, 1] = s.position[node, 1]
        s.saved_place[k, 2] = s.orientation[node]
        c[N_SAVED_NODES] = k + 1


@njit(cache=True)
def _will_change_cell(s: Any, node: int, x: float, y: float, orientation: int) -> bool:
    """Whether any point of the node changes its cell when the node goes there."""
    sx = -1.0 if orientation == 1 or orientation == 3 else 1.0
    sy = -1.0 if orientation >= 2 else 1.0
    for q in range(s.node_point[node], s.node_point[node + 1]):
        px, py = x + sx * s.point_offset[q, 0], y + sy * s.point_offset[q, 1]
        if _clamp(px / s.scalars[CELL_W], s.counters[COLUMNS]) != s.point_cell[q, 0]:
            return True
        if _clamp(py / s.scalars[CELL_H], s.counters[ROWS]) != s.point_cell[q, 1]:
            return True
    return False


@njit(cache=True)
def apply_move(s: Any, node: int, x: float, y: float, orientation: int) -> None:
    """Put a node's centre at (x, y) um in this orientation; part of the transaction until ``commit`` or ``undo``."""
    _save(s, node)
    c = s.counters
    first, last = s.node_net_start[node], s.node_net_start[node + 1]
    reroute = _will_change_cell(s, node, x, y, orientation)
    if reroute:
        for k in range(first, last):
            _route(s, s.node_nets[k], -1)
    if s.position[node, 0] != x or s.position[node, 1] != y:
        _count_area(s, node, -1)
        s.position[node, 0] = x
        s.position[node, 1] = y
        _count_area(s, node, 1)
    s.orientation[node] = orientation
    _place_points(s, node)
    total = c[WL_SUM]
    for k in range(first, last):
        net = s.node_nets[k]
        if reroute:
            _route(s, net, 1)
        old = s.net_length[net]
        new = _length(s, net)
        if new != old:
            if s.net_stamp[net] == 0:
                s.net_stamp[net] = 1
                j = c[N_SAVED_NETS]
                s.saved_nets[j] = net
                s.saved_length[j] = old
                c[N_SAVED_NETS] = j + 1
            s.net_length[net] = new
            total += new - old
    c[WL_SUM] = total


@njit(cache=True)
def _select(values: Any, size: int, rank: int) -> float:
    """The rank-th largest (1 the largest) of values[:size], which it permutes (Hoare's quickselect)."""
    left, right = 0, size - 1
    target = rank - 1
    while left < right:
        middle = (left + right) >> 1
        a, b, c = values[left], values[middle], values[right]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = left, right
        while i <= j:
            while values[i] > pivot:
                i += 1
            while values[j] < pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if target <= j:
            right = j
        elif target >= i:
            left = i
        else:
            return values[target]
    return values[target]


@njit(cache=True)
def _top_sum(s: Any, values: Any, size: int, top: int, hint: int) -> float:
    """Sum of the ``top`` largest of values[:size].

    Looks first at those above a threshold left by the last call (``scalars[hint]``), which are few: the sum is of whole
    numbers, so the order in which they are found leaves no trace in it.
    """
    threshold = s.scalars[hint]
    picked = s.picked
    count = 0
    for k in range(size):
        picked[count] = values[k]
        count += values[k] >= threshold
    if count < top or count > 2 * top + 16:
        picked[:size] = values[:size]
        count = size
        s.scalars[hint] = _select(picked, size, min(size, top + (top >> 1) + 4))
    kth = _select(picked, count, top)
    # The selection has put the largest first.
    largest = 0.0
    for k in range(top):
        largest = max(largest, picked[k])
    if largest <= 0.0:
        return 0.0
    scale = 2.0 ** (60 - math.frexp(largest * top)[1])
    total = 0
    for k in range(top):
        total += int(max(picked[k], kth) * scale)
    return total / scale


@njit(cache=True)
def density(s: Any) -> float:
    """The density cost: half of the mean of the fullest tenth of the cells."""
    cells = s.cell_stamp.shape[0]
    values = s.values
    scale = 1.0 / (s.scalars[AREA_SCALE] * s.scalars[CELL_W] * s.scalars[CELL_H])
    for k in range(cells):
        values[k] = s.maps[DENSITY, k] * scale
    top = s.counters[TOP_DEN]
    if top > 0:
        return 0.5 * _top_sum(s, values, cells, top, HINT_DEN) / top
    total, some = 0.0, 0
    for k in range(cells):
        total += values[k]
        some += values[k] > 0
    return 0.5 * total / some if some > 0 else 0.0


@njit(cache=True)
def _demand(s: Any, which: int, lines: int, length: int, out: Any) -> None:
    """One direction's relative demand, unsmoothed, from the differences along its lines, [lines x length] into out."""
    net = s.scalars[H_NET] if which == NET_H else s.scalars[V_NET]
    for line in range(lines):
        level = 0
        for k in range(line * length, (line + 1) * length):
            level += s.maps[which, k]
            out[k] = level * net


@njit(cache=True)
def _smooth(s: Any, lines: int, length: int, values: Any) -> None:
    """Spread each value equally over those within range on other lines: [lines x length], in place."""
    reach = s.counters[SMOOTH]
    spread = s.picked
    for line in range(lines):
        share = 1.0 / (min(line + reach, lines - 1) - max(line - reach, 0) + 1)
        for k in range(line * length, (line + 1) * length):
            spread[k] = values[k] * share
    for line in range(lines):
        for k in range(length):
            values[line * length + k] = 0.0
        for other in range(max(line - reach, 0), min(line + reach, lines - 1) + 1):
            for k in range(length):
                values[line * length + k] += spread[other * length + k]


@njit(cache=True)
def congestion_maps(s: Any) -> None:
    """Relative demand of each cell into ``values``: horizontal [rows, columns], then vertical [columns, rows]."""
    columns, rows = s.counters[COLUMNS], s.counters[ROWS]
    cells = columns * rows
    horizontal, vertical = s.values[:cells], s.values[cells:]
    _demand(s, NET_H, rows, columns, horizontal)
    _demand(s, NET_V, columns, rows, vertical)
    if s.counters[SMOOTH] > 0:
        _smooth(s, rows, columns, horizontal)
        _smooth(s, columns, rows, vertical)
    for k in range(cells):
        horizontal[k] += s.maps[BLOCK_H, k] * s.scalars[H_BLOCK]
        vertical[k] += s.maps[BLOCK_V, k] * s.scalars[V_BLOCK]


@njit(cache=True)
def congestion(s: Any) -> float:
    """The congestion cost: mean of the worst twentieth of all entries of both maps."""
    congestion_maps(s)
    size = 2 * s.cell_stamp.shape[0]
    top = s.counters[TOP_CONG]
    if top > 0:
        return _top_sum(s, s.values, size, top, HINT_CONG) / top
    return np.max(s.values[:size])


@njit(cache=True)
def wirelength(s: Any) -> float:
    """The wirelength cost."""
    return s.counters[WL_SUM] / (s.scalars[WL_SCALE] * s.scalars[WL_NORM])


@njit(cache=True)
def parts(s: Any) -> tuple[float, float, float]:
    """Wirelength, density and congestion of the placement."""
    return wirelength(s), density(s), congestion(s)


@njit(cache=True)
def cost(s: Any) -> float:
    """The weighted sum of the parts; the weights are those given to ``build_state``."""
    return s.scalars[W_WL] * wirelength(s) + s.scalars[W_DEN] * density(s) + s.scalars[W_CONG] * congestion(s)
