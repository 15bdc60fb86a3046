"""Rectangles on an integer grid: the nearest free position, and orders of insertion that end in a packing.

The search for the nearest free position is exact: the lower left corner of a rectangle must stay out of one
open rectangle per obstacle, and a nearest point outside a union of rectangles has its x at the target's or at
an obstacle's edge, and its y likewise.

Dimension letters: M movable rectangles, K obstacles. All lengths are int64 grid units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Packing:
    """Rectangles to place: what the legaliser solves.

    Attributes:
        size: width and height.
        low, high: range of each lower left corner.
        target: where each lower left corner would like to be.
        blocks: obstacles; a rectangle must not share interior points with ``x1, y1, x2, y2``. An obstacle may
            have a negative extent (halos may reach into blockages): it then forbids fewer positions.
    """

    size: Int64Array  # [M, 2]
    low: Int64Array  # [M, 2]
    high: Int64Array  # [M, 2]
    target: Int64Array  # [M, 2]
    blocks: Int64Array  # [K, 4]


@njit(cache=True)
def nearest_free(
    width: int,
    height: int,
    low: Int64Array,
    high: Int64Array,
    goal: Int64Array,
    cost_x: float,
    cost_y: float,
    boxes: Int64Array,
    count: int,
) -> tuple[float, int, int]:
    """The free position of least ``cost_x |dx| + cost_y |dy|`` from ``goal``.

    Args:
        width, height: the rectangle's size.
        low, high: range of its lower left corner, each [2].
        goal: the wanted lower left corner, [2].
        cost_x, cost_y: cost per unit of distance.
        boxes: obstacles x1, y1, x2, y2 sorted by y1, [K or more, 4].
        count: K.

    Returns:
        Cost, x and y; the cost is infinite when there is no free position.
    """
    best, best_x, best_y = np.inf, low[0], low[1]
    for c in range(2 * count + 1):
        if c == 2 * count:
            x = min(max(goal[0], low[0]), high[0])
        elif c < count:
            x = boxes[c, 2]
        else:
            x = boxes[c - count, 0] - width
        if x < low[0] or x > high[0]:
            continue
        along = cost_x * abs(x - goal[0])
        if along >= best:
            continue
        free_from = low[1]
        for k in range(count + 1):
            if k < count:
                if boxes[k, 0] >= x + width or boxes[k, 2] <= x:
                    continue
                until = min(boxes[k, 1] - height, high[1])
            else:
                until = high[1]
            if until >= free_from:
                y = min(max(goal[1], free_from), until)
                cost = along + cost_y * abs(y - goal[1])
                if cost < best:
                    best, best_x, best_y = cost, x, y
            if k < count and boxes[k, 3] > free_from:
                free_from = boxes[k, 3]
            if free_from > high[1]:
                break
    return best, best_x, best_y


@njit(cache=True)
def insert_sorted(boxes: Int64Array, count: int, x1: int, y1: int, x2: int, y2: int) -> None:
    """Add an obstacle to ``boxes[:count]``, kept sorted by y1."""
    k = count
    while k > 0 and boxes[k - 1, 1] > y1:
        boxes[k] = boxes[k - 1]
        k -= 1
    boxes[k, 0], boxes[k, 1], boxes[k, 2], boxes[k, 3] = x1, y1, x2, y2


@njit(cache=True)
def insert_in_order(
    size: Int64Array,
    low: Int64Array,
    high: Int64Array,
    goal: Int64Array,
    cost: NDArray[np.float64],
    blocks: Int64Array,
    order: Int64Array,
) -> tuple[Int64Array, Int64Array, int]:
    """Insert rectangles one after the other, each at its nearest free position.

    Args:
        size, low, high, goal, blocks: as in ``Packing``; the goal may differ from its target.
        cost: cost per unit of distance in x and y, [M, 2].
        order: the rectangles in order of insertion, [M].

    Returns:
        Positions [M, 2]; the rectangles that found no place, first in an array [M]; and how many these are.
    """
    total = len(order)
    boxes = np.empty((total + len(blocks), 4), np.int64)
    count = 0
    for b in range(len(blocks)):
        insert_sorted(boxes, count, blocks[b, 0], blocks[b, 1], blocks[b, 2], blocks[b, 3])
        count += 1
    position = goal.copy()
    failed = np.empty(total, np.int64)
    failures = 0
    for i in order:
        found, x, y = nearest_free(
            size[i, 0], size[i, 1], low[i], high[i], goal[i], cost[i, 0], cost[i, 1], boxes, count
        )
        if found == np.inf:
            failed[failures] = i
            failures += 1
        else:
            position[i, 0], position[i, 1] = x, y
            insert_sorted(boxes, count, x, y, x + size[i, 0], y + size[i, 1])
            count += 1
    return position, failed, failures


@njit(cache=True)
def search_orders(
    size: Int64Array,
    low: Int64Array,
    high: Int64Array,
    goal: Int64Array,
    cost: NDArray[np.float64],
    blocks: Int64Array,
    first: Int64Array,
    rounds: int,
    seed: int,
) -> tuple[Int64Array, bool]:
    """Orders of insertion until all rectangles find a place: what failed goes earlier ("squeaky wheel").

    An order is kept when the area that it leaves out is no more than before; otherwise the search goes on
    from the last one kept. Every round also exchanges a few random neighbours in the order.

    Args:
        size, low, high, goal, cost, blocks: as in ``insert_in_order``.
        first: the order to begin with, [M].
        rounds: how many orders to try.
        seed: of the random exchanges.

    Returns:
        Positions [M, 2] and whether they are complete.
    """
    np.random.seed(seed)
    total = len(first)
    kept = first.copy()
    kept_area = np.inf
    order = first.copy()
    position = goal.copy()
    kept_failed = np.empty(total, np.int64)
    kept_failures = 0
    for _ in range(rounds):
        position, failed, failures = insert_in_order(size, low, high, goal, cost, blocks, order)
        if failures == 0:
            return position, True
        area = 0.0
        for f in range(failures):
            area += float(size[failed[f], 0]) * float(size[failed[f], 1])
        if area <= kept_area:
            kept_area = area
            kept[:] = order
            kept_failed[:failures] = failed[:failures]
            kept_failures = failures
        order[:] = kept
        for f in range(kept_failures):
            at = 0
            while order[at] != kept_failed[f]:
                at += 1
            to = np.random.randint(0, at + 1)
            moved = order[at]
            for k in range(at, to, -1):
                order[k] = order[k - 1]
            order[to] = moved
        for _swap in range(np.random.randint(0, 4)):
            a = np.random.randint(0, total)
            b = min(max(a + np.random.randint(-5, 6), 0), total - 1)
            order[a], order[b] = order[b], order[a]
    return position, False


@njit(cache=True)
def reinsert(
    size: Int64Array,
    low: Int64Array,
    high: Int64Array,
    goal: Int64Array,
    blocks: Int64Array,
    position: Int64Array,
    order: Int64Array,
) -> float:
    """Take each rectangle out and put it back at the free position nearest to its goal, in place.

    Rectangles of equal size also exchange their positions where that shortens the way of both together.

    Args:
        size, low, high, goal, blocks: as in ``Packing``.
        position: a packing, [M, 2]; changed in place.
        order: which rectangle is taken first, [M].

    Returns:
        The decrease of the summed distance.
    """
    total = len(order)
    boxes = np.empty((total + len(blocks), 4), np.int64)
    count = 0
    for b in range(len(blocks)):
        insert_sorted(boxes, count, blocks[b, 0], blocks[b, 1], blocks[b, 2], blocks[b, 3])
        count += 1
    for j in range(total):
        x, y = position[j]
        insert_sorted(boxes, count, x, y, x + size[j, 0], y + size[j, 1])
        count += 1
    gain = 0.0
    for i in order:
        now = float(abs(position[i, 0] - goal[i, 0]) + abs(position[i, 1] - goal[i, 1]))
        if now == 0:
            continue
        x, y = position[i]
        at = 0
        while (
            boxes[at, 0] != x or boxes[at, 1] != y or boxes[at, 2] != x + size[i, 0] or boxes[at, 3] != y + size[i, 1]
        ):
            at += 1
        boxes[at : count - 1] = boxes[at + 1 : count]
        found, x, y = nearest_free(size[i, 0], size[i, 1], low[i], high[i], goal[i], 1.0, 1.0, boxes, count - 1)
        if found < now:
            position[i, 0], position[i, 1] = x, y
            gain += now - found
        x, y = position[i]
        insert_sorted(boxes, count - 1, x, y, x + size[i, 0], y + size[i, 1])
        # Macros of equal size exchange places: the set of obstacles stays the same.
        for j in range(total):
            if j == i or size[j, 0] != size[i, 0] or size[j, 1] != size[i, 1]:
                continue
            inside = True
            for d in range(2):
                inside &= low[i, d] <= position[j, d] <= high[i, d]
                inside &= low[j, d] <= position[i, d] <= high[j, d]
            before, after = 0.0, 0.0
            for d in range(2):
                before += abs(position[i, d] - goal[i, d]) + abs(position[j, d] - goal[j, d])
                after += abs(position[j, d] - goal[i, d]) + abs(position[i, d] - goal[j, d])
            if inside and after < before:
                for d in range(2):
                    position[i, d], position[j, d] = position[j, d], position[i, d]
                gain += before - after
    return gain
