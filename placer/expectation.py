"""Where soft macros and wires will be, if all that is not placed yet follows the wires.

Macros that are not placed, and soft macros, are expected at the minimum of the quadratic wirelength
(``placer.quadratic``), the soft ones spread as at an episode's end (``placer.soft_step``). A hard macro had better not
cover what is expected there: it pushes soft macros aside and takes the tracks that routes need. Letters as in
``placer.problem``.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from placer.problem import Problem
from placer.soft_step import TINY, overlap, spread_partly


def first_expectation(problem: Problem, position: Array) -> Array:
    """Expected positions [H, 2] um before the first turn; those of fixed macros are given (position, [H, 2] um)."""
    movable = jnp.arange(position.shape[0]) < problem.hard_count
    return jnp.where(movable[:, None], problem.quadratic.response @ problem.quadratic.base, position)


def next_expectation(problem: Problem, expected: Array, slot: Array, position: Array) -> Array:
    """Expected positions [H, 2] um once the macro of a slot, the first that was not placed, lies at a position [2]."""
    return expected + problem.quadratic.response[:, slot, None] * (position - expected[slot])


def expected_load(problem: Problem, expected: Array, covered: Array) -> tuple[Array, Array]:
    """Density of soft macros, and the share of all tracks that wires take, in the policy's cells.

    Routes are the evaluator's: from a net's driver along its row, then along the sink's column; shares of horizontal
    and vertical tracks are added.

    Args:
        problem: of the episode.
        expected: [H, 2] um, of hard macros.
        covered: [G, G] share of each cell that is not free for soft macros.

    Returns:
        two maps [G, G].
    """
    hard, soft, grid = problem.hard_size.shape[0], problem.soft_size.shape[0], covered.shape[0]
    quadratic, pitch = problem.quadratic, problem.pitch
    area = jnp.where(problem.soft_movable, problem.soft_size.prod(1), 0.0)
    wired = quadratic.soft_base + quadratic.soft_pull @ expected
    free = problem.canvas.prod() - jnp.where(problem.hard_present, problem.hard_size.prod(1), 0.0).sum()
    spread = jnp.minimum(spread_partly(wired, area, covered.T, free, pitch * grid), problem.canvas)
    place = jnp.where(problem.soft_movable[:, None], spread, wired)
    x, y = (overlap(place[:, axis] / pitch[axis], problem.soft_size[:, axis] / pitch[axis], grid) for axis in range(2))

    ends = jnp.concatenate([expected, place, problem.start[hard + soft :]])[problem.connections.pair] / pitch
    demand = problem.connections.weight[:, 1:]
    middle = jnp.arange(grid) + 0.5

    def runs(axis: int, end: int) -> Array:
        """Demand [along, across] of runs along an axis at the height of one end, shared by the two nearest lanes."""
        low, high = ends[:, :, axis].min(1), ends[:, :, axis].max(1)
        across = jnp.maximum(1 - jnp.abs(ends[:, end, 1 - axis, None] - middle), 0.0)
        return overlap((low + high) / 2, high - low, grid).T @ (across * demand)

    tracks = pitch / problem.smooth.cell  # the cost's cells in one of the policy's
    return x.T @ y, runs(0, 0) * problem.smooth.h_scale / tracks[1] + runs(1, 1).T * problem.smooth.v_scale / tracks[0]


def mean_below(values: Array, size: Array) -> Array:
    """Means [G, G] of a map [G, G] over a rectangle in the middle of each cell; ``size``: [2] cells, 0 gives 0."""
    grid = values.shape[0]
    middle = jnp.arange(grid) + 0.5
    x, y = (overlap(middle, jnp.broadcast_to(side, grid), grid) / jnp.maximum(side, TINY) for side in size)
    return x @ values @ y.T
