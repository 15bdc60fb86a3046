"""Rectilinear Steiner trees: the wires that a router would draw, estimated from where the pins lie.

Nets of up to ``EXHAUSTIVE_PINS`` pins: iterated 1-Steiner on the Hanan grid (Kahng and Robins, IEEE TCAD 11(7), 1992),
which is optimal up to four pins and within a few tenths of a percent above. Larger nets: a minimum spanning tree
improved by node-to-edge reconnection (Borah, Owens and Irwin, IEEE TCAD 13(12), 1994).

Dimension letters:
    K  net pins, net after net
    E  nets
    T  tree nodes, net after net: the net's pins in their order, then its Steiner points
    G  tree edges, net after net
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from placer.netlist import FloatArray, IntArray

EXHAUSTIVE_PINS = 9
_EPSILON = 1e-9
_PASSES = 4


@dataclass(frozen=True)
class SteinerTrees:
    """One tree for each net. A net of one pin has one node and no edge."""

    position: FloatArray  # [T, 2] um
    node_start: NDArray[np.int64]  # [E + 1] offsets into position
    edge: IntArray  # [G, 2] the two ends, counted from the net's first node
    edge_start: NDArray[np.int64]  # [E + 1] offsets into edge

    def edge_ends(self) -> NDArray[np.int64]:
        """The ends of each edge as rows of ``position``, shape [G, 2]."""
        base = np.repeat(self.node_start[:-1], np.diff(self.edge_start))
        return self.edge + base[:, None]

    def edge_size(self) -> FloatArray:
        """Horizontal and vertical extent of each edge in um, shape [G, 2]; its length is their sum."""
        ends = self.edge_ends()
        return np.abs(self.position[ends[:, 0]] - self.position[ends[:, 1]])

    def net_length(self) -> FloatArray:
        """Wire length of each net in um, shape [E]."""
        total = np.concatenate([[0.0], np.cumsum(self.edge_size().sum(axis=1))])
        return total[self.edge_start[1:]] - total[self.edge_start[:-1]]

    def tiled_length(self, tile: float) -> float:
        """Wire length in um as OpenROAD's global router counts it, on square tiles of this side in um.

        Wires run from middle to middle of the tiles, and each straight wire counts one tile more
        (``GlobalRouter::computeNetWirelength``); what stays inside a tile counts nothing.
        """
        ends = np.floor(self.position / tile)[self.edge_ends()]
        tiles = np.abs(ends[:, 0] - ends[:, 1])
        return float(tile * (tiles.sum() + (tiles > 0).sum()))


def steiner_trees(position: FloatArray, net_start: IntArray) -> SteinerTrees:
    """Build a rectilinear Steiner tree for every net.

    Args:
        position: [K, 2] um, the pins of net ``e`` at ``net_start[e]:net_start[e + 1]``.
        net_start: [E + 1].

    Returns trees whose first nodes are the net's pins, in the same order. Edges between points that differ in both
    x and y stand for an L-shaped wire.
    """
    start = np.ascontiguousarray(net_start, dtype=np.int64)
    pins = np.ascontiguousarray(position, dtype=np.float64)
    x, y, nodes, edge, edges = _all_trees(pins[:, 0].copy(), pins[:, 1].copy(), start)
    node_start = np.concatenate([[0], np.cumsum(nodes)])
    edge_start = np.concatenate([[0], np.cumsum(edges)])
    slots = np.arange(x.shape[0]) - np.repeat(2 * start[:-1], 2 * np.diff(start))
    node_used = slots < np.repeat(nodes, 2 * np.diff(start))
    edge_used = slots < np.repeat(edges, 2 * np.diff(start))
    return SteinerTrees(np.stack([x, y], axis=1)[node_used], node_start, edge[edge_used], edge_start)


@numba.njit(cache=True)
def _all_trees(px, py, start):  # type: ignore[no-untyped-def]
    """Trees of all nets; net e has room for twice its pins, from slot 2 * start[e], in each result."""
    nets = start.shape[0] - 1
    room = 2 * start[nets]
    x = np.empty(room)
    y = np.empty(room)
    edge = np.zeros((room, 2), np.int32)
    nodes = np.zeros(nets, np.int64)
    edges = np.zeros(nets, np.int64)
    for e in range(nets):
        first, count = start[e], start[e + 1] - start[e]
        at = 2 * first
        nx, ny, ne = x[at : at + 2 * count], y[at : at + 2 * count], edge[at : at + 2 * count]
        nx[:count] = px[first : first + count]
        ny[:count] = py[first : first + count]
        if count <= 1:
            nodes[e] = count
        elif count == 2:
            nodes[e], edges[e] = 2, 1
            ne[0, 0], ne[0, 1] = 0, 1
        elif count <= EXHAUSTIVE_PINS:
            nodes[e] = _one_steiner(nx, ny, count)
            _spanning_tree(nx, ny, nodes[e], ne)
            edges[e] = nodes[e] - 1
        else:
            nodes[e] = _reconnect(nx, ny, count, ne)
            edges[e] = nodes[e] - 1
    return x, y, nodes, edge, edges


@numba.njit(cache=True)
def _spanning_tree(x, y, count, edge):  # type: ignore[no-untyped-def]
    """Prim's minimum spanning tree of the first ``count`` points into ``edge``; its length."""
    near = np.zeros(count, np.int32)
    distance = np.empty(count)
    for i in range(count):
        distance[i] = abs(x[i] - x[0]) + abs(y[i] - y[0])
    distance[0] = -1.0
    total = 0.0
    for k in range(count - 1):
        best = -1
        for i in range(count):
            if distance[i] >= 0.0 and (best < 0 or distance[i] < distance[best]):
                best = i
        total += distance[best]
        edge[k, 0], edge[k, 1] = near[best], best
        distance[best] = -1.0
        for i in range(count):
            if distance[i] >= 0.0:
                d = abs(x[i] - x[best]) + abs(y[i] - y[best])
                if d < distance[i]:
                    distance[i] = d
                    near[i] = best
    return total


@numba.njit(cache=True)
def _one_steiner(x, y, pins):  # type: ignore[no-untyped-def]
    """Iterated 1-Steiner: adds points behind the ``pins`` first ones; the number of points then."""
    count = pins
    edge = np.empty((2 * pins, 2), np.int32)
    degree = np.empty(2 * pins, np.int32)
    length = _spanning_tree(x, y, count, edge)
    while count < 2 * pins - 2:
        best, best_x, best_y = length - _EPSILON, 0.0, 0.0
        for i in range(pins):
            for j in range(pins):
                if i == j or (y[i] == y[j]) or (x[i] == x[j]):
                    continue
                x[count], y[count] = x[i], y[j]
                candidate = _spanning_tree(x, y, count + 1, edge)
                if candidate < best:
                    best, best_x, best_y = candidate, x[i], y[j]
        if best >= length - _EPSILON:
            break
        x[count], y[count] = best_x, best_y
        count += 1
        length = _spanning_tree(x, y, count, edge)
        degree[:count] = 0
        for k in range(count - 1):
            degree[edge[k, 0]] += 1
            degree[edge[k, 1]] += 1
        kept = pins
        for i in range(pins, count):
            if degree[i] > 2:
                x[kept], y[kept] = x[i], y[i]
                kept += 1
        if kept < count:
            count = kept
            length = _spanning_tree(x, y, count, edge)
    return count


@numba.njit(cache=True)
def _reconnect(x, y, pins, edge):  # type: ignore[no-untyped-def]
    """Spanning tree improved by node-to-edge reconnection, into ``edge``; the number of points then."""
    count = pins
    _spanning_tree(x, y, count, edge)
    room = 2 * pins
    near_start = np.empty(room + 1, np.int32)
    near = np.empty(2 * room, np.int32)
    via = np.empty(room, np.int32)
    longest = np.empty(room, np.int32)
    stack = np.empty(room, np.int32)
    for _ in range(_PASSES):
        improved = False
        _adjacency(edge, count, near_start, near)
        for v in range(pins):
            if count >= room - 1:
                break
            _walk(x, y, v, edge, near_start, near, via, longest, stack)
            gain, target = _best_edge(x, y, v, count, edge, via, longest)
            if gain < _EPSILON:
                continue
            improved = True
            a, b = edge[target]
            x[count], y[count] = _nearest(x, y, v, a, b)
            removed = longest[a if via[b] == target else b]
            edge[target, 0], edge[target, 1] = a, count
            edge[removed, 0], edge[removed, 1] = v, count
            edge[count - 1, 0], edge[count - 1, 1] = count, b
            count += 1
            _adjacency(edge, count, near_start, near)
        count = _drop_useless(x, y, pins, count, edge)
        if not improved:
            break
    return count


@numba.njit(cache=True)
def _adjacency(edge, count, near_start, near):  # type: ignore[no-untyped-def]
    """The edges at each node as CSR lists."""
    near_start[: count + 1] = 0
    for k in range(count - 1):
        near_start[edge[k, 0]] += 1
        near_start[edge[k, 1]] += 1
    for i in range(count):
        near_start[i + 1] += near_start[i]
    for k in range(count - 1):
        for side in range(2):
            near_start[edge[k, side]] -= 1
            near[near_start[edge[k, side]]] = k


@numba.njit(cache=True)
def _walk(x, y, v, edge, near_start, near, via, longest, stack):  # type: ignore[no-untyped-def]
    """From ``v`` to every node: the path's last edge into ``via``, its longest edge into ``longest``."""
    via[v] = longest[v] = -1
    stack[0] = v
    top = 1
    while top > 0:
        top -= 1
        node = stack[top]
        for slot in range(near_start[node], near_start[node + 1]):
            k = near[slot]
            if k == via[node]:
                continue
            other = edge[k, 0] if edge[k, 1] == node else edge[k, 1]
            via[other] = k
            longest[other] = k
            if longest[node] >= 0 and _length(x, y, edge, longest[node]) >= _length(x, y, edge, k):
                longest[other] = longest[node]
            stack[top] = other
            top += 1


@numba.njit(cache=True)
def _best_edge(x, y, v, count, edge, via, longest):  # type: ignore[no-untyped-def]
    """The edge that ``v`` gains most by joining, instead of the longest edge on its way there, and the gain."""
    gain, target = 0.0, -1
    for k in range(count - 1):
        a, b = edge[k]
        replaced = longest[a if via[b] == k else b]
        if replaced < 0:
            continue
        at_x, at_y = _nearest(x, y, v, a, b)
        saved = _length(x, y, edge, replaced) - abs(x[v] - at_x) - abs(y[v] - at_y)
        if saved > gain:
            gain, target = saved, k
    return gain, target


@numba.njit(cache=True)
def _nearest(x, y, v, a, b):  # type: ignore[no-untyped-def]
    """The point nearest to ``v`` that a shortest wire from ``a`` to ``b`` can pass."""
    at_x = min(max(x[v], min(x[a], x[b])), max(x[a], x[b]))
    at_y = min(max(y[v], min(y[a], y[b])), max(y[a], y[b]))
    return at_x, at_y


@numba.njit(cache=True)
def _length(x, y, edge, k):  # type: ignore[no-untyped-def]
    a, b = edge[k]
    return abs(x[a] - x[b]) + abs(y[a] - y[b])


@numba.njit(cache=True)
def _drop_useless(x, y, pins, count, edge):  # type: ignore[no-untyped-def]
    """Remove Steiner points with fewer than three edges, from the last; the number of points left."""
    v = count - 1
    while v >= pins:
        first, second, degree = -1, -1, 0
        for k in range(count - 1):
            if edge[k, 0] == v or edge[k, 1] == v:
                first, second = k, first
                degree += 1
        if degree <= 2:
            if degree == 2:  # the later edge joins the earlier one's other end
                far = edge[second, 0] if edge[second, 1] == v else edge[second, 1]
                side = 0 if edge[first, 0] == v else 1
                edge[first, side] = far
                first = second
            edge[first] = edge[count - 2]
            count -= 1
            x[v], y[v] = x[count], y[count]
            for k in range(count - 1):
                for side in range(2):
                    if edge[k, side] == count:
                        edge[k, side] = v
            v = count
        v -= 1
    return count
