"""The graph that the policy reads: hard macros, soft macros and clusters of ports, joined by merged connections."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np
from jax import Array

from placer.netlist import BoolArray, FloatArray, IntArray, Netlist

PORT_CLUSTERS = 32
"""Ports are clustered by where they are along the canvas's outline."""

NODE_FEATURES = 10


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Graph:
    """Static features, in fractions of the canvas; A nodes are H hard slots, S soft slots and the clusters of ports.

    Edges carry the logarithm of their weight relative to the mean.
    """

    nodes: Array  # [A, NODE_FEATURES]
    present: Array  # [A] false for padding
    edge: Array  # [B, 2] node numbers
    edge_weight: Array  # [B] 0 for padding


def graph_of(
    netlist: Netlist,
    start: FloatArray,
    size: FloatArray,
    fixed: BoolArray,
    present: BoolArray,
    pairs: IntArray,
    weight: FloatArray,
    hard: int,
    soft: int,
    room: int | None,
) -> Graph:
    """Build the policy's graph.

    Args:
        netlist: whose canvas scales the features.
        start, size: [M, 2] um; fixed, present: [M].
        pairs: [K, 2] slots; weight: [K], 0 for padding.
        hard, soft: numbers of slots.
        room: edges to pad to.
    """
    canvas = np.array([netlist.canvas.width, netlist.canvas.height])
    macros = hard + soft
    turn = np.arctan2(*(start[macros:] / canvas - 0.5).T[::-1]) / (2 * np.pi) + 0.5
    cluster = np.minimum((turn * PORT_CLUSTERS).astype(np.int64), PORT_CLUSTERS - 1)
    has_port = present[macros:]
    node_of_slot = np.concatenate([np.arange(macros), macros + cluster])
    count = macros + PORT_CLUSTERS
    ends = np.sort(node_of_slot[pairs[weight > 0]], axis=1)
    key, inverse = np.unique(ends[:, 0] * count + ends[:, 1], return_inverse=True)
    merged = np.bincount(inverse, weight[weight > 0], len(key))
    apart = key // count != key % count
    key, merged = key[apart], merged[apart]
    degree = np.bincount(key // count, merged, count) + np.bincount(key % count, merged, count)

    ports = np.bincount(cluster, has_port, PORT_CLUSTERS)
    where = np.zeros((count, 2))
    still = fixed[:macros]
    where[:macros][still] = start[:macros][still] / canvas
    along = start[macros:] / canvas * has_port[:, None]
    middle = np.stack([np.bincount(cluster, along[:, a], PORT_CLUSTERS) for a in range(2)], 1)
    where[macros:] = middle / np.maximum(ports, 1)[:, None]
    scaled = np.zeros((count, 2))
    scaled[:macros] = size[:macros] / canvas
    kind = np.zeros((count, 3))
    kind[:hard, 0] = kind[hard:macros, 1] = kind[macros:, 2] = 1.0
    placed = np.concatenate([still, ports > 0]).astype(float)
    there = np.concatenate([present[:macros], ports > 0])
    features = np.concatenate(
        [
            kind,
            scaled * 4,
            np.sqrt(scaled.prod(1, keepdims=True)) * 4,
            placed[:, None],
            where - 0.5 * placed[:, None],
            np.log1p(degree / max(degree[there].mean(), 1e-12))[:, None],
        ],
        1,
    )
    extra = (room if room is not None else max(1, len(key))) - len(key)
    edge = np.pad(np.stack([key // count, key % count], 1), ((0, extra), (0, 0)))
    value = np.pad(np.log1p(merged / max(merged.mean() if len(merged) else 1.0, 1e-12)), (0, extra))
    return Graph(
        jax.numpy.asarray((features * there[:, None]).astype(np.float32)),
        jax.numpy.asarray(there),
        jax.numpy.asarray(edge.astype(np.int32)),
        jax.numpy.asarray(value.astype(np.float32)),
    )
