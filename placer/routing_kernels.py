"""Compiled kernels of the proxy cost's routing model: which cells a net charges, and its half perimeter.

They are called once per net and take the arrays that they use: a whole state is some 200 words. Cells are numbers
``column * 65536 + row``; charges are kept as differences along the runs. See ``cost_kernels``.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from placer.cost_state import COLUMNS, NET_H, NET_V, ROWS, STAMP


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
def route(
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
def half_perimeter(slot_at: Any, first: int, end: int) -> float:
    """Half the perimeter of the box around slots first .. end - 1, um."""
    x1 = x2 = slot_at[first, 0]
    y1 = y2 = slot_at[first, 1]
    for slot in range(first + 1, end):
        x, y = slot_at[slot, 0], slot_at[slot, 1]
        x1, x2 = min(x1, x), max(x2, x)
        y1, y2 = min(y1, y), max(y2, y)
    return (x2 - x1) + (y2 - y1)


@njit(cache=True)
def reroute_sink(
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
        route(maps, slot_cell, cell_stamp, distinct, counters, first, end, -charge)
        slot_cell[slot] = cell
        route(maps, slot_cell, cell_stamp, distinct, counters, first, end, charge)
    return after
