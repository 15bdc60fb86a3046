"""Soft macros and flips, once the hard macros lie: the environment's own closing step.

Soft macros start at the minimum of the quadratic wirelength (``placer.quadratic``), are spread over what the hard
macros leave free, then follow the gradient of a smooth twin of the proxy cost: density by exact overlaps; routing as
the evaluator's star of L-shaped routes, each run shared linearly between the two nearest rows or columns; the means
over the highest cells by ranks. Letters as in ``placer.problem``; C, R: columns and rows of the cost's grid. Lengths
here are in cells of that grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from placer.netlist import Canvas, FloatArray

SPREAD = 0.8
"""How far towards an even spread the start is moved where soft macros fill all that is free; in proportion less where
they fill less."""

LEAST_FREE = 0.02
"""Share of a cell that counts as free even below a hard macro."""

LEARNING_RATE = 0.6
"""Cells that a soft macro moves in the first iteration; falls to a tenth of it linearly."""

MOMENT_DECAY, SQUARE_DECAY, TINY = 0.8, 0.95, 1e-10
"""Adam's (Kingma and Ba, 2015); ``TINY`` also keeps areas of nothing from being divided by."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class SmoothCost:
    """What the smooth cost needs beyond the connections.

    Attributes:
        cell: um, width and height of a cell.
        spread_x, spread_y: the evaluator's smoothing of vertical runs across columns, of horizontal ones across rows.
        top_density, top_congestion: weights of the cells by rank, highest first.
        h_scale, v_scale: share of a cell's capacity that one unit of demand takes.
        h_block, v_block: share of it that a hard macro takes per um of height, of width.
        wire_scale: wirelength cost per weighted um.
    """

    cell: Array  # [2]
    spread_x: Array  # [C, C]
    spread_y: Array  # [R, R]
    top_density: Array  # [R * C]
    top_congestion: Array  # [2 * R * C]
    h_scale: Array  # []
    v_scale: Array  # []
    h_block: Array  # []
    v_block: Array  # []
    wire_scale: Array  # []


def smooth_cost_of(canvas: Canvas, net_weight: FloatArray) -> SmoothCost:
    """The constants of a canvas; net_weight: [E]."""
    columns, rows = canvas.columns, canvas.rows
    cell = np.array([canvas.width / columns, canvas.height / rows])
    h_capacity, v_capacity = cell[1] * canvas.h_routes_per_um, cell[0] * canvas.v_routes_per_um

    def spread(cells: int) -> FloatArray:
        near = np.abs(np.subtract.outer(np.arange(cells), np.arange(cells))) <= canvas.smooth_range
        return near / near.sum(0)  # [to, from]

    def top(cells: int, share: float) -> FloatArray:
        """Weights falling linearly to 0 at twice the rank where the evaluator stops: the same sum, wider support."""
        last = max(1, int(share * cells))
        weights = np.maximum(1.0 - (np.arange(cells) + 0.5) / (2 * last), 0.0)
        return weights / weights.sum()

    def single(values: object) -> Array:
        return jnp.asarray(np.asarray(values, np.float32))

    return SmoothCost(
        cell=single(cell),
        spread_x=single(spread(columns)),
        spread_y=single(spread(rows)),
        top_density=single(top(columns * rows, 0.1)),
        top_congestion=single(top(2 * columns * rows, 0.05)),
        h_scale=single(1 / h_capacity),
        v_scale=single(1 / v_capacity),
        h_block=single(canvas.h_macro_routes_per_um / h_capacity),
        v_block=single(canvas.v_macro_routes_per_um / v_capacity),
        wire_scale=single(1 / (max(float(net_weight.sum()), 1e-12) * (canvas.width + canvas.height))),
    )


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Connections:
    """Pairs of slots and what the nets between them have merged into; padding has weight 0."""

    pair: Array  # [K, 2] slots: driver, sink
    weight: Array  # [K, 2] for wirelength, for routing demand
    offset: Array  # [K, 2, 2] um, mean offset of the pins, of the driver and of the sink, in orientation N


def flips(connections: Connections, position: Array, hard: int) -> Array:
    """Signs [H, 2] of the pin offsets of each hard macro that the quadratic wirelength likes best.

    The two axes are independent, and for each the better sign is that of sum w o (x_other - x): exact when the other
    ends are points. Position: [M, 2] um.
    """
    ends = position[connections.pair]  # [K, 2, 2]
    gap = ends[:, ::-1] - ends  # to the other end
    lean = connections.weight[:, :1, None] * connections.offset * gap
    total = jnp.zeros((position.shape[0], 2)).at[connections.pair.reshape(-1)].add(lean.reshape(-1, 2))
    return jnp.where(total[:hard] < 0, -1.0, 1.0)


def overlap(centre: Array, size: Array, cells: int) -> Array:
    """Length by which each interval [..., X] overlaps each cell, [..., X, cells]; all in cells."""
    low = jnp.arange(cells, dtype=jnp.float32)
    high = jnp.minimum((centre + size / 2)[..., None], low + 1)
    return jnp.maximum(high - jnp.maximum((centre - size / 2)[..., None], low), 0.0)


def hard_maps(cost: SmoothCost, position: Array, size: Array, present: Array) -> tuple[Array, Array, Array]:
    """Density and horizontal and vertical blockage by hard macros, each [R, C]; position, size: [H, 2] um."""
    columns, rows = cost.spread_x.shape[0], cost.spread_y.shape[0]
    x = overlap(position[:, 0] / cost.cell[0], size[:, 0] / cost.cell[0], columns) * present[:, None]
    y = overlap(position[:, 1] / cost.cell[1], size[:, 1] / cost.cell[1], rows)
    horizontal = (y * cost.cell[1]).T @ (x > 0) * cost.h_block
    vertical = (y > 0).astype(jnp.float32).T @ (x * cost.cell[0]) * cost.v_block
    return y.T @ x, horizontal, vertical


def _shares(place: Array, cells: int) -> tuple[Array, Array]:
    """The two nearest cells [..., 2] of a coordinate in cells, and its linear shares of them."""
    middle = jnp.clip(place - 0.5, 0.0, cells - 1.0)
    first = jnp.minimum(jnp.floor(middle), cells - 2.0) if cells > 1 else jnp.zeros_like(middle)
    share = middle - jax.lax.stop_gradient(first)
    index = first.astype(jnp.int32)
    return jnp.stack([index, jnp.minimum(index + 1, cells - 1)], -1), jnp.stack([1 - share, share], -1)


def _runs(start: Array, end: Array, across: Array, demand: Array, along_cells: int, across_cells: int) -> Array:
    """Demand [across, along] of straight runs from start to end [K] at a coordinate across them [K]."""
    lane, lane_share = _shares(across, across_cells)  # [K, 2]
    low, low_share = _shares(jnp.minimum(start, end), along_cells)
    high, high_share = _shares(jnp.maximum(start, end), along_cells)
    steps = jnp.concatenate([low, high], -1)  # [K, 4]
    heights = jnp.concatenate([low_share, -high_share], -1)
    index = lane[:, :, None] * along_cells + steps[:, None, :]  # [K, 2, 4]
    value = demand[:, None, None] * lane_share[:, :, None] * heights[:, None, :]
    change = jnp.zeros(across_cells * along_cells).at[index.reshape(-1)].add(value.reshape(-1))
    return jnp.cumsum(change.reshape(across_cells, along_cells), 1)


def smooth_terms(
    cost: SmoothCost,
    connections: Connections,
    position: Array,
    signs: Array,
    soft_position: Array,
    soft_size: Array,
    hard: tuple[Array, Array, Array],
) -> Array:
    """Wirelength, density and congestion [3], smooth.

    Args:
        cost, connections: of the netlist.
        position: [M, 2] um of all slots.
        signs: [M, 2] of the pin offsets.
        soft_position, soft_size: [S, 2] um.
        hard: the maps of the hard macros.
    """
    columns, rows = cost.spread_x.shape[0], cost.spread_y.shape[0]
    pins = position[connections.pair] + connections.offset * signs[connections.pair]  # [K, 2, 2] um
    wire = (connections.weight[:, 0] * jnp.abs(pins[:, 0] - pins[:, 1]).sum(-1)).sum() * cost.wire_scale
    place = pins / cost.cell
    demand = connections.weight[:, 1]
    h = _runs(place[:, 0, 0], place[:, 1, 0], place[:, 0, 1], demand, columns, rows)  # [R, C]
    v = _runs(place[:, 0, 1], place[:, 1, 1], place[:, 1, 0], demand, rows, columns).T
    h = cost.spread_y @ h * cost.h_scale + hard[1]
    v = v @ cost.spread_x.T * cost.v_scale + hard[2]
    x = overlap(soft_position[:, 0] / cost.cell[0], soft_size[:, 0] / cost.cell[0], columns)
    y = overlap(soft_position[:, 1] / cost.cell[1], soft_size[:, 1] / cost.cell[1], rows)
    density = 0.5 * _ranked(hard[0] + y.T @ x, cost.top_density)
    return jnp.stack([wire, density, _ranked(jnp.stack([h, v]), cost.top_congestion)])


def _ranked(values: Array, weights: Array) -> Array:
    """Mean of the values with the weights of their ranks, highest first."""
    return jnp.sort(values.reshape(-1))[::-1] @ weights


def spread_evenly(place: Array, area: Array, covered: Array, canvas: Array) -> Array:
    """Positions [S, 2] um in the same order along each axis, such that area follows what is free, axis by axis.

    The aim of cell shifting (N. Viswanathan, C. C.-N. Chu, "FastPlace", IEEE TCAD 24(5), 2005), reached at once: on
    each axis the share of the area below a macro becomes the share of the free area below its place.

    Args:
        place: [S, 2] um.
        area: [S], 0 for what does not count.
        covered: [R, C] share of each cell that hard macros take.
        canvas: [2] um.
    """
    free = jnp.maximum(1 - covered, LEAST_FREE)

    def along(axis: int) -> Array:
        order = jnp.argsort(place[:, axis])
        below = jnp.cumsum(area[order]) - area[order] / 2
        share = jnp.zeros_like(below).at[order].set(below) / jnp.maximum(area.sum(), TINY)
        room = jnp.cumsum(free.sum(axis))
        edges = jnp.linspace(0.0, canvas[axis], len(room) + 1)
        return jnp.interp(share, jnp.append(0.0, room) / room[-1], edges)

    return jnp.stack([along(0), along(1)], 1)


def spread_partly(place: Array, area: Array, covered: Array, free: Array, canvas: Array) -> Array:
    """Positions [S, 2] um on the way to an even spread: ``SPREAD`` of it where ``area`` fills ``free`` um^2."""
    even = spread_evenly(place, area, covered, canvas)
    return place + jnp.minimum(SPREAD * area.sum() / jnp.maximum(free, TINY), 1.0) * (even - place)


def place_soft(
    cost: SmoothCost,
    connections: Connections,
    weights: Array,
    canvas: Array,
    position: Array,
    hard_size: Array,
    hard_present: Array,
    hard_signs: Array,
    soft_size: Array,
    soft_movable: Array,
    iterations: int,
) -> tuple[Array, Array]:
    """Flip the hard macros and move the soft ones; returns signs [H, 2] and positions [M, 2] um.

    Args:
        cost, connections: of the netlist.
        weights: [3] of wirelength, density and congestion.
        canvas: [2] um.
        position: [M, 2] um of all slots, the soft macros' being where wires alone would have them.
        hard_size: [H, 2] um; hard_present: [H].
        hard_signs: [H, 2] signs of the pin offsets of hard macros that may not be flipped, 0 for the others.
        soft_size: [S, 2] um; soft_movable: [S].
        iterations: of gradient descent.
    """
    hard, soft = hard_size.shape[0], soft_size.shape[0]
    before, after = position[:hard], position[hard + soft :]
    low, high = soft_size / 2, canvas - soft_size / 2
    wired = position[hard : hard + soft]
    maps = hard_maps(cost, before, hard_size, hard_present)
    area = jnp.where(soft_movable, soft_size.prod(1), 0.0)
    free = canvas.prod() - jnp.where(hard_present, hard_size.prod(1), 0.0).sum()
    first = spread_partly(wired, area, maps[0], free, canvas)
    first = jnp.where(soft_movable[:, None], jnp.clip(first, low, high), wired)
    best_signs = flips(connections, jnp.concatenate([before, first, after]), hard)
    hard_signs = jnp.where(hard_signs == 0, best_signs, hard_signs)
    signs = jnp.concatenate([hard_signs, jnp.ones((position.shape[0] - hard, 2))])
    if not iterations:
        return hard_signs, jnp.concatenate([before, first, after])

    def loss(soft_position: Array) -> Array:
        everything = jnp.concatenate([before, soft_position, after])
        return weights @ smooth_terms(cost, connections, everything, signs, soft_position, soft_size, maps)

    def iterate(carry: tuple[Array, Array, Array], i: Array) -> tuple[tuple[Array, Array, Array], None]:
        place, mean, square = carry
        slope = jax.grad(loss)(place) * cost.cell
        mean = MOMENT_DECAY * mean + (1 - MOMENT_DECAY) * slope
        square = SQUARE_DECAY * square + (1 - SQUARE_DECAY) * slope**2
        count = i + 1.0
        step = (mean / (1 - MOMENT_DECAY**count)) / (jnp.sqrt(square / (1 - SQUARE_DECAY**count)) + TINY)
        rate = LEARNING_RATE * (1 - 0.9 * i / iterations)
        moved = jnp.clip(place - rate * step * cost.cell, low, high)
        return (jnp.where(soft_movable[:, None], moved, place), mean, square), None

    zero = jnp.zeros_like(first)
    (last, _, _), _ = jax.lax.scan(iterate, (first, zero, zero), jnp.arange(iterations, dtype=jnp.float32))
    return hard_signs, jnp.concatenate([before, last, after])
