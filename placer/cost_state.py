"""What the proxy cost is computed on: a netlist reduced to points and merged nets, and maps of whole numbers.

Letters beyond those of ``placer.netlist``:
    Q  points: places that a net can end at. All pins of a soft macro, a port or a cell are one point, and so are pins
       of a hard macro with equal offsets. The points of a node are consecutive.
    M  merged nets: nets with the same source point and the same sink points, their weights added. A net whose pins
       are all one point costs nothing, and is dropped.
    S  slots: the ends of all merged nets, net by net.
    G  grid cells, ``row * columns + column``; maps of vertical demand are kept ``column * rows + row``.

All sums are of 64-bit whole numbers (fixed point, scaled by a power of two chosen from the largest sum possible). So
a sum does not depend on the order or on the history of what was added and taken away: a cost after a million
incremental moves has the same bits as one computed afresh. The rounding of each term is below 1e-12 of a sum.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from placer.netlist import InputError, Netlist, NodeKind

Int64Array = NDArray[np.int64]

LINES = 32767  # columns and rows at most: a cell is two 16-bit numbers in one word

# Rows of CostState.maps.
DENSITY, NET_H, NET_V, BLOCK_H, BLOCK_V = range(5)
# Entries of CostState.scalars (float64).
(
    CELL_W, CELL_H, WL_NORM, WL_SCALE, AREA_SCALE, NET_SCALE, BLOCK_SCALE, H_NET, V_NET, H_BLOCK, V_BLOCK, W_WL, W_DEN,
    W_CONG, HINT_DEN, HINT_CONG,
) = range(16)  # fmt: skip
SCALARS = 16
# Entries of CostState.counters (int64).
COLUMNS, ROWS, SMOOTH, TOP_DEN, TOP_CONG, WL_SUM, STAMP, N_SAVED_NODES, N_SAVED_NETS, SAVED_WL, SAVED, SAVED_BLOCKS = (
    range(12)
)
COUNTERS = 12


class CostState(NamedTuple):
    """Everything that the compiled kernels read and write: a tuple of arrays."""

    # The netlist, never written.
    half: NDArray[np.float64]  # [N, 2] um, half of width and height; 0 for nodes without area in the cost
    is_hard: NDArray[np.bool_]  # [N]
    node_point: NDArray[np.int32]  # [N + 1] points of node n are node_point[n] .. node_point[n + 1] - 1
    point_offset: NDArray[np.float64]  # [Q, 2] um, orientation N
    net_start: NDArray[np.int32]  # [M + 1] slots of net m are net_start[m] .. net_start[m + 1] - 1, the source first
    net_points: NDArray[np.int32]  # [S] the point of each slot
    node_start: NDArray[np.int32]  # [N + 1] offsets into node_slots and node_nets
    node_slots: NDArray[np.int32]  # [S] slots of each node, by net
    node_nets: NDArray[np.int32]  # [S] the net of each of these
    net_weight: NDArray[np.float64]  # [M]
    net_charge: Int64Array  # [M] weight in fixed point, as the demand maps count it
    # The placement and what follows from it.
    position: NDArray[np.float64]  # [N, 2] um
    orientation: NDArray[np.int8]  # [N]
    slot_at: NDArray[np.float64]  # [S, 2] um
    slot_cell: NDArray[np.int32]  # [S] column * 65536 + row
    net_length: Int64Array  # [M] weight x HPWL in fixed point
    net_cells: NDArray[np.int32]  # [M] number of distinct cells
    maps: Int64Array  # [5, G] area; differences along runs of H, V demand; overlap lengths of hard macros for H, V
    # What a transaction saved, to be undone.
    saved_maps: Int64Array  # [5, G]
    saved_nodes: NDArray[np.int32]  # [N]
    saved_place: NDArray[np.float64]  # [N, 3] x, y, orientation
    saved_nets: NDArray[np.int32]  # [M]
    saved_length: Int64Array  # [M]
    saved_cells: NDArray[np.int32]  # [M]
    node_stamp: Int64Array  # [N]
    net_stamp: Int64Array  # [M]
    # Room to work in.
    cell_stamp: Int64Array  # [G]
    distinct: NDArray[np.int32]  # [largest degree] distinct cells of the net at hand
    values: NDArray[np.float64]  # [2 G + 1] congestion, then its largest entries
    picked: NDArray[np.float64]  # [2 G + 1]
    scalars: NDArray[np.float64]  # [SCALARS]
    counters: Int64Array  # [COUNTERS]


def _power_of_two(largest: float) -> float:
    """The scale at which a sum of this size stays below 2**61, at most 2**40."""
    return 2.0 ** min(40, math.floor(61 - math.log2(max(largest, 1e-9))))


def build_state(netlist: Netlist, weights: tuple[float, float, float] = (1.0, 0.5, 0.5)) -> CostState:
    """The state of a netlist with all nodes at the origin; ``cost_kernels.rebuild`` places them.

    Args:
        weights: of wirelength, density and congestion in ``cost_terms.cost``.
    """
    canvas, kind = netlist.canvas, netlist.node_kind
    nodes = len(netlist.node_names)
    cells = canvas.columns * canvas.rows
    if not (0 < canvas.columns <= LINES and 0 < canvas.rows <= LINES):
        raise InputError(
            f"{netlist.name}: expected 1 to {LINES} columns and rows, found {canvas.columns} x {canvas.rows}"
        )
    point_offset, node_point, pin_point = _points(netlist)
    net_start, net_points, net_weight = _merge(netlist, pin_point)
    merged, slots = len(net_weight), len(net_points)
    slot_node = np.repeat(np.arange(nodes), np.diff(node_point))[net_points]
    node_slots = np.argsort(slot_node, kind="stable").astype(np.int32)
    degree = np.diff(net_start)
    is_macro = (kind == NodeKind.HARD) | (kind == NodeKind.SOFT)
    half = np.where(is_macro[:, None], netlist.node_size / 2, 0.0)
    all_weight = float(netlist.net_weight.sum())

    scalars = np.zeros(SCALARS)
    gw, gh = canvas.width / canvas.columns, canvas.height / canvas.rows
    scalars[CELL_W], scalars[CELL_H] = gw, gh
    scalars[WL_NORM] = all_weight * (canvas.width + canvas.height) or 1.0
    scalars[WL_SCALE] = _power_of_two(64 * scalars[WL_NORM])
    scalars[AREA_SCALE] = _power_of_two(float((half * 2).prod(axis=1).sum()))
    scalars[NET_SCALE] = _power_of_two(float((net_weight * degree).sum()) * 4)
    scalars[BLOCK_SCALE] = _power_of_two(max(gw, gh) * nodes)
    h_supply, v_supply = gh * canvas.h_routes_per_um, gw * canvas.v_routes_per_um
    scalars[H_NET], scalars[V_NET] = 1 / (scalars[NET_SCALE] * h_supply), 1 / (scalars[NET_SCALE] * v_supply)
    scalars[H_BLOCK] = canvas.h_macro_routes_per_um / (scalars[BLOCK_SCALE] * h_supply)
    scalars[V_BLOCK] = canvas.v_macro_routes_per_um / (scalars[BLOCK_SCALE] * v_supply)
    scalars[W_WL], scalars[W_DEN], scalars[W_CONG] = weights
    scalars[HINT_DEN] = scalars[HINT_CONG] = np.inf
    counters = np.zeros(COUNTERS, np.int64)
    counters[COLUMNS], counters[ROWS], counters[SMOOTH] = canvas.columns, canvas.rows, canvas.smooth_range
    counters[TOP_DEN] = math.floor(0.1 * cells) if cells >= 10 else 0
    counters[TOP_CONG] = math.floor(0.05 * 2 * cells)

    return CostState(
        half=half,
        is_hard=kind == NodeKind.HARD,
        node_point=node_point,
        point_offset=point_offset,
        net_start=net_start,
        net_points=net_points,
        node_start=np.searchsorted(slot_node[node_slots], np.arange(nodes + 1)).astype(np.int32),
        node_slots=node_slots,
        node_nets=np.repeat(np.arange(merged, dtype=np.int32), degree)[node_slots],
        net_weight=net_weight,
        net_charge=np.round(net_weight * scalars[NET_SCALE]).astype(np.int64),
        position=np.zeros((nodes, 2)),
        orientation=np.zeros(nodes, np.int8),
        slot_at=np.zeros((slots, 2)),
        slot_cell=np.zeros(slots, np.int32),
        net_length=np.zeros(merged, np.int64),
        net_cells=np.zeros(merged, np.int32),
        maps=np.zeros((5, cells), np.int64),
        saved_maps=np.zeros((5, cells), np.int64),
        saved_nodes=np.zeros(nodes, np.int32),
        saved_place=np.zeros((nodes, 3)),
        saved_nets=np.zeros(merged, np.int32),
        saved_length=np.zeros(merged, np.int64),
        saved_cells=np.zeros(merged, np.int32),
        node_stamp=np.zeros(nodes, np.int64),
        net_stamp=np.zeros(merged, np.int64),
        cell_stamp=np.zeros(cells, np.int64),
        distinct=np.zeros(int(degree.max(initial=1)), np.int32),
        values=np.zeros(2 * cells + 1),
        picked=np.zeros(2 * cells + 1),
        scalars=scalars,
        counters=counters,
    )


def _points(netlist: Netlist) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int32]]:
    """Points' offsets [Q, 2], first point of each node [N + 1], and the point of each pin [P]."""
    node = netlist.pin_node
    offset = np.where((netlist.node_kind[node] == NodeKind.HARD)[:, None], netlist.pin_offset, 0.0)
    order = np.lexsort((offset[:, 1], offset[:, 0], node))
    keys = np.column_stack([node.astype(np.float64), offset])[order]
    first = np.ones(len(order), np.bool_)
    first[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    pin_point = np.empty(len(order), np.int32)
    pin_point[order] = np.cumsum(first) - 1
    node_point = np.searchsorted(keys[first, 0], np.arange(len(netlist.node_names) + 1)).astype(np.int32)
    return np.ascontiguousarray(keys[first, 1:]), node_point, pin_point


def _merge(
    netlist: Netlist, pin_point: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    """Merged nets: offsets [M + 1], points, the source first and the sinks in rising order, and weights [M]."""
    found: dict[bytes, int] = {}
    nets: list[NDArray[np.int32]] = []
    weights: list[float] = []
    points = pin_point[netlist.net_pins]
    starts = netlist.net_start.tolist()
    for net, weight in enumerate(netlist.net_weight.tolist()):
        ends = points[starts[net] : starts[net + 1]]
        distinct = set(ends.tolist())
        if len(distinct) < 2 or weight == 0:
            continue
        source = int(ends[0])
        distinct.discard(source)
        merged = np.array([source, *sorted(distinct)], np.int32)
        number = found.setdefault(merged.tobytes(), len(nets))
        if number == len(nets):
            nets.append(merged)
            weights.append(0.0)
        weights[number] += weight
    start = np.zeros(len(nets) + 1, np.int32)
    np.cumsum([len(n) for n in nets], out=start[1:])
    return start, np.concatenate(nets) if nets else np.zeros(0, np.int32), np.array(weights)
