"""Detailed placement: rounds of moves on legal cells until they gain little."""

from __future__ import annotations

import numpy as np

from placer.analytical.detail_moves import global_swap, reorder
from placer.analytical.detail_rows import shift_rows
from placer.analytical.detail_state import Detail, measure

LEAST_ROUND = 5e-4
"""Rounds end when one gains less than this share of the wirelength."""


def improve(state: Detail, rounds: int = 12, seed: int = 0) -> float:
    """Improve a legal placement in place; it stays legal. The summed length of all nets in um at the end.

    Args:
        state: cells and nets.
        rounds: at most.
        seed: of the order in which cells have their turns.
    """
    random = np.random.default_rng(seed)
    typical = max(int(np.median(state.width)), 1) if len(state.width) else 1
    length = measure(state)
    for _ in range(rounds if len(state.width) else 0):
        before = length
        global_swap(state, random.permutation(len(state.width)), 4 * typical, 2)
        order = np.lexsort((state.x, state.row))
        reorder(state, order)
        shift_rows(state, np.lexsort((state.x, state.row)))
        length = measure(state)
        if before - length < LEAST_ROUND * before:
            break
    return length
