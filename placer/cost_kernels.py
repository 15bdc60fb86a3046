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


# The functions below that are called once per net take the arrays that they use: a whole state is some 200 words.


@njit(cache=True, inline="always")
def _run_h(maps: Any, columns: int, row: int, a: int, b: int, charge: int) -> None:
    """Charge cells a .. b - 1 of a row, whichever way round; kept as a difference at both ends."""
    base = row * columns
    maps[NET_H, base + min(a, b)] += charge
    maps[NET_H, base + max(a, b)] -= charge


@njit(cache=True, inline="always")
def _run_v(maps: Any, rows: int, column: int, a: int, b: int, charge: int) -> None:
    """Charge cells a .. b - 1 of a column, whichever way round."""
    base = column * rows
    maps[NET_V, base + min(a, b)] += charge
    maps[NET_V, base + max(a, b)] -= charge


@njit(cache=True, inline="always")
def _run_two(maps: Any, columns: int, rows: int, source: int, sink: int, charge: int) -> None:
    """Charge a net of two cells: along the source's row, then along the sink's column."""
    _run_h(maps, columns, source & 65535, source >> 16, sink >> 16, charge)
    _run_v(maps, rows, sink >> 16, source & 65535, sink & 65535, charge)


@njit(cache=True)
def _run_three(maps: Any, columns: int, rows: int, a: int, b: int, c: int, charge: int) -> None:
    """Charge a net of three distinct cells."""
    a, b = min(a, b), max(a, b)
    a, c = min(a, c), max(a, c)
    b, c = min(b, c), max(b, c)
    # Sorted by (column, row) now.
    xa, xb, xc = a >> 16, b >> 16, c >> 16
    ya, yb, yc = a & 65535, b & 65535, c & 65535
    low, high = min(ya, yb, yc), max(ya, yb, yc)
    one = xa < xb and xb < xc and min(ya, yc) < yb and yb < max(ya, yc)
    if not one and xb == xc and xa < xb and ya < yb:
        _run_h(maps, columns, ya, xa, xb, charge)
        _run_v(maps, rows, xb, ya, yc, charge)
    elif one or yb == yc:
        _run_h(maps, columns, ya, xa, xb, charge)
        _run_h(maps, columns, yb, xb, xc, charge)
        _run_v(maps, rows, xb, ya, yb, charge)
        _run_v(maps, rows, xc, yb, yc, charge)
    else:
        middle = ya + yb + yc - low - high
        # At equal rows the lowest has the smaller column, the highest the larger.
        x_low = xa if ya == low else (xb if yb == low else xc)
        x_high = xc if yc == high else (xb if yb == high else xa)
        _run_h(maps, columns, middle, xa, xc, charge)
        _run_v(maps, rows, x_low, low, middle, charge)
        _run_v(maps, rows, x_high, middle, high, charge)


@njit(cache=True)
def _route(
    maps: Any, slot_cell: Any, cell_stamp: Any, distinct: Any, counters: Any, first: int, end: int, charge: int
) -> int:
    """Charge the route of a net, whose slots are first .. end - 1; the number of its distinct cells."""
    columns, rows = counters[COLUMNS], counters[ROWS]
    source = slot_cell[first]
    if end - first == 2:
        sink = slot_cell[first + 1]
        if sink == source:
            return 1
        _run_two(maps, columns, rows, source, sink, charge)
        return 2
    stamp = counters[STAMP] + 1
    counters[STAMP] = stamp
    count = 0
    for slot in range(first, end):
        cell = slot_cell[slot]
        place = (cell & 65535) * columns + (cell >> 16)
        if cell_stamp[place] != stamp:
            cell_stamp[place] = stamp
            distinct[count] = cell
            count += 1
    if count == 3:
        _run_three(maps, columns, rows, distinct[0], distinct[1], distinct[2], charge)
    else:
        for k in range(1, count):
            _run_two(maps, columns, rows, source, distinct[k], charge)
    return count


@njit(cache=True)
def _half_perimeter(slot_at: Any, first: int, end: int) -> float:
    """Half the perimeter of the box around slots first .. end - 1, um."""
    x1 = x2 = slot_at[first, 0]
    y1 = y2 = slot_at[first, 1]
    for slot in range(first + 1, end):
        x, y = slot_at[slot, 0], slot_at[slot, 1]
        x1, x2 = min(x1, x), max(x2, x)
        y1, y2 = min(y1, y), max(y2, y)
    return (x2 - x1) + (y2 - y1)


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
        s.net_cells[net] = _route(maps, slot_cell, stamps, distinct, s.counters, first, end, s.net_charge[net])
        length = _fixed(s.net_weight[net] * _half_perimeter(slot_at, first, end), scale)
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


@njit(cache=True)
def _reroute_sink(
    maps: Any, slot_cell: Any, cell_stamp: Any, distinct: Any, counters: Any, first: int, end: int, charge: int,
    slot: int, cell: int, before: int,
) -> int:  # fmt: skip
    """Move one slot, not the source, of a net of ``before`` cells to another cell; the number of its cells then.

    A net that is a star before and after loses and gains at most one arm; only if it has three cells before or
    after is it routed anew.
    """
    columns, rows = counters[COLUMNS], counters[ROWS]
    old, source = slot_cell[slot], slot_cell[first]
    in_old = in_new = 0
    for k in range(first, end):
        in_old += slot_cell[k] == old
        in_new += slot_cell[k] == cell
    after = before - (in_old == 1) + (in_new == 0)
    if before != 3 and after != 3:
        if in_old == 1:
            _run_two(maps, columns, rows, source, old, -charge)
        if in_new == 0:
            _run_two(maps, columns, rows, source, cell, charge)
        slot_cell[slot] = cell
    else:
        _route(maps, slot_cell, cell_stamp, distinct, counters, first, end, -charge)
        slot_cell[slot] = cell
        _route(maps, slot_cell, cell_stamp, distinct, counters, first, end, charge)
    return after


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
                _route(s.maps, s.slot_cell, s.cell_stamp, s.distinct, s.counters, first, end, -charge)
                routed = True
            s.slot_cell[slot] = cell
        s.slot_at[slot, 0] = x
        s.slot_at[slot, 1] = y
    if routed:
        s.net_cells[net] = _route(s.maps, s.slot_cell, s.cell_stamp, s.distinct, s.counters, first, end, charge)


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
                s.net_cells[net] = _reroute_sink(
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
        span = _half_perimeter(s.slot_at, s.net_start[net], s.net_start[net + 1])
        new = _fixed(s.net_weight[net] * span, s.scalars[WL_SCALE])
        total += new - s.net_length[net]
        s.net_length[net] = new
    s.counters[WL_SUM] = total


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
