"""Greedy packing of hard macros around the periphery, the largest first, as Circuit Training's greedy packer does.

Each macro goes to the place nearest to the canvas's edge, among the four edges the one that also keeps it near its
connections. Where its connections would have it is the minimum of quadratic wirelength with ports and fixed nodes held
(GORDIAN: Kleinhans et al., IEEE TCAD 10(3), 1991), in the clique model.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import spsolve

from placer.baselines.force_directed import force_directed
from placer.legalise import FINE_UM, Scale, centres_of, legalise, packing_of
from placer.netlist import FloatArray, Netlist, NodeKind, Orientation, Placement
from placer.packing import Int64Array, Packing, insert_sorted, nearest_free

ALONG = 4.0
"""How many um along an edge weigh as much as one um away from it."""


def quadratic_positions(netlist: Netlist, placement: Placement) -> FloatArray:
    """Positions [N, 2] um of least quadratic wirelength; ports and fixed nodes stay, overlap is ignored.

    A net of degree p is a star from its driver with springs of its weight / (p - 1). A weak spring to the
    canvas's centre holds what is connected to nothing.
    """
    nodes = len(netlist.node_kind)
    held = netlist.node_fixed | (netlist.node_kind == NodeKind.PORT)  # [N]
    degree = np.diff(netlist.net_start)  # [E]
    net = np.repeat(np.arange(len(degree)), np.maximum(degree - 1, 0))
    is_sink = np.ones(len(netlist.net_pins), np.bool_)
    is_sink[netlist.net_start[:-1][degree > 0]] = False
    sink = netlist.pin_node[netlist.net_pins[is_sink]]
    driver = netlist.pin_node[netlist.net_pins[netlist.net_start[:-1][net]]]
    spring = netlist.net_weight[net] / np.maximum(degree[net] - 1, 1)
    pull = coo_matrix((spring, (driver, sink)), shape=(nodes, nodes)).tocsr()
    pull = pull + pull.T
    weak = 1e-4 * max(float(netlist.net_weight.mean()) if len(net) else 1.0, 1e-12)
    stiffness = (diags(np.asarray(pull.sum(1)).ravel() + weak) - pull).tocsc()
    centre = np.array([netlist.canvas.width, netlist.canvas.height]) / 2
    free = np.flatnonzero(~held)
    position = placement.position.copy()
    for d in range(2):
        load = weak * centre[d] + pull[free][:, held] @ placement.position[held, d]
        position[free, d] = spsolve(stiffness[free][:, free], load)
    return position


def greedy_packing(netlist: Netlist, initial: Placement, seed: int = 0, halo: float = 0.0) -> Placement:
    """Hard macros packed along the edges, the largest first; soft macros force-directed; all in orientation N.

    Args:
        netlist: what is placed.
        initial: where ports and fixed nodes are; nothing else of it is used.
        seed: breaks ties between macros of equal size; the same seed gives the same placement, bit for bit.
        halo: um by which each hard macro is inflated on each side against other hard macros.

    Raises:
        Infeasible: the macros do not fit.
    """
    hard = netlist.nodes(NodeKind.HARD)
    movable = hard[~netlist.node_fixed[hard]]
    random = np.random.default_rng(seed)
    order = np.lexsort((random.random(len(movable)), -netlist.node_size[movable].prod(1)))
    position = quadratic_positions(netlist, initial)
    scale = Scale(FINE_UM, False, int(np.ceil(halo / FINE_UM)))
    packing = packing_of(netlist, Placement(position, initial.orientation), movable, scale, (), None, False, 0)
    corner = _pack_at_edges(packing, order)
    position[movable] = centres_of(netlist, movable, packing, corner, scale)
    orientation = initial.orientation.copy()
    orientation[movable] = Orientation.N
    packed = legalise(netlist, Placement(position, orientation), halo=halo, seed=seed)
    return force_directed(netlist, packed)


def _pack_at_edges(packing: Packing, order: NDArray[np.int64]) -> Int64Array:
    """Insert rectangles in order, each where it is nearest to an edge; what finds no place is left at its target.

    A unit of distance from the edge costs as much as ``ALONG`` units of distance from the target along the edge.
    """
    corner = packing.target.copy()
    boxes = np.zeros((len(packing.size) + len(packing.blocks), 4), np.int64)
    count = 0
    for block in packing.blocks:
        insert_sorted(boxes, count, *block)
        count += 1
    for i in order:
        low, high = packing.low[i], packing.high[i]
        best = np.inf
        for d in range(2):
            for edge in (low[d], high[d]):
                goal = packing.target[i].copy()
                goal[d] = edge
                cost = np.full(2, 1 / ALONG)
                cost[d] = 1.0
                found, x, y = nearest_free(*packing.size[i], low, high, goal, cost[0], cost[1], boxes, count)
                total = found + abs(edge - packing.target[i, d]) / ALONG
                if total < best:
                    best, corner[i] = total, (x, y)
        if best < np.inf:
            insert_sorted(boxes, count, *corner[i], *(corner[i] + packing.size[i]))
            count += 1
    return corner
