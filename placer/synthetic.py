"""Synthetic netlists that look like clustered designs with memories: data to pre-train a placement policy on.

The statistics are those of the netlists that we have (ariane133, ariane136, mempool_tile, nvdla, all of Nangate45, and
four accelerators of ours): hard macros come in arrays of one size and cover a quarter to a half of the canvas; their
pins lie on one edge; soft macros are wired by Rent's rule with p of 0.48 to 0.61 (B. S. Landman, R. L. Russo, "On a pin
versus block relationship for partitions of logic graphs", IEEE Trans. Computers C-20(12), 1971); half to three quarters
of the nets have two ends; weights have a heavy tail with a mean of 1.6 to 2.3; ports lie on one side; nets take 2 to
9% of the routing tracks, and macros block 53 to 69% of those above them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placer.netlist import BoolArray, Canvas, FloatArray, IntArray, Netlist, NodeKind, Placement

CELL_UM = 40.0
"""Width and height of a cell of the cost's grid."""

NETS_PER_SOFT = 12
"""Nets among soft macros that each of them drives, on average."""

CONTROL_NETS = 6
"""Nets from one soft macro to all macros of an array: address, clock gates."""

PORT_SHARE = 0.3
"""Of the nets that Rent's rule sends outside, those that do have a port (few: Rent's second region)."""

TYPICAL_LENGTH = 0.1
"""Wirelength cost of a good placement; the routing resources are set by it."""


def partners(
    leaf: NDArray[np.int64], leaves: int, exponent: float, random: np.random.Generator
) -> tuple[IntArray, BoolArray]:
    """Who each pin's net leads to by Rent's rule, and whether that is outside instead.

    The leaves are those of a binary tree. The share of pins whose net first closes in a block of 2^l leaves falls by
    2^(p-1) from level to level; the other end is even in the sibling block.

    Args:
        leaf: [X] where the pins are.
        leaves: how many there are.
        exponent: Rent's p, below 1.
        random: source.
    """
    ratio = 2.0 ** (exponent - 1.0)
    levels = max(int(np.ceil(np.log2(max(leaves, 2)))), 1)
    level = np.floor(np.log(random.random(len(leaf))) / np.log(ratio)).astype(np.int64)  # geometric, from 0
    external = level >= levels
    level = np.minimum(level, levels - 1)
    sibling = ((leaf >> level) ^ 1) << level
    drawn = sibling + random.integers(0, 2**62, len(leaf)) % (np.int64(1) << level)
    inside = drawn < leaves
    drawn[~inside] = random.integers(0, leaves, int((~inside).sum()))
    return drawn.astype(np.int32), external


def synthetic(hard: int, seed: int) -> tuple[Netlist, Placement]:
    """A netlist with ``hard`` hard macros, and a placement that gives the ports; equal seeds, equal netlists.

    Nodes are hard macros, soft macros (four to six per hard one) and ports (four per hard one). The grid has about nine
    cells per hard macro.
    """
    random = np.random.default_rng((hard, seed))
    columns = max(4, round(3 * hard**0.5))
    side = columns * CELL_UM
    array = _arrays(hard, random)
    soft, ports = int(hard * random.uniform(4, 6)), 4 * hard
    sizes = np.concatenate([_hard_sizes(array, random), _soft_sizes(soft, random), np.zeros((ports, 2))]) * side
    nets, weight = _nets(array, soft, ports, random)

    pin_node = np.concatenate(nets)
    start = np.cumsum([0, *map(len, nets)]).astype(np.int32)
    edge = np.where(random.random(hard) < 0.5, -0.5, 0.5)  # the side that a macro's pins are on
    inside = np.stack([np.append(edge, 0.0)[np.minimum(pin_node, hard)], random.uniform(-0.4, 0.4, len(pin_node))], 1)
    offset = np.where((pin_node < hard)[:, None], inside, 0.0) * sizes[pin_node]

    use = random.uniform(0.02, 0.09)  # of the tracks, by nets
    tracks = weight.sum() * TYPICAL_LENGTH / (side * use)  # per um: length w * 2 side * 0.1 / 2 over area side^2
    block = random.uniform(0.53, 0.69, 2)  # of the tracks, by macros
    count = hard + soft + ports
    kind = np.repeat([NodeKind.HARD, NodeKind.SOFT, NodeKind.PORT], [hard, soft, ports]).astype(np.int8)
    netlist = Netlist(
        name=f"synthetic{hard}_{seed}",
        canvas=Canvas(side, side, columns, columns, tracks, tracks, block[0] * tracks, block[1] * tracks, 0),
        node_names=tuple(f"n{i}" for i in range(count)),
        node_kind=kind,
        node_size=sizes,
        node_fixed=kind == NodeKind.PORT,
        pin_names=tuple(f"n{node}/p{i}" for i, node in enumerate(pin_node)),
        pin_node=pin_node.astype(np.int32),
        pin_offset=offset,
        net_start=start,
        net_pins=np.arange(len(pin_node), dtype=np.int32),
        net_weight=weight,
    )
    position = np.full((count, 2), side / 2)
    along = np.sort(random.random(ports)) * side
    across = np.full(ports, side * random.integers(0, 2))
    position[hard + soft :] = np.stack([across, along] if random.random() < 0.5 else [along, across], 1)
    return netlist, Placement(position, np.zeros(count, np.int8))


def _arrays(hard: int, random: np.random.Generator) -> IntArray:
    """[hard] number of each macro's array, of 2 to 16 macros."""
    lengths: list[int] = []
    while sum(lengths) < hard:
        lengths.append(min(int(random.choice([2, 4, 8, 16])), hard - sum(lengths)))
    return np.repeat(np.arange(len(lengths)), lengths).astype(np.int32)


def _hard_sizes(array: IntArray, random: np.random.Generator) -> FloatArray:
    """[hard, 2] as shares of the canvas's side: each array of one size, half of the arrays as those before them."""
    count = int(array[-1]) + 1
    same = random.random(count) < 0.5
    like = np.maximum.accumulate(np.where(same, 0, np.arange(count)))
    area = random.lognormal(0.0, 0.3, count)[like][array]
    aspect = random.uniform(1.0, 2.5, count)[like][array]  # height over width
    area *= random.uniform(0.25, 0.5) / area.sum()
    return np.sqrt(np.stack([area / aspect, area * aspect], 1))


def _soft_sizes(soft: int, random: np.random.Generator) -> FloatArray:
    """[soft, 2] squares."""
    area = random.lognormal(0.0, random.uniform(0.15, 0.7), soft)
    return np.repeat(np.sqrt(area * random.uniform(0.17, 0.33) / area.sum())[:, None], 2, 1)


def _nets(array: IntArray, soft: int, ports: int, random: np.random.Generator) -> tuple[list[IntArray], FloatArray]:
    """Nets as nodes, the driver first, each node once; and their weights."""
    hard = len(array)
    exponent = random.uniform(0.48, 0.61)
    wires = NETS_PER_SOFT * soft
    driver = random.integers(0, soft, wires)
    more = np.where(random.random(wires) < random.uniform(0.55, 0.77), 0, random.geometric(0.45, wires))
    sinks = np.minimum(1 + more, 15)
    net = np.repeat(np.arange(wires), sinks)
    sink, external = partners(driver[net], soft, exponent, random)
    external &= random.random(len(sink)) < PORT_SHARE
    ends = hard + sink
    ends[external] = hard + soft + random.integers(0, ports, int(external.sum()))
    cut = np.cumsum(sinks)[:-1]
    nets = [np.append(hard + d, e) for d, e in zip(driver, np.split(ends, cut), strict=True)]
    weights = [np.minimum(np.floor(random.random(wires) ** (-1 / 1.9)), 60.0)]

    port = hard + soft + np.arange(ports)
    inner = hard + random.integers(0, soft, ports)
    nets += list(
        np.where((random.random(ports) < 0.5)[:, None], np.stack([port, inner], 1), np.stack([inner, port], 1))
    )
    weights.append(np.ones(ports))

    for number in range(int(array[-1]) + 1):
        members = np.flatnonzero(array == number)
        home = random.integers(0, soft)
        nets += [np.concatenate([[hard + home], members])] * CONTROL_NETS
        weights.append(np.ones(CONTROL_NETS))
        neighbours, words = int(random.integers(2, 16)), random.uniform(20, 60)  # soft macros, and data pins, of each
        near, _ = partners(np.full(len(members) * neighbours, home), soft, exponent, random)
        data = np.stack([np.repeat(members, neighbours), hard + near], 1)
        nets += list(np.where((random.random(len(data)) < 0.5)[:, None], data, data[:, ::-1]))
        weights.append(np.full(len(data), words / neighbours))
    kept = [net[np.sort(np.unique(net, return_index=True)[1])] for net in nets]
    weight = np.concatenate(weights)
    long = np.array([len(net) > 1 for net in kept])
    return [net.astype(np.int32) for net, good in zip(kept, long, strict=True) if good], weight[long]
