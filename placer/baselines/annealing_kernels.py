"""The compiled loop of simulated annealing: propose, check legality, apply, accept or undo.

Actions on hard macros are those of TILOS's annealer (swap, shift, mirror, move, shuffle). Soft macros move too, for
the cost is kept up to date exactly: shifts, steps of one grid cell (which move a whole route to the next row or
column), jumps to where a connected pin lies, exchanges. Dimension letters: N nodes, B blockages; see ``cost_state``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from placer.cost_kernels import apply_move, commit, cost, undo
from placer.cost_state import CELL_H, CELL_W

ACTIONS = (
    "soft shift", "soft cell step", "soft to pin", "soft swap", "soft anywhere",
    "hard shift", "hard to pin", "hard anywhere", "hard swap", "hard mirror", "hard shuffle",
)  # fmt: skip
SOFT_SHIFT, SOFT_STEP, SOFT_PIN, SOFT_SWAP, SOFT_ANY = 0, 1, 2, 3, 4
HARD_SHIFT, HARD_PIN, HARD_ANY, HARD_SWAP, HARD_MIRROR, HARD_SHUFFLE = 5, 6, 7, 8, 9, 10
APART_UM = 1e-7
"""Room left between macros that an action pushes apart; the check of legality afterwards is strict."""


class Moves(NamedTuple):
    """What may move where: a tuple of arrays for compiled code."""

    soft: NDArray[np.int64]  # movable soft macros
    hard: NDArray[np.int64]  # movable hard macros
    solid: NDArray[np.int64]  # all hard macros, fixed ones too
    area: NDArray[np.float64]  # [N, 4] um, lower and upper x, y that a node must stay in (x1, y1, x2, y2)
    blockages: NDArray[np.float64]  # [B, 4] um
    rules: NDArray[np.float64]  # halo in um; manufacturing grid in um, 0 for none
    mix: NDArray[np.float64]  # [actions] cumulative probabilities
    reach: NDArray[np.float64]  # [actions] standard deviation of shifts, um
    tried: NDArray[np.int64]  # [actions]
    accepted: NDArray[np.int64]  # [actions]
    random: NDArray[np.uint64]  # [1] state of the random numbers


@njit(cache=True)
def _uniform(m: Any) -> float:
    """A random number in [0, 1): splitmix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    m.random[0] += np.uint64(0x9E3779B97F4A7C15)
    z = m.random[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return float(z >> np.uint64(11)) / 9007199254740992.0


@njit(cache=True)
def _below(m: Any, count: int) -> int:
    """A random whole number below ``count``."""
    return min(int(_uniform(m) * count), count - 1)


@njit(cache=True)
def _bell(m: Any) -> float:
    """A random number of mean 0 and standard deviation 1: the sum of four uniform ones."""
    return (_uniform(m) + _uniform(m) + _uniform(m) + _uniform(m) - 2.0) * 1.7320508075688772


@njit(cache=True)
def _overlap(s: Any, a: int, ax: float, ay: float, b: int, bx: float, by: float, halo: float) -> bool:
    """Whether two macros with halos overlap; the arithmetic is that of ``placer.legality``."""
    return (
        (ax + s.half[a, 0]) + halo > (bx - s.half[b, 0]) - halo
        and (bx + s.half[b, 0]) + halo > (ax - s.half[a, 0]) - halo
        and (ay + s.half[a, 1]) + halo > (by - s.half[b, 1]) - halo
        and (by + s.half[b, 1]) + halo > (ay - s.half[a, 1]) - halo
    )


@njit(cache=True)
def _clash(s: Any, m: Any, node: int, x: float, y: float, skip: int, skip_too: int) -> int:
    """A hard macro that ``node`` at (x, y) would overlap; -2 for the edge or a blockage, -1 for none."""
    hx, hy = s.half[node, 0], s.half[node, 1]
    area = m.area[node]
    if x - hx < area[0] or y - hy < area[1] or x + hx > area[2] or y + hy > area[3]:
        return -2
    for k in range(m.solid.shape[0]):
        other = m.solid[k]
        if other in (node, skip, skip_too):
            continue
        if _overlap(s, node, x, y, other, s.position[other, 0], s.position[other, 1], m.rules[0]):
            return other
    for k in range(m.blockages.shape[0]):
        b = m.blockages[k]
        if x - hx < b[2] and x + hx > b[0] and y - hy < b[3] and y + hy > b[1]:
            return -2
    return -1


@njit(cache=True)
def _inside(s: Any, m: Any, node: int, x: float, y: float) -> tuple[float, float]:
    """The point nearest to (x, y) at which the node lies in its area; a hard macro on the manufacturing grid."""
    hx, hy = s.half[node, 0], s.half[node, 1]
    area = m.area[node]
    x = min(max(x, area[0] + hx), area[2] - hx)
    y = min(max(y, area[1] + hy), area[3] - hy)
    grid = m.rules[1]
    if grid > 0 and s.is_hard[node]:
        x = np.round((x - hx) / grid) * grid + hx
        y = np.round((y - hy) / grid) * grid + hy
    return x, y


@njit(cache=True)
def _pushed(s: Any, m: Any, node: int, x: float, y: float) -> tuple[bool, float, float]:
    """A legal place near (x, y): out of each macro in the way by the shorter of the two axes, a few times."""
    for _ in range(6):
        x, y = _inside(s, m, node, x, y)
        other = _clash(s, m, node, x, y, -1, -1)
        if other == -1:
            return True, x, y
        if other < 0:
            return False, x, y
        ox, oy = s.position[other, 0], s.position[other, 1]
        apart = 2 * m.rules[0] + max(APART_UM, m.rules[1])
        reach_x = s.half[node, 0] + s.half[other, 0] + apart
        reach_y = s.half[node, 1] + s.half[other, 1] + apart
        along_x = reach_x - abs(x - ox) < reach_y - abs(y - oy)
        if _uniform(m) < 0.15:
            along_x = not along_x
        if along_x:
            x = ox + reach_x if x >= ox else ox - reach_x
        else:
            y = oy + reach_y if y >= oy else oy - reach_y
    return False, x, y


@njit(cache=True)
def _at_pin(s: Any, m: Any, node: int) -> tuple[float, float]:
    """Where another end of one of the node's nets lies, in x, in y or in both; its own place without nets."""
    x, y = s.position[node, 0], s.position[node, 1]
    first, last = s.node_start[node], s.node_start[node + 1]
    if first == last:
        return x, y
    net = s.node_nets[first + _below(m, last - first)]
    begin, end = s.net_start[net], s.net_start[net + 1]
    # Half of the time the driver, which is in every two-pin route of its net.
    k = begin if _uniform(m) < 0.5 else begin + _below(m, end - begin)
    axis = _below(m, 3)
    gw, gh = s.scalars[CELL_W], s.scalars[CELL_H]
    if axis != 1:
        x = s.slot_at[k, 0] + gw * _bell(m) * 0.4
    if axis != 0:
        y = s.slot_at[k, 1] + gh * _bell(m) * 0.4
    return x, y


@njit(cache=True)
def _propose_one(s: Any, m: Any, action: int) -> bool:
    """Move one node as the action says; false when there is no legal way."""
    soft = action <= SOFT_ANY
    nodes = m.soft if soft else m.hard
    node = nodes[_below(m, nodes.shape[0])]
    x, y = s.position[node, 0], s.position[node, 1]
    turn = int(s.orientation[node])
    if action in (SOFT_SHIFT, HARD_SHIFT):
        axis = _below(m, 3)
        if axis != 1:
            x += m.reach[action] * _bell(m)
        if axis != 0:
            y += m.reach[action] * _bell(m)
    elif action == SOFT_STEP:
        step = 1.0 if _uniform(m) < 0.5 else -1.0
        if _uniform(m) < 0.5:
            x += step * s.scalars[CELL_W]
        else:
            y += step * s.scalars[CELL_H]
    elif action in (SOFT_PIN, HARD_PIN):
        x, y = _at_pin(s, m, node)
    elif action == HARD_MIRROR:
        turn = (turn + 1 + _below(m, 3)) % 4
    else:
        area = m.area[node]
        x = area[0] + _uniform(m) * (area[2] - area[0])
        y = area[1] + _uniform(m) * (area[3] - area[1])
    if soft:
        x, y = _inside(s, m, node, x, y)
    elif action != HARD_MIRROR:
        legal, x, y = _pushed(s, m, node, x, y)
        if not legal:
            return False
    apply_move(s, node, x, y, turn)
    return True


@njit(cache=True)
def _swap(s: Any, m: Any, soft: bool) -> bool:
    """Exchange the places of two nodes; false when that is not legal."""
    nodes = m.soft if soft else m.hard
    a, b = nodes[_below(m, nodes.shape[0])], nodes[_below(m, nodes.shape[0])]
    ax, ay, bx, by = s.position[a, 0], s.position[a, 1], s.position[b, 0], s.position[b, 1]
    if a == b:
        return False
    if soft:
        ax, ay = _inside(s, m, b, ax, ay)
        bx, by = _inside(s, m, a, bx, by)
    elif (
        _overlap(s, a, bx, by, b, ax, ay, m.rules[0])
        or _clash(s, m, a, bx, by, b, -1) != -1
        or _clash(s, m, b, ax, ay, a, -1) != -1
    ):
        return False
    apply_move(s, a, bx, by, int(s.orientation[a]))
    apply_move(s, b, ax, ay, int(s.orientation[b]))
    return True


@njit(cache=True)
def _shuffle(s: Any, m: Any) -> bool:
    """Rotate the places of three hard macros of one size; false when there are none or it is not legal."""
    count = m.hard.shape[0]
    a, b, c = m.hard[_below(m, count)], m.hard[_below(m, count)], m.hard[_below(m, count)]
    if a in (b, c) or b == c:
        return False
    for d in range(2):
        if s.half[a, d] != s.half[b, d] or s.half[a, d] != s.half[c, d]:
            return False
    ax, ay, bx, by, cx, cy = (
        s.position[a, 0], s.position[a, 1], s.position[b, 0], s.position[b, 1], s.position[c, 0], s.position[c, 1],
    )  # fmt: skip
    if _clash(s, m, a, bx, by, b, c) != -1 or _clash(s, m, b, cx, cy, c, a) != -1:
        return False
    if _clash(s, m, c, ax, ay, a, b) != -1:
        return False
    apply_move(s, a, bx, by, int(s.orientation[a]))
    apply_move(s, b, cx, cy, int(s.orientation[b]))
    apply_move(s, c, ax, ay, int(s.orientation[c]))
    return True


@njit(cache=True, nogil=True)
def run_moves(s: Any, m: Any, current: float, temperature: float, count: int) -> float:
    """``count`` proposals at one temperature (Metropolis); the cost at the end. ``s`` and ``m`` are changed."""
    for _ in range(count):
        draw = _uniform(m)
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
        if after <= current or _uniform(m) < np.exp((current - after) / temperature):
            commit(s)
            current = after
            m.accepted[action] += 1
        else:
            undo(s)
    return current
