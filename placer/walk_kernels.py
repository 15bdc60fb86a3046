"""The compiled random walk of simulated annealing: propose, check legality, apply, accept or undo.

Actions on hard macros are those of TILOS's annealer (swap, shift, mirror, move, shuffle). Soft macros move too, for
the cost is kept up to date exactly: shifts, steps of one grid cell (which move a whole route to the next row or
column), jumps to where a connected pin lies, exchanges.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from placer.cost_kernels import apply_move, commit, undo
from placer.cost_state import CELL_H, CELL_W
from placer.cost_terms import cost
from placer.proposals import at_pin, bell, below, clash, inside, overlap, pushed, uniform

ACTIONS = (
    "soft shift", "soft cell step", "soft to pin", "soft swap", "soft anywhere",
    "hard shift", "hard to pin", "hard anywhere", "hard swap", "hard mirror", "hard shuffle",
)  # fmt: skip
SOFT_SHIFT, SOFT_STEP, SOFT_PIN, SOFT_SWAP, SOFT_ANY = 0, 1, 2, 3, 4
HARD_SHIFT, HARD_PIN, HARD_ANY, HARD_SWAP, HARD_MIRROR, HARD_SHUFFLE = 5, 6, 7, 8, 9, 10


@njit(cache=True)
def _propose_one(s: Any, m: Any, action: int) -> bool:
    """Move one node as the action says; false when there is no legal way."""
    soft = action <= SOFT_ANY
    nodes = m.soft if soft else m.hard
    node = nodes[below(m, nodes.shape[0])]
    x, y = s.position[node, 0], s.position[node, 1]
    turn = int(s.orientation[node])
    if action in (SOFT_SHIFT, HARD_SHIFT):
        axis = below(m, 3)
        if axis != 1:
            x += m.reach[action] * bell(m)
        if axis != 0:
            y += m.reach[action] * bell(m)
    elif action == SOFT_STEP:
        step = 1.0 if uniform(m) < 0.5 else -1.0
        if uniform(m) < 0.5:
            x += step * s.scalars[CELL_W]
        else:
            y += step * s.scalars[CELL_H]
    elif action in (SOFT_PIN, HARD_PIN):
        x, y = at_pin(s, m, node)
    elif action == HARD_MIRROR:
        turn = (turn + 1 + below(m, 3)) % 4
    else:
        area = m.area[node]
        x = area[0] + uniform(m) * (area[2] - area[0])
        y = area[1] + uniform(m) * (area[3] - area[1])
    if soft:
        x, y = inside(s, m, node, x, y)
    elif action != HARD_MIRROR:
        legal, x, y = pushed(s, m, node, x, y)
        if not legal:
            return False
    apply_move(s, node, x, y, turn)
    return True


@njit(cache=True)
def _swap(s: Any, m: Any, soft: bool) -> bool:
    """Exchange the places of two nodes; false when that is not legal."""
    nodes = m.soft if soft else m.hard
    a, b = nodes[below(m, nodes.shape[0])], nodes[below(m, nodes.shape[0])]
    ax, ay, bx, by = s.position[a, 0], s.position[a, 1], s.position[b, 0], s.position[b, 1]
    if a == b:
        return False
    if soft:
        ax, ay = inside(s, m, b, ax, ay)
        bx, by = inside(s, m, a, bx, by)
    elif (
        overlap(s, a, bx, by, b, ax, ay, m.rules[0])
        or clash(s, m, a, bx, by, b, -1) != -1
        or clash(s, m, b, ax, ay, a, -1) != -1
    ):
        return False
    apply_move(s, a, bx, by, int(s.orientation[a]))
    apply_move(s, b, ax, ay, int(s.orientation[b]))
    return True


@njit(cache=True)
def _shuffle(s: Any, m: Any) -> bool:
    """Rotate the places of three hard macros of one size; false when there are none or it is not legal."""
    count = m.hard.shape[0]
    a, b, c = m.hard[below(m, count)], m.hard[below(m, count)], m.hard[below(m, count)]
    if a in (b, c) or b == c:
        return False
    for d in range(2):
        if s.half[a, d] != s.half[b, d] or s.half[a, d] != s.half[c, d]:
            return False
    ax, ay, bx, by, cx, cy = (
        s.position[a, 0], s.position[a, 1], s.position[b, 0], s.position[b, 1], s.position[c, 0], s.position[c, 1],
    )  # fmt: skip
    if clash(s, m, a, bx, by, b, c) != -1 or clash(s, m, b, cx, cy, c, a) != -1:
        return False
    if clash(s, m, c, ax, ay, a, b) != -1:
        return False
    apply_move(s, a, bx, by, int(s.orientation[a]))
    apply_move(s, b, cx, cy, int(s.orientation[b]))
    apply_move(s, c, ax, ay, int(s.orientation[c]))
    return True


@njit(cache=True, nogil=True)
def walk(s: Any, m: Any, current: float, temperature: float, count: int) -> float:
    """``count`` proposals at one temperature (Metropolis); the cost at the end. ``s`` and ``m`` are changed."""
    for _ in range(count):
        draw = uniform(m)
        action = 0
        while action < m.mix.shape[0] - 1 and draw >= m.mix[action]:
            action += 1
        m.tried[action] += 1
        if action in (SOFT_SWAP, HARD_SWAP):
            done = _swap(s, m, action == SOFT_SWAP)
        elif action == HARD_SHUFFLE:
            done = _shuffle(s, m)
        else:
            done = _propose_one(s, m, action)
        if not done:
            continue
        after = cost(s)
        if after <= current or uniform(m) < np.exp((current - after) / temperature):
            commit(s)
            current = after
            m.accepted[action] += 1
        else:
            undo(s)
    return current
