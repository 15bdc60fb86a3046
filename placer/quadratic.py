"""Where does the netlist pull each macro, given those that are placed? Exact for quadratic wirelength, and linear.

With E = 1/2 sum w |x_i - x_j|^2 over all connections, what is not placed yet (soft macros, later hard macros) can be
eliminated in closed form. Factor the matrix of the hard macros, after the elimination of the soft ones, as A = L^T D L
with L unit lower triangular in the order of placement; then, up to a constant,

    E = 1/2 sum_t D_t |x_t - (beta_t - sum_{j<t} L_tj x_j)|^2

so each macro has a target that depends only on those before it, and a stiffness. The same elimination gives the soft
macros' best positions as a linear function of the hard macros' ones. (Gaussian elimination of a network: the star-mesh
transform.)
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np
import scipy.linalg
from jax import Array

from placer.netlist import BoolArray, Canvas, FloatArray, IntArray

ANCHOR = 1e-3
"""Strength of a spring to the canvas's centre, relative to the mean connection strength of a node: keeps nodes without
connection to anything fixed where they do least harm, and the matrix regular."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Quadratic:
    """The linear maps of a netlist's quadratic placement; letters as in ``placer.problem``.

    A macro's target is ``base + pull @ x`` over the hard slots before it; soft macros are at ``soft_base + soft_pull @
    x``. While those from t on are not placed, all follow macro t by ``response[:, t]`` of its way. ``edge_x[t, g]`` is
    the weighted distance of column g from all fixed points that pull macro t.
    """

    base: Array  # [H, 2] um
    pull: Array  # [H, H] strictly lower triangular, rows sum to at most 1
    stiffness: Array  # [H] relative to the strongest
    edge_x: Array  # [H, G] um
    edge_y: Array  # [H, G] um
    soft_base: Array  # [S, 2] um
    soft_pull: Array  # [S, H]
    response: Array  # [H, H] lower triangular


def quadratic_of(
    pairs: IntArray,
    weight: FloatArray,
    start: FloatArray,
    fixed: BoolArray,
    hard: int,
    soft: int,
    hard_count: int,
    canvas: Canvas,
    grid: tuple[int, float, float],
) -> Quadratic:
    """Factor a netlist's quadratic wirelength.

    Args:
        pairs: [K, 2] slots; weight: [K] of each pair.
        start: [M, 2] um, positions of the fixed slots.
        fixed: [M] ports and fixed macros.
        hard, soft: numbers of slots; hard_count: the first slots, which are movable hard macros.
        canvas: whose centre is the anchor.
        grid: G, and the width and height of its cells, um.
    """
    slots = len(fixed)
    matrix = np.zeros((slots, slots))
    np.add.at(matrix, (pairs[:, 0], pairs[:, 1]), weight)
    matrix += matrix.T
    degree = matrix.sum(1)
    moving_hard = np.arange(hard_count)
    moving_soft = hard + np.flatnonzero(~fixed[hard : hard + soft])
    moving = degree[np.concatenate([moving_hard, moving_soft])]
    anchor = np.full(slots, ANCHOR * max(moving.sum() / max((moving > 0).sum(), 1), 1e-12))
    still = np.flatnonzero(fixed)
    laplacian = np.diag(degree + anchor) - matrix

    # Eliminate the soft macros: their response to hard macros, to fixed points and to the anchor (the last column).
    others = np.concatenate(
        [matrix[np.ix_(moving_soft, moving_hard)], matrix[np.ix_(moving_soft, still)], anchor[moving_soft, None]], 1
    )
    response = _solve(laplacian[np.ix_(moving_soft, moving_soft)], others)
    points = np.concatenate([start[still], [[canvas.width / 2, canvas.height / 2]]])  # [fixed + 1, 2]
    to_hard, to_fixed = response[:, :hard_count], response[:, hard_count:]

    through = matrix[np.ix_(moving_hard, moving_soft)]
    a = laplacian[np.ix_(moving_hard, moving_hard)] - through @ to_hard
    b = np.concatenate([matrix[np.ix_(moving_hard, still)], anchor[moving_hard, None]], 1) + through @ to_fixed

    # A = L^T D L: the Cholesky factor of the matrix in reversed order.
    factor = np.linalg.cholesky(a[::-1, ::-1] + 0.0) if hard_count else np.zeros((0, 0))
    upper = factor[::-1, ::-1]  # A = upper upper^T, upper triangular
    root = np.diag(upper)
    lower = (upper / root).T  # unit lower triangular
    shares = scipy.linalg.solve_triangular(upper, b, lower=False) / root[:, None] if hard_count else b
    pull = np.maximum(-np.tril(lower, -1), 0.0)
    shares = np.maximum(shares, 0.0)  # [hard_count, fixed + 1]

    size, *pitch = grid
    edge = [shares @ np.abs(points[:, axis, None] - (np.arange(size) + 0.5) * pitch[axis]) for axis in range(2)]
    stiffness = root**2 / max((root**2).max(initial=0.0), 1e-12)

    def padded(values: FloatArray, *shape: int) -> Array:
        full = np.zeros(shape, np.float32)
        full[tuple(slice(n) for n in values.shape)] = values
        return jax.numpy.asarray(full)

    soft_base = start[hard : hard + soft].copy()
    soft_base[moving_soft - hard] = to_fixed @ points
    soft_pull = np.zeros((soft, hard))
    soft_pull[np.ix_(moving_soft - hard, moving_hard)] = to_hard
    return Quadratic(
        base=padded(shares @ points, hard, 2),
        pull=padded(pull, hard, hard),
        stiffness=padded(stiffness, hard),
        edge_x=padded(edge[0], hard, size),
        edge_y=padded(edge[1], hard, size),
        soft_base=padded(soft_base, soft, 2),
        soft_pull=padded(soft_pull, soft, hard),
        response=padded(
            scipy.linalg.solve_triangular(np.eye(hard_count) - pull, np.eye(hard_count), lower=True), hard, hard
        ),
    )


def _solve(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Solve for a symmetric positive definite matrix, which may be empty."""
    if not len(matrix):
        return right
    return np.asarray(scipy.linalg.cho_solve(scipy.linalg.cho_factor(matrix), right))
