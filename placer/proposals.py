"""What the compiled searches have in common: random numbers, what may move where, and legal places to move to.

Dimension letters: N nodes, B blockages; see ``cost_state``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from placer.cost_state import CELL_H, CELL_W

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
def uniform(m: Any) -> float:
    """A random number in [0, 1): splitmix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    m.random[0] += np.uint64(0x9E3779B97F4A7C15)
    z = m.random[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return float(z >> np.uint64(11)) / 9007199254740992.0


@njit(cache=True)
def below(m: Any, count: int) -> int:
    """A random whole number below ``count``."""
    return min(int(uniform(m) * count), count - 1)


@njit(cache=True)
def bell(m: Any) -> float:
    """A random number of mean 0 and standard deviation 1: the sum of four uniform ones."""
    return (uniform(m) + uniform(m) + uniform(m) + uniform(m) - 2.0) * 1.7320508075688772


@njit(cache=True)
def overlap(s: Any, a: int, ax: float, ay: float, b: int, bx: float, by: float, halo: float) -> bool:
    """Whether two macros with halos overlap; the arithmetic is that of ``placer.legality``."""
    return (
        (ax + s.half[a, 0]) + halo > (bx - s.half[b, 0]) - halo
        and (bx + s.half[b, 0]) + halo > (ax - s.half[a, 0]) - halo
        and (ay + s.half[a, 1]) + halo > (by - s.half[b, 1]) - halo
        and (by + s.half[b, 1]) + halo > (ay - s.half[a, 1]) - halo
    )


@njit(cache=True)
def clash(s: Any, m: Any, node: int, x: float, y: float, skip: int, skip_too: int) -> int:
    """A hard macro that ``node`` at (x, y) would overlap; -2 for the edge or a blockage, -1 for none."""
    hx, hy = s.half[node, 0], s.half[node, 1]
    area = m.area[node]
    if x - hx < area[0] or y - hy < area[1] or x + hx > area[2] or y + hy > area[3]:
        return -2
    for k in range(m.solid.shape[0]):
        other = m.solid[k]
        if other in (node, skip, skip_too):
            continue
        if overlap(s, node, x, y, other, s.position[other, 0], s.position[other, 1], m.rules[0]):
            return other
    for k in range(m.blockages.shape[0]):
        b = m.blockages[k]
        if x - hx < b[2] and x + hx > b[0] and y - hy < b[3] and y + hy > b[1]:
            return -2
    return -1


@njit(cache=True)
def inside(s: Any, m: Any, node: int, x: float, y: float) -> tuple[float, float]:
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
def pushed(s: Any, m: Any, node: int, x: float, y: float) -> tuple[bool, float, float]:
    """A legal place near (x, y): out of each macro in the way by the shorter of the two axes, a few times."""
    for _ in range(6):
        x, y = inside(s, m, node, x, y)
        other = clash(s, m, node, x, y, -1, -1)
        if other == -1:
            return True, x, y
        if other < 0:
            return False, x, y
        ox, oy = s.position[other, 0], s.position[other, 1]
        apart = 2 * m.rules[0] + max(APART_UM, m.rules[1])
        reach_x = s.half[node, 0] + s.half[other, 0] + apart
        reach_y = s.half[node, 1] + s.half[other, 1] + apart
        along_x = reach_x - abs(x - ox) < reach_y - abs(y - oy)
        if uniform(m) < 0.15:
            along_x = not along_x
        if along_x:
            x = ox + reach_x if x >= ox else ox - reach_x
        else:
            y = oy + reach_y if y >= oy else oy - reach_y
    return False, x, y


@njit(cache=True)
def at_pin(s: Any, m: Any, node: int) -> tuple[float, float]:
    """Where another end of one of the node's nets lies, in x, in y or in both; its own place without nets."""
    x, y = s.position[node, 0], s.position[node, 1]
    first, last = s.node_start[node], s.node_start[node + 1]
    if first == last:
        return x, y
    net = s.node_nets[first + below(m, last - first)]
    begin, end = s.net_start[net], s.net_start[net + 1]
    # Half of the time the driver, which is in every two-pin route of its net.
    k = begin if uniform(m) < 0.5 else begin + below(m, end - begin)
    axis = below(m, 3)
    gw, gh = s.scalars[CELL_W], s.scalars[CELL_H]
    if axis != 1:
        x = s.slot_at[k, 0] + gw * bell(m) * 0.4
    if axis != 0:
        y = s.slot_at[k, 1] + gh * bell(m) * 0.4
    return x, y
