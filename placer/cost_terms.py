"""Compiled kernels that read the cost and its parts from the maps of a ``CostState``. See ``cost_kernels``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

# isort: off
from placer.cost_state import (
    AREA_SCALE, BLOCK_H, BLOCK_V, CELL_H, CELL_W, COLUMNS, DENSITY, H_BLOCK, H_NET, HINT_CONG, HINT_DEN, NET_H,
    NET_V, ROWS, SMOOTH, TOP_CONG, TOP_DEN, V_BLOCK, V_NET, W_CONG, W_DEN, W_WL, WL_NORM, WL_SCALE, WL_SUM,
)  # fmt: skip
# isort: on


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
