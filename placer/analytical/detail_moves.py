"""Moves of detailed placement: to a better place or in exchange with the cell there, other orders of neighbours.

Global swap and local reordering are those of M. Pan, N. Viswanathan, C. Chu, "An efficient and effective detailed
placement algorithm", ICCAD 2005. Every move is judged by the exact half-perimeter wirelength.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from placer.analytical.detail_state import FREE, Detail, Float64Array, change_of, joined, move_cells
from placer.analytical.rows import Int64Array

LEAST_GAIN = 1e-9  # um
FARTHEST_GAP = 64  # sites looked at beyond a cell's ends for free ones


@njit(cache=True)
def best_region(state: Detail, cell: int, values: Float64Array) -> tuple[float, float, float, float]:
    """Where the cell's lower left corner would lie best with all else fixed: x from, x to, y from, y to in um.

    ``values`` is work space, [2, twice the cell's pins].
    """
    count = 0
    for k in range(state.cell_first[cell], state.cell_first[cell + 1]):
        pin = state.cell_pins[k]
        net = state.net_of[pin]
        x1 = y1 = np.inf
        x2 = y2 = -np.inf
        first, last = state.net_first[net], state.net_first[net + 1]
        if last - first == 2:
            other = first if pin == first + 1 else first + 1
            x1 = x2 = state.pin_x[other]
            y1 = y2 = state.pin_y[other]
        else:
            for q in range(first, last):
                if q != pin:
                    px, py = state.pin_x[q], state.pin_y[q]
                    x1, x2 = min(x1, px), max(x2, px)
                    y1, y2 = min(y1, py), max(y2, py)
        values[0, count], values[0, count + 1] = x1 - state.offset[pin, 0], x2 - state.offset[pin, 0]
        values[1, count], values[1, count + 1] = y1 - state.offset[pin, 1], y2 - state.offset[pin, 1]
        count += 2
    for axis in range(2):
        for i in range(1, count):
            value, j = values[axis, i], i
            while j > 0 and values[axis, j - 1] > value:
                values[axis, j] = values[axis, j - 1]
                j -= 1
            values[axis, j] = value
    half = count // 2
    return values[0, half - 1], values[0, half], values[1, half - 1], values[1, half]


@njit(cache=True)
def room_left(state: Detail, cell: int) -> int:
    """First site of the free run that ends where the cell begins."""
    row, x = state.row[cell], state.x[cell]
    limit = max(x - FARTHEST_GAP, 0)
    while x > limit and state.on_site[row, x - 1] == FREE:
        x -= 1
    return x


@njit(cache=True)
def room_right(state: Detail, cell: int) -> int:
    """The site after the free run that begins where the cell ends."""
    row, x = state.row[cell], state.x[cell] + state.width[cell]
    limit = min(x + FARTHEST_GAP, state.on_site.shape[1])
    while x < limit and state.on_site[row, x] == FREE:
        x += 1
    return x


@njit(cache=True)
def global_swap(state: Detail, order: Int64Array, reach: int, spread: int) -> float:
    """Move each cell towards its best region, to free sites or in exchange with a cell; the gain in um.

    Args:
        state: changed in place.
        order: cells in the order of their turns.
        reach: sites on each side of the wanted site that are looked at.
        spread: rows on each side of the wanted row that are looked at.
    """
    most = 2
    for cell in range(len(state.width)):
        most = max(most, 2 * (state.cell_first[cell + 1] - state.cell_first[cell]))
    values = np.empty((2, most))
    chosen, rows, xs = np.empty(2, np.int64), np.empty(2, np.int64), np.empty(2, np.int64)
    best_chosen, best_rows, best_xs = np.empty(2, np.int64), np.empty(2, np.int64), np.empty(2, np.int64)
    count_rows, sites = state.on_site.shape
    gain = 0.0
    for turn in range(len(order)):
        cell = order[turn]
        if state.cell_first[cell] == state.cell_first[cell + 1]:
            continue
        x1, x2, y1, y2 = best_region(state, cell, values)
        width = state.width[cell]
        x_now = state.scale[0] + state.x[cell] * state.scale[1]
        y_now = state.corner_y[state.row[cell]]
        if x1 <= x_now <= x2 and y1 <= y_now <= y2:
            continue
        wanted_x = round((min(max(x_now, x1), x2) - state.scale[0]) / state.scale[1])
        wanted_y = min(max(y_now, y1), y2)
        middle = min(max(np.searchsorted(state.corner_y, wanted_y), 0), count_rows - 1)
        if middle > 0 and wanted_y - state.corner_y[middle - 1] < state.corner_y[middle] - wanted_y:
            middle -= 1
        own_left, own_right = room_left(state, cell), room_right(state, cell)
        best, best_count = -LEAST_GAIN, 0
        for row in range(max(middle - spread, 0), min(middle + spread + 1, count_rows)):
            site = max(wanted_x - reach, 0)
            stop = min(wanted_x + reach, sites)
            while site < stop:
                there = state.on_site[row, site]
                if there < FREE or there == cell:
                    site += 1
                    continue
                if there == FREE:
                    begin = site
                    while begin > 0 and site - begin < FARTHEST_GAP and state.on_site[row, begin - 1] == FREE:
                        begin -= 1
                    end = site
                    while end < sites and end - site < FARTHEST_GAP + width and state.on_site[row, end] == FREE:
                        end += 1
                    site = end
                    if end - begin < width:
                        continue
                    chosen[0], rows[0] = cell, row
                    xs[0] = min(max(wanted_x, begin), end - width)
                    count = 1
                else:
                    site = state.x[there] + state.width[there]
                    left, right = room_left(state, there), room_right(state, there)
                    apart = row != state.row[cell] or right <= state.x[cell] or left >= state.x[cell] + width
                    if not apart or right - left < width or own_right - own_left < state.width[there]:
                        continue
                    chosen[0], chosen[1] = cell, there
                    rows[0], rows[1] = row, state.row[cell]
                    xs[0] = min(max(wanted_x, left), right - width)
                    xs[1] = min(max(state.x[cell], own_left), own_right - state.width[there])
                    if row == state.row[cell] and xs[0] < xs[1] + state.width[there] and xs[1] < xs[0] + width:
                        continue
                    count = 2
                change = change_of(state, chosen, count, rows, xs)
                if change < best:
                    best, best_count = change, count
                    best_chosen[:], best_rows[:], best_xs[:] = chosen, rows, xs
        if best_count:
            move_cells(state, best_chosen, best_count, best_rows, best_xs)
            gain -= best
    return gain


@njit(cache=True)
def reorder(state: Detail, order: Int64Array) -> float:
    """Try all orders of three neighbours in a row, packed at their place; the gain in um.

    Args:
        state: changed in place.
        order: cells sorted by row and site; kept sorted.
    """
    gain = 0.0
    orders = np.array([[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
    chosen, rows, xs = np.empty(3, np.int64), np.empty(3, np.int64), np.empty(3, np.int64)
    best_xs, before = np.empty(3, np.int64), np.empty(3, np.int64)
    for i in range(len(order) - 2):
        a, b, c = order[i], order[i + 1], order[i + 2]
        row = state.row[a]
        if state.row[c] != row or not joined(state, a, b) or not joined(state, b, c):
            continue
        chosen[0], chosen[1], chosen[2] = a, b, c
        rows[:] = row
        left, right = room_left(state, a), room_right(state, c)
        total = state.width[a] + state.width[b] + state.width[c]
        best, best_k = -LEAST_GAIN, -1
        for k in range(5):
            for base in (min(state.x[a], right - total), max(left, right - total)):
                at = max(base, left)
                for place in orders[k]:
                    xs[place] = at
                    at += state.width[chosen[place]]
                change = change_of(state, chosen, 3, rows, xs)
                if change < best:
                    best, best_k = change, k
                    best_xs[:] = xs
        if best_k >= 0:
            move_cells(state, chosen, 3, rows, best_xs)
            gain -= best
            before[:] = order[i : i + 3]
            for k in range(3):
                order[i + k] = before[orders[best_k, k]]
    return gain
