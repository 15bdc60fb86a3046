"""Standard cells into rows with least movement, in the order of their x.

P. Spindler, U. Schlichtmann, F. M. Johannes, "Abacus: fast legalization of standard cell circuits with minimal
movement", ISPD 2008: each cell goes to the row where it and those that it pushes move least; the cells of a segment
form clusters whose best place is known in closed form.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from placer.analytical.rows import Int64Array, Rows
from placer.netlist import FloatArray, InputError

Float64Array = NDArray[np.float64]


def legalise_cells(rows: Rows, corner: FloatArray, width: FloatArray) -> tuple[Int64Array, Int64Array]:
    """Put cells into the rows.

    Args:
        rows: with their segments.
        corner: [C, 2] um, wanted lower left corners.
        width: [C] um.

    Returns:
        Segment and first site of each cell, [C] each.

    Raises:
        InputError: the cells do not fit.
    """
    sites = sites_of(rows, width)
    wanted = (corner[:, 0] - rows.origin) / rows.site
    order = np.argsort(wanted, kind="stable")
    rise = rows.bottom / rows.site
    segment, x, left = _abacus(
        wanted, corner[:, 1] / rows.site, sites, order, rise, rows.segment_row, rows.low, rows.high, rows.first
    )
    if left >= 0:
        room, need = int((rows.high - rows.low).sum()), int(sites.sum())
        raise InputError(f"standard cells of {need} sites do not fit the {room} sites that macros leave in the rows")
    return segment, x


def sites_of(rows: Rows, width: FloatArray) -> Int64Array:
    """Widths in whole sites, [C]."""
    return np.maximum(np.ceil(width / rows.site - 1e-6), 1).astype(np.int64)


@njit(cache=True)
def _abacus(
    wanted: Float64Array,
    height: Float64Array,
    width: Int64Array,
    order: Int64Array,
    rise: Float64Array,
    segment_row: Int64Array,
    low: Int64Array,
    high: Int64Array,
    first: Int64Array,
) -> tuple[Int64Array, Int64Array, int]:
    """Segments and sites [C], and the number of a cell that did not fit, or -1. Lengths are in sites."""
    cells, segments, rows = len(wanted), len(low), len(rise)
    segment = np.full(cells, -1, np.int64)
    # A cluster is named by its first cell; its total weight, moment, width and the cluster to its left.
    weight, moment, extent = np.empty(cells), np.empty(cells), np.zeros(cells, np.int64)
    before = np.full(cells, -1, np.int64)
    last = np.full(segments, -1, np.int64)  # each segment's last cluster
    used = np.zeros(segments, np.int64)
    following = np.full(cells, -1, np.int64)  # next cell of the segment
    head, tail = np.full(segments, -1, np.int64), np.full(segments, -1, np.int64)
    for k in range(cells):
        cell = order[k]
        nearest = np.searchsorted(rise, height[cell])
        best, best_segment = np.inf, -1
        below, above = nearest - 1, nearest
        while below >= 0 or above < rows:
            down = height[cell] - rise[below] if below >= 0 else np.inf
            up = rise[above] - height[cell] if above < rows else np.inf
            if min(down, up) >= best:
                break
            if down < up:
                row, climb = below, down
                below -= 1
            else:
                row, climb = above, up
                above += 1
            for s in range(first[row], first[row + 1]):
                if used[s] + width[cell] > high[s] - low[s]:
                    continue
                away = max(low[s] - wanted[cell], wanted[cell] - (high[s] - width[cell]), 0.0)
                if away + climb >= best:
                    continue
                x = _trial(s, wanted[cell], width[cell], low, high, weight, moment, extent, before, last)
                cost = abs(x - wanted[cell]) + climb
                if cost < best:
                    best, best_segment = cost, s
        if best_segment < 0:
            return segment, order, cell
        s = best_segment
        segment[cell] = s
        used[s] += width[cell]
        if tail[s] >= 0:
            following[tail[s]] = cell
        else:
            head[s] = cell
        tail[s] = cell
        weight[cell], extent[cell], before[cell] = 1.0, width[cell], last[s]
        moment[cell] = wanted[cell]
        last[s] = cell
        c = cell
        while before[c] >= 0:
            b = before[c]
            x = min(max(moment[c] / weight[c], low[s]), high[s] - extent[c])
            other = min(max(moment[b] / weight[b], low[s]), high[s] - extent[b])
            if other + extent[b] <= x:
                break
            moment[b] += moment[c] - weight[c] * extent[b]
            weight[b] += weight[c]
            extent[b] += extent[c]
            last[s] = b
            c = b
    site = np.empty(cells, np.int64)
    chain = np.empty(cells, np.int64)
    for s in range(segments):
        count, c = 0, last[s]
        while c >= 0:
            chain[count] = c
            count += 1
            c = before[c]
        at, cell = low[s], head[s]
        for j in range(count - 1, -1, -1):
            c = chain[j]
            x = round(min(max(moment[c] / weight[c], low[s]), high[s] - extent[c]))
            at = max(at, min(x, high[s] - extent[c]))
            until = chain[j - 1] if j > 0 else -1
            while cell >= 0 and cell != until:
                site[cell] = at
                at += width[cell]
                cell = following[cell]
    # Rounding may push a segment's end out by a site or two: push back from the right.
    for s in range(segments):
        _push_back(s, head, following, width, site, high, chain)
    return segment, site, -1


@njit(cache=True)
def _trial(
    s: int,
    wanted: float,
    width: int,
    low: Int64Array,
    high: Int64Array,
    weight: Float64Array,
    moment: Float64Array,
    extent: Int64Array,
    before: Int64Array,
    last: Int64Array,
) -> float:
    """Where a cell would come to lie at the end of a segment."""
    e, q, w = 1.0, wanted, width
    x = min(max(wanted, low[s]), high[s] - w)
    b = last[s]
    while b >= 0:
        other = min(max(moment[b] / weight[b], low[s]), high[s] - extent[b])
        if other + extent[b] <= x:
            break
        q = moment[b] + q - e * extent[b]
        e += weight[b]
        w += extent[b]
        x = min(max(q / e, low[s]), high[s] - w)
        b = before[b]
    return x + w - width


@njit(cache=True)
def _push_back(
    s: int,
    head: Int64Array,
    following: Int64Array,
    width: Int64Array,
    site: Int64Array,
    high: Int64Array,
    chain: Int64Array,
) -> None:
    """Move the cells of a segment left until none ends beyond it, in place."""
    count, cell = 0, head[s]
    while cell >= 0:
        chain[count] = cell
        count += 1
        cell = following[cell]
    limit = high[s]
    for j in range(count - 1, -1, -1):
        cell = chain[j]
        if site[cell] + width[cell] <= limit:
            break
        site[cell] = limit - width[cell]
        limit = site[cell]
