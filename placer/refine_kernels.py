"""The compiled loops of exact refinement: coordinate descent and large neighbourhood search.

Both work on the incremental cost state and leave it committed. See ``placer.refine``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from placer.cost_kernels import apply_move, commit, undo
from placer.cost_state import CELL_H, CELL_W
from placer.cost_terms import cost
from placer.proposals import at_pin, bell, below, clash, inside, overlap, pushed, uniform

FAR = 1e300


@njit(cache=True)
def _candidate(s: Any, m: Any, node: int, x: float, y: float, number: int) -> tuple[bool, float, float, int]:
    """Another place for a node that lies at (x, y): a cell away, a little away, at a connected pin, mirrored."""
    turn = int(s.orientation[node])
    hard = s.is_hard[node]
    kind = number % 8
    if kind < 4:
        step = s.scalars[CELL_W] if kind < 2 else s.scalars[CELL_H]
        if number >= 8:  # not the whole cell, but some of it
            step *= 0.7 * uniform(m)
        step = step if kind % 2 == 0 else -step
        if kind < 2:
            x += step
        else:
            y += step
    elif hard and kind == 7:
        return True, x, y, (turn + 1 + below(m, 3)) % 4
    else:
        x, y = at_pin(s, m, node)
    if hard:
        legal, x, y = pushed(s, m, node, x, y)
        return legal, x, y, turn
    x, y = inside(s, m, node, x, y)
    return True, x, y, turn


@njit(cache=True)
def _settle(s: Any, m: Any, node: int, tries: int, current: float) -> float:
    """Move a node to the best of some places within the transaction at hand; the cost there, ``current`` at most."""
    x, y, turn = s.position[node, 0], s.position[node, 1], int(s.orientation[node])
    best, bx, by, bt = current, x, y, turn
    for number in range(tries):
        legal, cx, cy, ct = _candidate(s, m, node, bx, by, number)
        if not legal:
            continue
        apply_move(s, node, cx, cy, ct)
        after = cost(s)
        if after < best:
            best, bx, by, bt = after, cx, cy, ct
    apply_move(s, node, bx, by, bt)
    return best


@njit(cache=True, nogil=True)
def descend(s: Any, m: Any, current: float, tries: int, count: int) -> float:
    """Coordinate descent: ``count`` random nodes, each to the best of ``tries`` places; the cost at the end."""
    movable = m.soft.shape[0] + m.hard.shape[0]
    for _ in range(count):
        k = below(m, movable)
        node = m.soft[k] if k < m.soft.shape[0] else m.hard[k - m.soft.shape[0]]
        after = _settle(s, m, node, tries, current)
        if after < current:
            commit(s)
            current = after
        else:
            undo(s)
    return current


@njit(cache=True)
def _neighbourhood(s: Any, m: Any, nodes: Any, chosen: Any) -> int:
    """Fill ``chosen`` with a random node and those nearest to it; how many there are."""
    count = min(chosen.shape[0], nodes.shape[0])
    middle = nodes[below(m, nodes.shape[0])]
    mx, my = s.position[middle, 0], s.position[middle, 1]
    far = np.full(count, FAR)
    for k in range(nodes.shape[0]):
        away = abs(s.position[nodes[k], 0] - mx) + abs(s.position[nodes[k], 1] - my)
        if away >= far[count - 1]:
            continue
        at = count - 1
        while at > 0 and far[at - 1] > away:
            far[at] = far[at - 1]
            chosen[at] = chosen[at - 1]
            at -= 1
        far[at] = away
        chosen[at] = nodes[k]
    return count


@njit(cache=True)
def _stir(s: Any, m: Any, chosen: Any, count: int) -> None:
    """Move the chosen soft macros at random by about a cell each, or exchange the places of two hard ones."""
    if not s.is_hard[chosen[0]]:
        for k in range(count):
            x = s.position[chosen[k], 0] + s.scalars[CELL_W] * bell(m)
            y = s.position[chosen[k], 1] + s.scalars[CELL_H] * bell(m)
            x, y = inside(s, m, chosen[k], x, y)
            apply_move(s, chosen[k], x, y, 0)
        return
    for _ in range(4):
        a, b = chosen[below(m, count)], chosen[below(m, count)]
        ax, ay, bx, by = s.position[a, 0], s.position[a, 1], s.position[b, 0], s.position[b, 1]
        if (
            a != b
            and not overlap(s, a, bx, by, b, ax, ay, m.rules[0])
            and clash(s, m, a, bx, by, b, -1) == -1
            and clash(s, m, b, ax, ay, a, -1) == -1
        ):
            apply_move(s, a, bx, by, int(s.orientation[a]))
            apply_move(s, b, ax, ay, int(s.orientation[b]))
            return


@njit(cache=True, nogil=True)
def search_neighbourhoods(
    s: Any, m: Any, current: float, temperature: float, size: int, tries: int, count: int, hard_share: float
) -> float:
    """Large neighbourhood search: ``count`` times, stir some neighbours, settle each, keep or take back all.

    Args:
        s, m: the state and what may move.
        current: the cost at the start.
        temperature: Metropolis's; 0 keeps only what is better.
        size: neighbours that are stirred together.
        tries: places that each is then tried in.
        count: how often.
        hard_share: how often the neighbours are hard macros.
    """
    chosen = np.zeros(size, np.int64)
    for _ in range(count):
        hard = m.hard.shape[0] > 1 and (m.soft.shape[0] == 0 or uniform(m) < hard_share)
        filled = _neighbourhood(s, m, m.hard if hard else m.soft, chosen)
        _stir(s, m, chosen, filled)
        after = cost(s)
        for k in range(filled):
            after = _settle(s, m, chosen[k], tries, after)
        if after <= current or (temperature > 0 and uniform(m) < np.exp((current - after) / temperature)):
            commit(s)
            current = after
        else:
            undo(s)
    return current
