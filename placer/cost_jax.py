"""The proxy cost in JAX: one placement or, through ``vmap``, a batch of them, on CPU or GPU.

The same definition as ``placer.cost``. Everything is dense: nets of similar degree are the rows of one table (padded by
repeating the source point, which changes nothing), and each run of a route adds its weight where it begins and takes it
away where it ends, so that running sums along rows and columns give the demand.

In double precision (``jax_enable_x64``) the cost equals ``CostModel``'s to 1e-12. In single precision wirelength and
density differ by about 1e-7; a pin within rounding of a cell's edge may fall into its neighbour, and then
congestion differs by about 1e-4 (``benchmarks/cost.py`` measures both).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from numpy.typing import NDArray

from placer.cost_state import build_state
from placer.netlist import Netlist

Triple: TypeAlias = tuple[Array, Array, Array]
Run: TypeAlias = tuple[Array, Array, Array, Array]  # line, from, to, weight
PARTIAL = 1e-5  # um; a row or column covered to within this is covered in full
PRECISION = lax.Precision.HIGHEST


@dataclass(frozen=True)
class CostSizes:
    """Capacities of ``CostArrays``; equal ones, on equal grids, share compiled code.

    Attributes:
        nodes: more than the netlist has where ``hard`` or ``points`` are more: the last one is padding then.
        hard, points: macros and points.
        nets: number in each class of degree (2, 3, up to 6, up to 12, ...); more classes would waste fewer slots, and
            take longer to compile.
    """

    nodes: int
    hard: int
    points: int
    nets: tuple[int, ...]


@partial(
    jax.tree_util.register_dataclass,
    data_fields=(
        "half", "hard", "point_node", "point_offset", "nets", "weights", "cell", "supply", "blocked", "scale",
    ),
    meta_fields=("columns", "rows", "smooth"),
)  # fmt: skip
@dataclass(frozen=True)
class CostArrays:
    """A netlist as the arrays that the cost is computed from (Q points, see ``cost_state``), a pytree."""

    half: Array  # [N, 2] um, half of the size; 0 for nodes that cover nothing
    hard: Array  # [H] numbers of the hard macros
    point_node: Array  # [Q] node of each point
    point_offset: Array  # [Q, 2] um, orientation N
    nets: tuple[
        Array, ...
    ]  # per class of degree [M_k, D_k] points, the source first, then sinks, then the source again
    weights: tuple[Array, ...]  # per class [M_k]
    cell: Array  # [2] um, width and height of a grid cell
    supply: Array  # [2] routes of a cell: horizontal, vertical
    blocked: Array  # [2] routes per um that a hard macro takes: horizontal, vertical
    scale: Array  # [] sum of net weights x half-perimeter of the canvas
    columns: int
    rows: int
    smooth: int


def cost_sizes(netlist: Netlist) -> CostSizes:
    """What a netlist needs."""
    state = build_state(netlist)
    degree = np.diff(state.net_start)
    bounds = [1, 2, 3]
    while bounds[-1] < degree.max(initial=0):
        bounds.append(2 * bounds[-1])
    nets = tuple(int(((degree > low) & (degree <= high)).sum()) for low, high in itertools.pairwise(bounds))
    return CostSizes(len(state.half), int(state.is_hard.sum()), len(state.point_offset), nets)


def cost_arrays(netlist: Netlist, sizes: CostSizes | None = None) -> CostArrays:
    """The arrays of a netlist, in JAX's default precision (double where ``jax_enable_x64`` is set).

    Args:
        netlist: of any kind of nodes.
        sizes: capacities to pad to, by default what the netlist needs. Padding nodes have size 0, padding nets weight
            0; positions and orientations of padding nodes mean nothing.
    """
    sizes = sizes or cost_sizes(netlist)
    state = build_state(netlist)
    canvas = netlist.canvas
    degree = np.diff(state.net_start)
    net_of_slot = np.repeat(np.arange(len(degree)), degree)
    nets, weights = [], []
    bounds = [1, 2, *(3 * 2**k for k in range(len(sizes.nets) - 1))]
    if degree.max(initial=0) > bounds[-1]:
        raise ValueError(f"a net of {degree.max()} ends is beyond these sizes, which end at {bounds[-1]}")
    for (lower, width), room in zip(itertools.pairwise(bounds), sizes.nets, strict=True):
        chosen = np.flatnonzero((degree > lower) & (degree <= width))
        if room:
            table = np.repeat(state.net_points[state.net_start[chosen]][:, None], width, axis=1)
            slots = np.arange(width) < degree[chosen, None]
            table[slots] = state.net_points[np.isin(net_of_slot, chosen)]
            nets.append(jnp.asarray(_padded(table, room)))
            weights.append(jnp.asarray(_padded(state.net_weight[chosen], room), float))
    last = sizes.nodes - 1
    hard = np.flatnonzero(state.is_hard)
    point_node = np.repeat(np.arange(len(state.half)), np.diff(state.node_point))
    cell = np.array([canvas.width / canvas.columns, canvas.height / canvas.rows])
    return CostArrays(
        half=jnp.asarray(_padded(state.half, sizes.nodes), float),
        hard=jnp.asarray(_padded(hard, sizes.hard, last)),
        point_node=jnp.asarray(_padded(point_node, sizes.points, last)),
        point_offset=jnp.asarray(_padded(state.point_offset, sizes.points), float),
        nets=tuple(nets),
        weights=tuple(weights),
        cell=jnp.asarray(cell, float),
        supply=jnp.asarray([cell[1] * canvas.h_routes_per_um, cell[0] * canvas.v_routes_per_um], float),
        blocked=jnp.asarray([canvas.h_macro_routes_per_um, canvas.v_macro_routes_per_um], float),
        scale=jnp.asarray(netlist.net_weight.sum() * (canvas.width + canvas.height) or 1.0, float),
        columns=canvas.columns,
        rows=canvas.rows,
        smooth=canvas.smooth_range,
    )


def _padded(rows: NDArray[Any], room: int, value: int = 0) -> NDArray[Any]:
    """Rows up to ``room``."""
    return np.pad(rows, [(0, room - len(rows)), *[(0, 0)] * (rows.ndim - 1)], constant_values=value)


def points_at(arrays: CostArrays, position: Array, orientation: Array) -> Array:
    """Where the points lie, [Q, 2] um."""
    turned = orientation[arrays.point_node]
    sign = jnp.stack([jnp.where(turned % 2 == 1, -1.0, 1.0), jnp.where(turned >= 2, -1.0, 1.0)], axis=1)
    return position[arrays.point_node] + sign.astype(position.dtype) * arrays.point_offset


def cells_of(arrays: CostArrays, at: Array) -> Array:
    """Column and row of each point, clamped into the grid, [Q, 2] int32."""
    count = jnp.array([arrays.columns, arrays.rows])
    return jnp.clip(_lines(at, arrays.cell).astype(jnp.int32), 0, count - 1)


def _lines(at: Array, cell: Array) -> Array:
    """The line of the grid that each coordinate lies in, not clamped.

    Behind the barrier XLA divides; without it, it multiplies by the reciprocal, and what lies on a cell's edge may fall
    into the other cell.
    """
    divisor: Array = lax.optimization_barrier(jnp.broadcast_to(cell, at.shape))
    return jnp.floor(at / divisor)


def proxy_cost(arrays: CostArrays, position: Array, orientation: Array) -> Triple:
    """Wirelength, density and congestion of a placement; jit and vmap it as needed.

    Args:
        arrays: of the netlist, from ``cost_arrays``.
        position: [N, 2] um, centres of all nodes.
        orientation: [N] integers, ``netlist.Orientation``.

    Returns:
        Three numbers; 1, 0.5 and 0.5 are the usual weights.
    """
    position = position.astype(arrays.half.dtype)
    at = points_at(arrays, position, orientation)
    ends = [at[table] for table in arrays.nets]
    length = sum((jnp.sum(w * _perimeter(e)) for w, e in zip(arrays.weights, ends, strict=True)), jnp.zeros(()))
    overlap = overlaps(arrays, position)
    return length / arrays.scale, density(arrays, overlap), congestion(arrays, position, overlap, at)


def _perimeter(ends: Array) -> Array:
    return jnp.sum(jnp.max(ends, axis=1) - jnp.min(ends, axis=1), axis=-1)


def overlaps(arrays: CostArrays, position: Array) -> tuple[Array, Array]:
    """Length that each node shares with each column and with each row, [N, columns] and [N, rows] um."""

    def along(axis: int, count: int) -> Array:
        edges = jnp.arange(count, dtype=position.dtype) * arrays.cell[axis]
        low = position[:, axis, None] - arrays.half[:, axis, None]
        high = position[:, axis, None] + arrays.half[:, axis, None]
        shared = jnp.minimum(high, edges + arrays.cell[axis]) - jnp.maximum(low, edges)
        return jnp.maximum(shared, 0.0)

    return along(0, arrays.columns), along(1, arrays.rows)


def density(arrays: CostArrays, overlap: tuple[Array, Array]) -> Array:
    """Half of the mean of the fullest tenth of the cells, from the nodes' overlaps."""
    cells = arrays.columns * arrays.rows
    covered = jnp.matmul(overlap[1].T, overlap[0], precision=PRECISION).ravel() / (arrays.cell[0] * arrays.cell[1])
    if cells < 10:
        return 0.5 * covered.sum() / jnp.maximum(jnp.sum(covered > 0), 1)
    top = math.floor(0.1 * cells)
    return 0.5 * lax.top_k(covered, top)[0].sum() / top


def congestion(arrays: CostArrays, position: Array, overlap: tuple[Array, Array], at: Array) -> Array:
    """Mean of the worst twentieth of both maps' entries."""
    horizontal, vertical = congestion_maps(arrays, position, overlap, at)
    both = jnp.concatenate([horizontal.ravel(), vertical.ravel()])
    top = math.floor(0.05 * both.size)
    return lax.top_k(both, top)[0].sum() / top if top else both.max()


def congestion_maps(
    arrays: CostArrays, position: Array, overlap: tuple[Array, Array], at: Array
) -> tuple[Array, Array]:
    """Demand over supply of horizontal [rows, columns] and of vertical routes [columns, rows], blockage included."""
    cell = cells_of(arrays, at)
    runs_h: list[Run] = []
    runs_v: list[Run] = []
    for table, weight in zip(arrays.nets, arrays.weights, strict=True):
        x, y = cell[:, 0][table], cell[:, 1][table]
        more_h, more_v = routes(x, y, weight, arrays.rows)
        runs_h += more_h
        runs_v += more_v
    demand_h = _demand(runs_h, arrays.rows, arrays.columns, position.dtype)
    demand_v = _demand(runs_v, arrays.columns, arrays.rows, position.dtype)
    demand_h = smoothed(demand_h / arrays.supply[0], arrays.smooth)
    demand_v = smoothed(demand_v / arrays.supply[1], arrays.smooth)
    block_h, block_v = blockage(arrays, position, overlap)
    return demand_h + block_h, demand_v + block_v


def _demand(runs: list[Run], lines: int, length: int, dtype: jnp.dtype[Any]) -> Array:
    """Demand [lines, length] of runs, each of which charges cells min(a, b) .. max(a, b) - 1 of its line."""
    if not runs:
        return jnp.zeros((lines, length), dtype)
    line, a, b, weight = (jnp.concatenate([run[k].ravel() for run in runs]) for k in range(4))
    place = jnp.concatenate([line * length + jnp.minimum(a, b), line * length + jnp.maximum(a, b)])
    steps = jnp.zeros(lines * length, dtype).at[place].add(jnp.concatenate([weight, -weight]), mode="promise_in_bounds")
    until = jnp.triu(jnp.ones((length, length), dtype))
    return jnp.matmul(steps.reshape(lines, length), until, precision=PRECISION)


def routes(x: Array, y: Array, weight: Array, rows: int, at: Array | None = None) -> tuple[list[Run], list[Run]]:
    """Horizontal runs (row, from, to, weight) and vertical ones (column, from, to, weight) of nets of one class.

    Args:
        x, y: [M, D] column and row of each net's ends, the source first; these decide how a net is routed.
        weight: [M].
        rows: of the grid.
        at: [M, D, 2] coordinates of the ends, to have runs told in coordinates instead of columns and rows.
    """
    at_x, at_y = (x, y) if at is None else (at[:, :, 0], at[:, :, 1])
    x0, y0 = at_x[:, :1], at_y[:, :1]
    if x.shape[1] == 2:
        return [(y0, x0, at_x[:, 1:], weight)], [(at_x[:, 1:], y0, at_y[:, 1:], weight)]
    key = x * rows + y
    seen = (key[:, :, None] == key[:, None, :]) & (jnp.arange(x.shape[1]) < jnp.arange(x.shape[1])[:, None])
    new = ~jnp.any(seen, axis=-1)
    three = jnp.sum(new, axis=1) == 3
    runs_h, runs_v = _three(key, jnp.where(three, weight, 0.0), rows, at)
    star = jnp.where(new & ~three[:, None], weight[:, None], 0.0)[:, 1:]
    x0, y0 = jnp.broadcast_to(x0, star.shape), jnp.broadcast_to(y0, star.shape)
    runs_h.append((y0, x0, at_x[:, 1:], star))
    runs_v.append((at_x[:, 1:], y0, at_y[:, 1:], star))
    return runs_h, runs_v


def _three(key: Array, weight: Array, rows: int, at: Array | None) -> tuple[list[Run], list[Run]]:
    """Runs of nets in three distinct cells, whose keys are ``column * rows + row`` [M, D]; others have no weight.

    Ends that share a cell count with the mean of their coordinates.
    """
    a, c = key.min(axis=1), key.max(axis=1)
    b = jnp.maximum(jnp.max(jnp.where(key < c[:, None], key, -1), axis=1), a)

    def pick(cell: Array) -> tuple[Array, Array, Array, Array]:
        x, y = cell // rows, cell % rows
        if at is None:
            return x, y, x, y
        here = (key == cell[:, None])[:, :, None]
        mean = jnp.sum(jnp.where(here, at, 0.0), axis=1) / jnp.sum(here, axis=1)
        return x, y, mean[:, 0], mean[:, 1]

    (xa, ya, px_a, py_a), (xb, yb, px_b, py_b), (xc, yc, px_c, py_c) = pick(a), pick(b), pick(c)
    one = (xa < xb) & (xb < xc) & (jnp.minimum(ya, yc) < yb) & (yb < jnp.maximum(ya, yc))
    two = ~one & (xb == xc) & (xa < xb) & (ya < jnp.minimum(yb, yc))
    bent = one | (~two & (yb == yc))  # the first and the third case: in the third, the last vertical run is empty
    turn = bent | two
    # The fourth case: ends in the lowest, the middle and the highest row; the keys' order makes xa <= xb <= xc.
    low, high = jnp.minimum(jnp.minimum(ya, yb), yc), jnp.maximum(jnp.maximum(ya, yb), yc)
    a_low, b_low, c_high, b_high = ya == low, yb == low, yc == high, yb == high
    x_low, y_low = (jnp.where(a_low, p, jnp.where(b_low, q, r)) for p, q, r in ((px_a, px_b, px_c), (py_a, py_b, py_c)))
    x_high, y_high = (
        jnp.where(c_high, r, jnp.where(b_high, q, p)) for p, q, r in ((px_a, px_b, px_c), (py_a, py_b, py_c))
    )
    y_mid = py_a + py_b + py_c - y_low - y_high
    runs_h = [
        (jnp.where(turn, py_a, y_mid), px_a, jnp.where(turn, px_b, px_c), weight),
        (py_b, px_b, jnp.where(bent, px_c, px_b), weight),
    ]
    y_bend = jnp.where(bent, py_b, jnp.where(two, py_c, y_mid))
    runs_v = [
        (jnp.where(turn, px_b, x_low), jnp.where(turn, py_a, y_low), y_bend, weight),
        (jnp.where(turn, px_c, x_high), y_bend, jnp.where(turn, py_c, y_high), jnp.where(one | ~turn, weight, 0.0)),
    ]
    return runs_h, runs_v


def smoothed(demand: Array, reach: int) -> Array:
    """Spread each entry equally over the lines within reach that are inside the grid; [lines, length]."""
    if reach == 0:
        return demand
    line = jnp.arange(demand.shape[0])
    near = (jnp.abs(line[:, None] - line) <= reach).astype(demand.dtype)
    return jnp.matmul(near / near.sum(axis=0), demand, precision=PRECISION)


def blockage(arrays: CostArrays, position: Array, overlap: tuple[Array, Array]) -> tuple[Array, Array]:
    """Relative demand that hard macros take, horizontal [rows, columns] and vertical [columns, rows]."""
    at, half = position[arrays.hard], arrays.half[arrays.hard]
    across, up = overlap[0][arrays.hard], overlap[1][arrays.hard]

    def lines(axis: int, shared: Array) -> tuple[Array, Array]:
        """Which lines a macro lies in, [H, lines], and which count where its last partly covered one does not."""
        count = shared.shape[1]
        low = _lines(at[:, axis] - half[:, axis], arrays.cell[axis])
        high = _lines(at[:, axis] + half[:, axis], arrays.cell[axis])
        inside = (high >= 0) & (low < count)
        low, high = jnp.clip(low, 0, count - 1)[:, None], jnp.clip(high, 0, count - 1)[:, None]
        line = jnp.arange(count)
        part = jnp.abs(shared - arrays.cell[axis]) > PARTIAL
        cut = (low != high) & jnp.any(part & ((line == low) | (line == high)), axis=1, keepdims=True)
        lies = (line >= low) & (line <= high) & inside[:, None]
        return lies, lies & ~(cut & (line == high))

    in_columns, h_columns = lines(0, across)
    in_rows, v_rows = lines(1, up)
    both = jnp.any(in_columns, axis=1) & jnp.any(in_rows, axis=1)
    up, across = jnp.where(both[:, None], up, 0.0), jnp.where(both[:, None], across, 0.0)
    horizontal = jnp.matmul(up.T, h_columns.astype(up.dtype), precision=PRECISION)
    vertical = jnp.matmul(across.T, v_rows.astype(across.dtype), precision=PRECISION)
    return horizontal * arrays.blocked[0] / arrays.supply[0], vertical * arrays.blocked[1] / arrays.supply[1]
