"""What the environment and the policy know of one netlist: padded arrays, computed once, outside of JAX.

A *slot* numbers the things that have a place: hard macros first (movable ones in the order in which they are placed,
then fixed ones, then padding), then soft macros, then ports, each padded to its capacity. Dimension letters:
    N  nodes of the netlist, padding included
    H  hard slots; S  soft slots; Q  port slots; M = H + S + Q
    K  connections: a pair of slots, all that the nets between them have merged into one
    G  the policy's grid, G x G cells; F  fine positions on each axis, a multiple of G
    A  nodes, B  edges of the policy's graph
Units: micrometres, unless said otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import numpy as np
from jax import Array
from numpy.typing import NDArray

from placer.berths import Berths, berths_of
from placer.cost_jax import CostArrays, CostSizes, cost_arrays, cost_sizes
from placer.graph import Graph, graph_of
from placer.netlist import FloatArray, IntArray, Netlist, NodeKind, Orientation, Placement
from placer.quadratic import Quadratic, quadratic_of
from placer.soft_step import Connections, SmoothCost, smooth_cost_of

SPACING_UM, SPACING = 0.002, 2e-6
"""Clearance beyond the halos, in um and relative to the canvas, the larger one counts: more than what single precision
loses, so a legal state is legal in doubles too."""


NET_CLASSES = 6
"""Classes of nets by degree that buckets have at least: up to 48 ends."""


@dataclass(frozen=True)
class Sizes:
    """Capacities that a netlist is padded to; netlists of the same sizes and grid share compiled code and batches."""

    hard: int
    soft: int
    ports: int
    connections: int
    graph_edges: int
    cost: CostSizes


def sizes_of(netlist: Netlist, initial: Placement) -> Sizes:
    """What a netlist needs, not rounded."""
    slots = _slots(netlist, initial, None)
    pairs, weight, _ = connections(netlist, slots.of_node, None)
    graph = graph_of(
        netlist, slots.start, slots.size, slots.fixed, slots.present, pairs, weight[:, 0], slots.hard, slots.soft, None
    )
    ports = len(slots.node) - slots.hard - slots.soft
    return Sizes(slots.hard, slots.soft, ports, len(pairs), len(graph.edge), cost_sizes(netlist))


def bucket(sizes: Sizes) -> Sizes:
    """Sizes rounded up, so that netlists of about the same size share compiled code.

    Each hard macro more is a step of an episode, so these are rounded to 8 at most; all else to four steps per octave.
    """

    def up(count: int) -> int:
        step = 2 ** max((count - 1).bit_length() - 3, 4)
        return -(-count // step) * step

    hard = sizes.hard if sizes.hard < 8 else -(-sizes.hard // 8) * 8
    cost = sizes.cost
    nets = cost.nets + (0,) * (NET_CLASSES - len(cost.nets))
    return Sizes(
        hard,
        up(sizes.soft),
        up(sizes.ports),
        up(sizes.connections),
        up(sizes.graph_edges),
        CostSizes(up(cost.nodes + 1), hard, up(cost.points), tuple(up(max(1, count)) for count in nets)),
    )


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Problem:
    """One netlist as the environment sees it; a pytree, so that a batch of netlists is one too.

    Attributes:
        canvas: width and height of the canvas.
        weights: of wirelength, density and congestion in the reward.
        gap: least distance of a hard macro's edge from another's: two halos and the clearance ``spacing``.
        hard_count: how many hard macros the episode places, the first slots.
        slot_node: node of each slot; N for padding.
        fine_x, fine_y: where centres may be; infinite for padding.
        grid: columns and rows of the policy's grid that are in use.
    """

    canvas: Array  # [2]
    weights: Array  # [3] without unit
    gap: Array  # []
    spacing: Array  # []
    hard_count: Array  # []
    slot_node: Array  # [M]
    hard_size: Array  # [H, 2]
    hard_fixed: Array  # [H] true: placed before the episode begins
    hard_signs: Array  # [H, 2] of the pin offsets of fixed macros; 0 for movable ones
    soft_size: Array  # [S, 2]
    soft_movable: Array  # [S]
    start: Array  # [M, 2] initial position; valid for fixed slots and ports
    base_position: Array  # [N, 2] initial position of each node
    base_orientation: Array  # [N] Orientation
    fine_x: Array  # [F]
    fine_y: Array  # [F]
    grid: Array  # [2] columns, rows
    pitch: Array  # [2] um, width and height of one of its cells
    berths: Berths
    connections: Connections
    smooth: SmoothCost
    quadratic: Quadratic
    graph: Graph
    cost: CostArrays

    @property
    def hard_present(self) -> Array:
        """[H] false for padding."""
        return self.hard_fixed | (jax.numpy.arange(self.hard_size.shape[0]) < self.hard_count)


def problem_of(
    netlist: Netlist,
    initial: Placement,
    grid: int,
    fine: int,
    weights: tuple[float, float, float] = (1.0, 0.5, 0.5),
    halo: float = 0.0,
    sizes: Sizes | None = None,
) -> Problem:
    """Prepare a clustered netlist for the environment.

    Args:
        netlist: hard macros, soft macros and ports.
        initial: where ports and fixed nodes are; what it says of movable ones is not used.
        grid: the policy's grid G; at least half of it is used on each axis.
        fine: positions per cell on each axis, even.
        weights: of wirelength, density and congestion.
        halo: um on each side of each hard macro.
        sizes: capacities to pad to; by default what the netlist needs, rounded by ``bucket``.

    Raises:
        Infeasible: the hard macros do not fit, or no way was found in which they do.
    """
    sizes = sizes or bucket(sizes_of(netlist, initial))
    slots = _slots(netlist, initial, sizes)
    hard, soft = slots.hard, slots.soft
    pairs, weight, offset = connections(netlist, slots.of_node, sizes.connections)
    canvas = netlist.canvas
    spacing = max(SPACING_UM, SPACING * max(canvas.width, canvas.height))
    gap = 2 * halo + spacing
    (columns, wide), (rows, high) = cells_of(canvas.columns, grid), cells_of(canvas.rows, grid)
    pitch = (wide * canvas.width / canvas.columns, high * canvas.height / canvas.rows)
    fixed = slots.fixed
    orientation = np.append(initial.orientation, 0)[np.minimum(slots.node[:hard], len(initial.orientation))]
    turned = np.stack(
        [np.isin(orientation, (Orientation.FN, Orientation.S)), np.isin(orientation, (Orientation.FS, Orientation.S))],
        1,
    )
    signs = np.where(turned, -1.0, 1.0) * fixed[:hard, None]
    quadratic = quadratic_of(
        pairs, weight[:, 0], slots.start, fixed, hard, soft, slots.hard_count, canvas, (grid, *pitch)
    )
    graph = graph_of(
        netlist, slots.start, slots.size, fixed, slots.present, pairs, weight[:, 0], hard, soft, sizes.graph_edges
    )

    spare = sizes.cost.nodes - len(netlist.node_names)

    def single(values: object) -> Array:
        return jax.numpy.asarray(np.asarray(values, np.float32))

    return Problem(
        canvas=single([canvas.width, canvas.height]),
        weights=single(weights),
        gap=single(gap),
        spacing=single(spacing),
        hard_count=jax.numpy.asarray(slots.hard_count, jax.numpy.int32),
        slot_node=jax.numpy.asarray(slots.node),
        hard_size=single(slots.size[:hard]),
        hard_fixed=jax.numpy.asarray(fixed[:hard]),
        hard_signs=single(signs),
        soft_size=single(slots.size[hard : hard + soft]),
        soft_movable=jax.numpy.asarray((~fixed & slots.present)[hard : hard + soft]),
        start=single(slots.start),
        base_position=single(np.pad(initial.position, ((0, spare), (0, 0)))),
        base_orientation=jax.numpy.asarray(np.pad(initial.orientation.astype(np.int32), (0, spare))),
        fine_x=single(fine_positions(canvas.width, pitch[0], columns, grid, fine)),
        fine_y=single(fine_positions(canvas.height, pitch[1], rows, grid, fine)),
        grid=jax.numpy.asarray([columns, rows], jax.numpy.int32),
        pitch=single(pitch),
        berths=berths_of(netlist, initial, slots.node[: slots.hard_count], halo, spacing, hard),
        connections=Connections(jax.numpy.asarray(pairs), single(weight), single(offset)),
        smooth=smooth_cost_of(canvas, netlist.net_weight),
        quadratic=quadratic,
        graph=graph,
        cost=cost_arrays(netlist, sizes.cost),
    )


@dataclass(frozen=True)
class _Slots:
    """The netlist's nodes in slots."""

    hard: int
    soft: int
    hard_count: int
    node: IntArray  # [M] N for padding
    of_node: IntArray  # [N]
    size: FloatArray  # [M, 2]
    start: FloatArray  # [M, 2]
    fixed: NDArray[np.bool_]  # [M] present and not to be moved
    present: NDArray[np.bool_]  # [M]


def _slots(netlist: Netlist, initial: Placement, sizes: Sizes | None) -> _Slots:
    """Number hard macros in placement order (large ones first, CT's order), then soft macros, then ports."""
    n = len(netlist.node_names)
    none = max(n, sizes.cost.nodes) if sizes else n
    hard = netlist.nodes(NodeKind.HARD)
    area = netlist.node_size.prod(1)
    order = np.lexsort((np.arange(len(hard)), -area[hard], netlist.node_fixed[hard]))
    groups = [hard[order], netlist.nodes(NodeKind.SOFT), netlist.nodes(NodeKind.PORT)]
    room = [sizes.hard, sizes.soft, sizes.ports] if sizes else [max(1, len(g)) for g in groups]
    node = np.concatenate([np.pad(g, (0, r - len(g)), constant_values=none) for g, r in zip(groups, room, strict=True)])
    present = node < n
    real = node[present]
    size, start = np.zeros((len(node), 2)), np.full((len(node), 2), 0.0)
    size[present], start[present] = netlist.node_size[real], initial.position[real]
    is_port = np.zeros(n, bool)
    is_port[groups[2]] = True
    fixed = np.zeros(len(node), bool)
    fixed[present] = netlist.node_fixed[real] | is_port[real]
    of_node = np.full(n, -1, np.int32)
    of_node[real] = np.flatnonzero(present)
    count = int((~netlist.node_fixed[hard]).sum())
    return _Slots(room[0], room[1], count, node.astype(np.int32), of_node, size, start, fixed, present)


def connections(netlist: Netlist, slot_of_node: IntArray, room: int | None) -> tuple[IntArray, FloatArray, FloatArray]:
    """Merge all nets between the same driver and sink node.

    A net of k sinks counts 2 w / (k + 1) for the wirelength of each of its k connections, which is w for two pins, and
    w for the routing demand (the evaluator routes a star).

    Returns:
        slots [K, 2], weights [K, 2] and mean pin offsets [K, 2, 2], padded with zeros to ``room``.
    """
    degree = np.diff(netlist.net_start)
    net = np.repeat(np.arange(len(degree)), degree)
    is_sink = np.ones(len(net), bool)
    is_sink[netlist.net_start[:-1]] = False
    net = net[is_sink]
    ends = np.stack([netlist.net_pins[netlist.net_start[:-1]][net], netlist.net_pins[is_sink]], 1)  # [*, 2] pins
    slots = slot_of_node[netlist.pin_node[ends]]
    used = (slots[:, 0] != slots[:, 1]) & (slots >= 0).all(1)
    net, ends, slots = net[used], ends[used], slots[used]
    weight = netlist.net_weight[net]
    wire = weight * 2.0 / degree[net]
    key, inverse = np.unique(slots[:, 0].astype(np.int64) << 32 | slots[:, 1], return_inverse=True)
    count = len(key)
    total, demand = np.bincount(inverse, wire, count), np.bincount(inverse, weight, count)
    offset = np.zeros((count, 2, 2))
    for end in range(2):
        for axis in range(2):
            moment = np.bincount(inverse, wire * netlist.pin_offset[ends[:, end], axis], count)
            offset[:, end, axis] = moment / total
    pairs = np.stack([key >> 32, key & 0xFFFFFFFF], 1).astype(np.int32)
    pad = ((room if room is not None else max(1, count)) - count, 0)
    widths = ((0, pad[0]), (0, 0))
    weights = np.pad(np.stack([total, demand], 1), widths)
    return np.pad(pairs, widths).astype(np.int32), weights.astype(np.float64), np.pad(offset, (*widths, (0, 0)))


def cells_of(cells: int, grid: int) -> tuple[int, float]:
    """How many of the policy's ``grid`` cells are used on an axis, and how many of the cost's ``cells`` one is wide.

    A macro that straddles a line of the cost's grid blocks the routes of both sides; so the policy's cells are whole
    fractions or multiples of the cost's. Of multiples, the last one may reach beyond the canvas.
    """
    if cells <= grid:
        return cells * (grid // cells), 1 / (grid // cells)
    several = math.ceil(cells / grid)
    return math.ceil(cells / several), float(several)


def fine_positions(extent: float, pitch: float, cells: int, grid: int, fine: int) -> FloatArray:
    """[F] um: ``fine`` in each cell, from its lower edge on; infinite beyond the cells in use and the canvas."""
    used = np.arange(grid * fine) * (pitch / fine)
    return np.where((used < extent) & (np.arange(grid * fine) < cells * fine), used, np.inf)
