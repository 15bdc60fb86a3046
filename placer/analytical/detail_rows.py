"""The best places of a row's cells in their order, by merging clusters.

A. B. Kahng, P. Tucker, A. Zelikovsky, "Optimization of linear placements for wirelength minimization with free
sites", ASP-DAC 1999: with the other pins of its nets fixed, a cell's wirelength is convex and piecewise linear in
its x; cells that would overlap form a cluster, whose best place is the median of its breakpoints.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from placer.analytical.detail_state import FREE, Detail, Float64Array, joined, move_cells, net_length, shift_pins
from placer.analytical.rows import Int64Array


@njit(cache=True)
def shift_rows(state: Detail, order: Int64Array) -> float:
    """Move the cells of each run between walls to their best places in their order; the gain in um.

    A run is moved only where wirelength falls: nets between its own cells make the model of it inexact.

    Args:
        state: changed in place.
        order: cells sorted by row and site.
    """
    gain = 0.0
    begin = 0
    while begin < len(order):
        end = begin + 1
        row = state.row[order[begin]]
        while end < len(order) and state.row[order[end]] == row and joined(state, order[end - 1], order[end]):
            end += 1
        gain += _shift_run(state, order[begin:end])
        begin = end
    return gain


@njit(cache=True)
def _shift_run(state: Detail, run: Int64Array) -> float:
    count = len(run)
    row = state.row[run[0]]
    low = state.x[run[0]]
    while low > 0 and state.on_site[row, low - 1] == FREE:
        low -= 1
    high = state.x[run[-1]] + state.width[run[-1]]
    while high < state.on_site.shape[1] and state.on_site[row, high] == FREE:
        high += 1
    total = 0
    for i in range(count):
        total += 2 * (state.cell_first[run[i] + 1] - state.cell_first[run[i]])
    points, merged = np.empty(total), np.empty(total)  # breakpoints in sites, from their cluster's left end
    first_point = np.empty(count + 1, np.int64)  # of each cluster
    first_cell = np.empty(count + 1, np.int64)
    extent, place = np.empty(count, np.int64), np.empty(count)
    clusters, filled = 0, 0
    for i in range(count):
        cell = run[i]
        first_point[clusters], first_cell[clusters] = filled, i
        filled = _breakpoints(state, cell, points, filled)
        extent[clusters] = state.width[cell]
        place[clusters] = _median(points, first_point[clusters], filled, float(state.x[cell]))
        place[clusters] = min(max(place[clusters], low), high - extent[clusters])
        while clusters > 0 and place[clusters - 1] + extent[clusters - 1] > place[clusters]:
            c = clusters - 1
            for p in range(first_point[clusters], filled):
                points[p] -= extent[c]
            _merge(points, merged, first_point[c], first_point[clusters], filled)
            extent[c] += extent[clusters]
            place[c] = _median(points, first_point[c], filled, place[c])
            place[c] = min(max(place[c], low), high - extent[c])
            clusters = c
        clusters += 1
    first_cell[clusters] = count
    xs, rows = np.empty(count, np.int64), np.full(count, row, np.int64)
    at = low
    for c in range(clusters):
        at = max(at, min(round(place[c]), high - extent[c]))
        for i in range(first_cell[c], first_cell[c + 1]):
            xs[i] = at
            at += state.width[run[i]]
    limit = high
    for i in range(count - 1, -1, -1):
        xs[i] = min(xs[i], limit - state.width[run[i]])
        limit = xs[i]
    return _move_if_better(state, run, rows, xs)


@njit(cache=True)
def _move_if_better(state: Detail, run: Int64Array, rows: Int64Array, xs: Int64Array) -> float:
    """Move a whole run where that is a gain; the gain in um, 0 where it stays."""
    count = len(run)
    moved = False
    for i in range(count):
        moved |= xs[i] != state.x[run[i]]
    if not moved:
        return 0.0
    for i in range(count):
        shift_pins(state, run[i], rows[i], xs[i])
    state.stamp[-1] += 1
    change = 0.0
    for i in range(count):
        for k in range(state.cell_first[run[i]], state.cell_first[run[i] + 1]):
            net = state.net_of[state.cell_pins[k]]
            if state.stamp[net] != state.stamp[-1]:
                state.stamp[net] = state.stamp[-1]
                change += net_length(state, net) - state.length[net]
    if change < -1e-9:
        move_cells(state, run, count, rows, xs)
        return -change
    for i in range(count):
        shift_pins(state, run[i], state.row[run[i]], state.x[run[i]])
    return 0.0


@njit(cache=True)
def _breakpoints(state: Detail, cell: int, points: Float64Array, filled: int) -> int:
    """Append the cell's breakpoints in sites, sorted; the number then filled."""
    begin = filled
    for k in range(state.cell_first[cell], state.cell_first[cell + 1]):
        pin = state.cell_pins[k]
        net = state.net_of[pin]
        x1, x2 = np.inf, -np.inf
        for q in range(state.net_first[net], state.net_first[net + 1]):
            if q != pin:
                x1, x2 = min(x1, state.pin_x[q]), max(x2, state.pin_x[q])
        for x in (x1, x2):
            value = (x - state.offset[pin, 0] - state.scale[0]) / state.scale[1]
            j = filled
            while j > begin and points[j - 1] > value:
                points[j] = points[j - 1]
                j -= 1
            points[j] = value
            filled += 1
    return filled


@njit(cache=True)
def _median(points: Float64Array, begin: int, end: int, now: float) -> float:
    """The place nearest to ``now`` between the two middle breakpoints."""
    if begin == end:
        return now
    half = (begin + end) // 2
    return min(max(now, points[half - 1]), points[half])


@njit(cache=True)
def _merge(points: Float64Array, work: Float64Array, begin: int, middle: int, end: int) -> None:
    """Merge two sorted runs of breakpoints, in place."""
    i, j = begin, middle
    for k in range(begin, end):
        if j >= end or (i < middle and points[i] <= points[j]):
            work[k] = points[i]
            i += 1
        else:
            work[k] = points[j]
            j += 1
    points[begin:end] = work[begin:end]
