"""Who is left of whom, who is below whom: constraint graphs of rectangles, their repair and exact search.

Each pair of rectangles is separated either in x or in y. With the pairs assigned, the least movement in x and
in y are two linear programmes. Moving pairs from the graph without room to the other one is the repair of Cong
and Xie ("A robust mixed-size legalization and detailed placement algorithm", IEEE TCAD 27(8), 2008).

Dimension letters: M movable rectangles, K obstacles, R = M + K of both (movable first), C constraints.
"""

from __future__ import annotations

import highspy
import numpy as np
from numba import njit
from numpy.typing import NDArray

from placer.packing import BoolArray, Int64Array, Packing


def boxes_of(packing: Packing, position: Int64Array) -> tuple[Int64Array, Int64Array, Int64Array, Int64Array]:
    """Lower left corners, sizes, and ranges of the corners of rectangles and obstacles, each [R, 2]."""
    blocks = packing.blocks
    corner = np.concatenate([position, blocks[:, :2]])
    size = np.concatenate([packing.size, blocks[:, 2:] - blocks[:, :2]])
    low = np.concatenate([packing.low, blocks[:, :2]])
    high = np.concatenate([packing.high, blocks[:, :2]])
    return corner, size, low, high


@njit(cache=True)
def separate(
    corner: Int64Array, size: Int64Array, goal: Int64Array, movable: int
) -> tuple[BoolArray, Int64Array, Int64Array]:
    """Assign each pair to the direction in which it is further apart.

    Of a pair that is apart in both directions, the direction that is further apart at the goals is taken.

    Args:
        corner, size, goal: of all rectangles, [R, 2].
        movable: M.

    Returns:
        in_x [R, R], the pair is separated in x, else in y; the orders of the centres in x and in y, [R].
    """
    total = len(corner)
    centre = 2 * corner + size
    in_x = np.zeros((total, total), np.bool_)
    for i in range(movable):
        for j in range(i + 1, total):
            gap = np.empty(2)
            wanted = np.empty(2)
            for d in range(2):
                gap[d] = abs(centre[i, d] - centre[j, d]) - size[i, d] - size[j, d]
                side = 1 if centre[i, d] < centre[j, d] or (centre[i, d] == centre[j, d]) else -1
                shift = 2 * side * (goal[j, d] - goal[i, d]) + side * (size[j, d] - size[i, d])
                wanted[d] = shift - size[i, d] - size[j, d]
            if gap[0] >= 0 and gap[1] >= 0:
                in_x[i, j] = wanted[0] >= wanted[1]
            else:
                in_x[i, j] = gap[0] >= gap[1]
            in_x[j, i] = in_x[i, j]
    order_x = np.argsort(centre[:, 0], kind="mergesort").astype(np.int64)
    order_y = np.argsort(centre[:, 1], kind="mergesort").astype(np.int64)
    return in_x, order_x, order_y


@njit(cache=True)
def earliest_latest(
    related: BoolArray, order: Int64Array, size: Int64Array, low: Int64Array, high: Int64Array, movable: int
) -> tuple[Int64Array, Int64Array]:
    """Longest paths from below and from above in one direction.

    Args:
        related: pairs separated in this direction, [R, R].
        order: topological order, [R].
        size, low, high: in this direction, [R].
        movable: M; obstacles constrain only movable rectangles.

    Returns:
        The least and the greatest corner of each rectangle, [R]; there is room when no least exceeds a
        greatest.
    """
    total = len(order)
    least, most = low.copy(), high.copy()
    for a in range(total):
        i = order[a]
        for b in range(a + 1, total):
            j = order[b]
            if related[i, j] and j < movable:
                least[j] = max(least[j], least[i] + size[i])
    for a in range(total - 1, -1, -1):
        i = order[a]
        for b in range(a):
            j = order[b]
            if related[i, j] and j < movable:
                most[j] = min(most[j], most[i] - size[j])
    return least, most


@njit(cache=True)
def repair(
    in_x: BoolArray,
    order_x: Int64Array,
    order_y: Int64Array,
    size: Int64Array,
    low: Int64Array,
    high: Int64Array,
    movable: int,
    rounds: int,
) -> bool:
    """Move pairs between the two graphs until both have room, in place.

    Args:
        in_x, order_x, order_y: from ``separate``; ``in_x`` is changed.
        size, low, high: of all rectangles, [R, 2].
        movable: M.
        rounds: how many pairs may be moved.

    Returns:
        Whether both graphs have room.
    """
    total = len(order_x)
    rank = np.empty((total, 2), np.int64)
    for a in range(total):
        rank[order_x[a], 0] = a
        rank[order_y[a], 1] = a
    last_moved = np.full((total, total), -(10**9), np.int64)
    for step in range(rounds):
        in_y = ~in_x
        lx, mx = earliest_latest(in_x, order_x, size[:, 0], low[:, 0], high[:, 0], movable)
        ly, my = earliest_latest(in_y, order_y, size[:, 1], low[:, 1], high[:, 1], movable)
        lack_x, lack_y = np.max(lx - mx), np.max(ly - my)
        if lack_x <= 0 and lack_y <= 0:
            return True
        d = 0 if lack_x >= lack_y else 1
        best, best_i, best_j = -np.inf, -1, -1
        for i in range(total):
            for j in range(i + 1, total):
                if i >= movable or in_x[i, j] != (d == 0) or step - last_moved[i, j] < 20:
                    continue
                a, b = (i, j) if rank[i, d] < rank[j, d] else (j, i)
                e, f = (i, j) if rank[i, 1 - d] < rank[j, 1 - d] else (j, i)
                if d == 0:
                    slack, other = mx[b] - size[a, 0] - lx[a], my[f] - size[e, 1] - ly[e]
                else:
                    slack, other = my[b] - size[a, 1] - ly[a], mx[f] - size[e, 0] - lx[e]
                if slack < 0 and other - slack > best:
                    best, best_i, best_j = other - slack, i, j
        if best_i < 0:
            return False
        in_x[best_i, best_j] = not in_x[best_i, best_j]
        in_x[best_j, best_i] = in_x[best_i, best_j]
        last_moved[best_i, best_j] = step
    return False


@njit(cache=True)
def needed_pairs(related: BoolArray, order: Int64Array, movable: int) -> Int64Array:
    """The constraints that no chain of others implies, as pairs (lower, upper), [C, 2]."""
    total = len(order)
    pairs = np.empty((total * (total - 1) // 2, 2), np.int64)
    count = 0
    implied = np.empty(total, np.bool_)
    for a in range(total):
        i = order[a]
        implied[:] = False
        for b in range(a + 1, total):
            j = order[b]
            if not related[i, j] or (i >= movable and j >= movable):
                continue
            if not implied[j]:
                pairs[count, 0], pairs[count, 1] = i, j
                count += 1
            if j < movable:
                for c in range(b + 1, total):
                    k = order[c]
                    implied[k] |= related[j, k]
    return pairs[:count]


def least_movement(
    pairs: Int64Array, size: Int64Array, goal: NDArray[np.float64], low: Int64Array, high: Int64Array
) -> NDArray[np.float64]:
    """Minimise the summed ``|x - goal|`` with ``x[lower] + size[lower] <= x[upper]`` and ranges, by HiGHS.

    Args:
        pairs: (lower, upper), [C, 2].
        size, goal, low, high: in one direction, [R].

    Returns:
        x [R], exact to the solver's tolerance.
    """
    total = len(size)
    scale = max(1.0, float(np.abs(high).max()), float(np.abs(low).max())) / 1e3
    model = highspy.HighsLp()
    # Variables: x, then the distance above and below the goal: x - above + below = goal.
    model.num_col_ = 3 * total
    model.num_row_ = len(pairs) + total
    model.col_cost_ = np.r_[np.zeros(total), np.ones(2 * total)]
    model.col_lower_ = np.r_[low / scale, np.zeros(2 * total)]
    model.col_upper_ = np.r_[high / scale, np.full(2 * total, np.inf)]
    model.row_lower_ = np.r_[size[pairs[:, 0]] / scale, goal / scale]
    model.row_upper_ = np.r_[np.full(len(pairs), np.inf), goal / scale]
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.r_[2 * np.arange(len(pairs)), 2 * len(pairs) + 3 * np.arange(total + 1)].astype(
        np.int32
    )
    nodes = np.arange(total)
    model.a_matrix_.index_ = np.r_[
        pairs[:, ::-1].ravel(), np.stack([nodes, nodes + total, nodes + 2 * total], 1).ravel()
    ].astype(np.int32)
    model.a_matrix_.value_ = np.r_[np.tile([1.0, -1.0], len(pairs)), np.tile([1.0, -1.0, 1.0], total)]
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.passModel(model)
    solver.run()
    return np.asarray(solver.getSolution().col_value[:total]) * scale


def compact(
    packing: Packing, position: Int64Array, rounds: int = 0, pitch: tuple[int, int] = (1, 1)
) -> Int64Array | None:
    """The least movement that keeps the relative order of ``position``.

    Args:
        packing: the rectangles and their targets.
        position: lower left corners that say the order, [M, 2]; may overlap when ``rounds`` is positive.
        rounds: how many pairs the repair may move between the graphs.
        pitch: corners lie on multiples of it in x and in y; so must sizes, ranges and obstacles.

    Returns:
        Legal corners [M, 2]; None when the order cannot be made legal.
    """
    movable = len(packing.size)
    corner, size, low, high = boxes_of(packing, position)
    goal = np.concatenate([packing.target, packing.blocks[:, :2]])
    in_x, order_x, order_y = separate(corner, size, goal, movable)
    if rounds and not repair(in_x, order_x, order_y, size, low, high, movable, rounds):
        return None
    result = np.empty_like(position)
    for d, (related, order) in enumerate(((in_x, order_x), (~in_x, order_y))):
        sizes, lows, highs = size[:, d] // pitch[d], low[:, d] // pitch[d], high[:, d] // pitch[d]
        least, most = earliest_latest(related, order, sizes, lows, highs, movable)
        if (least > most).any():
            return None
        solved = least_movement(needed_pairs(related, order, movable), sizes, goal[:, d] / pitch[d], lows, highs)
        start = np.clip(np.round(solved), lows, highs).astype(np.int64)
        start[movable:] = lows[movable:]
        # Rounding and tolerance may leave small overlaps: push up along the order, but never past ``most``.
        pushed, _ = earliest_latest(related, order, sizes, start, highs, movable)
        result[:, d] = np.minimum(pushed, most)[:movable] * pitch[d]
    return result


@njit(cache=True)
def _tighten(
    least: Int64Array, most: Int64Array, size: Int64Array, state: NDArray[np.int8], total: int, movable: int
) -> bool:
    """Propagate the decided pairs to the corners' ranges, in place; false when a range becomes empty."""
    changed = True
    while changed:
        changed = False
        for i in range(total):
            for j in range(total):
                d = state[i, j]
                if d < 0:
                    continue
                if least[i, d] + size[i, d] > least[j, d]:
                    least[j, d] = least[i, d] + size[i, d]
                    changed = True
                    if least[j, d] > most[j, d]:
                        return False
                if most[j, d] - size[i, d] < most[i, d]:
                    most[i, d] = most[j, d] - size[i, d]
                    changed = True
                    if least[i, d] > most[i, d]:
                        return False
    return True


@njit(cache=True)
def exact_search(
    size: Int64Array, low: Int64Array, high: Int64Array, movable: int, limit: int
) -> tuple[int, Int64Array]:
    """Depth-first search over the relation of every pair (left, right, below, above), most constrained first.

    Args:
        size, low, high: of all rectangles, [R, 2]; obstacles have low = high.
        movable: M.
        limit: how many nodes to visit at most.

    Returns:
        1 and a packing [R, 2]; 0 when there is none (proved); -1 when the limit was reached.
    """
    total = len(size)
    depth_max = movable * total + 1
    least = np.empty((depth_max + 1, total, 2), np.int64)
    most = np.empty((depth_max + 1, total, 2), np.int64)
    state = np.full((total, total), -1, np.int8)  # direction in which i lies before j, -1 undecided
    pair = np.zeros((depth_max + 1, 2), np.int64)
    tried = np.zeros(depth_max + 1, np.int64)
    least[0], most[0] = low, high
    if (low > high).any():
        return 0, least[0]
    depth, descend = 0, True
    for _node in range(limit):
        if descend:
            best, best_i, best_j = 5, -1, -1
            for i in range(movable):
                for j in range(i + 1, total):
                    ways, apart = 0, False
                    for d in range(2):
                        for a, b in ((i, j), (j, i)):
                            ways += least[depth, a, d] + size[a, d] <= most[depth, b, d]
                            apart |= most[depth, a, d] + size[a, d] <= least[depth, b, d]
                            apart |= state[a, b] == d
                    if not apart and ways < best:
                        best, best_i, best_j = ways, i, j
            if best_i < 0:
                return 1, least[depth]
            pair[depth, 0], pair[depth, 1] = best_i, best_j
            tried[depth] = 0
        i, j = pair[depth]
        state[i, j] = state[j, i] = -1
        if tried[depth] == 4:
            depth -= 1
            descend = False
            if depth < 0:
                return 0, least[0]
            continue
        d, swapped = tried[depth] // 2, tried[depth] % 2
        tried[depth] += 1
        a, b = (j, i) if swapped else (i, j)
        least[depth + 1], most[depth + 1] = least[depth], most[depth]
        state[a, b] = d
        descend = _tighten(least[depth + 1], most[depth + 1], size, state, total, movable)
        if descend:
            depth += 1
    return -1, least[0]
