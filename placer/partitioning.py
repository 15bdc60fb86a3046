"""Partition of a flat netlist's cells into groups of nearly equal area that few nets cross, by Mt-KaHyPar.

Mt-KaHyPar: Gottesbüren, Heuer, Maas, Sanders, Schlag, ACM Transactions on Algorithms 20(1), 2024.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import mtkahypar
import numpy as np

from placer.clustering import MOST_SINKS
from placer.netlist import InputError, IntArray, Netlist, NodeKind

CELLS_PER_GROUP = 150
"""Mean number of cells in a group; the published groupings of four designs have 113 to 271."""
IMBALANCE = 0.1
"""A group's area is at most this part above the mean."""
PORT_SHARE = 0.1
"""Bundles of ports that seed groups, over groups."""


def partition(
    flat: Netlist,
    cells_per_group: float = CELLS_PER_GROUP,
    imbalance: float = IMBALANCE,
    seed: int = 0,
    threads: int = 1,
) -> IntArray:
    """Group of each cell, -1 for all other nodes, shape [N].

    Nets, with their weights rounded up, are the hyperedges; those that grouping drops are left out. The objective is
    the sum over nets of weight x (groups that the net touches - 1). Where there are enough groups, each macro is bound
    to a group of its own, and so is each bundle of ports that follow each other in the file (as those of a bus do): so
    the cells around a macro's pins come into one group. The result depends on the seed alone, not on ``threads``.

    Raises:
        InputError: ``cells_per_group`` or ``imbalance`` is not above 0.
    """
    if not cells_per_group > 0 or not imbalance > 0:
        raise InputError(
            f"partition: expected cells_per_group and imbalance above 0, found {cells_per_group} and {imbalance}"
        )
    is_cell = flat.node_kind == NodeKind.CELL
    groups = np.full(len(is_cell), -1, np.int32)
    count = round(int(is_cell.sum()) / cells_per_group)
    if count < 2:
        groups[is_cell] = 0
        return groups

    hyperedges, weights = _hyperedges(flat)
    area = flat.node_size.prod(axis=1)
    unit = max(float(area[is_cell].mean()) / 100, np.finfo(np.float64).tiny)
    node_weight = np.where(is_cell, np.maximum(np.rint(area / unit), 1), 0).astype(np.int64)
    mtkahypar.set_seed(seed)
    initializer = _initializer(threads)
    context = initializer.context_from_preset(mtkahypar.PresetType.DETERMINISTIC)
    context.set_partitioning_parameters(count, imbalance, mtkahypar.Objective.KM1)
    context.logging = False
    hypergraph = initializer.create_hypergraph(
        context, len(is_cell), len(hyperedges), hyperedges, node_weight.tolist(), weights
    )
    hypergraph.add_fixed_vertices(_seeds(flat, count).tolist(), count)
    found = np.array(hypergraph.partition(context).get_partition(), np.int32)
    groups[is_cell] = found[is_cell]
    return groups


@cache
def _initializer(threads: int) -> Any:
    return mtkahypar.initialize(threads, False)


def _hyperedges(flat: Netlist) -> tuple[list[list[int]], list[int]]:
    """Distinct nodes of each net that joins at least two and is not dropped, and its weight."""
    degree = np.diff(flat.net_start)
    net = np.repeat(np.arange(len(degree)), degree)
    node = flat.pin_node[flat.net_pins]
    kept = degree[net] <= MOST_SINKS + 1
    pairs = np.unique(np.stack([net[kept], node[kept]], axis=1), axis=0)
    nets, first, count = np.unique(pairs[:, 0], return_index=True, return_counts=True)
    parts = np.split(pairs[:, 1], first[1:])
    weights = np.maximum(np.ceil(flat.net_weight[nets]), 1).astype(np.int64)
    several = count > 1
    return [part.tolist() for part, keep in zip(parts, several, strict=True) if keep], weights[several].tolist()


def _seeds(flat: Netlist, count: int) -> IntArray:
    """Group that each node is bound to, -1 for none, [N]."""
    bound = np.full(len(flat.node_kind), -1, np.int32)
    macros, ports = flat.nodes(NodeKind.HARD), flat.nodes(NodeKind.PORT)
    bundles = min(len(ports), int(count * PORT_SHARE))
    if len(macros) + bundles <= count:
        bound[macros] = np.arange(len(macros))
        bound[ports] = len(macros) + np.arange(len(ports)) * bundles // max(len(ports), 1) if bundles else -1
    return bound
