"""The proxy cost made differentiable in all positions; one parameter brings it as near to the exact cost as wanted.

- Wirelength: the weighted-average model (M.-K. Hsu, Y.-W. Chang, V. Balabanov, "TSV-aware analytical placement for 3D
  IC designs", DAC 2011).
- Density: the overlap of a macro with a row or a column is that of a macro with blurred edges; the area stays.
- Congestion: nets are routed as the exact cost routes them, case by case, but a run's row is a share of rows, and
  where it begins and ends is blurred. How a net is routed (which end is lowest, which ends share a cell) is
  decided by the exact cells and has no gradient.
- The mean of the largest k values: its dual form, min over t of t + sum(max(v - t, 0)) / k (R. T. Rockafellar,
  S. Uryasev, "Optimization of conditional value-at-risk", 2000), with a soft maximum.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import Array, lax

from placer.cost_jax import PRECISION, CostArrays, Run, Triple, cells_of, points_at, routes, smoothed

BISECTIONS = 40
TEMPERATURE = 0.1  # of the soft maximum, per grid cell of blur


def smooth_cost(arrays: CostArrays, position: Array, orientation: Array, blur: float | Array = 0.1) -> Triple:
    """Wirelength, density and congestion, differentiable in position; jit, grad and vmap it as needed.

    Args:
        arrays: of the netlist, from ``cost_jax.cost_arrays``.
        position: [N, 2] um, centres of all nodes.
        orientation: [N] integers, ``netlist.Orientation``.
        blur: width over which edges are blurred, in grid cells. The cost tends to ``proxy_cost`` as it tends to 0;
            ``benchmarks/cost.py`` measures the gap.
    """
    position = position.astype(arrays.half.dtype)
    width = blur * arrays.cell
    at = points_at(arrays, position, orientation)
    length = jnp.zeros(())
    for table, weight in zip(arrays.nets, arrays.weights, strict=True):
        real = (table != table[:, :1]) | (jnp.arange(table.shape[1]) == 0)
        length += jnp.sum(weight[:, None] * _spans(at[table], real[:, :, None], width))
    low, high = position - arrays.half, position + arrays.half
    across = _overlap(low[:, 0], high[:, 0], arrays.cell[0], arrays.columns, width[0])
    up = _overlap(low[:, 1], high[:, 1], arrays.cell[1], arrays.rows, width[1])
    covered = jnp.matmul(up.T, across, precision=PRECISION).ravel() / (arrays.cell[0] * arrays.cell[1])
    horizontal, vertical = _maps(arrays, position, across, up, at, width)
    both = jnp.concatenate([horizontal.ravel(), vertical.ravel()])
    cells = arrays.columns * arrays.rows
    density = 0.5 * _top_mean(covered, max(math.floor(0.1 * cells), 1), blur * TEMPERATURE)
    return length / arrays.scale, density, _top_mean(both, max(math.floor(0.1 * cells), 1), blur * TEMPERATURE)


def _spans(ends: Array, real: Array, width: Array) -> Array:
    """Smooth extent of nets in x and y, [M, 2], from their ends [M, D, 2]; width [2] um."""

    def farthest(sign: float) -> Array:
        signed = jnp.where(real, sign * ends, -jnp.inf)
        share = jax.nn.softmax(signed / width, axis=1)
        return jnp.sum(share * ends, axis=1)

    return farthest(1.0) - farthest(-1.0)


def _overlap(low: Array, high: Array, cell: Array, count: int, width: Array) -> Array:
    """Length that blurred intervals share with each line of the grid, [N, count] um."""
    edges = jnp.arange(count + 1, dtype=low.dtype) * cell

    def up_to(ends: Array) -> Array:
        return width * jax.nn.softplus((edges - ends[:, None]) / width)

    until = up_to(low) - up_to(high)
    return jnp.where((high > low)[:, None], jnp.diff(until, axis=1), 0.0)


def _below(at: Array, cell: Array, count: int, width: Array) -> Array:
    """How far a coordinate lies in line k or a lower one, for each k, [K, count]; the last line takes all."""
    edges = (jnp.arange(count - 1, dtype=at.dtype) + 1) * cell
    below = jax.nn.sigmoid((edges - at[:, None]) / width)
    return jnp.concatenate([below, jnp.ones((at.shape[0], 1), at.dtype)], axis=1)


def _in_line(below: Array) -> Array:
    """Share of each line, from ``_below``; a row adds up to 1."""
    return jnp.diff(below, axis=1, prepend=0.0)


def _maps(
    arrays: CostArrays, position: Array, across: Array, up: Array, at: Array, width: Array
) -> tuple[Array, Array]:
    """Demand over supply, horizontal [rows, columns] and vertical [columns, rows]."""
    cell = cells_of(arrays, at)
    runs_h: list[Run] = []
    runs_v: list[Run] = []
    for table, weight in zip(arrays.nets, arrays.weights, strict=True):
        more_h, more_v = routes(cell[:, 0][table], cell[:, 1][table], weight, arrays.rows, at[table])
        runs_h += more_h
        runs_v += more_v
    (gw, gh), (wx, wy) = arrays.cell, width
    columns, rows = arrays.columns, arrays.rows

    def demand(runs: list[Run], across: tuple[Array, int, Array], along: tuple[Array, int, Array]) -> Array:
        if not runs:
            return jnp.zeros((across[1], along[1]), position.dtype)
        line, a, b, weight = (jnp.concatenate([run[k].ravel() for run in runs]) for k in range(4))
        share = _in_line(_below(line, *across)) * weight[:, None]
        covers = jnp.abs(_below(a, *along) - _below(b, *along))
        return jnp.matmul(share.T, covers, precision=PRECISION)

    horizontal = demand(runs_h, (gh, rows, wy), (gw, columns, wx)) / arrays.supply[0]
    vertical = demand(runs_v, (gw, columns, wx), (gh, rows, wy)) / arrays.supply[1]
    # A hard macro takes from all its lines but the last, which it covers in part; from the one line that it lies in.
    hard, half = position[arrays.hard], arrays.half[arrays.hard]

    def lines(axis: int, count: int) -> Array:
        low, high = hard[:, axis] - half[:, axis], hard[:, axis] + half[:, axis]
        first, last = (jnp.clip(jnp.floor(e / arrays.cell[axis]), 0, count - 1) for e in (low, high))
        several = first != last
        ends = _below(low, arrays.cell[axis], count, width[axis]) - _below(high, arrays.cell[axis], count, width[axis])
        return jnp.where(several[:, None], ends, _in_line(_below(hard[:, axis], arrays.cell[axis], count, width[axis])))

    taken_h = jnp.matmul(up[arrays.hard].T, lines(0, columns), precision=PRECISION)
    taken_v = jnp.matmul(across[arrays.hard].T, lines(1, rows), precision=PRECISION)
    return (
        smoothed(horizontal, arrays.smooth) + taken_h * arrays.blocked[0] / arrays.supply[0],
        smoothed(vertical, arrays.smooth) + taken_v * arrays.blocked[1] / arrays.supply[1],
    )


def _top_mean(values: Array, top: int, temperature: float | Array) -> Array:
    """Soft mean of the ``top`` largest values. The threshold t is where the soft count above it is ``top``."""
    still = lax.stop_gradient(values)

    def halve(_: int, span: tuple[Array, Array]) -> tuple[Array, Array]:
        middle = (span[0] + span[1]) / 2
        more = jnp.sum(jax.nn.sigmoid((still - middle) / temperature)) > top
        return jnp.where(more, middle, span[0]), jnp.where(more, span[1], middle)

    margin = 40 * temperature
    low, high = lax.fori_loop(0, BISECTIONS, halve, (still.min() - margin, still.max() + margin))
    threshold = (low + high) / 2
    return threshold + temperature * jnp.sum(jax.nn.softplus((values - threshold) / temperature)) / top
